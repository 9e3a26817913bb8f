"""Authorizations of which nobody can tell what became are taken back at Adyen's wire API, through the whole stack.

Adyen can't be asked, and answers no repetition here. What the workflow waits days and quarters of an hour for is done
at once; all else is as it is: the worker's rights and calls, the PSP's books, and its webhooks back through Envoy.
"""

import asyncio
import json
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from devstack.names import PortName
from devstack.rest import Rest, expect_ok
from devstack.seed import merchant_at
from gateway_svc.adapters.connectors.psp_connectors import GrpcPspConnectors
from gateway_svc.adapters.postgres.cryptogram_seal import CryptogramSeal
from gateway_svc.adapters.postgres.payment_store import PostgresPaymentStore
from gateway_svc.application.keep_tokens import KeepToken
from gateway_svc.domain.resolution import ASK_DELAYS_MS
from gateway_svc.domain.reversal import REVERSED_CODE
from gateway_svc.workflows.messages import Advance
from gateway_svc.workflows.payment_activities import PaymentActivities
from mesh.channels import open_channel
from mesh.database import Database
from tests.e2e.support import Mesh, event_names, until
from tests.fakes.durable.observing import FakeCrashes, FakeObserver
from tests.fakes.gateway.peers import FakeTokenVault
from tests.support.sandbox_psp import ThreadedLab, sandbox_in_thread

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

WORKER = "gateway_worker"
MERCHANT_ACCOUNT = "PayeraE2E"
WEBHOOK_SECRET = uuid.uuid4().hex.upper() * 2
CONTROL_SECONDS = 60
TRIES = 100


@dataclass
class Adyen:
    """An account at the sandbox's Adyen, and a merchant whose payments go there."""

    mesh: Mesh
    lab: ThreadedLab
    account: str
    rest: Rest

    def control(self, method: str, path: str, **body: Any) -> Any:
        port = self.lab.lab.sandbox.control_port
        url = f"http://127.0.0.1:{port}/control/{path}"
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=CONTROL_SECONDS) as answer:
            return json.load(answer)

    def tell(self, event: str) -> None:
        """Send the webhooks of one kind that are held."""
        self.control("POST", f"accounts/{self.account}/webhooks:release", type=event)

    def lost_payment(self, method: str) -> str:
        """Make a payment that Adyen approves and tells nobody of; gives its id."""
        card = {"number": "4111111111111111", "exp_month": 3, "exp_year": 2040, "cvc": "737"}
        token = expect_ok(self.rest.post("/v1/tokens", {"card": card}, money=False), "a token")["id"]
        body = {"amount": {"value": 1050, "currency": "EUR"}, "token": token, "capture_method": method}
        payment = expect_ok(self.rest.post("/v1/payments", body), "a payment")
        assert payment["status"] == "PROCESSING"
        return str(payment["id"])

    def charge(self, payment_id: str) -> dict[str, Any]:
        """Give the one charge that the books have of a payment."""
        (charge,) = self.control("GET", f"truth?prefix={payment_id}_")["charges"]
        return dict(charge)

    def read(self, payment_id: str) -> dict[str, Any]:
        return expect_ok(self.rest.get(f"/v1/payments/{payment_id}"), "reading a payment")

    def settled(self, payment_id: str) -> dict[str, Any]:
        return until(lambda: self.read(payment_id), lambda found: found["status"] != "PROCESSING", 60)

    def states(self, payment_id: str) -> tuple[str, str]:
        (row,) = self.mesh.rows(
            "SELECT status::text, reversal::text FROM gateway.attempt WHERE payment_id = %s", payment_id
        )
        return row["status"], row["reversal"]


@pytest.fixture(scope="module")
def adyen(mesh: Mesh) -> Iterator[Adyen]:
    account = f"adyen_{uuid.uuid4().hex[:8]}"
    edge = mesh.stack.configuration.rest_url
    api_key = f"sk_sbox_{uuid.uuid4().hex}"
    entry = {
        "account": account,
        "dialect": "adyen",
        "api_key": api_key,
        "settings": {"merchant_account": MERCHANT_ACCOUNT},
        "webhook_secret": WEBHOOK_SECRET,
        "webhook_url": f"{edge}/v1/psp-webhooks/{account}",
    }
    with sandbox_in_thread(entry) as lab:
        operator = Rest(edge, mesh.merchant.operator_key)
        body = {
            "account": account,
            "connector": "adyen",
            "base_url": f"http://127.0.0.1:{lab.lab.sandbox.ports[account]}/v72",
            "api_key": api_key,
            "settings": {"merchant_account": MERCHANT_ACCOUNT, "return_url": "https://shop.example/return"},
        }
        expect_ok(operator.post("/v1/psp_accounts", body, money=False), "an account at Adyen")
        path = f"/v1/psp_accounts/{account}/webhook_secrets"
        expect_ok(operator.post(path, {"secret": WEBHOOK_SECRET}, money=False), "a webhook secret")
        key = merchant_at(mesh.stack.configuration, mesh.merchant.operator_key, "reversals", [account])
        found = Adyen(mesh, lab, account, Rest(edge, key))
        # Each answer is lost after Adyen has acted, that of a repetition too.
        found.control("PUT", f"accounts/{account}/faults", operation="authorize", mode="reset_after")
        found.control("PUT", f"accounts/{account}/webhooks", mode="late")
        yield found


