"""What an operator's word makes of an operation: money only where the record has room for it, and never a cascade."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_svc.domain.core import OPEN_ATTEMPTS, OPEN_MODIFICATIONS, AskAttempt, ReviewAttempt, next_step
from gateway_svc.domain.payment import (
    AttemptStatus,
    CaptureMethod,
    Modification,
    ModificationKind,
    ModificationStatus,
    PaymentStatus,
)
from gateway_svc.domain.resolution import (
    PENDING_PATIENCE_SECONDS,
    UNKNOWN_PATIENCE_SECONDS,
    Ask,
    Await,
    Means,
    Repeat,
    Review,
    Situation,
    next_resolution,
)
from gateway_svc.domain.reviews import (
    NOT_CHARGED_AFTER_SECONDS,
    Decision,
    Effect,
    NotPossible,
    ReviewAction,
    judge_attempt_review,
    judge_modification_review,
    needs_psp_reference,
)
from tests.unit.gateway_svc.domain.payments import attempt, payment

CHARGED, NOT_CHARGED, ASK_AGAIN = ReviewAction.CHARGED, ReviewAction.NOT_CHARGED, ReviewAction.ASK_AGAIN
LATE = NOT_CHARGED_AFTER_SECONDS
BY_REFERENCE = Means(ask_by_reference=True, repeat_seconds=6 * 3600)

statuses = st.sampled_from(AttemptStatus)
actions = st.sampled_from(ReviewAction)


def modification(kind: ModificationKind, status: ModificationStatus, **values: Any) -> Modification:
    return Modification("ref_1", "pay_1", kind, "psp_1", "psp_9", status, 100, "EUR", **values)


@given(
    earlier=st.lists(statuses, max_size=2),
    status=statuses,
    payment_status=st.sampled_from(PaymentStatus),
    action=actions,
    open_seconds=st.integers(0, 2 * LATE),
    place=st.integers(0, 2),
)
def test_no_word_of_an_operator_lets_a_payment_cascade_or_opens_what_is_over(
    earlier: list[AttemptStatus],
    status: AttemptStatus,
    payment_status: PaymentStatus,
    action: ReviewAction,
    open_seconds: int,
    place: int,
) -> None:
    attempts = [attempt(number, each) for number, each in enumerate([*earlier, status], 1)]
    found = payment(*attempts, status=payment_status)
    reviewed = attempts[min(place, len(attempts) - 1)]
    judged = judge_attempt_review(found, reviewed, action, "psp_1", open_seconds)
    if isinstance(judged, NotPossible):
        assert judged.detail
        return
    assert judged.payment_status != PaymentStatus.PROCESSING
    if judged.effect in {Effect.RECORD, Effect.ASK_AGAIN}:
        assert reviewed.status in OPEN_ATTEMPTS
    if judged.effect is Effect.REOPEN:
        assert (payment_status, reviewed) == (PaymentStatus.PROCESSING, attempts[-1])
    if action is NOT_CHARGED:
        assert judged.status in {"", "DECLINED"}
    if action is CHARGED and judged.effect is not Effect.CONFIRM:
        assert judged.status == "APPROVED"


@pytest.mark.parametrize(
    ("method", "status"), [(CaptureMethod.AUTOMATIC, "SUCCEEDED"), (CaptureMethod.MANUAL, "AUTHORIZED")]
)
@pytest.mark.parametrize("open_status", sorted(OPEN_ATTEMPTS))
def test_charged_is_judged_as_any_approval(method: CaptureMethod, status: str, open_status: AttemptStatus) -> None:
    found = payment(attempt(status=open_status), capture_method=method)
    judged = judge_attempt_review(found, found.attempts[0], CHARGED, "psp_1", 0)
    assert judged == Decision(Effect.RECORD, "APPROVED", status)


@pytest.mark.parametrize("seconds", [0, LATE - 1])
def test_not_charged_waits_until_no_call_can_be_on_its_way(seconds: int) -> None:
    found = payment(attempt(status=AttemptStatus.UNKNOWN))
    refund = modification(ModificationKind.REFUND, ModificationStatus.PENDING)
    assert isinstance(judge_attempt_review(found, found.attempts[0], NOT_CHARGED, "", seconds), NotPossible)
    assert isinstance(judge_modification_review(refund, NOT_CHARGED, "", seconds), NotPossible)
    assert judge_attempt_review(found, found.attempts[0], NOT_CHARGED, "", LATE) == Decision(
        Effect.RECORD, "DECLINED", "DECLINED", "not_charged"
    )
    assert judge_modification_review(refund, NOT_CHARGED, "", LATE) == Decision(
        Effect.RECORD, "FAILED", code="not_charged"
    )


@pytest.mark.parametrize("kind", ModificationKind)
@pytest.mark.parametrize("status", sorted(OPEN_MODIFICATIONS))
def test_an_open_modification(kind: ModificationKind, status: ModificationStatus) -> None:
    found = modification(kind, status)
    assert judge_modification_review(found, CHARGED, "psp_1", 0) == Decision(Effect.RECORD, "SUCCEEDED")
    assert judge_modification_review(found, ASK_AGAIN, "", 0) == Decision(Effect.ASK_AGAIN)


def test_a_settled_modification_is_confirmed_or_corrected() -> None:
    done = modification(ModificationKind.REFUND, ModificationStatus.SUCCEEDED)
    failed = modification(ModificationKind.CAPTURE, ModificationStatus.FAILED)
    void = modification(ModificationKind.VOID, ModificationStatus.SUCCEEDED)
    assert judge_modification_review(done, CHARGED, "", LATE) == Decision(Effect.CONFIRM)
    assert judge_modification_review(done, NOT_CHARGED, "", LATE) == Decision(Effect.TAKE_BACK, code="not_charged")
    assert judge_modification_review(failed, NOT_CHARGED, "", LATE) == Decision(Effect.CONFIRM)
    assert judge_modification_review(failed, CHARGED, "psp_1", LATE) == Decision(Effect.REOPEN, "SUCCEEDED")
    for found, action in ((void, NOT_CHARGED), (done, ASK_AGAIN), (failed, ASK_AGAIN)):
        assert isinstance(judge_modification_review(found, action, "", LATE), NotPossible)


def test_captures_and_authorizations_must_be_named() -> None:
    named = {kind for kind in ("AUTHORIZE", "CAPTURE", "VOID", "REFUND") if needs_psp_reference(kind, CHARGED)}
    assert named == {"AUTHORIZE", "CAPTURE"}
    assert not needs_psp_reference("AUTHORIZE", NOT_CHARGED)


def test_an_attempt_that_is_asked_again_is_asked_from_the_start_of_the_schedule() -> None:
    tired = attempt(status=AttemptStatus.UNKNOWN, asks=11, age_seconds=4 * 86_400)
    assert next_step(payment(tired), BY_REFERENCE) == ReviewAttempt(tired)
    again = attempt(status=AttemptStatus.UNKNOWN, asks=11, asks_before=11, age_seconds=4 * 86_400, settling_seconds=1)
    assert next_step(payment(again), BY_REFERENCE) == AskAttempt(again, 200)


@given(not_founds=st.integers(0, 5), age_seconds=st.integers(3 * 3600, 10**7), asks=st.integers(0, 12))
def test_what_is_asked_again_is_not_repeated_once_the_key_is_forgotten(
    not_founds: int, age_seconds: int, asks: int
) -> None:
    situation = Situation(asks, not_founds, age_seconds, settling_seconds=0)
    assert not isinstance(next_resolution(situation, BY_REFERENCE), Repeat)


def test_patience_begins_again_too() -> None:
    webhook = Means(webhook=True)
    old = Situation(0, 0, UNKNOWN_PATIENCE_SECONDS + 1)
    assert next_resolution(old, webhook) == Review()
    again = Situation(0, 0, UNKNOWN_PATIENCE_SECONDS + 1, settling_seconds=0)
    assert next_resolution(again, webhook) == Await(1000)
    ended = Situation(0, 0, 10 * UNKNOWN_PATIENCE_SECONDS, settling_seconds=UNKNOWN_PATIENCE_SECONDS)
    assert next_resolution(ended, webhook) == Review()
    pending = Situation(0, 0, PENDING_PATIENCE_SECONDS + 1, acknowledged=True, settling_seconds=0)
    assert isinstance(next_resolution(pending, BY_REFERENCE), Ask)
