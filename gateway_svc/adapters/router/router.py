"""Asks the router which PSP accounts may take a payment, best first."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc
import grpc.aio
from payera.router.v1 import router_service_pb2 as messages
from payera.router.v1 import router_service_pb2_grpc as stubs

from gateway_svc.domain.payment import Candidate
from mesh.channels import call_metadata, refusal_of
from mesh.reasons import Reason
from mesh.refusal import Refusal

TIMEOUT_SECONDS: Final = 2.0
_REASONS_TOLD: Final = 3


class GrpcRouter:
    """The `Router` port over gRPC. A router that is away or faulty is UNAVAILABLE: nothing has been changed."""

    __slots__ = ("_stub",)

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.RouterServiceStub(channel)

    async def route(
        self, *, merchant_id: str, payment_id: str, amount: int, currency: str, card: Mapping[str, Any]
    ) -> Sequence[Candidate]:
        """Return the eligible accounts, best first; raises Refusal NO_ELIGIBLE_ACCOUNT when there is none."""
        request = messages.RouteRequest(
            merchant_id=merchant_id,
            payment_id=payment_id,
            amount={"value": amount, "currency": currency},
            card=dict(card),
        )
        try:
            answer = await self._stub.Route(request, timeout=TIMEOUT_SECONDS, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            refusal = refusal_of(error)
            if refusal is not None and refusal.reason is Reason.NO_ELIGIBLE_ACCOUNT:
                raise refusal from None
            raise Refusal(Reason.UNAVAILABLE) from None
        eligible = [Candidate(item.account, item.reason) for item in answer.candidates if item.eligible]
        if not eligible:
            raise Refusal(Reason.NO_ELIGIBLE_ACCOUNT, detail=_why_none(answer))
        return eligible


def _why_none(answer: messages.RouteResponse) -> str:
    if not answer.candidates:
        return "the merchant has no PSP accounts."
    told = [f"{item.account}: {item.reason}" for item in answer.candidates[:_REASONS_TOLD]]
    more = len(answer.candidates) - len(told)
    return "; ".join(told) + (f" (and {more} more)" if more else "")
