"""What the vault knows of a token, and what the card behind it may be asked for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from mesh.card_numbers import contains_card_number, mask_card_numbers
from mesh.identifiers import is_id
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from vault_svc.domain.card import CardSummary

TokenId = NewType("TokenId", str)
MerchantId = NewType("MerchantId", str)

TOKEN_PREFIX: Final = "tok"  # noqa: S105 - the prefix of token ids
FINGERPRINT_PREFIX: Final = "fpr"
SINGLE_USE_SECONDS: Final = 24 * 3600
"""How long a single-use token waits for its payment."""
MALFORMED: Final = TokenId("malformed")
"""Stands for whatever came in place of a token id."""


class Purpose(StrEnum):
    """Why a card is asked for. Any other purpose is refused."""

    AUTHORIZATION = "authorization"


class Usage(StrEnum):
    """How often a token may be used."""

    SINGLE_USE = "single_use"
    PERMANENT = "permanent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A merchant's token: what may be shown of the card, and how long and what for the token is good. Times are UTC.

    `fingerprint` is equal for all tokens of one card number of this merchant; old cards have none.
    `expire_time` is None for a permanent token; `payment_id` is empty until a single-use token has its payment.
    """

    token_id: TokenId
    summary: CardSummary
    create_time: datetime
    usage: Usage = Usage.PERMANENT
    expire_time: datetime | None = None
    customer_id: str = ""
    fingerprint: str = ""
    payment_id: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, for the audit: a service or an API key by its id, and the request's id."""

    name: str
    request_id: str


def is_token_id(token_id: TokenId) -> bool:
    """Tell whether this is a token id as the vault makes them."""
    return is_id(TOKEN_PREFIX, token_id)


def shown(token_id: TokenId) -> str:
    """Give a token id for a refusal; what came in place of one is not repeated: it may be a card number."""
    return mask_card_numbers(token_id) if is_token_id(token_id) else MALFORMED


def refuse_card_number(field: str, text: str) -> None:
    """Refuse with INVALID_FIELD an id that looks like a card number: ids are kept, shown and audited as they are."""
    if contains_card_number(text):
        rule = "it looks like a card number."
        raise Refusal(
            Reason.INVALID_FIELD, violations=[Violation(field, rule)], field=field, detail=f"`{field}`: {rule}"
        )
