"""Reads PayPal's requests into acts on the books, or says what is wrong with them as PayPal does.

Sources: the Orders v2 and Payments v2 descriptions with the issue lists of each operation, "Negative testing" for the
header that asks for an error, and "Idempotency": a request id that comes again gets the first answer.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from devstack.sandbox.dialects.contract import Act, Desk, Refused
from devstack.sandbox.dialects.paypal.errors import NO_RESOURCE, error
from devstack.sandbox.dialects.paypal.triggers import REJECTIONS, THREE_DS_CARDS, response_code_of
from devstack.sandbox.incoming import Incoming
from devstack.sandbox.ledger import Charge, Entry, OperationType, State, Waiting
from devstack.sandbox.magic import APPROVED, Verdict, verdict_of_card
from devstack.sandbox.requests import CardFields
from devstack.sandbox.units import Units

UNITS: Final = Units({"HUF": 0, "JPY": 0, "TWD": 0})
CURRENCIES: Final = frozenset(
    "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD".split()  # noqa: SIM905
)
LONGEST_KEY: Final = 108
LARGEST_AMOUNT: Final = 999_999_999_999
ID_LENGTH: Final = 17
ID_CHARACTERS: Final = "0123456789ABCDEFGHJKLMNPRSTUVWXY"

ORDERS: Final = "/v2/checkout/orders"
AUTHORIZATIONS: Final = "/v2/payments/authorizations"
CAPTURES: Final = "/v2/payments/captures"
REFUNDS: Final = "/v2/payments/refunds"

_MOCK_HEADER: Final = "paypal-mock-response"
_LONGEST_TEXT: Final = 127
_MONTH_LENGTH: Final = 7
_ECHOED: Final = ("reference_id", "custom_id", "invoice_id", "description", "soft_descriptor")


@dataclass(frozen=True, slots=True)
class Call:
    """A POST with its body as JSON; `whole` tells whether the caller wants the whole resource in the answer."""

    path: str
    fields: Mapping[str, Any]
    key: str
    whole: bool


def read_call(request: Incoming, desk: Desk) -> Call:
    """Read body and headers of a POST; raises Refused."""
    _refuse_as_asked(request)
    key = request.headers.get("paypal-request-id", "")
    if len(key) > LONGEST_KEY:
        raise Refused(error(400, "INVALID_STRING_LENGTH", "PayPal-Request-Id"))
    fields: Any = {}
    if request.body:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise Refused(error(415))
        try:
            fields = msgspec.json.decode(request.body)
        except (msgspec.DecodeError, RecursionError):
            raise Refused(error(400, "MALFORMED_REQUEST_JSON")) from None
        if not isinstance(fields, dict):
            raise Refused(error(400, "MALFORMED_REQUEST_JSON"))
    whole = "return=representation" in request.headers.get("prefer", "").replace(" ", "")
    # A request id belongs to the call it is sent with. Without one nothing is repeated.
    return Call(request.path, fields, f"{request.path} {key or desk.new_id('none-', 32)}", whole)


def read_order(call: Call, request: Incoming, desk: Desk) -> Act:
    """Read POST /v2/checkout/orders with a card: PayPal processes it at once."""
    if not request.headers.get("paypal-request-id"):
        raise Refused(error(400, "PAYPAL_REQUEST_ID_REQUIRED"))
    intent = call.fields.get("intent")
    if intent not in {"AUTHORIZE", "CAPTURE"}:
        raise Refused(error(400, "INVALID_PARAMETER_VALUE", "/intent"))
    units = call.fields.get("purchase_units")
    if not isinstance(units, list) or not units or not isinstance(units[0], Mapping):
        raise Refused(error(400, "MISSING_REQUIRED_PARAMETER", "/purchase_units"))
    if len(units) > 1:
        raise Refused(error(422, "UNSUPPORTED_INTENT", "/intent"))
    amount, currency = money_of(units[0].get("amount"), "/purchase_units/@reference_id=='default'/amount")
    source = call.fields.get("payment_source")
    fields = source.get("card") if isinstance(source, Mapping) else None
    if not isinstance(fields, Mapping):
        raise Refused(error(400, "NOT_SUPPORTED", "/payment_source"))
    card = _card(fields)
    echoed = {name: units[0][name] for name in _ECHOED if isinstance(units[0].get(name), str)}
    reference = echoed.get("invoice_id") or echoed.get("custom_id", "")
    verdict, response_code = _verdict(card, desk)
    acts = _must_act(fields, card)
    return Act(
        type=OperationType.AUTHORIZE,
        reference=reference,
        key=call.key,
        amount=amount,
        currency=currency,
        capture=intent == "CAPTURE",
        card=card,
        verdict=verdict,
        waiting=Waiting.SHOPPER if acts else Waiting.NOTHING,
        unique_reference="invoice_id" in echoed,
        id=new_id(desk),
        ids={"order": new_id(desk)},
        facts={"unit": echoed, "response_code": response_code, "return_url": _return_url(fields)},
        request=call,
    )


def read_capture(call: Call, authorization: str, desk: Desk) -> Act:
    """Read POST /v2/payments/authorizations/{id}/capture; without an amount all that is left is captured."""
    charge = authorization_charge(authorization, desk)
    amount: int | None = None
    currency = ""
    if "amount" in call.fields:
        amount, currency = money_of(call.fields["amount"], "/amount")
    invoice = call.fields.get("invoice_id")
    named = isinstance(invoice, str) and 0 < len(invoice) <= _LONGEST_TEXT
    return Act(
        type=OperationType.CAPTURE,
        reference=str(invoice) if named else charge.record.reference,
        key=call.key,
        charge=charge.record.id,
        amount=amount,
        currency=currency,
        final=call.fields.get("final_capture") is True,
        unique_reference=named,
        id=new_id(desk),
        facts={"invoice_id": str(invoice) if named else charge.record.facts["unit"].get("invoice_id", "")},
        request=call,
    )


def read_void(call: Call, authorization: str, desk: Desk) -> Act:
    """Read POST /v2/payments/authorizations/{id}/void, which bears no reference of the caller's."""
    charge = authorization_charge(authorization, desk)
    return Act(
        type=OperationType.VOID,
        reference=charge.record.reference,
        key=call.key,
        charge=charge.record.id,
        id=new_id(desk),
        request=call,
    )


