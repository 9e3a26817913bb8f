"""Each merchant's data key: made on first use, unwrapped when needed, in memory for a bounded time only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesh.expiring_cache import ExpiringCache
from vault_svc.application.ports.card_cipher import CardCipher, CipherOf
from vault_svc.application.ports.card_store import CardStore, StoredDataKey
from vault_svc.application.ports.key_provider import FingerprintKey, KeyProvider
from vault_svc.domain.sealing import frame
from vault_svc.domain.token import MerchantId

KEY_LIFE_SECONDS: Final = 300.0
KEYS_IN_MEMORY_MAX: Final = 1_000
_CONTEXT: Final = b"payera.vault.data-key.v1"
_FIRST_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class MerchantCipher:
    """The cipher of one version of a merchant's data key."""

    key_version: int
    cipher: CardCipher


class DataKeys:
    """Gives ciphers for merchants. At most `KEYS_IN_MEMORY_MAX` keys stay unwrapped, each for `KEY_LIFE_SECONDS`."""

    def __init__(
        self, *, store: CardStore, provider: KeyProvider, cipher_of: CipherOf, monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._provider = provider
        self._cipher_of = cipher_of
        self._active: ExpiringCache[MerchantId, MerchantCipher] = ExpiringCache(
            life_seconds=KEY_LIFE_SECONDS, entries_max=KEYS_IN_MEMORY_MAX, monotonic=monotonic
        )
        # The wrapped bytes are part of the key, so that a replaced row can never be opened with what was cached before.
        self._opening: ExpiringCache[tuple[MerchantId, int, bytes], CardCipher] = ExpiringCache(
            life_seconds=KEY_LIFE_SECONDS, entries_max=KEYS_IN_MEMORY_MAX, monotonic=monotonic
        )
        self._fingerprint: ExpiringCache[None, FingerprintKey] = ExpiringCache(
            life_seconds=KEY_LIFE_SECONDS, entries_max=1, monotonic=monotonic
        )

    async def for_sealing(self, merchant_id: MerchantId) -> MerchantCipher:
        """Give the cipher for a merchant's new cards, making the merchant's first data key when there is none."""
        return await self._active.get_or_load(merchant_id, lambda: self._load_active(merchant_id))

    async def for_opening(self, merchant_id: MerchantId, stored: StoredDataKey) -> CardCipher:
        """Give the cipher that opens what was sealed with `stored`. Raises KeyUnavailableError."""
        key = (merchant_id, stored.key_version, stored.wrapped.wrapped)
        cipher = self._opening.get(key)
        if cipher is not None:
            return cipher
        return await self._opening.get_or_load(key, lambda: self._unwrap(merchant_id, stored))

    async def fingerprint_key(self) -> FingerprintKey:
        """Give the key of card fingerprints."""
        return await self._fingerprint.get_or_load(None, self._provider.fingerprint_key)

    async def _load_active(self, merchant_id: MerchantId) -> MerchantCipher:
        stored = await self._store.active_data_key(merchant_id)
        if stored is None:
            new = await self._provider.generate_data_key(_context(merchant_id, _FIRST_VERSION))
            # Another process may have been first: what is stored counts, not what was made here.
            stored = await self._store.keep_first_data_key(merchant_id, new.wrapped)
        return MerchantCipher(stored.key_version, await self.for_opening(merchant_id, stored))

    async def _unwrap(self, merchant_id: MerchantId, stored: StoredDataKey) -> CardCipher:
        context = _context(merchant_id, stored.key_version)
        return self._cipher_of(await self._provider.unwrap(stored.wrapped, context))


def _context(merchant_id: MerchantId, key_version: int) -> bytes:
    return frame(_CONTEXT, merchant_id.encode(), str(key_version).encode())
