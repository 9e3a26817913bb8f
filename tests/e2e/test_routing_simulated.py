"""Drafts are tried out on payments that were made, through Envoy, router and gateway, before they are activated."""

import json
from pathlib import Path
from typing import Any

import pytest

from devstack.rest import Rest, expect_ok
from tests.e2e.test_rulesets import Merchant, assert_refused, merchant, to

__all__ = ["merchant"]

pytestmark = pytest.mark.e2e

PATH = "/v1/routing/rulesets:simulate"
PAYMENTS = 4


def simulated(rest: Rest, **body: Any) -> dict[str, Any]:
    return expect_ok(rest.post(PATH, body, money=False), "trying out a ruleset")


def firsts(found: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {each["psp_account"]: (each["in_fact"], each["before"], each["after"]) for each in found["accounts"]}


def test_what_a_draft_would_move_moves_once_it_is_activated(merchant: Merchant) -> None:
    assert {merchant.pays_at() for _ in range(PAYMENTS)} == {"sandbox_a"}
    draft = to("sandbox_b", "sandbox_a")
    found = simulated(merchant.anna, ruleset=draft)
    assert (found["active_version"], found["version"], found["complete"]) == (0, 0, True)
    assert (found["payments"], found["moved"], found["approved_in_fact"]) == (PAYMENTS, PAYMENTS, PAYMENTS)
    assert firsts(found) == {"sandbox_a": (PAYMENTS, PAYMENTS, 0), "sandbox_b": (0, 0, PAYMENTS)}
    assert [(each["rule"], each["payments"]) for each in found["after"]["rules"]] == [("euros", PAYMENTS), ("", 0)]
    for side in ("before", "after"):
        assert 0 < int(found[side]["expected_approvals_ppm"]) <= PAYMENTS * 1_000_000
    [euros] = found["currencies"]
    assert (euros["currency"], euros["payments"], euros["amount"]) == ("EUR", PAYMENTS, str(PAYMENTS * 1000))
    assert len(found["examples"]) == PAYMENTS
    # Nothing is saved, nothing decides otherwise.
    assert merchant.active() == 0
    assert merchant.anna.get("/v1/routing/rulesets").body["rulesets"] == []
    assert merchant.pays_at() == "sandbox_a"
    version = merchant.save("sandbox_b", "sandbox_a")
    assert simulated(merchant.anna, version=version)["moved"] == PAYMENTS + 1
    expect_ok(merchant.activate(version, 0), "activating")
    merchant.pays_soon_at("sandbox_b")
    again = simulated(merchant.anna, version=version)
    assert (again["active_version"], again["moved"]) == (version, 0)
    assert again["payments"] > PAYMENTS + 1


def test_what_a_draft_blocks_is_counted_by_its_rule(merchant: Merchant) -> None:
    merchant.pays_at()
    draft = {"rules": [{"name": "no visa", "condition": 'brand == "visa"', "block": {"reason": "No Visa here."}}]}
    found = simulated(merchant.anna, ruleset=draft, days=1, payments_max=10)
    assert (found["after"]["blocked"], found["before"]["blocked"]) == (1, 0)
    assert found["after"]["expected_approvals_ppm"] == "0"
    assert found["after"]["rules"][0] == {"rule": "no visa", "payments": 1, "failed": 0}
    [example] = found["examples"]
    assert example["after"] == {"psp_account": "", "blocked": True, "rule": "no visa", "reason": "No Visa here."}


def test_each_merchant_tries_out_on_its_own_payments(merchant: Merchant, other_merchant: Rest) -> None:
    merchant.pays_at()
    nobody: dict[str, Any] = {"rules": [], "otherwise": {}}
    for path in (payment["id"] for payment in merchant.anna.get("/v1/payments").body["payments"]):
        assert path not in json.dumps(simulated(other_merchant, ruleset=nobody))
    assert_refused(merchant.operator.post(PATH, {"ruleset": nobody}, money=False), 400, "INVALID_FIELD", "merchant_id")
    assert simulated(merchant.operator, ruleset=nobody, merchant_id=merchant.merchant_id)["payments"] == 1


def test_a_draft_with_an_error_is_refused_with_rule_reason_and_remedy(merchant: Merchant) -> None:
    draft = to("sandbox_b", condition='brand == "vissa"')
    answer = merchant.anna.post(PATH, {"ruleset": draft}, money=False)
    assert_refused(answer, 400, "RULESET_INVALID", 'rule "euros"', 'write "visa"')
    assert_refused(merchant.anna.post(PATH, {"version": 7}, money=False), 404, "RULESET_NOT_FOUND")
    assert_refused(merchant.anna.post(PATH, {}, money=False), 400, "INVALID_FIELD")
    assert_refused(merchant.anna.post(PATH, {"version": 1, "days": 366}, money=False), 400, "INVALID_FIELD", "days")


def test_the_command_shows_both_beside_each_other(merchant: Merchant, tmp_path: Path) -> None:
    for _ in range(2):
        merchant.pays_at()
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(to("sandbox_b")), encoding="utf-8")
    shown = merchant.command("simulate", str(file))
    assert shown.exit_code == 0, shown.output
    assert "the draft (AFTER) beside no ruleset (BEFORE)" in shown.output
    assert "2 of them go elsewhere first (100.0 %)" in shown.output
    version = merchant.save("sandbox_b")
    answered = merchant.command("simulate", "--version", str(version), "--json")
    assert answered.exit_code == 0, answered.output
    assert json.loads(answered.output)["version"] == version
