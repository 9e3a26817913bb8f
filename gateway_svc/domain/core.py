"""The payment core: what an outcome makes of a payment, and what to do with it next.

Every driver asks here and only here: the inline driver in a request, the durable driver in a workflow, the simulator in
the tests. The stored procedures check the same transitions once more under the row lock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway_svc.domain.cascade_policy import MAX_CASCADE_SECONDS, Decline, max_attempts, may_cascade
from gateway_svc.domain.outcome import Outcome, OutcomeKind, details_of
from gateway_svc.domain.payment import (
    Attempt,
    AttemptStatus,
    Candidate,
    CaptureMethod,
    Modification,
    ModificationKind,
    ModificationStatus,
    Payment,
    PaymentStatus,
)
from gateway_svc.domain.resolution import (
    Ask,
    Await,
    Means,
    Repeat,
    Reverse,
    Review,
    Situation,
    next_resolution,
)
from gateway_svc.domain.reversal import REVERSED_CODE, ReversalTold, ReversalVerdict, told_by_outcome
from gateway_svc.domain.shopper_action import (
    Cancel,
    EndAction,
    can_act,
    is_cancelled,
    next_action_resolution,
    told_of_end,
)


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Begin attempt ``ordinal`` at ``account``, send it, record what came of it."""

    ordinal: int
    account: str
    reason: str


@dataclass(frozen=True, slots=True)
class AskAttempt:
    """After ``delay_ms``, ask the PSP what became of ``attempt``, and record it."""

    attempt: Attempt
    delay_ms: int


@dataclass(frozen=True, slots=True)
class RepeatAttempt:
    """After ``delay_ms``, send ``attempt`` again with the same idempotency key, and record what came of it."""

    attempt: Attempt
    delay_ms: int


@dataclass(frozen=True, slots=True)
class DoubtAttempt:
    """Record ``attempt`` as unknown before it is repeated: whoever began it may still be about to send or record it.

    Once the record says so, a late "not sent" of the first call is not believed any more.
    """

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class AwaitAttempt:
    """After ``delay_ms``, look at the record again: only the PSP's webhook can tell what became of ``attempt``."""

    attempt: Attempt
    delay_ms: int


@dataclass(frozen=True, slots=True)
class EndAttemptAction:
    """Record that the shopper of ``attempt`` can't act any more: the payment is PROCESSING from then on."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class CancelAttempt:
    """After ``delay_ms``, record that ``attempt`` is being cancelled, tell the PSP so, and record what it answers."""

    attempt: Attempt
    delay_ms: int


@dataclass(frozen=True, slots=True)
class ReverseAttempt:
    """After ``delay_ms``, record that reversal ``number`` of ``attempt`` begins, send it, record what came of it."""

    attempt: Attempt
    number: int
    delay_ms: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """Record a capture, void or refund as unknown before it is repeated, see `DoubtAttempt`."""


@dataclass(frozen=True, slots=True)
class ReviewAttempt:
    """Hand ``attempt`` to an operator: nobody could tell what became of it."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do."""


NOBODY_KNOWS = Outcome(OutcomeKind.UNKNOWN)
"""What is recorded of an operation that is in doubt."""

CODES_OF_THE_TOKEN = frozenset({"token_unusable", "token_used"})
"""What is wrong with the token is wrong with it at every PSP."""

CODES_OF_A_REPETITION = frozenset({"duplicate_transaction"})
OPEN_ATTEMPTS = frozenset(
    {AttemptStatus.SENDING, AttemptStatus.UNKNOWN, AttemptStatus.PENDING, AttemptStatus.ACTION_REQUIRED}
)
OPEN_PAYMENTS = frozenset({PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_ACTION})
OPEN_MODIFICATIONS = frozenset({ModificationStatus.SENDING, ModificationStatus.UNKNOWN, ModificationStatus.PENDING})

PaymentStep = (
    StartAttempt
    | AskAttempt
    | DoubtAttempt
    | RepeatAttempt
    | ReverseAttempt
    | AwaitAttempt
    | EndAttemptAction
    | CancelAttempt
    | ReviewAttempt
    | Done
)
ModificationStep = Ask | Doubt | Repeat | Await | Review | Done


