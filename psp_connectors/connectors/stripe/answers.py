"""What Stripe's answers mean for the operation that was asked.

Source: Stripe API reference of version 2024-04-10 ("Errors", "Idempotent requests", "Search") and docs "Error codes".
"""

from dataclasses import replace
from typing import Final

from psp_connectors.connectors.stripe.codes import CONFLICTS, ERRORS
from psp_connectors.connectors.stripe.money import from_units, to_units
from psp_connectors.connectors.stripe.payments import (
    authorization_of,
    declined,
    id_of,
    recorded_captures,
    refund_of,
    verification_of,
)
from psp_connectors.connectors.stripe.requests import REFERENCE
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.http import HttpResponse, json_object
from psp_connectors.domain.operations import (
    Authorization,
    Capture,
    Increment,
    Operation,
    OperationKind,
    Refund,
    Sync,
    Verification,
    Void,
    amount_of,
    kind_of,
)
from psp_connectors.domain.outcomes import CallCode, Outcome, OutcomeKind, unknown
from psp_connectors.domain.reading import items_at, mapping_at, text_at, truth_at, value_at

_OK: Final = 200
_REFUSED: Final = frozenset({400, 404})
_NO_ACCESS: Final = frozenset({401, 403})
_REQUEST_FAILED: Final = 402
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500

_DEAD: Final = frozenset({"requires_payment_method", "requires_confirmation", "canceled"})
"""States of a payment that holds no money after an error."""


def parse(operation: Operation, response: HttpResponse) -> Outcome:
    """Say what an answer means; never raises."""
    answer = json_object(response)
    if answer is None:
        code = CallCode.PSP_ERROR if response.status >= _SERVER_ERROR else CallCode.UNREADABLE_ANSWER
        return unknown(code, f"status {response.status} without a readable body")
    try:
        if response.status != _OK:
            return _error(operation, response.status, answer)
        return _found(operation, answer) if isinstance(operation, Sync) else _read(operation, answer)
    except Unsendable:
        return unknown(CallCode.AMOUNT_MISMATCH, "the amount is none that Stripe takes")


def _found(operation: Sync, answer: object) -> Outcome:
    kind = text_at(answer, "object")
    if operation.kind is OperationKind.AUTHORIZE and not (operation.psp_reference or operation.payment_psp_reference):
        if kind != "search_result" or truth_at(answer, "has_more") is not False:
            return unknown(CallCode.UNREADABLE_ANSWER, "the answer is not the whole result of a search")
        return _among(operation, answer, whole=True)
    if operation.kind is OperationKind.REFUND and not operation.psp_reference:
        if kind != "list" or truth_at(answer, "has_more") is None:
            return unknown(CallCode.UNREADABLE_ANSWER, "the answer is no list of refunds")
        return _among(operation, answer, whole=truth_at(answer, "has_more") is False)
    return _read(operation, answer)


def _among(operation: Sync, answer: object, *, whole: bool) -> Outcome:
    if not isinstance(value_at(answer, "data"), list):
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer lists nothing")
    items = items_at(answer, "data")
    ours = [item for item in items if text_at(item, "metadata", REFERENCE) == operation.reference]
    if len(ours) == 1:
        return _read(operation, ours[0])
    readable = all(text_at(item, "id") for item in items)
    if ours or not whole or not readable or (operation.kind is OperationKind.AUTHORIZE and items):
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer does not settle which one is ours")
    return Outcome(kind=OutcomeKind.NOT_FOUND)


def _read(operation: Operation, answer: object) -> Outcome:  # noqa: PLR0911 - one for each kind
    mismatch = _mismatch(operation, answer)
    if mismatch is not None:
        return mismatch
    match kind_of(operation):
        case OperationKind.AUTHORIZE:
            return authorization_of(answer, capture=_asked_capture(operation))
        case OperationKind.VERIFY:
            return verification_of(answer)
        case OperationKind.REFUND:
            return refund_of(answer)
        case OperationKind.CAPTURE:
            return _capture(operation, answer)
        case OperationKind.INCREMENT:
            return _increment(operation, answer)
        case OperationKind.VOID:
            return _void(operation, answer)
        case OperationKind.REVERSE:
            return unknown(CallCode.OPERATION_NOT_SUPPORTED, "Stripe has no such operation")


def _asked_capture(operation: Operation) -> bool | None:
    if isinstance(operation, Sync):
        # A hold may have been captured since.
        return True if operation.capture else None
    return operation.capture if isinstance(operation, Authorization) and operation.capture else None


