"""Checkout.com's official library, pointed at a recorder, sends the same requests as the connector."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from checkout_sdk.checkout_sdk import CheckoutSdk  # type: ignore[import-untyped]
from checkout_sdk.environment import Environment  # type: ignore[import-untyped]

from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.details import CredentialReason, CredentialUse, Exemption, Initiator, PaymentDetails
from psp_connectors.domain.http import HttpRequest
from psp_connectors.domain.operations import OperationKind
from tests.fakes.connectors.checkout import (
    CRYPTOGRAM,
    CUSTOMER,
    PAYMENT,
    RETURN_URL,
    SCHEME_ID,
    SECRET_KEY,
    THREE_DS,
    agreement,
    checkout_account,
    modifications,
    questions,
    verification,
)
from tests.fakes.connectors.ports import CARD_CODE, CARD_NUMBER, KEY, authorization

CHECKOUT = CONNECTORS["checkout"]
MEANINGFUL = ("authorization", "accept", "cko-idempotency-key")


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
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            requests.append(Recorded(self.command, self.path, headers, body))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Say nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Recorder(f"http://127.0.0.1:{server.server_port}", requests)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def payments(recorder: Recorder) -> Iterator[Any]:
    elsewhere = Environment(
        base_uri=f"{recorder.url}/",
        authorization_uri=recorder.url,
        files_uri=recorder.url,
        transfers_uri=recorder.url,
        balances_uri=recorder.url,
        forward_uri=recorder.url,
        identity_uri=recorder.url,
        is_sandbox=True,
    )
    builder = CheckoutSdk.builder().secret_key(SECRET_KEY).environment(elsewhere)
    # The library warns of the shared host, and of a module of its own, whenever it is set up.
    with pytest.warns(DeprecationWarning, match="use_legacy_domain|no longer supported"):
        api = builder.use_legacy_domain().build()
    yield api.payments
    builder._http_client.close()


def same(recorder: Recorder, request: HttpRequest) -> None:
    """Compare the one recorded request with what the connector builds."""
    (recorded,) = recorder.requests
    assert (recorded.method, recorded.path) == (request.method, request.url.removeprefix(recorder.url))
    ours = {name.lower(): value for name, value in request.headers.items()}
    for name in MEANINGFUL:
        assert recorded.headers.get(name) == ours.get(name), name
    if request.body:
        assert json.loads(recorded.body) == json.loads(request.body)
        assert recorded.headers["content-type"] == ours["content-type"]
    else:
        assert recorded.body == b""


CARD = {
    "type": "card",
    "number": CARD_NUMBER,
    "expiry_month": 12,
    "expiry_year": 2099,
    "cvv": CARD_CODE,
    "name": "Ada Lovelace",
}
COMMON = {"processing_channel_id": "pc_q4dbxom5jbgudnjzjpz7j2z6uq", "reference": "pay_1_1"}


def test_authorization(recorder: Recorder, payments: Any) -> None:
    request = {
        "source": CARD,
        "amount": 1050,
        "currency": "EUR",
        "capture": False,
        "billing_descriptor": {"name": "SHOP", "city": "GOTHAM"},
        "metadata": {"payment_reference": "pay_1_1", "capture_mode": "later"},
        **COMMON,
    }
    payments.request_payment(request, KEY)
    same(recorder, CHECKOUT.build(authorization(), checkout_account(recorder.url)))


def test_authorization_with_details(recorder: Recorder, payments: Any) -> None:
    details = PaymentDetails(
        return_url=RETURN_URL,
        customer=CUSTOMER,
        stored_credential=agreement(CredentialReason.RECURRING, Initiator.MERCHANT, CredentialUse.SUBSEQUENT),
        three_ds=THREE_DS,
        exemption=Exemption.LOW_VALUE,
    )
    address = {
        "address_line1": "1 High St",
        "address_line2": "Flat 2",
        "city": "London",
        "state": "London",
        "zip": "W1T 4TJ",
        "country": "GB",
    }
    request = {
        "source": {**CARD, "stored": True, "billing_address": address},
        "amount": 1050,
        "currency": "EUR",
        "capture": True,
        "payment_type": "Recurring",
        "merchant_initiated": True,
        "previous_payment_id": SCHEME_ID,
        "3ds": {
            "enabled": True,
            "eci": "05",
            "cryptogram": CRYPTOGRAM,
            "xid": THREE_DS.ds_transaction_id,
            "version": "2.2.0",
            "exemption": "low_value",
        },
        "customer": {"email": "ada@shop.example", "name": "Ada King Lovelace"},
        "payment_ip": "192.0.2.1",
        "success_url": RETURN_URL,
        "failure_url": RETURN_URL,
        "billing_descriptor": {"name": "SHOP", "city": "GOTHAM"},
        "metadata": {"payment_reference": "pay_1_1", "capture_mode": "at_once"},
        **COMMON,
    }
    payments.request_payment(request, KEY)
    same(
        recorder, CHECKOUT.build(replace(authorization(capture=True), details=details), checkout_account(recorder.url))
    )


def test_verification(recorder: Recorder, payments: Any) -> None:
    request = {"source": CARD, "amount": 0, "currency": "EUR", "metadata": {"payment_reference": "pay_1_1"}, **COMMON}
    payments.request_payment(request, KEY)
    same(recorder, CHECKOUT.build(verification(), checkout_account(recorder.url)))


MODIFICATIONS: dict[str, Callable[[Any], object]] = {
    "increment": lambda api: api.increment_payment_authorization(
        PAYMENT, {"amount": 500, "reference": "inc_1", "metadata": {"increment_reference": "inc_1"}}, KEY
    ),
    "capture": lambda api: api.capture_payment(
        PAYMENT,
        {
            "amount": 1050,
            "capture_type": "Final",
            "reference": "cap_1",
            "metadata": {"capture_reference": "cap_1"},
        },
        KEY,
    ),
    "partial capture": lambda api: api.capture_payment(
        PAYMENT,
        {
            "amount": 300,
            "capture_type": "NonFinal",
            "reference": "cap_1",
            "metadata": {"capture_reference": "cap_1"},
        },
        KEY,
    ),
    "void": lambda api: api.void_payment(
        PAYMENT, {"reference": "void_1", "metadata": {"void_reference": "void_1"}}, KEY
    ),
    "refund": lambda api: api.refund_payment(
        PAYMENT, {"amount": 1050, "reference": "ref_1", "metadata": {"refund_reference": "ref_1"}}, KEY
    ),
    "partial refund": lambda api: api.refund_payment(
        PAYMENT, {"amount": 1, "reference": "ref_1", "metadata": {"refund_reference": "ref_1"}}, KEY
    ),
}


@pytest.mark.parametrize("name", MODIFICATIONS)
def test_modifications(recorder: Recorder, payments: Any, name: str) -> None:
    MODIFICATIONS[name](payments)
    same(recorder, CHECKOUT.build(modifications()[name], checkout_account(recorder.url)))


@pytest.mark.parametrize("kind", [kind for kind in OperationKind if kind is not OperationKind.REVERSE])
def test_questions(recorder: Recorder, payments: Any, kind: OperationKind) -> None:
    if kind in {OperationKind.AUTHORIZE, OperationKind.VERIFY}:
        payments.get_payment_details(PAYMENT)
    else:
        payments.get_payment_actions(PAYMENT)
    same(recorder, CHECKOUT.build(questions()[kind.value], checkout_account(recorder.url)))


def test_every_modification_is_compared() -> None:
    assert set(MODIFICATIONS) == set(modifications())
