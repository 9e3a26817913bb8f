"""The operators' desk as the simulator sees it: what the core makes of an operator's word, done to the books."""

from dataclasses import replace

from gateway_svc.domain.core import OPEN_ATTEMPTS, AttemptVerdict, ModificationVerdict
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import Attempt, AttemptStatus, Modification, ModificationStatus, PaymentStatus
from gateway_svc.domain.reviews import (
    Decision,
    Effect,
    NotPossible,
    ReviewAction,
    judge_attempt_review,
    judge_modification_review,
)
from tests.simulator.books import Books
from tests.simulator.psp import Psp
from tests.simulator.record import IllegalTransition, Row


def operation(row: Row, reference: str) -> Attempt | Modification:
    """Give what is under review."""
    operations: tuple[Attempt | Modification, ...] = (*row.payment.attempts, *row.modifications)
    return next(each for each in operations if each.id == reference)


def waits(row: Row, reference: str) -> bool:
    """Tell whether an operator must look at it."""
    found = operation(row, reference)
    return found.under_review if isinstance(found, Modification) else reference in row.reviews


def action_of(told: Outcome | None) -> ReviewAction:
    """Say what an operator decides who sees in the PSP's dashboard what the PSP did, or nothing."""
    charged = told is not None and told.kind is OutcomeKind.APPROVED
    return ReviewAction.CHARGED if charged else ReviewAction.NOT_CHARGED


def release_strays(psp: Psp, row: Row, found: Attempt | Modification, told: Outcome | None) -> Outcome | None:
    """Release in the PSP's dashboard what the record can't take any more; tell what there is to decide by then."""
    strays = [charge for charge in psp.charges.values() if charge.stray and charge.reference == found.id]
    if isinstance(found, Modification) or not strays or found.status in OPEN_ATTEMPTS:
        return told
    waits = row.payment.status is PaymentStatus.PROCESSING and found is row.payment.attempts[-1]
    if waits and found.status is not AttemptStatus.APPROVED:
        return told
    for charge in strays:
        charge.voided = True
    approved = found.status is AttemptStatus.APPROVED
    return Outcome(OutcomeKind.APPROVED if approved else OutcomeKind.NOT_FOUND, psp_reference=found.psp_reference)


def resolve(
    books: Books, payment_id: str, reference: str, action: ReviewAction, psp_reference: str, open_seconds: int
) -> Effect:
    """Do what the core makes of an operator's word, as resolve_review does."""
    row = books.rows[payment_id]
    found = operation(row, reference)
    if isinstance(found, Modification):
        judged = judge_modification_review(found, action, psp_reference, open_seconds)
    else:
        judged = judge_attempt_review(row.payment, found, action, psp_reference, open_seconds)
    if isinstance(judged, NotPossible):
        raise IllegalTransition(f"{action} of {reference} is not possible: {judged.detail}")
    _lift(books, row, found)
    if judged.effect is Effect.ASK_AGAIN:
        _ask_again(row, found)
    elif judged.effect is Effect.END:
        books.end_unsent(row)
    elif judged.effect in {Effect.RECORD, Effect.REOPEN}:
        if judged.effect is Effect.REOPEN:
            _reopen(row, found)
        _record(books, row, found, judged, psp_reference)
    elif judged.effect is not Effect.CONFIRM:
        raise IllegalTransition(f"no truthful PSP contradicts {reference}: {judged}")
    return judged.effect


def _lift(books: Books, row: Row, found: Attempt | Modification) -> None:
    if isinstance(found, Modification):
        _replace(row, replace(found, under_review=False))
    else:
        row.reviews.discard(found.id)
        row.payment = replace(row.payment, under_review=bool(row.reviews))
    books.emit(row, "REVIEW_RESOLVED")


def _ask_again(row: Row, found: Attempt | Modification) -> None:
    if isinstance(found, Modification):
        _replace(row, replace(found, under_review=False, asks_before=found.asks, not_founds=0))
        return
    again = replace(found, asks_before=found.asks, not_founds=0)
    attempts = tuple(again if each.id == found.id else each for each in row.payment.attempts)
    row.payment = replace(row.payment, attempts=attempts)


def _reopen(row: Row, found: Attempt | Modification) -> None:
    if isinstance(found, Modification):
        raise IllegalTransition(f"no truthful PSP contradicts {found.id}")
    again = replace(found, status=AttemptStatus.UNKNOWN)
    attempts = tuple(again if each.id == found.id else each for each in row.payment.attempts)
    row.payment = replace(row.payment, attempts=attempts)


def _record(books: Books, row: Row, found: Attempt | Modification, judged: Decision, psp_reference: str) -> None:
    # An operator is believed as a PSP is that names its decline.
    named = psp_reference or "operator"
    if isinstance(found, Modification):
        verdict = ModificationVerdict(ModificationStatus(judged.status), judged.code, psp_reference=named)
        books.record_modification(row.payment.id, found.id, verdict, asked=False)
        return
    states = AttemptStatus(judged.status), PaymentStatus(judged.payment_status)
    books.record_attempt(
        row.payment.id, found.id, AttemptVerdict(*states, judged.code, psp_reference=named), asked=False, decided=True
    )


def _replace(row: Row, changed: Modification) -> None:
    row.modifications[:] = [changed if each.id == changed.id else each for each in row.modifications]
