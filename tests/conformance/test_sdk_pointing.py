"""Each official SDK can be pointed at a recorder, and what it sends is told apart from what differs."""

import base64
import json
from dataclasses import replace

from checkout_sdk.payments.payments import (  # type: ignore[import-untyped]
    CaptureRequest,
    PaymentRequest,
    PaymentRequestCardSource,
)
from paypalserversdk.models.capture_request import (  # type: ignore[import-untyped]
    CaptureRequest as PaypalCaptureRequest,
)

from psp_connectors.domain.http import HttpRequest, form_body, json_body
from tests.conformance.recorder import Prepared, Recorder, compare, decoded
from tests.support.paypal_sdk import paypal_sdk
from tests.support.psp_sdks import CHECKOUT_SECRET_KEY, adyen_sdk, checkout_sdk, stripe_sdk

INTENT = {"id": "pi_1", "object": "payment_intent", "status": "requires_capture"}


def test_stripe(recorder: Recorder) -> None:
    recorder.answer(Prepared(body=INTENT))
    client = stripe_sdk(recorder.url, "sk_test_of_the_account")
    answer = client.v1.payment_intents.create(
        {"amount": 1050, "currency": "eur", "confirm": True, "metadata": {"reference": "pay_1_1"}},
        {"idempotency_key": "key_1"},
    )
    assert answer.id == "pi_1"
    recorded = recorder.only()
    assert (recorded.method, recorded.path) == ("POST", "/v1/payment_intents")
    assert recorded.headers["idempotency-key"] == "key_1"
    assert decoded(recorded.headers["content-type"], recorded.body) == {
        "amount": "1050",
        "currency": "eur",
        "confirm": "true",
        "metadata": {"reference": "pay_1_1"},
    }


def test_adyen(recorder: Recorder) -> None:
    recorder.answer(Prepared(status=201, body={"status": "received", "pspReference": "P"}))
    payments, modifications = adyen_sdk(f"{recorder.url}/v72", "sk_test_of_the_account")
    fields = {"merchantAccount": "M", "reference": "cap_1", "amount": {"value": 1050, "currency": "EUR"}}
    answer = modifications.capture_authorised_payment(fields, "PAYMENT", idempotency_key="key_1")
    assert answer.message["status"] == "received"
    recorded = recorder.only("/v72/payments/PAYMENT/captures")
    assert recorded.headers["idempotency-key"] == "key_1"
    assert recorded.headers["x-api-key"] == "sk_test_of_the_account"
    assert json.loads(recorded.body) == fields
    payments.payments({"reference": "pay_1_1"}, idempotency_key="key_2")
    assert recorder.requests[-1].path == "/v72/payments"


def test_checkout(recorder: Recorder) -> None:
    recorder.answer(Prepared(status=201, body={"id": "pay_1"}), Prepared(status=202, body={"action_id": "act_1"}))
    client = checkout_sdk(recorder.url)
    source = PaymentRequestCardSource()
    source.number, source.expiry_month, source.expiry_year = "4242424242424242", 12, 2099
    request = PaymentRequest()
    request.source, request.amount, request.currency, request.capture = source, 1050, "EUR", False
    assert client.payments.request_payment(request, "key_1").id == "pay_1"
    recorded = recorder.only("/payments")
    assert recorded.headers["cko-idempotency-key"] == "key_1"
    assert recorded.headers["authorization"] == f"Bearer {CHECKOUT_SECRET_KEY}"
    assert json.loads(recorded.body) == {
        "source": {"type": "card", "number": "4242424242424242", "expiry_month": 12, "expiry_year": 2099},
        "amount": 1050,
        "currency": "EUR",
        "capture": False,
    }
    capture = CaptureRequest()
    capture.amount, capture.reference = 1050, "cap_1"
    assert client.payments.capture_payment("pay_1", capture, "key_2").action_id == "act_1"
    assert json.loads(recorder.only("/payments/pay_1/captures").body) == {"amount": 1050, "reference": "cap_1"}


def test_paypal(recorder: Recorder) -> None:
    token = {"access_token": "T", "token_type": "Bearer", "expires_in": 32400}
    recorder.by_path["/v1/oauth2/token"] = Prepared(body=token)
    recorder.answer(Prepared(status=201, body={"id": "C", "status": "COMPLETED"}))
    client = paypal_sdk(recorder.url, "client", "secret")
    answer = client.payments.capture_authorized_payment(
        {
            "authorization_id": "AUTH",
            "paypal_request_id": "key_1",
            "prefer": "return=representation",
            "body": PaypalCaptureRequest(invoice_id="cap_1", final_capture=True),
        }
    )
    assert answer.body.id == "C"
    asked = recorder.only("/v1/oauth2/token")
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"client:secret").decode()
    recorded = recorder.only("/v2/payments/authorizations/AUTH/capture")
    assert recorded.headers["paypal-request-id"] == "key_1"
    assert recorded.headers["authorization"] == "Bearer T"
    assert json.loads(recorded.body) == {"invoice_id": "cap_1", "final_capture": True}


def test_differences_are_told_in_words(recorder: Recorder) -> None:
    stripe_sdk(recorder.url, "sk_test_of_the_account").v1.refunds.create(
        {"payment_intent": "pi_1", "amount": 1050}, {"idempotency_key": "key_1"}
    )
    recorded = recorder.only()
    content_type, body = form_body([("amount", "1050"), ("payment_intent", "pi_1")])
    headers = {
        "Authorization": "Bearer sk_test_of_the_account",
        "Content-Type": content_type,
        "Idempotency-Key": "key_1",
        "Stripe-Version": recorded.headers["stripe-version"],
    }
    same = HttpRequest(method="POST", url="https://psp.example/v1/refunds", headers=headers, body=body)
    assert compare(same, recorded) == []
    other_body = form_body([("amount", "1051"), ("payment_intent", "pi_1"), ("metadata[reference]", "ref_1")])[1]
    assert compare(replace(same, body=other_body), recorded) == [
        "amount: the connector sends '1051', the SDK '1050'",
        "metadata: the connector sends {'reference': 'ref_1'}, the SDK 'nothing'",
    ]
    assert compare(replace(same, body=other_body), recorded, ignore=("amount", "metadata")) == []
    moved = replace(same, method="PUT", url="https://psp.example/v1/refund", headers=headers | {"Idempotency-Key": "k"})
    assert [difference.partition(":")[0] for difference in compare(moved, recorded)] == [
        "method",
        "path",
        "header idempotency-key",
    ]


def test_a_number_and_a_truth_are_not_the_same(recorder: Recorder) -> None:
    _, modifications = adyen_sdk(f"{recorder.url}/v72", "k")
    modifications.capture_authorised_payment({"a": 1, "list": [{"b": "x"}]}, "P")
    content_type, body = json_body({"a": True, "list": [{"b": "y"}]})
    ours = HttpRequest(
        method="POST",
        url="https://psp.example/base/v72/payments/P/captures",
        headers={"X-API-Key": "k", "Content-Type": content_type},
        body=body,
    )
    differences = compare(ours, recorder.only(), base_path="/base")
    assert [difference.partition(":")[0] for difference in differences] == ["a", "list[0].b"]
