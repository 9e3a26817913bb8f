"""What an operator's word makes of an attempt or modification that went to review.

Two things bring an operation there: nobody could tell what became of it, or its PSP contradicts what is recorded. The
first has an open state and is recorded as any other outcome. The second is final, and is confirmed or corrected; what
merchants were told to be over stays over.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from gateway_svc.domain.core import (
    OPEN_ATTEMPTS,
    OPEN_MODIFICATIONS,
    approved_status,
    judge_attempt,
    judge_modification,
)
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import (
    Attempt,
    AttemptStatus,
    CancelStatus,
    Modification,
    ModificationKind,
    ModificationStatus,
    Payment,
    PaymentStatus,
)


class ReviewAction(StrEnum):
    """What an operator may say: it took effect at the PSP, it did not, or the PSP is to be asked again."""

    CHARGED = "CHARGED"
    NOT_CHARGED = "NOT_CHARGED"
    ASK_AGAIN = "ASK_AGAIN"


class Effect(StrEnum):
    """What is done with the record."""

    RECORD = "RECORD"  # what was open ends with the given states
    REOPEN = "REOPEN"  # what was recorded as not charged is recorded anew, as charged
    CONFIRM = "CONFIRM"  # the record is right
    TAKE_BACK = "TAKE_BACK"  # what was recorded as charged is taken back
    END = "END"  # a payment between two attempts ends as its attempts did
    ASK_AGAIN = "ASK_AGAIN"  # the schedule of asks begins again


@dataclass(frozen=True, slots=True)
class Decision:
    """What is recorded of an operator's word; the states and the code are for RECORD and REOPEN."""

    effect: Effect
    status: str = ""
    payment_status: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class NotPossible:
    """The operator's word can't be acted upon: why not, and what to do instead."""

    detail: str


NOT_CHARGED_CODE: Final = "not_charged"
"""The code of what an operator found not to be charged; no PSP gives it."""

NOT_DONE: Final = frozenset({AttemptStatus.DECLINED, AttemptStatus.NOT_SENT, ModificationStatus.FAILED})
"""The states in which nothing is held, captured, released or given back, as far as is recorded."""

NOT_CHARGED_AFTER_SECONDS: Final = 600
"""How long a review is open at least before "not charged" is believed: a call that was under way may still arrive."""

_TOO_EARLY: Final = NotPossible(
    f"a call may still be on its way: wait until the review is {NOT_CHARGED_AFTER_SECONDS // 60} minutes old, "
    "and look at the PSP's dashboard once more"
)
_SETTLED: Final = NotPossible("it is settled in the record, so that nothing would be asked; say CHARGED or NOT_CHARGED")
_OVER: Final = NotPossible(
    "the payment has gone on or has ended without it, and the merchant was told so: "
    "void or refund the charge in the PSP's dashboard, then say NOT_CHARGED"
)
_VOIDED: Final = NotPossible(
    "the payment is voided, and the merchant was told so: release the hold in the PSP's dashboard, then say CHARGED"
)


def judge_attempt_review(
    payment: Payment, attempt: Attempt, action: ReviewAction, psp_reference: str, open_seconds: int
) -> Decision | NotPossible:
    """Say what ``action`` makes of an authorization whose review has been open for ``open_seconds``.

    Guarantees that "not charged" never lets the payment go on to another PSP: the shopper has left.
    """
    if attempt.status in OPEN_ATTEMPTS:
        return _judge_open_attempt(payment, attempt, action, psp_reference, open_seconds)
    if action is ReviewAction.ASK_AGAIN:
        return _SETTLED
    if attempt.status is AttemptStatus.APPROVED:
        confirmed = action is ReviewAction.CHARGED or payment.status is PaymentStatus.VOIDED
        return Decision(Effect.CONFIRM if confirmed else Effect.TAKE_BACK, code=NOT_CHARGED_CODE)
    waits = payment.status is PaymentStatus.PROCESSING and attempt.id == payment.attempts[-1].id
    if action is ReviewAction.NOT_CHARGED:
        return Decision(Effect.END if waits else Effect.CONFIRM)
    if not waits:
        return _OVER
    return Decision(Effect.REOPEN, AttemptStatus.APPROVED.value, approved_status(payment.capture_method).value)


def judge_modification_review(
    modification: Modification, action: ReviewAction, psp_reference: str, open_seconds: int
) -> Decision | NotPossible:
    """Say what ``action`` makes of a capture, void or refund whose review has been open for ``open_seconds``."""
    if modification.status in OPEN_MODIFICATIONS:
        return _judge_open_modification(modification, action, psp_reference, open_seconds)
    if action is ReviewAction.ASK_AGAIN:
        return _SETTLED
    charged = action is ReviewAction.CHARGED
    if charged is (modification.status is ModificationStatus.SUCCEEDED):
        return Decision(Effect.CONFIRM)
    if charged:
        return Decision(Effect.REOPEN, ModificationStatus.SUCCEEDED.value)
    if modification.kind is ModificationKind.VOID:
        return _VOIDED
    return Decision(Effect.TAKE_BACK, code=NOT_CHARGED_CODE)


def needs_psp_reference(kind: str, action: ReviewAction) -> bool:
    """Tell whether the PSP's reference must be known: captures, voids and refunds name that of what they change."""
    return action is ReviewAction.CHARGED and kind in {"AUTHORIZE", ModificationKind.CAPTURE}


def _judge_open_attempt(
    payment: Payment, attempt: Attempt, action: ReviewAction, psp_reference: str, open_seconds: int
) -> Decision | NotPossible:
    if action is ReviewAction.ASK_AGAIN:
        return Decision(Effect.ASK_AGAIN)
    if action is ReviewAction.NOT_CHARGED:
        if open_seconds < NOT_CHARGED_AFTER_SECONDS:
            return _TOO_EARLY
        return Decision(
            Effect.RECORD, AttemptStatus.DECLINED.value, PaymentStatus.DECLINED.value, code=NOT_CHARGED_CODE
        )
    # An operator has looked at the PSP itself, so that it does not matter any more what it made of a cancelling.
    attempt = replace(attempt, cancel=CancelStatus.NONE)
    verdict = judge_attempt(payment, attempt, Outcome(OutcomeKind.APPROVED, psp_reference=psp_reference), asked=True)
    return Decision(Effect.RECORD, verdict.attempt_status.value, verdict.payment_status.value)


def _judge_open_modification(
    modification: Modification, action: ReviewAction, psp_reference: str, open_seconds: int
) -> Decision | NotPossible:
    if action is ReviewAction.ASK_AGAIN:
        return Decision(Effect.ASK_AGAIN)
    if action is ReviewAction.CHARGED:
        outcome = Outcome(OutcomeKind.APPROVED, psp_reference=psp_reference)
        return Decision(Effect.RECORD, judge_modification(modification, outcome, asked=True).status.value)
    failed = Decision(Effect.RECORD, ModificationStatus.FAILED.value, code=NOT_CHARGED_CODE)
    return failed if open_seconds >= NOT_CHARGED_AFTER_SECONDS else _TOO_EARLY