def read_refund(call: Call, capture: str, desk: Desk) -> Act:
    """Read POST /v2/payments/captures/{id}/refund; without an amount all that is left of the capture is given back."""
    entry = capture_entry(capture, desk)
    charge = desk.books.charge(entry.record.charge)
    left = refundable(charge, entry)
    amount, currency = left or entry.record.amount, charge.record.currency
    if "amount" in call.fields:
        amount, currency = money_of(call.fields["amount"], "/amount")
    # The books know what is left of the whole payment, and a refund is of one capture. Said as their own refusal, so
    # that a repetition still gets the first answer.
    too_much = currency == charge.record.currency and amount > left
    named = {n: call.fields[n] for n in ("custom_id", "invoice_id") if isinstance(call.fields.get(n), str)}
    return Act(
        type=OperationType.REFUND,
        reference=named.get("invoice_id") or named.get("custom_id") or charge.record.reference,
        key=call.key,
        charge=charge.record.id,
        amount=amount,
        currency=currency,
        verdict=Verdict(reason="amount_exceeds_captured") if too_much else None,
        unique_reference="invoice_id" in named,
        id=new_id(desk),
        facts={"capture": entry.record.id, **named},
        request=call,
    )


def new_id(desk: Desk) -> str:
    """Give an id as PayPal's are."""
    return desk.new_id(length=ID_LENGTH, characters=ID_CHARACTERS)


def authorization_charge(identifier: str, desk: Desk) -> Charge:
    """Give the charge of an authorization; raises Refused when there is none of this id."""
    entry = desk.books.find_id(identifier)
    if entry is None or entry.record.type is not OperationType.AUTHORIZE or entry.record.capture:
        raise Refused(NO_RESOURCE)
    if entry.record.id != identifier or entry.state is State.PENDING:
        raise Refused(NO_RESOURCE)
    return desk.books.charge(entry.record.charge)


def capture_entry(identifier: str, desk: Desk) -> Entry:
    """Give the capture of an id, or the payment that was captured at once; raises Refused when there is none."""
    entry = desk.books.find_id(identifier)
    known = entry is not None and entry.record.id == identifier and entry.state is not State.PENDING
    if entry is None or not known or not (entry.record.type is OperationType.CAPTURE or entry.record.capture):
        raise Refused(NO_RESOURCE)
    return entry


def refundable(charge: Charge, capture: Entry) -> int:
    """Give what is left of a capture, in minor units."""
    if capture.state is not State.APPROVED:
        return 0
    given_back = sum(
        entry.record.amount
        for entry in charge.entries_of(OperationType.REFUND)
        if entry.state is not State.DECLINED and entry.record.facts.get("capture") == capture.record.id
    )
    return max(capture.record.amount - given_back, 0)


