"""Why a payment went where it went, through the edge: explained to its merchant alone; a rule that blocks is named."""

from typing import Any

import pytest
from click.testing import CliRunner

from devstack import cli
from devstack.rest import Rest, expect_ok
from tests.e2e.support import Mesh, until

#: Declined at sandbox_a alone, see docs/sandbox.md.
CASCADABLE_DECLINE = 410_105
NEW_MERCHANT_SECONDS = 15
"""A ruleset decides in every process within 5 seconds."""


def explained(rest: Rest, payment_id: str) -> dict[str, Any]:
    return expect_ok(rest.get(f"/v1/payments/{payment_id}/routing"), "an explanation")


def test_a_cascade_tells_each_account_and_what_became_of_it(mesh: Mesh) -> None:
    payment = mesh.pay(CASCADABLE_DECLINE)
    assert payment["status"] == "SUCCEEDED"
    routing = explained(mesh.rest, payment["id"])
    assert (routing["payment_id"], routing["status"], routing["complete"]) == (payment["id"], "SUCCEEDED", True)
    eligible = [each for each in routing["candidates"] if each["eligible"]]
    assert [each["rank"] for each in eligible] == list(range(1, len(eligible) + 1))
    assert [(each["psp_account"], each["outcome"]) for each in eligible[:2]] == [
        ("sandbox_a", f"declined with {payment['attempts'][0]['decline']['code']}"),
        ("sandbox_b", "approved"),
    ]
    assert all(each["reason"] for each in routing["candidates"])
    first, second = routing["attempts"]
    assert [first["id"], second["id"]] == [attempt["id"] for attempt in payment["attempts"]]
    assert first["route_reason"] == payment["attempts"][0]["route_reason"]
    assert second["passed_over"][0]["psp_account"] == "sandbox_a"
    assert second["passed_over"][0]["attempt_id"] == first["id"]
    assert routing["stopped"] == ""


def test_another_merchants_payment_is_not_explained(mesh: Mesh, other_merchant: Rest) -> None:
    payment = mesh.pay()
    answer = other_merchant.get(f"/v1/payments/{payment['id']}/routing")
    assert (answer.status, answer.reason) == (404, "PAYMENT_NOT_FOUND")


def test_the_command_shows_the_same(mesh: Mesh) -> None:
    payment = mesh.pay(CASCADABLE_DECLINE)
    home = str(mesh.stack.configuration.home)
    result = CliRunner().invoke(cli.main, ["--home", home, "routing", "explain", payment["id"]])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"{payment['id']}  SUCCEEDED")
    assert "sandbox_b" in result.output


@pytest.fixture
def shop(mesh: Mesh) -> Mesh:
    """A merchant of its own, whose rules are nobody else's."""
    operator = Rest(mesh.stack.configuration.rest_url, mesh.merchant.operator_key)
    created = expect_ok(operator.post("/v1/merchants", {"name": "Rules"}, money=False), "creating a merchant")
    path = f"/v1/merchants/{created['id']}/api_keys"
    key = expect_ok(operator.post(path, {"scope": "SECRET"}, money=False), "creating a key")["key"]
    made = Mesh(mesh.stack, mesh.merchant)
    made.rest = Rest(mesh.stack.configuration.rest_url, key)
    return made


def activate(rest: Rest, ruleset: dict[str, Any]) -> int:
    saved = expect_ok(rest.post("/v1/routing/rulesets", {"ruleset": ruleset}, money=False), "saving a ruleset")
    path = f"/v1/routing/rulesets/{saved['version']}:activate"
    expect_ok(rest.post(path, {"expected_active_version": 0}, money=False), "activating it")
    return int(saved["version"])


def test_a_rule_decides_blocks_and_is_named(shop: Mesh) -> None:
    version = activate(
        shop.rest,
        {
            "rules": [
                {"name": "no small change", "condition": "amount < 100", "block": {"reason": "too small for us"}},
                {"name": "all else", "condition": "", "route": {"accounts": ["sandbox_b", "sandbox_a"]}},
            ]
        },
    )
    answer = until(
        lambda: shop.create(99), lambda found: found.reason == "PAYMENT_BLOCKED", seconds=NEW_MERCHANT_SECONDS
    )
    assert answer.status == 400
    assert "too small for us" in answer.body["message"]
    assert "no small change" in answer.body["message"]
    payment = shop.pay(1000)
    routing = explained(shop.rest, payment["id"])
    assert (routing["ruleset_version"], routing["rule"]) == (version, "all else")
    assert payment["attempts"][0]["psp_account"] == "sandbox_b"
