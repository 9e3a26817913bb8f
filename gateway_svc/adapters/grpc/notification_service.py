"""The rpc of payera.notifications.v1.NotificationService: what PSPs said by webhook, brought by the connectors."""

from types import MappingProxyType
from typing import Any, Final

import grpc
from payera.connectors.v1 import connector_service_pb2 as connectors
from payera.notifications.v1 import notification_service_pb2 as messages
from payera.notifications.v1 import notification_service_pb2_grpc as stubs

from gateway_svc.adapters.connectors.outcomes import outcome_of
from gateway_svc.application.apply_notification import Applied, ApplyNotification
from gateway_svc.domain.notices import Notice, Subject

SERVICE: Final = "payera.notifications.v1.NotificationService"

Context = grpc.aio.ServicerContext[Any, Any]

_SUBJECTS: Final = MappingProxyType(
    {
        connectors.OPERATION_AUTHORIZE: Subject.AUTHORIZE,
        connectors.OPERATION_CAPTURE: Subject.CAPTURE,
        connectors.OPERATION_VOID: Subject.VOID,
        connectors.OPERATION_REFUND: Subject.REFUND,
        connectors.OPERATION_REVERSE: Subject.REVERSE,
    }
)
_DISPOSITIONS: Final = MappingProxyType(
    {
        Applied.APPLIED: messages.NotifyResponse.DISPOSITION_APPLIED,
        Applied.KNOWN: messages.NotifyResponse.DISPOSITION_KNOWN,
        Applied.UNMATCHED: messages.NotifyResponse.DISPOSITION_UNMATCHED,
        Applied.REVIEW: messages.NotifyResponse.DISPOSITION_REVIEW,
    }
)


class NotificationServicer(stubs.NotificationServiceServicer):
    """Translates each notice for its use case; errors are the server's to translate."""

    def __init__(self, apply: ApplyNotification) -> None:
        self._apply = apply

    async def Notify(  # noqa: N802 - named by the contract
        self, request: messages.NotifyRequest, context: Context
    ) -> messages.NotifyResponse:
        """Apply one event of a PSP."""
        del context
        subject = _SUBJECTS.get(request.operation)
        if subject is None:
            # Verifications and increments are no operations of a payment yet.
            return messages.NotifyResponse(disposition=messages.NotifyResponse.DISPOSITION_UNMATCHED)
        notice = Notice(
            account=request.account,
            subject=subject,
            outcome=outcome_of(request.outcome),
            reference=request.reference,
            payment_reference=request.payment_reference,
            currency=request.currency,
            reversal=request.reversal,
        )
        applied = await self._apply.execute(notice)
        return messages.NotifyResponse(disposition=_DISPOSITIONS[applied.applied], payment_id=applied.payment_id)
