"""Reads Stripe's calls into acts on the books.

Source: the API description of version 2024-04-10; Stripe docs "Testing", "Place a hold on a payment method", "Capture a
payment multiple times", "Increment an authorization", "3D Secure import", "Idempotent requests", "Supported
currencies".
"""

import datetime as dt
from typing import Any, Final

from devstack.sandbox.dialects.contract import Act, Desk, Refused
from devstack.sandbox.dialects.stripe import errors
from devstack.sandbox.dialects.stripe.forms import Form
from devstack.sandbox.dialects.stripe.triggers import (
    CARDS,
    LARGEST,
    LARGEST_OF,
    METHODS,
    SMALLEST,
    STEPS,
    UNITS,
    TestCard,
)
from devstack.sandbox.incoming import Incoming
from devstack.sandbox.ledger import Charge, Entry, OperationType, Waiting
from devstack.sandbox.magic import Verdict
from devstack.sandbox.requests import CardFields
from mesh.card_numbers import luhn_valid

LONGEST_KEY: Final = 255
REFERENCE: Final = "reference"
"""The entry of `metadata` that is the caller's own reference."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PAYMENT: Final = _names(
    "amount application_fee_amount automatic_payment_methods capture_method confirm confirmation_method currency "
    "customer description error_on_requires_action mandate mandate_data metadata off_session on_behalf_of "
    "payment_method payment_method_configuration payment_method_data payment_method_options payment_method_types "
    "radar_options receipt_email return_url setup_future_usage shipping statement_descriptor "
    "statement_descriptor_suffix transfer_data transfer_group use_stripe_sdk"
)
_SETUP: Final = _names(
    "attach_to_self automatic_payment_methods confirm customer description flow_directions mandate_data metadata "
    "on_behalf_of payment_method payment_method_configuration payment_method_data payment_method_options "
    "payment_method_types return_url single_use usage use_stripe_sdk"
)
_CAPTURE: Final = _names(
    "amount_to_capture application_fee_amount final_capture metadata statement_descriptor "
    "statement_descriptor_suffix transfer_data"
)
_INCREMENT: Final = _names("amount application_fee_amount description metadata statement_descriptor transfer_data")
_REFUND: Final = _names(
    "amount charge currency customer instructions_email metadata origin payment_intent reason "
    "refund_application_fee reverse_transfer"
)
_CENTURY: Final = 2000
_SHORT_YEAR: Final = 100
_MONTHS: Final = range(1, 13)
_DIGITS: Final = range(12, 20)
_CODE_DIGITS: Final = range(3, 5)
FAILED_AUTHENTICATION: Final = Verdict(reason="payment_intent_authentication_failure")
_AUTHENTICATION_REQUIRED: Final = Verdict(network_code="1A")
_CARD: Final = "payment_method_data[card]"
_OPTIONS: Final = "payment_method_options[card]"


def key_of(request: Incoming) -> str:
    """Give the idempotency key, empty when there is none; raises Refused for one that is too long."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > LONGEST_KEY:
        raise Refused(errors.error(400, f"Idempotency keys have up to {LONGEST_KEY} characters."))
    return key


def read_payment(form: Form, request: Incoming, desk: Desk) -> Act:
    """Read the creation of a PaymentIntent that is confirmed at once."""
    form.only(_PAYMENT)
    form.expanding(("latest_charge", "payment_method"))
    amount, currency = _amount(form, "amount"), _currency(form)
    method = form.choice("capture_method", ("automatic", "automatic_async", "manual")) or "automatic"
    _require_confirmation(form)
    card, known = _card(form, desk)
    facts = _facts(form, known) | {
        "confirmation_method": form.choice("confirmation_method", ("automatic", "manual")) or "automatic",
        "setup_future_usage": form.choice("setup_future_usage", ("on_session", "off_session")) or None,
        "statement_descriptor": form.text("statement_descriptor") or None,
        "statement_descriptor_suffix": form.text("statement_descriptor_suffix") or None,
        "multicapture": form.text(f"{_OPTIONS}[request_multicapture]") == "if_available",
        "incremental_authorization": form.text(f"{_OPTIONS}[request_incremental_authorization]") == "if_available",
    }
    identifier = desk.new_id("pi_3")
    verdict, waiting = _authentication(form, known, facts)
    return Act(
        type=OperationType.AUTHORIZE,
        reference=facts["metadata"].get(REFERENCE, identifier),
        key=key_of(request),
        fingerprint=request.body,
        amount=_minor(amount, currency, "amount", bounded=True),
        currency=currency,
        capture=method != "manual",
        card=card,
        verdict=verdict,
        waiting=waiting,
        id=identifier,
        ids={"charge": desk.new_id("ch_3"), "payment_method": desk.new_id("pm_1")},
        facts=facts,
        request=form,
    )


