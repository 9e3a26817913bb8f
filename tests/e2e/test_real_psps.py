"""Payments at every PSP's wire API, through Envoy, with the PSP's webhooks coming back through Envoy.

The PSPs are the sandbox's dialects in this process; their truth ledger says what really happened.
"""

import itertools
import json
import os
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from devstack.rest import Rest, expect_ok
from devstack.sandbox.dialects.paypal.certificates import root_pem
from devstack.sandbox.magic import ACCOUNT_STEP, FIRST_AMOUNT
from devstack.seed import merchant_at
from tests.e2e.support import FINAL, Mesh, until
from tests.e2e.test_leaks import scanned
from tests.support.sandbox_psp import ThreadedLab, sandbox_in_thread

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3000)]

PSPS = ("stripe", "adyen", "checkout", "paypal")
PLANTED = {psp: f"sk_sbox_planted_{psp}_{uuid.uuid4().hex}" for psp in PSPS}
WEBHOOK_SECRET = uuid.uuid4().hex.upper() * 2
MERCHANT_ACCOUNT = "PayeraE2E"
CLIENT_ID = "AQkquBDf1zctJOWGKWUEtKXm6qVhueUEMvXO_-MCI4DQQ4-LWvkDLIN2fGsd"
WEBHOOK_ID = "1JE4291016473214C"
CARD = "5105105105105100"
CARD_CODE = "739"
ISSUER_AWAY = 191
OPERATIONS = ("authorize", "capture", "void", "refund")
#: Never reaches the books: nothing was done.
NOT_DONE = frozenset({"refuse", "reset_before", "server_error_before"})
FAULTS = (
    *("reset_after", "timeout_then_success", "timeout_then_decline", "slow", "garbage", "truncated", "wrong_amount"),
    *("duplicate", "server_error_after", *sorted(NOT_DONE)),
)
WEBHOOKS = ("first", "late", "twice", "missing")
#: Longer than a PSP call may take on this stack, see conftest.
SLOW_MS = 3000
Case = tuple[str, str, str]
WHOLE: list[Case] = list(itertools.product(OPERATIONS, FAULTS, WEBHOOKS))
#: Enough for every change; all of them take a quarter of an hour.
USUAL: list[Case] = [
    case for case in WHOLE if case[1] == "reset_after" or case[:2] == ("authorize", "server_error_before")
]
CASES = WHOLE if os.environ.get("PAYERA_WHOLE_MATRIX") else USUAL
#: A release answers when the receiver has, and tries again meanwhile.
CONTROL_SECONDS = 60
SETTLED = frozenset({"SUCCEEDED", "FAILED"})


@dataclass
class Psps:
    """The four PSPs and a merchant whose payments go to them."""

    mesh: Mesh
    lab: ThreadedLab
    accounts: dict[str, str]

    def control(self, psp: str, method: str, path: str, **body: Any) -> Any:
        port = self.lab.lab.sandbox.control_port
        url = f"http://127.0.0.1:{port}/control/accounts/{self.accounts[psp]}/{path}"
        request = urllib.request.Request(url, method=method, headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, data=json.dumps(body).encode(), timeout=CONTROL_SECONDS) as answer:
            return json.load(answer)

    def faults(self, psp: str) -> list[Any]:
        """Give the faults in force at a PSP."""
        port = self.lab.lab.sandbox.control_port
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/control/accounts", timeout=CONTROL_SECONDS) as answer:
            listed = json.load(answer)["accounts"]
        return next(list(each["faults"]) for each in listed if each["account"] == self.accounts[psp])

    def truth(self, payment_id: str) -> list[dict[str, Any]]:
        """Give the charges that hold or took money for a payment, over all PSPs."""
        port = self.lab.lab.sandbox.control_port
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/control/truth?prefix={payment_id}_", timeout=10
        ) as answer:
            return [charge for charge in json.load(answer)["charges"] if charge["status"] == "approved"]

    def route(self, *psps: str) -> str:
        """Make a merchant whose payments go to these PSPs, best first, and give its key."""
        accounts = [self.accounts[psp] for psp in psps]
        return merchant_at(self.mesh.stack.configuration, self.mesh.merchant.operator_key, " ".join(psps), accounts)


