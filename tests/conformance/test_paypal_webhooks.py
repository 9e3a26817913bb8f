"""What the connector makes of PayPal's webhooks: whose they are, and what they say."""

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from devstack.descriptions import default_folder, load
from mesh.money import Money
from psp_connectors.connectors.paypal.roots import INTERMEDIATES, ROOTS
from psp_connectors.connectors.paypal.signatures import LATE_SECONDS, is_trusted_address
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import OutcomeKind
from psp_connectors.domain.webhooks import Authenticity, Notification, RawWebhook, WebhookContext, WebhookReading
from tests.conformance.material import needs_material
from tests.contract.connector_suite import BOUNDED, JSON_VALUES
from tests.fakes.connectors.paypal import (
    AUTHORIZATION,
    CAPTURE,
    ORDER,
    REFUND,
    WEBHOOK_ID,
    authorization_answer,
    capture_answer,
    charge_answer,
    link,
    order_answer,
    paypal_account,
    refund_answer,
)
from tests.fakes.connectors.paypal_signer import (
    CERTIFICATE_URL,
    NOW,
    SIGNER_NAME,
    chain,
    intermediate,
    issued,
    root,
    signed,
    signer,
)

PAYPAL = CONNECTORS["paypal"]
EUROS = Money(1050, "EUR")
SPECS = default_folder()
APPROVED, DECLINED, PENDING = OutcomeKind.APPROVED, OutcomeKind.DECLINED, OutcomeKind.PENDING
GENUINE, FORGED, UNDECIDED = Authenticity.GENUINE, Authenticity.FORGED, Authenticity.UNDECIDED


def event(event_type: str, resource: object, **changes: object) -> dict[str, Any]:
    return {
        "id": "WH-58D329510W468432D-8HN650336L201105X",
        "event_version": "1.0",
        "create_time": "2026-11-25T10:00:00.000Z",
        "resource_type": event_type.lower().partition(".")[2].partition(".")[0],
        "resource_version": "2.0",
        "event_type": event_type,
        "summary": "as PayPal words it",
        "resource": resource,
        "links": [],
    } | changes


def read(
    raw: RawWebhook, *, certificates: bytes | None = None, now: int = NOW, url: str = CERTIFICATE_URL, **settings: str
) -> WebhookReading:
    assert PAYPAL.read_webhook is not None
    account = paypal_account(**({"webhook_roots": root().pem.strip()} | settings))
    evidence = {url: chain() if certificates is None else certificates}
    return PAYPAL.read_webhook(raw, account, WebhookContext(secrets=[], now=now, evidence=evidence))


def told(event_type: str, resource: object) -> Notification:
    reading = read(signed(event(event_type, resource)))
    assert (reading.authenticity, reading.refused) == (GENUINE, 0)
    (notification,) = reading.notifications
    assert notification.event_type == event_type
    return notification


def test_without_the_certificate_nothing_is_decided() -> None:
    assert PAYPAL.read_webhook is not None
    raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)))
    reading = PAYPAL.read_webhook(raw, paypal_account(), WebhookContext(secrets=[], now=NOW))
    assert (reading.authenticity, reading.evidence_wanted) == (UNDECIDED, CERTIFICATE_URL)
    assert reading.notifications == ()


def test_webhook_with_the_right_certificate_is_genuine() -> None:
    reading = read(signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS))))
    assert reading.authenticity is GENUINE
    (notification,) = reading.notifications
    assert notification.event_id == "WH-58D329510W468432D-8HN650336L201105X"
    assert notification.occurred_at == 1_795_600_800


def test_one_changed_byte_anywhere_is_a_forgery() -> None:
    raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)))
    for place in range(0, len(raw.body), 7):
        body = raw.body[:place] + bytes([raw.body[place] ^ 1]) + raw.body[place + 1 :]
        assert read(replace(raw, body=body)).authenticity is FORGED


