"""Finds the first rule that holds, with as few calls into CEL as there can be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cel_expr_python import cel

from router_svc.adapters.cel.environment import values_of
from router_svc.domain.facts import PaymentFacts
from router_svc.domain.selection import Verdict

#: CEL takes no expression of more than 100,000 code points.
BATCH_LENGTH_MAX: Final = 60_000
#: One call evaluates so many rules, also those behind the first that holds: fewer calls, or less for nothing.
BATCH_RULES_MAX: Final = 50
#: What CEL raises instead of giving an error as a value: a loop that is too long, a text that is no UTF-8.
_RAISED: Final = (RuntimeError, ValueError, TypeError)


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule's condition; `may_fail` tells that its evaluation can give an error."""

    index: int
    condition: str
    expression: cel.Expression
    may_fail: bool


@dataclass(frozen=True, slots=True)
class _Group:
    """Conditions that are evaluated as one list expression."""

    rules: tuple[CompiledRule, ...]
    together: cel.Expression


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rules that stand next to each other: those that never fail, and those that can.

    An error of one element is an error of the whole list. The list of `safe` therefore never waits on the others, and
    only when the one of `risky` has failed, its rules are asked one by one.
    """

    safe: _Group | None
    risky: _Group | None


class CelEvaluator:
    """The conditions of one ruleset. CEL keeps nothing between calls; any thread may ask."""

    def __init__(self, environment: cel.Env, rules: Sequence[CompiledRule]) -> None:
        self._environment = environment
        self._batches = tuple(_batch(environment, members) for members in _divided(rules))

    def __call__(self, facts: PaymentFacts) -> Verdict:
        """Give the first rule whose condition holds, and those before it whose condition failed. Never raises."""
        activation = self._environment.Activation(values_of(facts))
        failed: list[int] = []
        for batch in self._batches:
            held, unheld = _first(batch.safe, activation, None)
            held_risky, unheld_risky = _first(batch.risky, activation, held)
            first = min((index for index in (held, held_risky) if index is not None), default=None)
            failed += [index for index in sorted((*unheld, *unheld_risky)) if first is None or index < first]
            if first is not None:
                return Verdict(first, tuple(failed))
        return Verdict(None, tuple(failed))


def list_expression(conditions: Iterable[str]) -> str:
    """Write conditions as one list; each ends on a line of its own, for it may end in a comment."""
    return "[\n" + "\n,\n".join(conditions) + "\n]"


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


def _batch(environment: cel.Env, rules: Sequence[CompiledRule]) -> _Batch:
    safe = tuple(rule for rule in rules if not rule.may_fail)
    risky = tuple(rule for rule in rules if rule.may_fail)
    return _Batch(_group(environment, safe), _group(environment, risky))


def _group(environment: cel.Env, rules: tuple[CompiledRule, ...]) -> _Group | None:
    if not rules:
        return None
    return _Group(rules, environment.compile(list_expression(rule.condition for rule in rules)))


def _first(group: _Group | None, activation: cel.Activation, before: int | None) -> tuple[int | None, list[int]]:
    """Give the first rule of a group that holds, and those before it that failed; none that stand behind `before`."""
    if group is None or (before is not None and before < group.rules[0].index):
        return None, []
    outcomes = _outcome(group.together, activation)
    if isinstance(outcomes, list):
        held = next((rule.index for rule, holds in zip(group.rules, outcomes, strict=True) if holds), None)
        return held, []
    failed: list[int] = []
    for rule in group.rules:
        if before is not None and rule.index > before:
            break
        holds = _outcome(rule.expression, activation)
        if holds is True:
            return rule.index, failed
        if holds is not False:
            failed.append(rule.index)
    return None, failed


def _outcome(expression: cel.Expression, activation: cel.Activation) -> object:
    """Evaluate; give the plain value, None for an error."""
    try:
        value = expression.eval(activation)
        return None if value.type() in _NO_VALUES else value.plain_value()
    except _RAISED:
        return None


_NO_VALUES: Final = (cel.Type.ERROR, cel.Type.UNKNOWN)
