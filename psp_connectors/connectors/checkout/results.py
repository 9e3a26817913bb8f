"""What answers and events of Checkout.com have in common: the card, the issuer's checks, and how a verdict is read."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from mesh.money import Money
from psp_connectors.connectors.checkout import codes
from psp_connectors.connectors.checkout.money import UNITS
from psp_connectors.domain import network_codes
from psp_connectors.domain.cards import CardSummary
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.outcomes import (
    CallCode,
    Check,
    Checks,
    NextAction,
    NextActionKind,
    Outcome,
    OutcomeKind,
    unknown,
)
from psp_connectors.domain.reading import integer_at, mapping_at, text_at, truth_at

_UNCHECKED: Final = (Check.NOT_CHECKED, Check.NOT_CHECKED)
_SECOND: Final = len("2019-09-10T10:11:12")
_LATEST: Final = 253_402_300_799  # the last second of the year 9999


def outline(answer: Mapping[str, Any], psp_reference: str, amount: Money | None) -> Outcome:
    """Give what an answer says beside its verdict, as a pending outcome."""
    source = mapping_at(answer, "source")
    street, postal_code = codes.AVS.get(text_at(source, "avs_check"), _UNCHECKED)
    code = text_at(answer, "response_code")
    network_code = text_at(answer, "processing", "partner_response_code") or codes.network_code_of(code)
    return Outcome(
        kind=OutcomeKind.PENDING,
        psp_reference=psp_reference,
        raw_code=code,
        network_code=network_code,
        advice_code=text_at(answer, "processing", "partner_merchant_advice_code"),
        amount=amount.value if amount is not None else 0,
        network_transaction_id=text_at(answer, "scheme_id"),
        card=_card(source),
        checks=Checks(
            street=street,
            postal_code=postal_code,
            card_code=codes.CVV.get(text_at(source, "cvv_check"), Check.NOT_CHECKED),
        ),
        expires_at=seconds_of(text_at(answer, "expires_on")),
    )


def verdict(outcome: Outcome, answer: Mapping[str, Any]) -> Outcome:
    """Complete an outline by `approved` and `response_code`, which must agree; UNKNOWN when they don't."""
    approved = truth_at(answer, "approved")
    code = outcome.raw_code
    is_success = code.startswith(codes.APPROVED_RANGE)
    if approved is True and is_success and code != codes.PARTIAL_APPROVAL:
        return replace(outcome, kind=OutcomeKind.APPROVED)
    if approved is False and code and not is_success:
        return declined(outcome)
    return unknown(CallCode.CONTRADICTORY_ANSWER, "verdict and response code do not agree", raw_code=code)


def declined(outcome: Outcome) -> Outcome:
    """Complete an outline as declined by its response code; UNKNOWN when the issuer's answer came too late."""
    code = outcome.raw_code
    if code == codes.LATE_RESPONSE or outcome.network_code == network_codes.LATE_RESPONSE:
        return unknown(CallCode.PSP_TIMEOUT, "the issuer did not answer in time", raw_code=code)
    if code in codes.IN_PROGRESS:
        return outcome
    if not code:
        return replace(outcome, kind=OutcomeKind.DECLINED, code=DeclineCode.GENERIC_DECLINE.value)
    brand = outcome.card.brand if outcome.card is not None else ""
    meaning = codes.meaning_of(code, outcome.network_code, brand)
    return replace(
        outcome,
        kind=OutcomeKind.DECLINED,
        code=(meaning or DeclineCode.UNKNOWN_DECLINE).value,
        unmapped=meaning is None,
    )


def money_of(answer: Mapping[str, Any]) -> Money | None:
    """Give the money an answer names; None when it names none."""
    return UNITS.from_integer(answer.get("amount"), answer.get("currency"))


def captured_of(answer: Mapping[str, Any]) -> int | None:
    """Give what was captured so far in ISO 4217 minor units; None when the balances are not there."""
    captured = UNITS.from_integer(integer_at(answer, "balances", "total_captured"), answer.get("currency"))
    return captured.value if captured is not None else None


def way_of_the_shopper(answer: Mapping[str, Any]) -> NextAction | None:
    """Give where the shopper is to be sent; None when the answer names no place over TLS."""
    url = text_at(answer, "_links", "redirect", "href")
    return NextAction(kind=NextActionKind.REDIRECT, url=url) if url.startswith(("https://", "http://")) else None


def seconds_of(text: str) -> int:
    """Give a time stamp in seconds since the epoch, to the second and in UTC where it names no zone; 0 for none.

    Checkout.com writes seven digits of a second, one more than Python reads.
    """
    zone = text[_SECOND:].lstrip(".0123456789")
    try:
        moment = datetime.fromisoformat(text[:_SECOND] + zone)
    except ValueError:
        return 0
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    seconds = int(moment.timestamp())
    return seconds if 0 < seconds <= _LATEST else 0


def _card(source: Mapping[str, Any]) -> CardSummary | None:
    if not source:
        return None
    return CardSummary(
        brand=codes.brand_of(text_at(source, "scheme")),
        # Answers say `last4`, events say `last_4`.
        last4=text_at(source, "last4") or text_at(source, "last_4"),
        bin=text_at(source, "bin"),
        exp_month=integer_at(source, "expiry_month") or 0,
        exp_year=integer_at(source, "expiry_year") or 0,
    )
