"""Applies what a PSP said by webhook to the attempt or modification it speaks of."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway_svc.application.keep_tokens import TellAtOnce
from gateway_svc.application.ports import Logger, PaymentStore
from gateway_svc.application.views import modification_of, payment_of
from gateway_svc.domain import core
from gateway_svc.domain.notices import (
    Notice,
    Subject,
    Weight,
    told_by,
    weigh_attempt_notice,
    weigh_capture_at_once,
    weigh_modification_notice,
    weigh_release,
    weigh_reversal,
)
from gateway_svc.domain.outcome import OutcomeKind
from gateway_svc.domain.payment import Attempt, ModificationKind, Payment
from mesh.identifiers import is_id
from mesh.reasons import Reason
from mesh.refusal import Refusal

ROUNDS_MAX: Final = 3
"""A notice is weighed anew after it was recorded, as others record at the same time."""

_PREFIXES: Final = {"cap": ModificationKind.CAPTURE, "void": ModificationKind.VOID, "ref": ModificationKind.REFUND}


class Applied(StrEnum):
    """What a notice came to."""

    APPLIED = "APPLIED"
    KNOWN = "KNOWN"
    UNMATCHED = "UNMATCHED"
    REVIEW = "REVIEW"


@dataclass(frozen=True, slots=True)
class Application:
    """What a notice came to, and the payment it was about, empty when none was found."""

    applied: Applied
    payment_id: str = ""


UNMATCHED: Final = Application(Applied.UNMATCHED)


class ApplyNotification:
    """The use case behind NotificationService.Notify: repeating a notice changes nothing.

    Money moves by the core's judgement and the record's procedures alone, as with the answer to a question. What fits
    no operation, or comes from another account than the operation was sent to, is UNMATCHED.
    """

    __slots__ = ("_logger", "_store", "_tell")

    def __init__(self, store: PaymentStore, logger: Logger, tell: TellAtOnce) -> None:
        self._store = store
        self._logger = logger
        self._tell = tell

    async def execute(self, notice: Notice) -> Application:
        """Apply a notice; refuses with UNAVAILABLE when the database is away: it must be brought again."""
        modification_id = await self._modification_of(notice)
        if modification_id is not None:
            return await self._apply_to_modification(notice, modification_id)
        by_reference = notice.subject in {Subject.AUTHORIZE, Subject.REVERSE}
        attempt_id = notice.reference if by_reference else notice.payment_reference
        found = await self._attempt(attempt_id or notice.payment_reference)
        if found is None or found[1].account != notice.account:
            return UNMATCHED
        if notice.subject is Subject.AUTHORIZE:
            return await self._apply_to_attempt(notice, *found)
        if notice.subject is Subject.REVERSE:
            return await self._apply_to_reversal(notice, *found)
        if notice.subject is Subject.REFUND:
            return UNMATCHED
        return await self._apply_without_modification(notice, *found)

    async def _modification_of(self, notice: Notice) -> str | None:
        """Give the id of the modification a notice speaks of, None when it speaks of none that is known."""
        if notice.subject in {Subject.AUTHORIZE, Subject.REVERSE}:
            return None
        kind = ModificationKind(notice.subject.value)
        prefix = notice.reference.partition("_")[0]
        if _PREFIXES.get(prefix) is kind and is_id(prefix, notice.reference):
            return notice.reference
        payment_id = _payment_id_of(notice.payment_reference)
        if payment_id is None:
            return None
        outcome = notice.outcome
        meant = payment_id, kind.value, outcome.amount or None, outcome.psp_reference
        found = await self._store.find_open_modification(*meant)
        if found is None and outcome.kind is OutcomeKind.APPROVED:
            # Dropped as unmatched, money that has moved after all would stay unseen.
            found = await self._store.find_failed_modification(*meant)
        return found

    async def _apply_to_attempt(self, notice: Notice, payment: Payment, attempt: Attempt) -> Application:
        applied = Applied.KNOWN
        for _ in range(ROUNDS_MAX):
            weight = weigh_attempt_notice(payment, attempt, notice)
            if weight is Weight.REVIEW:
                return await self._review(notice, payment.id, attempt.id)
            if weight is not Weight.RECORD:
                break
            verdict = core.judge_attempt(payment, attempt, notice.outcome, asked=True)
            await self._tell.after(await self._store.record_attempt(payment.id, attempt.id, verdict, asked=True))
            applied = Applied.APPLIED
            found = await self._attempt(attempt.id)
            if found is None or found[1].status is attempt.status:
                break
            payment, attempt = found
        return Application(applied, payment.id)

    async def _apply_to_reversal(self, notice: Notice, payment: Payment, attempt: Attempt) -> Application:
        weight = weigh_reversal(payment, attempt, notice)
        if weight is None:
            return UNMATCHED
        if weight is Weight.REVIEW:
            return await self._review(notice, payment.id, attempt.id)
        if weight is not Weight.RECORD:
            return Application(Applied.KNOWN, payment.id)
        verdict = core.judge_reversal(payment, attempt, notice.outcome)
        await self._tell.after(await self._store.record_reversal(payment.id, attempt.id, None, verdict))
        return Application(Applied.APPLIED, payment.id)

    async def _apply_to_modification(self, notice: Notice, modification_id: str) -> Application:
        applied = Applied.KNOWN
        payment_id = ""
        for _ in range(ROUNDS_MAX):
            view = await self._store.find_modification(modification_id)
            if view is None or view["account"] != notice.account:
                return UNMATCHED
            modification, payment_id = modification_of(view), view["payment_id"]
            weight = weigh_modification_notice(modification, notice, reversed_before=view["reversed"])
            if weight is Weight.REVERSE:
                outcome = notice.outcome
                if not await self._store.reverse_modification(modification_id, outcome.code, outcome.raw_code):
                    return await self._review(notice, payment_id, modification_id)
                return Application(Applied.APPLIED, payment_id)
            if weight is Weight.REVIEW:
                return await self._review(notice, payment_id, modification_id)
            if weight is not Weight.RECORD:
                break
            verdict = core.judge_modification(modification, notice.outcome, asked=True)
            recorded, _ = await self._store.record_modification(
                modification_id, verdict, asked=True, reversal=notice.reversal
            )
            applied = Applied.APPLIED
            if recorded["status"] == modification.status:
                break
        return Application(applied, payment_id)

    async def _apply_without_modification(self, notice: Notice, payment: Payment, attempt: Attempt) -> Application:
        weigh = weigh_capture_at_once if notice.subject is Subject.CAPTURE else weigh_release
        weight = weigh(payment, attempt, notice)
        if weight is None:
            return UNMATCHED
        if weight is Weight.REVIEW:
            return await self._review(notice, payment.id, attempt.id)
        return Application(Applied.KNOWN, payment.id)

    async def _review(self, notice: Notice, payment_id: str, reference: str) -> Application:
        await self._store.report_contradiction(payment_id, reference, told_by(notice))
        self._logger.error(
            "a PSP contradicts the record",
            account=notice.account,
            reference=reference,
            told=notice.outcome.kind.value,
            reversal=notice.reversal,
        )
        return Application(Applied.REVIEW, payment_id)

    async def _attempt(self, attempt_id: str) -> tuple[Payment, Attempt] | None:
        payment_id = _payment_id_of(attempt_id)
        if payment_id is None:
            return None
        try:
            payment = payment_of(await self._store.load_payment(payment_id))
        except Refusal as refusal:
            if refusal.reason is not Reason.PAYMENT_NOT_FOUND:
                raise
            return None
        attempt = next((attempt for attempt in payment.attempts if attempt.id == attempt_id), None)
        return None if attempt is None else (payment, attempt)


def _payment_id_of(attempt_id: str) -> str | None:
    """Give the payment that an attempt's id names, None for a text that is no such id."""
    payment_id, _, ordinal = attempt_id.rpartition("_")
    known = is_id("pay", payment_id) and ordinal.isascii() and ordinal.isdigit()
    return payment_id if known else None
