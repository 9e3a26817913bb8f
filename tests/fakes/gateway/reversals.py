"""What the in-memory payment store knows of reversals, by the rules of the stored procedures."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway_svc.application.ports import View
from gateway_svc.domain.core import AttemptVerdict, approved_status
from gateway_svc.domain.payment import AttemptStatus, CaptureMethod, PaymentStatus
from gateway_svc.domain.resolution import REVERSALS_MAX
from gateway_svc.domain.reversal import REVERSED_CODE, ReversalTold, ReversalVerdict
from tests.fakes.gateway.reviews import FakeReviews

JSON = dict[str, Any]


@dataclass
class FakeReversals:
    """Approvals that are held back, by the id of their attempt, and when the last reversal of each was begun."""

    held: dict[str, AttemptVerdict] = field(default_factory=dict)
    begun_us: dict[str, int] = field(default_factory=dict)

    def begin(self, payment: JSON, attempt: JSON, number: int, now_us: int) -> bool:
        """Begin a reversal; tell whether it fits."""
        fits = attempt["status"] in {"SENDING", "UNKNOWN"} and attempt["reversals"] == number - 1
        fits = fits and number <= REVERSALS_MAX and payment["status"] == "PROCESSING" and not payment["under_review"]
        if fits:
            attempt |= {"status": "UNKNOWN", "reversals": number, "reversal": "SENT"}
            self.begun_us[attempt["id"]] = now_us
        return fits

    def ages(self, attempt: JSON, now_us: int) -> JSON:
        """Give for how long the last reversal is under way, 0 when there is none."""
        begun_us = self.begun_us.get(attempt["id"], now_us)
        return {"reversal_age_seconds": (now_us - begun_us) // 1_000_000}

    def hold(self, attempt: JSON, verdict: AttemptVerdict, *, decided: bool) -> bool:
        """Keep an approval of what may have been reversed; tell whether it must not be believed."""
        approved = verdict.attempt_status is AttemptStatus.APPROVED and not decided
        stands = attempt["reversals"] == 0 or (attempt["reversals"] == 1 and attempt["reversal"] == "REFUSED")
        if approved and not stands:
            self.held[attempt["id"]] = verdict
        return approved and not stands

    def told(self, attempt: JSON, number: int | None, verdict: ReversalVerdict) -> JSON:
        """Take in what settles nothing; gives the inquiry."""
        last = number is None or number == attempt["reversals"]
        if last and verdict.told is ReversalTold.REFUSED:
            attempt["reversal"] = "REFUSED"
        elif last and verdict.told is ReversalTold.ACKNOWLEDGED and attempt["reversal"] == "SENT":
            attempt["reversal"] = "ACKNOWLEDGED"
        attempt["asks"] += 1
        return {
            "number": attempt["asks"],
            "told": f"REVERSAL_{verdict.told}",
            "code": verdict.code,
            "raw_code": verdict.raw_code,
            "psp_reference": verdict.psp_reference,
        }

    def stands(self, attempt: JSON, capture_method: str) -> AttemptVerdict | None:
        """Give the approval that stands now, None when there is none."""
        held = self.held.get(attempt["id"])
        if held is None or (attempt["reversals"], attempt["reversal"]) != (1, "REFUSED"):
            return None
        return replace(held, payment_status=approved_status(CaptureMethod(capture_method)))

    def contradiction(self, attempt: JSON, verdict: AttemptVerdict) -> JSON | None:
        """Give an approval that was held back, of another authorization than the one that was declined or released."""
        held = self.held.get(attempt["id"])
        if attempt["status"] != "DECLINED" or held is None or held.psp_reference == verdict.psp_reference:
            return None
        return {
            "kind": "APPROVED",
            "code": held.code,
            "raw_code": held.raw_code,
            "psp_reference": held.psp_reference,
        }


def taken_back(verdict: ReversalVerdict) -> AttemptVerdict:
    """Give what a confirmed reversal makes of its attempt."""
    payment_status = PaymentStatus.PROCESSING if verdict.moves_on else PaymentStatus.DECLINED
    return AttemptVerdict(
        AttemptStatus.DECLINED, payment_status, REVERSED_CODE, verdict.raw_code, psp_reference=verdict.psp_reference
    )


class ReversingStore:
    """The part of the in-memory payment store that begins and records reversals."""

    now_us: int
    reversals: FakeReversals
    reviews: FakeReviews

    async def begin_reversal(self, payment_id: str, attempt_id: str, number: int) -> tuple[bool, View]:
        self._enter("begin_reversal")
        payment = self._any(payment_id)
        attempt = _attempt_of(payment, attempt_id)
        begun = self.reversals.begin(payment, attempt, number, self._tick())
        if begun:
            self._touch(payment, event=True)
        self._leave("begin_reversal")
        return begun, self._payment_view(payment_id)

    async def record_reversal(
        self, payment_id: str, attempt_id: str, number: int | None, verdict: ReversalVerdict
    ) -> View:
        self._enter("record_reversal")
        payment = self._any(payment_id)
        attempt = _attempt_of(payment, attempt_id)
        nameless = verdict.told is ReversalTold.CONFIRMED and not verdict.psp_reference
        if attempt["reversals"] < (number or 1) or nameless:
            message = "no such reversal"
            raise AssertionError(message)
        if attempt["status"] in {"APPROVED", "DECLINED", "NOT_SENT"}:
            confirmed = verdict.told is ReversalTold.CONFIRMED
            if confirmed and attempt["status"] == "APPROVED" and payment["status"] != "VOIDED":
                self._contradict(payment, attempt, _told(verdict))
        elif verdict.told is ReversalTold.CONFIRMED:
            await self.record_attempt(payment_id, attempt_id, taken_back(verdict), asked=True)
        else:
            said = self.reversals.told(attempt, number, verdict)
            self.reviews.inquiries.setdefault(attempt_id, []).append(said | {"asked_us": self._tick()})
            stands = self.reversals.stands(attempt, payment["capture_method"])
            self._touch(payment, event=False)
            if stands is not None:
                await self.record_attempt(payment_id, attempt_id, stands, asked=True)
        self._leave("record_reversal")
        return self._payment_view(payment_id)

    def _hear_held(self, payment: JSON, attempt: JSON, verdict: AttemptVerdict) -> None:
        """Hand an attempt that has ended, while an approval was held back, to an operator."""
        contradiction = self.reversals.contradiction(attempt, verdict)
        if contradiction is not None:
            self._contradict(payment, attempt, contradiction)

    def _contradict(self, payment: JSON, attempt: JSON, told: Mapping[str, Any]) -> None:
        if self.reviews.contradict(payment, attempt, told, self._tick()):
            self._touch(payment, event=True)

    async def record_attempt(self, payment_id: str, attempt_id: str, verdict: AttemptVerdict, *, asked: bool) -> View:
        raise NotImplementedError

    def _any(self, payment_id: str) -> JSON:
        raise NotImplementedError

    def _payment_view(self, payment_id: str) -> JSON:
        raise NotImplementedError

    def _touch(self, payment: JSON, *, event: bool) -> None:
        raise NotImplementedError

    def _tick(self) -> int:
        raise NotImplementedError

    def _enter(self, method: str) -> None:
        raise NotImplementedError

    def _leave(self, method: str) -> None:
        raise NotImplementedError


def _attempt_of(payment: JSON, attempt_id: str) -> JSON:
    found: JSON = next(attempt for attempt in payment["attempts"] if attempt["id"] == attempt_id)
    return found


def _told(verdict: ReversalVerdict) -> JSON:
    return {
        "subject": "REVERSE",
        "kind": "APPROVED",
        "code": verdict.code,
        "raw_code": verdict.raw_code,
        "psp_reference": verdict.psp_reference,
    }