async def reverse(mesh: Mesh, payment_id: str) -> None:
    """Do the workflow's next step as a worker would that has waited for it, once nothing else is left to try."""
    configuration = mesh.stack.configuration
    database = Database(configuration.database_url(WORKER), pool_size=1, name="test")
    channel = open_channel(
        configuration.address(PortName.CONNECTORS),
        service="psp_connectors",
        tls_directory=configuration.tls_directory(WORKER),
    )
    await database.open()
    try:
        store = PostgresPaymentStore(database, CryptogramSeal(configuration.codec_keyring))
        keep = KeepToken(vault=FakeTokenVault(), store=store, after_keep=_nothing, logger=structlog.get_logger())
        steps = PaymentActivities(store, GrpcPspConnectors(channel), FakeCrashes(), FakeObserver(), keep)
        for _ in range(TRIES):
            plan = await steps.advance_payment(Advance(payment_id))
            if "!" in plan.marker:
                # The stack's own worker may have repeated the call meanwhile: then it has to be waited for again.
                await steps.advance_payment(Advance(payment_id, plan.marker))
                if (await store.load_payment(payment_id))["attempts"][0]["reversals"]:
                    return
            await asyncio.sleep(0.1)
        pytest.fail("the attempt is never reversed")
    finally:
        await channel.close()
        await database.close()


async def _nothing() -> None:
    """Stand for a crash point."""


def take_back(adyen: Adyen, payment_id: str) -> None:
    """Let the repetitions be over, and have the attempt reversed."""
    adyen.mesh.rows(
        "UPDATE gateway.attempt SET asks = %s WHERE payment_id = %s RETURNING ordinal", len(ASK_DELAYS_MS), payment_id
    )
    asyncio.run(reverse(adyen.mesh, payment_id))


def test_what_nobody_can_tell_is_taken_back_and_nothing_is_held(adyen: Adyen) -> None:
    payment_id = adyen.lost_payment("MANUAL")
    take_back(adyen, payment_id)
    assert adyen.states(payment_id) == ("UNKNOWN", "ACKNOWLEDGED")
    adyen.tell("TECHNICAL_CANCEL")
    payment = adyen.settled(payment_id)
    assert (payment["status"], payment["decline"]["code"]) == ("DECLINED", REVERSED_CODE)
    charge = adyen.charge(payment_id)
    assert (charge["authorized"], charge["captured"], charge["voided"]) == (1050, 0, True)
    # That it was approved is old news by then.
    adyen.tell("AUTHORISATION")
    assert adyen.read(payment_id)["under_review"] is False
    names = event_names(adyen.mesh.events(payment_id, "PAYMENT_DECLINED"))
    assert names[-2:] == ["ATTEMPT_REVERSING", "PAYMENT_DECLINED"]


def test_an_approval_that_is_told_while_it_is_taken_back_is_not_believed(adyen: Adyen) -> None:
    payment_id = adyen.lost_payment("MANUAL")
    take_back(adyen, payment_id)
    adyen.tell("AUTHORISATION")
    assert adyen.states(payment_id) == ("UNKNOWN", "ACKNOWLEDGED")
    assert adyen.read(payment_id)["status"] == "PROCESSING"
    adyen.tell("TECHNICAL_CANCEL")
    payment = adyen.settled(payment_id)
    assert (payment["status"], payment["under_review"]) == ("DECLINED", False)
    assert adyen.charge(payment_id)["voided"]


def test_what_was_captured_at_once_is_not_taken_back_and_its_approval_stands(adyen: Adyen) -> None:
    payment_id = adyen.lost_payment("AUTOMATIC")
    take_back(adyen, payment_id)
    adyen.tell("TECHNICAL_CANCEL")
    until(lambda: adyen.states(payment_id), lambda found: found == ("UNKNOWN", "REFUSED"), 60)
    adyen.tell("AUTHORISATION")
    assert adyen.settled(payment_id)["status"] == "SUCCEEDED"
    charge = adyen.charge(payment_id)
    assert (charge["captured"], charge["voided"]) == (1050, False)
