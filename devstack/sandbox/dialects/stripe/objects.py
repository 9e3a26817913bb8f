"""Stripe's objects, rendered from the books: PaymentIntent, Charge, SetupIntent, Refund, PaymentMethod.

Source: the API description of version 2024-04-10 and the API reference's pages on these objects.
"""

from collections.abc import Callable, Collection
from typing import Any, Final

from devstack.sandbox.dialects.contract import Desk
from devstack.sandbox.dialects.stripe.triggers import UNITS, decline_of, refund_failure_of
from devstack.sandbox.ledger import CardOnFile, Charge, Entry, OperationType, State
from devstack.sandbox.magic import Verdict

Object = dict[str, Any]

HOLD_SECONDS: Final = 7 * 24 * 3600
SHOPPERS_PATH: Final = "/authentications/"
_DECLINED: Final = "Your card was declined."
_MESSAGES: Final = {
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "incorrect_number": "Your card number is incorrect.",
    "payment_intent_authentication_failure": "The provided PaymentMethod has failed authentication.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}
#: Stripe has no name for any other.
_BRANDS: Final = frozenset({"amex", "diners", "discover", "jcb", "mastercard", "unionpay", "visa"})
_CHECKED: Final = ("cvc_check", "address_postal_code_check", "address_line1_check")


def message_of(code: str) -> str:
    """Give the message for a decline."""
    return _MESSAGES.get(code, _DECLINED)


def payment_status(charge: Charge) -> str:
    """Give the status of a PaymentIntent."""
    state = charge.first.state
    if charge.voided:
        return "canceled"
    if state is not State.APPROVED:
        return "requires_action" if state is State.PENDING else "requires_payment_method"
    taken = charge.closed or charge.captured >= charge.authorized
    return "succeeded" if taken else "requires_capture"


def payment_intent(charge: Charge, desk: Desk, expand: Collection[str] = ()) -> Object:
    """Render a PaymentIntent."""
    record, facts = charge.record, charge.record.facts
    status = payment_status(charge)
    failed = status == "requires_payment_method"
    tried = charge.first.state is not State.PENDING
    void = next((entry for entry in charge.entries_of(OperationType.VOID) if entry.state is State.APPROVED), None)
    options = {name: "if_available" for name in ("multicapture", "incremental_authorization") if facts.get(name)}
    return {
        "id": record.id,
        "object": "payment_intent",
        "amount": _units(_amount(charge), record.currency),
        "amount_capturable": _capturable(charge),
        "amount_details": {"tip": {}},
        "amount_received": _units(charge.captured, record.currency),
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": void.record.at if void is not None else None,
        "cancellation_reason": void.record.facts.get("cancellation_reason") if void is not None else None,
        "capture_method": "automatic" if record.capture else "manual",
        "client_secret": f"{record.id}_secret_{desk.seal(record.id)[:24]}",
        "confirmation_method": facts.get("confirmation_method", "automatic"),
        "created": record.at,
        "currency": record.currency.lower(),
        "customer": None,
        "description": facts.get("description"),
        "invoice": None,
        "last_payment_error": _last_error(charge, "payment_intent", desk) if failed else None,
        "latest_charge": (charge_object(charge) if "latest_charge" in expand else record.ids["charge"])
        if tried
        else None,
        "livemode": False,
        "metadata": metadata(charge),
        "next_action": _next_action(charge, desk),
        "on_behalf_of": None,
        "payment_method": None if failed else _expandable("payment_method", payment_method, charge, expand),
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": facts.get("request_three_d_secure", "automatic"),
                **{f"request_{name}": value for name, value in options.items()},
            }
        },
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": facts.get("setup_future_usage"),
        "shipping": None,
        "statement_descriptor": facts.get("statement_descriptor"),
        "statement_descriptor_suffix": facts.get("statement_descriptor_suffix"),
        "status": status,
        "transfer_data": None,
        "transfer_group": None,
    }


