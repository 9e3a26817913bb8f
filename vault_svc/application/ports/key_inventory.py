"""What is on record of the keys that the vault keeps wrapped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class KeptKind(StrEnum):
    """What a wrapped key is for."""

    DATA_KEY = "data_key"
    FINGERPRINT_KEY = "fingerprint_key"
    IMPORT_KEY = "import_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A wrapped key without its bytes; `position` is its place in the list, `merchant_id` empty where it is nobody's.

    `key_encryption_key_id` is empty when it is destroyed and nobody knows any more. `rows` counts the cards or
    fingerprints under it. Times are UTC.
    """

    position: str
    kind: KeptKind
    key_id: str
    merchant_id: str
    state: str
    key_encryption_key_id: str
    created_at: datetime
    state_changed_at: datetime
    rows: int


class KeyInventoryStore(Protocol):
    """Lists keys. Raises Refusal(UNAVAILABLE) while out of reach."""

    async def key_inventory(self, after: str, limit: int) -> Sequence[KeyRecord]:
        """List every key, destroyed ones too, after a position."""
        ...

    async def key_encryption_keys(self) -> Mapping[str, int]:
        """Count by key-encryption key what it wraps: keys of every kind, without destroyed ones."""
        ...
