"""Which PSP accounts a merchant has, and what they take."""

from typing import Protocol

from router_svc.domain.facts import AccountFacts
from router_svc.domain.priorities import MerchantId


class MerchantAccounts(Protocol):
    """Knows merchants' accounts. Raises Refusal(UNAVAILABLE) while nobody can tell."""

    async def of(self, merchant_id: MerchantId) -> tuple[AccountFacts, ...]:
        """Give all accounts that a merchant may use, disabled ones too, in the merchant's default order; each once."""
        ...
