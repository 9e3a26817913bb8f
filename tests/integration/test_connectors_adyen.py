"""The connector against the sandbox's Adyen through the real runtime: every operation, every fault, and the truth."""

import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from devstack.sandbox.faults import FaultMode
from devstack.sandbox.ledger import OperationType
from devstack.sandbox.magic import Verdict
from mesh.money import Money
from psp_connectors.adapters.http.limits import SenderLimits
from psp_connectors.adapters.http.negotiation import NegotiatingSender
from psp_connectors.application.perform_operation import PerformOperation, Runtime
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.breaker import BreakerLimits
from psp_connectors.domain.operations import Capture, CardlessOperation, Increment, OperationKind, Refund, Sync, Void
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from psp_connectors.domain.webhooks import Notification
from tests.fakes.connectors.adyen import adyen_account
from tests.fakes.connectors.adyen_counter import Front, read
from tests.fakes.connectors.ports import FakeCrashPoints, FakeObserver, FakeVault, order

pytestmark = pytest.mark.integration

APPROVED, DECLINED, NOT_SENT, PENDING, UNKNOWN = (
    OutcomeKind.APPROVED,
    OutcomeKind.DECLINED,
    OutcomeKind.NOT_SENT,
    OutcomeKind.PENDING,
    OutcomeKind.UNKNOWN,
)
KINDS = (
    OperationKind.AUTHORIZE,
    OperationKind.INCREMENT,
    OperationKind.CAPTURE,
    OperationKind.VOID,
    OperationKind.REFUND,
)
LONG_SECONDS, SHORT_SECONDS = 20.0, 0.5
NEVER_ANSWERED = {FaultMode.TIMEOUT_THEN_SUCCESS, FaultMode.TIMEOUT_THEN_DECLINE}


@dataclass
class Laboratory:
    """The sandbox's Adyen, and a runtime that speaks to it."""

    front: Front
    perform: PerformOperation
    observer: FakeObserver
    seconds: float = LONG_SECONDS
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def key(self) -> str:
        return f"key_{next(self.numbers):028d}"

    async def authorize(self, *, key: str = "", **fields: Any) -> Outcome:
        placed = order(**({"reference": "pay_1_1"} | fields), key=key or self.key())
        return await self.perform.authorize("adyen_a", placed, time.monotonic() + self.seconds)

    async def ask(self, operation: CardlessOperation) -> Outcome:
        return await self.perform.perform("adyen_a", operation, time.monotonic() + self.seconds)

    def operation(self, kind: OperationKind, payment: str, value: int = 1050, *, reference: str = "") -> Any:
        key, money = self.key(), Money(value, "EUR")
        match kind:
            case OperationKind.CAPTURE:
                return Capture(
                    reference=reference or "cap_1", idempotency_key=key, psp_reference=payment, amount=money, final=True
                )
            case OperationKind.VOID:
                return Void(reference=reference or "void_1", idempotency_key=key, psp_reference=payment)
            case OperationKind.REFUND:
                return Refund(reference=reference or "ref_1", idempotency_key=key, psp_reference=payment, amount=money)
            case _:
                total = Money(1050 + value, "EUR")
                return Increment(
                    reference="inc_1", idempotency_key=key, psp_reference=payment, amount=money, total=total
                )

    def moves(self, kind: OperationKind, reference: str) -> int:
        return self.front.counter.moves(OperationType(kind.value), reference)

    def told(self) -> list[Notification]:
        """Give what all webhooks so far say, in their order."""
        counter = self.front.counter
        return [one for notice in counter.notices for one in read(counter.sign(notice))]

    def told_of(self, reference: str) -> Notification:
        """Give what the only webhook about an operation says."""
        (notification,) = [one for one in self.told() if one.reference == reference]
        return notification


