"""Ranks the accounts of a priority list for one payment, with a reason for each."""

from dataclasses import dataclass

from router_svc.domain.priorities import ListOrigin, Priority, PriorityList


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that was considered; `reason` says in one sentence why it stands here or why it may not be used."""

    account: str
    eligible: bool
    reason: str


def rank(priority_list: PriorityList, *, currency: str, brand: str) -> tuple[Candidate, ...]:
    """Give every account of the list once: the eligible ones first in the list's order, then the others.

    An empty `brand` means that the card is not known; accounts that take certain brands only are not used then.
    """
    count = len(priority_list.priorities)
    suffix = " of the default list, as the merchant has none" if priority_list.origin is ListOrigin.DEFAULT else ""
    eligible: list[Candidate] = []
    others: list[Candidate] = []
    for place, priority in enumerate(priority_list.priorities, start=1):
        obstacle = _obstacle(priority, currency, brand)
        if obstacle:
            others.append(Candidate(priority.account, eligible=False, reason=f"not used: {obstacle}"))
        else:
            reason = f"priority {place} of {count}{suffix}"
            eligible.append(Candidate(priority.account, eligible=True, reason=reason))
    return (*eligible, *others)


def _obstacle(priority: Priority, currency: str, brand: str) -> str:
    """Say what keeps an account from taking the payment; empty when nothing does."""
    if priority.disabled:
        return "disabled on the merchant's list"
    if priority.currencies and currency not in priority.currencies:
        return f"does not take {currency}"
    if priority.brands and brand not in priority.brands:
        if not brand:
            return f"takes {', '.join(priority.brands)} only, and the card's brand is not known"
        return f"does not take {brand}" if brand != "unknown" else "does not take cards of an unknown brand"
    return ""
