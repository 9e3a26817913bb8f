"""Every connector in the real runtime against the sandbox's own process of its PSP: calls, faults, webhooks, truth.

Answers, requests and webhooks are held against the PSPs' own descriptions where these are at hand.
"""

import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from devstack.sandbox.dialects.paypal.certificates import root_pem
from devstack.sandbox.faults import FaultMode
from devstack.sandbox.magic import FIRST_AMOUNT
from mesh.money import Money
from psp_connectors.adapters.certificates import HttpCertificates
from psp_connectors.application.perform_operation import PerformOperation
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Account
from psp_connectors.domain.operations import Capture, CardlessOperation, OperationKind, Refund, Void
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from psp_connectors.domain.webhooks import Authenticity, Notification, RawWebhook, WebhookContext
from tests.fakes.connectors.adyen import HMAC_KEY, MERCHANT_ACCOUNT, adyen_account
from tests.fakes.connectors.checkout import SECRET_KEY, checkout_account
from tests.fakes.connectors.paypal import CLIENT_ID, WEBHOOK_ID, paypal_account
from tests.fakes.connectors.ports import API_KEY, order
from tests.fakes.connectors.stripe import stripe_account
from tests.support.psp_runtime import psp_runtime
from tests.support.sandbox_psp import SandboxLab, open_sandbox

pytestmark = pytest.mark.integration

PSPS = ("stripe", "adyen", "checkout", "paypal")
WEBHOOK_SECRET = HMAC_KEY
SECONDS = 60.0
ACKNOWLEDGED = {"adyen", "checkout"}
"""PSPs that say later what became of a capture, void or refund."""

ENTRIES: dict[str, dict[str, Any]] = {
    "stripe": {"api_key": API_KEY},
    "adyen": {"api_key": API_KEY, "settings": {"merchant_account": MERCHANT_ACCOUNT}},
    "checkout": {"api_key": SECRET_KEY},
    "paypal": {"api_key": API_KEY, "settings": {"client_id": CLIENT_ID, "webhook_id": WEBHOOK_ID}},
}


def account_of(psp: str, url: str) -> Account:
    match psp:
        case "stripe":
            return stripe_account(url)
        case "adyen":
            return adyen_account(f"{url}/v72")
        case "checkout":
            return checkout_account(url)
        case _:
            return paypal_account(url, webhook_roots=root_pem(API_KEY).strip())


@dataclass
class Rig:
    """One PSP, and the runtime that speaks to it."""

    psp: str
    lab: SandboxLab
    account: Account
    perform: PerformOperation
    certificates: HttpCertificates
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def key(self) -> str:
        return f"key_{next(self.numbers):028d}"

    async def authorize(self, value: int = 1050, *, key: str = "", **fields: Any) -> Outcome:
        placed = order(value, key=key or self.key(), **fields)
        return await self.perform.authorize(self.account.name, placed, time.monotonic() + SECONDS)

    async def ask(self, operation: CardlessOperation) -> Outcome:
        return await self.perform.perform(self.account.name, operation, time.monotonic() + SECONDS)

    def capture(self, payment: str, value: int = 1050) -> Capture:
        amount = Money(value, "EUR")
        return Capture(reference="cap_1", idempotency_key=self.key(), psp_reference=payment, amount=amount, final=True)

    def refund(self, payment: str, captured: str, value: int) -> Refund:
        return Refund(
            reference="ref_1",
            idempotency_key=self.key(),
            psp_reference=payment,
            amount=Money(value, "EUR"),
            capture_psp_reference=captured,
        )

    async def truth(self) -> dict[str, Any]:
        (charge,) = await self.lab.truth("pay_1_1")
        return charge

    async def notifications(self) -> list[Notification]:
        """Give what the webhooks received so far say, all of which must be genuine."""
        await self.lab.call("POST", "webhooks:settle")
        read = CONNECTORS[self.psp].read_webhook
        assert read is not None
        told: list[Notification] = []
        for one in self.lab.receiver.received:
            raw = RawWebhook(headers=one.headers, body=one.body)
            context = WebhookContext(secrets=[Secret(WEBHOOK_SECRET)], now=int(time.time()))
            reading = read(raw, self.account, context)
            if reading.authenticity is Authenticity.UNDECIDED:
                await self.certificates.bring(self.account.name, reading.evidence_wanted)
                evidence = self.certificates.known()
                reading = read(raw, self.account, WebhookContext(secrets=[], now=int(time.time()), evidence=evidence))
            assert reading.authenticity is Authenticity.GENUINE
            told += reading.notifications
        return told


