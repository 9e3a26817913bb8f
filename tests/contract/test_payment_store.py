"""What every store of the gateway does with payments: the fake that unit tests use, and the stored procedures."""

import asyncio
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from gateway_svc.application.ports import Disposition, NewModification
from gateway_svc.application.views import payment_of
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.contract.payment_stores import (
    APPROVED,
    ATTEMPT_KEYS,
    AUTHORIZED,
    CARD,
    DECLINED,
    PAYMENT_KEYS,
    UNKNOWN,
    Subject,
    new_payment,
    subject,
)
from tests.support.postgres import postgres

__all__ = ["postgres", "subject"]


async def test_a_begun_payment_is_shown_whole(subject: Subject) -> None:
    new = new_payment(merchant_reference=new_id("order"))
    view = await subject.begun(**{name: getattr(new, name) for name in ("id", "token", "merchant_reference")})
    assert set(view) == PAYMENT_KEYS
    assert set(view["attempts"][0]) == ATTEMPT_KEYS
    payment = payment_of(view)
    assert (payment.id, payment.merchant_id, payment.status) == (new.id, subject.merchant_id, PaymentStatus.PROCESSING)
    assert (payment.amount, payment.currency, payment.token) == (1000, "EUR", new.token)
    assert payment.candidates == tuple(new.candidates)
    [attempt] = payment.attempts
    assert (attempt.id, attempt.ordinal, attempt.account) == (f"{new.id}_1", 1, "psp_a")
    assert attempt.status is AttemptStatus.SENDING
    assert view["card"] == CARD
    assert view["metadata"] == {"order": "17", "é": "ß"}
    assert (view["merchant_reference"], view["description"]) == (new.merchant_reference, "two books")
    assert (view["seq"], view["decline"], view["captures"], view["voids"]) == (1, None, [], [])
    assert await subject.store.get_payment(subject.merchant_id, new.id) == view


async def test_a_key_in_flight_shows_its_payment_and_a_released_one_is_resumed_by_one(subject: Subject) -> None:
    operation = subject.operation()
    payment = await subject.begun(operation)
    again = await subject.store.begin_payment(operation, new_payment())
    assert (again.disposition, again.answer) == (Disposition.IN_FLIGHT, None)
    assert again.payment is not None
    assert again.payment["id"] == payment["id"]
    await subject.store.release_lease(operation)
    found = await subject.store.find_operation(operation)
    assert found.disposition is Disposition.RESUME
    resumed = await asyncio.gather(*(subject.store.begin_payment(operation, new_payment()) for _ in range(4)))
    assert sorted(begun.disposition for begun in resumed) == ["IN_FLIGHT", "IN_FLIGHT", "IN_FLIGHT", "RESUME"]
    assert {begun.payment["id"] for begun in resumed if begun.payment} == {payment["id"]}


async def test_a_lease_ends_by_itself(subject: Subject) -> None:
    operation = subject.operation(lease_ms=0)
    await subject.begun(operation)
    assert (await subject.store.find_operation(operation)).disposition is Disposition.RESUME
    assert (await subject.store.begin_payment(operation, new_payment())).disposition is Disposition.RESUME


async def test_a_final_payment_is_the_answer_of_its_key(subject: Subject) -> None:
    operation = subject.operation()
    payment = await subject.begun(operation)
    final = await subject.store.record_attempt(payment["id"], f"{payment['id']}_1", APPROVED, asked=False)
    again = await subject.store.begin_payment(operation, new_payment())
    assert (again.disposition, again.answer) == (Disposition.REPLAYED, final)
    found = await subject.store.find_operation(operation)
    assert (found.disposition, found.answer) == (Disposition.REPLAYED, final)
    await subject.store.release_lease(operation)
    assert (await subject.store.find_operation(operation)).disposition is Disposition.REPLAYED


