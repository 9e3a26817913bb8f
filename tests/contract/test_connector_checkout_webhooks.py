import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import OutcomeKind
from psp_connectors.domain.webhooks import (
    Authenticity,
    Notification,
    RawWebhook,
    WebhookContext,
    WebhookReading,
)
from tests.contract.connector_suite import BOUNDED, JSON_VALUES, changed, paths_of
from tests.fakes.connectors.checkout import ACTION, PAYMENT, SIGNATURE_KEY, checkout_account, event, webhook

CHECKOUT = CONNECTORS["checkout"]
CONTEXT = WebhookContext(secrets=(Secret("an older key"), Secret(SIGNATURE_KEY)), now=1_764_066_600)


def read(raw: RawWebhook, context: WebhookContext = CONTEXT, **account: str) -> WebhookReading:
    assert CHECKOUT.read_webhook is not None
    return CHECKOUT.read_webhook(raw, checkout_account(**account), context)


def notified(body: dict[str, Any]) -> Notification:
    reading = read(webhook(body))
    assert reading.authenticity is Authenticity.GENUINE
    (notification,) = reading.notifications
    return notification


def test_a_vector_computed_elsewhere() -> None:
    # RFC 4231, test case 2: the HMAC-SHA256 of this text with the key "Jefe".
    signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    raw = RawWebhook(headers={"cko-signature": signature}, body=b"what do ya want for nothing?")
    context = WebhookContext(secrets=(Secret("Jefe"),), now=0)
    assert read(raw, context).authenticity is Authenticity.FORGED, "signed, but no event"
    body = json.dumps(event("payment_approved")).encode()
    assert read(RawWebhook(headers={"cko-signature": signature}, body=body), context).notifications == ()


@pytest.mark.parametrize("key", [SIGNATURE_KEY, "an older key"])
def test_every_key_in_force_is_good(key: str) -> None:
    assert read(webhook(event("payment_approved"), key)).authenticity is Authenticity.GENUINE


def test_other_keys_bytes_and_no_signature_are_forged() -> None:
    genuine = webhook(event("payment_approved"))
    signature = genuine.headers["cko-signature"]
    forged = (
        webhook(event("payment_approved"), "another key"),
        RawWebhook(headers=genuine.headers, body=genuine.body + b" "),
        RawWebhook(headers={}, body=genuine.body),
        RawWebhook(headers={"cko-signature": ""}, body=genuine.body),
        RawWebhook(headers={"cko-signature": signature[:-1]}, body=genuine.body),
        RawWebhook(headers={"cko-signature": "é" * 64}, body=genuine.body),
        RawWebhook(headers={"cko-signature": "\ud800"}, body=genuine.body),
    )
    for raw in forged:
        assert read(raw).authenticity is Authenticity.FORGED
    assert read(genuine, WebhookContext(secrets=(), now=0)).authenticity is Authenticity.FORGED
    empty_key = WebhookContext(secrets=(Secret(""),), now=0)
    assert read(webhook(event("payment_approved"), ""), empty_key).authenticity is Authenticity.FORGED


def test_the_authorization_header_must_fit_where_there_is_one() -> None:
    body = event("payment_approved")
    fits = webhook(body, headers={"authorization": "let me in"})
    assert read(fits, webhook_authorization="let me in").authenticity is Authenticity.GENUINE
    for raw in (webhook(body), webhook(body, headers={"authorization": "Let me in"})):
        assert read(raw, webhook_authorization="let me in").authenticity is Authenticity.FORGED


def test_an_authorization_is_told() -> None:
    notification = notified(event("payment_approved", scheme_id="489341065491658"))
    assert notification.event_id == "evt_az5sblvku4ge3dwpztvyizgcau"
    assert notification.event_type == "payment_approved"
    assert notification.occurred_at == 1_795_602_600
    assert (notification.kind, notification.reference) == (OperationKind.AUTHORIZE, "pay_1_1")
    assert notification.payment_reference == "pay_1_1"
    assert (notification.psp_reference, notification.payment_psp_reference) == (PAYMENT, PAYMENT)
    outcome = notification.outcome
    assert outcome is not None
    assert (outcome.kind, outcome.amount, notification.currency) == (OutcomeKind.APPROVED, 1050, "EUR")
    assert outcome.network_transaction_id == "489341065491658"


OWN = {"capture": "cap_1", "void": "void_1", "refund": "ref_1", "increment": "inc_1"}


@pytest.mark.parametrize(
    ("event_type", "kind", "expected"),
    [
        ("payment_captured", "capture", "approved"),
        ("payment_capture_declined", "capture", "declined"),
        ("payment_capture_pending", "capture", "pending"),
        ("payment_voided", "void", "approved"),
        ("payment_void_declined", "void", "declined"),
        ("payment_refunded", "refund", "approved"),
        ("payment_refund_declined", "refund", "declined"),
        ("payment_refund_pending", "refund", "pending"),
        ("payment_authorization_incremented", "increment", "approved"),
        ("payment_authorization_increment_declined", "increment", "declined"),
    ],
)
def test_modifications_are_found_by_reference_and_by_id(event_type: str, kind: str, expected: str) -> None:
    metadata = {f"{kind}_reference": OWN[kind], "payment_reference": "pay_1_1", "capture_mode": "later"}
    for reference in (OWN[kind], "pay_1_1"):
        notification = notified(event(event_type, reference=reference, metadata=metadata))
        assert (notification.kind, notification.reference) == (OperationKind(kind), OWN[kind])
        assert notification.payment_reference == "pay_1_1"
        assert (notification.psp_reference, notification.payment_psp_reference) == (ACTION, PAYMENT)
        assert notification.outcome is not None
        assert notification.outcome.kind is OutcomeKind(expected)
    bare = notified(event(event_type, reference=OWN[kind], metadata={}))
    assert (bare.reference, bare.payment_reference) == (OWN[kind], "")


