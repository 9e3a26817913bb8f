"""What docs/routing.md shows is right."""

import re
from pathlib import Path

import click
import yaml
from google.protobuf import json_format
from payera.routing.v1 import ruleset_service_pb2 as contract

from devstack.routing.ruleset_report import problem_lines
from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.adapters.cel.environment import VARIABLES
from router_svc.adapters.grpc.problem_messages import problem_message
from router_svc.adapters.grpc.ruleset_messages import ruleset_of
from router_svc.application.check_ruleset import CheckRuleset
from router_svc.domain.facts import AccountFacts
from router_svc.domain.problems import ProblemKind
from router_svc.domain.ruleset import Block, RouteTo, Rule, Ruleset

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")
ACCOUNTS = {name: AccountFacts(name, "sandbox") for name in ("stripe_eu", "adyen_eu")}
CHECK = CheckRuleset(CelCompiler())


def block_with(words: str) -> str:
    """Give the first block of code that has these words."""
    blocks: list[str] = re.findall(r"^```\w*\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if words in block)


def test_the_ruleset_has_no_problems() -> None:
    message = json_format.ParseDict(yaml.safe_load(block_with("rules:")), contract.Ruleset())
    assert len(message.rules) == 4
    assert CHECK(ruleset_of(message), ACCOUNTS) == ()


def test_every_condition_compiles() -> None:
    lines = block_with("at.getHours").strip().splitlines()
    rules = [Rule(f"line {number}", line, RouteTo()) for number, line in enumerate(lines)]
    assert [problem.why for problem in CelCompiler().analyse(rules).problems] == []


def test_the_problem_is_shown_as_it_is() -> None:
    draft = Ruleset((Rule("no prepaid cards", 'funding == "pre-paid"', Block("no")),))
    problems = [
        json_format.MessageToDict(
            problem_message(problem, draft),
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        for problem in CHECK(draft, ACCOUNTS)
    ]
    shown = "\n".join(problem_lines(problems))
    assert click.unstyle(shown) + "\n" == block_with("error: ruleset")


def test_all_facts_kinds_and_refusals_are_told() -> None:
    for name in VARIABLES:
        assert f"| `{name}` |" in TEXT
    for kind in ProblemKind:
        assert f"`{kind.value.upper()}`" in TEXT