@dataclass(frozen=True, slots=True)
class AttemptVerdict:
    """What an outcome makes of an attempt and its payment; ``details`` is kept of the outcome beside its codes."""

    attempt_status: AttemptStatus
    payment_status: PaymentStatus
    code: str = ""
    raw_code: str = ""
    psp_reference: str = ""
    network_transaction_id: str = ""
    not_found: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModificationVerdict:
    """What an outcome makes of a capture, void or refund."""

    status: ModificationStatus
    code: str = ""
    raw_code: str = ""
    psp_reference: str = ""
    not_found: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


def next_candidate(payment: Payment) -> Candidate | None:
    """Return the best-ranked PSP account that was not tried yet, None when there is none or enough were tried."""
    if len(payment.attempts) >= max_attempts(payment.cascade):
        return None
    tried = {attempt.account for attempt in payment.attempts}
    return next((candidate for candidate in payment.candidates if candidate.account not in tried), None)


def judge_attempt(payment: Payment, attempt: Attempt, outcome: Outcome, *, asked: bool) -> AttemptVerdict:
    """Say what ``outcome`` makes of ``attempt``, the last of ``payment``, and of the payment itself.

    ``asked`` tells that the outcome came from a sync, a repetition or a webhook: "not sent" then says nothing of the
    first call. Guarantees that only a definite answer ends an attempt: an attempt that may have reached the PSP stays
    UNKNOWN, and one that the PSP has acknowledged PENDING, until the PSP says approved or declined; the payment stays
    PROCESSING. One that waits for the shopper stays so, and the payment with it; nothing but a decline ends it while
    the PSP may have cancelled it on our word.
    """
    outcome = _believed(outcome, payment.amount)
    cancelled = is_cancelled(attempt)
    if outcome.kind is OutcomeKind.APPROVED and not cancelled:
        return _verdict(AttemptStatus.APPROVED, approved_status(payment.capture_method), outcome)
    repeated = asked or attempt.asks > 0 or attempt.status in {AttemptStatus.PENDING, AttemptStatus.ACTION_REQUIRED}
    if outcome.kind is OutcomeKind.DECLINED and _is_definite(outcome, asked=repeated):
        outcome = told_of_end(payment, attempt, outcome)
        status = PaymentStatus.PROCESSING if _moves_on(payment, attempt, outcome) else PaymentStatus.DECLINED
        return _verdict(AttemptStatus.DECLINED, status, outcome)
    if outcome.kind is OutcomeKind.NOT_SENT and attempt.status is AttemptStatus.SENDING and not repeated:
        return _verdict(AttemptStatus.NOT_SENT, _status_after_not_sent(payment, attempt, outcome), outcome)
    if attempt.status is AttemptStatus.ACTION_REQUIRED and (cancelled or outcome.kind is not OutcomeKind.PENDING):
        return _verdict(AttemptStatus.ACTION_REQUIRED, payment.status, outcome)
    if outcome.kind is OutcomeKind.ACTION_REQUIRED:
        status = PaymentStatus.REQUIRES_ACTION if can_act(payment, outcome) else PaymentStatus.PROCESSING
        return _verdict(AttemptStatus.ACTION_REQUIRED, status, outcome)
    acknowledged = outcome.kind is OutcomeKind.PENDING or attempt.status is AttemptStatus.PENDING
    open_status = AttemptStatus.PENDING if acknowledged else AttemptStatus.UNKNOWN
    return _verdict(open_status, PaymentStatus.PROCESSING, outcome)


def judge_reversal(payment: Payment, attempt: Attempt, outcome: Outcome) -> ReversalVerdict:
    """Say what an answer or a webhook makes of a reversal of ``attempt``, the last of ``payment``.

    Guarantees that only the PSP's word ends the attempt. It is then declined, and the payment goes on or ends by the
    rules of any other decline; by when it is told, mostly nobody waits for the payment any more.
    """
    told = told_by_outcome(outcome)
    taken_back = Outcome(OutcomeKind.DECLINED, outcome.psp_reference, REVERSED_CODE)
    moves_on = told is ReversalTold.CONFIRMED and _moves_on(payment, attempt, taken_back)
    return ReversalVerdict(told, moves_on, outcome.code, outcome.raw_code, outcome.psp_reference)


