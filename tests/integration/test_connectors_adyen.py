"""The connector against the sandbox's Adyen through the real runtime: every operation, every fault, and the truth."""

import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from devstack.sandbox.faults import FaultMode
from mesh.money import Money
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.operations import (
    Capture,
    CardlessOperation,
    Increment,
    OperationKind,
    Refund,
    Reversal,
    Sync,
    Void,
)
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from psp_connectors.domain.webhooks import Authenticity, Notification, RawWebhook, WebhookContext
from tests.fakes.connectors.adyen import HMAC_KEY, MERCHANT_ACCOUNT, adyen_account
from tests.fakes.connectors.ports import API_KEY, order
from tests.support.psp_runtime import PspRuntime, psp_runtime
from tests.support.sandbox_psp import SandboxLab, open_sandbox

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
ENTRY = {
    "account": "adyen_a",
    "dialect": "adyen",
    "api_key": API_KEY,
    "webhook_secret": HMAC_KEY,
    "settings": {"merchant_account": MERCHANT_ACCOUNT},
}
LONG_SECONDS, SHORT_SECONDS = 20.0, 0.5
SLOW_MS = 200
NEVER_ANSWERED = {FaultMode.TIMEOUT_THEN_SUCCESS, FaultMode.TIMEOUT_THEN_DECLINE}


@dataclass
class Laboratory:
    """The sandbox's Adyen, and a runtime that speaks to it."""

    psp: SandboxLab
    runtime: PspRuntime
    seconds: float = LONG_SECONDS
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def key(self) -> str:
        return f"key_{next(self.numbers):028d}"

    async def authorize(self, *, key: str = "", **fields: Any) -> Outcome:
        placed = order(**({"reference": "pay_1_1"} | fields), key=key or self.key())
        return await self.runtime.perform.authorize("adyen_a", placed, time.monotonic() + self.seconds)

    async def ask(self, operation: CardlessOperation) -> Outcome:
        return await self.runtime.perform.perform("adyen_a", operation, time.monotonic() + self.seconds)

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

    async def strike(self, mode: FaultMode, operation: str) -> None:
        """Let a fault strike the next request of an operation."""
        delay = {"delay_ms": SLOW_MS} if mode is FaultMode.SLOW else {}
        await self.psp.call("PUT", "faults", mode=mode.value, operation=operation, count=1, **delay)

    async def moves(self, kind: OperationKind, reference: str) -> int:
        return await self.psp.moves(kind.value, reference)

    async def told(self) -> list[Notification]:
        """Give what all webhooks so far say, in their order; all of them must be genuine."""
        await self.psp.call("POST", "webhooks:settle")
        read = CONNECTORS["adyen"].read_webhook
        assert read is not None
        told: list[Notification] = []
        for one in self.psp.receiver.received:
            context = WebhookContext(secrets=[Secret(HMAC_KEY)], now=int(time.time()))
            reading = read(RawWebhook(headers=one.headers, body=one.body), self.runtime.account, context)
            assert (reading.authenticity, reading.refused) == (Authenticity.GENUINE, 0)
            told += reading.notifications
        return told

    async def told_of(self, reference: str) -> Notification:
        """Give what the only webhook about an operation says."""
        (notification,) = [one for one in await self.told() if one.reference == reference]
        return notification

    async def charge(self, reference: str = "pay_1_1") -> dict[str, Any]:
        """Give the truth about the only payment."""
        (charge,) = await self.psp.truth(reference)
        return charge


@pytest.fixture
async def lab() -> AsyncIterator[Laboratory]:
    async with open_sandbox(ENTRY) as psp:
        async with psp_runtime(adyen_account(f"{psp.url}/v72")) as runtime:
            yield Laboratory(psp, runtime)
        assert (await psp.get("violations"))["violations"] == []


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
    assert await lab.moves(kind, reference) == 1
    told = await lab.told_of(reference)
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
    await lab.strike(mode, kind.value)
    lab.seconds = SHORT_SECONDS if mode in NEVER_ANSWERED else LONG_SECONDS
    outcome = await send()
    of_payment, of_modification, code, acted = FAULTS[mode]
    expected = of_payment if kind is OperationKind.AUTHORIZE else of_modification
    if (mode, kind) == (FaultMode.WRONG_AMOUNT, OperationKind.VOID):
        expected, code = PENDING, ""  # a void has no amount
    assert (outcome.kind, outcome.code) == (expected, code), outcome

    declined = mode is FaultMode.TIMEOUT_THEN_DECLINE
    if acted:
        # The webhook brings the truth, whatever was answered.
        told = await lab.told_of(reference)
        assert told.outcome is not None
        assert told.outcome.kind is (DECLINED if declined else APPROVED)
    else:
        assert [one for one in await lab.told() if one.reference == reference] == []

    # The same key again heals what never happened, and finds what did.
    lab.seconds = LONG_SECONDS
    again = await send()
    if kind is OperationKind.AUTHORIZE:
        assert again.kind is (DECLINED if declined else APPROVED), again
    else:
        assert again.kind is PENDING, again
    told = await lab.told_of(reference)
    assert told.psp_reference == again.psp_reference
    assert told.outcome is not None
    assert told.outcome.kind is (DECLINED if declined else APPROVED)
    assert await lab.moves(kind, reference) == (0 if declined else 1)
    # A second delivery is the same event.
    await lab.psp.call("POST", "webhooks:release", reference=reference, again=True)
    assert [one.event_id for one in await lab.told() if one.reference == reference] == [told.event_id] * 2


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_can_be_asked_and_nothing_is_sent_for_it(lab: Laboratory, kind: OperationKind) -> None:
    payment = await lab.authorize()
    before = lab.runtime.sender.requests
    question = Sync(
        kind=kind,
        reference="pay_1_1",
        amount=Money(1050, "EUR"),
        psp_reference=payment.psp_reference,
        payment_psp_reference=payment.psp_reference,
    )
    outcome = await lab.ask(question)
    assert (outcome.kind, outcome.code) == (UNKNOWN, "operation_not_supported")
    assert lab.runtime.sender.requests == before