def charge_object(charge: Charge) -> Object:
    """Render the Charge of a payment that was tried."""
    record, facts = charge.record, charge.record.facts
    approved = charge.first.state is State.APPROVED
    code, decline_code = ("", "") if approved else decline_of(charge.first.verdict)
    released = charge.authorized if charge.voided else charge.refunded
    return {
        "id": record.ids["charge"],
        "object": "charge",
        "amount": _units(_amount(charge), record.currency),
        "amount_captured": _units(charge.captured, record.currency),
        "amount_refunded": _units(released, record.currency),
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": _billing(facts),
        "calculated_statement_descriptor": facts.get("statement_descriptor_suffix") or "PAYERA SANDBOX",
        "captured": charge.captured > 0,
        "created": record.at,
        "currency": record.currency.lower(),
        "customer": None,
        "description": facts.get("description"),
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": code or None,
        "failure_message": message_of(code) if code else None,
        "fraud_details": {},
        "invoice": None,
        "livemode": False,
        "metadata": metadata(charge),
        "on_behalf_of": None,
        "outcome": _outcome(charge, decline_code or code),
        "paid": approved,
        "payment_intent": record.id,
        "payment_method": record.ids["payment_method"],
        "payment_method_details": {"type": "card", "card": _card_of_charge(charge)},
        "radar_options": {},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": charge.voided or (charge.refunded > 0 and charge.refunded >= charge.captured),
        "review": None,
        "shipping": None,
        "source_transfer": None,
        "statement_descriptor": facts.get("statement_descriptor"),
        "statement_descriptor_suffix": facts.get("statement_descriptor_suffix"),
        "status": "succeeded" if approved else "failed",
        "transfer_data": None,
        "transfer_group": None,
    }


def payment_method(charge: Charge) -> Object:
    """Render the PaymentMethod of a payment or a set-up."""
    record = charge.record
    return {
        "id": record.ids["payment_method"],
        "object": "payment_method",
        "billing_details": _billing(record.facts),
        "card": {
            **_card(record.card),
            "checks": _checks(record.facts),
            "generated_from": None,
            "networks": {"available": [_brand(record.card)], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": record.at,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def setup_intent(charge: Charge, desk: Desk, expand: Collection[str] = ()) -> Object:
    """Render a SetupIntent."""
    record, facts = charge.record, charge.record.facts
    state = charge.first.state
    status = {State.APPROVED: "succeeded", State.PENDING: "requires_action"}.get(state, "requires_payment_method")
    failed = state is State.DECLINED
    attempt = setup_attempt(charge, desk) if "latest_attempt" in expand else record.ids["attempt"]
    return {
        "id": record.id,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{record.id}_secret_{desk.seal(record.id)[:24]}",
        "created": record.at,
        "customer": None,
        "description": facts.get("description"),
        "flow_directions": None,
        "last_setup_error": _last_error(charge, "setup_intent", desk) if failed else None,
        "latest_attempt": attempt,
        "livemode": False,
        "mandate": None,
        "metadata": metadata(charge),
        "next_action": _next_action(charge, desk),
        "on_behalf_of": None,
        "payment_method": None if failed else _expandable("payment_method", payment_method, charge, expand),
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": facts.get("request_three_d_secure", "automatic"),
            }
        },
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": status,
        "usage": facts.get("usage", "off_session"),
    }


def setup_attempt(charge: Charge, desk: Desk) -> Object:
    """Render the one attempt of a set-up."""
    record, facts = charge.record, charge.record.facts
    state = charge.first.state
    names = {State.APPROVED: "succeeded", State.PENDING: "requires_action", State.DECLINED: "failed"}
    checks = _checks(facts)
    return {
        "id": record.ids["attempt"],
        "object": "setup_attempt",
        "application": None,
        "created": record.at,
        "customer": None,
        "flow_directions": None,
        "livemode": False,
        "on_behalf_of": None,
        "payment_method": record.ids["payment_method"],
        "payment_method_details": {
            "type": "card",
            "card": {**_card(record.card), "network": _brand(record.card), "checks": checks, "wallet": None},
        },
        "setup_error": _last_error(charge, "", desk) if state is State.DECLINED else None,
        "setup_intent": record.id,
        "status": names[state],
        "usage": facts.get("usage", "off_session"),
    }


def refund(entry: Entry, charge: Charge, expand: Collection[str] = ()) -> Object:
    """Render a Refund."""
    record = entry.record
    names = {State.APPROVED: "succeeded", State.PENDING: "pending", State.DECLINED: "failed"}
    rendered: Object = {
        "id": record.id,
        "object": "refund",
        "amount": _units(record.amount, record.currency),
        "balance_transaction": None,
        "charge": charge_object(charge) if "charge" in expand else charge.record.ids["charge"],
        "created": record.at,
        "currency": record.currency.lower(),
        "metadata": record.facts.get("metadata", {}),
        "payment_intent": charge.record.id,
        "reason": record.facts.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": names[entry.state],
        "transfer_reversal": None,
    }
    if entry.state is State.DECLINED:
        rendered["failure_reason"] = refund_failure_of(entry.verdict)
    return rendered


def metadata(charge: Charge) -> dict[str, str]:
    """Give the metadata of a payment: its own, and what successful captures and increments have added."""
    merged: dict[str, str] = dict(charge.record.facts.get("metadata", {}))
    for entry in charge.entries:
        if entry.record.type in {OperationType.CAPTURE, OperationType.INCREMENT} and entry.state is State.APPROVED:
            merged |= entry.record.facts.get("metadata", {})
    return {key: value for key, value in merged.items() if value}


def decline(verdict: Verdict) -> Object:
    """Give the fields of an error that tell of a decline."""
    code, decline_code = decline_of(verdict)
    return {"code": code, "message": message_of(code)} | ({"decline_code": decline_code} if decline_code else {})


def _last_error(charge: Charge, kind: str, desk: Desk) -> Object:
    del desk
    told = {"type": "card_error", **decline(charge.first.verdict)}
    if kind == "payment_intent":
        told["charge"] = charge.record.ids["charge"]
    return {**told, "payment_method": payment_method(charge)}


def _next_action(charge: Charge, desk: Desk) -> Object | None:
    record = charge.record
    if charge.first.state is not State.PENDING or charge.voided:
        return None
    url = f"{desk.base_url}{SHOPPERS_PATH}{record.id}?seal={desk.seal('authentication ' + record.id)}"
    return_url = record.facts.get("return_url")
    if not return_url:
        return {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {
                "type": "three_d_secure_redirect",
                "stripe_js": url,
                "source": record.ids["payment_method"],
            },
        }
    return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}


