"""A merchant's accounts: those on its priority list, in the list's order, with what the list allows them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.priorities import ListOrigin, Priority, PriorityList


def listed_accounts(priority_list: PriorityList, known: Iterable[AccountFacts] | None) -> tuple[AccountFacts, ...]:
    """Give the accounts of a list in its order, those that are disabled on it as disabled; each once.

    `known` are the merchant's accounts as the connectors have them: a place whose account is not among them is left
    out, for nobody could send there. None when nobody can tell: then every place is an account that takes anything.
    """
    if known is None:
        return tuple(
            AccountFacts(place.account, connector="", disabled=place.disabled) for place in priority_list.priorities
        )
    by_name = {account.account: account for account in known}
    return tuple(
        _narrowed(by_name[place.account], place) for place in priority_list.priorities if place.account in by_name
    )


def list_obstacles(priority_list: PriorityList, facts: PaymentFacts) -> Mapping[str, str]:
    """Say by account what on the list keeps it from taking the payment, in half a sentence.

    An empty brand means that the card is not known; places that are for certain brands only are not used then.
    """
    found = ((place.account, _obstacle(place, facts.currency, facts.brand)) for place in priority_list.priorities)
    return {account: reason for account, reason in found if reason}


def whose(priority_list: PriorityList) -> str:
    """Say whose list it is where it is not the merchant's own: to be put behind "priority 1 of 3"."""
    return " of the default list, as the merchant has none" if priority_list.origin is ListOrigin.DEFAULT else ""


def _narrowed(account: AccountFacts, place: Priority) -> AccountFacts:
    return account if account.disabled or not place.disabled else replace(account, disabled=True)


def _obstacle(place: Priority, currency: str, brand: str) -> str:
    if place.disabled:
        return "disabled on the merchant's list"
    if place.currencies and currency not in place.currencies:
        return f"does not take {currency}"
    if place.brands and brand not in place.brands:
        if not brand:
            return f"takes {', '.join(place.brands)} only, and the card's brand is not known"
        return f"does not take {brand}" if brand != "unknown" else "does not take cards of an unknown brand"
    return ""
