"""What a PSP's own word, brought by a webhook, makes of an attempt or a modification as recorded.

A webhook may come before the answer to the call, after it, twice, or out of order, so everything is judged by the
record alone: the first definite word wins, and one that contradicts it is for an operator.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway_svc.domain.core import OPEN_ATTEMPTS, OPEN_MODIFICATIONS
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import (
    Attempt,
    AttemptStatus,
    CaptureMethod,
    Modification,
    ModificationKind,
    ModificationStatus,
    Payment,
    PaymentStatus,
)
from gateway_svc.domain.reversal import is_taken_back


class Subject(StrEnum):
    """The kinds of operation a notice may speak of."""

    AUTHORIZE = "AUTHORIZE"
    CAPTURE = "CAPTURE"
    VOID = "VOID"
    REFUND = "REFUND"
    REVERSE = "REVERSE"


@dataclass(frozen=True, slots=True)
class Notice:
    """One verified event of a PSP account.

    ``reference`` is ours of the operation, ``payment_reference`` ours of the authorization it belongs to; either may be
    empty. ``currency`` is that of the outcome's amount, empty when the event does not say. ``reversal`` tells that the
    PSP takes back a success.
    """

    account: str
    subject: Subject
    outcome: Outcome
    reference: str = ""
    payment_reference: str = ""
    currency: str = ""
    reversal: bool = False


def told_by(notice: Notice) -> dict[str, Any]:
    """Give what is kept of a notice that contradicts the record, as JSON, for the operator who looks at it."""
    outcome = notice.outcome
    return {
        "subject": notice.subject.value,
        "kind": outcome.kind.value,
        "code": outcome.code,
        "raw_code": outcome.raw_code,
        "psp_reference": outcome.psp_reference,
        "amount": outcome.amount,
        "currency": notice.currency,
        "reversal": notice.reversal,
    }


class Weight(StrEnum):
    """What is to be done with a notice."""

    RECORD = "RECORD"  # judge and record it like the answer to a question
    REVERSE = "REVERSE"  # take the recorded success back
    KNOWN = "KNOWN"  # it tells nothing new
    REVIEW = "REVIEW"  # it contradicts the record: an operator must look at it


_SETTLING = frozenset({OutcomeKind.APPROVED, OutcomeKind.DECLINED})


def weigh_attempt_notice(payment: Payment, attempt: Attempt, notice: Notice) -> Weight:
    """Say what to do with a notice of an authorization."""
    kind = notice.outcome.kind
    if kind is OutcomeKind.APPROVED and _is_other_amount(notice, payment.amount, payment.currency):
        return Weight.REVIEW
    if attempt.status in OPEN_ATTEMPTS:
        # A PSP may tell of a payment that waits for the shopper as of one that is acknowledged, before it says so or
        # after.
        known = attempt.status in {AttemptStatus.PENDING, AttemptStatus.ACTION_REQUIRED}
        acknowledges = kind is OutcomeKind.PENDING and not known
        return Weight.RECORD if kind in _SETTLING or acknowledges else Weight.KNOWN
    if kind is OutcomeKind.APPROVED:
        # Money that we believe is not held, while the payment may have gone on to another PSP; or money held twice.
        known = attempt.status is AttemptStatus.APPROVED and not _is_another(notice, attempt.psp_reference)
        # What was approved may have been taken back before that is told.
        known = known or is_taken_back(attempt, notice.outcome.psp_reference)
        return Weight.KNOWN if known else Weight.REVIEW
    if kind is OutcomeKind.DECLINED:
        return Weight.REVIEW if attempt.status is AttemptStatus.APPROVED else Weight.KNOWN
    return Weight.KNOWN


def weigh_modification_notice(modification: Modification, notice: Notice, *, reversed_before: bool) -> Weight:
    """Say what to do with a notice of a capture, void or refund.

    ``reversed_before`` tells that the PSP has taken it back already: a success that is told now is older than that.
    """
    kind, status = notice.outcome.kind, modification.status
    moves = modification.kind is not ModificationKind.VOID
    if kind is OutcomeKind.APPROVED and moves and _is_other_amount(notice, modification.amount, modification.currency):
        return Weight.REVIEW
    if status in OPEN_MODIFICATIONS:
        acknowledges = kind is OutcomeKind.PENDING and status is not ModificationStatus.PENDING
        return Weight.RECORD if kind in _SETTLING or acknowledges else Weight.KNOWN
    if kind is OutcomeKind.APPROVED:
        again = status is ModificationStatus.SUCCEEDED and not (
            moves and _is_another(notice, modification.psp_reference)
        )
        return Weight.KNOWN if again or reversed_before else Weight.REVIEW
    if kind is OutcomeKind.DECLINED and status is ModificationStatus.SUCCEEDED:
        return Weight.REVERSE if notice.reversal else Weight.REVIEW
    return Weight.KNOWN


def weigh_capture_at_once(payment: Payment, attempt: Attempt, notice: Notice) -> Weight | None:
    """Say what to do with a notice of the capture of a payment that was captured with its authorization.

    None when nothing can be said yet: the payment was not captured at once, or its authorization is not settled.
    """
    if payment.capture_method is not CaptureMethod.AUTOMATIC or attempt.status in OPEN_ATTEMPTS:
        return None
    captured = payment.status is PaymentStatus.SUCCEEDED and attempt.status is AttemptStatus.APPROVED
    if notice.outcome.kind is OutcomeKind.APPROVED:
        fits = captured and not _is_other_amount(notice, payment.amount, payment.currency)
        return Weight.KNOWN if fits else Weight.REVIEW
    if notice.outcome.kind is OutcomeKind.DECLINED:
        # Nothing of ours says how to capture again what was never captured by a call of its own.
        return Weight.REVIEW if captured else Weight.KNOWN
    return Weight.KNOWN


def weigh_release(payment: Payment, attempt: Attempt, notice: Notice) -> Weight | None:
    """Say what to do with a notice of a void that is about no void under way: a settled one, or none of ours.

    None when nothing can be said yet, as the authorization is not settled.
    """
    if attempt.status in OPEN_ATTEMPTS:
        return None
    released = payment.status is PaymentStatus.VOIDED or attempt.status is not AttemptStatus.APPROVED
    # What we believe is held, or was taken, is not: a void that we were told had failed, or one that nobody asked for.
    told = notice.outcome.kind is OutcomeKind.APPROVED
    return Weight.REVIEW if told and not released else Weight.KNOWN


def weigh_reversal(payment: Payment, attempt: Attempt, notice: Notice) -> Weight | None:
    """Say what to do with a notice of a reversal of an authorization by our reference of it.

    None when nothing can be said yet: nobody of us has asked for one, and the authorization is not settled.
    """
    told = notice.outcome.kind
    if attempt.status in OPEN_ATTEMPTS:
        if attempt.reversals == 0:
            return None
        return Weight.RECORD if told in _SETTLING else Weight.KNOWN
    believed = attempt.status is AttemptStatus.APPROVED and payment.status is not PaymentStatus.VOIDED
    return Weight.REVIEW if told is OutcomeKind.APPROVED and believed else Weight.KNOWN


def _is_another(notice: Notice, psp_reference: str) -> bool:
    """Tell whether the PSP has done under our reference what it had done already: its ids differ."""
    return bool(psp_reference and notice.outcome.psp_reference) and notice.outcome.psp_reference != psp_reference


def _is_other_amount(notice: Notice, amount: int, currency: str) -> bool:
    """Tell whether the PSP says that it acted on another amount; an event that names none can't."""
    if notice.currency and notice.currency != currency:
        return True
    return notice.outcome.amount not in {0, amount}
