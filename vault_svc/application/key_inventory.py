"""The crypto inventory: every key with algorithm, strength, owner, age and end of its cryptoperiod, never its bytes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.ports.key_inventory import KeptKind, KeyInventoryStore, KeyRecord
from vault_svc.application.ports.key_provider import KeyDescription, KeyProvider, KeyProviderDownError
from vault_svc.application.ports.rotations import RotationKind

DEFAULT_PAGE_SIZE: Final = 100
LARGEST_PAGE_SIZE: Final = 1_000
OWNER: Final = "payera"
DESTROYED: Final = "destroyed"
_PROVIDER: Final = "provider/"
_PLACE: Final = re.compile(r"provider/[0-9]{1,6}|(fingerprint|merchant)/[!-~]{1,256}")
_YEAR: Final = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class KeyStandard:
    """What every key of a kind is, and how long one may be in use."""

    algorithm: str
    strength_bits: int
    cryptoperiod: timedelta


#: PCI DSS 4.0.1, 3.7.4: a cryptoperiod for each kind of key in use, by its owner and industry's best practice. That is
#: NIST SP 800-57 part 1 rev. 5, 5.3.6: two years at most for keys that wrap, encrypt or authenticate. Data keys seal
#: the most and are the easiest to replace: one year. Algorithm and strength of a key-encryption key are its provider's.
STANDARDS: Final[Mapping[RotationKind, KeyStandard]] = {
    RotationKind.KEY_ENCRYPTION_KEY: KeyStandard("", 0, 2 * _YEAR),
    RotationKind.DATA_KEY: KeyStandard("AES-256-GCM", 256, _YEAR),
    RotationKind.FINGERPRINT_KEY: KeyStandard("HMAC-SHA-256", 256, 2 * _YEAR),
}
_KINDS: Final = {
    KeptKind.DATA_KEY: RotationKind.DATA_KEY,
    KeptKind.FINGERPRINT_KEY: RotationKind.FINGERPRINT_KEY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryKey:
    """One key. `wrapped_by` is where a key-encryption key lives; times are None where the provider does not tell."""

    key_id: str
    kind: RotationKind
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
    """Lists the provider's keys, then those kept wrapped."""

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
        try:
            return [_described(key) for key in await self.provider.keys()]
        except KeyProviderDownError:
            raise Refusal(Reason.UNAVAILABLE) from None


def _described(key: KeyDescription) -> InventoryKey:
    period = STANDARDS[RotationKind.KEY_ENCRYPTION_KEY].cryptoperiod
    return InventoryKey(
        key_id=key.key_id,
        kind=RotationKind.KEY_ENCRYPTION_KEY,
        state=key.state.value,
        algorithm=key.algorithm,
        strength_bits=key.strength_bits,
        owner=OWNER,
        wrapped_by=key.kept_in,
        created_at=key.created_at,
        due_at=None if key.created_at is None else key.created_at + period,
        rows=0,
    )


def _kept(record: KeyRecord) -> InventoryKey:
    kind = _KINDS[record.kind]
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
