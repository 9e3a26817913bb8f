"""What Checkout.com's answers mean: to a payment, to an increment, and to what is only acknowledged.

A payment that is captured at once is answered as authorized and captured a moment later: it is PENDING until the
capture is there.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from psp_connectors.connectors.checkout import questions
from psp_connectors.connectors.checkout.money import UNITS
from psp_connectors.connectors.checkout.refusals import refusal_of
from psp_connectors.connectors.checkout.results import money_of, outline, verdict, way_of_the_shopper
from psp_connectors.domain.http import HttpResponse, json_object
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
from psp_connectors.domain.outcomes import CallCode, Outcome, OutcomeKind, unknown
from psp_connectors.domain.reading import integer_at, text_at

_SUCCESSES: Final = frozenset({200, 201, 202})
_DECIDED: Final = 201


def parse(operation: Operation, response: HttpResponse) -> Outcome:  # noqa: PLR0911 - one for each kind
    """Say what an answer means; never raises."""
    if isinstance(operation, Sync):
        return questions.parse(operation, response)
    if response.status not in _SUCCESSES:
        return refusal_of(operation, response)
    answer = json_object(response)
    if answer is None:
        return unknown(CallCode.UNREADABLE_ANSWER, f"status {response.status} without a readable body")
    match operation:
        case Verification() | Authorization():
            return _by_status(response.status, _payment(operation, answer))
        case Increment():
            return _increment(operation, answer)
        case Capture() | Void() | Refund():
            return _acknowledged(operation, answer)
        case Reversal():
            return unknown(CallCode.OPERATION_NOT_SUPPORTED, "Checkout.com has no such operation")


def _by_status(status: int, outcome: Outcome) -> Outcome:
    """Believe a verdict only with the status that stands for one: 202 is "asynchronous or further action required"."""
    if status == _DECIDED or outcome.kind not in {OutcomeKind.APPROVED, OutcomeKind.DECLINED}:
        return outcome
    return replace(outcome, kind=OutcomeKind.PENDING, code="", captured_amount=0)


def _payment(operation: CardOperation, answer: Mapping[str, Any]) -> Outcome:
    outcome = outline(answer, text_at(answer, "id"), amount_of(operation))
    status = text_at(answer, "status")
    contradiction = _about_another_payment(operation, answer)
    if contradiction is not None:
        return contradiction
    if status == "Pending":
        action = way_of_the_shopper(answer)
        return replace(outcome, kind=OutcomeKind.ACTION_REQUIRED, next_action=action) if action else outcome
    # The answer to a verification names no amount, or none but zero.
    named = money_of({**answer, "amount": 0} if _is_no_amount(operation, answer) else answer)
    if named != amount_of(operation):
        return unknown(CallCode.AMOUNT_MISMATCH, "the answer names another amount or currency")
    decided = verdict(outcome, answer)
    if decided.kind is OutcomeKind.APPROVED:
        return _approved(operation, status, decided)
    if decided.kind is OutcomeKind.DECLINED and status != "Declined":
        return unknown(CallCode.CONTRADICTORY_ANSWER, "status and verdict do not agree", raw_code=decided.raw_code)
    return decided


def _about_another_payment(operation: CardOperation, answer: Mapping[str, Any]) -> Outcome | None:
    if not text_at(answer, "id"):
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer is no payment")
    # What is pending need not repeat the reference; what is decided does.
    reference = answer.get("reference", operation.reference if text_at(answer, "status") == "Pending" else None)
    if reference != operation.reference:
        return unknown(
            CallCode.REFERENCE_MISMATCH, "the answer is about another reference, or does not say about which"
        )
    return None


def _is_no_amount(operation: CardOperation, answer: Mapping[str, Any]) -> bool:
    return isinstance(operation, Verification) and answer.get("amount") is None


def _approved(operation: CardOperation, status: str, decided: Outcome) -> Outcome:
    at_once = isinstance(operation, Authorization) and operation.capture
    expected = "Card Verified" if isinstance(operation, Verification) else "Authorized"
    if status == "Captured" and at_once:
        return replace(decided, captured_amount=decided.amount)
    if status != expected:
        code = CallCode.AMOUNT_MISMATCH if status == "Captured" else CallCode.CONTRADICTORY_ANSWER
        return unknown(code, "the status is not what was asked for", raw_code=decided.raw_code)
    return replace(decided, kind=OutcomeKind.PENDING) if at_once else decided


def _increment(operation: Increment, answer: Mapping[str, Any]) -> Outcome:
    contradiction = _about_another(operation, answer, "self")
    if contradiction is not None:
        return contradiction
    if answer.get("reference") != operation.reference:
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer does not say which increment it is about")
    if money_of(answer) != operation.amount:
        return unknown(CallCode.AMOUNT_MISMATCH, "the answer names another amount or currency")
    decided = verdict(outline(answer, text_at(answer, "action_id"), operation.amount), answer)
    expected = {OutcomeKind.APPROVED: "Authorized", OutcomeKind.DECLINED: "Declined"}.get(decided.kind)
    if expected is not None and answer.get("status") != expected:
        return unknown(CallCode.CONTRADICTORY_ANSWER, "status and verdict do not agree", raw_code=decided.raw_code)
    total = integer_at(answer, "balances", "total_authorized")
    if decided.kind is OutcomeKind.APPROVED and total is not None and total != UNITS.to_integer(operation.total):
        return unknown(CallCode.AMOUNT_MISMATCH, "another total is authorized now than was asked for")
    return decided


def _acknowledged(operation: Capture | Void | Refund, answer: Mapping[str, Any]) -> Outcome:
    contradiction = _about_another(operation, answer, "payment")
    if contradiction is not None:
        return contradiction
    return outline(answer, text_at(answer, "action_id"), amount_of(operation))


def _about_another(
    operation: Increment | Capture | Void | Refund, answer: Mapping[str, Any], link: str
) -> Outcome | None:
    """Give the outcome of an answer that is about something else than what was asked; None when it fits."""
    if not text_at(answer, "action_id"):
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer names no action")
    if answer.get("reference", operation.reference) != operation.reference:
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another reference")
    href = text_at(answer, "_links", link, "href").partition("?")[0]
    if href and href.rpartition("/")[2] != operation.psp_reference:
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another payment")
    return None