_OBJECTS: Final = {OperationKind.VERIFY: "setup_intent", OperationKind.REFUND: "refund"}


def _mismatch(operation: Operation, answer: object) -> Outcome | None:  # noqa: C901, PLR0911 - one for each fault
    """Give the outcome of an answer that is about something else than what was asked; None when it fits."""
    kind = kind_of(operation)
    if text_at(answer, "object") != _OBJECTS.get(kind, "payment_intent"):
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer is another kind of object")
    own = kind in {OperationKind.AUTHORIZE, OperationKind.VERIFY, OperationKind.REFUND}
    if own and text_at(answer, "metadata", REFERENCE) != operation.reference:
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another reference")
    if isinstance(operation, Sync):
        payment, itself = operation.payment_psp_reference, operation.psp_reference
    else:
        itself = ""
        payment = operation.psp_reference if isinstance(operation, Capture | Void | Increment | Refund) else ""
    answered = id_of(answer, "payment_intent") if kind is OperationKind.REFUND else text_at(answer, "id")
    if payment and answered != payment:
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another payment")
    if itself and text_at(answer, "id") != itself:
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another operation")
    asked = amount_of(operation)
    if asked is None or kind is OperationKind.VERIFY:
        return None
    if text_at(answer, "currency") != asked.currency.lower():
        return unknown(CallCode.AMOUNT_MISMATCH, "the answer is in another currency")
    if own and from_units(value_at(answer, "amount"), value_at(answer, "currency")) != asked:
        return unknown(CallCode.AMOUNT_MISMATCH, "the answer names another amount")
    if isinstance(operation, Authorization) and not operation.capture and value_at(answer, "amount_received") != 0:
        return unknown(CallCode.AMOUNT_MISMATCH, "money was taken where it was to be held")
    if isinstance(operation, Authorization) and not operation.capture and text_at(answer, "status") == "succeeded":
        return unknown(CallCode.AMOUNT_MISMATCH, "money was taken where it was to be held")
    return None


def _capture(operation: Operation, intent: object) -> Outcome:
    """Judge a capture by the payment's own record of its captures, which must add up to what was taken."""
    asked = amount_of(operation)
    captures = recorded_captures(intent)
    received = value_at(intent, "amount_received")
    if asked is None or captures is None or received != sum(captures.values()) or type(received) is not int:
        return unknown(CallCode.AMOUNT_MISMATCH, "what was taken is not the sum of the captures")
    status, units = text_at(intent, "status"), captures.get(operation.reference)
    if units is None:
        return _not_done(operation, intent, still_open=status == "requires_capture")
    if units != to_units(asked):
        return unknown(CallCode.AMOUNT_MISMATCH, "another amount was captured")
    done = status == "succeeded" or (
        status == "requires_capture" and not (isinstance(operation, Capture) and operation.final)
    )
    if not done:
        return unknown(CallCode.CONTRADICTORY_ANSWER, "captured, and the payment's status says otherwise")
    taken = from_units(received, value_at(intent, "currency"))
    return Outcome(
        kind=OutcomeKind.APPROVED,
        psp_reference=text_at(intent, "id"),
        amount=asked.value,
        captured_amount=taken.value if taken is not None else 0,
    )


def _increment(operation: Operation, intent: object) -> Outcome:
    """Judge an increment by its mark in the metadata, which Stripe leaves out when the increment is refused."""
    asked = amount_of(operation)
    status = text_at(intent, "status")
    mark = text_at(intent, "metadata", operation.reference)
    if not mark:
        return _not_done(operation, intent, still_open=status == "requires_capture")
    if asked is None or mark != str(to_units(asked)):
        return unknown(CallCode.AMOUNT_MISMATCH, "another amount was added")
    if isinstance(operation, Increment):
        total = from_units(value_at(intent, "amount"), value_at(intent, "currency"))
        held = from_units(value_at(intent, "amount_capturable"), value_at(intent, "currency"))
        if total != operation.total or held != operation.total:
            return unknown(CallCode.AMOUNT_MISMATCH, "the total is not what was asked for")
    if status not in {"requires_capture", "succeeded"}:
        return unknown(CallCode.CONTRADICTORY_ANSWER, "incremented, and the payment's status says otherwise")
    return Outcome(kind=OutcomeKind.APPROVED, psp_reference=text_at(intent, "id"), amount=asked.value)