def money_of(value: object, field: str) -> tuple[int, str]:
    """Give an amount in ISO 4217 minor units and its currency; raises Refused."""
    currency = value.get("currency_code") if isinstance(value, Mapping) else None
    text = value.get("value") if isinstance(value, Mapping) else None
    if not isinstance(currency, str) or not isinstance(text, str):
        raise Refused(error(400, "MISSING_REQUIRED_PARAMETER", f"{field}/value"))
    if currency not in CURRENCIES:
        raise Refused(error(422, "INVALID_CURRENCY_CODE", f"{field}/currency_code"))
    minor = UNITS.minor_of_decimal(text, currency)
    if minor is None:
        negative = text.startswith("-")
        issue = "DECIMALS_NOT_SUPPORTED" if UNITS.decimals_of(currency) == 0 else "DECIMAL_PRECISION"
        raise Refused(error(422, "CANNOT_BE_ZERO_OR_NEGATIVE" if negative else issue, f"{field}/value"))
    if minor == 0:
        raise Refused(error(422, "CANNOT_BE_ZERO_OR_NEGATIVE", f"{field}/value"))
    if minor > LARGEST_AMOUNT:
        raise Refused(error(422, "MAX_VALUE_EXCEEDED", f"{field}/value"))
    return minor, currency


def _refuse_as_asked(request: Incoming) -> None:
    """Raise the refusal that the header for negative testing asks for."""
    asked = request.headers.get(_MOCK_HEADER, "")
    if not asked:
        return
    try:
        fields = msgspec.json.decode(asked)
    except msgspec.DecodeError:
        raise Refused(error(400, "INVALID_PARAMETER_SYNTAX", "PayPal-Mock-Response")) from None
    issue = fields.get("mock_application_codes") if isinstance(fields, dict) else None
    if isinstance(issue, str) and issue.isascii() and issue.replace("_", "").isalpha():
        raise Refused(error(422, issue))


def _card(fields: Mapping[str, Any]) -> CardFields:
    credential = fields.get("stored_credential")
    by_merchant = isinstance(credential, Mapping) and credential.get("payment_initiator") == "MERCHANT"
    if by_merchant and "security_code" in fields:
        raise Refused(error(422, "MERCHANT_INITIATED_WITH_SECURITY_CODE", "/payment_source/card/security_code"))
    expiry = fields.get("expiry")
    year, _, month = expiry.partition("-") if isinstance(expiry, str) and len(expiry) == _MONTH_LENGTH else ("", "", "")
    if not ((year + month).isascii() and (year + month).isdigit()):
        raise Refused(error(400, "INVALID_PARAMETER_SYNTAX", "/payment_source/card/expiry"))
    try:
        return msgspec.convert(
            {
                "number": fields.get("number"),
                "exp_month": int(month),
                "exp_year": int(year),
                "cvc": fields.get("security_code"),
                "holder_name": str(fields.get("name", ""))[:100],
            },
            CardFields,
        )
    except msgspec.ValidationError:
        raise Refused(error(400, "INVALID_PARAMETER_SYNTAX", "/payment_source/card")) from None


def _verdict(card: CardFields, desk: Desk) -> tuple[Verdict | None, str]:
    """Give what the card asks for, and PayPal's code for it where it is not that of the verdict."""
    rejection = REJECTIONS.get(card.holder_name)
    if rejection is not None:
        return rejection.verdict, rejection.response_code
    today = dt.datetime.fromtimestamp(desk.now(), tz=dt.UTC)
    verdict = verdict_of_card(card.number, card.exp_year, card.exp_month, (today.year, today.month))
    return (None, "") if verdict == APPROVED else (verdict, response_code_of(verdict))


def _must_act(fields: Mapping[str, Any], card: CardFields) -> bool:
    attributes = fields.get("attributes")
    verification = attributes.get("verification") if isinstance(attributes, Mapping) else None
    method = verification.get("method") if isinstance(verification, Mapping) else ""
    return method == "SCA_ALWAYS" or (method == "SCA_WHEN_REQUIRED" and card.number in THREE_DS_CARDS)


def _return_url(fields: Mapping[str, Any]) -> str:
    context = fields.get("experience_context")
    url = context.get("return_url", "") if isinstance(context, Mapping) else ""
    return url if isinstance(url, str) else ""
