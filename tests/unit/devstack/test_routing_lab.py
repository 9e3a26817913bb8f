"""The lab's references, its determinism, its reports, and the command."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from devstack.cli import main
from devstack.routing.playing import EQUAL, LEARNER, ORACLE, POLICIES, STATIC, Outcome, play
from devstack.routing.plot import svg
from devstack.routing.report import as_document, judge
from devstack.routing.world import world_of
from tests.unit.devstack.test_routing_world import WORLD

TWO = {
    **WORLD,
    "segments": [
        {"name": "fr", "parts": 3, "brand": "visa", "currency": "EUR", "amount": [1_000, 1_000]},
        {"name": "jp", "parts": 1, "brand": "jcb", "currency": "JPY", "amount": [1_000, 1_000]},
    ],
    "accounts": [
        {"account": "alpha", "approval": {"*": 0.8}, "fees": {"fixed": {"EUR": 10, "JPY": 3}}},
        {"account": "beta", "approval": {"fr": 0.6, "jp": 1}, "fees": {"fixed": {"EUR": 5}}},
    ],
}


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return play(world_of(TWO))


def test_the_same_world_and_seed_play_the_same_way(outcome: Outcome) -> None:
    again = replace(play(world_of(TWO)), scoring_us=outcome.scoring_us)
    assert again.played == outcome.played
    assert play(world_of(TWO), seed=2).played != outcome.played


def test_the_references_are_what_they_are_called(outcome: Outcome) -> None:
    static = outcome.played[STATIC].whole
    assert static.expected == pytest.approx(0.8 * static.payments)
    oracle = outcome.played[ORACLE].whole
    assert oracle.expected / oracle.payments == pytest.approx(0.85, abs=0.02)
    equal = outcome.played[EQUAL].whole
    assert equal.expected / equal.payments == pytest.approx(0.75, abs=0.02)
    assert all(outcome.played[name].whole.expected <= oracle.expected for name in POLICIES)


def test_the_warm_up_is_left_out_and_fees_are_those_of_approved_payments(outcome: Outcome) -> None:
    static = outcome.played[STATIC]
    assert (static.whole.payments, static.warm.payments) == (1_000, 800)
    assert set(static.whole.fees) == {"EUR", "JPY"}
    assert static.whole.fees["EUR"] // 10 + static.whole.fees["JPY"] // 3 == static.whole.approved


def test_after_a_technical_error_the_next_account_is_tried() -> None:
    broken = {"account": "alpha", "approval": {"*": 1}, "technical": 1}
    played = play(world_of({**WORLD, "accounts": [broken, {"account": "beta", "approval": {"*": 0.5}}]})).played
    assert played[STATIC].whole.expected == pytest.approx(500)
    assert played[LEARNER].whole.expected == pytest.approx(500)


def test_the_oracle_of_least_cost_keeps_to_the_guard_rail() -> None:
    document = {**TWO, "strategy": {"ranking": "least_cost"}}
    played = play(world_of(document)).played
    assert played[ORACLE].whole.expected / played[ORACLE].whole.payments == pytest.approx(0.85, abs=0.02)
    loose = play(world_of({**document, "learning": {"guard_ppm": 1_000_000}})).played
    assert loose[ORACLE].whole.fees["EUR"] < played[ORACLE].whole.fees["EUR"]


def test_the_plot_is_an_svg_with_a_line_for_each_policy(outcome: Outcome) -> None:
    root = ET.fromstring(svg(outcome))  # noqa: S314 - our own
    assert root.tag.endswith("svg")
    assert len(root.findall("{http://www.w3.org/2000/svg}polyline")) == 3


def test_the_document_tells_the_goals(outcome: Outcome) -> None:
    document = as_document(outcome)
    judged = judge(outcome)
    assert document["near_the_oracle"] == judged.near_the_oracle
    assert document["against_static_min"] == -0.003
    assert set(document["policies"]) == set(POLICIES)


def world_file(folder: Path, document: object) -> str:
    path = folder / "world.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_the_command_prints_and_draws(tmp_path: Path) -> None:
    plot, report = tmp_path / "plot.svg", tmp_path / "report.md"
    file = world_file(tmp_path, {**WORLD, "accounts": WORLD["accounts"][:1]})
    result = CliRunner().invoke(main, ["routing", "evaluate", file, "--plot", str(plot), "--report", str(report)])
    assert result.exit_code == 0, result.output
    assert "reached: 0.00% lost to the oracle" in result.output
    assert plot.read_text().startswith("<svg")
    assert (tmp_path / "report" / "small.svg").is_file()
    assert "| [small](#small) | 800 | 90.00% |" in report.read_text()


def test_many_seeds_are_summed_up(tmp_path: Path) -> None:
    file = world_file(tmp_path, {**WORLD, "hours": 0.5, "warm_up_hours": 0, "accounts": WORLD["accounts"][:1]})
    report = tmp_path / "report.md"
    result = CliRunner().invoke(main, ["routing", "evaluate", file, "--seeds", "3-5", "--report", str(report)])
    assert result.exit_code == 0, result.output
    assert "small: 3 seeds, lost to the oracle 0.00% on average, 0.00% at worst, more than 2% with 0" in result.output
    assert "| small | 3 | 0.00% | 0.00% | 0 | +0.00 | 0 |" in report.read_text()
    assert "--seeds 3-5" in report.read_text()


@pytest.mark.parametrize("seeds", ["5", "5-3", "a-b", "0-1000"])
def test_seeds_are_two_numbers(tmp_path: Path, seeds: str) -> None:
    result = CliRunner().invoke(main, ["routing", "evaluate", world_file(tmp_path, WORLD), "--seeds", seeds])
    assert result.exit_code == 1
    assert "error: --seeds has to be two numbers" in result.output


def test_the_command_prints_json_and_ends_with_1_when_a_goal_is_missed(tmp_path: Path) -> None:
    unlearnable = {"strategy": {"explore_ppm": 0}, "hours": 0.1, "warm_up_hours": 0}
    accounts = [{"account": "alpha", "approval": {"*": 0.8}}, {"account": "beta", "approval": {"*": 0.9}}]
    file = world_file(tmp_path, {**WORLD, **unlearnable, "accounts": accounts})
    result = CliRunner().invoke(main, ["routing", "evaluate", file, "--json"])
    assert result.exit_code == 1
    document = json.loads(result.output)
    assert not document["near_the_oracle"]
    assert document["safe"]


def test_the_command_tells_what_is_wrong(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["routing", "evaluate", world_file(tmp_path, {})])
    assert result.exit_code == 1
    assert "error: name: it is missing; add it" in result.output
    file = world_file(tmp_path, WORLD)
    result = CliRunner().invoke(main, ["routing", "evaluate", file, file, "--plot", "x.svg"])
    assert "error: --plot draws one world" in result.output
