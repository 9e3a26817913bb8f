"""Gives a merchant's accounts: its priority list, and what the connectors know of the accounts on it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.application.priority_lists import PriorityLists
from router_svc.domain.facts import AccountFacts
from router_svc.domain.listed_accounts import listed_accounts
from router_svc.domain.priorities import MerchantId, PriorityList


class KnownAccounts(Protocol):
    """Knows what accounts take and cost, without asking anybody."""

    def for_merchant(self, merchant_id: str) -> tuple[AccountFacts, ...]:
        """Give the accounts that a merchant can have; raises Refusal(UNAVAILABLE) while nothing is known of any."""
        ...

    async def look_again(self, missing: Collection[str]) -> None:
        """Ask for the accounts anew, unless that was done a moment ago for those; never raises for a failure to."""
        ...


@dataclass(frozen=True, slots=True)
class ListedAccounts:
    """The port `MerchantAccounts`, for checks of rulesets and for routing."""

    lists: PriorityLists
    known: KnownAccounts

    async def of(self, merchant_id: MerchantId) -> tuple[AccountFacts, ...]:
        """Give the accounts on the merchant's list as it is set now, in its order.

        Raises Refusal(UNAVAILABLE) while list or accounts can't be told.
        """
        fresh = await self.lists.fresh(merchant_id)
        return listed_accounts(fresh, await self._known(merchant_id, fresh))

    async def for_routing(self, merchant_id: MerchantId) -> tuple[PriorityList, tuple[AccountFacts, ...]]:
        """Give the list, up to five seconds old, and its accounts.

        Payments are routed before the connectors were heard of: then every account on the list takes anything, and
        whoever sends the payment finds out. Raises Refusal(UNAVAILABLE) when the list is neither at hand nor in reach.
        """
        recent = await self.lists.for_routing(merchant_id)
        try:
            known = await self._known(merchant_id, recent)
        except Refusal as refusal:
            if refusal.reason is not Reason.UNAVAILABLE:
                raise
            return recent, listed_accounts(recent, None)
        return recent, listed_accounts(recent, known)

    async def _known(self, merchant_id: MerchantId, priority_list: PriorityList) -> tuple[AccountFacts, ...]:
        """Give what is known; an account on the list that is not may have been made a moment ago."""
        known = self.known.for_merchant(merchant_id)
        names = {account.account for account in known}
        missing = [place.account for place in priority_list.priorities if place.account not in names]
        if not missing:
            return known
        await self.known.look_again(missing)
        return self.known.for_merchant(merchant_id)