@pytest.mark.parametrize(
    "header", ["transmission-id", "transmission-time", "transmission-sig", "cert-url", "auth-algo"]
)
def test_every_header_counts(header: str) -> None:
    raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)))
    for value in (None, "", "x", "SHA1withRSA", "A" * 2000, "2026-11-25T09:46:41Z", "https://api.paypal.com/"):
        headers = {k: v for k, v in raw.headers.items() if k != f"paypal-{header}"}
        if value is not None:
            headers[f"paypal-{header}"] = value
        assert read(replace(raw, headers=headers)).authenticity is FORGED, value


def test_another_webhooks_signature_is_a_forgery_and_two_ids_are_read_during_a_change() -> None:
    raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)), webhook_id="0OTHER")
    assert read(raw).authenticity is FORGED
    assert read(raw, webhook_id=f"{WEBHOOK_ID},0OTHER").authenticity is GENUINE
    assert read(raw, webhook_id="").authenticity is FORGED


def test_ids_registered_like_webhook_secrets_count_too() -> None:
    assert PAYPAL.read_webhook is not None
    raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)), webhook_id="0NEW")
    account = paypal_account(webhook_roots=root().pem)
    for ids, authenticity in ((("0NEW",), GENUINE), (("0OTHER", "0NEW"), GENUINE), (("0OTHER",), FORGED)):
        context = WebhookContext(secrets=[Secret(one) for one in ids], now=NOW, evidence={CERTIFICATE_URL: chain()})
        assert PAYPAL.read_webhook(raw, account, context).authenticity is authenticity


@pytest.mark.parametrize(
    ("age", "authenticity"),
    [
        (-301, FORGED),
        (-300, GENUINE),
        (0, GENUINE),
        (86400, GENUINE),
        (LATE_SECONDS, GENUINE),
        (LATE_SECONDS + 1, FORGED),
    ],
)
def test_age_is_bounded_by_paypals_own_retries(age: int, authenticity: Authenticity) -> None:
    raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)), sent_at=NOW - age)
    assert read(raw).authenticity is authenticity


def test_certificates_that_do_not_count() -> None:
    raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)))
    assert read(raw, certificates=b"").authenticity is FORGED
    assert (
        read(raw, certificates=b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").authenticity is FORGED
    )
    assert read(raw, certificates=chain() + b" " * 70_000).authenticity is FORGED
    assert read(raw, certificates=signer().pem.encode()).authenticity is FORGED, "nobody vouches for it"
    assert read(raw, webhook_roots="").authenticity is FORGED, "our root is not one of the public web's"
    assert read(raw, webhook_roots="no PEM").authenticity is FORGED


def test_certificates_of_other_names_times_and_issuers_do_not_count() -> None:
    other_root = issued("Another Root", None, authority=True)
    above = intermediate()
    spoiled = {
        "other name": issued("x", above, authority=False, names=("www.paypal.com",)),
        "look-alike": issued("x", above, authority=False, names=(f"{SIGNER_NAME}.example",)),
        "no name": issued(SIGNER_NAME, above, authority=False),
        "expired": issued(SIGNER_NAME, above, authority=False, names=(SIGNER_NAME,), days=(-30, -1)),
        "not yet": issued(SIGNER_NAME, above, authority=False, names=(SIGNER_NAME,), days=(1, 30)),
        "an authority": issued(SIGNER_NAME, above, authority=True, names=(SIGNER_NAME,)),
    }
    for name, leaf in spoiled.items():
        raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)), by=leaf)
        assert read(raw, certificates=chain(leaf)).authenticity is FORGED, name
    stranger = issued(SIGNER_NAME, other_root, authority=False, names=(SIGNER_NAME,))
    raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)), by=stranger)
    assert read(raw, certificates=chain(stranger, other_root)).authenticity is FORGED
    curve = issued(
        SIGNER_NAME, above, authority=False, names=(SIGNER_NAME,), key=ec.generate_private_key(ec.SECP256R1())
    )
    genuine = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)))
    assert read(genuine, certificates=chain(curve)).authenticity is FORGED


