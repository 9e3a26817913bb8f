"""The PayPal connector in the real runtime against the sandbox's PayPal over a socket: every operation, every fault."""

import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from devstack.sandbox.dialects.paypal.certificates import root_pem
from devstack.sandbox.faults import FaultMode
from devstack.sandbox.ledger import OperationType
from mesh.money import Money
from psp_connectors.adapters.certificates import HttpCertificates
from psp_connectors.adapters.http.limits import SenderLimits
from psp_connectors.adapters.http.negotiation import NegotiatingSender
from psp_connectors.application.perform_operation import PerformOperation, Runtime
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.breaker import BreakerLimits
from psp_connectors.domain.connector import Account
from psp_connectors.domain.operations import Capture, CardlessOperation, OperationKind, Refund, Sync, Void
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from psp_connectors.domain.webhooks import Authenticity, RawWebhook, WebhookContext
from tests.fakes.connectors.paypal import paypal_account
from tests.fakes.connectors.paypal_front import Front, moves_of
from tests.fakes.connectors.ports import API_KEY, FakeCrashPoints, FakeObserver, FakeVault, order

pytestmark = pytest.mark.integration

APPROVED, DECLINED, NOT_SENT, UNKNOWN, NOT_FOUND = (
    OutcomeKind.APPROVED,
    OutcomeKind.DECLINED,
    OutcomeKind.NOT_SENT,
    OutcomeKind.UNKNOWN,
    OutcomeKind.NOT_FOUND,
)
KINDS = (OperationKind.AUTHORIZE, OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND)
LONG_SECONDS, SHORT_SECONDS = 20.0, 0.5
NEVER_ANSWERED = {FaultMode.TIMEOUT_THEN_SUCCESS, FaultMode.TIMEOUT_THEN_DECLINE}


@dataclass
class Laboratory:
    """The sandbox's PayPal, and a runtime that speaks to it."""

    front: Front
    account: Account
    perform: PerformOperation
    certificates: HttpCertificates
    observer: FakeObserver
    seconds: float = LONG_SECONDS
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def key(self) -> str:
        return f"key_{next(self.numbers):028d}"

    async def authorize(self, *, key: str = "", **fields: Any) -> Outcome:
        placed = order(**({"reference": "pay_1_1"} | fields), key=key or self.key())
        return await self.perform.authorize("paypal_a", placed, time.monotonic() + self.seconds)

    async def ask(self, operation: CardlessOperation) -> Outcome:
        return await self.perform.perform("paypal_a", operation, time.monotonic() + self.seconds)

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

    def moves(self, kind: OperationKind, reference: str) -> int:
        # A void bears no reference of ours at PayPal: the books know it by the payment's.
        known_as = "pay_1_1" if kind is OperationKind.VOID else reference
        return moves_of(self.front.counter, OperationType(kind.value), known_as)


@pytest.fixture
async def lab() -> AsyncIterator[Laboratory]:
    front = Front()
    await front.open()
    account = paypal_account(front.url, webhook_roots=root_pem(API_KEY).strip())
    sender, observer = NegotiatingSender(SenderLimits()), FakeObserver()
    perform = PerformOperation(
        accounts={"paypal_a": account},
        connectors=CONNECTORS,
        vault=FakeVault(),
        runtime=Runtime(
            sender=sender,
            crash_points=FakeCrashPoints(),
            observer=observer,
            clock=time.monotonic,
            breaker_limits=BreakerLimits(failures_to_open=1000),
            reserve_seconds=0.15,
        ),
    )
    certificates = HttpCertificates(sender=sender, accounts={"paypal_a": account})
    yield Laboratory(front, account, perform, certificates, observer)
    await perform.close()
    await sender.close()
    await front.close()
    assert observer.errors == []


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
    assert (outcome.kind, lab.moves(kind, reference)) == (APPROVED, 1)
    assert (await send()).psp_reference == outcome.psp_reference
    assert (await lab.ask(question(outcome.psp_reference))).kind is APPROVED
    assert lab.moves(kind, reference) == 1


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
    lab.front.strike(mode, kind.value)
    lab.seconds = SHORT_SECONDS if mode in NEVER_ANSWERED else lab.seconds
    outcome = await send()
    expected, codes, acted = FAULTS[mode]
    if (mode, kind) == (FaultMode.WRONG_AMOUNT, OperationKind.VOID):
        expected, codes = APPROVED, {""}  # a void has no amount
    assert (outcome.kind, outcome.code in codes) == (expected, True), outcome
    assert lab.moves(kind, reference) == (1 if acted else 0)

    lab.seconds = LONG_SECONDS
    if kind is OperationKind.VOID:
        # It can be asked about at once, by the payment it belongs to.
        asked = await lab.ask(question(""))
        assert asked.kind is (APPROVED if lab.moves(kind, reference) else NOT_FOUND)
    # The same key again heals what never happened, and finds what did.
    again = await send()
    declined = mode is FaultMode.TIMEOUT_THEN_DECLINE
    assert again.kind is (DECLINED if declined else APPROVED), again
    assert lab.moves(kind, reference) == (0 if declined else 1)
    if kind is not OperationKind.VOID:
        assert (await lab.ask(question(again.psp_reference))).kind is again.kind