@pytest.fixture
async def lab() -> AsyncIterator[Laboratory]:
    front = Front()
    await front.open()
    sender, observer = NegotiatingSender(SenderLimits()), FakeObserver()
    perform = PerformOperation(
        accounts={"adyen_a": adyen_account(front.url)},
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
    yield Laboratory(front, perform, observer)
    await perform.close()
    await sender.close()
    await front.close()
    assert observer.errors == []


async def prepared(lab: Laboratory, kind: OperationKind) -> tuple[str, Callable[[], Any]]:
    """Give an operation's reference and a function that sends it, with the same key each time."""
    if kind is OperationKind.AUTHORIZE:
        key = lab.key()
        return "pay_1_1", lambda: lab.authorize(key=key)
    payment = (await lab.authorize(capture=kind is OperationKind.REFUND)).psp_reference
    operation = lab.operation(kind, payment)
    return operation.reference, lambda: lab.ask(operation)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_operation_is_performed_once_and_told_by_webhook(lab: Laboratory, kind: OperationKind) -> None:
    reference, send = await prepared(lab, kind)
    outcome = await send()
    assert outcome.kind is (APPROVED if kind is OperationKind.AUTHORIZE else PENDING)
    again = await send()
    assert (again.kind, again.psp_reference) == (outcome.kind, outcome.psp_reference)
    lab.front.counter.decide()
    assert lab.moves(kind, reference) == 1
    told = lab.told_of(reference)
    assert (told.kind, told.psp_reference) == (kind, outcome.psp_reference)
    assert told.outcome is not None
    assert told.outcome.kind is APPROVED


# What each fault comes to, for an authorization and for a modification, with the code, and whether Adyen acted.
FAULTS: dict[FaultMode, tuple[OutcomeKind, OutcomeKind, str, bool]] = {
    FaultMode.RESET_BEFORE: (UNKNOWN, UNKNOWN, "connection_lost", False),
    FaultMode.RESET_AFTER: (UNKNOWN, UNKNOWN, "connection_lost", True),
    FaultMode.TIMEOUT_THEN_SUCCESS: (UNKNOWN, UNKNOWN, "psp_timeout", True),
    FaultMode.TIMEOUT_THEN_DECLINE: (UNKNOWN, UNKNOWN, "psp_timeout", True),
    FaultMode.SLOW: (APPROVED, PENDING, "", True),
    FaultMode.GARBAGE: (UNKNOWN, UNKNOWN, "unreadable_answer", True),
    FaultMode.TRUNCATED: (UNKNOWN, UNKNOWN, "unreadable_answer", True),
    FaultMode.WRONG_AMOUNT: (UNKNOWN, UNKNOWN, "amount_mismatch", True),
    FaultMode.DUPLICATE: (APPROVED, PENDING, "", True),
    FaultMode.SERVER_ERROR_BEFORE: (UNKNOWN, UNKNOWN, "psp_error", False),
    FaultMode.SERVER_ERROR_AFTER: (UNKNOWN, UNKNOWN, "psp_error", True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", FAULTS)
async def test_every_fault_on_every_action(lab: Laboratory, mode: FaultMode, kind: OperationKind) -> None:
    reference, send = await prepared(lab, kind)
    lab.front.strike(mode, kind.value)
    lab.seconds = SHORT_SECONDS if mode in NEVER_ANSWERED else LONG_SECONDS
    outcome = await send()
    of_payment, of_modification, code, acted = FAULTS[mode]
    expected = of_payment if kind is OperationKind.AUTHORIZE else of_modification
    if (mode, kind) == (FaultMode.WRONG_AMOUNT, OperationKind.VOID):
        expected, code = PENDING, ""  # a void has no amount
    assert (outcome.kind, outcome.code) == (expected, code), outcome

    lab.front.counter.decide()
    declined = mode is FaultMode.TIMEOUT_THEN_DECLINE
    if acted:
        # The webhook brings the truth, whatever was answered, and a second delivery is the same event.
        told = lab.told_of(reference)
        assert told.outcome is not None
        assert told.outcome.kind is (DECLINED if declined else APPROVED)
        assert lab.told_of(reference).event_id == told.event_id
    else:
        assert [one for one in lab.told() if one.reference == reference] == []

    # The same key again heals what never happened, and finds what did.
    lab.seconds = LONG_SECONDS
    again = await send()
    lab.front.counter.decide()
    if kind is OperationKind.AUTHORIZE:
        assert again.kind is (DECLINED if declined else APPROVED), again
    else:
        assert again.kind is PENDING, again
    told = lab.told_of(reference)
    assert told.psp_reference == again.psp_reference
    assert told.outcome is not None
    assert told.outcome.kind is (DECLINED if declined else APPROVED)
    assert lab.moves(kind, reference) == (0 if declined else 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_can_be_asked_and_nothing_is_sent_for_it(lab: Laboratory, kind: OperationKind) -> None:
    payment = await lab.authorize()
    before = lab.front.requests
    question = Sync(
        kind=kind,
        reference="pay_1_1",
        amount=Money(1050, "EUR"),
        psp_reference=payment.psp_reference,
        payment_psp_reference=payment.psp_reference,
    )
    outcome = await lab.ask(question)
    assert (outcome.kind, outcome.code) == (UNKNOWN, "operation_not_supported")
    assert lab.front.requests == before


async def test_nothing_is_sent_to_a_closed_door(lab: Laboratory) -> None:
    await lab.front.close()
    assert (await lab.authorize()).kind is NOT_SENT
    await lab.front.open()
    assert lab.front.requests == 0
    assert (await lab.authorize()).kind is APPROVED


async def test_captures_in_parts_and_refunds_until_nothing_is_left(lab: Laboratory) -> None:
    payment = (await lab.authorize()).psp_reference
    steps = (
        (OperationKind.CAPTURE, 400, "cap_1", APPROVED),
        (OperationKind.CAPTURE, 650, "cap_2", APPROVED),
        (OperationKind.CAPTURE, 1, "cap_3", DECLINED),
        (OperationKind.REFUND, 1000, "ref_1", APPROVED),
        (OperationKind.REFUND, 51, "ref_2", DECLINED),
        (OperationKind.VOID, 0, "void_1", DECLINED),
    )
    for kind, value, reference, expected in steps:
        assert (await lab.ask(lab.operation(kind, payment, value, reference=reference))).kind is PENDING
        lab.front.counter.decide()
        told = lab.told_of(reference)
        assert told.outcome is not None
        assert (told.outcome.kind, told.payment_psp_reference) == (expected, payment)
    (charge,) = lab.front.counter.books.charges()
    assert (charge.authorized, charge.captured, charge.refunded) == (1050, 1050, 1000)


async def test_a_refund_that_the_bank_sends_back_later(lab: Laboratory) -> None:
    payment = (await lab.authorize(capture=True)).psp_reference
    refund = await lab.ask(lab.operation(OperationKind.REFUND, payment))
    lab.front.counter.decide()
    lab.front.counter.settle(refund.psp_reference, Verdict(reason="declined"))
    first, second = [one for one in lab.told() if one.kind is OperationKind.REFUND]
    assert (first.reversal, second.reversal) == (False, True)
    assert first.psp_reference == second.psp_reference == refund.psp_reference
    assert first.event_id != second.event_id
    (charge,) = lab.front.counter.books.charges()
    assert charge.refunded == 0


async def test_a_modification_of_an_unknown_payment_is_refused(lab: Laboratory) -> None:
    outcome = await lab.ask(lab.operation(OperationKind.CAPTURE, "NOSUCHPAYMENT000"))
    assert (outcome.kind, outcome.code, outcome.raw_code) == (DECLINED, "invalid_request", "167")
    assert outcome.psp_reference == ""


async def test_no_card_number_or_key_is_told(lab: Laboratory) -> None:
    outcome = await lab.authorize()
    told = repr(outcome) + repr(lab.observer.calls) + repr(lab.told())
    assert not any(secret in told for secret in ("4242424242424242", "sk_test_of_the_account"))
