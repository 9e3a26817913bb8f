"""Turns rows of the outbox into Kafka messages: a PaymentEvent with CloudEvents 1.0 headers (binary content mode)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from payera.events.v1 import payment_event_pb2 as contract

from gateway_svc.adapters.cards import card_fields

SOURCE: Final = "/payera/gateway"
TYPE_PREFIX: Final = "dev.payera.payment."
SCHEMA: Final = "payera.events.v1.PaymentEvent"
CONTENT_TYPE: Final = "application/protobuf"
# Far above any event, far below what a broker takes by default.
LARGEST_VALUE_BYTES: Final = 256 * 1024

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class UnpublishableEventError(ValueError):
    """An event can't be turned into a message: of a type this relay does not know yet, or not of the agreed form."""


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """One row of the outbox; ``occurred_us`` in microseconds since the epoch."""

    position: int
    event_id: str
    payment_id: str
    merchant_id: str
    seq: int
    event_type: str
    data: Mapping[str, Any]
    occurred_us: int


@dataclass(frozen=True, slots=True)
class EventMessage:
    """What goes to Kafka for one event."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def message_of(event: OutboxEvent) -> EventMessage:
    """Give the message of an event; raises UnpublishableEventError."""
    try:
        value = _payment_event(event).SerializeToString(deterministic=True)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"{event.event_id} of type {event.event_type}: {type(error).__name__}"
        raise UnpublishableEventError(message) from error
    if len(value) > LARGEST_VALUE_BYTES:
        message = f"{event.event_id} of type {event.event_type} has {len(value)} bytes"
        raise UnpublishableEventError(message)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event.event_id,
        "ce_source": SOURCE,
        "ce_type": TYPE_PREFIX + event.event_type.lower(),
        "ce_subject": event.payment_id,
        "ce_time": _rfc3339(event.occurred_us),
        "ce_dataschema": SCHEMA,
        "content-type": CONTENT_TYPE,
    }
    return EventMessage(
        key=event.payment_id.encode(),
        value=value,
        headers=tuple((name, text.encode()) for name, text in headers.items()),
    )


def _payment_event(event: OutboxEvent) -> contract.PaymentEvent:
    message = contract.PaymentEvent(
        id=event.event_id,
        type=f"PAYMENT_EVENT_TYPE_{event.event_type}",
        payment_id=event.payment_id,
        merchant_id=event.merchant_id,
        seq=event.seq,
    )
    message.occur_time.FromMicroseconds(event.occurred_us)
    attempt, modification = event.data.get("attempt"), event.data.get("modification")
    message.payment.CopyFrom(_payment_state(event.data["payment"], attempt))
    if attempt is not None:
        message.attempt.CopyFrom(_attempt_state(attempt))
    if modification is not None:
        message.modification.CopyFrom(_modification_state(modification))
    return message


def _payment_state(view: Mapping[str, Any], attempt: Mapping[str, Any] | None) -> contract.PaymentState:
    return contract.PaymentState(
        status=view["status"],
        amount={"value": view["amount"], "currency": view["currency"]},
        amount_authorized=view["amount_authorized"],
        amount_captured=view["amount_captured"],
        amount_refunded=view["amount_refunded"],
        capture_method=view["capture_method"],
        card=card_fields(view["card"]),
        merchant_reference=view["merchant_reference"],
        decline_code=_decline_code(view, attempt),
        # Events that are older than these fields do without them.
        initiator=(view.get("stored_credential") or {}).get("initiator", "CUSTOMER"),
        credential_reason=(view.get("stored_credential") or {}).get("reason", ""),
        eci=(view.get("three_ds") or {}).get("eci", ""),
    )


def _decline_code(view: Mapping[str, Any], attempt: Mapping[str, Any] | None) -> str:
    if view["decline"] is not None:
        return str(view["decline"]["code"])
    if view["status"] == "FAILED" and attempt is not None:
        return str(attempt["code"])
    return ""


def _attempt_state(view: Mapping[str, Any]) -> contract.AttemptState:
    return contract.AttemptState(
        id=view["id"],
        ordinal=view["ordinal"],
        psp_account=view["account"],
        status=view["status"],
        code=view["code"],
        raw_code=view["raw_code"],
        psp_reference=view["psp_reference"],
    )


def _modification_state(view: Mapping[str, Any]) -> contract.ModificationState:
    return contract.ModificationState(
        id=view["id"],
        kind=view["kind"],
        amount=view["amount"] or 0,
        status=view["status"],
        final=bool(view["final"]),
        code=view["code"],
        psp_reference=view["psp_reference"],
    )


def _rfc3339(microseconds: int) -> str:
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")