@dataclass
class Till:
    """A merchant of its own, whose payments go to one PSP or several."""

    psps: Psps
    rest: Rest

    def pay(self, amount: int = 1050, *, manual: bool = False) -> dict[str, Any]:
        card = {"number": CARD, "exp_month": 12, "exp_year": 2040, "cvc": CARD_CODE}
        token = expect_ok(self.rest.post("/v1/tokens", {"card": card}, money=False), "a token")["id"]
        method = "MANUAL" if manual else "AUTOMATIC"
        body = {"amount": {"value": amount, "currency": "EUR"}, "token": token, "capture_method": method}
        return expect_ok(self.rest.post("/v1/payments", body), "a payment")

    def read(self, payment_id: str) -> dict[str, Any]:
        return expect_ok(self.rest.get(f"/v1/payments/{payment_id}"), "reading a payment")

    def settled(self, payment_id: str) -> dict[str, Any]:
        """Wait until nothing of a payment is under way."""
        return until(lambda: self.read(payment_id), is_settled, 60)

    def capture(self, payment_id: str) -> None:
        expect_ok(self.rest.post(f"/v1/payments/{payment_id}:capture", {}), "a capture")

    def void(self, payment_id: str) -> None:
        expect_ok(self.rest.post(f"/v1/payments/{payment_id}:void", {}), "a void")

    def refund(self, payment_id: str, amount: int) -> str:
        body = {"amount": amount}
        return str(expect_ok(self.rest.post(f"/v1/payments/{payment_id}/refunds", body), "a refund")["id"])

    def refunded(self, refund_id: str) -> dict[str, Any]:
        """Wait until a refund is settled."""
        return until(lambda: self.rest.get(f"/v1/refunds/{refund_id}").body, lambda it: it["status"] in SETTLED, 60)


def is_settled(payment: dict[str, Any]) -> bool:
    parts = [*payment.get("captures", ()), *payment.get("voids", ())]
    return payment["status"] in FINAL and all(part["status"] in SETTLED for part in parts)


@pytest.fixture(scope="module")
def psps(mesh: Mesh) -> Iterator[Psps]:
    suffix = uuid.uuid4().hex[:8]
    accounts = {psp: f"{psp}_{suffix}" for psp in PSPS}
    edge = mesh.stack.configuration.rest_url
    settings = {
        "adyen": {"merchant_account": MERCHANT_ACCOUNT},
        "paypal": {"client_id": CLIENT_ID, "webhook_id": WEBHOOK_ID},
    }
    entries = [
        {
            "account": accounts[psp],
            "dialect": psp,
            "api_key": PLANTED[psp],
            "settings": settings.get(psp, {}),
            "webhook_secret": WEBHOOK_SECRET,
            "webhook_url": f"{edge}/v1/psp-webhooks/{accounts[psp]}",
        }
        for psp in PSPS
    ]
    with sandbox_in_thread(*entries) as lab:
        operator = Rest(edge, mesh.merchant.operator_key)
        for psp in PSPS:
            _set_up(operator, psp, accounts[psp], f"http://127.0.0.1:{lab.lab.sandbox.ports[accounts[psp]]}")
        yield Psps(mesh, lab, accounts)


def _set_up(operator: Rest, psp: str, account: str, url: str) -> None:
    more: dict[str, dict[str, Any]] = {
        "adyen": {
            "base_url": f"{url}/v72",
            "settings": {"merchant_account": MERCHANT_ACCOUNT, "return_url": "https://shop.example/return"},
        },
        "paypal": {
            "settings": {"client_id": CLIENT_ID, "webhook_id": WEBHOOK_ID},
            "secrets": {"webhook_roots": root_pem(PLANTED[psp]).strip()},
        },
    }
    body: dict[str, Any] = {"account": account, "connector": psp, "base_url": url, "api_key": PLANTED[psp]} | more.get(
        psp, {}
    )
    expect_ok(operator.post("/v1/psp_accounts", body, money=False), f"an account at {psp}")
    if psp != "paypal":
        path = f"/v1/psp_accounts/{account}/webhook_secrets"
        expect_ok(operator.post(path, {"secret": WEBHOOK_SECRET}, money=False), "a webhook secret")


def till(psps: Psps, *names: str) -> Till:
    return Till(psps, Rest(psps.mesh.stack.configuration.rest_url, psps.route(*names)))


@pytest.mark.parametrize("psp", PSPS)
def test_a_payment_from_authorization_to_refund_is_what_the_psp_did(psps: Psps, psp: str) -> None:
    shop = till(psps, psp)
    at_once = shop.settled(shop.pay()["id"])
    assert (at_once["status"], at_once["attempts"][0]["psp_account"]) == ("SUCCEEDED", psps.accounts[psp])
    held = shop.settled(shop.pay(manual=True)["id"])
    assert held["status"] == "AUTHORIZED"
    shop.capture(held["id"])
    assert shop.settled(held["id"])["status"] == "SUCCEEDED"
    for payment_id in (at_once["id"], held["id"]):
        assert shop.refunded(shop.refund(payment_id, 400))["status"] == "SUCCEEDED"
        [charge] = psps.truth(payment_id)
        assert (charge["authorized"], charge["captured"], charge["refunded"]) == (1050, 1050, 400)
    released = shop.settled(shop.pay(manual=True)["id"])
    shop.void(released["id"])
    assert shop.settled(released["id"])["status"] == "VOIDED"
    assert all(charge["voided"] for charge in psps.truth(released["id"]))


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(PSPS, 2)))
def test_a_cascade_runs_from_each_psp_to_each_other(psps: Psps, first: str, second: str) -> None:
    shop = till(psps, first, second)
    amount = FIRST_AMOUNT + (PSPS.index(first) + 1) * ACCOUNT_STEP + ISSUER_AWAY
    payment = shop.settled(shop.pay(amount)["id"])
    told = [(attempt["psp_account"], attempt["status"]) for attempt in payment["attempts"]]
    assert told == [(psps.accounts[first], "DECLINED"), (psps.accounts[second], "APPROVED")]
    assert payment["attempts"][0]["decline"]["code"] == "issuer_unavailable"
    [charge] = psps.truth(payment["id"])
    assert (charge["account"], charge["captured"]) == (psps.accounts[second], amount)


