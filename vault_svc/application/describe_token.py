"""Tells what may be shown of a card."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesh.expiring_cache import ExpiringCache
from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.ports.card_store import CardStore
from vault_svc.application.ports.clock import Clock
from vault_svc.domain.token import MerchantId, Token, TokenId, Usage, is_token_id, shown

KnownTokens = ExpiringCache[tuple[MerchantId, TokenId], Token | None]
"""What may be shown of cards, as it was a short while ago: what another process has changed since shows later. What
gives the card itself never looks here."""

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
    clock: Clock

    async def __call__(self, merchant_id: MerchantId, token_id: TokenId) -> Token:
        """Give the token. Raises Refusal(TOKEN_NOT_FOUND) when the merchant has none of this id or its time is over."""
        token = None
        if is_token_id(token_id):
            token = await self.known.get_or_load(
                (merchant_id, token_id), lambda: self.store.describe_token(merchant_id, token_id)
            )
        if token is None or (token.expire_time is not None and token.expire_time <= self.clock.now()):
            raise Refusal(Reason.TOKEN_NOT_FOUND, token_id=shown(token_id))
        return token

    async def for_payment(self, merchant_id: MerchantId, token_id: TokenId) -> Token:
        """Give a token that a new payment may use. Raises Refusal(TOKEN_USED) too, when it has a payment already."""
        token = await self(merchant_id, token_id)
        if token.usage is Usage.SINGLE_USE and token.payment_id:
            raise Refusal(Reason.TOKEN_USED, token_id=shown(token_id))
        return token
