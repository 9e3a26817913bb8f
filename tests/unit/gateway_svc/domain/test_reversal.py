"""What the core makes of an attempt that is taken back, as nobody could tell what became of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway_svc.domain.cascade_policy import MAX_CASCADE_SECONDS
from gateway_svc.domain.core import ReverseAttempt, judge_reversal, next_step
from gateway_svc.domain.notices import Notice, Subject, Weight, weigh_attempt_notice, weigh_reversal
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus, ReversalStatus
from gateway_svc.domain.resolution import Confirms, Means
from gateway_svc.domain.reversal import (
    REVERSED_CODE,
    ReversalTold,
    believes_approval,
    is_taken_back,
    told_by_outcome,
)
from tests.unit.gateway_svc.domain.payments import attempt, outcomes, payment

REVERSIBLE = Means(webhook=True, reverse=Confirms.WEBHOOK)
APPROVED = Outcome(OutcomeKind.APPROVED, psp_reference="psp_1")
UNKNOWN = AttemptStatus.UNKNOWN


@given(outcome=outcomes)
def test_only_the_psps_clear_word_tells_anything(outcome: Outcome) -> None:
    told = told_by_outcome(outcome)
    confirmed = outcome.kind is OutcomeKind.APPROVED and outcome.psp_reference != ""
    assert (told is ReversalTold.CONFIRMED) is confirmed
    assert (told is ReversalTold.REFUSED) is (outcome.kind is OutcomeKind.DECLINED)


@given(outcome=outcomes, age_seconds=st.integers(0, 3 * 86_400))
def test_a_payment_moves_on_only_from_a_confirmed_reversal_and_by_the_policy(
    outcome: Outcome, age_seconds: int
) -> None:
    before = payment(attempt(status=UNKNOWN, age_seconds=age_seconds, reversals=1, reversal=ReversalStatus.SENT))
    verdict = judge_reversal(before, before.attempts[-1], outcome)
    # The shopper has left, so that the policy never lets it go on.
    assert not verdict.moves_on
    assert verdict.psp_reference == outcome.psp_reference


def test_the_step_names_the_number_of_the_reversal() -> None:
    last = attempt(status=UNKNOWN, age_seconds=5, reversals=1, reversal=ReversalStatus.SENT, reversal_age_seconds=1)
    assert next_step(payment(last), REVERSIBLE) == ReverseAttempt(last, 2, 900_000)
    first = attempt(status=AttemptStatus.SENDING)
    assert next_step(payment(first), REVERSIBLE) == ReverseAttempt(first, 1, 900_000)


def test_no_reversal_is_quick_enough_for_a_cascade() -> None:
    """Should that change, what a reversal makes of a payment has to be thought of anew."""
    assert isinstance(next_step(payment(attempt()), REVERSIBLE), ReverseAttempt)
    assert next_step(payment(attempt()), REVERSIBLE).delay_ms >= MAX_CASCADE_SECONDS * 1000  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("reversals", "status", "believed"),
    [
        (0, ReversalStatus.NONE, True),
        (1, ReversalStatus.SENT, False),
        (1, ReversalStatus.ACKNOWLEDGED, False),
        (1, ReversalStatus.REFUSED, True),
        # The first may have been done, and be the reason why the second is refused.
        (2, ReversalStatus.REFUSED, False),
        (2, ReversalStatus.SENT, False),
    ],
)
def test_an_approval_is_believed_while_no_reversal_can_have_been_done(
    reversals: int, status: ReversalStatus, *, believed: bool
) -> None:
    assert believes_approval(attempt(status=UNKNOWN, reversals=reversals, reversal=status)) is believed


@pytest.mark.parametrize(
    ("kind", "reversals", "expected"),
    [
        (OutcomeKind.APPROVED, 1, Weight.RECORD),
        (OutcomeKind.DECLINED, 1, Weight.RECORD),
        (OutcomeKind.PENDING, 1, Weight.KNOWN),
        # Somebody else has asked for it: it is matched once the authorization is settled.
        (OutcomeKind.APPROVED, 0, None),
    ],
)
def test_notices_of_a_reversal_while_the_attempt_is_open(
    kind: OutcomeKind, reversals: int, expected: Weight | None
) -> None:
    last = attempt(status=UNKNOWN, reversals=reversals)
    notice = Notice("psp_1", Subject.REVERSE, Outcome(kind, psp_reference="psp_1"), last.id)
    assert weigh_reversal(payment(last), last, notice) is expected


@pytest.mark.parametrize(
    ("status", "payment_status", "expected"),
    [
        (AttemptStatus.APPROVED, PaymentStatus.SUCCEEDED, Weight.REVIEW),
        (AttemptStatus.APPROVED, PaymentStatus.VOIDED, Weight.KNOWN),
        (AttemptStatus.DECLINED, PaymentStatus.DECLINED, Weight.KNOWN),
        (AttemptStatus.NOT_SENT, PaymentStatus.FAILED, Weight.KNOWN),
    ],
)
def test_notices_of_a_reversal_once_the_attempt_has_ended(
    status: AttemptStatus, payment_status: PaymentStatus, expected: Weight
) -> None:
    last = attempt(status=status, psp_reference="psp_1")
    ended = payment(last, status=payment_status)
    notice = Notice("psp_1", Subject.REVERSE, APPROVED, last.id)
    assert weigh_reversal(ended, last, notice) is expected
    refused = replace(notice, outcome=Outcome(OutcomeKind.DECLINED, psp_reference="rev_1"))
    assert weigh_reversal(ended, last, refused) is Weight.KNOWN


@pytest.mark.parametrize(
    ("psp_reference", "expected"), [("psp_1", Weight.KNOWN), ("psp_2", Weight.REVIEW), ("", Weight.REVIEW)]
)
def test_an_approval_that_is_told_after_the_reversal_is_old_news_of_that_authorization_alone(
    psp_reference: str, expected: Weight
) -> None:
    last = attempt(status=AttemptStatus.DECLINED, code=REVERSED_CODE, psp_reference="psp_1", reversals=1)
    ended = payment(last, status=PaymentStatus.DECLINED)
    notice = Notice("psp_1", Subject.AUTHORIZE, Outcome(OutcomeKind.APPROVED, psp_reference=psp_reference), last.id)
    assert weigh_attempt_notice(ended, last, notice) is expected
    assert is_taken_back(last, psp_reference) is (expected is Weight.KNOWN)
    declined = replace(last, code="do_not_honor")
    assert not is_taken_back(declined, "psp_1")
