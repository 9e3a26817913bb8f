"""Shows why a payment went where it went as the contract's message."""

from types import MappingProxyType
from typing import Any, Final

from payera.gateway.v1 import routing_pb2

from gateway_svc.application.read_payments import Routing
from gateway_svc.domain.decline_messages import decline_message
from gateway_svc.domain.payment import AttemptStatus
from gateway_svc.domain.routing import StepUp
from gateway_svc.domain.routing_explained import ExplainedAttempt, ExplainedCandidate
from gateway_svc.domain.stored_credentials import initiator_of

_THREE_DS: Final = MappingProxyType(
    {
        StepUp.UNSET: routing_pb2.PaymentRouting.PSP_DECIDES,
        StepUp.REQUIRE: routing_pb2.PaymentRouting.REQUIRED,
        StepUp.SKIP: routing_pb2.PaymentRouting.SKIPPED,
    }
)

_NOT_APPROVED: Final = frozenset({AttemptStatus.DECLINED, AttemptStatus.NOT_SENT})


def routing_message(routing: Routing) -> routing_pb2.PaymentRouting:
    """Build the explanation's message."""
    decision = routing.decision
    return routing_pb2.PaymentRouting(
        payment_id=routing.payment.id,
        status=routing.payment.status.value,
        ruleset_version=decision.ruleset_version,
        rule=decision.rule,
        unheld_rules=decision.unheld_rules,
        three_ds=_THREE_DS[decision.step_up],
        list_version=decision.list_version,
        learning_current=decision.learning_current,
        candidates=[_candidate(each) for each in routing.explained.candidates],
        candidates_left_out=decision.left_out,
        attempts=[_attempt(each) for each in routing.explained.attempts],
        stopped=routing.explained.stopped,
        complete=routing.complete,
        currency=routing.payment.currency,
        facts=routing_pb2.RoutingFacts(
            initiator=initiator_of(routing.payment.stored_credential).value,
            three_ds="NONE" if routing.payment.three_ds is None else "EXTERNAL",
        ),
    )


def _candidate(candidate: ExplainedCandidate) -> routing_pb2.RoutingCandidate:
    account = candidate.account
    return routing_pb2.RoutingCandidate(
        psp_account=account.account,
        rank=candidate.rank,
        eligible=account.eligible,
        reason=account.reason,
        approval_ppm=account.approval_ppm,
        fee=account.fee,
        explored=account.explored,
        outcome=candidate.outcome,
    )


def _attempt(explained: ExplainedAttempt) -> dict[str, Any]:
    attempt = explained.attempt
    message: dict[str, Any] = {
        "id": attempt.id,
        "psp_account": attempt.account,
        "rank": explained.rank,
        "status": attempt.status.value,
        "route_reason": explained.reason,
        "passed_over": [
            {"psp_account": each.account, "reason": each.reason, "attempt_id": each.attempt_id}
            for each in explained.passed_over
        ],
    }
    if attempt.status in _NOT_APPROVED:
        message["decline"] = {
            "code": attempt.code,
            "message": decline_message(attempt.code),
            "raw_code": attempt.raw_code,
        }
    return message
