"""The crypto inventory: every key with algorithm, strength, owner, age and end of its cryptoperiod, never its bytes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.ports.key_inventory import KeyInventoryStore, KeyRecord
from vault_svc.application.ports.key_provider import (
    KeyDescription,
    KeyProvider,
    KeyProviderDownError,
    KeyUnavailableError,
    not_described,
)

DEFAULT_PAGE_SIZE: Final = 100
LARGEST_PAGE_SIZE: Final = 1_000
OWNER: Final = "payera"
DESTROYED: Final = "destroyed"
_PROVIDER: Final = "provider/"
_PLACE: Final = re.compile(r"provider/[0-9]{1,6}|(fingerprint|import|merchant)/[!-~]{1,256}")
_YEAR: Final = timedelta(days=365)


class KeyKind(StrEnum):
    """What a key is for: all that can be rotated, and the keys of imports."""

    KEY_ENCRYPTION_KEY = "key_encryption_key"
    DATA_KEY = "data_key"
    FINGERPRINT_KEY = "fingerprint_key"
    IMPORT_KEY = "import_key"


@dataclass(frozen=True, slots=True)
class KeyStandard:
    """What every key of a kind is, and how long one may be in use."""

    algorithm: str
    strength_bits: int
    cryptoperiod: timedelta


#: PCI DSS 4.0.1, 3.7.4: a cryptoperiod for each kind of key in use, by its owner and industry's best practice. That is
#: NIST SP 800-57 part 1 rev. 5, 5.3.6: two years at most for keys that wrap, encrypt or authenticate. Data keys seal
#: the most and are the easiest to replace: one year. An import ends after seven days, and its key with it.
#: Algorithm and strength of a key-encryption key are its provider's.
STANDARDS: Final[Mapping[KeyKind, KeyStandard]] = {
    KeyKind.KEY_ENCRYPTION_KEY: KeyStandard("", 0, 2 * _YEAR),
    KeyKind.DATA_KEY: KeyStandard("AES-256-GCM", 256, _YEAR),
    KeyKind.FINGERPRINT_KEY: KeyStandard("HMAC-SHA-256", 256, 2 * _YEAR),
    KeyKind.IMPORT_KEY: KeyStandard("ECDH-ES+A256KW P-256", 128, timedelta(days=7)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryKey:
    """One key. `wrapped_by` is where a key-encryption key lives; times are None where the provider does not tell.

    `rows` counts what is under it: cards, fingerprints, or the keys that a key-encryption key wraps.
    """

    key_id: str
    kind: KeyKind
    state: str
    algorithm: str
    strength_bits: int
    owner: str
    wrapped_by: str
    created_at: datetime | None
    due_at: datetime | None
    rows: int


@dataclass(frozen=True, slots=True)
class KeyPage:
    """A page of keys; `next_position` is empty on the last."""

    keys: Sequence[InventoryKey]
    next_position: str


@dataclass(frozen=True, slots=True)
class ListKeys:
    """Lists the provider's keys, then those kept wrapped.

    Every key-encryption key that wraps something is listed, whatever the provider says: before one is taken away, what
    is under it has to be seen.
    """

    provider: KeyProvider
    store: KeyInventoryStore

    async def __call__(self, page_size: int, position: str) -> KeyPage:
        """Give a page from a position on (empty: from the start); the last one may be empty.

        Raises Refusal(INVALID_PAGE_TOKEN), and (UNAVAILABLE) while provider or database is away.
        """
        size = min(page_size or DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE)
        position = position or f"{_PROVIDER}0"
        if _PLACE.fullmatch(position) is None:
            raise Refusal(Reason.INVALID_PAGE_TOKEN)
        keys: list[InventoryKey] = []
        if position.startswith(_PROVIDER):
            skipped = int(position.removeprefix(_PROVIDER))
            provided = (await self._provided())[skipped:]
            if size <= len(provided):
                return KeyPage(provided[:size], f"{_PROVIDER}{skipped + size}")
            keys, position = provided, ""
        wanted = size - len(keys)
        records = await self.store.key_inventory(position, wanted)
        following = records[-1].position if len(records) == wanted else ""
        return KeyPage([*keys, *map(_kept, records)], following)

    async def _provided(self) -> list[InventoryKey]:
        under = await self.store.key_encryption_keys()
        try:
            described = await self.provider.keys()
        except KeyProviderDownError:
            raise Refusal(Reason.UNAVAILABLE) from None
        except KeyUnavailableError:
            # The active key is gone, or the provider refuses to tell of it. Whoever looks for why needs the list.
            described = [not_described(self.provider.active_key_id)]
        others = sorted(under.keys() - {key.key_id for key in described})
        every = [*described, *map(not_described, others)]
        return [_described(key, under.get(key.key_id, 0)) for key in every]


def _described(key: KeyDescription, keys_under: int) -> InventoryKey:
    period = STANDARDS[KeyKind.KEY_ENCRYPTION_KEY].cryptoperiod
    return InventoryKey(
        key_id=key.key_id,
        kind=KeyKind.KEY_ENCRYPTION_KEY,
        state=key.state.value,
        algorithm=key.algorithm,
        strength_bits=key.strength_bits,
        owner=OWNER,
        wrapped_by=key.kept_in,
        created_at=key.created_at,
        due_at=None if key.created_at is None else key.created_at + period,
        rows=keys_under,
    )


def _kept(record: KeyRecord) -> InventoryKey:
    kind = KeyKind(record.kind.value)
    standard = STANDARDS[kind]
    return InventoryKey(
        key_id=record.key_id,
        kind=kind,
        state=record.state,
        algorithm=standard.algorithm,
        strength_bits=standard.strength_bits,
        owner=record.merchant_id or OWNER,
        wrapped_by=record.key_encryption_key_id,
        created_at=record.created_at,
        # A key that is gone is due for nothing.
        due_at=None if record.state == DESTROYED else record.created_at + standard.cryptoperiod,
        rows=record.rows,
    )
