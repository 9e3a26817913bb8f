"""Which of a merchant's customers a card belongs to."""

from typing import Protocol

from vault_svc.domain.token import Actor, MerchantId, TokenId


class CustomerStore(Protocol):
    """Keeps the customers' ids with the cards. Raises Refusal(UNAVAILABLE) while it is out of reach."""

    async def assign_customer(self, merchant_id: MerchantId, token_id: TokenId, customer_id: str, actor: Actor) -> bool:
        """Give a card to a customer, to nobody when the id is empty; tell whether the merchant has such a token."""
        ...
