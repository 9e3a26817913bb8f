"""PayPal's orders, authorizations, captures and refunds, rendered from the books.

Source: the schemas `order`, `authorization`, `capture` and `refund` of the descriptions; "Card testing" for what a
declined card looks like.
"""

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from devstack.sandbox.dialects.contract import Desk
from devstack.sandbox.dialects.paypal.reading import (
    AUTHORIZATIONS,
    CAPTURES,
    ORDERS,
    REFUNDS,
    UNITS,
    refundable,
)
from devstack.sandbox.dialects.paypal.tokens import payer_link
from devstack.sandbox.dialects.paypal.triggers import response_code_of
from devstack.sandbox.ledger import Charge, Entry, OperationType, State
from devstack.sandbox.magic import Verdict

_VALID_DAYS: Final = 29
_BRANDS: Final = MappingProxyType(
    {
        "amex": "AMEX",
        "discover": "DISCOVER",
        "jcb": "JCB",
        "mastercard": "MASTERCARD",
        "unionpay": "CHINA_UNION_PAY",
        "visa": "VISA",
    }
)


def order_body(charge: Charge, desk: Desk) -> dict[str, Any]:
    """Give a whole order: one purchase unit with what was authorized, captured and refunded."""
    record, unit = charge.record, charge.record.facts["unit"]
    order = record.ids["order"]
    waits = charge.first.state is State.PENDING
    purchase: dict[str, Any] = {"reference_id": "default"} | unit | {"amount": _money(record.amount, charge)}
    if not waits:
        purchase["payments"] = _payments(charge, desk)
    body: dict[str, Any] = {
        "id": order,
        "intent": "CAPTURE" if record.capture else "AUTHORIZE",
        "status": "PAYER_ACTION_REQUIRED" if waits else "COMPLETED",
        "payment_source": {"card": _card(charge)},
        "purchase_units": [purchase],
        "create_time": _time(record.at),
        "links": order_links(charge, desk),
    }
    return body if waits else body | {"update_time": _time(record.at)}


def order_links(charge: Charge, desk: Desk) -> list[dict[str, str]]:
    """Give the links of an order."""
    order = charge.record.ids["order"]
    links = [_link(desk, "self", f"{ORDERS}/{order}")]
    if charge.first.state is State.PENDING:
        links.append({"href": payer_link(desk, order), "rel": "payer-action", "method": "GET"})
    return links


def authorization_body(charge: Charge, desk: Desk, *, inside_order: bool = False) -> dict[str, Any]:
    """Give an authorization; only an order tells what the processor said of it."""
    record = charge.record
    links = [_link(desk, "self", f"{AUTHORIZATIONS}/{record.id}")]
    if charge.first.state is State.APPROVED and not charge.closed:
        links.append(_link(desk, "capture", f"{AUTHORIZATIONS}/{record.id}/capture", "POST"))
        links.append(_link(desk, "void", f"{AUTHORIZATIONS}/{record.id}/void", "POST"))
    links.append(_link(desk, "up", f"{ORDERS}/{record.ids['order']}"))
    body = {
        "id": record.id,
        "status": _authorization_status(charge),
        "amount": _money(record.amount, charge),
        **_names(record.facts["unit"]),
        "seller_protection": {"status": "NOT_ELIGIBLE"},
        "expiration_time": _time(record.at + _VALID_DAYS * 86400),
        "links": links,
        "create_time": _time(record.at),
        "update_time": _time(charge.entries[-1].record.at),
        **_network(charge),
    }
    if inside_order:
        body["processor_response"] = _processor_response(charge.first)
    else:
        body["supplementary_data"] = {"related_ids": {"order_id": record.ids["order"]}}
    return body


def capture_body(entry: Entry, charge: Charge, desk: Desk, *, inside_order: bool = False) -> dict[str, Any]:
    """Give a capture, be it of an authorization or of a payment that was captured at once."""
    record, payment = entry.record, charge.record
    direct = record is payment or record.id == payment.id
    names = _names(payment.facts["unit"])
    if not direct:
        names = names | ({"invoice_id": record.facts["invoice_id"]} if record.facts.get("invoice_id") else {})
    parent = f"{ORDERS}/{payment.ids['order']}" if direct else f"{AUTHORIZATIONS}/{payment.id}"
    links = [_link(desk, "self", f"{CAPTURES}/{record.id}")]
    if refundable(charge, entry):
        links.append(_link(desk, "refund", f"{CAPTURES}/{record.id}/refund", "POST"))
    links.append(_link(desk, "up", parent))
    body = {
        "id": record.id,
        "status": _capture_status(entry, charge),
        "amount": _money(record.amount, charge),
        **names,
        "final_capture": True if direct else record.final,
        "seller_protection": {"status": "NOT_ELIGIBLE"},
        "links": links,
        "create_time": _time(record.at),
        "update_time": _time(record.at),
        "processor_response": _processor_response(entry),
        **(_network(charge) if direct else {}),
    }
    if not inside_order:
        related = {"order_id": payment.ids["order"]} | ({} if direct else {"authorization_id": payment.id})
        body["supplementary_data"] = {"related_ids": related}
    return body


