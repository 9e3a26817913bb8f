"""Finds the rules that can say anything of a payment, without looking at each of them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Final, TypeAlias

from router_svc.domain.facts import PaymentFacts
from router_svc.domain.outcomes import TEXTS
from router_svc.domain.predicates import Among, And, Constant, Or, Predicate, StartsWith

_NONE: Final[frozenset[str]] = frozenset()
#: Values of a fact outside which a predicate does not hold and does not fail; None when there are none to tell.
_Bound: TypeAlias = frozenset[str] | None
_Lookup: TypeAlias = Callable[[PaymentFacts], int]


class RuleIndex:
    """An index over the predicates of a ruleset's rules, by the values of the facts that are texts.

    For each fact it knows by value the rules, as the bits of a number, that do not rule the value out. A payment's
    rules are those that none of its facts rules out.
    """

    __slots__ = ("_all", "_lookups")

    def __init__(self, predicates: Sequence[Predicate]) -> None:
        self._all = (1 << len(predicates)) - 1
        exact = ((fact, [_values(predicate, fact) for predicate in predicates]) for fact in sorted(TEXTS))
        prefixed = ((fact, [_prefixes(predicate, fact) for predicate in predicates]) for fact in sorted(TEXTS))
        self._lookups: tuple[_Lookup, ...] = (
            *(_by_value(fact, bounds) for fact, bounds in exact if _tell(bounds)),
            *(_by_prefix(fact, bounds) for fact, bounds in prefixed if _tell(bounds)),
        )

    def __call__(self, facts: PaymentFacts) -> Iterator[int]:
        """Give the indexes of the rules to look at, in their order. All others do not hold, and do not fail either."""
        left = self._all
        for lookup in self._lookups:
            left &= lookup(facts)
        while left:
            lowest = left & -left
            yield lowest.bit_length() - 1
            left ^= lowest


def _tell(bounds: Iterable[_Bound]) -> bool:
    return any(bound is not None for bound in bounds)


def _values(predicate: Predicate, fact: str) -> _Bound:
    """Give the values of a fact for which a predicate can be anything but not holding."""
    match predicate:
        case Constant(holds=False):
            return _NONE
        case Among(fact=about, values=values) if about.name == fact:
            return values
        case And(parts=parts):
            # One part that does not hold decides, whatever the others do.
            found = [bound for part in parts if (bound := _values(part, fact)) is not None]
            return frozenset.intersection(*found) if found else None
        case Or(parts=parts):
            return _union([_values(part, fact) for part in parts])
        case _:
            return None


def _prefixes(predicate: Predicate, fact: str) -> _Bound:
    """Give beginnings of a fact, with none of which a predicate does not hold."""
    match predicate:
        case StartsWith(fact=about, prefix=prefix) if about.name == fact:
            return frozenset({prefix})
        case And(parts=parts):
            return next((bound for part in parts if (bound := _prefixes(part, fact)) is not None), None)
        case Or(parts=parts):
            return _union([_prefixes(part, fact) for part in parts])
        case _:
            return None


def _union(bounds: Sequence[_Bound]) -> _Bound:
    found = [bound for bound in bounds if bound is not None]
    return frozenset.union(_NONE, *found) if len(found) == len(bounds) else None


def _masks(bounds: Sequence[_Bound]) -> tuple[dict[str, int], int]:
    """Give the rules by value, and those that say nothing of the fact."""
    named: dict[str, int] = {}
    others = 0
    for index, bound in enumerate(bounds):
        if bound is None:
            others |= 1 << index
            continue
        for value in bound:
            named[value] = named.get(value, 0) | 1 << index
    return named, others


def _by_value(fact: str, bounds: Sequence[_Bound]) -> _Lookup:
    named, others = _masks(bounds)
    rules = {value: rules | others for value, rules in named.items()}
    text_of = attrgetter(fact)
    return lambda facts: rules.get(text_of(facts), others)


def _by_prefix(fact: str, bounds: Sequence[_Bound]) -> _Lookup:
    named, others = _masks(bounds)
    lengths = sorted({len(prefix) for prefix in named})
    text_of = attrgetter(fact)

    def lookup(facts: PaymentFacts) -> int:
        text = text_of(facts)
        found = others
        for length in lengths:
            found |= named.get(text[:length], 0)
        return found

    return lookup
