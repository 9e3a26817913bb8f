"""Reversals in the simulated world.

The database goes by the rules of begin_reversal and record_reversal, the drivers by the core.
"""

from dataclasses import replace

from gateway_svc.domain import core
from gateway_svc.domain.core import AttemptVerdict, approved_status
from gateway_svc.domain.notices import Notice, Subject, Weight, weigh_reversal
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import Attempt, AttemptStatus, Payment, PaymentStatus, ReversalStatus
from gateway_svc.domain.resolution import REVERSALS_MAX, Means
from gateway_svc.domain.reversal import REVERSED_CODE, ReversalTold, ReversalVerdict, believes_approval
from tests.simulator.books import Books
from tests.simulator.psp import Request
from tests.simulator.record import OPEN_ATTEMPT, Row
from tests.simulator.world import Steps, World

PSP_TIMEOUT_MS = 8_000
CRASH_RATE = 0.1
"""Reversals begin when the world's other troubles are over."""


def begin(books: Books, payment_id: str, attempt_id: str, number: int, now_ms: int) -> bool:
    """Record that a reversal is about to be sent; False when that does not fit any more."""
    row = books.rows[payment_id]
    attempt = _attempt(row, attempt_id)
    waits = row.payment.status is PaymentStatus.PROCESSING and not row.payment.under_review
    unknown = attempt.status in {AttemptStatus.SENDING, AttemptStatus.UNKNOWN}
    if not (waits and unknown and attempt.reversals == number - 1 and number <= REVERSALS_MAX):
        return False
    row.updated_ms = row.reversed_ms[attempt_id] = now_ms
    _replace(row, replace(attempt, status=AttemptStatus.UNKNOWN, reversals=number, reversal=ReversalStatus.SENT))
    books.emit(row, "ATTEMPT_REVERSING")
    return True


def record(
    books: Books, payment_id: str, attempt_id: str, number: int | None, verdict: ReversalVerdict, now_ms: int
) -> None:
    """Record what a PSP says of a reversal, None for the last one."""
    row = books.rows[payment_id]
    attempt = _attempt(row, attempt_id)
    row.updated_ms = now_ms
    if attempt.status not in OPEN_ATTEMPT:
        return
    if verdict.told is ReversalTold.CONFIRMED:
        status = PaymentStatus.PROCESSING if verdict.moves_on else PaymentStatus.DECLINED
        ended = AttemptVerdict(AttemptStatus.DECLINED, status, REVERSED_CODE, psp_reference=verdict.psp_reference)
        books.record_attempt(payment_id, attempt_id, ended, asked=True)
        return
    told = attempt.reversal
    if number in {None, attempt.reversals} and verdict.told is ReversalTold.REFUSED:
        told = ReversalStatus.REFUSED
    elif number == attempt.reversals and verdict.told is ReversalTold.ACKNOWLEDGED and told is ReversalStatus.SENT:
        told = ReversalStatus.ACKNOWLEDGED
    attempt = replace(attempt, asks=attempt.asks + 1, reversal=told)
    _replace(row, attempt)
    held = row.held.get(attempt_id)
    if held is not None and believes_approval(attempt):
        stands = replace(held, payment_status=approved_status(row.payment.capture_method))
        books.record_attempt(payment_id, attempt_id, stands, asked=True)


def _attempt(row: Row, attempt_id: str) -> Attempt:
    return next(attempt for attempt in row.payment.attempts if attempt.id == attempt_id)


def _replace(row: Row, changed: Attempt) -> None:
    attempts = tuple(changed if each.id == changed.id else each for each in row.payment.attempts)
    row.payment = replace(row.payment, attempts=attempts)


class Reversing:
    """The part of the drivers that takes attempts back; a ``believing`` one believes what nobody has confirmed."""

    world: World
    books: Books
    believing: bool

    def _reverse_attempt(self, payment_id: str, planned: core.ReverseAttempt) -> Steps:
        """Take an attempt back, if that is still to be done after the wait."""
        yield planned.delay_ms
        payment = self.books.load(payment_id)
        step = core.next_step(payment, self.means(payment.attempts[-1].account))
        if not isinstance(step, core.ReverseAttempt) or step.number != planned.number:
            return
        attempt, number = step.attempt, step.number
        if not begin(self.books, payment_id, attempt.id, number, self.world.now):
            return
        yield None
        request = Request("reverse", attempt.id, f"{attempt.id}:reverse{number}", payment_id, 0)
        outcome = yield self.world.send(attempt.account, request, PSP_TIMEOUT_MS)
        if self.world.random.random() < CRASH_RATE:
            # Whoever goes on begins from the record.
            self.world.tell(f"the answer to reversal {number} of {attempt.id} is lost in a crash [reversal lost]")
            return
        assert outcome is not None
        self.world.tell(f"reversal {number} of {attempt.id}: {outcome.kind} {outcome.code} [reversal]")
        self._take_reversal(payment, attempt, number, outcome)
        yield from self._keep_token(payment_id)

    def _take_reversal(self, payment: Payment, attempt: Attempt, number: int | None, outcome: Outcome) -> None:
        if self.believing and outcome.kind in {OutcomeKind.PENDING, OutcomeKind.UNKNOWN}:
            outcome = Outcome(OutcomeKind.APPROVED, psp_reference="none")
        verdict = core.judge_reversal(payment, attempt, outcome)
        if verdict.told is ReversalTold.CONFIRMED:
            self.world.tell(f"{attempt.id} is taken back [taken back]")
        record(self.books, payment.id, attempt.id, number, verdict, self.world.now)

    def _take_reversal_notice(self, payment: Payment, attempt: Attempt, outcome: Outcome) -> None:
        notice = Notice(attempt.account, Subject.REVERSE, outcome, attempt.id)
        weight = weigh_reversal(payment, attempt, notice)
        if weight is Weight.REVIEW:
            self._require_review(payment.id, attempt.id)
        elif weight is Weight.RECORD:
            self._take_reversal(payment, attempt, None, outcome)
            self.world.start(f"keep after the reversal of {attempt.id}", self._keep_token(payment.id))

    def means(self, account: str) -> Means:
        """Give what the PSP of an account offers."""
        raise NotImplementedError

    def _require_review(self, payment_id: str, reference: str) -> None:
        raise NotImplementedError

    def _keep_token(self, payment_id: str) -> Steps:
        raise NotImplementedError
