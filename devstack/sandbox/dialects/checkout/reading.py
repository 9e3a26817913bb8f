"""Reads Checkout.com's requests into acts on the books, or says what is wrong with them as Checkout.com does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from devstack.sandbox.dialects.checkout import errors
from devstack.sandbox.dialects.checkout.triggers import cvv_check, verdict_of
from devstack.sandbox.dialects.contract import Act, Desk, Refused
from devstack.sandbox.incoming import Incoming
from devstack.sandbox.ledger import OperationType, Waiting
from devstack.sandbox.requests import CardFields
from devstack.sandbox.units import Units
from mesh.card_numbers import luhn_valid

_FULL_UNITS: Final = (
    "BIF",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
)
_THOUSANDTHS: Final = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
UNITS: Final = Units(dict.fromkeys(_FULL_UNITS, 0) | dict.fromkeys(_THOUSANDTHS, 3) | {"CLP": 2})
LARGEST_VALUE: Final = 999_999_999
LONGEST_REFERENCE: Final = 50
LONGEST_KEY: Final = 255
_LAST_DIGITS: Final = dict.fromkeys(_THOUSANDTHS, 10) | {"CLP": 100}
ID_CHARACTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH: Final = 26

_ACTIONS: Final = {
    "authorizations": OperationType.INCREMENT,
    "captures": OperationType.CAPTURE,
    "refunds": OperationType.REFUND,
    "voids": OperationType.VOID,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its body as JSON, and the parts of its path."""

    parts: tuple[str, ...]
    fields: Mapping[str, Any]
    key: str

    def text(self, *path: str) -> str:
        """Give the text at a path of names, empty when there is none."""
        value: object = self.fields
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else ""


def parts_of(request: Incoming) -> tuple[str, ...]:
    """Give the parts of the path."""
    return tuple(part for part in request.path.split("/") if part)


def read_call(request: Incoming, desk: Desk) -> Call:
    """Read body and key of a POST; raises Refused."""
    try:
        fields = msgspec.json.decode(request.body) if request.body else {}
    except (msgspec.DecodeError, RecursionError):
        raise Refused(errors.invalid("request_json_invalid")) from None
    if not isinstance(fields, dict):
        raise Refused(errors.invalid("request_json_invalid"))
    key = request.headers.get("cko-idempotency-key", "")
    if len(key) > LONGEST_KEY:
        raise Refused(errors.invalid("idempotency_key_invalid"))
    if len(str(fields.get("reference", ""))) > LONGEST_REFERENCE:
        raise Refused(errors.invalid("reference_invalid"))
    # Without a key nothing is repeated: each request is one of its own.
    return Call(parts_of(request), fields, key or desk.new_id("none-", 32))


def read_payment(call: Call, desk: Desk) -> Act:
    """Read POST /payments."""
    currency = call.text("currency")
    if not UNITS.knows(currency):
        raise Refused(errors.invalid("currency_invalid" if currency else "currency_required"))
    value = call.fields.get("amount", 0)
    amount = _minor(value, currency)
    card = _card(call)
    three_ds = call.fields.get("3ds")
    three_ds = three_ds if isinstance(three_ds, Mapping) else {}
    challenged = three_ds.get("enabled") is True and not three_ds.get("cryptogram") and not three_ds.get("exemption")
    if challenged and not call.text("success_url"):
        raise Refused(errors.invalid("success_url_required"))
    address = call.fields.get("source", {}).get("billing_address")
    return Act(
        type=OperationType.AUTHORIZE if amount else OperationType.VERIFY,
        reference=call.text("reference"),
        key=call.key,
        amount=amount,
        currency=currency,
        capture=bool(amount) and call.fields.get("capture", True) is not False,
        card=card,
        verdict=verdict_of(card.number, value, UNITS.decimals_of(currency)),
        waiting=Waiting.SHOPPER if challenged else Waiting.NOTHING,
        id=_new_id(desk, "pay"),
        ids={"action": _new_id(desk, "act")},
        facts={
            "metadata": _metadata(call),
            "success_url": call.text("success_url"),
            "cvv": cvv_check(card.number, card.cvc),
            "avs": "Y" if address else "S",
            "capture_action": _new_id(desk, "act"),
        },
    )


def read_action(call: Call, desk: Desk) -> Act:
    """Read POST /payments/{id}/captures and the like."""
    _, payment, verb = call.parts
    type_ = _ACTIONS.get(verb)
    entry = desk.books.find_id(payment)
    if type_ is None or entry is None or not entry.record.type.opens:
        raise Refused(errors.NOT_FOUND)
    currency = entry.record.currency
    amount: int | None = None
    if type_ is OperationType.VOID:
        amount = 0
    elif "amount" in call.fields:
        amount = _minor(call.fields["amount"], currency)
    elif type_ is OperationType.INCREMENT:
        amount = 0
    return Act(
        type=type_,
        reference=call.text("reference"),
        key=call.key,
        charge=payment,
        amount=amount,
        currency=currency,
        # Without a type a capture is final, and what is left is released ("Capture a payment").
        final=type_ is OperationType.CAPTURE and call.fields.get("capture_type") != "NonFinal",
        waiting=Waiting.NOTHING if type_ is OperationType.INCREMENT else Waiting.PSP,
        id=_new_id(desk, "act"),
        facts={"metadata": _metadata(call)},
    )


def _new_id(desk: Desk, prefix: str) -> str:
    return desk.new_id(f"{prefix}_", ID_LENGTH, ID_CHARACTERS)


def _metadata(call: Call) -> dict[str, Any]:
    metadata = call.fields.get("metadata")
    if not isinstance(metadata, Mapping):
        return {}
    if any(isinstance(value, Mapping | list) for value in metadata.values()):
        raise Refused(errors.invalid("metadata_key_invalid"))
    return dict(metadata)


def _minor(value: object, currency: str) -> int:
    fits = type(value) is int and 0 <= value <= LARGEST_VALUE and value % _LAST_DIGITS.get(currency, 1) == 0
    minor = UNITS.minor(value, currency) if fits and isinstance(value, int) else None
    if minor is None:
        raise Refused(errors.invalid("amount_invalid"))
    return minor


def _card(call: Call) -> CardFields:
    source = call.fields.get("source")
    if not isinstance(source, Mapping):
        raise Refused(errors.invalid("payment_source_required"))
    if source.get("type") != "card":
        raise Refused(errors.invalid("payment_method_not_supported"))
    number = source.get("number")
    if not isinstance(number, str) or not (number.isascii() and number.isdigit() and luhn_valid(number)):
        raise Refused(errors.invalid("card_number_invalid"))
    try:
        return msgspec.convert(
            {
                "number": number,
                "exp_month": source.get("expiry_month"),
                "exp_year": source.get("expiry_year"),
                "cvc": source.get("cvv") or None,
                "holder_name": str(source.get("name", ""))[:100],
            },
            CardFields,
        )
    except msgspec.ValidationError as error:
        codes = {"exp_month": "card_expiry_month_invalid", "exp_year": "card_expiry_year_invalid", "cvc": "cvv_invalid"}
        found = next((code for name, code in codes.items() if name in str(error)), "card_number_invalid")
        raise Refused(errors.invalid(found)) from None
