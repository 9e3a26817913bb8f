"""Captures, voids and refunds: what each outcome comes to, and what a key stands for."""

import asyncio

import pytest

from gateway_svc.application.modify_payment import ModificationWish
from gateway_svc.domain.core import ModificationVerdict
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import ModificationKind, ModificationStatus
from mesh.identifiers import is_id, new_id
from mesh.reasons import Reason
from mesh.refusal import DatabaseOutcomeUnknown, Refusal
from tests.unit.gateway_svc.application.rig import MERCHANT, Rig

CAPTURE, VOID, REFUND = ModificationKind.CAPTURE, ModificationKind.VOID, ModificationKind.REFUND
KINDS = [(CAPTURE, "cap", True), (VOID, "void", True), (REFUND, "ref", False)]
DONE = ModificationVerdict(ModificationStatus.SUCCEEDED, psp_reference="psp_2")


def only_modification(rig: Rig) -> str:
    [modification_id] = rig.store.modifications
    return modification_id


@pytest.mark.parametrize(("kind", "prefix", "manual"), KINDS)
async def test_an_approved_modification_is_begun_sent_and_recorded_once(
    rig: Rig, kind: ModificationKind, prefix: str, *, manual: bool
) -> None:
    payment_id = await rig.paid(manual=manual)
    answer = await rig.change(kind, payment_id)
    modification_id = only_modification(rig)
    assert is_id(prefix, modification_id)
    assert rig.connectors.sent == [(kind.value.lower(), modification_id)]
    assert rig.store.calls == ["begin_modification", "record_modification"]
    assert not answer.replayed
    if kind is REFUND:
        assert (answer.view["id"], answer.view["status"]) == (modification_id, "SUCCEEDED")
    else:
        assert (answer.view["id"], answer.view["status"]) == (
            payment_id,
            "VOIDED" if kind is VOID else "SUCCEEDED",
        )


@pytest.mark.parametrize(("kind", "prefix", "manual"), KINDS)
async def test_a_repeat_gets_the_first_answer(rig: Rig, kind: ModificationKind, prefix: str, *, manual: bool) -> None:
    del prefix
    payment_id = await rig.paid(manual=manual)
    first = await rig.change(kind, payment_id, "key")
    again = await rig.change(kind, payment_id, "key")
    assert (again.view, again.replayed) == (first.view, True)
    assert len(rig.connectors.sent) == 1


async def test_amount_final_and_reason_travel_as_they_were_sent(rig: Rig) -> None:
    payment_id = await rig.paid(manual=True)
    wish = ModificationWish(CAPTURE, payment_id, amount=50, final=False, reason="first box")
    answer = await rig.modify.execute(rig.call(), wish)
    [capture] = answer.view["captures"]
    assert (capture["amount"], capture["final"], answer.view["status"]) == (50, False, "AUTHORIZED")
    assert rig.store.modifications[capture["id"]]["reason"] == "first box"


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (ModificationWish(CAPTURE, new_id("pay"), amount=0), Reason.INVALID_AMOUNT),
        (ModificationWish(REFUND, new_id("pay"), amount=1_000_000_000_000), Reason.INVALID_AMOUNT),
        (ModificationWish(REFUND, new_id("pay"), reason="4111111111111111"), Reason.CARD_NUMBER_IN_TEXT),
        (ModificationWish(VOID, "no such id"), Reason.PAYMENT_NOT_FOUND),
        (ModificationWish(VOID, new_id("pay")), Reason.PAYMENT_NOT_FOUND),
    ],
)
async def test_a_refused_modification_sends_nothing(rig: Rig, wish: ModificationWish, reason: Reason) -> None:
    with pytest.raises(Refusal) as caught:
        await rig.modify.execute(rig.call(), wish)
    assert caught.value.reason is reason
    assert rig.connectors.sent == []


async def test_a_declined_modification_is_an_ordinary_answer(rig: Rig) -> None:
    payment_id = await rig.paid(manual=True)
    rig.connectors.outcomes = [Outcome(OutcomeKind.DECLINED, code="authorization_expired", raw_code="e")]
    answer = await rig.change(CAPTURE, payment_id, "key")
    assert answer.view["status"] == "AUTHORIZED"
    [capture] = answer.view["captures"]
    assert (capture["status"], capture["code"]) == ("FAILED", "authorization_expired")
    assert (await rig.change(CAPTURE, payment_id, "key")).replayed


async def test_a_modification_that_was_not_sent_has_failed(rig: Rig) -> None:
    payment_id = await rig.paid()
    rig.connectors.outcomes = [Outcome(OutcomeKind.NOT_SENT, code="connectors_unavailable")]
    answer = await rig.change(REFUND, payment_id)
    assert (answer.view["status"], rig.durable.handed_over) == ("FAILED", [])


