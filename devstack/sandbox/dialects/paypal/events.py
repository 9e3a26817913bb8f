"""PayPal's webhooks of what happens in the books.

Source: developer.paypal.com, "Webhook event names" (Payments v2), and the `event` schema of the Webhooks v1
description.
"""

import datetime as dt
from typing import Any, Final

from devstack.sandbox.dialects.contract import Desk, Happening, Notice
from devstack.sandbox.dialects.paypal.resources import (
    authorization_body,
    capture_body,
    is_refused_by_books,
    refund_body,
)
from devstack.sandbox.ledger import OperationType, State

_SUMMARIES: Final = {
    "PAYMENT.AUTHORIZATION.CREATED": "A payment authorization was created",
    "PAYMENT.AUTHORIZATION.VOIDED": "A payment authorization was voided",
    "PAYMENT.CAPTURE.COMPLETED": "Payment completed",
    "PAYMENT.CAPTURE.DECLINED": "A payment capture was declined",
    "PAYMENT.CAPTURE.REFUNDED": "A capture payment was refunded",
    "PAYMENT.REFUND.FAILED": "A refund failed",
}


def notices_of(happening: Happening, desk: Desk) -> list[Notice]:
    """Give the webhooks of a happening; PayPal tells of no authorization that was denied, and of nothing refused."""
    entry = happening.entry
    if entry.state is State.PENDING or is_refused_by_books(entry):
        return []
    told = _told(happening, desk)
    if told is None:
        return []
    event_type, resource = told
    at = happening.decision.at if happening.decision is not None else entry.record.at
    kind = "refund" if "REFUND" in event_type else event_type.split(".")[1].lower()
    identifier = f"WH-{entry.record.id}-{desk.seal(f'{entry.record.id} {event_type}')[:16].upper()}"
    event = {
        "id": identifier,
        "event_version": "1.0",
        "create_time": dt.datetime.fromtimestamp(at, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "resource_type": kind,
        "resource_version": "2.0",
        "event_type": event_type,
        "summary": _SUMMARIES[event_type],
        "resource": resource,
        "links": [
            {
                "href": f"{desk.base_url}/v1/notifications/webhooks-events/{identifier}",
                "rel": "self",
                "method": "GET",
            }
        ],
    }
    return [Notice(id=identifier, type=event_type, reference=entry.record.reference, content=event)]


def _told(happening: Happening, desk: Desk) -> tuple[str, dict[str, Any]] | None:
    entry, charge = happening.entry, happening.charge
    approved = entry.state is State.APPROVED
    match entry.record.type:
        case OperationType.AUTHORIZE if not entry.record.capture:
            return ("PAYMENT.AUTHORIZATION.CREATED", authorization_body(charge, desk)) if approved else None
        case OperationType.AUTHORIZE | OperationType.CAPTURE:
            event_type = "PAYMENT.CAPTURE.COMPLETED" if approved else "PAYMENT.CAPTURE.DECLINED"
            return event_type, capture_body(entry, charge, desk)
        case OperationType.VOID if approved:
            return "PAYMENT.AUTHORIZATION.VOIDED", authorization_body(charge, desk)
        case OperationType.REFUND:
            event_type = "PAYMENT.CAPTURE.REFUNDED" if approved else "PAYMENT.REFUND.FAILED"
            return event_type, refund_body(entry, charge, desk)
        case _:
            return None
