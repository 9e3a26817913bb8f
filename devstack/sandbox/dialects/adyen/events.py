"""Adyen's standard webhooks of what happens in the books (description of the webhooks, version 1)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from devstack.sandbox.dialects.adyen.answers import (
    additional_data,
    amount_of,
    brand_of,
    told_amount,
    told_refusal,
)
from devstack.sandbox.dialects.contract import Desk, Happening, Notice
from devstack.sandbox.ledger import Entry, OperationType, State
from devstack.sandbox.magic import Verdict

_EVENTS: Final = {
    OperationType.INCREMENT: "AUTHORISATION_ADJUSTMENT",
    OperationType.CAPTURE: "CAPTURE",
    OperationType.VOID: "CANCELLATION",
    OperationType.REFUND: "REFUND",
}
_FAILURES: Final = {OperationType.CAPTURE: "CAPTURE_FAILED", OperationType.REFUND: "REFUND_FAILED"}
_REASONS: Final = {
    "charge_declined": "Transaction has not been authorised",
    "charge_closed": "Transaction is closed",
    "already_captured": "Transaction is already captured",
    "already_voided": "Transaction is already cancelled",
    "amount_exceeds_authorized": "Insufficient balance on payment",
    "amount_exceeds_captured": "Insufficient balance on payment",
    "currency_mismatch": "Currency of the modification does not match",
}


def notices_of(happening: Happening, desk: Desk) -> list[Notice]:
    """Give the webhooks of a happening: Adyen tells of every decision, and of nothing that is only received."""
    entry, record = happening.entry, happening.entry.record
    if happening.decision is None and entry.record.waiting:
        return []
    at = happening.decision.at if happening.decision is not None else record.at
    verdict = happening.decision.verdict if happening.decision is not None else record.verdict
    if record.type.opens:
        if entry.reversed:
            return []
        item = _authorisation(happening, verdict, desk)
    else:
        made = _modification(happening, verdict, desk)
        if made is None:
            return []
        item = made
    item["eventDate"] = datetime.fromtimestamp(at, UTC).isoformat()
    event = item["eventCode"]
    return [
        Notice(
            id=f"{item['pspReference']}.{event}.{item['success']}",
            type=event,
            reference=record.reference,
            content=item,
            name=event,
        )
    ]


def signed_body(item: Mapping[str, Any], key: str) -> bytes:
    """Give the body with an item, signed with a key of hexadecimal digits."""
    additional = {**item.get("additionalData", {}), "hmacSignature": _signature(item, key)}
    wrapped = {"NotificationRequestItem": {**item, "additionalData": additional}}
    return msgspec.json.encode({"live": "false", "notificationItems": [wrapped]})


def _signature(item: Mapping[str, Any], key: str) -> str:
    amount = item["amount"]
    parts = (
        item["pspReference"],
        item.get("originalReference", ""),
        item["merchantAccountCode"],
        item["merchantReference"],
        str(amount["value"]),
        amount["currency"],
        item["eventCode"],
        item["success"],
    )
    digest = hmac.new(bytes.fromhex(key), ":".join(parts).encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _authorisation(happening: Happening, verdict: Verdict, desk: Desk) -> dict[str, Any]:
    entry, charge = happening.entry, happening.charge
    item: dict[str, Any] = {
        "additionalData": additional_data(entry, charge),
        "amount": amount_of(entry.record.amount, charge),
        "eventCode": "AUTHORISATION",
        "merchantAccountCode": desk.setting("merchant_account"),
        "merchantReference": entry.record.reference,
        "paymentMethod": brand_of(charge),
        "pspReference": entry.record.id,
        "reason": _authorisation_reason(entry),
        "success": _word(approved=verdict.approved),
    }
    if verdict.approved:
        item["operations"] = ["CANCEL", "CAPTURE", "REFUND"]
    return item


def _authorisation_reason(entry: Entry) -> str:
    if entry.state is not State.APPROVED:
        return told_refusal(entry).reason
    card = entry.record.card
    return f"{card.last4}:{card.exp_month}/{card.exp_year}" if card is not None else ""


def _modification(happening: Happening, verdict: Verdict, desk: Desk) -> dict[str, Any] | None:
    entry, charge = happening.entry, happening.charge
    record = entry.record
    failed_later = not verdict.approved and entry.money_moves > 0
    event = _FAILURES.get(record.type) if failed_later else record.facts.get("event", _EVENTS[record.type])
    if event is None:
        return None
    item: dict[str, Any] = {
        "amount": amount_of(told_amount(entry), charge),
        "eventCode": event,
        "merchantAccountCode": desk.setting("merchant_account"),
        # The modification's own reference; that of the payment for a request that gave none.
        "merchantReference": record.reference or charge.record.reference,
        "originalReference": charge.record.id,
        "paymentMethod": brand_of(charge),
        "pspReference": record.id,
        "reason": _modification_reason(event, verdict),
        "success": _word(approved=verdict.approved or failed_later),
    }
    if event == "CANCEL_OR_REFUND":
        item["additionalData"] = {"modification.action": record.facts["action"]}
    return item


def _modification_reason(event: str, verdict: Verdict) -> str:
    if event == "CAPTURE_FAILED":
        return "Capture Failed"
    if event == "REFUND_FAILED":
        return "Refund Failed"
    if verdict.approved:
        return ""
    return _REASONS.get(verdict.reason, "Transaction was refused")


def _word(*, approved: bool) -> str:
    return "true" if approved else "false"