def test_sandbox_and_wildcard_names_count() -> None:
    for name in ("messageverificationcerts.sandbox.paypal.com", "*.paypal.com"):
        leaf = issued("x", intermediate(), authority=False, names=("example.com", name))
        raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)), by=leaf)
        assert read(raw, certificates=chain(leaf)).authenticity is GENUINE, name


def test_built_in_certificates_are_readable() -> None:
    roots = x509.load_pem_x509_certificates(ROOTS.encode())
    assert [one.subject.rfc4514_string().split(",")[0] for one in roots] == [
        "CN=DigiCert High Assurance EV Root CA",
        "CN=DigiCert Global Root CA",
        "CN=DigiCert Global Root G2",
    ]
    (above,) = x509.load_pem_x509_certificates(INTERMEDIATES.encode())
    above.verify_directly_issued_by(roots[0])


@pytest.mark.parametrize(
    "url",
    [
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        "https://evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../x",
        "https://api.paypal.com/v1/notifications/certs/CERT-1?x=y",
        "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
        "https://api.paypal.com/v1/notifications/certs/",
        "https://www.paypal.com/v1/notifications/certs/CERT-1",
        "https://[::1/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:99999/v1/notifications/certs/CERT-1",
        "file:///etc/passwd",
        "",
    ],
)
def test_certificates_are_brought_from_paypal_only(url: str) -> None:
    assert not is_trusted_address(url, "https://api-m.paypal.com")
    raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS)), certificate_url=url)
    reading = read(raw, url=url)
    assert (reading.authenticity, reading.evidence_wanted) == (FORGED, "")


def test_an_accounts_own_address_may_give_certificates() -> None:
    base = "http://127.0.0.1:8123"
    assert is_trusted_address(f"{base}/v1/notifications/certs/CERT-1", base)
    assert not is_trusted_address(f"{base}0/v1/notifications/certs/CERT-1", base)
    assert not is_trusted_address(f"{base}/v1/notifications/certs/CERT-1", "")
    for host in ("api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com"):
        assert is_trusted_address(f"https://{host}/v1/notifications/certs/CERT-360caa42-fca2a594", base)


@BOUNDED
@given(url=st.text(max_size=80))
def test_no_other_address_is_trusted(url: str) -> None:
    assert not is_trusted_address(url, "https://api-m.paypal.com")
    assert not is_trusted_address("https://api.paypal.com" + url, "https://api-m.paypal.com")


def test_what_the_events_of_an_authorization_say() -> None:
    for status, kind in (("CREATED", APPROVED), ("PENDING", PENDING), ("DENIED", DECLINED), ("CAPTURED", APPROVED)):
        resource = authorization_answer(EUROS, status, processor_response={})
        notification = told("PAYMENT.AUTHORIZATION.CREATED", resource)
        assert notification.outcome is not None
        assert (notification.kind, notification.outcome.kind) == (OperationKind.AUTHORIZE, kind)
        assert (notification.outcome.amount, notification.currency) == (1050, "EUR")
        assert (notification.reference, notification.payment_reference) == ("pay_1_1", "pay_1_1")
        assert (notification.psp_reference, notification.payment_psp_reference) == (AUTHORIZATION, AUTHORIZATION)


def test_what_a_voided_authorization_says() -> None:
    notification = told("PAYMENT.AUTHORIZATION.VOIDED", authorization_answer(EUROS, "VOIDED"))
    assert notification.outcome is not None
    assert (notification.kind, notification.outcome.kind) == (OperationKind.VOID, APPROVED)
    assert (notification.reference, notification.payment_reference) == ("", "pay_1_1")
    assert notification.payment_psp_reference == AUTHORIZATION


