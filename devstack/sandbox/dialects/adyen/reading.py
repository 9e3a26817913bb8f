"""Reads Adyen's requests into acts on the books, or says what is wrong with them as Adyen does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from devstack.sandbox.dialects.adyen import errors
from devstack.sandbox.dialects.adyen.triggers import APPROVED_CODE, HOLDER_NAMES, THREE_DS_CARDS, asked_refusal
from devstack.sandbox.dialects.contract import Act, Desk, Refused
from devstack.sandbox.incoming import Incoming
from devstack.sandbox.ledger import OperationType, Waiting
from devstack.sandbox.magic import APPROVED, Verdict
from devstack.sandbox.requests import CardFields
from devstack.sandbox.units import Units
from mesh.card_numbers import luhn_valid

UNITS: Final = Units({"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2})
LONGEST_KEY: Final = 64
LARGEST_VALUE: Final = 999_999_999_999
PSP_REFERENCE_LENGTH: Final = 16
PSP_REFERENCE_CHARACTERS: Final = "0123456789BCDFGHJKLMNPQRSTVWXZ"
_TEST_PREFIX: Final = "test_"
_CARD_TYPES: Final = frozenset({"scheme", "card"})
_CODE_LENGTHS: Final = frozenset({3, 4})
_MONTHS: Final = {f"{month:02d}": month for month in range(1, 13)} | {str(month): month for month in range(1, 10)}
_LOWERED: Final = Verdict(reason="declined")
_MODIFICATIONS: Final = {
    "amountUpdates": OperationType.INCREMENT,
    "captures": OperationType.CAPTURE,
    "cancels": OperationType.VOID,
    "refunds": OperationType.REFUND,
    "reversals": OperationType.VOID,
}


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its body as JSON, and the path below the version."""

    path: str
    fields: Mapping[str, Any]
    key: str

    def text(self, *path: str) -> str:
        """Give the text at a path of names, empty when there is none."""
        value: object = self.fields
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else ""


def read_call(request: Incoming, desk: Desk) -> Call:
    """Read the body and key of a POST for this account; raises Refused."""
    path = request.path.removeprefix("/checkout").removeprefix("/v72")
    key = request.headers.get("idempotency-key", "")
    if len(key) > LONGEST_KEY:
        raise Refused(errors.error(400, "000", "The idempotency key is too long"))
    try:
        fields = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, RecursionError):
        raise Refused(errors.error(400, "702", "Unable to parse message")) from None
    if not isinstance(fields, dict):
        raise Refused(errors.error(400, "702", "The message is no object"))
    # Without a key nothing is repeated: each request is one of its own.
    return Call(path, fields, key or desk.new_id("none-", 32))


def require_merchant_account(call: Call, desk: Desk) -> None:
    """Raise Refused unless the request is for the merchant account that the key belongs to."""
    if call.text("merchantAccount") != desk.setting("merchant_account"):
        raise Refused(errors.INVALID_MERCHANT_ACCOUNT)


def read_payment(call: Call, desk: Desk) -> Act:
    """Read POST /payments."""
    value, currency, amount = _amount(call)
    if not call.text("reference"):
        raise Refused(errors.error(422, "130", "Required field 'reference' is not provided."))
    if not call.text("returnUrl"):
        raise Refused(errors.error(422, "14_030", "Return URL is missing."))
    card = _card(call)
    additional = call.fields.get("additionalData", {})
    manual = str(additional.get("manualCapture", "")).lower() == "true"
    delayed = call.fields.get("captureDelayHours", 0) != 0 or desk.setting("capture_delay") == "manual"
    at_once = call.fields.get("captureDelayHours") == 0
    asked = str(additional.get("RequestedTestAcquirerResponseCode", ""))
    refusal = asked_refusal(card.holder_name, asked)
    facts = {
        "return_url": call.text("returnUrl"),
        "refusal": refusal.code if refusal is not None else "",
        "cvc": _cvc_result(card.cvc),
        "avs": "4" if "billingAddress" not in call.fields else "7",
        "value": value,
    }
    return Act(
        type=OperationType.AUTHORIZE if amount else OperationType.VERIFY,
        reference=call.text("reference"),
        key=call.key,
        amount=amount,
        currency=currency,
        capture=bool(amount) and not manual and (at_once or not delayed),
        card=card,
        verdict=_verdict(refusal.verdict if refusal is not None else None, card, asked),
        waiting=Waiting.SHOPPER if _must_authenticate(call, card) else Waiting.NOTHING,
        id=_psp_reference(desk),
        facts=facts,
    )


