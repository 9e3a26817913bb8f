"""The rpcs of payera.gateway.v1.PaymentService."""

from typing import Any, Final

import grpc
from payera.gateway.v1 import payment_pb2, routing_pb2
from payera.gateway.v1 import payment_service_pb2 as messages
from payera.gateway.v1 import payment_service_pb2_grpc as stubs

from gateway_svc.adapters.grpc.messages import payment_message, refund_message
from gateway_svc.adapters.grpc.requests import calling_merchant, money_call, payment_filters, payment_wish
from gateway_svc.adapters.grpc.routing_messages import routing_message
from gateway_svc.application.create_payment import CreatePayment
from gateway_svc.application.inline_driver import Answer
from gateway_svc.application.modify_payment import ModificationWish, ModifyPayment
from gateway_svc.application.ports import View
from gateway_svc.application.read_payments import ReadPayments
from gateway_svc.domain.payment import ModificationKind
from mesh.context import mark_replayed

SERVICE: Final = "payera.gateway.v1.PaymentService"

Context = grpc.aio.ServicerContext[Any, Any]


class PaymentServicer(stubs.PaymentServiceServicer):
    """Translates each request for its use case; errors are the server's to translate."""

    def __init__(self, create: CreatePayment, modify: ModifyPayment, read: ReadPayments) -> None:
        self._create = create
        self._modify = modify
        self._read = read

    async def CreatePayment(  # noqa: N802 - named by the contract
        self, request: messages.CreatePaymentRequest, context: Context
    ) -> payment_pb2.Payment:
        """Create a payment and try to authorize it."""
        del context
        call = money_call(f"{SERVICE}/CreatePayment", request)
        return payment_message(_view_of(await self._create.execute(call, payment_wish(request))))

    async def CapturePayment(  # noqa: N802 - named by the contract
        self, request: messages.CapturePaymentRequest, context: Context
    ) -> payment_pb2.Payment:
        """Capture an authorized payment."""
        del context
        call = money_call(f"{SERVICE}/CapturePayment", request)
        wish = ModificationWish(
            ModificationKind.CAPTURE,
            request.payment_id,
            amount=request.amount if request.HasField("amount") else None,
            final=request.final if request.HasField("final") else None,
        )
        return payment_message(_view_of(await self._modify.execute(call, wish)))

    async def VoidPayment(  # noqa: N802 - named by the contract
        self, request: messages.VoidPaymentRequest, context: Context
    ) -> payment_pb2.Payment:
        """Release an authorized payment."""
        del context
        call = money_call(f"{SERVICE}/VoidPayment", request)
        wish = ModificationWish(ModificationKind.VOID, request.payment_id)
        return payment_message(_view_of(await self._modify.execute(call, wish)))

    async def CreateRefund(  # noqa: N802 - named by the contract
        self, request: messages.CreateRefundRequest, context: Context
    ) -> payment_pb2.Refund:
        """Give captured money back."""
        del context
        call = money_call(f"{SERVICE}/CreateRefund", request)
        wish = ModificationWish(
            ModificationKind.REFUND,
            request.payment_id,
            amount=request.amount if request.HasField("amount") else None,
            reason=request.reason,
        )
        return refund_message(_view_of(await self._modify.execute(call, wish)))

    async def GetPayment(  # noqa: N802 - named by the contract
        self, request: messages.GetPaymentRequest, context: Context
    ) -> payment_pb2.Payment:
        """Read one payment."""
        del context
        return payment_message(await self._read.payment(calling_merchant(), request.payment_id))

    async def ExplainRouting(  # noqa: N802 - named by the contract
        self, request: messages.ExplainRoutingRequest, context: Context
    ) -> routing_pb2.PaymentRouting:
        """Explain why a payment went where it went."""
        del context
        return routing_message(await self._read.routing(calling_merchant(), request.payment_id))

    async def ListPayments(  # noqa: N802 - named by the contract
        self, request: messages.ListPaymentsRequest, context: Context
    ) -> messages.ListPaymentsResponse:
        """List payments, newest first."""
        del context
        page = await self._read.payments(
            calling_merchant(), payment_filters(request), request.page_size, request.page_token
        )
        return messages.ListPaymentsResponse(
            payments=[payment_message(view) for view in page.views], next_page_token=page.next_token
        )

    async def GetRefund(  # noqa: N802 - named by the contract
        self, request: messages.GetRefundRequest, context: Context
    ) -> payment_pb2.Refund:
        """Read one refund."""
        del context
        return refund_message(await self._read.refund(calling_merchant(), request.refund_id))

    async def ListRefunds(  # noqa: N802 - named by the contract
        self, request: messages.ListRefundsRequest, context: Context
    ) -> messages.ListRefundsResponse:
        """List refunds, newest first."""
        del context
        page = await self._read.refunds(calling_merchant(), request.payment_id, request.page_size, request.page_token)
        return messages.ListRefundsResponse(
            refunds=[refund_message(view) for view in page.views], next_page_token=page.next_token
        )


def _view_of(answer: Answer) -> View:
    if answer.replayed:
        mark_replayed()
    return answer.view
