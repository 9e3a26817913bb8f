"""A merchant's priority list: which PSP accounts it uses, in which order, and for what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

from mesh.currencies import exponent_of
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from router_svc.domain.vocabulary import BRANDS

MerchantId = NewType("MerchantId", str)

PRIORITIES_MAX: Final = 50
NO_VERSION: Final = 0


@dataclass(frozen=True, slots=True)
class Priority:
    """One place on a list. No currencies, or no brands, means all of them; both keep the order they were set in."""

    account: str
    currencies: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    disabled: bool = False


class ListOrigin(StrEnum):
    """Whose list it is."""

    MERCHANT = "merchant"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class PriorityList:
    """A list, best account first. The default list has version 0; a merchant's lists count from 1."""

    priorities: tuple[Priority, ...]
    version: int
    origin: ListOrigin


def require_settable(priorities: Sequence[Priority]) -> None:
    """Check a list that an operator sets.

    Raises Refusal(INVALID_FIELD) for an account that stands on it twice or a brand that no card has, and
    Refusal(UNKNOWN_CURRENCY) for a currency that can't be charged.
    """
    violations = [*_doubles(priorities), *_unknown_brands(priorities)]
    if violations:
        first = violations[0]
        raise Refusal(
            Reason.INVALID_FIELD,
            violations=violations,
            field=first.field,
            detail=f"`{first.field}`: {first.description}",
        )
    for priority in priorities:
        for currency in priority.currencies:
            if exponent_of(currency) is None:
                raise Refusal(Reason.UNKNOWN_CURRENCY, currency=currency)


def default_list(accounts: Iterable[str]) -> PriorityList:
    """Make the list for merchants that have none: these accounts for everything, best first."""
    return PriorityList(tuple(Priority(account) for account in accounts), NO_VERSION, ListOrigin.DEFAULT)


def _doubles(priorities: Sequence[Priority]) -> list[Violation]:
    seen: set[str] = set()
    violations = []
    for index, priority in enumerate(priorities):
        if priority.account in seen:
            violations.append(Violation(f"priorities[{index}].account", "an account may stand on a list once only."))
        seen.add(priority.account)
    return violations


def _unknown_brands(priorities: Sequence[Priority]) -> list[Violation]:
    known = ", ".join(sorted(BRANDS))
    return [
        Violation(f"priorities[{index}].brands[{place}]", f"it must be one of: {known}.")
        for index, priority in enumerate(priorities)
        for place, brand in enumerate(priority.brands)
        if brand not in BRANDS
    ]