def approved_status(capture_method: CaptureMethod) -> PaymentStatus:
    """Return the status an approved payment takes."""
    return PaymentStatus.SUCCEEDED if capture_method is CaptureMethod.AUTOMATIC else PaymentStatus.AUTHORIZED


def is_settled(payment: Payment) -> bool:
    """Tell whether no driver has anything left to do for a payment as recorded."""
    return payment.status not in OPEN_PAYMENTS or payment.under_review


def next_step(payment: Payment, means: Means) -> PaymentStep:
    """Say what to do next with a payment as recorded; ``means`` are those of its last attempt's account.

    An attempt found in SENDING counts as unknown: whoever began it may have sent it and died before recording.
    """
    if is_settled(payment):
        return Done()
    last = payment.attempts[-1]
    if last.status in {AttemptStatus.DECLINED, AttemptStatus.NOT_SENT}:
        candidate = next_candidate(payment)
        if candidate is not None:
            return StartAttempt(ordinal=last.ordinal + 1, account=candidate.account, reason=candidate.reason)
    if last.status not in OPEN_ATTEMPTS:
        return ReviewAttempt(last)
    if last.status is AttemptStatus.ACTION_REQUIRED:
        return _settle_action(payment, last, means)
    return _settle(last, means)


def judge_modification(modification: Modification, outcome: Outcome, *, asked: bool) -> ModificationVerdict:
    """Say what ``outcome`` makes of a capture, void or refund; only a definite answer ends it.

    ``asked`` tells that the outcome came from a sync, a repetition or a webhook: "not sent" then says nothing of the
    first call.
    """
    if modification.kind is not ModificationKind.VOID:
        outcome = _believed(outcome, modification.amount)
    pending = modification.status is ModificationStatus.PENDING
    repeated = asked or modification.asks > 0 or pending
    if outcome.kind is OutcomeKind.APPROVED:
        status = ModificationStatus.SUCCEEDED
    elif (outcome.kind is OutcomeKind.DECLINED and _is_definite(outcome, asked=repeated)) or (
        outcome.kind is OutcomeKind.NOT_SENT and modification.status is ModificationStatus.SENDING and not repeated
    ):
        status = ModificationStatus.FAILED
    elif pending or outcome.kind is OutcomeKind.PENDING:
        status = ModificationStatus.PENDING
    else:
        status = ModificationStatus.UNKNOWN
    return ModificationVerdict(
        status=status,
        code=outcome.code,
        raw_code=outcome.raw_code,
        psp_reference=outcome.psp_reference,
        not_found=outcome.kind is OutcomeKind.NOT_FOUND,
        details=details_of(outcome),
    )


def is_settled_modification(modification: Modification) -> bool:
    """Tell whether no driver has anything left to do for a capture, void or refund as recorded."""
    return modification.status not in OPEN_MODIFICATIONS or modification.under_review


def next_modification_step(modification: Modification, means: Means) -> ModificationStep:
    """Say what to do next with a capture, void or refund as recorded; ``means`` are those of its account and kind."""
    if is_settled_modification(modification):
        return Done()
    situation = Situation(
        asks=modification.asks - modification.asks_before,
        not_founds=modification.not_founds,
        age_seconds=modification.age_seconds,
        settling_seconds=modification.settling_seconds,
        acknowledged=modification.status is ModificationStatus.PENDING,
        expected_age_seconds=modification.expected_age_seconds,
        psp_reference=modification.psp_reference,
        payment_psp_reference=modification.payment_psp_reference,
    )
    resolution = next_resolution(situation, means)
    if isinstance(resolution, Reverse):
        # Only authorizations are taken back.
        return Review()
    unsure = modification.status is ModificationStatus.SENDING and isinstance(resolution, Repeat)
    return Doubt() if unsure else resolution