def read_setup(form: Form, request: Incoming, desk: Desk) -> Act:
    """Read the creation of a SetupIntent that is confirmed at once: a verification."""
    form.only(_SETUP)
    form.expanding(("latest_attempt", "payment_method"))
    _require_confirmation(form)
    card, known = _card(form, desk)
    usage = form.choice("usage", ("on_session", "off_session")) or "off_session"
    facts = _facts(form, known) | {"usage": usage}
    identifier = desk.new_id("seti_1")
    verdict, waiting = _authentication(form, known, facts)
    return Act(
        type=OperationType.VERIFY,
        reference=facts["metadata"].get(REFERENCE, identifier),
        key=key_of(request),
        fingerprint=request.body,
        amount=0,
        currency="USD",
        card=card,
        verdict=verdict,
        waiting=waiting,
        id=identifier,
        ids={"attempt": desk.new_id("setatt_1"), "payment_method": desk.new_id("pm_1")},
        facts=facts,
        request=form,
    )


def read_capture(form: Form, request: Incoming, payment: Entry) -> Act:
    """Read a capture."""
    form.only(_CAPTURE)
    form.expanding(("latest_charge", "payment_method"))
    record = payment.record
    units = _amount(form, "amount_to_capture") if form.text("amount_to_capture") else None
    final = form.text("final_capture") != "false"
    if not final and not record.facts.get("multicapture"):
        message = "This payment was not authorized with request_multicapture, so it can be captured once only."
        raise Refused(errors.invalid("final_capture", message))
    metadata = form.metadata()
    return Act(
        type=OperationType.CAPTURE,
        reference=_reference(metadata, record.reference),
        key=key_of(request),
        fingerprint=request.body,
        charge=record.charge,
        amount=_minor(units, record.currency, "amount_to_capture") if units is not None else None,
        currency=record.currency,
        final=final,
        facts={"metadata": metadata},
        request=form,
    )


def read_increment(form: Form, request: Incoming, payment: Entry, charge: Charge) -> Act:
    """Read an increment: Stripe is told the new total."""
    form.only(_INCREMENT)
    form.expanding(("latest_charge", "payment_method"))
    record = payment.record
    if not record.facts.get("incremental_authorization"):
        message = "This payment was not authorized with request_incremental_authorization."
        raise Refused(errors.error(400, message, code=errors.UNEXPECTED))
    total = _minor(_amount(form, "amount"), record.currency, "amount", bounded=True)
    metadata = form.metadata()
    return Act(
        type=OperationType.INCREMENT,
        reference=_reference(metadata, record.reference),
        key=key_of(request),
        fingerprint=request.body,
        charge=record.charge,
        # A repeated call finds the total it has made itself: the key decides before the amount does.
        amount=total - charge.authorized,
        currency=record.currency,
        facts={"metadata": metadata},
        request=form,
    )


def read_cancel(form: Form, request: Incoming, payment: Entry) -> Act:
    """Read a cancellation, which has no reference of its own at Stripe: it goes by the payment's."""
    form.only({"cancellation_reason"})
    form.expanding(("latest_charge", "payment_method"))
    reasons = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
    reason = form.choice("cancellation_reason", reasons) or None
    return Act(
        type=OperationType.VOID,
        reference=payment.record.reference,
        key=key_of(request),
        fingerprint=request.body,
        charge=payment.record.charge,
        facts={"cancellation_reason": reason},
        request=form,
    )


