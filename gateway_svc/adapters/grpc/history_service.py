"""The rpc of payera.history.v1.HistoryService: payments that were made, for trying out rules on them."""

from types import MappingProxyType
from typing import Any, Final

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from payera.history.v1 import history_service_pb2 as messages
from payera.history.v1 import history_service_pb2_grpc as stubs

from gateway_svc.adapters.grpc.messages import time_of
from gateway_svc.application.payment_history import ReadHistory
from gateway_svc.application.ports import View

SERVICE: Final = "payera.history.v1.HistoryService"
#: There are no others yet.
METHOD: Final = "card"

Context = grpc.aio.ServicerContext[Any, Any]

_OUTCOMES: Final = MappingProxyType(
    {
        "AUTHORIZED": messages.RoutedPayment.OUTCOME_APPROVED,
        "SUCCEEDED": messages.RoutedPayment.OUTCOME_APPROVED,
        "VOIDED": messages.RoutedPayment.OUTCOME_APPROVED,
        "DECLINED": messages.RoutedPayment.OUTCOME_NOT_APPROVED,
        "FAILED": messages.RoutedPayment.OUTCOME_NOT_APPROVED,
    }
)
_INITIATORS: Final = MappingProxyType(
    {
        "CUSTOMER": messages.RoutedPayment.INITIATOR_CUSTOMER,
        "MERCHANT": messages.RoutedPayment.INITIATOR_MERCHANT,
    }
)
_THREE_DS: Final = MappingProxyType(
    {
        "NONE": messages.RoutedPayment.THREE_DS_STATE_UNSPECIFIED,
        "EXTERNAL": messages.RoutedPayment.THREE_DS_STATE_EXTERNAL,
    }
)


class HistoryServicer(stubs.HistoryServiceServicer):
    """Translates a request for its use case; errors are the server's to translate."""

    def __init__(self, read: ReadHistory) -> None:
        self._read = read

    async def ListRoutedPayments(  # noqa: N802 - named by the contract
        self, request: messages.ListRoutedPaymentsRequest, context: Context
    ) -> messages.ListRoutedPaymentsResponse:
        """List a merchant's payments as routing saw them."""
        del context
        begin_us, end_us = _microseconds(request.begin_time), _microseconds(request.end_time)
        page = await self._read(request.merchant_id, begin_us, end_us, request.page_size, request.page_token)
        return messages.ListRoutedPaymentsResponse(
            payments=[_payment(view) for view in page.views], next_page_token=page.next_token
        )


def _microseconds(time: Timestamp) -> int:
    return time.seconds * 1_000_000 + time.nanos // 1_000


def _payment(view: View) -> messages.RoutedPayment:
    return messages.RoutedPayment(
        payment_id=view["id"],
        amount={"value": view["amount"], "currency": view["currency"]},
        create_time=time_of(view["created_us"]),
        method=METHOD,
        card=messages.CardFacts(
            brand=view["brand"],
            bin=view["bin"],
            funding=view["funding"],
            issuer_country=view["issuer_country"],
        ),
        metadata=view["metadata"],
        first_account=view["first_account"],
        outcome=_OUTCOMES.get(view["status"], messages.RoutedPayment.OUTCOME_UNSPECIFIED),
        initiator=_INITIATORS[view["initiator"]],
        three_ds=_THREE_DS[view["three_ds"]],
    )
