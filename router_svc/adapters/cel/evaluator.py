"""Finds the first rule that holds, with as few calls into CEL as there can be."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from cel_expr_python import cel

from router_svc.adapters.cel.environment import let_others_go_on, values_of
from router_svc.domain.facts import PaymentFacts
from router_svc.domain.outcomes import TEXTS, UNCLEAR, Outcome, is_clear, judge_of
from router_svc.domain.predicates import Opaque, Predicate
from router_svc.domain.rule_index import RuleIndex
from router_svc.domain.selection import Verdict

#: CEL takes no expression of more than 100,000 code points.
BATCH_LENGTH_MAX: Final = 60_000
#: One call evaluates so many rules, also those behind the first that holds: fewer calls, or less for nothing. Making
#: one of a batch keeps the interpreter for as long as it takes, in which no payment is routed.
BATCH_RULES_MAX: Final = 16
#: So many rules are asked one by one before the batches are.
ASKED_ALONE_MAX: Final = 4
#: What CEL raises instead of giving an error as a value: a loop that is too long, a text that is no UTF-8.
_RAISED: Final = (RuntimeError, ValueError, TypeError)
_AMOUNT_MAX: Final = 2**63 - 1
_text_facts_of: Final = attrgetter(*sorted(TEXTS))


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule's condition, and what it says.

    `may_fail` tells that its evaluation can give an error, `loops` that it can end in one at any place.
    """

    index: int
    condition: str
    expression: cel.Expression
    may_fail: bool
    loops: bool
    predicate: Predicate


@dataclass(frozen=True, slots=True)
class _Group:
    """Conditions that are evaluated as one list expression."""

    rules: tuple[CompiledRule, ...]
    together: cel.Expression


class CelEvaluator:
    """The conditions of one ruleset. CEL keeps nothing between calls; any thread may ask.

    Of most rules their predicates tell that they do not hold, and CEL is asked for those alone of which they do not.
    """

    def __init__(self, environment: cel.Env, rules: Sequence[CompiledRule]) -> None:
        self._environment = environment
        self._rules = tuple(rules)
        # A loop that takes too long fails the condition as a whole, whatever its other parts say.
        predicates = [Opaque(rule.condition) if rule.loops else rule.predicate for rule in rules]
        self._judges = tuple(map(judge_of, predicates))
        self._index = RuleIndex(predicates)
        unclear = [rule for rule, predicate in zip(rules, predicates, strict=True) if not is_clear(predicate)]
        # An error of one element is an error of the whole list: those that never fail do not wait on the others.
        groups = [
            _group(environment, batch)
            for fails in (False, True)
            for batch in _divided([rule for rule in unclear if rule.may_fail is fails])
        ]
        self._groups: Mapping[int, _Group] = {
            rule.index: group for group in groups if group is not None for rule in group.rules
        }

    def __call__(self, facts: PaymentFacts) -> Verdict:
        """Give the first rule whose condition holds, and those before it whose condition failed. Never raises."""
        if not _readable(facts):
            return self._first(range(len(self._rules)), self._alone(facts))
        unclear: list[int] = []
        outcomes: dict[int, Outcome] = {}
        judges = self._judges
        for index in self._index(facts):
            outcome = judges[index](facts)
            if outcome is False:
                continue
            outcomes[index] = outcome
            if outcome is UNCLEAR:
                unclear.append(index)
            elif outcome:
                break
        if unclear:
            alone = self._alone(facts)
            found = alone if len(unclear) <= ASKED_ALONE_MAX else self._together(facts, alone)
            return self._first(outcomes, lambda index: found(index) if outcomes[index] is UNCLEAR else outcomes[index])
        return self._first(outcomes, outcomes.__getitem__)

    def _first(self, indexes: Iterable[int], outcome_of: Callable[[int], object]) -> Verdict:
        failed: list[int] = []
        for index in indexes:
            outcome = outcome_of(index)
            if outcome is True:
                return Verdict(index, tuple(failed))
            if outcome is not False:
                failed.append(index)
        return Verdict(None, tuple(failed))

    def _alone(self, facts: PaymentFacts) -> Callable[[int], object]:
        """Give what asks CEL for one rule."""
        activation = self._environment.Activation(values_of(facts))
        return lambda index: _outcome(self._rules[index].expression, activation)

    def _together(self, facts: PaymentFacts, alone: Callable[[int], object]) -> Callable[[int], object]:
        """Give what asks CEL for many rules at once, and one by one where one of them fails."""
        activation = self._environment.Activation(values_of(facts))
        known: dict[int, object] = {}
        asked: set[int] = set()

        def outcome_of(index: int) -> object:
            group = self._groups.get(index)
            if group is None:
                return alone(index)
            first = group.rules[0].index
            if first not in asked:
                asked.add(first)
                outcomes = _outcome(group.together, activation)
                if isinstance(outcomes, list):
                    known.update(zip((rule.index for rule in group.rules), outcomes, strict=True))
            return known[index] if index in known else alone(index)

        return outcome_of


def list_expression(conditions: Iterable[str]) -> str:
    """Write conditions as one list; each ends on a line of its own, for it may end in a comment."""
    return "[\n" + "\n,\n".join(conditions) + "\n]"


def _readable(facts: PaymentFacts) -> bool:
    """Tell whether CEL can read all facts: what it can't read fails, whatever the predicate says."""
    try:
        texts = "".join((*_text_facts_of(facts), *facts.metadata, *facts.metadata.values()))
        return (texts.isascii() or bool(texts.encode())) and abs(facts.amount) <= _AMOUNT_MAX
    except UnicodeEncodeError:
        return False


def _divided(rules: Sequence[CompiledRule]) -> Iterable[list[CompiledRule]]:
    batch: list[CompiledRule] = []
    length = 0
    for rule in rules:
        if batch and (len(batch) == BATCH_RULES_MAX or length + len(rule.condition) > BATCH_LENGTH_MAX):
            yield batch
            batch, length = [], 0
        batch.append(rule)
        length += len(rule.condition)
    if batch:
        yield batch


def _group(environment: cel.Env, rules: Sequence[CompiledRule]) -> _Group | None:
    """Make a group; None when the list is too deep for CEL, as one condition almost is: those are asked one by one."""
    let_others_go_on()
    try:
        return _Group(tuple(rules), environment.compile(list_expression(rule.condition for rule in rules)))
    except RuntimeError:
        return None


def _outcome(expression: cel.Expression, activation: cel.Activation) -> object:
    """Evaluate; give the plain value, None for an error."""
    try:
        value = expression.eval(activation)
        return None if value.type() in _NO_VALUES else value.plain_value()
    except _RAISED:
        return None


_NO_VALUES: Final = (cel.Type.ERROR, cel.Type.UNKNOWN)
