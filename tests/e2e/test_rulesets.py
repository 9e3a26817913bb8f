"""Rulesets through Envoy: checked, activated, routed by, gone back from, and approved by a second key."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devstack import cli
from devstack.rest import Answer, Rest, expect_ok
from devstack.seed import set_priorities
from tests.e2e.support import VISA, Mesh, until

pytestmark = pytest.mark.e2e

ACCOUNTS = ("sandbox_a", "sandbox_b")
#: A change reaches every process within this time.
SECONDS = 5


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant of its own, with the keys of two people."""

    mesh: Mesh
    merchant_id: str
    anna: Rest
    ben: Rest
    operator: Rest
    key: str

    def save(self, *accounts: str, note: str = "", key: Rest | None = None) -> int:
        """Save a version that sends everything to these accounts."""
        body = {"ruleset": to(*accounts), "note": note}
        answer = (key or self.anna).post("/v1/routing/rulesets", body, money=False)
        return int(expect_ok(answer, "saving a ruleset")["version"])

    def activate(self, version: int, expected: int, key: Rest | None = None) -> Answer:
        body = {"expected_active_version": expected}
        return (key or self.anna).post(f"/v1/routing/rulesets/{version}:activate", body, money=False)

    def roll_back(self, expected: int) -> Answer:
        body = {"expected_active_version": expected}
        return self.anna.post("/v1/routing/active_ruleset:roll_back", body, money=False)

    def active(self) -> int:
        return int(expect_ok(self.anna.get("/v1/routing/active_ruleset"), "what is active")["active_version"])

    def pays_at(self) -> str:
        """Make a payment and give the account that took it."""
        card = {"number": VISA, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        token = expect_ok(self.anna.post("/v1/tokens", {"card": card}, money=False), "a token")["id"]
        body = {"amount": {"value": 1000, "currency": "EUR"}, "token": token}
        payment = expect_ok(self.anna.post("/v1/payments", body, idempotency_key=str(uuid.uuid4())), "a payment")
        return str(payment["attempts"][0]["psp_account"])

    def pays_soon_at(self, account: str) -> None:
        """Wait until payments go to an account."""
        until(self.pays_at, lambda found: found == account, SECONDS)

    def command(self, *arguments: str) -> Result:
        home = str(self.mesh.stack.configuration.home)
        environment = {"PAYERA_API_KEY": self.key}
        return CliRunner(env=environment).invoke(cli.main, ["--home", home, "routing", *arguments])


def to(*accounts: str, condition: str = 'currency == "EUR"') -> dict[str, Any]:
    """Make a ruleset whose one rule sends euros to these accounts."""
    return {"rules": [{"name": "euros", "condition": condition, "route": {"accounts": list(accounts)}}]}


@pytest.fixture
def merchant(mesh: Mesh) -> Merchant:
    configuration = mesh.stack.configuration
    operator = Rest(configuration.rest_url, mesh.merchant.operator_key)
    created = expect_ok(operator.post("/v1/merchants", {"name": "Rules"}, money=False), "creating a merchant")
    path = f"/v1/merchants/{created['id']}/api_keys"
    anna, ben = (
        expect_ok(operator.post(path, {"scope": "SECRET"}, money=False), "creating a key")["key"] for _ in range(2)
    )
    set_priorities(configuration, created["id"], ACCOUNTS)
    url = configuration.rest_url
    return Merchant(mesh, created["id"], Rest(url, anna), Rest(url, ben), operator, anna)


def assert_refused(answer: Answer, status: int, reason: str, *words: str) -> None:
    assert (answer.status, answer.reason) == (status, reason), answer.body
    for word in words:
        assert word in answer.body["message"]


def test_a_draft_with_an_error_is_refused_with_rule_reason_and_remedy(merchant: Merchant, tmp_path: Path) -> None:
    draft = to("sandbox_a", condition='brand == "vissa"')
    answer = merchant.anna.post("/v1/routing/rulesets", {"ruleset": draft}, money=False)
    told = ('rule "euros"', 'no payment has the brand "vissa"', 'write "visa"')
    assert_refused(answer, 400, "RULESET_INVALID", *told)
    [violation] = answer.body["details"][1]["field_violations"]
    assert violation["field"] == "ruleset.rules[0].condition"
    answer = merchant.anna.post("/v1/routing/rulesets", {"ruleset": to("sandbox_z")}, money=False)
    assert_refused(answer, 400, "RULESET_INVALID", "the merchant has no account `sandbox_z`")
    assert merchant.anna.get("/v1/routing/rulesets").body["rulesets"] == []
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(draft), encoding="utf-8")
    checked = merchant.command("rulesets", "check", str(file))
    assert checked.exit_code == 1
    assert '    brand == "vissa"\n             ^\n' in checked.output