@pytest.mark.parametrize(
    ("event_type", "kind", "expected", "code"),
    [
        ("payment_declined", "authorize", "declined", "insufficient_funds"),
        ("payment_pending", "authorize", "pending", ""),
        ("payment_canceled", "authorize", "declined", "customer_canceled"),
        ("payment_expired", "authorize", "declined", "authorization_expired"),
        ("payment_authentication_failed", "authorize", "declined", "authentication_failed"),
        ("card_verified", "verify", "approved", ""),
        ("card_verification_declined", "verify", "declined", "insufficient_funds"),
    ],
)
def test_payments_are_told(event_type: str, kind: str, expected: str, code: str) -> None:
    notification = notified(event(event_type))
    assert (notification.kind, notification.reference) == (OperationKind(kind), "pay_1_1")
    assert notification.outcome is not None
    assert (notification.outcome.kind, notification.outcome.code) == (OutcomeKind(expected), code)


def test_a_payment_captured_at_once_is_settled_by_the_event_of_its_capture() -> None:
    metadata = {"payment_reference": "pay_1_1", "capture_mode": "at_once"}
    for event_type, expected in (
        ("payment_approved", OutcomeKind.PENDING),
        ("payment_captured", OutcomeKind.APPROVED),
        # The hold stands: nobody else may be asked for the money.
        ("payment_capture_declined", OutcomeKind.PENDING),
    ):
        notification = notified(event(event_type, metadata=metadata))
        assert (notification.kind, notification.reference) == (OperationKind.AUTHORIZE, "pay_1_1")
        assert notification.psp_reference == PAYMENT
        assert notification.outcome is not None
        assert notification.outcome.kind is expected
        captured = 1050 if event_type == "payment_captured" else 0
        assert notification.outcome.captured_amount == captured


@pytest.mark.parametrize("event_type", ["payment_returned", "dispute_won", "payment_retry_scheduled", "tomorrows"])
def test_events_that_say_nothing_of_an_operation_are_told_without_one(event_type: str) -> None:
    notification = notified(event(event_type))
    assert (notification.event_type, notification.kind, notification.outcome) == (event_type, None, None)


def test_events_that_contradict_themselves_settle_nothing() -> None:
    for body in (
        event("payment_captured", response_code="20051"),
        event("payment_capture_declined", response_code="10000"),
        event("payment_approved", approved=False),
        event("payment_approved", amount="1050"),
        event("payment_refunded", amount=None),
        event("payment_declined", response_code="20068"),
    ):
        outcome = notified(body).outcome
        assert outcome is not None
        assert outcome.kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-11-25T10:30:00.8821546Z", 1_795_602_600),
        ("2026-11-25T12:30:00.357+02:00", 1_795_602_600),
        ("2026-11-25T10:30:00", 1_795_602_600),
        ("yesterday", 0),
        ("1969-12-31T23:59:59Z", 0),
    ],
)
def test_time_stamps_of_every_form(stamp: str, expected: int) -> None:
    assert notified(event("payment_approved") | {"created_on": stamp}).occurred_at == expected
    assert notified(event("payment_approved") | {"created_on": None, "timestamp": stamp}).occurred_at == expected


@BOUNDED
@given(data=st.data(), event_type=st.sampled_from(["payment_captured", "payment_declined", "card_verified"]))
def test_changed_events_never_raise_nor_approve_by_themselves(data: st.DataObject, event_type: str) -> None:
    body = event(event_type)
    for _ in range(data.draw(st.integers(1, 3))):
        paths = list(paths_of(body))
        if paths:
            body = changed(body, data.draw(st.sampled_from(paths)), data.draw(st.just(...) | JSON_VALUES))
    for notification in read(webhook(body)).notifications:
        outcome = notification.outcome
        if outcome is not None and outcome.kind is OutcomeKind.APPROVED:
            assert body["type"] in {"payment_captured", "card_verified"}
            assert str(body["data"]["response_code"]).startswith("10")


@BOUNDED
@given(body=st.binary(max_size=200) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_anything_signed_is_read_without_raising(body: bytes) -> None:
    for notification in read(webhook(body)).notifications:
        assert notification.event_id
    assert read(RawWebhook(headers={}, body=body)).authenticity is Authenticity.FORGED


@pytest.mark.parametrize("event_type", ["payment_approved", "payment_captured"])
def test_an_approval_of_a_part_is_none(event_type: str) -> None:
    outcome = notified(event(event_type, response_code="10010")).outcome
    assert outcome is not None
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, "contradictory_answer")