async def test_nothing_is_sent_to_a_closed_door(lab: Laboratory) -> None:
    await lab.psp.call("PUT", "faults", mode=FaultMode.REFUSE.value)
    assert (await lab.authorize()).kind is NOT_SENT
    await lab.psp.call("DELETE", "faults")
    assert await lab.psp.requests("pay_1_1") == 0
    assert (await lab.authorize()).kind is APPROVED
    assert await lab.psp.requests("pay_1_1") == 1


@pytest.mark.parametrize("mode", [FaultMode.RESET_AFTER, FaultMode.SERVER_ERROR_AFTER])
async def test_an_authorization_whose_answer_is_lost_is_taken_back_by_our_reference(
    lab: Laboratory, mode: FaultMode
) -> None:
    await lab.strike(mode, "authorize")
    assert (await lab.authorize()).kind is UNKNOWN
    reversal = Reversal(reference="pay_1_1", idempotency_key=lab.key())
    assert (await lab.ask(reversal)).kind is PENDING
    (told,) = [one for one in await lab.told() if one.kind is OperationKind.REVERSE]
    charge = await lab.charge()
    assert told.outcome is not None
    assert (told.reference, told.outcome.kind) == ("pay_1_1", APPROVED)
    assert told.outcome.psp_reference == told.payment_psp_reference == charge["charge"]
    assert charge["voided"]
    # Once more, it finds nothing to release.
    again = Reversal(reference="pay_1_1", idempotency_key=lab.key())
    assert (await lab.ask(again)).kind is PENDING
    assert [one.outcome.kind for one in await lab.told() if one.kind is OperationKind.REVERSE and one.outcome] == [
        APPROVED,
        DECLINED,
    ]


async def test_a_captured_payment_is_not_taken_back(lab: Laboratory) -> None:
    await lab.authorize(capture=True)
    assert (await lab.ask(Reversal(reference="pay_1_1", idempotency_key=lab.key()))).kind is PENDING
    (told,) = [one for one in await lab.told() if one.kind is OperationKind.REVERSE]
    assert told.outcome is not None
    assert told.outcome.kind is DECLINED
    assert (await lab.charge())["captured"] == 1050


async def test_a_reversal_of_what_never_arrived_releases_nothing(lab: Laboratory) -> None:
    outcome = await lab.ask(Reversal(reference="pay_1_1", idempotency_key=lab.key()))
    assert (outcome.kind, outcome.psp_reference) == (DECLINED, "")


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
        told = await lab.told_of(reference)
        assert told.outcome is not None
        assert (told.outcome.kind, told.payment_psp_reference) == (expected, payment)
    charge = await lab.charge()
    assert (charge["authorized"], charge["captured"], charge["refunded"]) == (1050, 1050, 1000)


async def test_a_capture_repeated_while_it_waits_is_the_same_capture(lab: Laboratory) -> None:
    payment = (await lab.authorize()).psp_reference
    await lab.psp.call("PUT", "decisions", held=True)
    capture = lab.operation(OperationKind.CAPTURE, payment)
    first, again = await lab.ask(capture), await lab.ask(capture)
    assert (first.kind, again.kind, again.psp_reference) == (PENDING, PENDING, first.psp_reference)
    assert await lab.moves(OperationKind.CAPTURE, "cap_1") == 0
    assert [one.reference for one in await lab.told()] == ["pay_1_1"]
    await lab.psp.call("POST", "decisions", type="capture", reference="cap_1")
    assert (await lab.told_of("cap_1")).psp_reference == first.psp_reference
    assert await lab.moves(OperationKind.CAPTURE, "cap_1") == 1


async def test_a_refund_that_the_bank_sends_back_later(lab: Laboratory) -> None:
    payment = (await lab.authorize(capture=True)).psp_reference
    refund = await lab.ask(lab.operation(OperationKind.REFUND, payment))
    await lab.psp.call("POST", "decisions", type="refund", reference="ref_1", reason="declined")
    first, second = [one for one in await lab.told() if one.kind is OperationKind.REFUND]
    assert (first.reversal, second.reversal) == (False, True)
    assert first.psp_reference == second.psp_reference == refund.psp_reference
    assert first.event_id != second.event_id
    assert (await lab.charge())["refunded"] == 0


async def test_a_modification_of_an_unknown_payment_is_refused(lab: Laboratory) -> None:
    outcome = await lab.ask(lab.operation(OperationKind.CAPTURE, "NOSUCHPAYMENT000"))
    assert (outcome.kind, outcome.code, outcome.raw_code) == (DECLINED, "invalid_request", "167")
    assert outcome.psp_reference == ""


async def test_no_card_number_or_key_is_told(lab: Laboratory) -> None:
    outcome = await lab.authorize()
    told = repr(outcome) + repr(lab.runtime.observer.calls) + repr(await lab.told())
    assert not any(secret in told for secret in ("4242424242424242", "sk_test_of_the_account"))
