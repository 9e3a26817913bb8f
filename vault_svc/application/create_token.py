"""Takes a card in and gives a token out."""

from dataclasses import dataclass

from vault_svc.application.describe_token import KnownTokens
from vault_svc.application.keep_card import KeepCard
from vault_svc.domain.card import Card
from vault_svc.domain.token import SINGLE_USE_SECONDS, Actor, MerchantId, Token, refuse_card_number


@dataclass(frozen=True, slots=True)
class CreateToken:
    """Makes single-use tokens; the payment that they are for may make them permanent."""

    keep_card: KeepCard
    known: KnownTokens

    async def __call__(self, merchant_id: MerchantId, card: Card, customer_id: str, actor: Actor) -> Token:
        """Keep an accepted card for a merchant. Every call makes a new token, also for a card that is there already.

        Raises Refusal(INVALID_FIELD) for a customer's id that looks like a card number, or (UNAVAILABLE).
        """
        refuse_card_number("customer_id", customer_id)
        token = await self.keep_card(
            merchant_id, card, customer_id=customer_id, life_seconds=SINGLE_USE_SECONDS, actor=actor
        )
        # The payment mostly follows at once and asks what may be shown of the card.
        self.known.put((merchant_id, token.token_id), token)
        return token
