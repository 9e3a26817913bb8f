"""Why a payment went where it went: its decision read together with what became of its attempts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway_svc.domain.cascade_policy import UNRESTRICTED, CascadeSettings, Decline, max_attempts, may_cascade
from gateway_svc.domain.core import CODES_OF_THE_TOKEN
from gateway_svc.domain.payment import Attempt, AttemptStatus, Payment, PaymentStatus
from gateway_svc.domain.retry_governor import DO_NOT_RETRY, RETRY_LIMIT_REACHED
from gateway_svc.domain.routing import RoutedAccount, RouteDecision

NOT_TRIED: Final = "not tried"
_ENDED_WITHOUT_APPROVAL: Final = frozenset({PaymentStatus.DECLINED, PaymentStatus.FAILED})


@dataclass(frozen=True, slots=True)
class ExplainedCandidate:
    """An account that was considered, and what became of it; ``rank`` counts from 1, 0 for one that is not used."""

    account: RoutedAccount
    rank: int
    outcome: str


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An account that an attempt did not go to, although it stood before or could have; ``attempt_id`` may be empty."""

    account: str
    reason: str
    attempt_id: str = ""


@dataclass(frozen=True, slots=True)
class ExplainedAttempt:
    """An attempt, its account's place in the decision and the reason for it, and who was passed over for it."""

    attempt: Attempt
    rank: int
    reason: str
    passed_over: tuple[PassedOver, ...]


@dataclass(frozen=True, slots=True)
class ExplainedRouting:
    """A decision with what came of it; ``stopped`` tells why no further account is tried, empty while one may be."""

    candidates: tuple[ExplainedCandidate, ...]
    attempts: tuple[ExplainedAttempt, ...]
    stopped: str


def explain(payment: Payment, decision: RouteDecision, decline_code: str) -> ExplainedRouting:
    """Explain a payment by its decision as recorded; ``decline_code`` is the payment's own, empty without one."""
    tried = {attempt.account: attempt for attempt in payment.attempts}
    reasons = {candidate.account: candidate.reason for candidate in payment.candidates}
    ranks = {candidate.account: rank for rank, candidate in enumerate(decision.to_try(), 1)}
    return ExplainedRouting(
        candidates=tuple(
            ExplainedCandidate(each, ranks.get(each.account, 0), _outcome(each, tried.get(each.account)))
            for each in decision.candidates
        ),
        attempts=tuple(
            ExplainedAttempt(
                attempt=each,
                rank=ranks.get(each.account, 0),
                reason=reasons.get(each.account, ""),
                passed_over=_passed_over(each, decision, tried),
            )
            for each in payment.attempts
        ),
        stopped=_stopped(payment, decline_code),
    )


def what_became(attempt: Attempt) -> str:
    """Say in a few words what became of an attempt."""
    match attempt.status:
        case AttemptStatus.APPROVED:
            return "approved"
        case AttemptStatus.DECLINED:
            return f"declined with {attempt.code}"
        case AttemptStatus.NOT_SENT:
            return f"not sent: {attempt.code}"
        case AttemptStatus.PENDING:
            return "the PSP has it and tells the outcome later"
        case _:
            return "sent, and the outcome is not known yet"


def _outcome(account: RoutedAccount, attempt: Attempt | None) -> str:
    if attempt is not None:
        return what_became(attempt)
    return NOT_TRIED if account.eligible else ""


def _passed_over(attempt: Attempt, decision: RouteDecision, tried: Mapping[str, Attempt]) -> tuple[PassedOver, ...]:
    """Give the accounts tried before, in their order, then those that are not used for the payment at all."""
    earlier = (other for other in tried.values() if other.ordinal < attempt.ordinal)
    before = [PassedOver(other.account, what_became(other), other.id) for other in earlier]
    unused = [PassedOver(each.account, each.reason) for each in decision.candidates if not each.eligible]
    return (*before, *unused)


def _stopped(payment: Payment, decline_code: str) -> str:
    """Say why a payment that was not approved went no further, by the rules that held for it."""
    if payment.status not in _ENDED_WITHOUT_APPROVAL:
        return ""
    said = {attempt.code for attempt in payment.attempts}
    if decline_code in {DO_NOT_RETRY, RETRY_LIMIT_REACHED} - said:
        return f"the card's network forbids another try: {decline_code}"
    return _exhausted(payment) or _held_back(payment) or "the payment began too long ago to be tried again"


def _exhausted(payment: Payment) -> str:
    tried = {attempt.account for attempt in payment.attempts}
    if all(candidate.account in tried for candidate in payment.candidates):
        return "every account that may be used was tried"
    if len(payment.attempts) >= max_attempts(payment.cascade):
        return f"a payment is tried {max_attempts(payment.cascade)} times at most"
    return ""


def _held_back(payment: Payment) -> str:
    """Say what in the last attempt's outcome keeps the payment from another account; empty when nothing does."""
    for last in payment.attempts[-1:]:
        if last.code in CODES_OF_THE_TOKEN:
            return f"no account can be asked with this token: {last.code}"
        if last.status is AttemptStatus.DECLINED and payment.code_required:
            return "the card's code is required, and it went with the attempt that was declined"
        if last.status is AttemptStatus.DECLINED and not _may_move_on(payment, payment.cascade):
            settings = "by the merchant's settings " if _may_move_on(payment, UNRESTRICTED) else ""
            return f"{settings}{last.code} does not move on to another account"
    return ""


def _may_move_on(payment: Payment, settings: CascadeSettings) -> bool:
    declines = [
        Decline(each.code, each.network_code, each.advice_code, payment.brand)
        for each in payment.attempts
        if each.status is AttemptStatus.DECLINED
    ]
    return may_cascade(declines, payment.begun_us, settings)
