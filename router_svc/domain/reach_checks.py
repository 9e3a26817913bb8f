"""Which rules of a draft no payment reaches, and which payments no account could take."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from router_svc.domain.fact_sets import Texts
from router_svc.domain.facts import AccountFacts
from router_svc.domain.payment_space import (
    ALL_PAYMENTS,
    Box,
    Effort,
    Space,
    TooManyBoxesError,
    space_of,
    space_of_account,
    space_with_challenge,
)
from router_svc.domain.predicates import Fact, Predicate
from router_svc.domain.problems import Problem, ProblemKind, Severity
from router_svc.domain.ruleset import RouteTo, Rule, Ruleset, Split, StepUp
from router_svc.domain.word_checks import unknown_words, values_named

#: What may be computed for one draft; rules that it is not enough for are not spoken of.
_STEPS_MAX: Final = 30_000
_VALUES_TOLD: Final = 5
#: Facts whose values a condition may demand and an account may not take.
_DEMANDED: Final = ("currency", "brand", "method", "issuer_country", "initiator", "three_ds")


@dataclass(slots=True)
class _Reach:
    """How far the rules were followed: the names and spaces of those before, and the steps that are left."""

    accounts: Mapping[str, AccountFacts]
    effort: Effort = field(default_factory=lambda: Effort(_STEPS_MAX))
    before: list[tuple[str, Space]] = field(default_factory=list)
    takes: dict[tuple[str, bool], Space] = field(default_factory=dict)

    def boxes_before(self) -> Iterator[Box]:
        """Give the boxes of all rules before."""
        return (box for _, space in self.before for box in space)

    def account_spaces(self, names: Iterable[str], *, challenge: bool = False) -> Space:
        """Give what the accounts of a rule take together; all of the merchant when it names none.

        With `challenge` the rule requires 3-D Secure.
        """
        boxes: list[Box] = []
        for name in tuple(names) or tuple(self.accounts):
            if (name, challenge) not in self.takes:
                known = self.accounts.get(name)
                space_of_known = space_with_challenge if challenge else space_of_account
                self.takes[name, challenge] = () if known is None else space_of_known(known)
            boxes += self.takes[name, challenge]
        return tuple(boxes)


def reach_problems(
    ruleset: Ruleset, predicates: Sequence[Predicate | None], accounts: Mapping[str, AccountFacts]
) -> Iterator[Problem]:
    """Give the rules that never hold or are hidden, and those whose payments no account can take.

    What can't be found out within bounds is left out; nothing is said that is not so for every payment there can be.
    """
    reach = _Reach(accounts)
    for index, (rule, predicate) in enumerate(zip(ruleset.rules, predicates, strict=True)):
        if predicate is None:
            continue
        words = list(unknown_words(index, rule, predicate))
        yield from words
        try:
            space = space_of(predicate)
        except TooManyBoxesError:
            continue
        # What is asked for and does not exist is said once.
        if space or not words:
            yield from _rule_problems(reach, index, rule, predicate, space)
        reach.before.append((rule.name or f"rules[{index}]", space))
    yield from _otherwise_problems(reach, ruleset)


def _rule_problems(reach: _Reach, index: int, rule: Rule, predicate: Predicate, space: Space) -> Iterator[Problem]:
    condition = f"rules[{index}].condition"
    if not space:
        why = "no payment fulfils the condition: its parts exclude each other"
        instead = "drop one of the parts, or join those that exclude each other with `||`"
        yield Problem(Severity.ERROR, ProblemKind.NEVER_HOLDS, condition, rule.name, why, instead)
        return
    try:
        left = reach.effort.remainder(space, reach.boxes_before())
    except TooManyBoxesError:
        left = space
    if left:
        yield from _service_problems(reach, index, rule, predicate, left)
        return
    instead = "move the rule up, before the one that hides it, or delete it"
    yield Problem(Severity.ERROR, ProblemKind.HIDDEN, condition, rule.name, _hidden_by(reach, space), instead)


def _hidden_by(reach: _Reach, space: Space) -> str:
    """Say what hides a rule that is hidden: a single rule, where one is enough."""
    try:
        for name, taken in reach.before:
            if not reach.effort.remainder(space, taken):
                return f"the rule `{name}` before it holds for every payment that this one would hold for"
    except TooManyBoxesError:
        pass
    return "the rules before it together hold for every payment that this one would hold for"


def _service_problems(reach: _Reach, index: int, rule: Rule, predicate: Predicate, space: Space) -> Iterator[Problem]:
    match rule.action:
        case RouteTo():
            names, where = rule.action.accounts, f"rules[{index}].action.accounts"
        case Split():
            names, where = tuple(share.account for share in rule.action.shares), f"rules[{index}].action.shares"
        case _:
            return
    requires = rule.step_up is StepUp.REQUIRE
    try:
        takes = reach.account_spaces(names, challenge=requires)
        served = reach.effort.meet(space, takes)
        missed = list(_missed_values(reach.effort, predicate, space, takes))
    except TooManyBoxesError:
        return
    if not served:
        why = "no account of the rule can take a payment that its condition lets through"
        reasons = [f"{name} {_quoted(values)}" for name, values in missed]
        if reasons and takes:
            why += f": none takes {', '.join(reasons)}"
        instead = "name accounts that can, or narrow the condition"
        if requires and reach.effort.meet(space, reach.account_spaces(names)):
            why = "the rule requires 3-D Secure, and none of its accounts can bring shoppers through it"
            instead = "name accounts whose PSP can (GET /v1/psp/accounts lists them), or don't require it"
        yield Problem(Severity.ERROR, ProblemKind.NOT_SERVED, where, rule.name, why, instead)
        return
    for name, values in missed:
        why = (
            f"the condition lets payments with {name} {_quoted(values)} through, and no account of the rule takes them"
        )
        instead = f"add an account that does, or take {_quoted(values)} out of the condition"
        yield Problem(Severity.WARNING, ProblemKind.NOT_SERVED, where, rule.name, why, instead)


def _missed_values(effort: Effort, predicate: Predicate, space: Space, takes: Space) -> Iterator[tuple[str, list[str]]]:
    """Give, by fact, the values that the condition names itself and for which no account takes anything."""
    named = values_named(predicate)
    for fact in (Fact(name) for name in _DEMANDED):
        served: dict[str, bool] = {}
        for box in space:
            demanded = box.sets.get(fact)
            values = demanded.values if isinstance(demanded, Texts) else None
            for value in (values or frozenset()) & named.get(fact, frozenset()):
                narrow = box.cut(Box({fact: Texts(values=frozenset({value}))}))
                served[value] = served.get(value, False) or effort.meet((narrow,), takes)
        missed = sorted(value for value, is_served in served.items() if not is_served)
        if missed:
            yield fact.name, missed


def _quoted(values: Sequence[str]) -> str:
    more = f" and {len(values) - _VALUES_TOLD} more" if len(values) > _VALUES_TOLD else ""
    return ", ".join(f'"{value}"' for value in values[:_VALUES_TOLD]) + more


def _otherwise_problems(reach: _Reach, ruleset: Ruleset) -> Iterator[Problem]:
    try:
        left = reach.effort.remainder((ALL_PAYMENTS,), reach.boxes_before())
        served = reach.effort.meet(left, reach.account_spaces(ruleset.otherwise.accounts))
    except TooManyBoxesError:
        return
    if left and not served:
        why = "no account can take a payment for which no rule holds"
        instead = "name accounts that can, or end with a rule that blocks such payments and says why"
        yield Problem(Severity.ERROR, ProblemKind.NOT_SERVED, "otherwise.accounts", "", why, instead)
