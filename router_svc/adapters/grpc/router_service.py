"""Serves `payera.router.v1.RouterService`."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import grpc
from payera.router.v1 import router_service_pb2 as router_pb2
from payera.router.v1 import router_service_pb2_grpc as router_grpc

from mesh.context import current
from router_svc.adapters.grpc.route_messages import facts_of, route_message
from router_svc.application.ports.priority_store import Change
from router_svc.application.priority_lists import PriorityLists
from router_svc.application.route_payment import RoutePayment
from router_svc.domain.priorities import MerchantId, Priority

SERVICE_NAME: Final = router_pb2.DESCRIPTOR.services_by_name["RouterService"].full_name


class RouterService(router_grpc.RouterServiceServicer):
    """Translates, calls the use case, translates back."""

    def __init__(
        self, *, route_payment: RoutePayment, lists: PriorityLists, now: Callable[[], datetime] | None = None
    ) -> None:
        self._route_payment = route_payment
        self._now = now or (lambda: datetime.now(UTC))
        self._lists = lists

    async def Route(  # noqa: N802 - named by the contract
        self,
        request: router_pb2.RouteRequest,
        context: grpc.aio.ServicerContext[router_pb2.RouteRequest, router_pb2.RouteResponse],  # noqa: ARG002
    ) -> router_pb2.RouteResponse:
        """Decide where one payment goes."""
        return route_message(await self._route_payment(facts_of(request, self._now)))

    async def SetPriorities(  # noqa: N802 - named by the contract
        self,
        request: router_pb2.SetPrioritiesRequest,
        context: grpc.aio.ServicerContext[  # noqa: ARG002
            router_pb2.SetPrioritiesRequest, router_pb2.SetPrioritiesResponse
        ],
    ) -> router_pb2.SetPrioritiesResponse:
        """Replace a merchant's list."""
        call = current()
        priorities = tuple(
            Priority(place.account, tuple(place.currencies), tuple(place.brands), place.disabled)
            for place in request.priorities
        )
        version = await self._lists.set(
            MerchantId(request.merchant_id), priorities, Change(call.caller, call.request_id)
        )
        return router_pb2.SetPrioritiesResponse(list_version=version)

    async def GetPriorities(  # noqa: N802 - named by the contract
        self,
        request: router_pb2.GetPrioritiesRequest,
        context: grpc.aio.ServicerContext[  # noqa: ARG002
            router_pb2.GetPrioritiesRequest, router_pb2.GetPrioritiesResponse
        ],
    ) -> router_pb2.GetPrioritiesResponse:
        """Read a merchant's own list."""
        found = await self._lists.get(MerchantId(request.merchant_id))
        if found is None:
            return router_pb2.GetPrioritiesResponse()
        return router_pb2.GetPrioritiesResponse(
            priorities=[
                router_pb2.Priority(
                    account=place.account,
                    currencies=place.currencies,
                    brands=place.brands,
                    disabled=place.disabled,
                )
                for place in found.priorities
            ],
            list_version=found.version,
        )
