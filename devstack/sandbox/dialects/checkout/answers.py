"""Renders what became of a payment and its actions as Checkout.com answers it (description of 2021-07-20).

Balances are left out: the description requires an id of them that it does not declare.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from devstack.sandbox.dialects.checkout.reading import UNITS
from devstack.sandbox.dialects.checkout.triggers import response_code_of
from devstack.sandbox.dialects.contract import Desk
from devstack.sandbox.incoming import Reply
from devstack.sandbox.ledger import Charge, Entry, OperationType, State

REDIRECT: Final = "redirect"
Teller = Callable[[Charge], Reply]
"""Renders a charge."""
_SCHEMES: Final = {"amex": "American Express", "diners": "Diners Club International", "jcb": "JCB"}
_TYPES: Final = {
    OperationType.VERIFY: "Card Verification",
    OperationType.AUTHORIZE: "Authorization",
    OperationType.INCREMENT: "Authorization",
    OperationType.CAPTURE: "Capture",
    OperationType.VOID: "Void",
    OperationType.REFUND: "Refund",
}


def payment(entry: Entry, charge: Charge, desk: Desk) -> Reply:
    """Answer POST /payments: decided, or waiting for the shopper."""
    record = charge.record
    links = links_of(charge, desk)
    if entry.state is State.PENDING:
        href = f"{desk.base_url}/3ds/{record.id}?seal={desk.seal(record.id)}"
        ways = {"self": links["self"], REDIRECT: {"href": href}}
        body: dict[str, Any] = {"id": record.id, "status": "Pending", "_links": ways}
        return Reply(202, body | _reference(record.reference))
    approved = entry.state is State.APPROVED
    status = "Card Verified" if record.type is OperationType.VERIFY else "Authorized"
    return Reply(
        201,
        {
            "id": record.id,
            "action_id": record.ids["action"],
            "status": status if approved else "Declined",
            **decided(entry, charge),
            "source": source(charge),
            "_links": links,
        }
        | _reference(record.reference)
        | _scheme_id(charge),
    )


def increment(entry: Entry, charge: Charge, desk: Desk) -> Reply:
    """Answer POST /payments/{id}/authorizations."""
    approved = entry.state is State.APPROVED
    return Reply(
        201,
        {
            "action_id": entry.record.id,
            "status": "Authorized" if approved else "Declined",
            **decided(entry, charge),
            "_links": links_of(charge, desk),
        }
        | _reference(entry.record.reference),
    )


def acknowledgement(entry: Entry, charge: Charge, desk: Desk) -> Reply:
    """Answer a capture, void or refund: accepted, whatever comes of it."""
    href = f"{desk.base_url}/payments/{charge.record.id}"
    links = {"payment": {"href": href}}
    return Reply(202, {"action_id": entry.record.id, "_links": links} | _reference(entry.record.reference))


def details(charge: Charge, desk: Desk) -> Reply:
    """Answer GET /payments/{id}."""
    record = charge.record
    body = {
        "id": record.id,
        "requested_on": stamp(record.at),
        "source": source(charge),
        "amount": UNITS.own(record.amount, record.currency),
        "currency": record.currency,
        "approved": charge.first.state is State.APPROVED,
        "status": status_of(charge),
        "metadata": dict(record.facts.get("metadata", {})),
        "_links": links_of(charge, desk),
    }
    return Reply(200, body | _reference(record.reference) | _scheme_id(charge))


def actions(charge: Charge) -> Reply:
    """Answer GET /payments/{id}/actions: what is processed, latest first."""
    found = [action(entry, charge) for entry in charge.entries if entry.state is not State.PENDING]
    if charge.record.capture and charge.first.state is State.APPROVED:
        own = action(charge.first, charge)
        found.insert(1, own | {"id": charge.record.facts["capture_action"], "type": "Capture"})
    return Reply(200, found[::-1])


def action(entry: Entry, charge: Charge) -> dict[str, Any]:
    """Give an action of a payment."""
    record = entry.record
    body = {
        "id": record.ids.get("action", record.id),
        "type": _TYPES[record.type],
        "metadata": dict(record.facts.get("metadata", {})),
        **decided(entry, charge),
    }
    del body["currency"]
    if record.type is OperationType.INCREMENT:
        body["authorization_type"] = "Incremental"
    return body | _reference(record.reference)


def decided(entry: Entry, charge: Charge) -> dict[str, Any]:
    """Give what every decision is told with."""
    approved = entry.state is State.APPROVED
    at = entry.decisions[-1].at if entry.decisions else entry.record.at
    return {
        "amount": UNITS.own(entry.record.amount, charge.record.currency),
        "currency": charge.record.currency,
        "approved": approved,
        "response_code": response_code_of(entry.verdict),
        "response_summary": "Approved" if approved else "Declined",
        "processed_on": stamp(at),
    }


def status_of(charge: Charge) -> str:
    """Give the status of a payment."""
    first = charge.first
    if first.state is not State.APPROVED:
        return "Pending" if first.state is State.PENDING else "Declined"
    if charge.record.type is OperationType.VERIFY:
        return "Card Verified"
    if charge.refunded:
        return "Refunded" if charge.refunded >= charge.captured else "Partially Refunded"
    if charge.captured:
        return "Captured" if charge.captured >= charge.authorized else "Partially Captured"
    return "Voided" if charge.voided else "Authorized"


def source(charge: Charge) -> dict[str, Any]:
    """Give the card as Checkout.com shows it."""
    card = charge.record.card
    if card is None:
        return {"type": "card"}
    return {
        "type": "card",
        "expiry_month": card.exp_month,
        "expiry_year": card.exp_year,
        "scheme": _SCHEMES.get(card.brand, card.brand.capitalize()),
        "last4": card.last4,
        "fingerprint": card.fingerprint,
        "bin": card.bin,
        "avs_check": charge.record.facts.get("avs", "S"),
        "cvv_check": charge.record.facts.get("cvv", "N"),
    }


def links_of(charge: Charge, desk: Desk) -> dict[str, Any]:
    """Give the links of a payment."""
    href = f"{desk.base_url}/payments/{charge.record.id}"
    return {"self": {"href": href}, "actions": {"href": f"{href}/actions"}}


def stamp(at: int) -> str:
    """Give a time as Checkout.com writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _reference(reference: str) -> dict[str, str]:
    return {"reference": reference} if reference else {}


def _scheme_id(charge: Charge) -> dict[str, str]:
    scheme_id = charge.record.network_transaction_id
    return {"scheme_id": scheme_id} if scheme_id else {}
