"""Checkout.com's webhooks of what happens in the books ("Webhook event types", "Set up your webhook receiver")."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from devstack.sandbox.dialects.checkout import answers
from devstack.sandbox.dialects.checkout.reading import UNITS
from devstack.sandbox.dialects.contract import Desk, Happening, Notice
from devstack.sandbox.ledger import Charge, Entry, OperationType, State

_EVENTS: Final = {
    OperationType.VERIFY: ("card_verified", "card_verification_declined"),
    OperationType.AUTHORIZE: ("payment_approved", "payment_declined"),
    OperationType.INCREMENT: ("payment_authorization_incremented", "payment_authorization_increment_declined"),
    OperationType.CAPTURE: ("payment_captured", "payment_capture_declined"),
    OperationType.VOID: ("payment_voided", "payment_void_declined"),
    OperationType.REFUND: ("payment_refunded", "payment_refund_declined"),
}


def notices_of(happening: Happening, desk: Desk) -> list[Notice]:
    """Give the webhooks of a happening: of every decision, and of a payment that waits for the shopper."""
    entry, charge = happening.entry, happening.charge
    if entry.state is State.PENDING:
        return [_notice("payment_pending", entry, charge, desk)] if entry.record.type.opens else []
    approved = entry.state is State.APPROVED
    notices = [_notice(_EVENTS[entry.record.type][0 if approved else 1], entry, charge, desk)]
    if approved and entry.record.type is OperationType.AUTHORIZE and entry.record.capture:
        notices.append(_notice("payment_captured", entry, charge, desk, charge.record.facts["capture_action"]))
    return notices


def signed(content: object, key: str, authorization: str) -> tuple[bytes, dict[str, str]]:
    """Give body and headers of a delivery."""
    body = msgspec.json.encode(content)
    headers = {
        "content-type": "application/json; charset=utf-8",
        "cko-signature": hmac.new(key.encode(), body, hashlib.sha256).hexdigest(),
    }
    return body, headers | ({"authorization": authorization} if authorization else {})


def _notice(event_type: str, entry: Entry, charge: Charge, desk: Desk, action_id: str = "") -> Notice:
    record = entry.record
    data: dict[str, Any] = {
        "id": charge.record.id,
        "action_id": action_id or record.ids.get("action", record.id),
        "metadata": {name: str(value) for name, value in record.facts.get("metadata", {}).items()},
        **answers.decided(entry, charge),
    }
    if record.reference:
        data["reference"] = record.reference
    if record.type.opens:
        data["source"] = _source(charge)
        if charge.record.network_transaction_id:
            data["scheme_id"] = charge.record.network_transaction_id
    if event_type == "payment_pending":
        del data["response_code"], data["response_summary"], data["approved"]
    else:
        data["balances"] = _balances(charge)
    name = f"{event_type}.{data['action_id']}"
    # The id follows from what happened: the same event is told again under the same id.
    event_id = f"evt_{hashlib.sha256(name.encode()).hexdigest()[:26]}"
    href = f"{desk.base_url}/workflows/events/{event_id}"
    content = {
        "id": event_id,
        "type": event_type,
        "version": "1.0.29",
        "created_on": data["processed_on"].replace("Z", ".0587501Z"),
        "data": data,
        "_links": {"self": {"href": href}},
    }
    return Notice(id=event_id, type=event_type, reference=record.reference, content=content, name=event_type)


def _source(charge: Charge) -> Mapping[str, Any]:
    source = dict(answers.source(charge))
    if "last4" in source:
        source["last_4"] = source.pop("last4")
        source["scheme"] = source["scheme"].upper()
    return source


def _balances(charge: Charge) -> dict[str, int]:
    def own(minor: int) -> int:
        return UNITS.own(minor, charge.record.currency)

    open_rest = 0 if charge.closed else charge.rest(OperationType.CAPTURE)
    return {
        "total_authorized": own(charge.authorized),
        "total_voided": own(charge.authorized if charge.voided else 0),
        "available_to_void": own(0 if charge.captured else open_rest),
        "total_captured": own(charge.captured),
        "available_to_capture": own(open_rest),
        "total_refunded": own(charge.refunded),
        "available_to_refund": own(charge.rest(OperationType.REFUND)),
    }
