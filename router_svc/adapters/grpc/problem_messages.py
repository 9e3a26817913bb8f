"""Tells what is wrong with a ruleset: as messages, and as the refusal of one that has errors."""

import re
from types import MappingProxyType
from typing import Final

from payera.routing.v1 import ruleset_service_pb2 as contract

from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from router_svc.application.manage_rulesets import UnusableRulesetError
from router_svc.domain.problems import Problem, ProblemKind, Severity
from router_svc.domain.ruleset import Action, Block, RouteTo, Ruleset, Split

#: What of a refusal travels in a header, which is bounded. All problems come as the answer of a check.
VIOLATIONS_MAX: Final = 10
VIOLATIONS_BYTES_MAX: Final = 3_000
#: With the field before it and the number of others behind it, still within what a refusal shows of a value.
_TEXT_LENGTH_MAX: Final = 230
_ACTION: Final = re.compile(r"rules\[([0-9]+)\]\.action\b")

_SEVERITIES: Final = MappingProxyType(
    {Severity.ERROR: contract.Problem.ERROR, Severity.WARNING: contract.Problem.WARNING}
)
_KINDS: Final = MappingProxyType(
    {
        ProblemKind.TOO_LARGE: contract.Problem.TOO_LARGE,
        ProblemKind.NAME: contract.Problem.NAME,
        ProblemKind.ACCOUNT: contract.Problem.ACCOUNT,
        ProblemKind.SPLIT: contract.Problem.SPLIT,
        ProblemKind.STRATEGY: contract.Problem.STRATEGY,
        ProblemKind.BLOCK: contract.Problem.BLOCK,
        ProblemKind.CONDITION: contract.Problem.CONDITION,
        ProblemKind.UNKNOWN_WORD: contract.Problem.UNKNOWN_WORD,
        ProblemKind.NEVER_HOLDS: contract.Problem.NEVER_HOLDS,
        ProblemKind.HIDDEN: contract.Problem.HIDDEN,
        ProblemKind.NOT_SERVED: contract.Problem.NOT_SERVED,
    }
)


def problem_message(problem: Problem, ruleset: Ruleset) -> contract.Problem:
    """Give a problem of a ruleset."""
    position = problem.position
    return contract.Problem(
        severity=_SEVERITIES[problem.severity],
        kind=_KINDS[problem.kind],
        field=field_of(problem, ruleset),
        rule=problem.rule,
        why=problem.why,
        instead=problem.instead,
        position=None
        if position is None
        else contract.Position(line=position.line, column=position.column, excerpt=position.excerpt),
    )


def field_of(problem: Problem, ruleset: Ruleset) -> str:
    """Give the path of what is wrong as it stands in JSON, where each kind of action has a name of its own."""

    def named(found: "re.Match[str]") -> str:
        return f"rules[{found[1]}].{_name_of(ruleset.rules[int(found[1])].action)}"

    return f"ruleset.{_ACTION.sub(named, problem.field)}"


def refusal_of(error: UnusableRulesetError) -> Refusal:
    """Make the refusal of a ruleset with errors: each names the rule, what is wrong, and what to write instead."""
    violations: list[Violation] = []
    room = VIOLATIONS_BYTES_MAX
    for problem in error.problems[:VIOLATIONS_MAX]:
        violation = Violation(field_of(problem, error.ruleset), _told(problem))
        room -= len(violation.field.encode()) + len(violation.description.encode())
        if room < 0 and violations:
            break
        violations.append(violation)
    more = len(error.problems) - 1
    first = f"{violations[0].field}: {violations[0].description}"
    detail = f"{first} (and {more} more)" if more else first
    return Refusal(Reason.RULESET_INVALID, violations=violations, detail=detail)


def _told(problem: Problem) -> str:
    """Write a problem as a sentence, in which what to write instead is never cut off for what is wrong."""
    rule = f'rule "{_short(problem.rule, 64)}": ' if problem.rule else ""
    position = problem.position
    place = f" (line {position.line}, column {position.column})" if position is not None else ""
    instead = f"; {_short(problem.instead, _TEXT_LENGTH_MAX // 2)}" if problem.instead else ""
    room = max(_TEXT_LENGTH_MAX - len(rule) - len(place) - len(instead), 40)
    return f"{rule}{_short(problem.why, room)}{place}{instead}"


def _short(text: str, length_max: int) -> str:
    return text if len(text) <= length_max else f"{text[: length_max - 3]}..."


def _name_of(action: Action) -> str:
    match action:
        case RouteTo():
            return "route"
        case Split():
            return "split"
        case Block():
            return "block"
