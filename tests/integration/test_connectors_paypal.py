"""The PayPal connector in the real runtime against the sandbox's PayPal over a socket: every operation, every fault."""

import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from devstack.sandbox.dialects.paypal.certificates import root_pem
from devstack.sandbox.faults import FaultMode
from mesh.money import Money
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.operations import Capture, CardlessOperation, OperationKind, Refund, Sync, Void
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from psp_connectors.domain.webhooks import Authenticity, RawWebhook, WebhookContext
from tests.fakes.connectors.paypal import CLIENT_ID, WEBHOOK_ID, paypal_account
from tests.fakes.connectors.ports import API_KEY, order
from tests.support.psp_runtime import PspRuntime, psp_runtime
from tests.support.sandbox_psp import SandboxLab, open_sandbox

pytestmark = pytest.mark.integration

APPROVED, DECLINED, NOT_SENT, UNKNOWN, NOT_FOUND = (
    OutcomeKind.APPROVED,
    OutcomeKind.DECLINED,
    OutcomeKind.NOT_SENT,
    OutcomeKind.UNKNOWN,
    OutcomeKind.NOT_FOUND,
)
KINDS = (OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND)
ENTRY = {
    "account": "paypal_a",
    "dialect": "paypal",
    "api_key": API_KEY,
    "settings": {"client_id": CLIENT_ID, "webhook_id": WEBHOOK_ID},
}
LONG_SECONDS, SHORT_SECONDS = 20.0, 0.5
SLOW_MS = 200
TOKEN_SECONDS = 32_400
NEVER_ANSWERED = {FaultMode.TIMEOUT_THEN_SUCCESS, FaultMode.TIMEOUT_THEN_DECLINE}


@dataclass
class Clock:
    """The PSP's clock, which can be put ahead of ours."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Laboratory:
    """The sandbox's PayPal, and a runtime that speaks to it."""

    psp: SandboxLab
    clock: Clock
    runtime: PspRuntime
    seconds: float = LONG_SECONDS
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def key(self) -> str:
        return f"key_{next(self.numbers):028d}"

    async def authorize(self, *, key: str = "", **fields: Any) -> Outcome:
        placed = order(**({"reference": "pay_1_1"} | fields), key=key or self.key())
        return await self.runtime.perform.authorize("paypal_a", placed, time.monotonic() + self.seconds)

    async def ask(self, operation: CardlessOperation) -> Outcome:
        return await self.runtime.perform.perform("paypal_a", operation, time.monotonic() + self.seconds)

    def capture(
        self, authorization: str, value: int = 1050, *, reference: str = "cap_1", final: bool = True
    ) -> Capture:
        return Capture(
            reference=reference,
            idempotency_key=self.key(),
            psp_reference=authorization,
            amount=Money(value, "EUR"),
            final=final,
        )

    def void(self, authorization: str) -> Void:
        return Void(reference="void_1", idempotency_key=self.key(), psp_reference=authorization)

    def refund(self, capture: str, value: int = 1050, *, reference: str = "ref_1") -> Refund:
        return Refund(
            reference=reference,
            idempotency_key=self.key(),
            psp_reference=capture,
            amount=Money(value, "EUR"),
            capture_psp_reference=capture,
        )

    async def strike(self, mode: FaultMode, operation: str) -> None:
        """Let a fault strike the next request of an operation."""
        delay = {"delay_ms": SLOW_MS} if mode is FaultMode.SLOW else {}
        await self.psp.call("PUT", "faults", mode=mode.value, operation=operation, count=1, **delay)

    async def moves(self, kind: OperationKind, reference: str) -> int:
        # A void bears no reference of ours at PayPal: the books know it by the payment's.
        return await self.psp.moves(kind.value, "pay_1_1" if kind is OperationKind.VOID else reference)

    async def charge(self, reference: str = "pay_1_1") -> dict[str, Any]:
        """Give the truth about the only payment."""
        (charge,) = await self.psp.truth(reference)
        return charge


@pytest.fixture
async def lab() -> AsyncIterator[Laboratory]:
    clock = Clock()
    async with open_sandbox(ENTRY, clock=clock) as psp:
        async with psp_runtime(paypal_account(psp.url, webhook_roots=root_pem(API_KEY).strip())) as runtime:
            yield Laboratory(psp, clock, runtime)
        assert (await psp.get("violations"))["violations"] == []