async def test_a_key_is_bound_to_one_body_and_one_operation(subject: Subject) -> None:
    operation = subject.operation()
    payment = await subject.begun(operation)
    other = replace(operation, request_hash=hashlib.sha256(b"other").digest())
    refund = NewModification(new_id("ref"), "REFUND", payment["id"], None, None, "")
    calls = (
        subject.store.begin_payment(other, new_payment()),
        subject.store.find_operation(other),
        subject.store.begin_modification(operation, refund),
    )
    for call in calls:
        with pytest.raises(Refusal) as caught:
            await call
        assert caught.value.reason is Reason.IDEMPOTENCY_KEY_REUSED


async def test_the_same_key_of_another_merchant_is_another_key(subject: Subject) -> None:
    operation = subject.operation()
    await subject.begun(operation)
    foreign = replace(operation, merchant_id=subject.foreign_id)
    assert (await subject.store.find_operation(foreign)).disposition is Disposition.NONE
    assert (await subject.store.begin_payment(foreign, new_payment())).disposition is Disposition.CREATED


async def test_calls_at_once_with_one_key_begin_one_payment(subject: Subject) -> None:
    operation = subject.operation()
    begun = await asyncio.gather(*(subject.store.begin_payment(operation, new_payment()) for _ in range(6)))
    assert sorted(one.disposition for one in begun) == ["CREATED", *["IN_FLIGHT"] * 5]
    assert len({one.payment["id"] for one in begun if one.payment}) == 1


async def test_a_merchant_reference_is_taken_once(subject: Subject) -> None:
    reference = new_id("order")
    first = await subject.begun(merchant_reference=reference)
    operation = subject.operation()
    with pytest.raises(Refusal) as caught:
        await subject.store.begin_payment(operation, new_payment(merchant_reference=reference))
    assert caught.value.reason is Reason.MERCHANT_REFERENCE_TAKEN
    assert caught.value.metadata == {"payment_id": first["id"]}
    assert (await subject.store.find_operation(operation)).disposition is Disposition.NONE
    await subject.begun()
    await subject.begun()


@pytest.mark.parametrize(
    ("merchant", "changes", "reason"),
    [("own", {"candidates": []}, Reason.NO_ELIGIBLE_ACCOUNT), ("nobody", {}, Reason.MERCHANT_NOT_FOUND)],
)
async def test_what_can_not_begin_leaves_no_trace(
    subject: Subject, merchant: str, changes: dict[str, Any], reason: Reason
) -> None:
    operation = subject.operation()
    if merchant == "nobody":
        operation = replace(operation, merchant_id=new_id("mer"))
    with pytest.raises(Refusal) as caught:
        await subject.store.begin_payment(operation, new_payment(**changes))
    assert caught.value.reason is reason
    assert (await subject.store.find_operation(operation)).disposition is Disposition.NONE


@pytest.mark.parametrize(
    ("capture_method", "verdict", "status", "authorized", "captured"),
    [
        ("AUTOMATIC", APPROVED, "SUCCEEDED", 1000, 1000),
        ("MANUAL", AUTHORIZED, "AUTHORIZED", 1000, 0),
        ("AUTOMATIC", DECLINED, "DECLINED", 0, 0),
        ("MANUAL", AttemptVerdict(AttemptStatus.NOT_SENT, PaymentStatus.FAILED, code="x"), "FAILED", 0, 0),
        ("AUTOMATIC", UNKNOWN, "PROCESSING", 0, 0),
    ],
)
async def test_a_record_moves_attempt_and_payment(
    subject: Subject, capture_method: str, verdict: AttemptVerdict, status: str, authorized: int, captured: int
) -> None:
    payment = await subject.begun(capture_method=capture_method)
    view = await subject.store.record_attempt(payment["id"], f"{payment['id']}_1", verdict, asked=False)
    assert (view["status"], view["amount_authorized"], view["amount_captured"]) == (status, authorized, captured)
    [attempt] = view["attempts"]
    assert attempt["status"] == verdict.attempt_status
    assert (attempt["code"], attempt["raw_code"]) == (verdict.code, verdict.raw_code)
    assert attempt["psp_reference"] == verdict.psp_reference
    expected = {"code": verdict.code, "raw_code": verdict.raw_code} if status in {"DECLINED", "FAILED"} else None
    assert view["decline"] == expected
    assert view["seq"] == 2
    assert view["updated_us"] >= payment["updated_us"]


