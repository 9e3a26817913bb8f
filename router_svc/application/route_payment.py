"""Ranks PSP accounts for a payment."""

from dataclasses import dataclass

from router_svc.application.priority_lists import PriorityLists
from router_svc.domain.priorities import MerchantId
from router_svc.domain.ranking import Candidate, rank


@dataclass(frozen=True, slots=True)
class Route:
    """The accounts considered, and the version of the list that decided."""

    candidates: tuple[Candidate, ...]
    list_version: int


@dataclass(frozen=True, slots=True)
class RoutePayment:
    """Routes by the merchant's priority list."""

    lists: PriorityLists

    async def __call__(self, merchant_id: MerchantId, *, currency: str, brand: str) -> Route:
        """Rank the accounts. Raises Refusal(UNAVAILABLE) when the list is neither at hand nor in reach."""
        decisive = await self.lists.for_routing(merchant_id)
        return Route(rank(decisive, currency=currency, brand=brand), decisive.version)
