"""What Adyen's answers mean (Checkout API v72; docs.adyen.com, Result codes, Response handling, API idempotency)."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from psp_connectors.connectors.adyen import codes
from psp_connectors.connectors.adyen.actions import next_action
from psp_connectors.connectors.adyen.money import UNITS
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.http import HttpResponse, json_object
from psp_connectors.domain.network_codes import decline_of
from psp_connectors.domain.operations import (
    Authorization,
    Capture,
    CardOperation,
    Increment,
    Operation,
    Refund,
    Reversal,
    Sync,
    Verification,
    Void,
    amount_of,
)
from psp_connectors.domain.outcomes import CallCode, Check, Checks, Outcome, OutcomeKind, unknown
from psp_connectors.domain.reading import integer_at, mapping_at, text_at

Modification = Increment | Reversal | Capture | Void | Refund

_OK: Final = 200
_CREATED: Final = 201
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500

_DECLINED: Final = frozenset({"Refused", "Error", "Cancelled"})
_PENDING: Final = frozenset({"Pending", "Received"})
_ACTIONS: Final = frozenset({"RedirectShopper", "IdentifyShopper", "ChallengeShopper"})
RESULT_CODES: Final = (
    _DECLINED
    | _PENDING
    | _ACTIONS
    | {
        "Authorised",
        "PartiallyAuthorised",
        "PresentToShopper",
        "AuthenticationFinished",
        "AuthenticationNotRequired",
        "Success",
    }
)
"""Every result code Adyen documents; the last four can't come of what we ask for, and settle nothing."""

# What a synchronous adjustment of an authorisation can come to beside "received".
_ADJUSTED: Final[Mapping[str, OutcomeKind]] = MappingProxyType(
    {"authorised": OutcomeKind.APPROVED, "refused": OutcomeKind.DECLINED}
)

# `05 : Do not honor`, `N7 : CVV2 failure`: the scheme's code before the text.
_SCHEME_CODE: Final = re.compile(r"\s*([0-9A-Z]{2,3})\s*:")
_ADVICE_CODE: Final = re.compile(r"\s*([0-9A-Z]{2})\b")
_LEADING_NUMBER: Final = re.compile(r"\s*([0-9]{1,2})\b")
_AMOUNT_TEXT: Final = re.compile(r"[0-9]{1,18}\Z")


def parse(operation: Operation, response: HttpResponse) -> Outcome:
    """Say what an answer means; never raises. A stored answer to a repeated request reads like the first."""
    if isinstance(operation, Sync):
        return unknown(CallCode.OPERATION_NOT_SUPPORTED, "Adyen has no call that gives a payment")
    answer = json_object(response)
    if answer is None:
        code = CallCode.PSP_ERROR if response.status >= _SERVER_ERROR else CallCode.UNREADABLE_ANSWER
        return unknown(code, f"status {response.status} without a readable body")
    if isinstance(operation, Authorization | Verification):
        if response.status == _OK:
            return _parse_payment(operation, answer)
    elif response.status == _CREATED:
        return _parse_modification(operation, answer)
    return _parse_error(response.status, answer)


def _parse_error(status: int, answer: Mapping[str, Any]) -> Outcome:
    error_code = text_at(answer, "errorCode")
    if error_code == codes.IN_PROGRESS:
        return unknown(CallCode.IDEMPOTENCY_CONFLICT, "a request with this key is being processed", raw_code=error_code)
    if status == _TOO_MANY:
        return unknown(CallCode.RATE_LIMITED, "Adyen does not say what became of a throttled request")
    refused = (
        status in codes.REFUSED_STATUSES
        and integer_at(answer, "status") == status
        and text_at(answer, "errorType") in codes.CLEAR_ERROR_TYPES
        and error_code != ""
    )
    if not refused:
        return unknown(CallCode.PSP_ERROR, f"status {status}", raw_code=error_code)
    if status in codes.CREDENTIAL_STATUSES:
        return Outcome(
            kind=OutcomeKind.DECLINED,
            code=DeclineCode.MERCHANT_CONFIGURATION.value,
            raw_code=error_code,
            detail="the credentials were refused",
        )
    known = codes.ERRORS.get(error_code)
    # The error has a pspReference too, which is that of the refused request: no operation of ours has it.
    return Outcome(
        kind=OutcomeKind.DECLINED,
        code=(known or DeclineCode.INVALID_REQUEST).value,
        raw_code=error_code,
        detail="the request was refused",
        unmapped=known is None,
    )


