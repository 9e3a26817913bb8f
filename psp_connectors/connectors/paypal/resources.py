"""PayPal's authorizations, captures and refunds as outcomes, whichever way they come: in an answer or in a webhook.

Source: the schemas `authorization`, `capture`, `refund` and `processor_response` of the Orders v2 and Payments v2
descriptions.
"""

import datetime as dt
from types import MappingProxyType
from typing import Final

from mesh.money import Money
from psp_connectors.connectors.paypal.codes import APPROVALS, BRAND_NAMES, RESPONSE_CODES, STATUS_REASONS, checks_of
from psp_connectors.connectors.paypal.money import from_paypal
from psp_connectors.domain.cards import CardSummary
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.outcomes import CallCode, Outcome, OutcomeKind, unknown
from psp_connectors.domain.reading import items_at, mapping_at, text_at

_APPROVED, _PENDING, _DECLINED = OutcomeKind.APPROVED, OutcomeKind.PENDING, OutcomeKind.DECLINED

AUTHORIZATION_STATUSES: Final = MappingProxyType(
    {
        "CREATED": _APPROVED,
        "CAPTURED": _APPROVED,
        "PARTIALLY_CAPTURED": _APPROVED,
        "PENDING": _PENDING,
        "DENIED": _DECLINED,
        # Nothing is held any more: goods must not go out for it, and another PSP may be asked.
        "VOIDED": _DECLINED,
    }
)
CAPTURE_STATUSES: Final = MappingProxyType(
    {
        "COMPLETED": _APPROVED,
        # The money was taken; what was given back is told by the refunds.
        "PARTIALLY_REFUNDED": _APPROVED,
        "REFUNDED": _APPROVED,
        "PENDING": _PENDING,
        "DECLINED": _DECLINED,
        "FAILED": _DECLINED,
    }
)
REFUND_STATUSES: Final = MappingProxyType(
    {"COMPLETED": _APPROVED, "PENDING": _PENDING, "FAILED": _DECLINED, "CANCELLED": _DECLINED}
)

_EXPIRY_LENGTH: Final = 7
_LATEST: Final = 253_402_300_799  # the last second of the year 9999


def authorization_outcome(resource: object, source: object = None) -> Outcome:
    """Say what an authorization came to; `source` is the `payment_source` of its order where there is one."""
    outcome = _outcome(resource, AUTHORIZATION_STATUSES, source)
    if text_at(resource, "status") == "VOIDED" and outcome.kind is OutcomeKind.DECLINED:
        return _replaced(outcome, DeclineCode.AUTHORIZATION_EXPIRED, "VOIDED")
    return outcome


def capture_outcome(resource: object, source: object = None) -> Outcome:
    """Say what a capture came to."""
    return _outcome(resource, CAPTURE_STATUSES, source)


def refund_outcome(resource: object) -> Outcome:
    """Say what a refund came to."""
    return _outcome(resource, REFUND_STATUSES, None)


def void_outcome(resource: object) -> Outcome:
    """Say of an authorization whether it is released, which is all that a void is.

    NOT_FOUND means that the authorization stands as if no void had ever come.
    """
    reference, status = text_at(resource, "id"), text_at(resource, "status")
    if not reference:
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer is no authorization")
    if status == "VOIDED":
        return Outcome(kind=OutcomeKind.APPROVED, psp_reference=reference)
    if status in {"CAPTURED", "DENIED"}:
        code = DeclineCode.INVALID_TRANSACTION
        return Outcome(kind=_DECLINED, psp_reference=reference, code=code.value, raw_code=status)
    if status in {"CREATED", "PENDING"}:
        return Outcome(kind=OutcomeKind.NOT_FOUND, raw_code=status)
    return unknown(CallCode.CONTRADICTORY_ANSWER, "the authorization is in no state a void leads to", raw_code=status)


def money_of(resource: object) -> Money | None:
    """Give the amount of a resource in ISO 4217 minor units; None when it has none that can be read."""
    return from_paypal(resource, "amount")


