"""Asks the router where a payment goes, and reads the whole decision."""

from types import MappingProxyType
from typing import Final

import grpc
import grpc.aio
from payera.router.v1 import router_service_pb2 as messages
from payera.router.v1 import router_service_pb2_grpc as stubs

from gateway_svc.application.ports import ToRoute
from gateway_svc.domain.routing import RoutedAccount, RouteDecision, StepUp
from gateway_svc.domain.stored_credentials import Initiator
from gateway_svc.domain.three_ds import ThreeDsState
from mesh.channels import call_metadata, refusal_of
from mesh.reasons import Reason
from mesh.refusal import Refusal

TIMEOUT_SECONDS: Final = 2.0

_STEP_UPS: Final = MappingProxyType(
    {
        messages.STEP_UP_UNSPECIFIED: StepUp.UNSET,
        messages.STEP_UP_REQUIRE: StepUp.REQUIRE,
        messages.STEP_UP_SKIP: StepUp.SKIP,
    }
)
_INITIATORS: Final = MappingProxyType(
    {Initiator.CUSTOMER: messages.INITIATOR_CUSTOMER, Initiator.MERCHANT: messages.INITIATOR_MERCHANT}
)
_THREE_DS: Final = MappingProxyType(
    {
        ThreeDsState.NONE: messages.THREE_DS_STATE_UNSPECIFIED,
        ThreeDsState.EXTERNAL: messages.THREE_DS_STATE_EXTERNAL,
    }
)


class GrpcRouter:
    """The `Router` port over gRPC. A router that is away or faulty is UNAVAILABLE: nothing has been changed."""

    __slots__ = ("_stub",)

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.RouterServiceStub(channel)

    async def route(self, payment: ToRoute) -> RouteDecision:
        """Decide where a payment goes; passes on a router's refusal NO_ELIGIBLE_ACCOUNT."""
        request = messages.RouteRequest(
            merchant_id=payment.merchant_id,
            payment_id=payment.payment_id,
            amount={"value": payment.amount, "currency": payment.currency},
            card=dict(payment.card),
            method=payment.method,
            metadata=payment.metadata,
            initiator=_INITIATORS[payment.initiator],
            three_ds=_THREE_DS[payment.three_ds],
        )
        try:
            answer = await self._stub.Route(request, timeout=TIMEOUT_SECONDS, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            refusal = refusal_of(error)
            if refusal is not None and refusal.reason is Reason.NO_ELIGIBLE_ACCOUNT:
                raise refusal from None
            raise Refusal(Reason.UNAVAILABLE) from None
        return decision_of(answer)


def decision_of(answer: messages.RouteResponse) -> RouteDecision:
    """Read a decision; a word on 3-D Secure that a newer contract has is none.

    The eligible accounts come first, whatever order they came in.
    """
    accounts = [_account_of(candidate) for candidate in answer.candidates]
    return RouteDecision(
        candidates=tuple(sorted(accounts, key=lambda each: not each.eligible)),
        list_version=answer.list_version,
        ruleset_version=answer.ruleset_version,
        rule=answer.rule,
        step_up=_STEP_UPS.get(answer.step_up, StepUp.UNSET),
        blocked=answer.blocked,
        unheld_rules=tuple(answer.unheld_rules),
        learning_current=answer.learning_current,
    )


def _account_of(candidate: messages.Candidate) -> RoutedAccount:
    return RoutedAccount(
        account=candidate.account,
        eligible=candidate.eligible,
        reason=candidate.reason,
        approval_ppm=candidate.approval_ppm if candidate.HasField("approval_ppm") else None,
        fee=candidate.fee if candidate.HasField("fee") else None,
        explored=candidate.explored,
    )