def refund_body(entry: Entry, charge: Charge, desk: Desk) -> dict[str, Any]:
    """Give a refund."""
    record = entry.record
    status = {State.APPROVED: "COMPLETED", State.PENDING: "PENDING", State.DECLINED: "FAILED"}[entry.state]
    return {
        "id": record.id,
        "status": status,
        "amount": _money(record.amount, charge),
        **_names(record.facts),
        "links": [
            _link(desk, "self", f"{REFUNDS}/{record.id}"),
            _link(desk, "up", f"{CAPTURES}/{record.facts['capture']}"),
        ],
        "create_time": _time(record.at),
        "update_time": _time(record.at),
    }


def minimal(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give what PayPal answers when nobody prefers the representation."""
    return {name: body[name] for name in ("id", "status", "links", "payment_source") if name in body}


def _payments(charge: Charge, desk: Desk) -> dict[str, Any]:
    if charge.record.capture:
        captures = [capture_body(charge.first, charge, desk, inside_order=True)]
    else:
        captures = [
            capture_body(entry, charge, desk, inside_order=True)
            for entry in charge.entries_of(OperationType.CAPTURE)
            if not is_refused_by_books(entry)
        ]
    found: dict[str, Any] = {"captures": captures} if captures else {}
    if not charge.record.capture:
        found["authorizations"] = [authorization_body(charge, desk, inside_order=True)]
    refunds = [refund_body(e, charge, desk) for e in charge.entries_of(OperationType.REFUND)]
    return found | ({"refunds": refunds} if refunds else {})


def is_refused_by_books(entry: Entry) -> bool:
    """Tell whether the books' own rules refused an operation, so that PayPal never made one of it."""
    verdict = entry.record.verdict
    return not verdict.approved and not verdict.network_code and verdict.reason in BOOK_REASONS


BOOK_REASONS: Final = frozenset(
    {
        "already_captured",
        "already_voided",
        "amount_exceeds_authorized",
        "amount_exceeds_captured",
        "charge_closed",
        "charge_declined",
        "charge_pending",
        "currency_mismatch",
    }
)
"""Reasons of the ledger's rules."""


def _authorization_status(charge: Charge) -> str:
    if charge.first.state is not State.APPROVED:
        return "PENDING" if charge.first.state is State.PENDING else "DENIED"
    if charge.voided:
        return "VOIDED"
    if charge.captured:
        return "CAPTURED" if charge.closed or not charge.rest(OperationType.CAPTURE) else "PARTIALLY_CAPTURED"
    return "CREATED"


def _capture_status(entry: Entry, charge: Charge) -> str:
    if entry.state is not State.APPROVED:
        return "PENDING" if entry.state is State.PENDING else "DECLINED"
    left = refundable(charge, entry)
    if left == entry.record.amount:
        return "COMPLETED"
    return "PARTIALLY_REFUNDED" if left else "REFUNDED"


def _processor_response(entry: Entry) -> dict[str, str]:
    verdict: Verdict = entry.verdict
    asked = str(entry.record.facts.get("response_code", ""))
    code = asked if asked and not verdict.approved and not entry.decisions else response_code_of(verdict)
    if entry.state is State.PENDING:
        return {}
    if not verdict.approved:
        # As the guide says: with a rejection the address is globally unavailable and the code is not processed.
        return {"avs_code": "G", "cvv_code": "P", "response_code": code}
    return {"avs_code": "Y", "cvv_code": "M", "response_code": code}


def _names(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(fields[name]) for name in ("custom_id", "invoice_id") if fields.get(name)}


def _network(charge: Charge) -> dict[str, Any]:
    record = charge.record
    if not record.network_transaction_id or record.card is None:
        return {}
    network = _BRANDS.get(record.card.brand)
    reference = {"id": record.network_transaction_id} | ({"network": network} if network else {})
    return {"network_transaction_reference": reference}


def _card(charge: Charge) -> dict[str, str]:
    card = charge.record.card
    if card is None:
        return {}
    brand = _BRANDS.get(card.brand)
    shown = {"last_digits": card.last4, "type": "CREDIT", "expiry": f"{card.exp_year:04d}-{card.exp_month:02d}"}
    return shown | ({"brand": brand} if brand else {})


def _money(minor: int, charge: Charge) -> dict[str, str]:
    currency = charge.record.currency
    return {"currency_code": currency, "value": UNITS.decimal(minor, currency)}


def _link(desk: Desk, relation: str, path: str, method: str = "GET") -> dict[str, str]:
    return {"href": desk.base_url + path, "rel": relation, "method": method}


def _time(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