@pytest.mark.parametrize(
    ("event_type", "status", "kind"),
    [
        ("PAYMENT.CAPTURE.COMPLETED", "COMPLETED", APPROVED),
        ("PAYMENT.CAPTURE.PENDING", "PENDING", PENDING),
        ("PAYMENT.CAPTURE.DECLINED", "DECLINED", DECLINED),
        ("PAYMENT.CAPTURE.DENIED", "DECLINED", DECLINED),
    ],
)
def test_what_the_events_of_a_capture_say(event_type: str, status: str, kind: OutcomeKind) -> None:
    notification = told(event_type, capture_answer(EUROS, status=status))
    assert notification.outcome is not None
    assert (notification.kind, notification.outcome.kind) == (OperationKind.CAPTURE, kind)
    assert (notification.reference, notification.payment_reference) == ("cap_1", "pay_1_1")
    assert (notification.psp_reference, notification.payment_psp_reference) == (CAPTURE, AUTHORIZATION)
    at_once = told(event_type, charge_answer(EUROS, status, processor_response={}))
    assert at_once.outcome is not None
    assert (at_once.kind, at_once.outcome.kind) == (OperationKind.AUTHORIZE, kind)
    assert (at_once.reference, at_once.psp_reference) == ("pay_1_1", CAPTURE)
    assert at_once.outcome.captured_amount == (1050 if kind is APPROVED else 0)


@pytest.mark.parametrize(
    ("event_type", "status"),
    [
        ("PAYMENT.CAPTURE.DENIED", "COMPLETED"),
        ("PAYMENT.CAPTURE.COMPLETED", "DECLINED"),
        ("PAYMENT.CAPTURE.PENDING", "COMPLETED"),
    ],
)
def test_an_event_that_shows_its_capture_in_another_state_says_nothing(event_type: str, status: str) -> None:
    assert told(event_type, capture_answer(EUROS, status=status)).outcome is None
    denied = authorization_answer(EUROS, "CREATED", processor_response={})
    assert told("PAYMENT.AUTHORIZATION.DENIED", denied).outcome is None


