"""`payera routing simulate` against a REST server that answers as it is told: what is sent, shown, and how it ends."""

import copy
import json
from typing import Any

import pytest

from devstack.routing.simulation_report import simulation_lines
from tests.unit.devstack.test_routing_rulesets import (
    INVALID,
    PROBLEM,
    VERSION,
    YAML,
    Desk,
    desk,  # noqa: F401 - a fixture
)

SIMULATE = "POST /v1/routing/rulesets:simulate"
SIDE = {
    "blocked": 0,
    "not_served": 0,
    "three_ds_required": 0,
    "three_ds_skipped": 0,
    "expected_approvals_ppm": "1807420000",
    "rules": [{"rule": "euros", "payments": 1500, "failed": 7}, {"rule": "", "payments": 500, "failed": 0}],
}
FOUND: dict[str, Any] = {
    "active_version": 6,
    "version": 7,
    "payments": 2000,
    "oldest_time": "2026-11-02T08:14:09.120Z",
    "newest_time": "2026-11-20T14:01:33Z",
    "complete": True,
    "moved": 431,
    "approved_in_fact": 1804,
    "open": 2,
    "before": SIDE,
    "after": SIDE
    | {
        "blocked": 19,
        "expected_approvals_ppm": "1793160000",
        "rules": [
            {"rule": "no prepaid", "payments": 19, "failed": 3},
            {"rule": "euros", "payments": 1490, "failed": 0},
            {"rule": "", "payments": 491, "failed": 0},
        ],
    },
    "accounts": [{"psp_account": "a", "in_fact": 1904, "before": 2000, "after": 1550}],
    "currencies": [
        {
            "currency": "EUR",
            "payments": 1999,
            "amount": "9461200",
            "before": {"approved": "8551033", "fees": "163940"},
            "after": {"approved": "8618402", "fees": "151275"},
        },
        {
            "currency": "JPY",
            "payments": 1,
            "amount": "5000",
            "before": {"approved": "4500", "fees": "0"},
            "after": {"approved": "4400", "fees": "10"},
        },
    ],
    "examples": [
        {
            "payment_id": "pay_1",
            "amount": "4205",
            "currency": "EUR",
            "before": {"psp_account": "a", "blocked": False, "rule": "", "reason": "priority 1 of 2"},
            "after": {"psp_account": "", "blocked": True, "rule": "no prepaid", "reason": "No prepaid cards."},
        }
    ],
    "learning_current": True,
    "troubled_accounts": [],
}


def shown(**changes: Any) -> list[str]:
    return list(simulation_lines(copy.deepcopy(FOUND) | changes))


def test_a_file_is_sent_and_the_difference_shown(desk: Desk) -> None:  # noqa: F811
    desk.answers[SIMULATE] = (200, FOUND | {"version": 0})
    result = desk.call("simulate", desk.file(), "--days", "7", "--payments", "500")
    assert result.exit_code == 0, result.output
    [(_, asked, body)] = desk.asked
    assert (asked, body["days"], body["payments_max"]) == (SIMULATE, 7, 500)
    assert body["ruleset"]["rules"][0]["name"] == "no prepaid"
    assert "version" not in body
    assert "the draft (AFTER) beside version 6 (BEFORE)" in result.output
    assert f"nothing was changed; next: payera routing rulesets create {desk.home / 'rules.yaml'}" in result.output


def test_a_saved_version_is_named(desk: Desk) -> None:  # noqa: F811
    desk.answers["GET /v1/routing/rulesets/7"] = (200, VERSION)
    desk.answers[SIMULATE] = (200, FOUND)
    result = desk.call("simulate", "--version", "7")
    assert result.exit_code == 0, result.output
    assert desk.asked[-1][1:] == (SIMULATE, {"version": 7, "days": 30, "payments_max": 2000})
    assert "next: payera routing rulesets activate 7" in result.output
    assert json.loads(desk.call("simulate", "--version", "7", "--json").output) == FOUND


def test_an_operator_names_the_merchant(desk: Desk) -> None:  # noqa: F811
    desk.answers[SIMULATE] = (200, FOUND)
    assert desk.call("simulate", desk.file(), "--operator").exit_code == 0
    assert desk.asked[-1][2]["merchant_id"] == "mer_1"


def test_both_rulesets_stand_beside_each_other() -> None:
    lines = shown()
    for line in (
        "version 7 (AFTER) beside version 6 (BEFORE)",
        "2,000 payments from 2026-11-02 08:14 to 2026-11-20 14:01 UTC; 1,804 of 1,998 were approved (90.3 %)",
        "431 of them go elsewhere first (21.6 %)",
        "expected approvals    1,807.4    1,793.2       -14.2",
        "  in % of payments       90.4       89.7        -0.7",
        "blocked by a rule           0         19         +19",
        "EUR approved        85,510.33  86,184.02     +673.69",
        "EUR fees             1,639.40   1,512.75     -126.65",
        "JPY approved            4,500      4,400        -100",
        "a                1,904   2,000  1,550        -450",
        "no prepaid       -     19                 3",
        "euros        1,500  1,490",
        "(no rule)      500    491",
        "  pay_1  EUR 42.05",
        "    from a: priority 1 of 2",
        '    to   nowhere, blocked, rule "no prepaid": No prepaid cards.',
    ):
        assert line in lines, "\n".join(lines)
    assert not any("3-D Secure" in line or "time ran out" in line for line in lines)


def test_what_makes_the_numbers_less_sure_is_said() -> None:
    lines = shown(complete=False, learning_current=False, troubled_accounts=["a", "b"], active_version=0)
    assert "version 7 (AFTER) beside no ruleset (BEFORE)" in lines
    assert "time ran out before all were looked at: ask for fewer with --payments" in lines
    assert any("has not caught up" in line for line in lines)
    assert "technical errors keep payments from a, b just now, on both sides" in lines


def test_no_payments_are_nothing_to_compare() -> None:
    lines = shown(payments=0, accounts=[], currencies=[], examples=[])
    assert lines[1:] == ["there is no payment in that time to try it out on"]


def test_payments_of_which_nothing_is_known_yet_are_no_share() -> None:
    assert any("0 of 0 were approved (-)" in line for line in shown(payments=2, open=2, approved_in_fact=0))


def test_a_ruleset_that_can_not_be_used_is_told_of_and_ends_with_1(desk: Desk) -> None:  # noqa: F811
    desk.answers[SIMULATE] = (400, INVALID)
    desk.answers["POST /v1/routing/rulesets:check"] = (200, {"usable": False, "problems": [PROBLEM]})
    result = desk.call("simulate", desk.file())
    assert result.exit_code == 1
    assert 'instead: write "prepaid"' in result.output


@pytest.mark.parametrize("both", [True, False])
def test_either_a_file_or_a_version(desk: Desk, both: bool) -> None:  # noqa: F811
    result = desk.call("simulate", *([desk.file(YAML), "--version", "7"] if both else []))
    assert result.exit_code == 2
    assert "name either a FILE or a saved version" in result.output
    assert desk.asked == []
