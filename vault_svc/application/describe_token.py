"""Tells what may be shown of a card."""

from dataclasses import dataclass

from mesh.card_numbers import mask_card_numbers
from mesh.identifiers import is_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.ports.card_store import CardStore
from vault_svc.domain.token import TOKEN_PREFIX, MerchantId, Token, TokenId


@dataclass(frozen=True, slots=True)
class DescribeToken:
    """Reads tokens of one merchant."""

    store: CardStore

    async def __call__(self, merchant_id: MerchantId, token_id: TokenId) -> Token:
        """Give the token. Raises Refusal(TOKEN_NOT_FOUND) when the merchant has none of this id."""
        token = None
        if is_id(TOKEN_PREFIX, token_id):
            token = await self.store.describe_token(merchant_id, token_id)
        if token is None:
            raise Refusal(Reason.TOKEN_NOT_FOUND, token_id=mask_card_numbers(token_id))
        return token
