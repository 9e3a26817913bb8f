"""The keys in use: made when they are first needed, unwrapped when needed, in memory for a bounded time only."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from mesh.expiring_cache import ExpiringCache
from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.ports.card_cipher import CardCipher, CipherOf
from vault_svc.application.ports.key_provider import KeyProvider, KeyProviderDownError
from vault_svc.application.ports.key_store import KeyStore, StoredDataKey, StoredFingerprintKey
from vault_svc.domain.sealing import frame
from vault_svc.domain.secret_values import SecretKey
from vault_svc.domain.token import MerchantId

KEY_LIFE_SECONDS: Final = 300.0
KEYS_IN_MEMORY_MAX: Final = 1_000
_DATA_KEY: Final = b"payera.vault.data-key.v1"
_FINGERPRINT_KEY: Final = b"payera.vault.fingerprint-key.v1"

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class MerchantCipher:
    """The cipher of one version of a merchant's data key."""

    key_version: int
    cipher: CardCipher


@dataclass(frozen=True, slots=True)
class FingerprintKey:
    """A key of card fingerprints, with the id that is stored beside each of them."""

    key_id: str
    key: SecretKey


class DataKeys:
    """Gives ciphers for merchants. At most `KEYS_IN_MEMORY_MAX` keys stay unwrapped, each for `KEY_LIFE_SECONDS`.

    While the key provider is down, keys in memory serve on; for others it raises Refusal(UNAVAILABLE).
    """

    def __init__(
        self,
        *,
        store: KeyStore,
        provider: KeyProvider,
        cipher_of: CipherOf,
        new_fingerprint_key_id: Callable[[], str],
        monotonic: Callable[[], float],
        actor: str = "vault_svc",
    ) -> None:
        self._store = store
        self._provider = provider
        self._cipher_of = cipher_of
        self._new_fingerprint_key_id = new_fingerprint_key_id
        self._actor = actor
        self._active: ExpiringCache[MerchantId, MerchantCipher] = ExpiringCache(
            life_seconds=KEY_LIFE_SECONDS, entries_max=KEYS_IN_MEMORY_MAX, monotonic=monotonic
        )
        # Wrapped, so of no use by itself.
        self._newest: ExpiringCache[MerchantId, StoredDataKey | None] = ExpiringCache(
            life_seconds=KEY_LIFE_SECONDS, none_life_seconds=0, entries_max=KEYS_IN_MEMORY_MAX, monotonic=monotonic
        )
        # The wrapped bytes are part of the key, so that a replaced row can never be opened with what was cached before.
        self._opening: ExpiringCache[tuple[MerchantId, int, bytes], CardCipher] = ExpiringCache(
            life_seconds=KEY_LIFE_SECONDS, entries_max=KEYS_IN_MEMORY_MAX, monotonic=monotonic
        )
        self._fingerprint: ExpiringCache[None, tuple[FingerprintKey, ...]] = ExpiringCache(
            life_seconds=KEY_LIFE_SECONDS, entries_max=1, monotonic=monotonic
        )

    async def for_sealing(self, merchant_id: MerchantId) -> MerchantCipher:
        """Give the cipher for a merchant's new cards, making the merchant's data key when there is none."""
        return await self._active.get_or_load(merchant_id, lambda: self._load_active(merchant_id))

    async def for_opening(self, merchant_id: MerchantId, stored: StoredDataKey) -> CardCipher:
        """Give the cipher that opens what was sealed with `stored`. Raises KeyUnavailableError."""
        key = (merchant_id, stored.key_version, stored.wrapped.wrapped)
        cipher = self._opening.get(key)
        if cipher is not None:
            return cipher
        return await self._opening.get_or_load(key, lambda: self._unwrap(merchant_id, stored))

    async def fingerprint_keys(self) -> tuple[FingerprintKey, ...]:
        """Give the active fingerprint key, made when there is none, then one that it replaces."""
        return await self._fingerprint.get_or_load(None, self._load_fingerprint_keys)

    async def have_at_hand(self, merchant_id: MerchantId) -> None:
        """Unwrap the merchant's active key, if there is one, so that what is under it can be opened.

        Raises Refusal(UNAVAILABLE) while the key provider is down and the key is not in memory.
        """
        stored = await self._newest.get_or_load(merchant_id, lambda: self._stored_active(merchant_id))
        if stored is not None:
            await self.for_opening(merchant_id, stored)

    async def _stored_active(self, merchant_id: MerchantId) -> StoredDataKey | None:
        stored: StoredDataKey | int | None = await self._store.active_data_key(merchant_id)
        return None if isinstance(stored, int) else stored

    def forget(self, merchant_id: MerchantId) -> None:
        """Look for the keys of new cards again: another process has replaced one of them."""
        self._active.drop(merchant_id)
        self._newest.drop(merchant_id)
        self._fingerprint.drop(None)

    def drop_expired(self) -> None:
        """Let go of the keys whose time in memory is over, also those that nobody asks for any more."""
        for cache in (self._active, self._newest, self._opening, self._fingerprint):
            cache.drop_expired()

    async def replace_data_key(
        self, merchant_id: MerchantId, key_version: int, actor: str = ""
    ) -> StoredDataKey | None:
        """Make the data key that follows a merchant's active one, `key_version`; gives the one that is active then."""
        version = key_version + 1
        new = await _asked(self._provider.generate_data_key(data_key_context(merchant_id, version)))
        kept = await self._store.keep_data_key(merchant_id, version, new.wrapped, actor or self._actor)
        self._active.drop(merchant_id)
        self._newest.drop(merchant_id)
        return kept

    async def replace_fingerprint_key(self, key_id: str, actor: str = "") -> tuple[FingerprintKey, ...]:
        """Make the next fingerprint key, whose active one is `key_id` (empty: none); gives those in use then."""
        keys = await self._make_fingerprint_key(key_id, actor)
        self._fingerprint.drop(None)
        return keys

    async def _load_active(self, merchant_id: MerchantId) -> MerchantCipher:
        stored: StoredDataKey | int | None = await self._store.active_data_key(merchant_id)
        if isinstance(stored, int):
            new = await _asked(self._provider.generate_data_key(data_key_context(merchant_id, stored)))
            # Another process may have been first: what is stored counts, not what was made here.
            stored = await self._store.keep_data_key(merchant_id, stored, new.wrapped, self._actor)
        if stored is None:
            raise Refusal(Reason.UNAVAILABLE)
        self._newest.put(merchant_id, stored)
        return MerchantCipher(stored.key_version, await self.for_opening(merchant_id, stored))

    async def _unwrap(self, merchant_id: MerchantId, stored: StoredDataKey) -> CardCipher:
        context = data_key_context(merchant_id, stored.key_version)
        return self._cipher_of(await _asked(self._provider.unwrap(stored.wrapped, context)))

    async def _load_fingerprint_keys(self) -> tuple[FingerprintKey, ...]:
        stored = await self._store.fingerprint_keys()
        if not stored:
            # What is loaded is kept: nothing may be dropped meanwhile.
            return await self._make_fingerprint_key("")
        return tuple([await self._unwrap_fingerprint_key(each) for each in stored])

    async def _make_fingerprint_key(self, replaces: str, actor: str = "") -> tuple[FingerprintKey, ...]:
        new_id = self._new_fingerprint_key_id()
        new = await _asked(self._provider.generate_data_key(fingerprint_key_context(new_id)))
        kept = await self._store.keep_fingerprint_key(new_id, replaces, new.wrapped, actor or self._actor)
        return tuple([await self._unwrap_fingerprint_key(stored) for stored in kept])

    async def _unwrap_fingerprint_key(self, stored: StoredFingerprintKey) -> FingerprintKey:
        context = fingerprint_key_context(stored.key_id)
        return FingerprintKey(stored.key_id, await _asked(self._provider.unwrap(stored.wrapped, context)))


def data_key_context(merchant_id: MerchantId, key_version: int) -> bytes:
    """Give what a merchant's wrapped data key is bound to."""
    return frame(_DATA_KEY, merchant_id.encode(), str(key_version).encode())


def fingerprint_key_context(key_id: str) -> bytes:
    """Give what a wrapped fingerprint key is bound to."""
    return frame(_FINGERPRINT_KEY, key_id.encode())


async def _asked(answer: Awaitable[Value]) -> Value:
    try:
        return await answer
    except KeyProviderDownError:
        raise Refusal(Reason.UNAVAILABLE) from None
