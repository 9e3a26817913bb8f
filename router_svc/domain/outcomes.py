"""What predicates come to for a payment, as far as that can be told without evaluating the condition itself."""

import operator
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from operator import attrgetter
from typing import Final, Literal, TypeAlias

from router_svc.domain.facts import PaymentFacts
from router_svc.domain.predicates import (
    Among,
    And,
    Choice,
    Compares,
    Constant,
    Fact,
    Not,
    Operator,
    Or,
    Predicate,
    Present,
    StartsWith,
)


class Unclear(Enum):
    """The outcome of what is not reasoned about."""

    UNCLEAR = "unclear"


UNCLEAR: Final = Unclear.UNCLEAR
#: True when it holds, False when it does not, None when it fails; `UNCLEAR` when only the condition itself can tell.
Outcome: TypeAlias = bool | Literal[Unclear.UNCLEAR] | None
Judge: TypeAlias = Callable[[PaymentFacts], Outcome]

METADATA: Final = "metadata"
TEXTS: Final = frozenset({"currency", "method", "brand", "bin", "funding", "issuer_country", "initiator", "three_ds"})
_AMOUNT: Final = "amount"
_OPERATORS: Final[Mapping[Operator, Callable[[int, int], bool]]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}


def judge_of(predicate: Predicate) -> Judge:  # noqa: PLR0911 - one per kind of predicate
    """Make a function that gives a predicate's outcome for a payment.

    Guarantees that an outcome other than `UNCLEAR` is the one that CEL comes to, for payments whose texts are Unicode.
    """
    match predicate:
        case Constant(holds=holds):
            return lambda _facts: holds
        case Among() | StartsWith():
            return _text_judge(predicate)
        case Compares(fact=Fact(name="amount"), operator=relation, number=number):
            compare = _OPERATORS[relation]
            return lambda facts: compare(facts.amount, number)
        case Present(fact=fact):
            return lambda facts: fact.key in facts.metadata
        case Not(part=part):
            return _opposite(judge_of(part))
        case And(parts=parts):
            return _joined([judge_of(part) for part in parts], decisive=False)
        case Or(parts=parts):
            return _joined([judge_of(part) for part in parts], decisive=True)
        case Choice(test=test, then=then, otherwise=otherwise):
            return _chosen(judge_of(test), judge_of(then), judge_of(otherwise))
        case _:
            return _unclear


def is_clear(predicate: Predicate) -> bool:
    """Tell whether a predicate's outcome is never `UNCLEAR`."""
    match predicate:
        case Constant() | Among() | StartsWith() | Present():
            return True
        case Compares(fact=fact):
            return fact.name == _AMOUNT
        case Not(part=part):
            return is_clear(part)
        case And(parts=parts) | Or(parts=parts):
            return all(map(is_clear, parts))
        case Choice(test=test, then=then, otherwise=otherwise):
            return is_clear(test) and is_clear(then) and is_clear(otherwise)
        case _:
            return False


def _unclear(_facts: PaymentFacts) -> Outcome:
    return UNCLEAR


def _text_judge(predicate: Among | StartsWith) -> Judge:
    holds = _test_of(predicate)
    fact = predicate.fact
    if fact.name != METADATA:
        text_of = attrgetter(fact.name)
        return lambda facts: holds(text_of(facts))

    def of_metadata(facts: PaymentFacts) -> Outcome:
        text = facts.metadata.get(fact.key)
        return None if text is None else holds(text)

    return of_metadata


def _test_of(predicate: Among | StartsWith) -> Callable[[str], bool]:
    if isinstance(predicate, Among):
        return predicate.values.__contains__
    prefix = predicate.prefix
    return lambda text: text.startswith(prefix)


def _opposite(part: Judge) -> Judge:
    def opposite(facts: PaymentFacts) -> Outcome:
        outcome = part(facts)
        return not outcome if isinstance(outcome, bool) else outcome

    return opposite


def _joined(parts: Sequence[Judge], *, decisive: bool) -> Judge:
    """Join the parts of an `And` (False decides) or `Or` (True decides), whatever the other parts come to."""

    def joined(facts: PaymentFacts) -> Outcome:
        result: Outcome = not decisive
        for part in parts:
            outcome = part(facts)
            if outcome is decisive:
                return decisive
            # What is not clear may still decide, so it outweighs what fails.
            if outcome is UNCLEAR or (outcome is None and result is not UNCLEAR):
                result = outcome
        return result

    return joined


def _chosen(test: Judge, then: Judge, otherwise: Judge) -> Judge:
    def chosen(facts: PaymentFacts) -> Outcome:
        outcome = test(facts)
        if outcome is True:
            return then(facts)
        return otherwise(facts) if outcome is False else outcome

    return chosen
