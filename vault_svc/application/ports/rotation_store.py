"""What a rotation reads and replaces."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vault_svc.application.ports.card_store import Recognition, SealedCard
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.application.ports.key_store import KeyStore, StoredDataKey
from vault_svc.domain.token import MerchantId, TokenId


@dataclass(frozen=True, slots=True)
class MerchantToRotate:
    """A merchant with its active data key; `is_due` when that is to be replaced, else only older keys have cards."""

    merchant_id: MerchantId
    key_version: int
    is_due: bool


@dataclass(frozen=True, slots=True)
class CardToReseal:
    """A card that is not under the active data key, with the revision it has."""

    token_id: TokenId
    revision: int
    data_key: StoredDataKey
    sealed: SealedCard


@dataclass(frozen=True, slots=True)
class CardToFingerprint:
    """A card whose number the active fingerprint key does not know."""

    token_id: TokenId
    merchant_id: MerchantId
    data_key: StoredDataKey
    sealed: SealedCard


@dataclass(frozen=True, slots=True)
class KeyToRewrap:
    """A key under another key-encryption key.

    It is a fingerprint key when `fingerprint_key_id` is not empty, the key of an open import when `operation_id` is
    not, and a data key else.
    """

    merchant_id: MerchantId
    key_version: int
    fingerprint_key_id: str
    wrapped: WrappedKey
    operation_id: str = ""

    @property
    def place(self) -> str:
        """Where a page may end; together with the version it is of this key alone. Empty for a fingerprint key."""
        return self.operation_id or self.merchant_id

    @property
    def name(self) -> str:
        """What an operator calls it."""
        return self.fingerprint_key_id or self.operation_id or f"{self.merchant_id}/{self.key_version}"


class RotationStore(KeyStore, Protocol):
    """Everything is safe to repeat: what is done already is not listed, and replaces nothing."""

    async def merchants_to_rotate(
        self, merchant_id: str, created_before: datetime, after: str, limit: int
    ) -> Sequence[MerchantToRotate]:
        """List merchants in their order, after one; only one when `merchant_id` is not empty."""
        ...

    async def cards_to_reseal(self, merchant_id: MerchantId, after: str, limit: int) -> Sequence[CardToReseal]:
        """List a merchant's cards that are not under the active data key, after a token."""
        ...

    async def reseal_card(
        self, merchant_id: MerchantId, token_id: TokenId, revision: int, key_version: int, sealed: SealedCard
    ) -> bool:
        """Keep a card under the active data key; tell whether it was still the same. Raises KeyRetired."""
        ...

    async def destroy_idle_data_keys(self, merchant_id: MerchantId, idle_seconds: int, actor: str) -> int:
        """Destroy retired keys of a merchant under which nothing is left; give how many."""
        ...

    async def keys_to_rewrap(
        self, active_key_id: str, after_place: str, after_version: int, limit: int
    ) -> Sequence[KeyToRewrap]:
        """List keys under another key-encryption key, after a place and version; fingerprint keys come first."""
        ...

    async def rewrap_key(self, key: KeyToRewrap, wrapped: WrappedKey, actor: str) -> bool:
        """Replace a key's wrapped bytes, with a record of it; tell whether they were still the same."""
        ...

    async def cards_to_fingerprint(self, key_id: str, after: str, limit: int) -> Sequence[CardToFingerprint]:
        """List cards whose number the key does not know, after a token."""
        ...

    async def add_fingerprint(self, token_id: TokenId, recognition: Recognition) -> bool:
        """Let the active key know a card's number; tell whether there still is such a card. Raises KeyRetired."""
        ...

    async def finish_fingerprint_rotation(self, key_id: str, idle_seconds: int, actor: str) -> tuple[int, bool]:
        """Destroy the key that was being replaced once `key_id`, the active one, knows every card, and it was idle.

        Give how many cards the active key does not know, and whether the old key is gone.
        """
        ...

    async def forget_fingerprints(self, limit: int) -> int:
        """Delete up to `limit` HMACs of destroyed keys; give how many were deleted."""
        ...