async def test_the_first_definite_record_wins(subject: Subject) -> None:
    payment = await subject.begun()
    first = await subject.store.record_attempt(payment["id"], f"{payment['id']}_1", APPROVED, asked=False)
    late = await subject.worker.record_attempt(payment["id"], f"{payment['id']}_1", DECLINED, asked=True)
    assert late == first


async def test_an_unknown_attempt_counts_what_is_asked_and_never_becomes_not_sent(subject: Subject) -> None:
    payment = await subject.begun()
    attempt_id = f"{payment['id']}_1"
    await subject.store.record_attempt(payment["id"], attempt_id, UNKNOWN, asked=False)
    not_found = replace(UNKNOWN, not_found=True)
    await subject.worker.record_attempt(payment["id"], attempt_id, not_found, asked=True)
    view = await subject.worker.record_attempt(payment["id"], attempt_id, not_found, asked=True)
    assert (view["attempts"][0]["asks"], view["attempts"][0]["not_founds"], view["seq"]) == (2, 2, 2)
    not_sent = AttemptVerdict(AttemptStatus.NOT_SENT, PaymentStatus.FAILED, code="psp_unavailable")
    view = await subject.worker.record_attempt(payment["id"], attempt_id, not_sent, asked=True)
    assert (view["status"], view["attempts"][0]["status"]) == ("PROCESSING", "UNKNOWN")
    assert (view["attempts"][0]["asks"], view["attempts"][0]["not_founds"]) == (3, 0)


async def test_a_cascade_begins_its_next_attempt_once(subject: Subject) -> None:
    payment = await subject.begun()
    moving_on = replace(DECLINED, payment_status=PaymentStatus.PROCESSING, code="do_not_honor")
    await subject.store.record_attempt(payment["id"], f"{payment['id']}_1", moving_on, asked=False)
    begun, view = await subject.worker.begin_attempt(payment["id"], 2, "psp_b", "second")
    again, same = await subject.worker.begin_attempt(payment["id"], 2, "psp_b", "second")
    assert (begun, again) == (True, False)
    assert [attempt["id"] for attempt in same["attempts"]] == [f"{payment['id']}_1", f"{payment['id']}_2"]
    assert view == same
    final = await subject.worker.record_attempt(payment["id"], f"{payment['id']}_2", APPROVED, asked=False)
    assert final["status"] == "SUCCEEDED"
    assert final["decline"] is None


async def test_drivers_read_with_ages_and_hand_over_to_an_operator(subject: Subject) -> None:
    payment = await subject.begun()
    view = await subject.worker.load_payment(payment["id"])
    assert payment_of(view).attempts[0].age_seconds >= 0
    assert set(view["attempts"][0]) == ATTEMPT_KEYS | {
        *("age_seconds", "expected_age_seconds", "settling_seconds", "asks_before", "reversal_age_seconds")
    }
    await subject.worker.require_review(payment["id"], f"{payment['id']}_1")
    await subject.worker.require_review(payment["id"], f"{payment['id']}_1")
    assert (await subject.store.load_payment(payment["id"]))["under_review"]
    stalled = await subject.worker.stalled_work(0, 1000)
    assert ("PAYMENT", payment["id"]) not in stalled
    with pytest.raises(Refusal) as caught:
        await subject.store.load_payment(new_id("pay"))
    assert caught.value.reason is Reason.PAYMENT_NOT_FOUND