def _void(operation: Operation, intent: object) -> Outcome:
    status = text_at(intent, "status")
    if status != "canceled":
        return _not_done(operation, intent, still_open=status in {"requires_capture", "requires_action"})
    if value_at(intent, "amount_received") != 0 or type(value_at(intent, "amount_received")) is not int:
        return unknown(CallCode.AMOUNT_MISMATCH, "canceled, and money was taken")
    return Outcome(kind=OutcomeKind.APPROVED, psp_reference=text_at(intent, "id"))


def _not_done(operation: Operation, intent: object, *, still_open: bool) -> Outcome:
    """Say of a payment that does not show the operation: not there yet, or never any more."""
    if not isinstance(operation, Sync):
        return unknown(CallCode.CONTRADICTORY_ANSWER, "the answer does not show what was asked for")
    if still_open:
        return Outcome(kind=OutcomeKind.NOT_FOUND)
    if text_at(intent, "status") in {"succeeded", "canceled"}:
        code = DeclineCode.INVALID_TRANSACTION.value
        return Outcome(kind=OutcomeKind.DECLINED, psp_reference=text_at(intent, "id"), code=code)
    return unknown(CallCode.CONTRADICTORY_ANSWER, "the payment is in no state that settles it")


def _error(operation: Operation, status: int, answer: object) -> Outcome:  # noqa: PLR0911 - one for each meaning
    error = mapping_at(answer, "error")
    kind, code = text_at(error, "type"), text_at(error, "code")
    if kind == "idempotency_error" or code in CONFLICTS:
        return unknown(CallCode.IDEMPOTENCY_CONFLICT, f"status {status}", raw_code=code)
    if isinstance(operation, Sync) or not kind:
        return unknown(CallCode.PSP_ERROR, f"status {status}", raw_code=code)
    if status == _REQUEST_FAILED and kind == "card_error":
        return _card_error(operation, error)
    refused = Outcome(kind=OutcomeKind.DECLINED, raw_code=code, detail="the request was refused")
    if status in _NO_ACCESS and kind != "api_error":
        return replace(refused, code=DeclineCode.MERCHANT_CONFIGURATION.value)
    if status == _TOO_MANY and code == "rate_limit":
        return replace(refused, code=DeclineCode.PSP_UNAVAILABLE.value)
    if status in _REFUSED and kind == "invalid_request_error":
        return _invalid_request(operation, error, refused)
    return unknown(CallCode.PSP_ERROR, f"status {status}", raw_code=code)


def _invalid_request(operation: Operation, error: object, refused: Outcome) -> Outcome:
    """Read the refusal of a request; one with a payment that goes on is none."""
    code = refused.raw_code
    intent = mapping_at(error, "setup_intent" if isinstance(operation, Verification) else "payment_intent")
    own = isinstance(operation, Authorization | Verification)
    if own and intent and text_at(intent, "status") not in _DEAD:
        return unknown(CallCode.CONTRADICTORY_ANSWER, "refused, and the payment's status says otherwise", raw_code=code)
    if code and code not in ERRORS:
        # Nobody knows what it says: it must not make another PSP be tried.
        return replace(refused, code=DeclineCode.UNKNOWN_DECLINE.value, unmapped=True)
    return replace(refused, code=ERRORS.get(code, DeclineCode.INVALID_REQUEST).value)


def _card_error(operation: Operation, error: object) -> Outcome:
    """Read a decline: booked when the error has the payment, else a refusal of the card's data before there was one."""
    verifying = isinstance(operation, Verification)
    intent = mapping_at(error, "setup_intent" if verifying else "payment_intent")
    base = Outcome(kind=OutcomeKind.DECLINED)
    if intent:
        own = isinstance(operation, Authorization | Verification)
        mismatch = _mismatch(operation, intent) if not isinstance(operation, Refund) else None
        if mismatch is not None:
            return mismatch
        if own and text_at(intent, "status") not in _DEAD:
            return unknown(CallCode.CONTRADICTORY_ANSWER, "declined, and the payment's status says otherwise")
        if isinstance(operation, Capture | Increment) and operation.reference in mapping_at(intent, "metadata"):
            return unknown(CallCode.CONTRADICTORY_ANSWER, "declined, and the payment has a record of it")
        amount = amount_of(operation)
        base = replace(base, psp_reference=text_at(intent, "id"), amount=amount.value if amount is not None else 0)
    return declined(error, base)
