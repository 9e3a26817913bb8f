"""Which of the ranked PSP accounts can take a payment at all, by what their PSPs say of themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway_svc.domain.routing import RouteDecision


@dataclass(frozen=True, slots=True)
class AccountTakes:
    """What an account takes; empty ``brands`` and ``currencies`` mean all.

    ``limits`` has the smallest and largest amount of an authorization in minor units by currency. ``merchant_id`` is
    empty for an account that every merchant may use.
    """

    disabled: bool = False
    merchant_id: str = ""
    brands: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Charge:
    """What is known of a payment before it is tried; ``amount`` in minor units of ``currency``."""

    merchant_id: str
    amount: int
    currency: str
    brand: str


def second_look(decision: RouteDecision, takes: Mapping[str, AccountTakes], charge: Charge) -> RouteDecision:
    """Give the decision without the accounts that can't take the charge: not used, each with its reason.

    An account of which nothing is known stays: the call to it will tell.
    """
    against = {
        each.account: reason_against(takes[each.account], charge)
        for each in decision.candidates
        if each.eligible and each.account in takes
    }
    reasons = {account: reason for account, reason in against.items() if reason}
    return decision.without(reasons) if reasons else decision


def reason_against(takes: AccountTakes, charge: Charge) -> str:
    """Give why an account can't take a charge, empty when nothing is known against it."""
    smallest, largest = takes.limits.get(charge.currency, (1, charge.amount))
    reasons = (
        (takes.merchant_id not in {"", charge.merchant_id}, "it belongs to another merchant"),
        (takes.disabled, "it is disabled"),
        (bool(takes.currencies) and charge.currency not in takes.currencies, "it does not take this currency"),
        (bool(takes.brands and charge.brand) and charge.brand not in takes.brands, "it does not take this card brand"),
        (not smallest <= charge.amount <= largest, "the amount is outside its limits"),
    )
    return next((reason for holds, reason in reasons if holds), "")
