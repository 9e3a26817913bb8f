"""Payments whose shopper must authenticate, through the edge, at PSPs that go on by themselves afterwards.

The shopper is a browser's requests: it opens the page that the payment names, presses a button, and is sent back.
"""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from devstack.rest import Answer, Rest, expect_ok
from devstack.sandbox.keys import key_of, webhook_secret_of
from devstack.seed import set_priorities
from tests.e2e.support import VISA, Mesh, until
from tests.support.sandbox_psp import ThreadedLab, sandbox_in_thread

pytestmark = pytest.mark.e2e

RETURN_URL: Final = "https://shop.example/back?order=17"
#: Wants a challenge at Stripe and at the sandbox's own API.
CHALLENGED: Final = "4000002760003184"
#: The router and the gateway know new accounts and rules within some seconds.
NEWS_SECONDS: Final = 30
SPARE: Final = "sandbox_b"
#: Declined with `issuer_unavailable`, which may move on, see docs/sandbox.md.
CASCADABLE: Final = 400_191


@dataclass(frozen=True)
class Shop:
    """A merchant whose rule requires 3-D Secure at one account, with others to go on to."""

    mesh: Mesh
    rest: Rest
    account: str
    lab: ThreadedLab

    def create(self, amount: int = 1000, *, number: str = CHALLENGED, return_url: str = RETURN_URL) -> Answer:
        card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        token = expect_ok(self.rest.post("/v1/tokens", {"card": card}, money=False), "a token")["id"]
        body: dict[str, Any] = {"amount": {"value": amount, "currency": "EUR"}, "token": token}
        if return_url:
            body["return_url"] = return_url
        return self.rest.post("/v1/payments", body, idempotency_key=str(uuid.uuid4()))

    def pay(self, amount: int = 1000) -> dict[str, Any]:
        """Make a payment that waits for its shopper."""
        payment = expect_ok(self.create(amount), "a payment")
        assert (payment["status"], payment["attempts"][-1]["status"]) == ("REQUIRES_ACTION", "ACTION_REQUIRED")
        action = payment["next_action"]
        assert (action["kind"], action["method"]) == ("REDIRECT", "GET")
        assert action["expire_time"]
        return payment

    def settled(self, payment: dict[str, Any]) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            return expect_ok(self.rest.get(f"/v1/payments/{payment['id']}"), "reading a payment")

        found = until(read, lambda each: each["status"] not in {"PROCESSING", "REQUIRES_ACTION"}, 120)
        assert "next_action" not in found
        return found

    def truth(self, payment: dict[str, Any]) -> list[dict[str, Any]]:
        """Give what is held or taken for a payment, at the accounts of the lab and the stack's own."""
        url = f"http://127.0.0.1:{self.lab.lab.sandbox.control_port}/control/truth?prefix={payment['id']}_"
        charges = [*self.mesh.truth(payment["id"]), *_get_json(url)["charges"]]
        return [charge for charge in charges if charge["status"] == "approved" and not charge["voided"]]

    def webhooks(self, mode: str) -> None:
        url = f"http://127.0.0.1:{self.lab.lab.sandbox.control_port}/control/accounts/{self.account}/webhooks"
        request = urllib.request.Request(url, method="PUT", headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, data=f'{{"mode": "{mode}"}}'.encode(), timeout=10) as answer:
            answer.read()


def _get_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


class _StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def visit(payment: dict[str, Any], button: str) -> str:
    """Open the page that the payment names and press one of its buttons; gives where the shopper is sent."""
    url = payment["next_action"]["url"]
    with urllib.request.urlopen(url, timeout=10) as page:
        shown = page.read().decode()
    assert re.search(f'<button name="outcome" value="{button}">', shown)
    opener = urllib.request.build_opener(_StayHere)
    data = urllib.parse.urlencode({"outcome": button}).encode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(urllib.request.Request(url, method="POST"), data=data, timeout=10)
    with caught.value as answer:
        assert answer.code == 303
        return str(answer.headers["location"])


