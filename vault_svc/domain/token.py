"""What the vault knows of a token, and what the card behind it may be asked for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from vault_svc.domain.card import CardSummary

TokenId = NewType("TokenId", str)
MerchantId = NewType("MerchantId", str)

TOKEN_PREFIX: Final = "tok"  # noqa: S105 - the prefix of token ids


class Purpose(StrEnum):
    """Why a card is asked for. Any other purpose is refused."""

    AUTHORIZATION = "authorization"


@dataclass(frozen=True, slots=True)
class Token:
    """A merchant's token: what may be shown of the card, and when it was made (UTC)."""

    token_id: TokenId
    summary: CardSummary
    create_time: datetime
