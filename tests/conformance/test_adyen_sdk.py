"""Adyen's official library, pointed at a recorder, sends the same requests as the connector for the same calls."""

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from Adyen.client import AdyenClient  # type: ignore[import-untyped]
from Adyen.services.checkout.modifications_api import ModificationsApi  # type: ignore[import-untyped]
from Adyen.services.checkout.payments_api import PaymentsApi  # type: ignore[import-untyped]

from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Exemption,
    Initiator,
    Level2,
    PaymentDetails,
)
from psp_connectors.domain.http import HttpRequest
from psp_connectors.domain.operations import Action
from tests.fakes.connectors.adyen import (
    CRYPTOGRAM,
    CUSTOMER,
    MERCHANT_ACCOUNT,
    PAYMENT,
    RETURN_URL,
    THREE_DS,
    adyen_account,
    agreement,
    modifications,
    verification,
)
from tests.fakes.connectors.ports import API_KEY, CARD_CODE, CARD_NUMBER, KEY, authorization

ADYEN = CONNECTORS["adyen"]
MEANINGFUL = ("x-api-key", "content-type", "idempotency-key")


@dataclass(frozen=True)
class Recorded:
    """A request as it came over the socket."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Recorder:
    """Records what comes, and answers with an empty object."""

    url: str
    requests: list[Recorded] = field(default_factory=list)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    requests: list[Recorded] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            requests.append(Recorded(self.command, self.path, headers, body))
            answer = b"{}"
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Recorder(f"http://127.0.0.1:{server.server_port}/v72", requests)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def client() -> AdyenClient:
    return AdyenClient(xapikey=API_KEY, platform="test", http_force="urllib", http_timeout=10)


def payments(recorder: Recorder) -> Any:
    api = PaymentsApi(client())
    api.baseUrl = recorder.url
    return api


def modifying(recorder: Recorder) -> Any:
    api = ModificationsApi(client())
    api.baseUrl = recorder.url
    return api


def same(recorder: Recorder, request: HttpRequest) -> None:
    """Compare the one recorded request with what the connector builds."""
    (recorded,) = recorder.requests
    assert (recorded.method, recorded.path) == (request.method, "/v72" + request.url.removeprefix(recorder.url))
    ours = {name.lower(): value for name, value in request.headers.items()}
    for name in MEANINGFUL:
        assert recorded.headers.get(name) == ours.get(name), name
    assert json.loads(recorded.body) == json.loads(request.body)


CARD = {
    "type": "scheme",
    "number": CARD_NUMBER,
    "expiryMonth": "12",
    "expiryYear": "2099",
    "cvc": CARD_CODE,
    "holderName": "Ada Lovelace",
}
PAYMENT_REQUEST: dict[str, Any] = {
    "merchantAccount": MERCHANT_ACCOUNT,
    "reference": "pay_1_1",
    "amount": {"currency": "EUR", "value": 1050},
    "returnUrl": RETURN_URL,
    "paymentMethod": CARD,
    "shopperInteraction": "Ecommerce",
    "shopperStatement": "SHOP",
}
DETAILED = PaymentDetails(
    merchant_reference="order 17",
    customer=CUSTOMER,
    stored_credential=agreement(CredentialReason.RECURRING, Initiator.MERCHANT, CredentialUse.SUBSEQUENT),
    three_ds=THREE_DS,
    exemption=Exemption.LOW_VALUE,
    level2=Level2(customer_reference="PO 1234", tax_amount=180),
    metadata={"order": "17"},
)
DETAILED_REQUEST = PAYMENT_REQUEST | {
    "additionalData": {
        "manualCapture": "true",
        "scaExemption": "lowValue",
        "networkTxReference": "777718270854480",
    },
    "authenticationData": {"attemptAuthentication": "never"},
    "billingAddress": {
        "street": "Keizersgracht 1",
        "houseNumberOrName": "b",
        "city": "Amsterdam",
        "stateOrProvince": "NH",
        "postalCode": "1015CJ",
        "country": "NL",
    },
    "enhancedSchemeData": {"levelTwoThree": {"customerReferenceNumber": "PO 1234", "totalTaxAmount": 180}},
    "merchantOrderReference": "order 17",
    "metadata": {"order": "17"},
    "mpiData": {
        "authenticationResponse": "Y",
        "cavv": CRYPTOGRAM,
        "directoryResponse": "C",
        "dsTransID": "c4e59ceb-a382-4d6a-bc87-385d591fa09d",
        "eci": "05",
        "threeDSVersion": "2.2.0",
    },
    "recurringProcessingModel": "Subscription",
    "shopperEmail": "ada@shop.example",
    "shopperInteraction": "ContAuth",
    "shopperIP": "192.0.2.1",
    "shopperName": {"firstName": "Ada King", "lastName": "Lovelace"},
    "shopperReference": "cus_0001",
}
NO_CAPTURE = {"additionalData": {"manualCapture": "true"}}
ZERO = {key: value for key, value in PAYMENT_REQUEST.items() if key != "shopperStatement"}

CALLS: dict[str, tuple[Action, dict[str, Any]]] = {
    "authorize": (authorization(), PAYMENT_REQUEST | NO_CAPTURE),
    "authorize and capture": (authorization(capture=True), PAYMENT_REQUEST | {"captureDelayHours": 0}),
    "verify": (verification(), ZERO | {"amount": {"currency": "EUR", "value": 0}}),
    "authorize with everything": (replace(authorization(), details=DETAILED), DETAILED_REQUEST),
}


@pytest.mark.parametrize("name", CALLS)
def test_payments(recorder: Recorder, name: str) -> None:
    operation, request = CALLS[name]
    payments(recorder).payments(request, idempotency_key=KEY)
    same(recorder, ADYEN.build(operation, adyen_account(recorder.url)))


@pytest.mark.parametrize(
    ("name", "method", "amount"),
    [
        ("increment", "update_authorised_amount", 1550),
        ("capture", "capture_authorised_payment", 1050),
        ("partial capture", "capture_authorised_payment", 300),
        ("void", "cancel_authorised_payment_by_psp_reference", None),
        ("refund", "refund_captured_payment", 1050),
        ("partial refund", "refund_captured_payment", 1),
    ],
)
def test_modifications(recorder: Recorder, name: str, method: str, amount: int | None) -> None:
    operation = modifications()[name]
    request: dict[str, Any] = {"merchantAccount": MERCHANT_ACCOUNT, "reference": operation.reference}
    if amount is not None:
        request["amount"] = {"currency": "EUR", "value": amount}
    getattr(modifying(recorder), method)(request, PAYMENT, idempotency_key=KEY)
    same(recorder, ADYEN.build(operation, adyen_account(recorder.url)))


def test_a_reversal(recorder: Recorder) -> None:
    request = {"merchantAccount": MERCHANT_ACCOUNT, "reference": "pay_1_1", "paymentReference": "pay_1_1"}
    modifying(recorder).cancel_authorised_payment(request, idempotency_key=KEY)
    same(recorder, ADYEN.build(modifications()["reversal"], adyen_account(recorder.url)))


def test_the_check_of_credentials(recorder: Recorder) -> None:
    payments(recorder).payment_methods({"merchantAccount": MERCHANT_ACCOUNT, "channel": "Web"})
    assert ADYEN.check is not None
    same(recorder, ADYEN.check.build(adyen_account(recorder.url)))
