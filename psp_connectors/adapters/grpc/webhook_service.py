"""Serves `payera.psp.v1.PspWebhookService`: the door for PSPs' webhooks, and operators' view of them."""

from collections.abc import Mapping
from typing import Any, Final

import grpc
from google.api import httpbody_pb2
from payera.psp.v1 import psp_webhook_service_pb2 as contract
from payera.psp.v1 import psp_webhook_service_pb2_grpc as stubs

from mesh.card_numbers import mask_card_numbers
from mesh.context import current
from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.adapters.grpc.account_messages import timestamp
from psp_connectors.application.inspect_webhooks import InspectWebhooks
from psp_connectors.application.receive_webhook import ReceiveWebhook
from psp_connectors.application.webhook_ports import EventRecord, WebhookRecord, WholeWebhook
from psp_connectors.domain.webhooks import RawWebhook

SERVICE_NAME: Final = contract.DESCRIPTOR.services_by_name["PspWebhookService"].full_name
ACCEPTED: Final = b"[accepted]"
"""One PSP wants exactly this text; the others want no more than the status."""
BODY_BYTES_MAX: Final = 1024 * 1024
#: The headers that signatures rest on; the edge passes no other.
SIGNATURE_HEADERS: Final = frozenset(
    {
        "authorization",
        "cko-signature",
        "hmacsignature",
        "paypal-auth-algo",
        "paypal-auth-version",
        "paypal-cert-url",
        "paypal-transmission-id",
        "paypal-transmission-sig",
        "paypal-transmission-time",
        "stripe-signature",
        "webhook-signature",
    }
)
_Context = grpc.aio.ServicerContext[Any, Any]
# The contract's names are the application's own; a test compares them.
_NOTHING: Final = "DISPOSITION_UNSPECIFIED"


class WebhookService(stubs.PspWebhookServiceServicer):
    """Translates, calls the use case, translates back."""

    def __init__(self, receive: ReceiveWebhook, inspect: InspectWebhooks) -> None:
        self._receive = receive
        self._inspect = inspect

    async def ReceiveWebhook(  # noqa: N802 - the contract's name
        self, request: contract.ReceiveWebhookRequest, context: _Context
    ) -> httpbody_pb2.HttpBody:
        """Take a webhook in."""
        if len(request.body.data) > BODY_BYTES_MAX:
            raise Refusal(Reason.BODY_TOO_LARGE, limit=BODY_BYTES_MAX)
        headers = _signature_headers(dict(context.invocation_metadata() or ()))  # type: ignore[arg-type]
        raw = RawWebhook(headers=headers, body=request.body.data)
        await self._receive(request.account, raw, current().request_id)
        return httpbody_pb2.HttpBody(content_type="text/plain", data=ACCEPTED)

    async def ListPspWebhooks(  # noqa: N802
        self,
        request: contract.ListPspWebhooksRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.ListPspWebhooksResponse:
        """List webhooks, newest first."""
        state = contract.PspWebhook.State.Name(request.state) if request.state else ""
        records, token = await self._inspect.list(request.account, state, request.page_size, request.page_token)
        return contract.ListPspWebhooksResponse(
            psp_webhooks=[_message(record) for record in records], next_page_token=token
        )

    async def GetPspWebhook(  # noqa: N802
        self,
        request: contract.GetPspWebhookRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.PspWebhook:
        """Read one webhook."""
        return _whole_message(await self._inspect.get(request.webhook_id))

    async def ReplayPspWebhook(  # noqa: N802
        self,
        request: contract.ReplayPspWebhookRequest,
        context: _Context,  # noqa: ARG002
    ) -> contract.PspWebhook:
        """Let a webhook be handled again."""
        return _whole_message(await self._inspect.replay(request.webhook_id))


def _signature_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in metadata.items() if name in SIGNATURE_HEADERS and isinstance(text, str)}


def _message(record: WebhookRecord) -> contract.PspWebhook:
    return contract.PspWebhook(
        id=record.id,
        account=record.account,
        state=record.state.value,
        receive_time=timestamp(record.received_at),
        body_bytes=record.body_bytes,
        refused_items=record.refused_items,
        attempts=record.attempts,
        last_error=record.last_error,
        next_attempt_time=timestamp(record.next_attempt_at),
        request_id=record.request_id,
        events=[_event_message(event) for event in record.events],
    )


def _event_message(event: EventRecord) -> contract.PspWebhookEvent:
    return contract.PspWebhookEvent(
        event_id=event.event_id,
        event_type=event.event_type,
        state=event.state.value,
        disposition=event.disposition.value or _NOTHING,
        payment_id=event.payment_id,
        attempts=event.attempts,
        repetitions=event.repetitions,
        last_error=event.last_error,
        next_attempt_time=timestamp(event.next_attempt_at),
    )


def _whole_message(webhook: WholeWebhook) -> contract.PspWebhook:
    message = _message(webhook.record)
    message.header_names.extend(webhook.header_names)
    text = _text_of(webhook.body)
    if text is None:
        message.body_base64 = webhook.body
    else:
        message.body_text = mask_card_numbers(text)
    return message


def _text_of(body: bytes) -> str | None:
    """Give a body that is plain text; None for anything else, which JSON would blow up to several times its size."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() or all(each.isprintable() or each in "\r\n\t" for each in text) else None
