"""What PayPal's answers mean for each operation.

Sources: the Orders v2 and Payments v2 descriptions, "Card testing" for a declined card inside a completed order, "3D
Secure: Orders API" for the payer's action, and "Idempotency": a repetition is answered with the latest state, so that a
captured authorization is still an approved one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from mesh.money import Money
from psp_connectors.connectors.paypal.errors import error_outcome, link_of
from psp_connectors.connectors.paypal.requests import ORDER_PREFIX
from psp_connectors.connectors.paypal.resources import (
    authorization_outcome,
    capture_outcome,
    money_of,
    parent_of,
    refund_outcome,
    void_outcome,
)
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.http import HttpResponse, json_object
from psp_connectors.domain.operations import Authorization, Capture, Operation, OperationKind, Refund, Sync, Void
from psp_connectors.domain.outcomes import CallCode, NextAction, NextActionKind, Outcome, OutcomeKind, unknown
from psp_connectors.domain.reading import items_at, mapping_at, text_at, value_at

_SUCCESSES: Final = frozenset({200, 201})
_SERVER_ERROR: Final = 500

Reading = Callable[[object], Outcome]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer must be about: our reference, the amount, the authorization or capture it came from."""

    reference: str
    amount: Money | None
    authorization: str = ""
    capture: str = ""


def parse(operation: Operation, response: HttpResponse) -> Outcome:
    """Say what an answer means; never raises."""
    answer = json_object(response)
    if answer is None:
        code = CallCode.PSP_ERROR if response.status >= _SERVER_ERROR else CallCode.UNREADABLE_ANSWER
        return unknown(code, f"status {response.status} without a readable body")
    if response.status not in _SUCCESSES:
        return error_outcome(operation, response.status, answer)
    return _sync(operation, answer) if isinstance(operation, Sync) else _answer(operation, answer)


def order_outcome(order: object, asked: Asked, *, capture: bool) -> Outcome:
    """Say what an order with a card came to: PayPal processes it at once, with one authorization or one capture.

    UNKNOWN when it is another order than the one asked for, or one that was not processed.
    """
    units, status = items_at(order, "purchase_units"), text_at(order, "status")
    if not text_at(order, "id") or len(units) != 1:
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer is not an order of one purchase unit")
    intent = text_at(order, "intent")
    if intent and intent != ("CAPTURE" if capture else "AUTHORIZE"):
        return unknown(CallCode.CONTRADICTORY_ANSWER, "the order has another intent", raw_code=intent)
    if not _refers(units[0], asked.reference, required=status == "VOIDED"):
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another reference")
    match status:
        case "COMPLETED":
            return _completed(order, units[0], asked, capture=capture)
        case "PAYER_ACTION_REQUIRED" | "VOIDED":
            return _unpaid(order, status)
        case _:
            return unknown(CallCode.CONTRADICTORY_ANSWER, "the order was not processed", raw_code=status)


def _completed(order: object, unit: object, asked: Asked, *, capture: bool) -> Outcome:
    payments, source = mapping_at(unit, "payments"), value_at(order, "payment_source")
    taken = items_at(payments, "captures" if capture else "authorizations")
    if len(taken) != 1 or (capture and items_at(payments, "authorizations")):
        return unknown(CallCode.UNREADABLE_ANSWER, "the order has not exactly one payment of the kind asked for")
    resource = {"custom_id": text_at(unit, "custom_id")} | dict(mapping_at(taken[0]))

    def reading(value: object) -> Outcome:
        return capture_outcome(value, source) if capture else authorization_outcome(value, source)

    outcome = _fitting(resource, reading, asked)
    return _captured(outcome) if capture else outcome


def _unpaid(order: object, status: str) -> Outcome:
    reference, url = ORDER_PREFIX + text_at(order, "id"), link_of(order, "payer-action")
    if status == "VOIDED":
        code = DeclineCode.CUSTOMER_CANCELED.value
        return Outcome(kind=OutcomeKind.DECLINED, psp_reference=reference, code=code, raw_code=status)
    if not url:
        return unknown(CallCode.UNREADABLE_ANSWER, "the payer is to act, and the answer does not say where")
    action = NextAction(kind=NextActionKind.REDIRECT, url=url)
    return Outcome(kind=OutcomeKind.ACTION_REQUIRED, psp_reference=reference, raw_code=status, next_action=action)