def test_parent_of_a_capture_is_found_in_either_place() -> None:
    related = {"related_ids": {"order_id": ORDER, "authorization_id": AUTHORIZATION}}
    by_ids = told("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS, links=[], supplementary_data=related))
    assert (by_ids.kind, by_ids.payment_psp_reference) == (OperationKind.CAPTURE, AUTHORIZATION)
    by_invoice = told("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS, links=[]))
    assert (by_invoice.kind, by_invoice.reference, by_invoice.payment_psp_reference) == (
        OperationKind.CAPTURE,
        "cap_1",
        "",
    )
    from_elsewhere = told("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS, "pay_1_1"))
    assert (from_elsewhere.kind, from_elsewhere.reference) == (OperationKind.CAPTURE, "")


@pytest.mark.parametrize(
    ("event_type", "status", "kind", "reversal"),
    [
        ("PAYMENT.CAPTURE.REFUNDED", "COMPLETED", APPROVED, False),
        ("PAYMENT.REFUND.PENDING", "PENDING", PENDING, False),
        ("PAYMENT.REFUND.FAILED", "FAILED", DECLINED, True),
    ],
)
def test_what_the_events_of_a_refund_say(event_type: str, status: str, kind: OutcomeKind, *, reversal: bool) -> None:
    notification = told(event_type, refund_answer(EUROS, status))
    assert notification.outcome is not None
    assert (notification.kind, notification.outcome.kind) == (OperationKind.REFUND, kind)
    assert (notification.reference, notification.psp_reference) == ("ref_1", REFUND)
    assert notification.reversal is reversal


def test_what_a_completed_order_says() -> None:
    for captured, identifier in ((True, CAPTURE), (False, AUTHORIZATION)):
        payment = charge_answer(EUROS) if captured else authorization_answer(EUROS)
        notification = told("CHECKOUT.ORDER.COMPLETED", order_answer(EUROS, payment, captured=captured))
        assert notification.outcome is not None
        assert (notification.kind, notification.outcome.kind) == (OperationKind.AUTHORIZE, APPROVED)
        assert (notification.reference, notification.psp_reference) == ("pay_1_1", identifier)
        assert (notification.outcome.amount, notification.currency) == (1050, "EUR")


@pytest.mark.parametrize(
    ("event_type", "resource"),
    [
        ("PAYMENT.CAPTURE.REVERSED", refund_answer(EUROS)),
        ("CHECKOUT.ORDER.APPROVED", order_answer(EUROS, None, captured=False, status="APPROVED")),
        ("CHECKOUT.PAYMENT-APPROVAL.REVERSED", {"order_id": ORDER}),
        ("CUSTOMER.DISPUTE.CREATED", {"dispute_id": "PP-D-1"}),
        ("PAYMENT.SALE.COMPLETED", {"id": "1", "state": "completed"}),
        ("PAYMENT.CAPTURE.COMPLETED", {"id": "1", "state": "completed"}),
        ("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS, status="NOVEL")),
        ("CHECKOUT.ORDER.COMPLETED", {"id": ORDER}),
        ("", None),
    ],
)
def test_events_that_say_nothing_of_an_operation(event_type: str, resource: object) -> None:
    notification = told(event_type, resource)
    assert (notification.kind, notification.outcome, notification.reference) == (None, None, "")


def test_event_without_a_usable_id_goes_by_its_transmission() -> None:
    for identifier in ("", "é", "x" * 129, 7, None):
        raw = signed(event("PAYMENT.CAPTURE.COMPLETED", capture_answer(EUROS), id=identifier))
        (notification,) = read(raw).notifications
        assert notification.event_id == "69cd13f0-d67a-11e5-baa3-778b53f4ae55"


@BOUNDED
@given(body=st.binary(max_size=300) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_signed_is_read_without_raising(body: bytes) -> None:
    reading = read(signed(body))
    assert all(one.kind is None for one in reading.notifications)


@BOUNDED
@given(headers=st.dictionaries(st.sampled_from(list(signed(b"{}").headers)), st.text(max_size=60)), body=st.binary())
def test_whatever_comes_is_read_without_raising_and_is_not_genuine(headers: dict[str, str], body: bytes) -> None:
    assert read(RawWebhook(headers=headers, body=body)).authenticity is FORGED


@BOUNDED
@given(data=st.data(), resource=JSON_VALUES)
def test_any_resource_is_read_without_raising(data: st.DataObject, resource: object) -> None:
    types = ("PAYMENT.AUTHORIZATION.CREATED", "PAYMENT.CAPTURE.REFUNDED", "CHECKOUT.ORDER.COMPLETED")
    body = json.dumps(event(data.draw(st.sampled_from(types)), resource)).replace("Infinity", "0").encode()
    reading = read(signed(body))
    assert (reading.authenticity, reading.notifications[0].kind) == (GENUINE, None)


@needs_material
def test_our_events_are_as_described_and_the_documented_example_is_read() -> None:
    assert SPECS is not None
    description = load(SPECS, "paypal")
    mine = event("PAYMENT.AUTHORIZATION.CREATED", authorization_answer(EUROS), links=[link("self", "/v1/x")])
    assert description.component_findings("#/components/schemas/event", mine) == []
    (example,) = [e for e in description.examples() if e.name == "verify_webhook_signature"]
    value = example.value
    headers = {
        "paypal-transmission-id": value["transmission_id"],
        "paypal-transmission-time": value["transmission_time"],
        "paypal-transmission-sig": value["transmission_sig"],
        "paypal-cert-url": CERTIFICATE_URL,
        "paypal-auth-algo": value["auth_algo"],
    }
    raw = RawWebhook(headers=headers, body=json.dumps(value["webhook_event"]).encode())
    # Its certificate is not to be had: what can be said is that this is a delivery, and that ours did not sign it.
    assert PAYPAL.read_webhook is not None
    sent = 1_455_825_695
    account = paypal_account(webhook_id=value["webhook_id"])
    first = PAYPAL.read_webhook(raw, account, WebhookContext(secrets=[], now=sent))
    assert (first.authenticity, first.evidence_wanted) == (UNDECIDED, CERTIFICATE_URL)
    assert read(raw, now=sent, webhook_id=value["webhook_id"]).authenticity is FORGED
