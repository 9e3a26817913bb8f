"""Stripe's webhooks: signature and events.

Source: Stripe docs "Verify webhook signatures manually" (HMAC-SHA256 over time stamp, dot and exact body, in hex; the
secret is used as it is written; tolerance five minutes) and "Types of events".
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import msgspec

from psp_connectors.connectors.stripe.capabilities import CONNECTED_ACCOUNT
from psp_connectors.connectors.stripe.money import from_units
from psp_connectors.connectors.stripe.payments import (
    INCREMENT_PREFIX,
    authorization_of,
    id_of,
    recorded_captures,
    refund_of,
    verification_of,
)
from psp_connectors.connectors.stripe.requests import REFERENCE
from psp_connectors.domain.connector import Account
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from psp_connectors.domain.reading import integer_at, items_at, mapping_at, text_at, value_at
from psp_connectors.domain.webhooks import (
    FORGED,
    Authenticity,
    Notification,
    RawWebhook,
    WebhookContext,
    WebhookReading,
)

TOLERANCE_SECONDS: Final = 300

_MOST_SIGNATURES: Final = 16
_LONGEST_TIME: Final = 12
_LONGEST_ID: Final = 120

_AUTHORIZED: Final = frozenset(
    {
        "payment_intent.amount_capturable_updated",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
    }
)
_VERIFIED: Final = frozenset(
    {
        "setup_intent.canceled",
        "setup_intent.requires_action",
        "setup_intent.setup_failed",
        "setup_intent.succeeded",
    }
)
_FAILED: Final = "payment_intent.payment_failed"
_REFUNDED: Final = frozenset({"charge.refund.updated", "refund.created", "refund.failed", "refund.updated"})


def read_webhook(raw: RawWebhook, account: Account, context: WebhookContext) -> WebhookReading:
    """Verify a webhook and say what it tells; never raises."""
    if not _is_genuine(raw, context):
        return FORGED
    try:
        event = msgspec.json.decode(raw.body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return FORGED
    event_id, event_type = text_at(event, "id"), text_at(event, "type")
    if not 0 < len(event_id) <= _LONGEST_ID or not event_type:
        return FORGED
    base = Notification(event_id=event_id, event_type=event_type, occurred_at=max(integer_at(event, "created") or 0, 0))
    connected = text_at(event, "account")
    # A platform's endpoint hears of all its connected accounts.
    if connected and connected != account.settings.get(CONNECTED_ACCOUNT, ""):
        return WebhookReading(authenticity=Authenticity.GENUINE, notifications=(base,))
    told = tuple(_told(base, event))
    return WebhookReading(authenticity=Authenticity.GENUINE, notifications=told or (base,))


def _is_genuine(raw: RawWebhook, context: WebhookContext) -> bool:
    stamp, signatures = "", []
    for part in raw.headers.get("stripe-signature", "").split(",")[:_MOST_SIGNATURES]:
        name, _, value = part.strip().partition("=")
        if name == "t":
            stamp = value
        elif name == "v1" and value.isascii():
            signatures.append(value)
    if not stamp.isascii() or not stamp.isdecimal() or len(stamp) > _LONGEST_TIME:
        return False
    if abs(context.now - int(stamp)) > TOLERANCE_SECONDS:
        return False
    signed = stamp.encode() + b"." + raw.body
    genuine = False
    for secret in context.secrets:
        if secret:
            expected = hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest()
            genuine |= any(hmac.compare_digest(expected, signature) for signature in signatures)
    return genuine


def _told(base: Notification, event: object) -> Iterator[Notification]:
    thing = mapping_at(event, "data", "object")
    kind = text_at(thing, "object")
    if base.event_type == _FAILED and text_at(thing, "status") in {"requires_capture", "succeeded"}:
        # An event of an earlier try that shows the payment as it is by now; the events of what it is by now follow.
        return
    if base.event_type in _AUTHORIZED and kind == "payment_intent":
        yield from _payment(base, thing)
    elif base.event_type == "payment_intent.canceled" and kind == "payment_intent":
        yield from _canceled(base, thing)
    elif base.event_type in _VERIFIED and kind == "setup_intent":
        yield from _if_settled(base, thing, OperationKind.VERIFY, verification_of(thing))
    elif base.event_type in _REFUNDED and kind == "refund":
        yield from _refund(base, thing, text_at(event, "data", "previous_attributes", "status"))
    elif base.event_type == "charge.refunded" and kind == "charge":
        # Only events of older versions list the refunds here.
        for place, refund in enumerate(items_at(thing, "refunds", "data")):
            yield from _refund(replace(base, event_id=f"{base.event_id}:{place}"), refund, "")


def _payment(base: Notification, intent: object) -> Iterator[Notification]:
    """Tell of the authorization, and of each capture and increment that the payment has a record of."""
    metadata = mapping_at(intent, "metadata")
    increments = [key for key in metadata if key.startswith(INCREMENT_PREFIX)]
    if not increments:
        # With increments the amount is no longer the one that was authorized.
        yield from _if_settled(base, intent, OperationKind.AUTHORIZE, authorization_of(intent, capture=None))
    captures = recorded_captures(intent) or {}
    received = value_at(intent, "amount_received")
    if type(received) is int and received == sum(captures.values()):
        for reference, units in captures.items():
            yield from _part(base, intent, OperationKind.CAPTURE, reference, units)
    for key in increments:
        value = metadata[key]
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _LONGEST_TIME:
            yield from _part(base, intent, OperationKind.INCREMENT, key, int(value))


def _part(
    base: Notification, intent: object, kind: OperationKind, reference: str, units: int
) -> Iterator[Notification]:
    amount = from_units(units, value_at(intent, "currency"))
    payment = text_at(intent, "id")
    if amount is None or not payment:
        return
    yield replace(
        base,
        event_id=f"{base.event_id}:{reference}",
        kind=kind,
        reference=reference,
        payment_reference=text_at(intent, "metadata", REFERENCE),
        psp_reference=payment,
        payment_psp_reference=payment,
        currency=amount.currency,
        outcome=Outcome(kind=OutcomeKind.APPROVED, psp_reference=payment, amount=amount.value),
    )


def _canceled(base: Notification, intent: object) -> Iterator[Notification]:
    """Tell of a release, which carries no reference of its own; of the authorization too when there never was one."""
    payment = text_at(intent, "id")
    if not payment or text_at(intent, "status") != "canceled" or value_at(intent, "amount_received") != 0:
        return
    if not id_of(intent, "latest_charge"):
        yield from _if_settled(base, intent, OperationKind.AUTHORIZE, authorization_of(intent, capture=None))
    yield replace(
        base,
        event_id=f"{base.event_id}:void",
        kind=OperationKind.VOID,
        payment_reference=text_at(intent, "metadata", REFERENCE),
        psp_reference=payment,
        payment_psp_reference=payment,
        outcome=Outcome(kind=OutcomeKind.APPROVED, psp_reference=payment),
    )


def _refund(base: Notification, refund: object, before: str) -> Iterator[Notification]:
    # Stripe books a card refund as succeeded first: a failure takes that back, unless the refund was pending till now.
    for notification in _if_settled(base, refund, OperationKind.REFUND, refund_of(refund)):
        failed = notification.outcome is not None and notification.outcome.kind is OutcomeKind.DECLINED
        yield replace(notification, reversal=failed and before not in {"pending", "requires_action"})


def _if_settled(base: Notification, thing: object, kind: OperationKind, outcome: Outcome) -> Iterator[Notification]:
    """Give the notification, unless the object says nothing that could be relied on."""
    if outcome.kind is OutcomeKind.UNKNOWN:
        return
    reference = text_at(thing, "metadata", REFERENCE)
    is_refund = kind is OperationKind.REFUND
    currency = text_at(thing, "currency").upper()
    yield replace(
        base,
        kind=kind,
        reference=reference,
        payment_reference="" if is_refund else reference,
        psp_reference=text_at(thing, "id"),
        payment_psp_reference=id_of(thing, "payment_intent") if is_refund else text_at(thing, "id"),
        currency=currency,
        outcome=outcome,
    )
