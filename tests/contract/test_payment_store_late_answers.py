"""What the payment stores do with an answer that comes after others have asked for the operation, or repeated it.

Whoever sent an operation first judges its answer by the record as it was then. When the answer comes late, a repetition
may be under way by now, so that only the store can tell what the answer still says: under the lock.
"""

from dataclasses import replace

import pytest

from gateway_svc.domain.core import AttemptVerdict, ModificationVerdict
from gateway_svc.domain.payment import AttemptStatus, ModificationStatus, PaymentStatus
from tests.contract.payment_stores import (
    APPROVED,
    DONE,
    UNKNOWN,
    UNSURE,
    Subject,
    modification_in,
    subject,
)
from tests.support.postgres import postgres

__all__ = ["postgres", "subject"]

# What the core makes of a first call that was not acted upon: 401, 429, breaker open, no connection.
TURNED_AWAY = AttemptVerdict(AttemptStatus.DECLINED, PaymentStatus.PROCESSING, code="merchant_configuration")
NOT_SENT = AttemptVerdict(AttemptStatus.NOT_SENT, PaymentStatus.PROCESSING, code="psp_unavailable")
NOT_DONE = ModificationVerdict(ModificationStatus.FAILED, code="psp_unavailable")


@pytest.mark.parametrize(
    "verdict", [TURNED_AWAY, replace(TURNED_AWAY, payment_status=PaymentStatus.DECLINED), NOT_SENT]
)
async def test_a_late_answer_of_the_first_call_without_a_psp_reference_ends_no_attempt_that_was_asked_for(
    subject: Subject, verdict: AttemptVerdict
) -> None:
    payment = await subject.begun()
    attempt_id = f"{payment['id']}_1"
    for _ in range(2):
        await subject.worker.record_attempt(payment["id"], attempt_id, replace(UNKNOWN, not_found=True), asked=True)
    # Now the worker repeats the call, which the PSP may be approving, and the first call's answer comes.
    view = await subject.store.record_attempt(payment["id"], attempt_id, verdict, asked=False)
    assert (view["status"], view["attempts"][0]["status"]) == ("PROCESSING", "UNKNOWN")
    assert view["attempts"][0]["asks"] == 2
    view = await subject.worker.record_attempt(payment["id"], attempt_id, APPROVED, asked=True)
    assert view["status"] == "SUCCEEDED"


async def test_a_late_decline_with_a_psp_reference_is_believed(subject: Subject) -> None:
    payment = await subject.begun()
    attempt_id = f"{payment['id']}_1"
    await subject.worker.record_attempt(payment["id"], attempt_id, UNKNOWN, asked=True)
    declined = replace(TURNED_AWAY, payment_status=PaymentStatus.DECLINED, psp_reference="psp_1")
    view = await subject.store.record_attempt(payment["id"], attempt_id, declined, asked=False)
    assert (view["status"], view["attempts"][0]["status"]) == ("DECLINED", "DECLINED")


@pytest.mark.parametrize("asked", [False, True])
async def test_a_late_failure_without_a_psp_reference_ends_no_modification_that_was_asked_for(
    subject: Subject, *, asked: bool
) -> None:
    payment_id = await subject.captured()
    refund = modification_in(await subject.modify("REFUND", payment_id))
    for _ in range(2):
        await subject.worker.record_modification(refund["id"], replace(UNSURE, not_found=True), asked=True)
    recorded, payment = await subject.store.record_modification(refund["id"], NOT_DONE, asked=asked)
    assert (recorded["status"], payment["amount_refund_pending"]) == ("UNKNOWN", 1000)
    recorded, payment = await subject.worker.record_modification(refund["id"], DONE, asked=True)
    assert (recorded["status"], payment["amount_refunded"]) == ("SUCCEEDED", 1000)


async def test_a_first_call_that_was_not_acted_upon_fails_its_modification(subject: Subject) -> None:
    payment_id = await subject.captured()
    refund = modification_in(await subject.modify("REFUND", payment_id))
    recorded, payment = await subject.store.record_modification(refund["id"], NOT_DONE, asked=False)
    assert (recorded["status"], payment["amount_refund_pending"]) == ("FAILED", 0)


async def test_a_late_recorder_is_given_the_answer_of_the_payments_key(subject: Subject) -> None:
    """Otherwise the first caller would be told something else than everybody who repeats its call."""
    key = "key-of-payment"
    payment = await subject.begun(subject.operation(key))
    attempt_id = f"{payment['id']}_1"
    await subject.worker.record_attempt(payment["id"], attempt_id, APPROVED, asked=True)
    refund = modification_in(await subject.modify("REFUND", payment["id"], 400))
    await subject.store.record_modification(refund["id"], DONE, asked=False)
    late = await subject.store.record_attempt(payment["id"], attempt_id, APPROVED, asked=False)
    assert late == (await subject.store.find_operation(subject.operation(key))).answer


async def test_a_late_recorder_is_given_the_answer_of_the_captures_key(subject: Subject) -> None:
    key = "key-of-capture"
    payment_id = await subject.authorized()
    capture = modification_in(await subject.modify("CAPTURE", payment_id, 400, final=False, key=key))
    await subject.worker.record_modification(capture["id"], DONE, asked=True)
    other = modification_in(await subject.modify("CAPTURE", payment_id, 100, final=False))
    await subject.store.record_modification(other["id"], DONE, asked=False)
    _, late = await subject.store.record_modification(capture["id"], DONE, asked=False)
    assert late == (await subject.store.find_operation(subject.operation(key))).answer


async def test_a_payment_shows_that_its_final_capture_is_under_way(subject: Subject) -> None:
    payment_id = await subject.authorized()
    capture = modification_in(await subject.modify("CAPTURE", payment_id, 400))
    assert (await subject.store.get_payment(subject.merchant_id, payment_id))["final_capture_pending"] is True
    [listed] = await subject.store.list_payments(subject.merchant_id, {}, 1)
    assert listed["final_capture_pending"] is True
    _, payment = await subject.store.record_modification(capture["id"], DONE, asked=False)
    assert payment["final_capture_pending"] is False
