"""PayPal's official SDK works against the sandbox's PayPal: create, capture, refund, void, decline, errors."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from apimatic_core.exceptions.auth_validation_exception import (  # type: ignore[import-untyped]
    AuthValidationException,
)
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from paypalserversdk.exceptions.error_exception import ErrorException  # type: ignore[import-untyped]
from paypalserversdk.models.amount_with_breakdown import AmountWithBreakdown  # type: ignore[import-untyped]
from paypalserversdk.models.capture_request import CaptureRequest  # type: ignore[import-untyped]
from paypalserversdk.models.card_request import CardRequest  # type: ignore[import-untyped]
from paypalserversdk.models.money import Money  # type: ignore[import-untyped]
from paypalserversdk.models.order_request import OrderRequest  # type: ignore[import-untyped]
from paypalserversdk.models.payment_source import PaymentSource  # type: ignore[import-untyped]
from paypalserversdk.models.purchase_unit_request import PurchaseUnitRequest  # type: ignore[import-untyped]
from paypalserversdk.models.refund_request import RefundRequest  # type: ignore[import-untyped]

from tests.fakes.connectors.paypal import CLIENT_ID, WEBHOOK_ID
from tests.fakes.connectors.ports import API_KEY
from tests.support.paypal_sdk import paypal_sdk
from tests.support.sandbox_psp import Received, ThreadedLab, sandbox_in_thread

pytestmark = pytest.mark.integration

WHOLE = "return=representation"


ENTRY = {
    "account": "paypal_a",
    "dialect": "paypal",
    "api_key": API_KEY,
    "settings": {"client_id": CLIENT_ID, "webhook_id": WEBHOOK_ID},
}


@dataclass
class Served:
    """The sandbox's PayPal."""

    threaded: ThreadedLab

    @property
    def url(self) -> str:
        return self.threaded.lab.url

    def webhooks(self) -> list[Received]:
        self.threaded.run(self.threaded.lab.call("POST", "webhooks:settle"))
        return self.threaded.lab.receiver.received

    def truth(self, invoice: str = "inv-1") -> dict[str, Any]:
        """Give the truth about the only payment of an invoice."""
        (truth,) = self.threaded.run(self.threaded.lab.truth(invoice))
        return dict(truth)

    def books(self, invoice: str = "inv-1") -> tuple[int, int, int, int]:
        """Give what is authorized, captured and refunded, and how often money moved."""
        truth = self.truth(invoice)
        return truth["authorized"], truth["captured"], truth["refunded"], truth["money_moves"]


@pytest.fixture
def served() -> Iterator[Served]:
    with sandbox_in_thread(ENTRY) as threaded:
        yield Served(threaded)
        assert threaded.run(threaded.lab.get("violations"))["violations"] == []


@pytest.fixture
def sdk(served: Served) -> Any:
    return paypal_sdk(served.url, CLIENT_ID, API_KEY)


def euros(value: str) -> Any:
    return Money(currency_code="EUR", value=value)


def order(invoice: str, *, intent: str = "AUTHORIZE", name: str = "Ada Lovelace", key: str = "") -> dict[str, Any]:
    card = CardRequest(number="4012888888881881", expiry="2099-12", security_code="123", name=name)
    unit = PurchaseUnitRequest(
        amount=AmountWithBreakdown(currency_code="EUR", value="10.50"), invoice_id=invoice, custom_id=invoice
    )
    return {
        "body": OrderRequest(intent=intent, purchase_units=[unit], payment_source=PaymentSource(card=card)),
        "paypal_request_id": key or f"key-{invoice}",
        "prefer": WHOLE,
    }


def authorized(sdk: Any, invoice: str = "inv-1") -> Any:
    created = sdk.orders.create_order(order(invoice)).body
    assert created.status == "COMPLETED"
    (unit,) = created.purchase_units
    (authorization,) = unit.payments.authorizations
    return authorization


def test_authorize_capture_in_parts_and_refund(sdk: Any, served: Served) -> None:
    authorization = authorized(sdk)
    assert (authorization.status, authorization.amount.value, authorization.invoice_id) == ("CREATED", "10.50", "inv-1")
    assert authorization.processor_response.response_code == "0000"
    assert len(authorization.network_transaction_reference.id) >= 9
    captured = sdk.payments.capture_authorized_payment(
        {
            "authorization_id": authorization.id,
            "body": CaptureRequest(amount=euros("4.00"), invoice_id="cap-1", final_capture=False),
            "paypal_request_id": "key-cap-1",
            "prefer": WHOLE,
        }
    ).body
    assert (captured.status, captured.amount.value, captured.invoice_id) == ("COMPLETED", "4.00", "cap-1")
    assert (
        sdk.payments.get_authorized_payment({"authorization_id": authorization.id}).body.status == "PARTIALLY_CAPTURED"
    )
    refunded = sdk.payments.refund_captured_payment(
        {
            "capture_id": captured.id,
            "body": RefundRequest(amount=euros("1.50"), invoice_id="ref-1"),
            "paypal_request_id": "key-ref-1",
            "prefer": WHOLE,
        }
    ).body
    assert (refunded.status, refunded.amount.value) == ("COMPLETED", "1.50")
    assert sdk.payments.get_refund({"refund_id": refunded.id}).body.invoice_id == "ref-1"
    assert sdk.payments.get_captured_payment({"capture_id": captured.id}).body.status == "PARTIALLY_REFUNDED"
    assert served.books() == (1050, 400, 150, 3)


