"""Which payments a condition lets through, as a set that can be cut, taken away from, and searched for nothing.

A space is a union of boxes. A box bounds every fact on its own and names what must hold or not hold beside that and is
not reasoned about (`claims`). Where a space is wrong, it is too large: that it is empty or lies within another one is
said only when it is so for all payments there can be.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from router_svc.domain.eligibility import EXTERNAL_THREE_DS, STORED_CREDENTIAL, can_challenge
from router_svc.domain.fact_sets import FactSet, Numbers, Texts
from router_svc.domain.facts import AccountFacts, Initiator, ThreeDs
from router_svc.domain.predicates import (
    Among,
    And,
    Choice,
    Compares,
    Constant,
    Fact,
    Not,
    Opaque,
    Operator,
    Or,
    Predicate,
    Present,
    StartsWith,
)
from router_svc.domain.vocabulary import BOUNDS_OF, WORDS_OF

BOXES_MAX: Final = 64
PAIRS_MAX: Final = 512
_LARGEST: Final = 2**63 - 1
_SMALLEST: Final = -(2**63)


class TooManyBoxesError(Exception):
    """A condition is too entangled to be reasoned about within bounds."""


@dataclass(frozen=True, slots=True)
class Box:
    """Payments whose facts are in `sets`, fact by fact; a fact that is not named has any value there is.

    No set has a value that its fact can't have.

    `claims` are the texts of opaque conditions with whether they hold. All must be as said; which payments that are,
    nobody knows.
    """

    sets: Mapping[Fact, FactSet] = field(default_factory=dict)
    claims: frozenset[tuple[str, bool]] = frozenset()

    def is_empty(self) -> bool:
        """Tell whether certainly no payment is in the box."""
        return any(values.is_empty() for values in self.sets.values()) or any(
            (text, not holds) in self.claims for text, holds in self.claims
        )

    def cut(self, other: "Box") -> "Box":
        """Give the payments that are in both."""
        return Box(self._common(other), self.claims | other.claims)

    def without(self, other: "Box") -> "tuple[Box, ...]":
        """Give the payments of this box that may be outside the other one, as boxes."""
        if not other.claims <= self.claims:
            return (self,)
        common = self._common(other)
        if any(common[fact].is_empty() for fact in other.sets):
            return (self,)
        pieces = []
        rest = dict(self.sets)
        for fact, values in other.sets.items():
            mine = rest.get(fact) or universe(fact)
            pieces += [Box({**rest, fact: outside}, self.claims) for outside in _without(mine, values)]
            rest[fact] = common[fact]
        return tuple(pieces)

    def _common(self, other: "Box") -> dict[Fact, FactSet]:
        sets = dict(self.sets)
        for fact, values in other.sets.items():
            mine = sets.get(fact)
            sets[fact] = values if mine is None else _cut(mine, values)
        return sets


ALL_PAYMENTS: Final = Box()
Space = tuple[Box, ...]


def universe(fact: Fact) -> FactSet:
    """Give all values that a fact can have."""
    if fact.name in BOUNDS_OF:
        return Numbers((BOUNDS_OF[fact.name],))
    if fact.name == "metadata":
        return Texts(absent=True)
    return Texts(values=WORDS_OF.get(fact.name))


def space_of(predicate: Predicate) -> Space:
    """Give the payments for which a predicate holds: all of them, and with `claims` perhaps some more.

    Raises TooManyBoxesError for what is too entangled.
    """
    return _space(predicate, holds=True)


class Effort:
    """Searches spaces within a number of steps for all searches together.

    Every method raises TooManyBoxesError when that was not enough, and from then on.
    """

    def __init__(self, steps_max: int) -> None:
        self._steps_left = steps_max

    def remainder(self, space: Iterable[Box], taken: Iterable[Box]) -> Space:
        """Give what is left of `space` without `taken`."""
        left = tuple(space)
        for box in taken:
            self._spend(len(left))
            left = _bounded(tuple(piece for mine in left for piece in mine.without(box)))
            if not left:
                break
        return left

    def meet(self, one: Iterable[Box], other: Sequence[Box]) -> bool:
        """Tell whether some payment may be in both spaces."""
        for mine in one:
            for theirs in other:
                self._spend(1)
                if not mine.cut(theirs).is_empty():
                    return True
        return False

    def _spend(self, steps: int) -> None:
        self._steps_left -= steps
        if self._steps_left < 0:
            raise TooManyBoxesError


def space_of_account(account: AccountFacts) -> Space:
    """Give the payments that an account takes; the same ones that `eligibility` lets through."""
    if account.disabled:
        return ()
    sets: dict[Fact, FactSet] = {}
    for name, values in (
        ("method", account.methods),
        ("brand", account.brands),
        ("currency", account.currencies),
        ("issuer_country", account.issuer_countries),
    ):
        if values:
            sets[Fact(name)] = _cut(universe(Fact(name)), Texts(values=values))
    if account.features and EXTERNAL_THREE_DS not in account.features:
        sets[Fact("three_ds")] = _cut(universe(Fact("three_ds")), Texts(excluded=frozenset({ThreeDs.EXTERNAL})))
    if account.features and STORED_CREDENTIAL not in account.features:
        sets[Fact("initiator")] = Texts(values=frozenset({Initiator.CUSTOMER}))
    common = Box(sets)
    amounts = [
        Box({Fact("currency"): Texts(values=frozenset({currency})), Fact("amount"): Numbers(((smallest, largest),))})
        for currency, (smallest, largest) in account.limits.items()
        if smallest <= largest
    ]
    boundless = _cut(universe(Fact("currency")), Texts(excluded=frozenset(account.limits)))
    amounts.append(Box({Fact("currency"): boundless}))
    return tuple(box for box in (common.cut(amount) for amount in amounts) if not box.is_empty())


def space_with_challenge(account: AccountFacts) -> Space:
    """Give the payments that an account takes when their rule requires 3-D Secure, as `challenge_obstacles` has it."""
    space = space_of_account(account)
    if can_challenge(account):
        return space
    authenticated = Box({Fact("three_ds"): _cut(universe(Fact("three_ds")), Texts(excluded=frozenset({ThreeDs.NONE})))})
    by_merchant = Box({Fact("initiator"): Texts(values=frozenset({Initiator.MERCHANT}))})
    return _product(space, (authenticated, by_merchant))


def _space(predicate: Predicate, *, holds: bool) -> Space:
    """Give the payments for which a predicate holds, or those for which it does not hold; neither where it fails."""
    match predicate:
        case Constant():
            return (ALL_PAYMENTS,) if predicate.holds is holds else ()
        case Opaque():
            return (Box(claims=frozenset({(predicate.text, holds)})),)
        case Not():
            return _space(predicate.part, holds=not holds)
        case And() | Or():
            spaces = (_space(part, holds=holds) for part in predicate.parts)
            return reduce(_product if isinstance(predicate, And) is holds else _union, spaces)
        case Choice():
            then = _product(_space(predicate.test, holds=True), _space(predicate.then, holds=holds))
            otherwise = _product(_space(predicate.test, holds=False), _space(predicate.otherwise, holds=holds))
            return _union(then, otherwise)
        case _:
            values = _cut(universe(predicate.fact), _values(predicate, holds=holds))
            box = Box({predicate.fact: values})
            return () if box.is_empty() else (box,)


def _values(predicate: Among | StartsWith | Compares | Present, *, holds: bool) -> FactSet:
    match predicate:
        case Among():
            return Texts(values=predicate.values) if holds else Texts(excluded=predicate.values)
        case StartsWith():
            prefix = predicate.prefix
            return Texts(prefix=prefix) if holds else Texts(excluded_prefixes=frozenset({prefix}))
        case Present():
            return Texts() if holds else Texts(values=frozenset(), absent=True)
        case Compares():
            numbers = _numbers(predicate.operator, predicate.number)
            if holds:
                return numbers
            return next(iter(Numbers(((_SMALLEST, _LARGEST),)).without(numbers)), Numbers(()))


def _numbers(operator: Operator, number: int) -> Numbers:
    smallest, largest = {
        Operator.EQUAL: (number, number),
        Operator.LESS: (_SMALLEST, number - 1),
        Operator.LESS_OR_EQUAL: (_SMALLEST, number),
        Operator.GREATER: (number + 1, _LARGEST),
        Operator.GREATER_OR_EQUAL: (number, _LARGEST),
    }[operator]
    return Numbers(((smallest, largest),)) if smallest <= largest else Numbers(())


def _product(one: Space, other: Space) -> Space:
    if len(one) * len(other) > PAIRS_MAX:
        raise TooManyBoxesError
    return _bounded(tuple(box for mine in one for theirs in other if not (box := mine.cut(theirs)).is_empty()))


def _union(one: Space, other: Space) -> Space:
    return _bounded(one + other)


def _bounded(space: Space) -> Space:
    if len(space) > BOXES_MAX:
        raise TooManyBoxesError
    return space


def _cut(one: FactSet, other: FactSet) -> FactSet:
    if isinstance(one, Texts) and isinstance(other, Texts):
        return one.cut(other)
    if isinstance(one, Numbers) and isinstance(other, Numbers):
        return one.cut(other)
    message = "texts were compared with numbers"
    raise TypeError(message)


def _without(one: FactSet, other: FactSet) -> Sequence[FactSet]:
    if isinstance(one, Texts) and isinstance(other, Texts):
        return one.without(other)
    if isinstance(one, Numbers) and isinstance(other, Numbers):
        return one.without(other)
    message = "texts were compared with numbers"
    raise TypeError(message)