@pytest.mark.parametrize("mode", [mode for mode in FAULTS if mode not in {FaultMode.SLOW, FaultMode.DUPLICATE}])
async def test_faults_on_a_question_settle_nothing(lab: Laboratory, mode: FaultMode) -> None:
    payment = await lab.authorize()
    lab.front.strike(mode, "sync")
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
    before = lab.front.requests
    assert (await lab.ask(nameless)).kind is UNKNOWN
    assert lab.front.requests == before


async def test_nothing_is_sent_to_a_closed_door(lab: Laboratory) -> None:
    await lab.front.close()
    assert (await lab.authorize()).kind is NOT_SENT
    await lab.front.open()
    await lab.front.close()
    assert lab.front.requests == 0


async def test_ended_token_is_renewed_and_the_call_made_once(lab: Laboratory) -> None:
    assert (await lab.authorize()).kind is APPROVED
    lab.front.counter.now += 32_400
    outcome = await lab.authorize(reference="pay_2_1")
    assert outcome.kind is APPROVED
    assert moves_of(lab.front.counter, OperationType.AUTHORIZE, "pay_2_1") == 1


async def test_partial_captures_and_their_refunds(lab: Laboratory) -> None:
    payment = (await lab.authorize()).psp_reference
    first = await lab.ask(lab.capture(payment, 400, final=False))
    second = await lab.ask(lab.capture(payment, 650, reference="cap_2"))
    assert (first.kind, second.kind) == (APPROVED, APPROVED)
    assert (await lab.ask(lab.refund(first.psp_reference, 401))).code == "invalid_amount"
    assert (await lab.ask(lab.refund(second.psp_reference, 650, reference="ref_2"))).kind is APPROVED
    (charge,) = lab.front.counter.books.charges()
    assert (charge.authorized, charge.captured, charge.refunded) == (1050, 1050, 650)


async def test_late_truth_comes_by_a_webhook_whose_certificate_is_brought(lab: Laboratory) -> None:
    lab.front.strike(FaultMode.RESET_AFTER, "authorize")
    assert (await lab.authorize()).kind is UNKNOWN
    (notice,) = lab.front.counter.notices
    counter = lab.front.counter
    signed = counter.dialect.sign(notice, counter.desk, counter.now)
    raw = RawWebhook(headers=dict(signed.headers), body=signed.body)
    read_webhook = CONNECTORS["paypal"].read_webhook
    assert read_webhook is not None
    first = read_webhook(raw, lab.account, WebhookContext(secrets=[], now=counter.now))
    assert first.authenticity is Authenticity.UNDECIDED
    await lab.certificates.bring("paypal_a", first.evidence_wanted)
    context = WebhookContext(secrets=[], now=counter.now, evidence=lab.certificates.known())
    (notification,) = read_webhook(raw, lab.account, context).notifications
    assert notification.outcome is not None
    assert (notification.kind, notification.reference) == (OperationKind.AUTHORIZE, "pay_1_1")
    assert (notification.outcome.kind, notification.outcome.amount) == (APPROVED, 1050)
    (charge,) = counter.books.charges()
    assert notification.psp_reference == charge.record.id