def _parse_payment(operation: CardOperation, answer: Mapping[str, Any]) -> Outcome:
    contradiction = _contradiction(operation, answer)
    if contradiction is not None:
        return contradiction
    result, psp_reference = text_at(answer, "resultCode"), text_at(answer, "pspReference")
    if result in _ACTIONS:
        return _to_act(answer, psp_reference)
    if not psp_reference:
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer names no payment", raw_code=result)
    if result == "Authorised":
        return _authorised(operation, answer, psp_reference)
    if result in _DECLINED:
        return _declined(operation, answer, psp_reference)
    return _undecided(result, psp_reference)


def _undecided(result: str, psp_reference: str) -> Outcome:
    if result in _PENDING:
        return Outcome(kind=OutcomeKind.PENDING, psp_reference=psp_reference, raw_code=result)
    if result == "PartiallyAuthorised":
        return unknown(CallCode.AMOUNT_MISMATCH, "less was authorised than was asked for", raw_code=result)
    return unknown(CallCode.CONTRADICTORY_ANSWER, "a result that was not asked for", raw_code=result)


def _contradiction(operation: CardOperation, answer: Mapping[str, Any]) -> Outcome | None:
    """Give the outcome of an answer about another payment than was asked for; None when it fits.

    An approval must name our reference. Answers that send the shopper somewhere, or refuse, name none at times.
    """
    result = text_at(answer, "resultCode")
    additional = mapping_at(answer, "additionalData")
    both = (answer.get("merchantReference"), additional.get("merchantReference"))
    named = [reference for reference in both if reference is not None]
    if any(reference != operation.reference for reference in named) or (result == "Authorised" and not named):
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is not about this reference", raw_code=result)
    if not (_is_asked_amount(operation, answer) and _is_asked_text_amount(operation, additional)):
        return unknown(CallCode.AMOUNT_MISMATCH, "the answer names another amount or currency", raw_code=result)
    return None


def _to_act(answer: Mapping[str, Any], psp_reference: str) -> Outcome:
    result = text_at(answer, "resultCode")
    action = next_action(answer.get("action"))
    if action is None:
        return unknown(CallCode.UNREADABLE_ANSWER, "the shopper is to act, and it is not said how", raw_code=result)
    return Outcome(kind=OutcomeKind.ACTION_REQUIRED, psp_reference=psp_reference, raw_code=result, next_action=action)


def _authorised(operation: CardOperation, answer: Mapping[str, Any], psp_reference: str) -> Outcome:
    additional = mapping_at(answer, "additionalData")
    asked = operation.amount.value if isinstance(operation, Authorization) else 0
    captured = asked if isinstance(operation, Authorization) and operation.capture else 0
    return Outcome(
        kind=OutcomeKind.APPROVED,
        psp_reference=psp_reference,
        network_code=scheme_code(additional),
        advice_code=_advice_code(additional),
        amount=asked,
        captured_amount=captured,
        network_transaction_id=text_at(additional, "networkTxReference"),
        checks=checks(additional),
    )


def _declined(operation: CardOperation, answer: Mapping[str, Any], psp_reference: str) -> Outcome:
    additional = mapping_at(answer, "additionalData")
    raw_code = text_at(answer, "refusalReasonCode") or text_at(additional, "refusalReasonCode")
    network_code = scheme_code(additional)
    known = decline_of(network_code, operation.card.summary.brand) if network_code else None
    if known is None:
        known = codes.REFUSAL_CODES.get(raw_code)
    if known is None and text_at(answer, "resultCode") == "Cancelled" and not raw_code:
        known = DeclineCode.CUSTOMER_CANCELED
    return Outcome(
        kind=OutcomeKind.DECLINED,
        psp_reference=psp_reference,
        code=(known or DeclineCode.UNKNOWN_DECLINE).value,
        raw_code=raw_code or text_at(answer, "resultCode"),
        network_code=network_code,
        advice_code=_advice_code(additional),
        network_transaction_id=text_at(additional, "networkTxReference"),
        checks=checks(additional),
        unmapped=known is None,
    )


