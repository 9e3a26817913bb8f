"""Tells the gateway what PSPs said by webhook, over `payera.notifications.v1.NotificationService`."""

from typing import Final

import grpc
from payera.connectors.v1 import connector_service_pb2 as connectors_pb2
from payera.notifications.v1 import notification_service_pb2 as contract
from payera.notifications.v1 import notification_service_pb2_grpc as stubs

from mesh.channels import refusal_of
from psp_connectors.adapters.grpc import translation
from psp_connectors.application.webhook_ports import Answer, Disposition, EventRefused, GatewayUnavailable
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.webhooks import Notification

CALL_SECONDS: Final = 10.0
_OPERATIONS: Final = {
    OperationKind.AUTHORIZE: connectors_pb2.OPERATION_AUTHORIZE,
    OperationKind.CAPTURE: connectors_pb2.OPERATION_CAPTURE,
    OperationKind.VOID: connectors_pb2.OPERATION_VOID,
    OperationKind.REFUND: connectors_pb2.OPERATION_REFUND,
    OperationKind.VERIFY: connectors_pb2.OPERATION_VERIFY,
    OperationKind.INCREMENT: connectors_pb2.OPERATION_INCREMENT,
    OperationKind.REVERSE: connectors_pb2.OPERATION_REVERSE,
}
_DISPOSITIONS: Final = {
    contract.NotifyResponse.DISPOSITION_APPLIED: Disposition.APPLIED,
    contract.NotifyResponse.DISPOSITION_KNOWN: Disposition.KNOWN,
    contract.NotifyResponse.DISPOSITION_UNMATCHED: Disposition.UNMATCHED,
    contract.NotifyResponse.DISPOSITION_REVIEW: Disposition.REVIEW,
}
#: Answers that say that this very event will never be taken.
_FINAL: Final = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION})


class GrpcGateway:
    """The gateway at the other end of a channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.NotificationServiceStub(channel)

    async def notify(self, account: str, notification: Notification, request_id: str) -> Answer:
        """Tell one event; raises GatewayUnavailable or EventRefused. Ends within ten seconds."""
        try:
            request = request_of(account, notification)
        except ValueError as error:
            message = f"it has no place in the contract: {type(error).__name__}"
            raise EventRefused(message) from None
        try:
            answer = await self._stub.Notify(request, timeout=CALL_SECONDS, metadata=(("x-request-id", request_id),))
        except grpc.aio.AioRpcError as error:
            if error.code() in _FINAL:
                refusal = refusal_of(error)
                message = f"the gateway refuses it: {refusal or error.code().name}"
                raise EventRefused(message) from None
            raise GatewayUnavailable from error
        return Answer(_DISPOSITIONS.get(answer.disposition, Disposition.UNMATCHED), answer.payment_id)


def request_of(account: str, notification: Notification) -> contract.NotifyRequest:
    """Give an event about an operation in the contract's words."""
    if notification.kind is None or notification.outcome is None:
        message = "an event that is not about an operation is for nobody"
        raise ValueError(message)
    return contract.NotifyRequest(
        account=account,
        event_id=notification.event_id,
        event_type=notification.event_type[:128],
        operation=_OPERATIONS[notification.kind],
        reference=notification.reference,
        payment_reference=notification.payment_reference,
        psp_reference=notification.psp_reference,
        payment_psp_reference=notification.payment_psp_reference,
        currency=notification.currency,
        outcome=translation.outcome(notification.outcome),
        reversal=notification.reversal,
    )
