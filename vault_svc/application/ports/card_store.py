"""Where sealed cards, sealed codes and wrapped data keys are kept."""

from dataclasses import dataclass
from typing import Protocol

from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.domain.card import CardSummary
from vault_svc.domain.token import MerchantId, Purpose, Token, TokenId


@dataclass(frozen=True, slots=True)
class StoredDataKey:
    """A merchant's wrapped data key and its version, counted from 1."""

    key_version: int
    wrapped: WrappedKey


@dataclass(frozen=True, slots=True)
class CardToKeep:
    """A sealed card with what may be shown of it; `sealed_code` is None when the shopper gave none."""

    merchant_id: MerchantId
    token_id: TokenId
    key_version: int
    sealed_card: bytes
    sealed_code: bytes | None
    summary: CardSummary
    fingerprint: bytes
    fingerprint_key_id: str


@dataclass(frozen=True, slots=True)
class CardRequest:
    """Who asks for which card, and what for; every part but the card's bytes ends up in the audit."""

    merchant_id: MerchantId
    token_id: TokenId
    purpose: Purpose
    payment_id: str
    caller: str
    request_id: str


@dataclass(frozen=True, slots=True)
class TakenCard:
    """A sealed card with the key it is under; `sealed_code` is None when there is none, or none any more."""

    data_key: StoredDataKey
    sealed_card: bytes
    sealed_code: bytes | None
    summary: CardSummary


class CardStore(Protocol):
    """Keeps cards. Every method is one transaction. Raises Refusal(UNAVAILABLE) while the store is out of reach."""

    async def active_data_key(self, merchant_id: MerchantId) -> StoredDataKey | None:
        """Give the key a merchant's new cards are sealed with, or None before the first."""
        ...

    async def keep_first_data_key(self, merchant_id: MerchantId, wrapped: WrappedKey) -> StoredDataKey:
        """Keep a merchant's first data key as version 1, and give the active one: an earlier one when there was one."""
        ...

    async def keep_card(self, card: CardToKeep) -> Token:
        """Keep a card under its new token, and its code for fifteen minutes outside the write-ahead log."""
        ...

    async def describe_token(self, merchant_id: MerchantId, token_id: TokenId) -> Token | None:
        """Give a merchant's token, or None when the merchant has no such token."""
        ...

    async def take_card(self, request: CardRequest) -> TakenCard | None:
        """Give a card, use up its code, and write the audit record, all in one transaction.

        None when the merchant has no such token; the attempt is in the audit all the same. The code comes with the
        first authorization that asks within its fifteen minutes, and is deleted by it.
        """
        ...

    async def purge_expired_codes(self, limit: int) -> int:
        """Delete up to `limit` codes whose time is over; give how many were deleted."""
        ...