def _entry(account: str, dialect: str, edge: str) -> dict[str, Any]:
    return {
        "account": account,
        "dialect": dialect,
        "api_key": key_of(dialect, uuid.uuid4().hex),
        "webhook_secret": webhook_secret_of(dialect, uuid.uuid4().hex.upper() * 2),
        "webhook_url": f"{edge}/v1/psp-webhooks/{account}",
    }


def _shop(mesh: Mesh, lab: ThreadedLab, account: str) -> Shop:
    configuration = mesh.stack.configuration
    operator = Rest(configuration.rest_url, mesh.merchant.operator_key)
    merchant = expect_ok(operator.post("/v1/merchants", {"name": f"3DS {account}"}, money=False), "a merchant")
    path = f"/v1/merchants/{merchant['id']}/api_keys"
    rest = Rest(
        configuration.rest_url, expect_ok(operator.post(path, {"scope": "SECRET"}, money=False), "a key")["key"]
    )
    set_priorities(configuration, merchant["id"], [account, SPARE])
    rule = {"name": "strong", "condition": "", "route": {"accounts": [account, SPARE]}, "step_up": "REQUIRE"}
    ruleset = {"ruleset": {"rules": [rule]}}
    saved = until(
        lambda: rest.post("/v1/routing/rulesets", ruleset, money=False), lambda found: found.status == 200, NEWS_SECONDS
    )
    activate = f"/v1/routing/rulesets/{saved.body['version']}:activate"
    expect_ok(rest.post(activate, {"expected_active_version": 0}, money=False), "activating it")
    shop = Shop(mesh, rest, account, lab)
    # The rule is in force once a payment without a way back is refused for it.
    until(
        lambda: shop.create(number=VISA, return_url=""),
        lambda answer: "`return_url`" in str(answer.body.get("message", "")),
        NEWS_SECONDS,
    )
    return shop


@pytest.fixture(scope="module")
def shops(mesh: Mesh) -> Iterator[dict[str, Shop]]:
    edge = mesh.stack.configuration.rest_url
    operator = Rest(edge, mesh.merchant.operator_key)
    names = {dialect: f"{dialect}_3ds_{uuid.uuid4().hex[:8]}" for dialect in ("stripe", "checkout")}
    entries = [_entry(name, dialect, edge) for dialect, name in names.items()]
    with sandbox_in_thread(*entries, described=False) as lab:
        for dialect, name in names.items():
            entry = next(each for each in entries if each["account"] == name)
            url = f"http://127.0.0.1:{lab.lab.sandbox.ports[name]}"
            body = {"account": name, "connector": dialect, "base_url": url, "api_key": entry["api_key"]}
            expect_ok(operator.post("/v1/psp_accounts", body, money=False), "an account")
            path = f"/v1/psp_accounts/{name}/webhook_secrets"
            expect_ok(operator.post(path, {"secret": entry["webhook_secret"]}, money=False), "a webhook secret")
        yield {kind: _shop(mesh, lab, names.get(kind, "sandbox_a")) for kind in ("payera", "stripe", "checkout")}


KINDS = pytest.mark.parametrize("kind", ["payera", "stripe", "checkout"])


@KINDS
def test_a_shopper_who_passes_has_paid(shops: dict[str, Shop], kind: str) -> None:
    shop = shops[kind]
    payment = shop.pay()
    assert shop.truth(payment) == []
    assert visit(payment, "complete").startswith(RETURN_URL)
    settled = shop.settled(payment)
    assert (settled["status"], int(settled["amount_captured"]), len(settled["attempts"])) == ("SUCCEEDED", 1000, 1)
    [charge] = shop.truth(payment)
    assert charge["captured"] == 1000
    names = [event.type for event in shop.mesh.events(payment["id"], "PAYMENT_SUCCEEDED")]
    assert len(names) == 3


