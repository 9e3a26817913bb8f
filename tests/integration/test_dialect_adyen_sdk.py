"""Adyen's official SDK works against the sandbox's Adyen: create, capture, refund, cancel, decline, verify webhooks."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from Adyen import util  # type: ignore[import-untyped]
from Adyen.client import AdyenClient  # type: ignore[import-untyped]
from Adyen.exceptions import (  # type: ignore[import-untyped]
    AdyenAPIAuthenticationError,
    AdyenAPIInvalidPermission,
    AdyenAPIUnprocessableEntity,
)
from Adyen.services.checkout.modifications_api import ModificationsApi  # type: ignore[import-untyped]
from Adyen.services.checkout.payments_api import PaymentsApi  # type: ignore[import-untyped]

from devstack.sandbox.incoming import Incoming
from tests.fakes.connectors.adyen import HMAC_KEY, MERCHANT_ACCOUNT
from tests.fakes.connectors.adyen_counter import Counter
from tests.fakes.connectors.ports import API_KEY, KEY

pytestmark = pytest.mark.integration

EUROS = {"currency": "EUR", "value": 1050}
CARD = {
    "type": "scheme",
    "number": "4111111111111111",
    "expiryMonth": "03",
    "expiryYear": "2030",
    "cvc": "737",
    "holderName": "Ada Lovelace",
}


@dataclass
class Served:
    """A counter behind a socket, with the SDK pointed at it."""

    counter: Counter
    url: str

    def api(self, kind: Any, key: str = API_KEY) -> Any:
        api = kind(AdyenClient(xapikey=key, platform="test", http_force="urllib", http_timeout=10))
        api.baseUrl = f"{self.url}/v72"
        return api

    def pay(self, key: str = "", **changes: Any) -> dict[str, Any]:
        request = {
            "merchantAccount": MERCHANT_ACCOUNT,
            "reference": "order-1",
            "amount": EUROS,
            "returnUrl": "https://shop.example/return",
            "paymentMethod": CARD,
            "additionalData": {"manualCapture": "true"},
        } | changes
        message: dict[str, Any] = self.api(PaymentsApi).payments(request, idempotency_key=key or None).message
        return message

    def modify(self, method: str, payment: str, reference: str, **fields: Any) -> dict[str, Any]:
        request = {"merchantAccount": MERCHANT_ACCOUNT, "reference": reference} | fields
        message: dict[str, Any] = getattr(self.api(ModificationsApi), method)(request, payment).message
        return message

    def webhook(self) -> dict[str, Any]:
        """Give the last webhook, whose signature the SDK has verified."""
        body: dict[str, Any] = json.loads(self.counter.sign(self.counter.notices[-1]).body)
        assert util.is_valid_hmac_notification(body, HMAC_KEY)
        item: dict[str, Any] = body["notificationItems"][0]["NotificationRequestItem"]
        return item


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    counter, lock = Counter(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                reply = counter.serve(Incoming(method="POST", path=self.path, headers=headers, body=body))
            content = reply.content()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    counter.set_base_url(url)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Served(counter, url)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_create_capture_and_refund(served: Served) -> None:
    created = served.pay()
    assert (created["resultCode"], created["amount"]) == ("Authorised", EUROS)
    payment = created["pspReference"]
    assert served.webhook()["eventCode"] == "AUTHORISATION"
    for method, event, reference in (
        ("capture_authorised_payment", "CAPTURE", "capture-1"),
        ("refund_captured_payment", "REFUND", "refund-1"),
    ):
        received = served.modify(method, payment, reference, amount=EUROS)
        assert (received["status"], received["paymentPspReference"]) == ("received", payment)
        served.counter.decide()
        item = served.webhook()
        assert (item["eventCode"], item["success"]) == (event, "true")
        assert (item["pspReference"], item["originalReference"]) == (received["pspReference"], payment)
        assert item["merchantReference"] == reference
    (charge,) = served.counter.books.charges()
    assert (charge.captured, charge.refunded) == (1050, 1050)


def test_cancel_raise_and_reverse(served: Served) -> None:
    payment = served.pay()["pspReference"]
    raised = {"currency": "EUR", "value": 2000}
    assert served.modify("update_authorised_amount", payment, "raise-1", amount=raised)["amount"] == raised
    served.counter.decide()
    assert (served.webhook()["eventCode"], served.webhook()["amount"]) == ("AUTHORISATION_ADJUSTMENT", raised)
    served.modify("cancel_authorised_payment_by_psp_reference", payment, "cancel-1")
    served.counter.decide()
    assert (served.webhook()["eventCode"], served.webhook()["success"]) == ("CANCELLATION", "true")
    other = served.pay(reference="order-2")["pspReference"]
    served.modify("refund_or_cancel_payment", other, "reversal-1")
    served.counter.decide()
    assert served.webhook()["eventCode"] == "CANCEL_OR_REFUND"


def test_a_decline_is_an_answer_and_a_webhook(served: Served) -> None:
    declined = served.pay(paymentMethod=CARD | {"holderName": "NOT_ENOUGH_BALANCE"})
    assert (declined["resultCode"], declined["refusalReasonCode"]) == ("Refused", "12")
    item = served.webhook()
    assert (item["eventCode"], item["success"], item["reason"]) == ("AUTHORISATION", "false", "Not enough balance")


def test_a_used_key_gives_the_first_answer(served: Served) -> None:
    assert served.pay(KEY) == served.pay(KEY)
    assert len(list(served.counter.books.charges())) == 1


def test_errors_are_the_sdks(served: Served) -> None:
    with pytest.raises(AdyenAPIUnprocessableEntity) as refused:
        served.pay(paymentMethod=CARD | {"number": "4111111111111112"})
    assert refused.value.error_code == "101"
    with pytest.raises(AdyenAPIInvalidPermission):
        served.pay(merchantAccount="Other")
    with pytest.raises(AdyenAPIAuthenticationError):
        served.api(PaymentsApi, "another key").payment_methods({"merchantAccount": MERCHANT_ACCOUNT})
    with pytest.raises(AdyenAPIUnprocessableEntity):
        served.modify("capture_authorised_payment", "NOSUCHPAYMENT000", "capture-1", amount=EUROS)


def test_payment_methods(served: Served) -> None:
    listed = served.api(PaymentsApi).payment_methods({"merchantAccount": MERCHANT_ACCOUNT}).message
    assert [method["type"] for method in listed["paymentMethods"]] == ["scheme"]


def test_a_webhook_signed_with_another_key_is_no_adyens(served: Served) -> None:
    served.pay()
    body = json.loads(served.counter.sign(served.counter.notices[-1]).body)
    assert not util.is_valid_hmac_notification(body, "0" * 64)