def _settle(last: Attempt, means: Means) -> PaymentStep:
    situation = Situation(
        asks=last.asks - last.asks_before,
        not_founds=last.not_founds,
        age_seconds=last.age_seconds,
        settling_seconds=last.settling_seconds,
        acknowledged=last.status is AttemptStatus.PENDING,
        expected_age_seconds=last.expected_age_seconds,
        psp_reference=last.psp_reference,
        payment_psp_reference=last.psp_reference,
        reversals=last.reversals,
        reversal=last.reversal,
        reversal_age_seconds=last.reversal_age_seconds,
    )
    resolution = next_resolution(situation, means)
    if isinstance(resolution, Ask):
        return AskAttempt(last, resolution.delay_ms)
    if isinstance(resolution, Repeat) and last.status is AttemptStatus.SENDING:
        return DoubtAttempt(last)
    if isinstance(resolution, Repeat):
        return RepeatAttempt(last, resolution.delay_ms)
    if isinstance(resolution, Reverse):
        return ReverseAttempt(last, last.reversals + 1, resolution.delay_ms)
    if isinstance(resolution, Await):
        return AwaitAttempt(last, resolution.delay_ms)
    return ReviewAttempt(last)


def _settle_action(payment: Payment, last: Attempt, means: Means) -> PaymentStep:
    match next_action_resolution(payment, last, means):
        case EndAction():
            return EndAttemptAction(last)
        case Ask(delay_ms):
            return AskAttempt(last, delay_ms)
        case Cancel(delay_ms):
            return CancelAttempt(last, delay_ms)
        case Await(delay_ms):
            return AwaitAttempt(last, delay_ms)
        case _:
            return ReviewAttempt(last)


def _believed(outcome: Outcome, asked: int) -> Outcome:
    """Give the outcome, UNKNOWN when it approves another amount than was asked for: nobody can say what was done."""
    if outcome.kind is not OutcomeKind.APPROVED or outcome.amount in {0, asked}:
        return outcome
    return replace(outcome, kind=OutcomeKind.UNKNOWN, code="amount_mismatch")


def _is_definite(decline: Outcome, *, asked: bool) -> bool:
    """Tell whether a decline says what became of the operation.

    A decline without a reference of the PSP is a refusal of that very request (bad credentials, rate limit): when it
    repeated an earlier request, it says nothing of the earlier one. One that takes the repetition for a duplicate says
    that there is an earlier one, which may well have been approved.
    """
    return not asked or (bool(decline.psp_reference) and decline.code not in CODES_OF_A_REPETITION)


def _moves_on(payment: Payment, attempt: Attempt, outcome: Outcome) -> bool:
    """Tell whether a declined payment goes on to another account, by the rows that held when it began."""
    earlier = (other for other in payment.attempts if other.ordinal < attempt.ordinal)
    declines = [
        Decline(other.code, other.network_code, other.advice_code, payment.brand)
        for other in earlier
        if other.status is AttemptStatus.DECLINED
    ]
    declines.append(Decline(outcome.code, outcome.network_code, outcome.advice_code, payment.brand))
    # The code went with the attempt that was declined: where it is required, another PSP is not asked without it.
    return (
        not payment.code_required
        and not _is_late(payment)
        and may_cascade(declines, payment.begun_us, payment.cascade)
        and next_candidate(payment) is not None
    )


def _is_late(payment: Payment) -> bool:
    """Tell whether no further attempt may follow; what passes afterwards the record's procedure sees, and ends it."""
    return payment.attempts[0].age_seconds > MAX_CASCADE_SECONDS


def _status_after_not_sent(payment: Payment, attempt: Attempt, outcome: Outcome) -> PaymentStatus:
    moves_on = outcome.code not in CODES_OF_THE_TOKEN and not _is_late(payment)
    if moves_on and next_candidate(payment) is not None:
        return PaymentStatus.PROCESSING
    declined = any(other.status is AttemptStatus.DECLINED for other in payment.attempts if other.id != attempt.id)
    return PaymentStatus.DECLINED if declined else PaymentStatus.FAILED


def _verdict(attempt_status: AttemptStatus, payment_status: PaymentStatus, outcome: Outcome) -> AttemptVerdict:
    return AttemptVerdict(
        attempt_status=attempt_status,
        payment_status=payment_status,
        code=outcome.code,
        raw_code=outcome.raw_code,
        psp_reference=outcome.psp_reference,
        network_transaction_id=outcome.network_transaction_id,
        not_found=outcome.kind is OutcomeKind.NOT_FOUND,
        details=details_of(outcome),
    )