def read_modification(call: Call, desk: Desk) -> Act:
    """Read POST /payments/{pspReference}/captures and the like."""
    _, _, payment, verb = call.path.split("/")
    reversal = verb == "reversals"
    type_ = _MODIFICATIONS[verb]
    entry = desk.books.find_id(payment)
    known = entry is not None and entry.record.type.opens
    charge = desk.books.charge(entry.record.charge) if entry is not None and known else None
    if reversal and charge is not None and (charge.captured or charge.waits(OperationType.CAPTURE)):
        type_ = OperationType.REFUND
    amount: int | None = None
    currency = ""
    facts: dict[str, Any] = {"payment": payment}
    if verb not in {"cancels", "reversals"}:
        _, currency, amount = _amount(call)
    verdict: Verdict | None = None
    if verb == "amountUpdates":
        total, held = amount or 0, charge.authorized if charge is not None else 0
        amount = max(total - held, 0)
        # Refused by webhook and not at once: a repeated request must find its first answer, whatever is held by then.
        verdict = _LOWERED if total <= held else None
        facts["beside"] = total - amount
    if reversal:
        facts["event"] = "CANCEL_OR_REFUND"
        facts["action"] = "refund" if type_ is OperationType.REFUND else "cancel"
    return Act(
        type=type_,
        reference=call.text("reference"),
        key=call.key,
        charge=charge.record.id if charge is not None else payment,
        amount=0 if type_ is OperationType.VOID else amount,
        currency=currency,
        # An account without several captures releases what the first one leaves.
        final=type_ is OperationType.CAPTURE and desk.setting("multiple_captures") == "off",
        verdict=verdict,
        waiting=Waiting.PSP,
        id=_psp_reference(desk),
        facts=facts,
    )


def read_technical_cancel(call: Call, desk: Desk) -> Act:
    """Read POST /cancels, which names the payment by the merchant's reference."""
    reference = call.text("paymentReference")
    found = desk.books.find(OperationType.AUTHORIZE, reference)
    return Act(
        type=OperationType.VOID,
        reference=call.text("reference"),
        key=call.key,
        charge=found.record.charge if found is not None else "",
        waiting=Waiting.PSP,
        id=_psp_reference(desk),
        facts={"event": "TECHNICAL_CANCEL", "payment_reference": reference},
    )


def is_modification(path: str) -> bool:
    """Tell whether a path below the version is that of a modification of a payment."""
    match path.split("/"):
        case ["", "payments", payment, verb]:
            return bool(payment) and verb in _MODIFICATIONS
        case _:
            return False


def _amount(call: Call) -> tuple[int, str, int]:
    """Give value and currency as they came, and ISO minor units."""
    amount = call.fields.get("amount")
    if not isinstance(amount, Mapping):
        raise Refused(errors.error(422, "100", "Required object 'amount' is not provided."))
    value, currency = amount.get("value"), amount.get("currency")
    if not isinstance(currency, str) or not UNITS.knows(currency):
        raise Refused(errors.error(422, "138", "Unsupported currency specified"))
    if type(value) is not int or not 0 <= value <= LARGEST_VALUE * 100:
        raise Refused(errors.error(422, "137", "Invalid amount specified"))
    minor = UNITS.minor(value, currency)
    if minor is None or minor > LARGEST_VALUE:
        raise Refused(errors.error(422, "137", "Invalid amount specified"))
    return value, currency, minor


def _card(call: Call) -> CardFields:
    method = call.fields.get("paymentMethod")
    if not isinstance(method, Mapping) or method.get("type", "scheme") not in _CARD_TYPES:
        raise Refused(errors.NOT_SUPPORTED)
    number = _plain(method, "number", "encryptedCardNumber").replace(" ", "")
    if not (number.isascii() and number.isdigit() and luhn_valid(number)):
        raise Refused(errors.error(422, "101", "Invalid card number"))
    code = _plain(method, "cvc", "encryptedSecurityCode")
    if code and not (code.isascii() and code.isdigit() and len(code) in _CODE_LENGTHS):
        raise Refused(errors.error(422, "103", "CVC is not the right length"))
    month = _MONTHS.get(_plain(method, "expiryMonth", "encryptedExpiryMonth"))
    if month is None:
        raise Refused(errors.error(422, "140", "Expiry month should be between 1 and 12 inclusive"))
    year = _plain(method, "expiryYear", "encryptedExpiryYear")
    try:
        return msgspec.convert(
            {
                "number": number,
                "exp_month": month,
                "exp_year": int(year) if year.isascii() and year.isdigit() and len(year) == len("2030") else 0,
                "cvc": code or None,
                "holder_name": str(method.get("holderName", ""))[:100],
            },
            CardFields,
        )
    except msgspec.ValidationError:
        raise Refused(errors.error(422, "141", "Expiry year should be a 4 digit number greater than 2000")) from None


def _plain(method: Mapping[str, Any], name: str, encrypted: str) -> str:
    """Give a field of the card, or what Adyen's test environment takes in place of the encrypted one."""
    value = method.get(name)
    if isinstance(value, str) and value:
        return value
    sealed = method.get(encrypted)
    return sealed.removeprefix(_TEST_PREFIX) if isinstance(sealed, str) and sealed.startswith(_TEST_PREFIX) else ""


def _verdict(asked: Verdict | None, card: CardFields, response_code: str) -> Verdict | None:
    if asked is not None:
        return asked
    if response_code == APPROVED_CODE or HOLDER_NAMES.get(card.holder_name) == APPROVED_CODE:
        return APPROVED
    return None


def _must_authenticate(call: Call, card: CardFields) -> bool:
    wish = call.text("authenticationData", "attemptAuthentication")
    if wish == "never" or "mpiData" in call.fields or call.text("shopperInteraction") == "ContAuth":
        return False
    return wish == "always" or card.number in THREE_DS_CARDS


def _cvc_result(code: str | None) -> str:
    """Give the result that a test code asks for: two zeros and the result, or three for one of four digits."""
    if code is None:
        return "6"
    return code[-1] if code.startswith("00") and code[-1] in "0123456" else "1"


def _psp_reference(desk: Desk) -> str:
    return desk.new_id("", PSP_REFERENCE_LENGTH, PSP_REFERENCE_CHARACTERS)
