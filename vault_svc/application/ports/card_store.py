"""Where sealed cards and sealed codes are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vault_svc.application.ports.key_store import StoredDataKey
from vault_svc.domain.card import CardSummary, Expiry
from vault_svc.domain.token import Actor, MerchantId, Purpose, Token, TokenId


class KeyRetired(Exception):  # noqa: N818 - no fault: the caller looks for the keys again and repeats
    """Nothing was kept: a key that it was sealed or recognised with is no longer the active one."""


class CardChanged(Exception):  # noqa: N818 - no fault: the caller reads the card again and repeats
    """Nothing was kept: the card was sealed anew or deleted since it was read."""


class TokenUsed(Exception):  # noqa: N818 - an answer, not a fault
    """The single-use token belongs to another payment."""


class KeyDestroyed(Exception):  # noqa: N818 - an answer, not a fault
    """The key that the card is sealed with was destroyed: nothing opens it any more."""


@dataclass(frozen=True, slots=True)
class SealedCard:
    """A sealed card: its own key under the merchant's data key, and the card under that.

    `sealed_key` is None for a card that was sealed with the data key itself, before cards had keys of their own.
    """

    sealed_key: bytes | None
    sealed_card: bytes


@dataclass(frozen=True, slots=True)
class Recognition:
    """The HMACs of a card number under the fingerprint keys in use, the active one first."""

    new_id: str
    key_ids: tuple[str, ...]
    fingerprints: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardToKeep:
    """A sealed card with what may be shown of it; `sealed_code` is None when the shopper gave none.

    `life_seconds` is None for a token that is permanent at once.
    """

    merchant_id: MerchantId
    token_id: TokenId
    key_version: int
    sealed: SealedCard
    sealed_code: bytes | None
    summary: CardSummary
    recognition: Recognition
    customer_id: str
    life_seconds: int | None
    actor: Actor


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
class SealedCode:
    """A sealed code with the key it is under."""

    data_key: StoredDataKey
    sealed: bytes


@dataclass(frozen=True, slots=True)
class TakenCard:
    """A sealed card with the key it is under; `code` is None when there is none, or none any more."""

    data_key: StoredDataKey
    sealed: SealedCard
    code: SealedCode | None
    summary: CardSummary


@dataclass(frozen=True, slots=True)
class LoadedCard:
    """A sealed card that is to be changed, with the revision that the change is for."""

    revision: int
    data_key: StoredDataKey
    sealed: SealedCard


class CardStore(Protocol):
    """Keeps cards. Every method is one transaction, its audit record included.

    Raises Refusal(UNAVAILABLE) while the store is out of reach.
    """

    async def keep_card(self, card: CardToKeep) -> Token:
        """Keep a card under its new token, and its code for fifteen minutes outside the write-ahead log.

        Raises KeyRetired.
        """
        ...

    async def describe_token(self, merchant_id: MerchantId, token_id: TokenId) -> Token | None:
        """Give a merchant's token, or None when the merchant has no such token or its time is over."""
        ...

    async def list_tokens(
        self, merchant_id: MerchantId, customer_id: str, limit: int, before: TokenId | None
    ) -> Sequence[Token]:
        """List a customer's tokens, newest first, from the one before `before` on."""
        ...

    async def take_card(self, request: CardRequest) -> TakenCard | None:
        """Give a card and use up its code. The first payment that takes a single-use token has it for good.

        None when the merchant has no such token; raises TokenUsed or KeyDestroyed. The attempt is in the audit whatever
        comes of it. The code comes with the first authorization that asks within its fifteen minutes, and is deleted by
        it.
        """
        ...

    async def load_card(self, merchant_id: MerchantId, token_id: TokenId) -> LoadedCard | None:
        """Give a card for changing it, None when there is no such token. Raises KeyDestroyed."""
        ...

    async def replace_card(
        self,
        merchant_id: MerchantId,
        token_id: TokenId,
        revision: int,
        key_version: int,
        sealed: SealedCard,
        expiry: Expiry,
        actor: Actor,
    ) -> None:
        """Keep a card with another expiry. Raises KeyRetired or CardChanged."""
        ...

    async def make_permanent(self, merchant_id: MerchantId, token_id: TokenId, payment_id: str, actor: Actor) -> bool:
        """Keep a token for good that this payment has; tell whether there is such a token. Raises TokenUsed."""
        ...

    async def delete_token(self, merchant_id: MerchantId, token_id: TokenId, actor: Actor) -> bool:
        """Destroy a card with its key and code; tell whether there was one."""
        ...

    async def purge_expired_codes(self, limit: int) -> int:
        """Delete up to `limit` codes whose time is over; give how many were deleted."""
        ...

    async def purge_expired_tokens(self, limit: int) -> int:
        """Destroy up to `limit` single-use cards whose time is over; give how many were destroyed."""
        ...
