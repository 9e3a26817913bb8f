"""What PayPal's webhooks say.

Sources: "Webhook event names" (Payments v2 and Orders v2), the `event` schema of the Webhooks v1 description, and the
resources of the Payments v2 description.

Two events are taken note of and nothing more. PAYMENT.CAPTURE.REVERSED is money that PayPal took back in a dispute or a
bank's return: the capture did happen, so it must not become capturable again. CHECKOUT.ORDER.APPROVED is the shopper's
consent, by which no money moves.
"""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

import msgspec

from psp_connectors.connectors.paypal.answers import Asked, order_outcome
from psp_connectors.connectors.paypal.capabilities import WEBHOOK_ID, WEBHOOK_ROOTS
from psp_connectors.connectors.paypal.resources import (
    authorization_outcome,
    capture_outcome,
    money_of,
    parent_of,
    refund_outcome,
    seconds_of,
    void_outcome,
)
from psp_connectors.connectors.paypal.signatures import (
    ALGORITHM,
    Transmission,
    is_signed,
    is_timely,
    is_trusted_address,
    transmission_of,
)
from psp_connectors.domain.connector import NO_TOKEN, Account
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from psp_connectors.domain.reading import items_at, mapping_at, text_at
from psp_connectors.domain.webhooks import (
    FORGED,
    Authenticity,
    Notification,
    RawWebhook,
    WebhookContext,
    WebhookReading,
)

_LONGEST_ID: Final = 128
_MOST_WEBHOOKS: Final = 16
_LONGEST_TYPE: Final = 100
_FITTING: Final = MappingProxyType(
    {
        "PAYMENT.AUTHORIZATION.DENIED": frozenset({OutcomeKind.DECLINED}),
        "PAYMENT.CAPTURE.COMPLETED": frozenset({OutcomeKind.APPROVED}),
        "PAYMENT.CAPTURE.DENIED": frozenset({OutcomeKind.DECLINED}),
        "PAYMENT.CAPTURE.DECLINED": frozenset({OutcomeKind.DECLINED}),
        "PAYMENT.CAPTURE.PENDING": frozenset({OutcomeKind.PENDING}),
    }
)
_TELLING: Final = frozenset({OutcomeKind.APPROVED, OutcomeKind.PENDING, OutcomeKind.DECLINED})


def read_webhook(raw: RawWebhook, account: Account, context: WebhookContext) -> WebhookReading:
    """Say whether a webhook is PayPal's, and what it says; never raises.

    Without the certificate it is UNDECIDED, with the certificate's address in `evidence_wanted`.
    """
    transmission = transmission_of(raw.headers)
    webhook_ids = _webhook_ids(account, context)
    if (
        transmission is None
        or not webhook_ids
        or transmission.algorithm != ALGORITHM
        or not is_timely(transmission, context.now)
        or not is_trusted_address(transmission.certificate_url, account.base_url)
    ):
        return FORGED
    chain = context.evidence.get(transmission.certificate_url)
    if chain is None:
        return WebhookReading(authenticity=Authenticity.UNDECIDED, evidence_wanted=transmission.certificate_url)
    extra_roots = account.secrets.get(WEBHOOK_ROOTS, NO_TOKEN).reveal()
    if not is_signed(transmission, raw.body, webhook_ids, chain, extra_roots=extra_roots, now=context.now):
        return FORGED
    return _reading(transmission, raw.body)


def _webhook_ids(account: Account, context: WebhookContext) -> list[str]:
    """Give the ids a webhook may be signed for: the account's setting, and what is registered as webhook secrets.

    PayPal has no webhook secrets; its ids are registered like those, so that one can replace another without a gap.
    """
    registered = [secret.reveal() for secret in context.secrets]
    known = [*account.settings.get(WEBHOOK_ID, "").split(","), *registered]
    return [webhook_id for webhook_id in known if webhook_id][:_MOST_WEBHOOKS]


def _reading(transmission: Transmission, body: bytes) -> WebhookReading:
    try:
        event = msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        return FORGED
    return WebhookReading(authenticity=Authenticity.GENUINE, notifications=(notification_of(transmission, event),))