async def prepared(lab: Laboratory, kind: OperationKind) -> tuple[str, Callable[[], Any], Callable[[str], Sync]]:
    """Give an operation's reference, a function that sends it, and the question about it by the id it got."""
    if kind is OperationKind.AUTHORIZE:
        key = lab.key()
        return (
            "pay_1_1",
            lambda: lab.authorize(key=key),
            lambda known: Sync(kind=kind, reference="pay_1_1", amount=Money(1050, "EUR"), psp_reference=known),
        )
    payment = (await lab.authorize(capture=kind is OperationKind.REFUND)).psp_reference
    operations: dict[OperationKind, Capture | Void | Refund] = {
        OperationKind.CAPTURE: lab.capture(payment),
        OperationKind.VOID: lab.void(payment),
        OperationKind.REFUND: lab.refund(payment),
    }
    operation = operations[kind]
    amount = None if kind is OperationKind.VOID else Money(1050, "EUR")
    return (
        operation.reference,
        lambda: lab.ask(operation),
        lambda known: Sync(
            kind=kind,
            reference=operation.reference,
            amount=amount,
            psp_reference=known,
            payment_psp_reference=payment,
        ),
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_operation_is_performed_once_and_can_be_asked_about(lab: Laboratory, kind: OperationKind) -> None:
    reference, send, question = await prepared(lab, kind)
    outcome = await send()
    assert (outcome.kind, await lab.moves(kind, reference)) == (APPROVED, 1)
    assert (await send()).psp_reference == outcome.psp_reference
    assert (await lab.ask(question(outcome.psp_reference))).kind is APPROVED
    assert await lab.moves(kind, reference) == 1


# What each fault comes to: kind and codes of the outcome, and whether PayPal acted.
FAULTS: dict[FaultMode, tuple[OutcomeKind, set[str], bool]] = {
    FaultMode.RESET_BEFORE: (UNKNOWN, {"connection_lost"}, False),
    FaultMode.RESET_AFTER: (UNKNOWN, {"connection_lost"}, True),
    FaultMode.TIMEOUT_THEN_SUCCESS: (UNKNOWN, {"psp_timeout"}, True),
    FaultMode.TIMEOUT_THEN_DECLINE: (UNKNOWN, {"psp_timeout"}, False),
    FaultMode.SLOW: (APPROVED, {""}, True),
    FaultMode.GARBAGE: (UNKNOWN, {"unreadable_answer"}, True),
    FaultMode.TRUNCATED: (UNKNOWN, {"unreadable_answer"}, True),
    FaultMode.WRONG_AMOUNT: (UNKNOWN, {"amount_mismatch"}, True),
    FaultMode.DUPLICATE: (APPROVED, {""}, True),
    FaultMode.SERVER_ERROR_BEFORE: (UNKNOWN, {"psp_error"}, False),
    FaultMode.SERVER_ERROR_AFTER: (UNKNOWN, {"psp_error"}, True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", FAULTS)
async def test_every_fault_on_every_action(lab: Laboratory, mode: FaultMode, kind: OperationKind) -> None:
    reference, send, question = await prepared(lab, kind)
    await lab.strike(mode, kind.value)
    lab.seconds = SHORT_SECONDS if mode in NEVER_ANSWERED else lab.seconds
    outcome = await send()
    expected, codes, acted = FAULTS[mode]
    if (mode, kind) == (FaultMode.WRONG_AMOUNT, OperationKind.VOID):
        expected, codes = APPROVED, {""}  # a void has no amount
    assert (outcome.kind, outcome.code in codes) == (expected, True), outcome
    assert await lab.moves(kind, reference) == (1 if acted else 0)

    lab.seconds = LONG_SECONDS
    if kind is OperationKind.VOID:
        # It can be asked about at once, by the payment it belongs to.
        asked = await lab.ask(question(""))
        assert asked.kind is (APPROVED if await lab.moves(kind, reference) else NOT_FOUND)
    # The same key again heals what never happened, and finds what did.
    again = await send()
    declined = mode is FaultMode.TIMEOUT_THEN_DECLINE
    assert again.kind is (DECLINED if declined else APPROVED), again
    assert await lab.moves(kind, reference) == (0 if declined else 1)
    if kind is not OperationKind.VOID:
        assert (await lab.ask(question(again.psp_reference))).kind is again.kind


@pytest.mark.parametrize("mode", [mode for mode in FAULTS if mode not in {FaultMode.SLOW, FaultMode.DUPLICATE}])
async def test_faults_on_a_question_settle_nothing(lab: Laboratory, mode: FaultMode) -> None:
    payment = await lab.authorize()
    await lab.strike(mode, "sync")
    lab.seconds = SHORT_SECONDS if mode in NEVER_ANSWERED else lab.seconds
    question = Sync(
        kind=OperationKind.AUTHORIZE,
        reference="pay_1_1",
        amount=Money(1050, "EUR"),
        psp_reference=payment.psp_reference,
    )
    assert (await lab.ask(question)).kind is UNKNOWN
    lab.seconds = LONG_SECONDS
    assert (await lab.ask(question)).kind is APPROVED


async def test_what_cannot_be_asked_stays_unknown(lab: Laboratory) -> None:
    nameless = Sync(kind=OperationKind.CAPTURE, reference="cap_1", amount=Money(1050, "EUR"))
    before = lab.runtime.sender.requests
    assert (await lab.ask(nameless)).kind is UNKNOWN
    assert lab.runtime.sender.requests == before


async def test_nothing_is_sent_to_a_door_that_no_token_comes_through(lab: Laboratory) -> None:
    await lab.psp.call("PUT", "faults", mode=FaultMode.REFUSE.value)
    assert (await lab.authorize()).kind is NOT_SENT
    await lab.psp.call("DELETE", "faults")
    assert await lab.psp.requests("pay_1_1") == 0


async def test_nothing_is_sent_to_a_closed_door(lab: Laboratory) -> None:
    assert (await lab.authorize(reference="pay_0_1")).kind is APPROVED
    await lab.psp.call("PUT", "faults", mode=FaultMode.REFUSE.value)
    assert (await lab.authorize()).kind is NOT_SENT
    await lab.psp.call("DELETE", "faults")
    assert await lab.psp.requests("pay_1_1") == 0
    assert (await lab.authorize()).kind is APPROVED
    assert await lab.psp.requests("pay_1_1") == 1


async def test_ended_token_is_renewed_and_the_call_made_once(lab: Laboratory) -> None:
    assert (await lab.authorize()).kind is APPROVED
    lab.clock.ahead += TOKEN_SECONDS
    before = lab.runtime.sender.requests
    outcome = await lab.authorize(reference="pay_2_1")
    assert outcome.kind is APPROVED
    assert await lab.moves(OperationKind.AUTHORIZE, "pay_2_1") == 1
    assert lab.runtime.sender.requests == before + 3, "refused, a new token, the call"


async def test_partial_captures_and_their_refunds(lab: Laboratory) -> None:
    payment = (await lab.authorize()).psp_reference
    first = await lab.ask(lab.capture(payment, 400, final=False))
    second = await lab.ask(lab.capture(payment, 650, reference="cap_2"))
    assert (first.kind, second.kind) == (APPROVED, APPROVED)
    assert (await lab.ask(lab.refund(first.psp_reference, 401))).code == "invalid_amount"
    assert (await lab.ask(lab.refund(second.psp_reference, 650, reference="ref_2"))).kind is APPROVED
    charge = await lab.charge()
    assert (charge["authorized"], charge["captured"], charge["refunded"]) == (1050, 1050, 650)


async def test_late_truth_comes_by_a_webhook_whose_certificate_is_brought(lab: Laboratory) -> None:
    await lab.strike(FaultMode.RESET_AFTER, "authorize")
    assert (await lab.authorize()).kind is UNKNOWN
    await lab.psp.call("POST", "webhooks:settle")
    (received,) = lab.psp.receiver.received
    raw = RawWebhook(headers=received.headers, body=received.body)
    account, now = lab.runtime.account, int(time.time())
    read_webhook = CONNECTORS["paypal"].read_webhook
    assert read_webhook is not None
    first = read_webhook(raw, account, WebhookContext(secrets=[], now=now))
    assert first.authenticity is Authenticity.UNDECIDED
    await lab.runtime.certificates.bring("paypal_a", first.evidence_wanted)
    context = WebhookContext(secrets=[], now=now, evidence=lab.runtime.certificates.known())
    (notification,) = read_webhook(raw, account, context).notifications
    assert notification.outcome is not None
    assert (notification.kind, notification.reference) == (OperationKind.AUTHORIZE, "pay_1_1")
    assert (notification.outcome.kind, notification.outcome.amount) == (APPROVED, 1050)
    assert notification.psp_reference == (await lab.charge())["charge"]
