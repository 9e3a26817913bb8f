"""Rulesets between the contract, the router and the database; and how errors are told."""

import pytest
from payera.routing.v1 import ruleset_service_pb2 as contract

from mesh.error_status import Catalogue
from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.adapters.grpc.problem_messages import VIOLATIONS_BYTES_MAX, VIOLATIONS_MAX, problem_message, refusal_of
from router_svc.adapters.grpc.ruleset_messages import ruleset_message, ruleset_of
from router_svc.adapters.postgres.stored_rulesets import from_stored, to_stored
from router_svc.application.manage_rulesets import UnusableRulesetError
from router_svc.domain.problems import Position, Problem, ProblemKind, Severity
from router_svc.domain.ruleset import Block, Ranking, RouteTo, Rule, Ruleset, Share, Split, StepUp, Strategy

RULESETS = [
    Ruleset(()),
    Ruleset((Rule("r", "", RouteTo()),), RouteTo(("a", "b"), Strategy(Ranking.LEAST_COST, explore_ppm=7))),
    Ruleset((Rule("r", "true", RouteTo(("a",), Strategy(Ranking.WEIGHTED, 0, 100_000)), StepUp.REQUIRE),)),
    Ruleset((Rule("r", "true", RouteTo(("a",), Strategy(Ranking.PRIORITY, 30)), StepUp.SKIP),)),
    Ruleset((Rule("r", "a\nb", Split((Share("a", 70), Share("b", -30)))), Rule("s", "", Block("no")))),
]


@pytest.mark.parametrize("ruleset", RULESETS, ids=range(len(RULESETS)))
def test_a_ruleset_comes_back_as_it_was(ruleset: Ruleset) -> None:
    assert ruleset_of(ruleset_message(ruleset)) == ruleset
    assert from_stored(to_stored(ruleset)) == ruleset


def test_what_is_left_out_has_its_default() -> None:
    message = contract.Ruleset(rules=[contract.Rule(name="r", route=contract.Route(strategy=contract.Strategy()))])
    assert ruleset_of(message) == Ruleset((Rule("r", "", RouteTo((), Strategy(Ranking.PRIORITY, 100, 0))),))


def test_versions_of_today_stay_readable() -> None:
    stored = {
        "rules": [
            {"name": "b", "action": {"kind": "block", "reason": "no"}},
            {"name": "s", "action": {"kind": "split", "shares": [{"account": "a", "weight": 1}]}, "step_up": "skip"},
            {"name": "r", "action": {"kind": "route", "strategy": {"ranking": "success_rate"}}, "condition": "true"},
        ],
        "otherwise": {"kind": "route", "accounts": ["a"]},
    }
    assert from_stored(stored) == Ruleset(
        (
            Rule("b", "", Block("no")),
            Rule("s", "", Split((Share("a", 1),)), StepUp.SKIP),
            Rule("r", "true", RouteTo((), Strategy(Ranking.SUCCESS_RATE))),
        ),
        RouteTo(("a",)),
    )


def test_a_rule_without_an_action_is_refused_by_its_place() -> None:
    rules = [contract.Rule(name="a", block=contract.Block()), contract.Rule(name="b"), contract.Rule(name="c")]
    with pytest.raises(Refusal) as refused:
        ruleset_of(contract.Ruleset(rules=rules))
    assert refused.value.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in refused.value.violations] == [
        "ruleset.rules[1].route",
        "ruleset.rules[2].route",
    ]
    assert "`route`, `split` or `block`" in refused.value.metadata["detail"]


def problem(field: str, why: str = "it is wrong", instead: str = "write it right", rule: str = "r") -> Problem:
    return Problem(Severity.ERROR, ProblemKind.ACCOUNT, field, rule, why, instead)


@pytest.mark.parametrize(
    ("rule", "field", "told"),
    [
        (Rule("r", "", RouteTo()), "rules[0].action.accounts[2]", "ruleset.rules[0].route.accounts[2]"),
        (Rule("r", "", Split(())), "rules[0].action.shares", "ruleset.rules[0].split.shares"),
        (Rule("r", "", Block("")), "rules[0].action.reason", "ruleset.rules[0].block.reason"),
        (Rule("r", "", Block("")), "rules[0].condition", "ruleset.rules[0].condition"),
        (Rule("r", "", Block("")), "otherwise.accounts[0]", "ruleset.otherwise.accounts[0]"),
        (Rule("r", "", Block("")), "rules", "ruleset.rules"),
    ],
)
def test_a_problem_names_the_field_as_it_stands_in_json(rule: Rule, field: str, told: str) -> None:
    assert problem_message(problem(field), Ruleset((rule,))).field == told


def test_a_problem_is_told_with_its_place() -> None:
    position = Position(2, 5, 'x == "y"\n    ^')
    found = Problem(Severity.WARNING, ProblemKind.NEVER_HOLDS, "rules[0].condition", "r", "why", "instead", position)
    message = problem_message(found, RULESETS[1])
    assert (message.severity, message.kind) == (contract.Problem.WARNING, contract.Problem.NEVER_HOLDS)
    assert (message.position.line, message.position.column, message.position.excerpt) == (2, 5, position.excerpt)
    assert not problem_message(problem("rules"), RULESETS[1]).HasField("position")


def test_every_kind_of_problem_has_a_word_in_the_contract() -> None:
    for kind in ProblemKind:
        found = Problem(Severity.ERROR, kind, "rules", "", "why", "instead")
        assert contract.Problem.Kind.Name(problem_message(found, RULESETS[0]).kind).lower() == kind.value


def test_a_refusal_says_which_rule_why_and_what_to_write_instead() -> None:
    found = Problem(
        Severity.ERROR,
        ProblemKind.UNKNOWN_WORD,
        "rules[0].condition",
        "cheap cards",
        'no payment has the brand "vissa"',
        'write "visa"',
        Position(1, 10, ""),
    )
    refusal = refusal_of(UnusableRulesetError(RULESETS[1], [found, problem("otherwise.accounts[0]", rule="")]))
    assert [(violation.field, violation.description) for violation in refusal.violations] == [
        (
            "ruleset.rules[0].condition",
            'rule "cheap cards": no payment has the brand "vissa" (line 1, column 10); write "visa"',
        ),
        ("ruleset.otherwise.accounts[0]", "it is wrong; write it right"),
    ]
    assert Catalogue().message_of(refusal) == (
        'The ruleset can\'t be used: ruleset.rules[0].condition: rule "cheap cards": no payment has the brand "vissa"'
        ' (line 1, column 10); write "visa" (and 1 more)'
    )


def test_a_refusal_stays_small_and_never_loses_what_to_write() -> None:
    rules = tuple(Rule(f"r{number}", "", RouteTo()) for number in range(200))
    long = [
        problem(
            f"rules[{number}].condition",
            "w\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 2_000,
            "write it right",
            "n" * 500,
        )
        for number in range(200)
    ]
    refusal = refusal_of(UnusableRulesetError(Ruleset(rules), long))
    told = sum(len((each.field + each.description).encode()) for each in refusal.violations)
    assert 1 <= len(refusal.violations) <= VIOLATIONS_MAX
    assert told <= VIOLATIONS_BYTES_MAX
    assert all(each.description.endswith("; write it right") for each in refusal.violations)
    assert Catalogue().message_of(refusal).endswith("; write it right (and 199 more)")
