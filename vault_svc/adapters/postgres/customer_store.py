"""Keeps in PostgreSQL which customer a card belongs to."""

from typing import Final

from mesh.database import Database
from vault_svc.adapters.postgres.rows import present
from vault_svc.domain.token import Actor, MerchantId, TokenId

_ASSIGN: Final = "vault.assign_customer"


class PostgresCustomerStore:
    """The customers of the table of cards. Raises Refusal(UNAVAILABLE) while the server is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def assign_customer(self, merchant_id: MerchantId, token_id: TokenId, customer_id: str, actor: Actor) -> bool:
        """Give a card to a customer, to nobody when the id is empty; tell whether the merchant has such a token."""
        row = await self._database.call(_ASSIGN, merchant_id, token_id, customer_id, actor.name, actor.request_id)
        return bool(present(row, _ASSIGN)["assigned"])
