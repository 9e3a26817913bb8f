"""What Checkout.com says when asked about a payment or about what was done with it.

Sources: "Get payment details", "Get payment actions" in the description of 2021-07-20.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import msgspec

from psp_connectors.connectors.checkout.codes import APPROVED_RANGE
from psp_connectors.connectors.checkout.money import UNITS
from psp_connectors.connectors.checkout.requests import REFERENCE_KEYS
from psp_connectors.connectors.checkout.results import (
    captured_of,
    declined,
    money_of,
    outline,
    verdict,
    way_of_the_shopper,
)
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.http import HttpResponse, json_object
from psp_connectors.domain.operations import OperationKind, Sync
from psp_connectors.domain.outcomes import CallCode, Outcome, OutcomeKind, unknown
from psp_connectors.domain.reading import items_at, mapping_at, text_at, truth_at

_OK: Final = 200
_PAYMENTS: Final = frozenset({OperationKind.AUTHORIZE, OperationKind.VERIFY})
_TYPES: Final = MappingProxyType(
    {
        OperationKind.INCREMENT: "Authorization",
        OperationKind.CAPTURE: "Capture",
        OperationKind.VOID: "Void",
        OperationKind.REFUND: "Refund",
    }
)
_HELD: Final = frozenset({"Authorized", "Voided", "Partially Captured", "Captured", "Partially Refunded", "Refunded"})
_WHOLE: Final = frozenset({"Authorized", "Voided", "Refunded"})
"""States of a payment captured at once that leave no doubt how much it is about."""
_NOT_CAPTURED: Final = frozenset({"Authorized", "Voided"})
_ENDED: Final = MappingProxyType(
    {"Canceled": DeclineCode.CUSTOMER_CANCELED, "Expired": DeclineCode.AUTHORIZATION_EXPIRED}
)


def parse(operation: Sync, response: HttpResponse) -> Outcome:
    """Say what became of an operation; never raises."""
    if response.status != _OK:
        return unknown(CallCode.PSP_ERROR, f"the PSP did not answer the question: status {response.status}")
    if operation.kind in _PAYMENTS:
        answer = json_object(response)
        if answer is None:
            return unknown(CallCode.UNREADABLE_ANSWER, "the answer is no payment")
        return _payment(operation, answer)
    actions = _actions(response)
    if actions is None:
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer is no list of actions")
    return _action(operation, actions)


def _payment(operation: Sync, answer: Mapping[str, Any]) -> Outcome:
    contradiction = _about_another_payment(operation, answer)
    if contradiction is not None:
        return contradiction
    outcome = outline(answer, text_at(answer, "id"), money_of(answer))
    status = text_at(answer, "status")
    approved = truth_at(answer, "approved")
    result: Outcome | None = None
    if status == "Pending":
        action = way_of_the_shopper(answer)
        result = replace(outcome, kind=OutcomeKind.ACTION_REQUIRED, next_action=action) if action else outcome
    elif status == "Declined" and approved is False:
        result = _declined(outcome, answer)
    elif status in _ENDED and _nothing_was_taken(answer, approved=approved):
        result = replace(outcome, kind=OutcomeKind.DECLINED, code=_ENDED[status].value)
    elif approved is True and operation.kind is OperationKind.VERIFY and status == "Card Verified":
        result = replace(outcome, kind=OutcomeKind.APPROVED)
    elif approved is True and operation.kind is OperationKind.AUTHORIZE and status in _HELD:
        result = _held(operation, answer, status, outcome)
    return result or unknown(CallCode.CONTRADICTORY_ANSWER, "status and verdict do not agree")


def _declined(outcome: Outcome, answer: Mapping[str, Any]) -> Outcome | None:
    """Read a payment that was declined: why stands with its action. None when that says that it was not."""
    actions = [action for action in items_at(answer, "actions") if text_at(action, "type") in {"", "Authorization"}]
    told = outline(mapping_at(actions[0]), outcome.psp_reference, None) if len(actions) == 1 else outcome
    if (told.raw_code or outcome.raw_code).startswith(APPROVED_RANGE):
        return None
    if told.raw_code:
        outcome = replace(outcome, raw_code=told.raw_code, network_code=told.network_code)
    return declined(outcome)


def _nothing_was_taken(answer: Mapping[str, Any], *, approved: bool | None) -> bool:
    """Tell whether a payment that has ended surely took nothing: it was never approved, or nothing was captured."""
    captured = captured_of(answer)
    return captured == 0 or (captured is None and approved is False)


def _about_another_payment(operation: Sync, answer: Mapping[str, Any]) -> Outcome | None:
    psp_reference = text_at(answer, "id")
    asked_for = operation.payment_psp_reference or operation.psp_reference
    if not psp_reference:
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer is no payment")
    if answer.get("reference") != operation.reference or (asked_for and psp_reference != asked_for):
        return unknown(CallCode.REFERENCE_MISMATCH, "the answer is about another payment")
    named = money_of(answer)
    if named is None or (operation.amount is not None and named != operation.amount):
        return unknown(CallCode.AMOUNT_MISMATCH, "the answer names another amount or currency")
    return None


def _held(operation: Sync, answer: Mapping[str, Any], status: str, outcome: Outcome) -> Outcome:
    captured = captured_of(answer)
    if captured is None and status in _NOT_CAPTURED:
        captured = 0
    if captured is None and (status == "Captured" or (operation.capture and status in _WHOLE)):
        captured = outcome.amount
    if captured is None:
        return unknown(CallCode.UNREADABLE_ANSWER, "the answer does not say what was captured")
    if operation.capture and status == "Authorized":
        return outcome
    if operation.capture and status == "Voided":
        return replace(outcome, kind=OutcomeKind.DECLINED, code=DeclineCode.CUSTOMER_CANCELED.value)
    if operation.capture and captured != outcome.amount:
        return unknown(CallCode.AMOUNT_MISMATCH, "captured is not what was asked for")
    return replace(outcome, kind=OutcomeKind.APPROVED, captured_amount=captured)


def _actions(response: HttpResponse) -> Sequence[Mapping[str, Any]] | None:
    """Read the list of actions; None unless each of them can be told from the others."""
    if response.content_type != "application/json":
        return None
    try:
        value = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if not isinstance(value, list) or not value:
        return None
    actions = [item for item in value if isinstance(item, dict) and text_at(item, "id") and text_at(item, "type")]
    return actions if len(actions) == len(value) else None


def _action(operation: Sync, actions: Sequence[Mapping[str, Any]]) -> Outcome:
    found = [action for action in actions if _is_asked_for(operation, action)]
    if len(found) > 1:
        return unknown(CallCode.CONTRADICTORY_ANSWER, "several actions have this reference")
    if not found:
        return _missing(operation, actions)
    action = found[0]
    if action.get("reference", operation.reference) != operation.reference:
        return unknown(CallCode.REFERENCE_MISMATCH, "the action has another reference")
    asked = operation.amount
    if asked is not None and UNITS.from_integer(action.get("amount"), asked.currency) != asked:
        return unknown(CallCode.AMOUNT_MISMATCH, "the action has another amount")
    return verdict(outline(action, text_at(action, "id"), asked), action)


def _missing(operation: Sync, actions: Sequence[Mapping[str, Any]]) -> Outcome:
    # An action is listed once it is processed: one that was acknowledged is still to come.
    if operation.psp_reference:
        return outline({}, operation.psp_reference, operation.amount)
    if any(action.get("type") == "Authorization" for action in actions):
        return Outcome(kind=OutcomeKind.NOT_FOUND)
    return unknown(CallCode.UNREADABLE_ANSWER, "the list of actions is not whole")


def _is_asked_for(operation: Sync, action: Mapping[str, Any]) -> bool:
    if operation.kind not in _TYPES or action.get("type") != _TYPES[operation.kind]:
        return False
    if operation.psp_reference and action.get("id") == operation.psp_reference:
        return True
    ours = (action.get("reference"), text_at(action, "metadata", REFERENCE_KEYS[operation.kind]))
    return not operation.psp_reference and operation.reference in ours
