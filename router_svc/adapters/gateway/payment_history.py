"""Reads payments that were made at the gateway, which owns them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp
from payera.history.v1 import history_service_pb2 as messages
from payera.history.v1 import history_service_pb2_grpc as stubs

from mesh.channels import call_metadata
from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.domain.facts import Initiator, PaymentFacts, ThreeDs
from router_svc.domain.priorities import MerchantId
from router_svc.domain.simulation import PastPayment

CALL_SECONDS: Final = 5.0
_UNKNOWN: Final = "unknown"
_APPROVED: Final = MappingProxyType(
    {
        messages.RoutedPayment.OUTCOME_UNSPECIFIED: None,
        messages.RoutedPayment.OUTCOME_APPROVED: True,
        messages.RoutedPayment.OUTCOME_NOT_APPROVED: False,
    }
)


class GrpcPaymentHistory:
    """The `PaymentHistory` port over `payera.history.v1.HistoryService`. Nothing connects before the first call."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.HistoryServiceStub(channel)

    async def page(
        self, merchant_id: MerchantId, begin: datetime, end: datetime, size: int, token: str
    ) -> tuple[Sequence[PastPayment], str]:
        """Give a page within five seconds; raises Refusal(UNAVAILABLE) when the gateway does not answer with one."""
        request = messages.ListRoutedPaymentsRequest(
            merchant_id=merchant_id,
            begin_time=_timestamp(begin),
            end_time=_timestamp(end),
            page_size=size,
            page_token=token,
        )
        try:
            answer = await self._stub.ListRoutedPayments(request, timeout=CALL_SECONDS, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            raise Refusal(Reason.UNAVAILABLE) from error
        return [past_payment(merchant_id, each) for each in answer.payments], answer.next_page_token


def past_payment(merchant_id: MerchantId, message: messages.RoutedPayment) -> PastPayment:
    """Read a payment in the words that a payment to be routed has."""
    card = message.card
    facts = PaymentFacts(
        merchant_id=merchant_id,
        payment_id=message.payment_id,
        amount=message.amount.value,
        currency=message.amount.currency,
        at=message.create_time.ToDatetime(UTC),
        method=message.method,
        brand=card.brand,
        bin=card.bin,
        funding="" if card.funding == _UNKNOWN else card.funding,
        issuer_country=card.issuer_country,
        initiator=Initiator.MERCHANT
        if message.initiator == messages.RoutedPayment.INITIATOR_MERCHANT
        else Initiator.CUSTOMER,
        three_ds=ThreeDs.EXTERNAL
        if message.three_ds == messages.RoutedPayment.THREE_DS_STATE_EXTERNAL
        else ThreeDs.NONE,
        metadata=dict(message.metadata),
    )
    return PastPayment(facts, message.first_account, _APPROVED.get(message.outcome))


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