def must_settle(psp: str, case: Case) -> bool:
    """Tell whether somebody can learn within a minute what became of the operation.

    Adyen can't be asked, so what it has only acknowledged is told by its webhook alone. Checkout.com can't be asked
    about an authorization whose id was lost, and nothing is repeated there.
    """
    operation, fault, webhooks = case
    if fault in {"refuse", "duplicate"} and (psp, webhooks) != ("adyen", "missing"):
        return True
    if webhooks == "missing" and (psp, operation == "authorize") in {("adyen", False), ("checkout", True)}:
        return False
    return not (psp == "checkout" and fault in NOT_DONE)


def play(psps: Psps, shop: Till, psp: str, case: Case) -> None:
    """Play one case, and compare what is recorded with what the PSP did."""
    operation, fault, webhooks = case
    payment_id = ""
    if operation != "authorize":
        payment_id = shop.settled(shop.pay(manual=operation != "refund")["id"])["id"]
    psps.control(psp, "PUT", "webhooks", mode=webhooks)
    delay = {"delay_ms": SLOW_MS} if fault == "slow" else {}
    psps.control(psp, "PUT", "faults", mode=fault, operation=operation, count=1, **delay)
    refund_id = ""
    if operation == "authorize":
        payment_id = shop.pay()["id"]
    elif operation == "refund":
        refund_id = shop.refund(payment_id, 400)
    else:
        (shop.capture if operation == "capture" else shop.void)(payment_id)
    assert fault == "refuse" or not psps.faults(psp), "the fault was met"
    psps.control(psp, "DELETE", "faults")
    if webhooks == "late":
        psps.control(psp, "POST", "webhooks:release")
    settles = must_settle(psp, case)
    refund = shop.refunded(refund_id) if settles and refund_id else None
    payment = shop.settled(payment_id) if settles else shop.read(payment_id)
    if webhooks == "late":
        # All of it once more: nothing may change.
        psps.control(psp, "POST", "webhooks:release", again=True)
        assert shop.read(payment_id)["status"] == payment["status"]
    compare(payment, refund, psps.truth(payment_id), case, settles=settles)


def compare(
    payment: dict[str, Any], refund: dict[str, Any] | None, charges: list[dict[str, Any]], case: Case, *, settles: bool
) -> None:
    """Hold a payment against the PSP's truth; what is still open must say so."""
    operation, fault, _ = case
    assert len(charges) <= 1
    assert not payment["under_review"]
    open_parts = [*payment["captures"], *payment["voids"]]
    is_open = payment["status"] == "PROCESSING" or any(part["status"] == "PROCESSING" for part in open_parts)
    if not settles and (is_open or operation == "refund"):
        return
    charge = charges[0] if charges else {"authorized": 0, "captured": 0, "refunded": 0, "voided": False}
    if not charges:
        assert payment["status"] in {"DECLINED", "FAILED"}
    recorded = tuple(int(payment[f"amount_{name}"]) for name in ("authorized", "captured", "refunded"))
    assert recorded == (charge["authorized"], charge["captured"], charge["refunded"])
    assert (payment["status"] == "VOIDED") == charge["voided"]
    done = {
        "authorize": charge["authorized"] == 1050,
        "capture": charge["captured"] == 1050,
        "void": charge["voided"],
        "refund": charge["refunded"] == 400,
    }[operation]
    # What was refused before it was sent is told as failed, what was lost on the way is done in the end.
    assert done == (fault not in {"refuse", "timeout_then_decline"})
    assert refund is None or (refund["status"] == "SUCCEEDED") == done


def test_faults_and_webhooks_in_every_order_end_as_the_psp_says(psps: Psps) -> None:
    """Each PSP in a thread of its own: what one does is nothing to the others."""

    def play_all(psp: str) -> list[str]:
        shop = till(psps, psp)
        failures = []
        for case in CASES:
            try:
                play(psps, shop, psp, case)
            except AssertionError as error:
                failures.append(f"{psp} {case}: {str(error)[:600]}")
            finally:
                psps.control(psp, "DELETE", "faults")
                psps.control(psp, "PUT", "webhooks", mode="normal")
        return failures

    with ThreadPoolExecutor(len(PSPS)) as pool:
        failures = [failure for told in pool.map(play_all, PSPS) for failure in told]
    assert failures == []
    port = psps.lab.lab.sandbox.control_port
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/control/violations", timeout=CONTROL_SECONDS) as answer:
        assert json.load(answer)["violations"] == []


def test_no_secret_and_no_card_is_anywhere(psps: Psps) -> None:
    """Over all that was played above: every store of the stack, its files included, in every form."""
    report = scanned(psps.mesh, [*PLANTED.values(), WEBHOOK_SECRET, CARD])
    assert [str(finding) for finding in report.findings] == []