def read_refund(form: Form, request: Incoming, desk: Desk) -> Act:
    """Read a refund of a PaymentIntent or its Charge."""
    form.only(_REFUND)
    form.expanding(("charge", "payment_intent"))
    name = "payment_intent" if form.text("payment_intent") else "charge"
    identifier = form.text(name)
    if not identifier:
        raise Refused(errors.error(400, "One of the following params should be provided: payment_intent or charge."))
    entry = desk.books.find_id(identifier)
    if entry is None or entry.record.type is not OperationType.AUTHORIZE:
        raise Refused(errors.no_such(name, identifier, name))
    payment = entry.record
    units = _amount(form, "amount") if form.text("amount") else None
    metadata = form.metadata()
    reason = form.choice("reason", ("duplicate", "fraudulent", "requested_by_customer")) or None
    refund = desk.new_id("re_3")
    known = _known_card(payment.card.bin if payment.card else "", payment.card.last4 if payment.card else "")
    return Act(
        type=OperationType.REFUND,
        reference=metadata.get(REFERENCE, refund),
        key=key_of(request),
        fingerprint=request.body,
        charge=payment.charge,
        amount=_minor(units, payment.currency, "amount") if units is not None else None,
        currency=payment.currency,
        waiting=Waiting.PSP if known.refund == "pending" else Waiting.NOTHING,
        refused_at_once=True,
        fails_later="expired_or_canceled_card" if known.refund == "failed" else "",
        id=refund,
        facts={"metadata": metadata, "reason": reason},
        request=form,
    )


def _reference(metadata: dict[str, str], payment: str) -> str:
    """Give the caller's reference of a change that has no place for one: `reference`, or the only entry's name."""
    own = metadata.get(REFERENCE, "")
    if own and own != payment:
        return own
    return next(iter(metadata)) if len(metadata) == 1 else f"{payment}'s"


def _require_confirmation(form: Form) -> None:
    if not form.truth("confirm"):
        raise Refused(
            errors.invalid("confirm", "The sandbox serves payments that are confirmed when they are created.")
        )


def _currency(form: Form) -> str:
    currency = form.required("currency")
    if currency != currency.lower() or not UNITS.knows(currency.upper()):
        raise Refused(errors.invalid("currency", "Invalid currency. It must be a three-letter code in lower case."))
    return currency.upper()


def _amount(form: Form, name: str) -> int:
    form.required(name)
    value = form.integer(name)
    if value is None or value < 1:
        raise Refused(
            errors.invalid(name, "This value must be greater than or equal to 1.", "parameter_invalid_integer")
        )
    return value


def _minor(units: int, currency: str, name: str, *, bounded: bool = False) -> int:
    """Give ISO 4217 minor units; raises Refused for what can't be charged."""
    lower = currency.lower()
    minor = UNITS.minor(units, currency)
    if minor is None or units % STEPS.get(currency, 1):
        raise Refused(errors.invalid(name, "Invalid amount for this currency.", "invalid_charge_amount"))
    if bounded and units > LARGEST_OF.get(lower, LARGEST):
        raise Refused(errors.invalid(name, "Amount must be no more than 8 digits.", "amount_too_large"))
    if bounded and units < SMALLEST.get(lower, 1):
        raise Refused(errors.invalid(name, "Amount is below the smallest charge.", "amount_too_small"))
    return minor


