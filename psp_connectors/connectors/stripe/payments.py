"""What Stripe's objects say: a PaymentIntent, a SetupIntent, a Refund, each as an outcome.

Source: Stripe API reference of version 2024-04-10, "PaymentIntents" (statuses, next_action), "Charges", "SetupIntents",
"Refunds" (statuses, failure reasons); network codes where a later version adds them.
"""

from dataclasses import replace
from typing import Final

from mesh.money import Money
from psp_connectors.connectors.stripe.codes import CANCELLATIONS, CHECKS, DECLINES, ERRORS, REFUND_FAILURES
from psp_connectors.connectors.stripe.money import from_units
from psp_connectors.domain.cards import CardSummary
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.network_codes import decline_of
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
from psp_connectors.domain.reading import integer_at, mapping_at, text_at, value_at

CAPTURE_PREFIX: Final = "cap_"
INCREMENT_PREFIX: Final = "inc_"
_MOST_DIGITS: Final = 12


def id_of(container: object, name: str) -> str:
    """Give the id of another object, which stands there itself or, expanded, inside the object."""
    return text_at(container, name) or text_at(container, name, "id")


def authorization_of(intent: object, *, capture: bool | None) -> Outcome:  # noqa: PLR0911 - one for each status
    """Give what became of an authorization; `capture` is what was asked for, None when it is not known.

    A hold that was let go again is DECLINED: nothing is held and nothing can be captured.
    """
    status = text_at(intent, "status")
    amount = from_units(value_at(intent, "amount"), value_at(intent, "currency"))
    received = from_units(value_at(intent, "amount_received"), value_at(intent, "currency"))
    if amount is None or not text_at(intent, "id"):
        return unknown(CallCode.UNREADABLE_ANSWER, "the payment has no id or no amount")
    base = Outcome(kind=OutcomeKind.PENDING, psp_reference=text_at(intent, "id"), amount=amount.value)
    match status:
        case "processing":
            return base
        case "requires_action":
            return replace(base, kind=OutcomeKind.ACTION_REQUIRED, next_action=_next_action(intent))
        case "requires_payment_method" if mapping_at(intent, "last_payment_error"):
            return declined(mapping_at(intent, "last_payment_error"), base)
        case "requires_capture" | "succeeded":
            return _held_or_taken(intent, base, amount, received, capture=capture)
        case "canceled":
            reason = text_at(intent, "cancellation_reason")
            code = CANCELLATIONS.get(reason, DeclineCode.CUSTOMER_CANCELED)
            if received is None or received.value:
                return unknown(CallCode.CONTRADICTORY_ANSWER, "canceled, and money was taken")
            return replace(base, kind=OutcomeKind.DECLINED, code=code.value, raw_code=reason)
        case _:
            return unknown(CallCode.CONTRADICTORY_ANSWER, "the payment is in no state that a confirmed one has")


def verification_of(intent: object) -> Outcome:  # noqa: PLR0911 - one for each status
    """Give what became of a verification."""
    if not text_at(intent, "id"):
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer has no id")
    base = Outcome(kind=OutcomeKind.PENDING, psp_reference=text_at(intent, "id"))
    card = mapping_at(intent, "latest_attempt", "payment_method_details", "card")
    match text_at(intent, "status"):
        case "succeeded":
            return replace(base, kind=OutcomeKind.APPROVED, card=_card(card), checks=_checks(card))
        case "processing":
            return base
        case "requires_action":
            return replace(base, kind=OutcomeKind.ACTION_REQUIRED, next_action=_next_action(intent))
        case "requires_payment_method" if mapping_at(intent, "last_setup_error"):
            return declined(mapping_at(intent, "last_setup_error"), base)
        case "canceled":
            code = DeclineCode.CUSTOMER_CANCELED
            return replace(base, kind=OutcomeKind.DECLINED, code=code.value, raw_code="canceled")
        case _:
            return unknown(CallCode.CONTRADICTORY_ANSWER, "the verification is in no state that a confirmed one has")