@pytest.mark.parametrize("kind", [OutcomeKind.UNKNOWN, OutcomeKind.ACTION_REQUIRED])
async def test_what_is_not_settled_is_recorded_and_handed_over(rig: Rig, kind: OutcomeKind) -> None:
    payment_id = await rig.paid()
    rig.connectors.outcomes = [Outcome(kind)]
    answer = await rig.change(REFUND, payment_id, "key")
    assert (answer.view["id"], answer.view["status"]) == (only_modification(rig), "UNKNOWN")
    assert rig.durable.handed_over == [("MODIFICATION", only_modification(rig), 10_000)]
    assert rig.store.keys[MERCHANT, "key"].lease_until is None


async def test_what_the_psp_decides_later_is_answered_at_once(rig: Rig) -> None:
    payment_id = await rig.paid()
    rig.connectors.outcomes = [Outcome(OutcomeKind.PENDING, psp_reference="psp_7")]
    answer = await rig.change(REFUND, payment_id, "key")
    assert (answer.view["status"], answer.view["expected_us"]) == ("PENDING", None)
    assert rig.durable.handed_over == [("MODIFICATION", only_modification(rig), 0)]


async def test_what_the_durable_driver_settles_in_time_is_the_answer(rig: Rig) -> None:
    payment_id = await rig.paid(manual=True)
    rig.connectors.outcomes = [Outcome(OutcomeKind.UNKNOWN)]

    async def settle(reference: str) -> None:
        await rig.store.record_modification(reference, DONE, asked=True)

    rig.durable.settle = settle
    answer = await rig.change(CAPTURE, payment_id, "key")
    assert (answer.view["status"], answer.replayed) == ("SUCCEEDED", False)
    again = await rig.change(CAPTURE, payment_id, "key")
    assert (again.view, again.replayed) == (answer.view, True)


async def test_an_unsettled_modification_is_resumed_without_being_sent_again(rig: Rig) -> None:
    payment_id = await rig.paid()
    rig.connectors.outcomes = [Outcome(OutcomeKind.UNKNOWN)]
    await rig.change(REFUND, payment_id, "key")
    modification_id = only_modification(rig)

    async def settle(reference: str) -> None:
        await rig.store.record_modification(reference, DONE, asked=True)

    rig.durable.settle = settle
    answer = await rig.change(REFUND, payment_id, "key")
    assert (answer.view["id"], answer.view["status"], answer.replayed) == (modification_id, "SUCCEEDED", True)
    assert len(rig.connectors.sent) == 1


async def test_a_key_in_flight_is_refused(rig: Rig) -> None:
    payment_id = await rig.paid()
    rig.connectors.hold = asyncio.Event()
    rig.connectors.reached.clear()
    first = asyncio.create_task(rig.change(REFUND, payment_id, "key"))
    await rig.connectors.reached.wait()
    with pytest.raises(Refusal) as caught:
        await rig.change(REFUND, payment_id, "key")
    assert (caught.value.reason, caught.value.retry_after_seconds) == (Reason.IDEMPOTENCY_KEY_IN_FLIGHT, 1)
    rig.connectors.hold.set()
    assert (await first).view["status"] == "SUCCEEDED"


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_begin_that_broke_off_is_found_out_and_sent_once(rig: Rig, *, after_effect: bool) -> None:
    payment_id = await rig.paid()
    rig.store.faults.arm("begin_modification", DatabaseOutcomeUnknown(), after_effect=after_effect)
    answer = await rig.change(REFUND, payment_id)
    assert answer.view["status"] == "SUCCEEDED"
    assert rig.connectors.sent == [("refund", only_modification(rig))]


async def test_what_can_not_be_recorded_is_shown_as_begun(rig: Rig) -> None:
    payment_id = await rig.paid()
    rig.store.faults.arm("record_modification", DatabaseOutcomeUnknown(), times=100)
    answer = await rig.change(REFUND, payment_id)
    assert (answer.view["id"], answer.view["status"]) == (only_modification(rig), "SENDING")
    assert [level for level, _, _ in rig.logger.events] == ["error"]


async def test_a_caller_who_hangs_up_does_not_break_off_the_recording(rig: Rig) -> None:
    payment_id = await rig.paid()
    rig.connectors.hold = asyncio.Event()
    rig.connectors.reached.clear()
    call = asyncio.create_task(rig.change(REFUND, payment_id))
    await rig.connectors.reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    rig.connectors.hold.set()
    assert await rig.sections.drain(10) == 0
    assert rig.store.modifications[only_modification(rig)]["status"] == "SUCCEEDED"


async def test_nothing_begins_when_the_time_is_over(rig: Rig) -> None:
    payment_id = await rig.paid()
    with pytest.raises(Refusal) as caught:
        await rig.modify.execute(rig.call(seconds=0.3), ModificationWish(REFUND, payment_id))
    assert caught.value.reason is Reason.DEADLINE_EXCEEDED
    assert rig.store.modifications == {}
