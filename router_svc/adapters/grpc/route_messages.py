"""Translates payments to be routed, and decisions, between the contract and the domain."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from payera.router.v1 import router_service_pb2 as messages

from router_svc.application.route_payment import Route
from router_svc.domain.decision import Scored
from router_svc.domain.facts import Initiator, PaymentFacts, ThreeDs
from router_svc.domain.ruleset import StepUp

_THREE_DS: Final[Mapping[int, ThreeDs]] = {
    messages.THREE_DS_STATE_UNSPECIFIED: ThreeDs.NONE,
    messages.THREE_DS_STATE_FRICTIONLESS: ThreeDs.FRICTIONLESS,
    messages.THREE_DS_STATE_CHALLENGE: ThreeDs.CHALLENGE,
    messages.THREE_DS_STATE_EXTERNAL: ThreeDs.EXTERNAL,
}
_STEP_UP: Final[Mapping[StepUp, messages.StepUp]] = {
    StepUp.UNSET: messages.STEP_UP_UNSPECIFIED,
    StepUp.REQUIRE: messages.STEP_UP_REQUIRE,
    StepUp.SKIP: messages.STEP_UP_SKIP,
}
_UNKNOWN: Final = "unknown"


def facts_of(request: messages.RouteRequest, now: Callable[[], datetime]) -> PaymentFacts:
    """Give what is known of a payment; `now` is its moment when the request names none.

    What the vault calls unknown is empty for rules and learning, but for the brand, which lists may name.
    """
    card = request.card
    has_time = request.HasField("payment_time")
    return PaymentFacts(
        merchant_id=request.merchant_id,
        payment_id=request.payment_id,
        amount=request.amount.value,
        currency=request.amount.currency,
        at=request.payment_time.ToDatetime(UTC) if has_time else now(),
        method=request.method or "card",
        brand=card.brand,
        bin=card.bin,
        funding="" if card.funding == _UNKNOWN else card.funding,
        issuer_country=card.issuer_country,
        initiator=Initiator.MERCHANT if request.initiator == messages.INITIATOR_MERCHANT else Initiator.CUSTOMER,
        three_ds=_THREE_DS[request.three_ds],
        metadata=dict(request.metadata),
    )


def route_message(route: Route) -> messages.RouteResponse:
    """Write a decision down."""
    decision = route.decision
    return messages.RouteResponse(
        candidates=[_candidate(each) for each in decision.candidates],
        list_version=route.list_version,
        ruleset_version=decision.ruleset_version,
        rule=decision.rule,
        step_up=_STEP_UP[decision.step_up],
        blocked=decision.blocked,
        unheld_rules=decision.unheld,
        learning_current=route.learning_current,
    )


def _candidate(scored: Scored) -> messages.Candidate:
    return messages.Candidate(
        account=scored.account,
        eligible=scored.eligible,
        reason=scored.reason,
        approval_ppm=scored.approval_ppm,
        fee=scored.fee,
        explored=scored.explored,
    )