@pytest_asyncio.fixture(params=PSPS)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    psp = request.param
    entry = {"account": f"{psp}_a", "dialect": psp, "webhook_secret": WEBHOOK_SECRET} | ENTRIES[psp]
    async with open_sandbox(entry) as lab:
        async with psp_runtime(account_of(psp, lab.url)) as runtime:
            yield Rig(psp, lab, runtime.account, runtime.perform, runtime.certificates)
        assert (await lab.get("violations"))["violations"] == []


async def test_authorize_capture_refund(rig: Rig) -> None:
    held = await rig.authorize()
    assert (held.kind, held.amount) == (OutcomeKind.APPROVED, 1050), held
    settled = OutcomeKind.PENDING if rig.psp in ACKNOWLEDGED else OutcomeKind.APPROVED
    captured = await rig.ask(rig.capture(held.psp_reference, 1000))
    assert captured.kind is settled, captured
    refunded = await rig.ask(rig.refund(held.psp_reference, captured.psp_reference, 400))
    assert refunded.kind is settled, refunded
    truth = await rig.truth()
    assert (truth["authorized"], truth["captured"], truth["refunded"]) == (1050, 1000, 400)
    assert truth["money_moves"] == 3
    told = {(one.kind, one.outcome.kind) for one in await rig.notifications() if one.outcome is not None}
    kinds = (OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.REFUND)
    assert {(kind, OutcomeKind.APPROVED) for kind in kinds} <= told


async def test_void(rig: Rig) -> None:
    held = await rig.authorize()
    void = Void(reference="void_1", idempotency_key=rig.key(), psp_reference=held.psp_reference)
    voided = await rig.ask(void)
    assert voided.kind is (OutcomeKind.PENDING if rig.psp in ACKNOWLEDGED else OutcomeKind.APPROVED), voided
    assert (await rig.truth())["voided"]
    told = {one.kind for one in await rig.notifications()}
    assert OperationKind.VOID in told


async def test_magic_decline(rig: Rig) -> None:
    outcome = await rig.authorize(FIRST_AMOUNT + 151)
    assert (outcome.kind, outcome.code) == (OutcomeKind.DECLINED, "insufficient_funds"), outcome
    truth = await rig.truth()
    assert (truth["status"], truth["money_moves"]) == ("declined", 0)


@pytest.mark.parametrize(
    "mode",
    [
        FaultMode.RESET_BEFORE,
        FaultMode.RESET_AFTER,
        FaultMode.GARBAGE,
        FaultMode.TRUNCATED,
        FaultMode.WRONG_AMOUNT,
        FaultMode.DUPLICATE,
        FaultMode.SERVER_ERROR_BEFORE,
        FaultMode.SERVER_ERROR_AFTER,
        FaultMode.HTML,
        FaultMode.WRONG_CURRENCY,
        FaultMode.ANSWERED_TWICE,
    ],
)
async def test_an_authorization_repeated_after_a_fault_moves_money_once(rig: Rig, mode: FaultMode) -> None:
    await rig.lab.call("PUT", "faults", mode=mode.value, operation="authorize", count=1)
    key = rig.key()
    first = await rig.authorize(key=key)
    right = {FaultMode.DUPLICATE, FaultMode.ANSWERED_TWICE}
    expected = OutcomeKind.APPROVED if mode in right else OutcomeKind.UNKNOWN
    assert first.kind is expected, first
    again = await rig.authorize(key=key)
    assert (again.kind, again.amount) == (OutcomeKind.APPROVED, 1050), again
    truth = await rig.truth()
    assert (truth["money_moves"], truth["authorized"]) == (1, 1050)


async def test_what_was_acknowledged_and_then_fails_is_told_by_webhook(rig: Rig) -> None:
    held = await rig.authorize()
    captured = await rig.ask(rig.capture(held.psp_reference))
    await rig.ask(rig.refund(held.psp_reference, captured.psp_reference, 400))
    await rig.lab.call("POST", "decisions", type="refund", reference="ref_1", reason="declined")
    truth = await rig.truth()
    assert (truth["captured"], truth["refunded"]) == (1050, 0)
    failed = [
        one
        for one in await rig.notifications()
        if one.kind is OperationKind.REFUND and one.outcome is not None and one.outcome.kind is OutcomeKind.DECLINED
    ]
    assert failed
    # Checkout.com has one event for a refund that is declined, whatever was said before.
    assert all(one.reversal for one in failed) == (rig.psp != "checkout")