def refund_of(refund: object) -> Outcome:
    """Give what became of a refund."""
    amount = from_units(value_at(refund, "amount"), value_at(refund, "currency"))
    if amount is None or not text_at(refund, "id"):
        return unknown(CallCode.UNREADABLE_ANSWER, "the refund has no id or no amount")
    base = Outcome(kind=OutcomeKind.PENDING, psp_reference=text_at(refund, "id"), amount=amount.value)
    match text_at(refund, "status"):
        case "succeeded":
            return replace(base, kind=OutcomeKind.APPROVED)
        case "pending" | "requires_action":
            return base
        case "failed":
            raw_code = text_at(refund, "failure_reason")
            code = REFUND_FAILURES.get(raw_code, DeclineCode.UNKNOWN_DECLINE)
            unmapped = raw_code not in REFUND_FAILURES and bool(raw_code)
            return replace(base, kind=OutcomeKind.DECLINED, code=code.value, raw_code=raw_code, unmapped=unmapped)
        case "canceled":
            code = DeclineCode.INVALID_TRANSACTION
            return replace(base, kind=OutcomeKind.DECLINED, code=code.value, raw_code="canceled")
        case _:
            return unknown(CallCode.CONTRADICTORY_ANSWER, "the refund has no status that is known")


def declined(error: object, base: Outcome) -> Outcome:
    """Give the decline that an error object tells of; the network's own code goes before Stripe's word for it."""
    decline_code, code = text_at(error, "decline_code"), text_at(error, "code")
    network_code = text_at(error, "network_decline_code")
    card = mapping_at(error, "payment_method", "card")
    meaning = (
        decline_of(network_code, text_at(card, "brand")) or DECLINES.get(decline_code)
        if decline_code or network_code
        else DECLINES.get(code) or ERRORS.get(code)
    )
    return replace(
        base,
        kind=OutcomeKind.DECLINED,
        code=(meaning or DeclineCode.UNKNOWN_DECLINE).value,
        raw_code=decline_code or code,
        network_code=network_code,
        advice_code=text_at(error, "network_advice_code") or text_at(error, "advice_code"),
        checks=_checks(card),
        card=_card(card),
        unmapped=meaning is None,
    )


def recorded_captures(intent: object) -> dict[str, int] | None:
    """Give the captures that the payment's metadata tells of, by reference; None when one of them is no amount."""
    captures = {}
    for key, value in mapping_at(intent, "metadata").items():
        if key.startswith(CAPTURE_PREFIX):
            if not isinstance(value, str) or not value.isascii() or not value.isdecimal() or len(value) > _MOST_DIGITS:
                return None
            captures[key] = int(value)
    return captures


def _held_or_taken(
    intent: object, base: Outcome, amount: Money, received: Money | None, *, capture: bool | None
) -> Outcome:
    capturable = integer_at(intent, "amount_capturable")
    taken = text_at(intent, "status") == "succeeded"
    if received is None or capturable is None or capturable < 0:
        return unknown(CallCode.UNREADABLE_ANSWER, "the payment does not say what is held and taken")
    whole = received.value == amount.value
    held = from_units(capturable, value_at(intent, "currency"))
    if capture is True and not (taken and whole):
        return unknown(CallCode.AMOUNT_MISMATCH, "captured is not what was asked for")
    if received.value > amount.value or (taken and not received.value):
        return unknown(CallCode.AMOUNT_MISMATCH, "taken is not what was authorized")
    if not taken and (held is None or held.value + received.value != amount.value):
        return unknown(CallCode.AMOUNT_MISMATCH, "held is not what was authorized")
    charge = mapping_at(intent, "latest_charge")
    card = mapping_at(charge, "payment_method_details", "card")
    authorized = integer_at(card, "amount_authorized")
    if text_at(charge, "status") == "failed" or (
        authorized is not None and authorized < (integer_at(intent, "amount") or 0)
    ):
        return unknown(CallCode.CONTRADICTORY_ANSWER, "the charge does not bear the payment out")
    return replace(
        base,
        kind=OutcomeKind.APPROVED,
        captured_amount=received.value,
        network_transaction_id=text_at(card, "network_transaction_id"),
        card=_card(card),
        checks=_checks(card),
        expires_at=0 if taken else max(integer_at(card, "capture_before") or 0, 0),
    )


def _checks(card: object) -> Checks:
    def check(name: str) -> Check:
        return CHECKS.get(text_at(card, "checks", name), Check.NOT_CHECKED)

    return Checks(
        street=check("address_line1_check"),
        postal_code=check("address_postal_code_check"),
        card_code=check("cvc_check"),
    )


def _card(card: object) -> CardSummary | None:
    if not text_at(card, "last4"):
        return None
    return CardSummary(
        brand=text_at(card, "brand"),
        last4=text_at(card, "last4"),
        exp_month=integer_at(card, "exp_month") or 0,
        exp_year=integer_at(card, "exp_year") or 0,
    )


def _next_action(intent: object) -> NextAction | None:
    url = text_at(intent, "next_action", "redirect_to_url", "url")
    if not url.startswith(("https://", "http://")):
        return None
    return NextAction(kind=NextActionKind.REDIRECT, url=url)