def test_a_version_decides_soon_after_it_is_activated_until_it_is_gone_back_from(merchant: Merchant) -> None:
    assert merchant.pays_at() == "sandbox_a"
    first = merchant.save("sandbox_b", note="to b")
    assert merchant.pays_at() == "sandbox_a"
    activated = expect_ok(merchant.activate(first, 0), "activating")
    assert (activated["state"], activated["note"]) == ("ACTIVE", "to b")
    merchant.pays_soon_at("sandbox_b")
    second = merchant.save("sandbox_a")
    assert_refused(merchant.activate(second, 0), 409, "RULESET_CONFLICT", "Version 1 ", "version 0")
    expect_ok(merchant.activate(second, first), "activating")
    merchant.pays_soon_at("sandbox_a")
    back = expect_ok(merchant.roll_back(second), "going back")
    assert back["active_version"] == first
    merchant.pays_soon_at("sandbox_b")
    assert_refused(merchant.roll_back(second), 409, "RULESET_CONFLICT")
    none = expect_ok(merchant.roll_back(first), "going back")
    assert none["active_version"] == 0
    merchant.pays_soon_at("sandbox_a")
    changes = merchant.anna.get("/v1/routing/changes").body["changes"]
    assert [(change["kind"], change["version"]) for change in reversed(changes)] == [
        ("CREATED", first),
        ("ACTIVATED", first),
        ("CREATED", second),
        ("ACTIVATED", second),
        ("ROLLED_BACK", first),
        ("ROLLED_BACK", 0),
    ]
    shown = merchant.command("rulesets", "show", str(first))
    assert "rolled back version 1 in place of 2" in shown.output, shown.output


def test_of_activations_at_once_one_wins(merchant: Merchant) -> None:
    versions = [merchant.save("sandbox_b", note=f"n{number}") for number in range(4)]
    with ThreadPoolExecutor(len(versions)) as pool:
        answers = list(pool.map(lambda version: merchant.activate(version, 0), versions))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    winner = versions[[answer.status for answer in answers].index(200)]
    assert merchant.active() == winner


def test_a_ruleset_with_an_error_by_now_is_not_activated(merchant: Merchant) -> None:
    version = merchant.save("sandbox_b")
    set_priorities(merchant.mesh.stack.configuration, merchant.merchant_id, ("sandbox_a",))
    told = ('rule "euros"', "the merchant has no account `sandbox_b`", "write `sandbox_a`")
    assert_refused(merchant.activate(version, 0), 400, "RULESET_INVALID", *told)
    assert merchant.active() == 0


def test_two_people_where_the_merchant_asks_for_them(merchant: Merchant) -> None:
    policy = {"approval_required": True}
    assert expect_ok(merchant.anna.post("/v1/routing/approval_policy", policy, money=False), "asking")[
        "approval_required"
    ]
    version = merchant.save("sandbox_b")
    approve = f"/v1/routing/rulesets/{version}:approve"
    assert_refused(merchant.activate(version, 0, merchant.ben), 400, "RULESET_NOT_APPROVED")
    assert_refused(merchant.anna.post(approve, {}, money=False), 400, "RULESET_OWN_APPROVAL")
    approved = expect_ok(merchant.ben.post(approve, {}, money=False), "approving")
    assert approved["state"] == "APPROVED"
    expect_ok(merchant.activate(version, 0), "activating")
    lifted = merchant.anna.post("/v1/routing/approval_policy", {"approval_required": False}, money=False)
    assert expect_ok(lifted, "asking no more")["approval_required"]
    lifted = merchant.ben.post("/v1/routing/approval_policy", {"approval_required": False}, money=False)
    assert not expect_ok(lifted, "asking no more")["approval_required"]


def test_operators_name_the_merchant_and_others_reach_nothing(merchant: Merchant, other_merchant: Rest) -> None:
    version = merchant.save("sandbox_b")
    path = f"/v1/routing/rulesets/{version}"
    assert_refused(merchant.operator.get(path), 400, "INVALID_FIELD", "merchant_id")
    read = expect_ok(merchant.operator.get(f"{path}?merchant_id={merchant.merchant_id}"), "an operator reads")
    assert read["version"] == version
    assert_refused(other_merchant.get(path), 404, "RULESET_NOT_FOUND")
    assert_refused(other_merchant.get(f"{path}?merchant_id={merchant.merchant_id}"), 400, "INVALID_FIELD")
    publishable = Rest(merchant.mesh.stack.configuration.rest_url, merchant.mesh.merchant.publishable_key)
    assert_refused(publishable.get(path), 403, "API_KEY_SCOPE")