def _answer(operation: Operation, answer: dict[str, object]) -> Outcome:
    match operation:
        case Authorization():
            return order_outcome(answer, Asked(operation.reference, operation.amount), capture=operation.capture)
        case Capture():
            asked = Asked(operation.reference, operation.amount, authorization=operation.psp_reference)
            return _fitting(answer, capture_outcome, asked)
        case Void():
            return _void(answer, operation.psp_reference)
        case Refund():
            asked = Asked(operation.reference, operation.amount, capture=operation.capture_psp_reference)
            return _fitting(answer, refund_outcome, asked)
        case _:
            return unknown(CallCode.UNREADABLE_ANSWER, "PayPal has no such operation")


def _void(answer: object, asked: str) -> Outcome:
    if text_at(answer, "id") != asked:
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another authorization")
    outcome = void_outcome(answer)
    if outcome.kind is OutcomeKind.NOT_FOUND:
        return unknown(CallCode.CONTRADICTORY_ANSWER, "the authorization stands", raw_code=outcome.raw_code)
    return outcome


def _sync(operation: Sync, answer: dict[str, object]) -> Outcome:
    identifier = operation.psp_reference
    if operation.kind is OperationKind.VOID:
        identifier = operation.payment_psp_reference or identifier
    if not identifier or text_at(answer, "id") != identifier.removeprefix(ORDER_PREFIX):
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about something else than the question")
    asked = Asked(operation.reference, operation.amount)
    match operation.kind:
        case OperationKind.VOID:
            return void_outcome(answer)
        case OperationKind.AUTHORIZE if identifier.startswith(ORDER_PREFIX):
            return order_outcome(answer, asked, capture=operation.capture)
        case OperationKind.AUTHORIZE if operation.capture:
            return _captured(_fitting(answer, capture_outcome, asked))
        case OperationKind.AUTHORIZE:
            return _fitting(answer, authorization_outcome, asked)
        case _:
            return _modification(operation, answer, asked)


def _modification(operation: Sync, answer: dict[str, object], asked: Asked) -> Outcome:
    match operation.kind:
        case OperationKind.CAPTURE:
            return _fitting(answer, capture_outcome, replace(asked, authorization=operation.payment_psp_reference))
        case OperationKind.REFUND:
            return _fitting(answer, refund_outcome, asked)
        case _:
            return unknown(CallCode.UNREADABLE_ANSWER, "PayPal has no such operation")


def _fitting(resource: object, reading: Reading, asked: Asked) -> Outcome:
    """Read a resource, and say UNKNOWN when reference, origin or amount are not those asked for."""
    if not _refers(resource, asked.reference, required=True):
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another reference")
    for kind, identifier in (("authorization", asked.authorization), ("capture", asked.capture)):
        if identifier and parent_of(resource, kind) not in {"", identifier}:
            return unknown(CallCode.REFERENCE_MISMATCH, f"the answer is about another {kind}")
    outcome = reading(resource)
    differs = asked.amount is not None and money_of(resource) != asked.amount
    if outcome.kind is not OutcomeKind.UNKNOWN and differs:
        return unknown(CallCode.AMOUNT_MISMATCH, "the answer names another amount or currency")
    return outcome


def _refers(resource: object, reference: str, *, required: bool) -> bool:
    """Tell whether a resource bears our reference.

    The invoice is the operation's own reference. A capture or refund inherits the `custom_id` of its payment, so that
    one counts only where there is no invoice.
    """
    named = text_at(resource, "invoice_id") or text_at(resource, "custom_id")
    return named == reference or (not named and not required)


def _captured(outcome: Outcome) -> Outcome:
    approved = outcome.kind is OutcomeKind.APPROVED
    return replace(outcome, captured_amount=outcome.amount) if approved else outcome