def _parse_modification(operation: Modification, answer: Mapping[str, Any]) -> Outcome:
    status, psp_reference = text_at(answer, "status"), text_at(answer, "pspReference")
    if not psp_reference:
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer names no modification", raw_code=status)
    if isinstance(operation, Reversal):
        fits = answer.get("paymentReference") == operation.reference
    else:
        named = (answer.get("paymentPspReference"), answer.get("reference"))
        fits = named == (operation.psp_reference, operation.reference)
    if not fits:
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another payment or request", raw_code=status)
    if not isinstance(operation, Void | Reversal) and not _is_asked_amount(operation, answer, required=True):
        return unknown(CallCode.AMOUNT_MISMATCH, "the answer names another amount or currency", raw_code=status)
    asked = amount_of(operation)
    kind = OutcomeKind.PENDING if status == "received" else _ADJUSTED.get(status)
    if kind is None or (kind is not OutcomeKind.PENDING and not isinstance(operation, Increment)):
        return unknown(CallCode.CONTRADICTORY_ANSWER, "a status that is not documented", raw_code=status)
    return Outcome(
        kind=kind,
        psp_reference=psp_reference,
        code=DeclineCode.GENERIC_DECLINE.value if kind is OutcomeKind.DECLINED else "",
        amount=asked.value if asked is not None else 0,
        raw_code=status,
    )


def _is_asked_amount(operation: Operation, answer: Mapping[str, Any], *, required: bool = False) -> bool:
    """Tell whether the amount in an answer is the one that was sent; for an adjustment that is the new total.

    Adyen leaves the amount of an authorised payment out where it is the whole one: a part has a result code of its own.
    """
    if "amount" not in answer:
        return not required
    asked = operation.total if isinstance(operation, Increment) else amount_of(operation)
    if asked is None:
        return False
    amount = mapping_at(answer, "amount")
    return (integer_at(amount, "value"), amount.get("currency")) == (UNITS.to_integer(asked), asked.currency)


def _is_asked_text_amount(operation: CardOperation, additional: Mapping[str, Any]) -> bool:
    """Tell whether the amount that additionalData repeats, where it does, is the one that was sent."""
    value, currency = additional.get("authorisedAmountValue"), additional.get("authorisedAmountCurrency")
    asked = amount_of(operation)
    if asked is None:
        return False
    fits = value is None or (
        isinstance(value, str) and bool(_AMOUNT_TEXT.match(value)) and int(value) == UNITS.to_integer(asked)
    )
    return fits and (currency is None or currency == asked.currency)


def scheme_code(additional: Mapping[str, Any]) -> str:
    """Give the card scheme's response code that additionalData carries, empty when there is none."""
    match = _SCHEME_CODE.match(text_at(additional, "refusalReasonRaw"))
    return match[1] if match else ""


def _advice_code(additional: Mapping[str, Any]) -> str:
    match = _ADVICE_CODE.match(text_at(additional, "merchantAdviceCode"))
    return match[1] if match else ""


def checks(additional: Mapping[str, Any]) -> Checks:
    """Give the issuer's checks that additionalData carries, which has to be switched on in the Customer Area."""
    street, postal_code = codes.AVS_RESULTS.get(
        _number(text_at(additional, "avsResult")), (Check.NOT_CHECKED, Check.NOT_CHECKED)
    )
    card_code = codes.CVC_RESULTS.get(_number(text_at(additional, "cvcResult")), Check.NOT_CHECKED)
    return Checks(street=street, postal_code=postal_code, card_code=card_code)


def _number(result: str) -> str:
    match = _LEADING_NUMBER.match(result)
    return match[1] if match else ""