@KINDS
def test_a_shopper_who_fails_has_not_paid_and_no_other_psp_is_asked(shops: dict[str, Shop], kind: str) -> None:
    shop = shops[kind]
    payment = shop.pay()
    visit(payment, "fail")
    settled = shop.settled(payment)
    assert (settled["status"], settled["decline"]["code"]) == ("DECLINED", "authentication_failed")
    assert (len(settled["attempts"]), shop.truth(payment)) == (1, [])


@pytest.mark.parametrize("kind", ["payera", "stripe"])
def test_a_shopper_who_never_comes_ends_in_a_cancelled_payment(shops: dict[str, Shop], kind: str) -> None:
    shop = shops[kind]
    payment = shop.pay()
    settled = shop.settled(payment)
    assert (settled["status"], settled["decline"]["code"]) == ("DECLINED", "authentication_abandoned")
    assert not settled.get("under_review")
    visit_later = urllib.request.Request(payment["next_action"]["url"], method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(_StayHere).open(visit_later, data=b"outcome=complete", timeout=10)
    caught.value.close()
    assert shop.truth(payment) == [], "what was cancelled can't be completed any more"
    kept = shop.rest.get(f"/v1/payments/{payment['id']}").body
    assert kept["status"] == "DECLINED"


@pytest.mark.parametrize("kind", ["stripe", "checkout"])
def test_a_lost_webhook_is_made_up_for_by_asking(shops: dict[str, Shop], kind: str) -> None:
    shop = shops[kind]
    shop.webhooks("missing")
    try:
        payment = shop.pay()
        visit(payment, "complete")
        assert shop.settled(payment)["status"] == "SUCCEEDED"
    finally:
        shop.webhooks("normal")
    assert len(shop.truth(payment)) == 1


def test_an_issuer_who_declines_after_the_challenge_lets_the_payment_go_on(shops: dict[str, Shop]) -> None:
    shop = shops["payera"]
    # Magic at sandbox_a alone.
    payment = shop.pay(CASCADABLE + 10_000)
    visit(payment, "complete")

    def second() -> dict[str, Any]:
        return expect_ok(shop.rest.get(f"/v1/payments/{payment['id']}"), "reading a payment")

    waits = until(second, lambda found: len(found["attempts"]) == 2 and found["status"] == "REQUIRES_ACTION", 60)
    assert waits["attempts"][0]["decline"]["code"] == "issuer_unavailable"
    assert waits["next_action"]["url"] != payment["next_action"]["url"]
    visit(waits, "complete")
    settled = shop.settled(payment)
    assert [attempt["status"] for attempt in settled["attempts"]] == ["DECLINED", "APPROVED"]
    assert len(shop.truth(payment)) == 1


def test_what_is_for_the_browser_is_in_no_event(shops: dict[str, Shop]) -> None:
    shop = shops["payera"]
    payment = shop.pay()
    events = shop.mesh.events(payment["id"], "PAYMENT_REQUIRES_ACTION")
    assert [event.payment.status for event in events] == ["PROCESSING", "REQUIRES_ACTION"]
    told = b"".join(event.SerializeToString() for event in events)
    assert b"seal=" not in told
    assert b"shop.example" not in told
    rows = shop.mesh.rows("SELECT data::text FROM gateway.outbox WHERE payment_id = %s", payment["id"])
    assert all("seal=" not in row["data"] and "shop.example" not in row["data"] for row in rows)


@pytest.mark.parametrize("url", ["http://shop.example/", "javascript:alert(1)", "https://user:pw@shop.example/"])
def test_an_address_to_which_no_shopper_is_sent_is_refused(shops: dict[str, Shop], url: str) -> None:
    answer = shops["payera"].create(return_url=url)
    assert (answer.status, answer.reason) == (400, "INVALID_FIELD")
    assert "return_url" in answer.body["message"]
