"""Where wrapped data keys and fingerprint keys are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.domain.token import MerchantId


@dataclass(frozen=True, slots=True)
class StoredDataKey:
    """A merchant's wrapped data key and its version, counted from 1."""

    key_version: int
    wrapped: WrappedKey


@dataclass(frozen=True, slots=True)
class StoredFingerprintKey:
    """A wrapped fingerprint key; one that is not active is being replaced."""

    key_id: str
    active: bool
    wrapped: WrappedKey


class KeyStore(Protocol):
    """Keeps wrapped keys. Every method is one transaction. Raises Refusal(UNAVAILABLE) while out of reach."""

    async def active_data_key(self, merchant_id: MerchantId) -> StoredDataKey | int:
        """Give the key a merchant's new cards are sealed with; without one, the version that the next is to have."""
        ...

    async def keep_data_key(
        self, merchant_id: MerchantId, key_version: int, wrapped: WrappedKey, actor: str
    ) -> StoredDataKey | None:
        """Make a key active if its version is the next, and give the active one: another's when that was quicker.

        The key before it only opens from then on. None when the version is not the next and there is no active key.
        """
        ...

    async def fingerprint_keys(self) -> Sequence[StoredFingerprintKey]:
        """Give the active fingerprint key, then the one that it replaces; empty before the first."""
        ...

    async def keep_fingerprint_key(
        self, key_id: str, replaces: str, wrapped: WrappedKey, actor: str
    ) -> Sequence[StoredFingerprintKey]:
        """Make a fingerprint key active if `replaces` is the active one (empty: none is), and give those in use."""
        ...