def test_charge_at_once_and_read_the_order(sdk: Any, served: Served) -> None:
    created = sdk.orders.create_order(order("inv-1", intent="CAPTURE")).body
    (capture,) = created.purchase_units[0].payments.captures
    assert (capture.status, capture.amount.value) == ("COMPLETED", "10.50")
    read = sdk.orders.get_order({"id": created.id}).body
    assert (read.status, read.intent, read.payment_source.card.last_digits) == ("COMPLETED", "CAPTURE", "1881")
    assert served.books() == (1050, 1050, 0, 1)


def test_void(sdk: Any, served: Served) -> None:
    authorization = authorized(sdk)
    options = {"authorization_id": authorization.id, "paypal_request_id": "key-void", "prefer": WHOLE}
    assert sdk.payments.void_payment(options).body.status == "VOIDED"
    with pytest.raises(ErrorException) as refusal:
        sdk.payments.void_payment(options | {"paypal_request_id": "key-void-2"})
    assert (refusal.value.response_code, refusal.value.details[0].issue) == (422, "PREVIOUSLY_VOIDED")
    assert (served.truth()["voided"], served.truth()["captured"]) == (True, 0)


def test_same_request_id_is_answered_with_the_same_order(sdk: Any, served: Served) -> None:
    first = sdk.orders.create_order(order("inv-1", key="same"))
    second = sdk.orders.create_order(order("inv-1", key="same"))
    assert (first.status_code, second.status_code, second.body.id) == (201, 200, first.body.id)
    assert served.books() == (1050, 0, 0, 1)
    with pytest.raises(ErrorException) as refusal:
        sdk.orders.create_order(order("inv-1", key="other"))
    assert refusal.value.details[0].issue == "DUPLICATE_INVOICE_ID"


@pytest.mark.parametrize(("name", "code"), [("CCREJECT-IF", "5120"), ("CCREJECT-SF", "9500"), ("CCREJECT-EC", "5400")])
def test_decline(sdk: Any, served: Served, name: str, code: str) -> None:
    created = sdk.orders.create_order(order("inv-1", intent="CAPTURE", name=name)).body
    (capture,) = created.purchase_units[0].payments.captures
    assert (created.status, capture.status, capture.processor_response.response_code) == ("COMPLETED", "DECLINED", code)
    assert (served.truth()["status"], served.books()) == ("declined", (0, 0, 0, 0))


def test_errors_are_what_the_sdk_raises(sdk: Any, served: Served) -> None:
    with pytest.raises(ErrorException) as missing:
        sdk.payments.get_captured_payment({"capture_id": "0AB12345CD678901E"})
    assert (missing.value.response_code, missing.value.name) == (404, "RESOURCE_NOT_FOUND")
    authorization = authorized(sdk)
    with pytest.raises(ErrorException) as too_much:
        sdk.payments.capture_authorized_payment(
            {"authorization_id": authorization.id, "body": CaptureRequest(amount=euros("10.51")), "prefer": WHOLE}
        )
    assert too_much.value.details[0].issue == "MAX_CAPTURE_AMOUNT_EXCEEDED"
    assert served.books() == (1050, 0, 0, 1)


def test_wrong_secret_gets_no_token(served: Served) -> None:
    with pytest.raises(AuthValidationException):
        paypal_sdk(served.url, CLIENT_ID, "wrong").orders.get_order({"id": "X"})


def test_webhook_verifies_with_the_certificate_it_names(sdk: Any, served: Served) -> None:
    authorized(sdk)
    (received,) = served.webhooks()
    headers = received.headers
    answer = requests.get(headers["paypal-cert-url"], timeout=10, proxies={"http": ""})
    leaf, root = x509.load_pem_x509_certificates(answer.content)
    leaf.verify_directly_issued_by(root)
    key = leaf.public_key()
    assert isinstance(key, RSAPublicKey)
    # CRC-32 of the body, by the definition of ISO 3309 and not by a library of ours.
    parts = (
        headers["paypal-transmission-id"],
        headers["paypal-transmission-time"],
        WEBHOOK_ID,
        str(crc32(received.body)),
    )
    signature = base64.b64decode(headers["paypal-transmission-sig"])
    key.verify(signature, "|".join(parts).encode(), PKCS1v15(), SHA256())


def crc32(body: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in body:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xEDB88320 if register & 1 else 0)
    return register ^ 0xFFFFFFFF