def notification_of(transmission: Transmission, event: object) -> Notification:
    """Say what an event means; one that says nothing of an operation of ours has no kind."""
    identifier = text_at(event, "id")
    usable = 0 < len(identifier) <= _LONGEST_ID and identifier.isascii() and identifier.isprintable()
    bare = Notification(
        event_id=identifier if usable else transmission.identifier[:_LONGEST_ID],
        event_type=text_at(event, "event_type")[:_LONGEST_TYPE],
        occurred_at=seconds_of(text_at(event, "create_time")),
    )
    resource = mapping_at(event, "resource")
    told = _told(bare, bare.event_type, resource)
    return told if told.outcome is not None and told.outcome.kind in _TELLING else bare


def _told(bare: Notification, event_type: str, resource: object) -> Notification:
    told = bare
    if event_type == "PAYMENT.AUTHORIZATION.VOIDED":
        told = _void(bare, resource)
    elif event_type.startswith("PAYMENT.AUTHORIZATION."):
        told = _authorization(bare, resource, authorization_outcome(resource))
    elif event_type == "PAYMENT.CAPTURE.REFUNDED" or event_type.startswith("PAYMENT.REFUND."):
        told = _refund(bare, resource)
    elif event_type.startswith("PAYMENT.CAPTURE.") and event_type != "PAYMENT.CAPTURE.REVERSED":
        told = _capture(bare, resource)
    elif event_type == "CHECKOUT.ORDER.COMPLETED":
        told = _order(bare, resource)
    fitting = _FITTING.get(event_type)
    # An event that shows its resource in another state is left to the events of that state.
    return told if told.outcome is None or fitting is None or told.outcome.kind in fitting else bare


def _with(bare: Notification, kind: OperationKind, outcome: Outcome, resource: object) -> Notification:
    money = money_of(resource)
    return replace(
        bare,
        kind=kind,
        outcome=outcome,
        psp_reference=outcome.psp_reference,
        currency=money.currency if money is not None else "",
    )


def _authorization(bare: Notification, resource: object, outcome: Outcome) -> Notification:
    reference = text_at(resource, "custom_id") or text_at(resource, "invoice_id")
    return replace(
        _with(bare, OperationKind.AUTHORIZE, outcome, resource),
        reference=reference,
        payment_reference=reference,
        payment_psp_reference=outcome.psp_reference,
    )


def _void(bare: Notification, resource: object) -> Notification:
    """Tell of a void, which bears no reference of ours at PayPal; an authorization that ran out looks the same."""
    outcome = void_outcome(resource)
    return replace(
        _with(bare, OperationKind.VOID, outcome, resource),
        payment_reference=text_at(resource, "custom_id") or text_at(resource, "invoice_id"),
        payment_psp_reference=outcome.psp_reference,
    )


def _capture(bare: Notification, resource: object) -> Notification:
    """Tell of the capture of an authorization, or, for one without, of a payment that was captured at once."""
    outcome = capture_outcome(resource)
    authorization = parent_of(resource, "authorization")
    invoice, custom = text_at(resource, "invoice_id"), text_at(resource, "custom_id")
    if not authorization and (not invoice or not custom or invoice == custom):
        if outcome.kind is OutcomeKind.APPROVED:
            outcome = replace(outcome, captured_amount=outcome.amount)
        return _authorization(bare, resource, outcome)
    return replace(
        _with(bare, OperationKind.CAPTURE, outcome, resource),
        reference="" if invoice == custom else invoice,
        payment_reference=custom,
        payment_psp_reference=authorization,
    )


def _refund(bare: Notification, resource: object) -> Notification:
    """Tell of a refund; one that failed had been accepted before, or the call itself would have been refused."""
    outcome = refund_outcome(resource)
    return replace(
        _with(bare, OperationKind.REFUND, outcome, resource),
        reference=text_at(resource, "invoice_id") or text_at(resource, "custom_id"),
        payment_psp_reference=parent_of(resource, "authorization"),
        reversal=outcome.kind is OutcomeKind.DECLINED,
    )


def _order(bare: Notification, order: object) -> Notification:
    units = items_at(order, "purchase_units")
    reference = text_at(units[0], "custom_id") if units else ""
    if not reference:
        return bare
    captured = text_at(order, "intent") == "CAPTURE"
    outcome = order_outcome(order, Asked(reference, None), capture=captured)
    payments = mapping_at(units[0], "payments")
    taken = items_at(payments, "captures" if captured else "authorizations")
    return _authorization(bare, {"custom_id": reference} | dict(mapping_at(taken[0]) if taken else {}), outcome)