def parent_of(resource: object, kind: str) -> str:
    """Give the id of the authorization or capture a resource came from; `kind` is `authorization` or `capture`.

    PayPal tells it in `supplementary_data.related_ids` or by the link `up`.
    """
    related = text_at(resource, "supplementary_data", "related_ids", f"{kind}_id")
    if related:
        return related
    for link in items_at(resource, "links"):
        if text_at(link, "rel") == "up":
            before, found, identifier = text_at(link, "href").rpartition(f"/{kind}s/")
            if before and found and "/" not in identifier:
                return identifier
    return ""


def seconds_of(text: str) -> int:
    """Give an Internet date and time as seconds since the epoch; 0 for anything else, a time without zone included."""
    try:
        moment = dt.datetime.fromisoformat(text)
        seconds = int(moment.timestamp()) if moment.tzinfo is not None else 0
    except (ValueError, OverflowError):
        return 0
    return seconds if 0 < seconds <= _LATEST else 0


def card_of(source: object) -> CardSummary | None:
    """Give the summary of the card in a `payment_source`; None where there is none."""
    card = mapping_at(source, "card")
    if not card:
        return None
    year, _, month = text_at(card, "expiry").partition("-")
    known = len(text_at(card, "expiry")) == _EXPIRY_LENGTH and (year + month).isdecimal() and (year + month).isascii()
    return CardSummary(
        brand=BRAND_NAMES.get(text_at(card, "brand"), ""),
        last4=text_at(card, "last_digits"),
        bin=text_at(card, "bin_details", "bin")[:6],
        exp_month=int(month) if known and month else 0,
        exp_year=int(year) if known and year else 0,
    )


def _outcome(resource: object, statuses: MappingProxyType[str, OutcomeKind], source: object) -> Outcome:
    kind = statuses.get(text_at(resource, "status"))
    reference, money = text_at(resource, "id"), money_of(resource)
    response = text_at(resource, "processor_response", "response_code")
    if kind is None or not reference:
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer has no id, or a status nobody knows")
    if money is None:
        return unknown(CallCode.AMOUNT_MISMATCH, "the answer names no amount that can be read")
    if (kind is OutcomeKind.APPROVED and response and response not in APPROVALS) or (
        kind is OutcomeKind.DECLINED and response in APPROVALS
    ):
        detail = "status and processor response do not agree"
        return unknown(CallCode.CONTRADICTORY_ANSWER, detail, raw_code=response)
    card = card_of(source)
    code, raw_code, unmapped = "", response, False
    if kind is OutcomeKind.DECLINED:
        code, raw_code, unmapped = _reason(resource, response)
    elif kind is OutcomeKind.PENDING:
        raw_code = text_at(resource, "status_details", "reason")
    return Outcome(
        kind=kind,
        psp_reference=reference,
        code=code,
        raw_code=raw_code,
        advice_code=text_at(resource, "processor_response", "payment_advice_code"),
        amount=money.value,
        network_transaction_id=text_at(resource, "network_transaction_reference", "id"),
        card=card,
        checks=checks_of(
            text_at(resource, "processor_response", "avs_code"),
            text_at(resource, "processor_response", "cvv_code"),
            card.brand if card is not None else "",
        ),
        expires_at=seconds_of(text_at(resource, "expiration_time")),
        unmapped=unmapped,
    )


def _reason(resource: object, response: str) -> tuple[str, str, bool]:
    """Give normalised code, raw code, and whether the raw code is in no list."""
    if response:
        code = RESPONSE_CODES.get(response)
        return (code or DeclineCode.UNKNOWN_DECLINE).value, response, code is None
    reason = text_at(resource, "status_details", "reason")
    if not reason:
        return DeclineCode.GENERIC_DECLINE.value, text_at(resource, "status"), False
    code = STATUS_REASONS.get(reason)
    return (code or DeclineCode.UNKNOWN_DECLINE).value, reason, code is None


def _replaced(outcome: Outcome, code: DeclineCode, raw_code: str) -> Outcome:
    return Outcome(
        kind=outcome.kind,
        psp_reference=outcome.psp_reference,
        code=code.value,
        raw_code=raw_code,
        amount=outcome.amount,
        network_transaction_id=outcome.network_transaction_id,
        card=outcome.card,
    )