def _outcome(charge: Charge, word: str) -> Object:
    record = charge.record
    risk = record.facts.get("risk", "normal")
    blocked = word == "fraudulent" and not charge.first.verdict.network_code
    approved = charge.first.state is State.APPROVED
    network = "approved_by_network" if approved else "not_sent_to_network" if blocked else "declined_by_network"
    return {
        "network_status": network,
        "reason": None if approved else "highest_risk_level" if blocked else word,
        "risk_level": "highest" if blocked else risk,
        "seller_message": "Payment complete." if approved else "The bank returned the decline code." if word else None,
        "type": "authorized" if approved else "blocked" if blocked else "issuer_declined",
    }


def _card_of_charge(charge: Charge) -> Object:
    record, facts = charge.record, charge.record.facts
    status = payment_status(charge)
    authentication = facts.get("three_d_secure")
    rendered: Object = {
        **_card(record.card),
        "amount_authorized": _units(charge.authorized, record.currency) if charge.authorized else None,
        "checks": _checks(facts),
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {
            "status": "available" if facts.get("incremental_authorization") else "unavailable"
        },
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "available" if facts.get("multicapture") else "unavailable"},
        "network": _brand(record.card),
        "network_token": {"used": False},
        "overcapture": {"maximum_amount_capturable": _units(_amount(charge), record.currency), "status": "unavailable"},
        "three_d_secure": authentication,
        "wallet": None,
    }
    if status == "requires_capture":
        rendered["capture_before"] = record.at + HOLD_SECONDS
    return rendered


def _card(card: CardOnFile | None) -> Object:
    return {
        "brand": _brand(card),
        "country": "US",
        "exp_month": card.exp_month if card is not None else 12,
        "exp_year": card.exp_year if card is not None else 2099,
        "fingerprint": card.fingerprint if card is not None else None,
        "funding": "credit",
        "last4": card.last4 if card is not None else "0000",
    }


def _brand(card: CardOnFile | None) -> str:
    return card.brand if card is not None and card.brand in _BRANDS else "unknown"


def _checks(facts: Object) -> Object:
    return dict(zip(_CHECKED, facts.get("checks", (None, None, None)), strict=True))


def _billing(facts: Object) -> Object:
    given = facts.get("billing_details", {})
    names = ("city", "country", "line1", "line2", "postal_code", "state")
    return {
        "address": {name: given.get(f"address.{name}") for name in names},
        "email": given.get("email"),
        "name": given.get("name"),
        "phone": given.get("phone"),
    }


def _expandable(name: str, render: Callable[[Charge], Object], charge: Charge, expand: Collection[str]) -> Object | str:
    return render(charge) if name in expand else charge.record.ids[name]


def _amount(charge: Charge) -> int:
    """Give a payment's amount: what was asked for, and what successful increments have added."""
    added = sum(
        entry.record.amount for entry in charge.entries_of(OperationType.INCREMENT) if entry.state is State.APPROVED
    )
    return charge.record.amount + added


def _capturable(charge: Charge) -> int:
    if payment_status(charge) != "requires_capture":
        return 0
    return _units(max(charge.authorized - charge.captured, 0), charge.record.currency)


def _units(minor: int, currency: str) -> int:
    return UNITS.own(minor, currency)