def _card(form: Form, desk: Desk) -> tuple[CardFields, TestCard]:
    """Give the card that is paid with, and what it does; raises Refused for data that no card has."""
    token = form.text("payment_method")
    if token:
        known = METHODS.get(token)
        if known is None:
            raise Refused(errors.no_such("PaymentMethod", token, "payment_method"))
        return CardFields(number=known.number, exp_month=12, exp_year=_now(desk).year + 2, cvc="123"), known
    if form.required("payment_method_data[type]") != "card":
        raise Refused(errors.invalid("payment_method_data[type]", "The sandbox takes cards only."))
    number = form.required(f"{_CARD}[number]").replace(" ", "")
    month, year = form.integer(f"{_CARD}[exp_month]") or 0, form.integer(f"{_CARD}[exp_year]") or 0
    year += _CENTURY if year < _SHORT_YEAR else 0
    if not (number.isascii() and number.isdecimal()) or len(number) not in _DIGITS or not luhn_valid(number):
        raise Refused(errors.card_error("incorrect_number", "Your card number is incorrect."))
    if month not in _MONTHS:
        raise Refused(errors.card_error("invalid_expiry_month", "Your card's expiration month is invalid."))
    now = _now(desk)
    if (year, month) < (now.year, now.month) or year >= _CENTURY + _SHORT_YEAR:
        raise Refused(errors.card_error("invalid_expiry_year", "Your card's expiration year is invalid."))
    code = form.text(f"{_CARD}[cvc]")
    if code and (not (code.isascii() and code.isdecimal()) or len(code) not in _CODE_DIGITS):
        raise Refused(errors.card_error("invalid_cvc", "Your card's security code is invalid."))
    card = CardFields(number=number, exp_month=month, exp_year=year, cvc=code or None)
    return card, CARDS.get(number, TestCard(number=number))


def _known_card(first_six: str, last_four: str) -> TestCard:
    """Give what a card does of which only the ends are known."""
    found = (card for card in CARDS.values() if card.number[:6] == first_six and card.number[-4:] == last_four)
    return next(found, TestCard(number=""))


def _facts(form: Form, known: TestCard) -> dict[str, Any]:
    billing = form.group("payment_method_data[billing_details]")
    given = (
        bool(form.text(f"{_CARD}[cvc]") or form.text("payment_method")),
        bool(billing.get("address.postal_code")),
        bool(billing.get("address.line1")),
    )
    return {
        "metadata": form.metadata(),
        "description": form.text("description") or None,
        "return_url": form.text("return_url") or None,
        "billing_details": billing,
        # What was not given is not checked.
        "checks": [result if there else None for result, there in zip(known.checks, given, strict=True)],
        "risk": known.risk,
        "request_three_d_secure": form.choice(f"{_OPTIONS}[request_three_d_secure]", ("any", "automatic", "challenge"))
        or "automatic",
    }


def _authentication(form: Form, known: TestCard, facts: dict[str, Any]) -> tuple[Verdict | None, Waiting]:
    """Tell the verdict, and whether the shopper comes first. Notes the result of 3-D Secure among the facts."""
    imported = form.group(f"{_OPTIONS}[three_d_secure]")
    if imported:
        passed = imported.get("ares_trans_status", "Y") in {"Y", "A"}
        facts["three_d_secure"] = _three_d_secure("authenticated" if passed else "failed", imported)
        return known.verdict, Waiting.NOTHING
    off_session = form.text("off_session") not in {"", "false"}
    asked = facts["request_three_d_secure"] in {"any", "challenge"}
    wanted = known.authentication in {"required", "failing"} or (
        (asked and known.authentication == "optional") or (known.authentication == "on_session" and not off_session)
    )
    if not wanted:
        return known.verdict, Waiting.NOTHING
    if off_session or form.truth("error_on_requires_action"):
        return _AUTHENTICATION_REQUIRED, Waiting.NOTHING
    if known.authentication == "failing":
        return FAILED_AUTHENTICATION, Waiting.SHOPPER
    facts["three_d_secure"] = _three_d_secure("authenticated", {})
    return known.verdict, Waiting.SHOPPER


def _three_d_secure(result: str, given: dict[str, str]) -> dict[str, Any]:
    return {
        "authentication_flow": None if given else "challenge",
        "electronic_commerce_indicator": given.get("electronic_commerce_indicator", "05"),
        "exemption_indicator": given.get("exemption_indicator"),
        "result": result,
        "result_reason": None if result == "authenticated" else "rejected",
        "transaction_id": given.get("transaction_id"),
        "version": given.get("version", "2.2.0"),
    }


def _now(desk: Desk) -> dt.datetime:
    return dt.datetime.fromtimestamp(desk.now(), tz=dt.UTC)
