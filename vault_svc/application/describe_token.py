"""Tells what may be shown of a card."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesh.card_numbers import mask_card_numbers
from mesh.expiring_cache import ExpiringCache
from mesh.identifiers import is_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.ports.card_store import CardStore
from vault_svc.domain.token import TOKEN_PREFIX, MerchantId, Token, TokenId

KnownTokens = ExpiringCache[tuple[MerchantId, TokenId], Token | None]
"""What may be shown of cards, as it was a short while ago. Nothing in it changes once a token is made, and what gives
the card itself never looks here."""

TOKENS_LIFE_SECONDS: Final = 60.0
TOKENS_IN_MEMORY_MAX: Final = 20_000


def known_tokens(monotonic: Callable[[], float]) -> KnownTokens:
    """Make an empty memory; that there is no such token is not remembered, since it may be made the next moment."""
    return ExpiringCache(
        life_seconds=TOKENS_LIFE_SECONDS, none_life_seconds=0, entries_max=TOKENS_IN_MEMORY_MAX, monotonic=monotonic
    )


@dataclass(frozen=True, slots=True)
class DescribeToken:
    """Reads tokens of one merchant."""

    store: CardStore
    known: KnownTokens

    async def __call__(self, merchant_id: MerchantId, token_id: TokenId) -> Token:
        """Give the token. Raises Refusal(TOKEN_NOT_FOUND) when the merchant has none of this id."""
        token = None
        if is_id(TOKEN_PREFIX, token_id):
            token = await self.known.get_or_load(
                (merchant_id, token_id), lambda: self.store.describe_token(merchant_id, token_id)
            )
        if token is None:
            raise Refusal(Reason.TOKEN_NOT_FOUND, token_id=mask_card_numbers(token_id))
        return token
