"""Checkout.com's webhooks: whether one is genuine, and what its event says of a payment of ours.

`Cko-Signature` is the hexadecimal HMAC-SHA256 of the body with the workflow's signature key; a workflow can be set up
to send an `Authorization` header as well. There is no time stamp: an event is told from its repetition by its id.
Sources: "Set up your webhook receiver", "Webhook event types".
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import msgspec

from psp_connectors.connectors.checkout.codes import PARTIAL_APPROVAL
from psp_connectors.connectors.checkout.requests import AT_ONCE, CAPTURE_KEY, REFERENCE_KEYS
from psp_connectors.connectors.checkout.results import declined, money_of, outline, seconds_of
from psp_connectors.domain.connector import Account
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import CallCode, Outcome, OutcomeKind, unknown
from psp_connectors.domain.reading import mapping_at, text_at, truth_at
from psp_connectors.domain.webhooks import (
    FORGED,
    Authenticity,
    Notification,
    RawWebhook,
    WebhookContext,
    WebhookReading,
)

_EVENTS: Final[Mapping[str, tuple[OperationKind, OutcomeKind]]] = MappingProxyType(
    {
        "card_verified": (OperationKind.VERIFY, OutcomeKind.APPROVED),
        "card_verification_declined": (OperationKind.VERIFY, OutcomeKind.DECLINED),
        "payment_approved": (OperationKind.AUTHORIZE, OutcomeKind.APPROVED),
        "payment_declined": (OperationKind.AUTHORIZE, OutcomeKind.DECLINED),
        "payment_pending": (OperationKind.AUTHORIZE, OutcomeKind.PENDING),
        "payment_canceled": (OperationKind.AUTHORIZE, OutcomeKind.DECLINED),
        "payment_expired": (OperationKind.AUTHORIZE, OutcomeKind.DECLINED),
        "payment_authentication_failed": (OperationKind.AUTHORIZE, OutcomeKind.DECLINED),
        "payment_authorization_incremented": (OperationKind.INCREMENT, OutcomeKind.APPROVED),
        "payment_authorization_increment_declined": (OperationKind.INCREMENT, OutcomeKind.DECLINED),
        "payment_captured": (OperationKind.CAPTURE, OutcomeKind.APPROVED),
        "payment_capture_declined": (OperationKind.CAPTURE, OutcomeKind.DECLINED),
        "payment_capture_pending": (OperationKind.CAPTURE, OutcomeKind.PENDING),
        "payment_voided": (OperationKind.VOID, OutcomeKind.APPROVED),
        "payment_void_declined": (OperationKind.VOID, OutcomeKind.DECLINED),
        "payment_refunded": (OperationKind.REFUND, OutcomeKind.APPROVED),
        "payment_refund_declined": (OperationKind.REFUND, OutcomeKind.DECLINED),
        "payment_refund_pending": (OperationKind.REFUND, OutcomeKind.PENDING),
    }
)

_CODES_OF_EVENTS: Final[Mapping[str, DeclineCode]] = MappingProxyType(
    {
        "payment_canceled": DeclineCode.CUSTOMER_CANCELED,
        "payment_expired": DeclineCode.AUTHORIZATION_EXPIRED,
        "payment_authentication_failed": DeclineCode.AUTHENTICATION_FAILED,
    }
)
"""Why a payment ended, where the event itself says so."""

_PAYMENTS: Final = frozenset({OperationKind.AUTHORIZE, OperationKind.VERIFY})
_SUCCESS: Final = "10"


def read_webhook(raw: RawWebhook, account: Account, context: WebhookContext) -> WebhookReading:
    """Say whether a webhook is genuine and what it says; never raises."""
    if not _is_signed(raw, context) or not _is_authorized(raw, account):
        return FORGED
    try:
        event = msgspec.json.decode(raw.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return FORGED
    event_id, event_type = text_at(event, "id"), text_at(event, "type")
    if not event_id or not event_type:
        return FORGED
    return WebhookReading(
        authenticity=Authenticity.GENUINE, notifications=(_notification(event, event_id, event_type),)
    )


def _is_signed(raw: RawWebhook, context: WebhookContext) -> bool:
    given = raw.headers.get("cko-signature", "").strip().lower().encode("utf-8", "surrogatepass")
    expected = [
        hmac.new(secret.reveal().encode(), raw.body, hashlib.sha256).hexdigest().encode()
        for secret in context.secrets
        if secret
    ]
    # Every key is tried, so that the time taken does not tell which of them fits.
    return any([hmac.compare_digest(given, signature) for signature in expected])  # noqa: C419 - on purpose


def _is_authorized(raw: RawWebhook, account: Account) -> bool:
    wanted = account.secrets.get("webhook_authorization")
    if not wanted:
        return True
    given = raw.headers.get("authorization", "").encode("utf-8", "surrogatepass")
    return hmac.compare_digest(given, wanted.reveal().encode())


def _notification(event: Mapping[str, Any], event_id: str, event_type: str) -> Notification:
    data = mapping_at(event, "data")
    occurred_at = seconds_of(text_at(event, "created_on") or text_at(event, "timestamp"))
    bare = Notification(event_id=event_id, event_type=event_type, occurred_at=occurred_at)
    known = _EVENTS.get(event_type)
    payment = text_at(data, "id")
    if known is None or not payment:
        return bare
    kind, outcome_kind = known
    metadata = mapping_at(data, "metadata")
    ours = text_at(metadata, REFERENCE_KEYS[OperationKind.AUTHORIZE])
    own = text_at(metadata, REFERENCE_KEYS[kind])
    at_once = text_at(metadata, CAPTURE_KEY) == AT_ONCE
    is_own_capture = kind is OperationKind.CAPTURE and at_once and not own
    psp_reference = payment if kind in _PAYMENTS or is_own_capture else text_at(data, "action_id")
    outcome = _outcome(event_type, outcome_kind, data, psp_reference)
    named = text_at(data, "reference")
    if is_own_capture:
        kind = OperationKind.AUTHORIZE
        if outcome.kind is OutcomeKind.APPROVED:
            outcome = replace(outcome, captured_amount=outcome.amount)
        elif outcome.kind is OutcomeKind.DECLINED:
            # The capture was declined and not the authorization, whose hold stands: another PSP must not be tried.
            outcome = replace(outcome, kind=OutcomeKind.PENDING, code="")
    elif kind is OperationKind.AUTHORIZE and at_once and outcome.kind is OutcomeKind.APPROVED:
        # Authorized only so far: the event of the capture settles it.
        outcome = replace(outcome, kind=OutcomeKind.PENDING)
    if kind in _PAYMENTS:
        reference = payment_reference = ours or named
    else:
        reference = own or (named if named != ours else "")
        payment_reference = ours
    return replace(
        bare,
        kind=kind,
        reference=reference,
        payment_reference=payment_reference,
        psp_reference=psp_reference,
        payment_psp_reference=payment,
        currency=text_at(data, "currency"),
        outcome=outcome,
    )


def _outcome(event_type: str, kind: OutcomeKind, data: Mapping[str, Any], psp_reference: str) -> Outcome:
    amount = money_of(data)
    outcome = outline(data, psp_reference, amount)
    if event_type in _CODES_OF_EVENTS:
        return replace(outcome, kind=OutcomeKind.DECLINED, code=_CODES_OF_EVENTS[event_type].value)
    if kind not in {OutcomeKind.APPROVED, OutcomeKind.DECLINED}:
        return outcome
    code = outcome.raw_code
    is_approved = kind is OutcomeKind.APPROVED
    other = truth_at(data, "approved") is not None and truth_at(data, "approved") is not is_approved
    partly = is_approved and code == PARTIAL_APPROVAL
    if other or partly or code.startswith(_SUCCESS) is not is_approved or not psp_reference:
        return unknown(CallCode.CONTRADICTORY_ANSWER, "event and response code do not agree", raw_code=code)
    if not is_approved:
        return declined(outcome)
    if amount is None and event_type != "payment_voided":
        return unknown(CallCode.AMOUNT_MISMATCH, "the event names no amount", raw_code=code)
    return replace(outcome, kind=OutcomeKind.APPROVED)
