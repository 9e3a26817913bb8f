"""Stripe's events of what happens in the books, and their signature.

Source: Stripe docs, "Types of events" and "Verify webhook signatures manually"; the events of version 2024-04-10.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from typing import Any, Final

from devstack.sandbox.books import REFUSALS
from devstack.sandbox.dialects.contract import Desk, Happening, Notice
from devstack.sandbox.dialects.stripe.objects import charge_object, payment_intent, payment_status, refund, setup_intent
from devstack.sandbox.ledger import OperationType, State

API_VERSION: Final = "2024-04-10"
EVENTS: Final = (
    "charge.refund.updated",
    "charge.refunded",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "refund.created",
    "refund.updated",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
)

Told = tuple[str, dict[str, Any], dict[str, Any]]
"""Type of event, object, and what of the object was otherwise before."""


def notices_of(happening: Happening, desk: Desk) -> Sequence[Notice]:
    """Give the events of a happening."""
    record = happening.entry.record
    at = happening.decision.at if happening.decision is not None else record.at
    notices = []
    for event_type, thing, before in _told(happening, desk):
        identifier = desk.new_id("evt_3")
        content = {
            "id": identifier,
            "object": "event",
            "api_version": API_VERSION,
            "created": at,
            "data": {"object": thing} | ({"previous_attributes": before} if before else {}),
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": desk.new_id("req_", 14), "idempotency_key": None},
            "type": event_type,
        }
        notices.append(
            Notice(
                id=identifier,
                type=event_type,
                reference=record.reference,
                content=content,
                name="#/components/schemas/event",
            )
        )
    return notices


def signature(body: bytes, now: int, secrets: Sequence[str]) -> str:
    """Give the header `Stripe-Signature`: one signature for each secret in force."""
    text = f"{now}.".encode() + body
    signed = [hmac.new(secret.encode(), text, hashlib.sha256).hexdigest() for secret in secrets if secret]
    return ",".join([f"t={now}", *(f"v1={one}" for one in signed)])


def _told(happening: Happening, desk: Desk) -> Iterator[Told]:
    entry, charge = happening.entry, happening.charge
    approved = entry.state is State.APPROVED
    match entry.record.type:
        case OperationType.VERIFY:
            names = {State.APPROVED: "succeeded", State.DECLINED: "setup_failed", State.PENDING: "requires_action"}
            yield f"setup_intent.{names[entry.state]}", setup_intent(charge, desk), {}
        case OperationType.REFUND:
            yield from _refund_told(happening)
        case OperationType.AUTHORIZE if not approved:
            name = "requires_action" if entry.state is State.PENDING else "payment_failed"
            yield f"payment_intent.{name}", payment_intent(charge, desk), {}
        case OperationType.VOID if approved:
            yield "payment_intent.canceled", payment_intent(charge, desk), {}
        case _ if approved:
            taken = payment_status(charge) == "succeeded"
            name = "succeeded" if taken else "amount_capturable_updated"
            yield f"payment_intent.{name}", payment_intent(charge, desk), {}


def _refund_told(happening: Happening) -> Iterator[Told]:
    entry, charge = happening.entry, happening.charge
    if entry.verdict.reason in REFUSALS:
        return
    told = refund(entry, charge)
    if happening.decision is None:
        yield "refund.created", told, {}
    else:
        # A failure takes back what had succeeded, unless it was pending till now.
        before = {"status": "succeeded" if entry.reversed else "pending"}
        yield "refund.updated", told, before
        yield "charge.refund.updated", told, before
    if entry.state is State.APPROVED:
        yield "charge.refunded", charge_object(charge), {}
