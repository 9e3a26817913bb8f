"""Every refusal a merchant can meet has its own clear error and changes nothing."""

import json
import re
import uuid
from typing import Any

import pytest

from devstack.rest import Answer, Rest
from tests.e2e.support import VISA, Mesh


def counts(mesh: Mesh) -> dict[str, int]:
    tables = [
        row["relname"]
        for row in mesh.rows("SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'gateway' ORDER BY relname")
    ]
    assert tables, "the gateway has tables"
    # What goes on behind the calls empties the queues meanwhile.
    money = [table for table in tables if table not in {"outbox", "token_to_keep", "api_key", "merchant"}]
    return {table: mesh.rows(f"SELECT count(*) AS n FROM gateway.{table}")[0]["n"] for table in money}


def assert_refused(answer: Answer, status: int, reason: str) -> None:
    assert (answer.status, answer.reason) == (status, reason), answer.body
    info = next(detail for detail in answer.body["details"] if detail.get("reason"))
    assert info["domain"] == "payera.dev"
    assert info["metadata"]["doc"].endswith(f"#{reason.lower().replace('_', '-')}")
    assert info["metadata"]["remedy"]
    assert answer.body["message"]
    assert not re.search(r"\{[a-z_]+\}", answer.body["message"]), "every value of the message is filled in"
    assert not any(name.startswith("grpc-") for name in answer.headers)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"]


def body(mesh: Mesh, **fields: Any) -> dict[str, Any]:
    return {"amount": {"value": 1000, "currency": "EUR"}, "token": mesh.token(), **fields}


BAD_BODIES = [
    ({"amount": {"value": -5, "currency": "EUR"}}, "INVALID_AMOUNT"),
    ({"amount": {"value": 0, "currency": "EUR"}}, "INVALID_AMOUNT"),
    ({"amount": {"value": "10.50", "currency": "EUR"}}, "MALFORMED_BODY"),
    ({"amount": {"value": 10.5, "currency": "EUR"}}, "MALFORMED_BODY"),
    ({"amount": {"value": "ten", "currency": "EUR"}}, "MALFORMED_BODY"),
    ({"amount": {"value": 1000, "currency": "EUX"}}, "UNKNOWN_CURRENCY"),
    ({"amount": {"value": 1000, "currency": "XAU"}}, "UNKNOWN_CURRENCY"),
    ({"amount": {"value": 1000, "currency": "eur"}}, "INVALID_FIELD"),
    ({"amount": {"value": 1000, "currency": "JPY", "exponent": 2}}, "CURRENCY_EXPONENT_MISMATCH"),
    ({"amount": {"currency": "EUR"}}, "INVALID_AMOUNT"),
    ({"amount": None}, "INVALID_FIELD"),
    ({"token": ""}, "INVALID_FIELD"),
    ({"token": "tok_01JABCDEFGHJKMNPQRSTVWXYZ0"}, "TOKEN_NOT_FOUND"),
    ({"store_card": "yes"}, "MALFORMED_BODY"),
    ({"store_card": 1}, "MALFORMED_BODY"),
    ({"storeCard": True, "store_card": True}, "MALFORMED_BODY"),
    ({"captur_method": "MANUAL"}, "UNKNOWN_FIELD"),
    ({"amount": {"value": 1000, "currency": "EUR", "curency": "EUR"}}, "UNKNOWN_FIELD"),
    ({"capture_method": "LATER"}, "MALFORMED_BODY"),
    ({"metadata": {"note": "4242 4242 4242 4242"}}, "CARD_NUMBER_IN_TEXT"),
    ({"description": "card 4242-4242-4242-4242"}, "CARD_NUMBER_IN_TEXT"),
    ({"statement_descriptor": "<script>"}, "INVALID_FIELD"),
]


@pytest.mark.parametrize(("change", "reason"), BAD_BODIES, ids=lambda value: json.dumps(value)[:50])
def test_a_bad_payment_is_refused_and_changes_nothing(mesh: Mesh, change: dict[str, Any], reason: str) -> None:
    good = body(mesh)
    before = counts(mesh)
    answer = mesh.rest.post("/v1/payments", good | change)
    assert_refused(answer, 404 if reason == "TOKEN_NOT_FOUND" else 400, reason)
    assert counts(mesh) == before


def test_malformed_json_unknown_route_and_unknown_parameter(mesh: Mesh) -> None:
    key = {"idempotency-key": str(uuid.uuid4())}
    assert_refused(mesh.rest.send("POST", "/v1/payments", b'{"amount": ', key), 400, "MALFORMED_BODY")
    assert_refused(mesh.rest.send("POST", "/v1/payments", b"[]", key), 400, "MALFORMED_BODY")
    assert_refused(mesh.rest.get("/v1/paymens"), 404, "UNKNOWN_ROUTE")
    assert_refused(mesh.rest.send("DELETE", "/v1/payments"), 404, "UNKNOWN_ROUTE")
    assert_refused(mesh.rest.get("/v1/payments?page_sice=3"), 400, "UNKNOWN_PARAMETER")
    assert_refused(mesh.rest.get("/v1/payments?page_token=abc"), 400, "INVALID_PAGE_TOKEN")
    assert_refused(mesh.rest.send("POST", "/v1/payments", b" " * 100_000, key), 413, "BODY_TOO_LARGE")


def test_a_browser_gives_no_card_to_a_customer(mesh: Mesh) -> None:
    browser = Rest(mesh.stack.configuration.rest_url, mesh.merchant.publishable_key)
    body = {"card": {"number": VISA, "exp_month": 12, "exp_year": 2040}, "customer_id": "customer-17"}
    refused = browser.post("/v1/tokens", body, money=False)
    assert_refused(refused, 400, "INVALID_FIELD")
    assert refused.body["message"].startswith("`customer_id`: a publishable key may not name a customer")
    [rules] = [detail["field_violations"] for detail in refused.body["details"] if "field_violations" in detail]
    assert [rule["field"] for rule in rules] == ["customer_id"]
    token = browser.post("/v1/tokens", {"card": body["card"]}, money=False).body
    assert token["customer_id"] == ""
    update = f"/v1/tokens/{token['id']}:update"
    assert_refused(browser.post(update, {"customer_id": "customer-17"}, money=False), 403, "API_KEY_SCOPE")
    assigned = mesh.rest.post(update, {"customer_id": "customer-17"}, money=False)
    assert (assigned.status, assigned.body["customer_id"]) == (200, "customer-17")
    assert assigned.body["card"] == token["card"]
    assert_refused(mesh.rest.post(update, {}, money=False), 400, "INVALID_FIELD")


def test_keys_that_are_missing_bad_of_the_wrong_scope_or_revoked(mesh: Mesh) -> None:
    url = mesh.stack.configuration.rest_url
    good = body(mesh)
    before = counts(mesh)
    assert_refused(Rest(url, "").post("/v1/payments", good), 401, "API_KEY_MISSING")
    assert_refused(Rest(url, "sk_test_wrong").post("/v1/payments", good), 401, "API_KEY_INVALID")
    publishable = Rest(url, mesh.merchant.publishable_key)
    assert_refused(publishable.post("/v1/payments", good), 403, "API_KEY_SCOPE")
    assert_refused(mesh.rest.post("/v1/merchants", {"name": "x"}, money=False), 403, "API_KEY_SCOPE")
    assert_refused(Rest(url, mesh.merchant.operator_key).get("/v1/payments"), 403, "API_KEY_SCOPE")
    assert_refused(Rest(url, "").post("/v1/tokens", {"card": {}}, money=False), 401, "API_KEY_MISSING")
    assert counts(mesh) == before


def test_idempotency_keys_that_are_missing_too_long_or_reused(mesh: Mesh) -> None:
    good = body(mesh)
    raw = json.dumps(good).encode()
    before = counts(mesh)
    assert_refused(mesh.rest.send("POST", "/v1/payments", raw), 400, "IDEMPOTENCY_KEY_MISSING")
    too_long = {"idempotency-key": "x" * 256}
    assert_refused(mesh.rest.send("POST", "/v1/payments", raw, too_long), 400, "IDEMPOTENCY_KEY_INVALID")
    assert counts(mesh) == before
    key = str(uuid.uuid4())
    assert mesh.rest.post("/v1/payments", good, idempotency_key=key).status == 200
    before = counts(mesh)
    other = good | {"amount": {"value": 1001, "currency": "EUR"}}
    assert_refused(mesh.rest.post("/v1/payments", other, idempotency_key=key), 400, "IDEMPOTENCY_KEY_REUSED")
    assert counts(mesh) == before


def test_captures_voids_and_refunds_beyond_what_is_allowed(mesh: Mesh) -> None:
    authorized = mesh.pay(10_000, capture_method="MANUAL")
    path = f"/v1/payments/{authorized['id']}"
    before = counts(mesh)
    assert_refused(mesh.rest.post(f"{path}:capture", {"amount": 10_001}), 400, "CAPTURE_EXCEEDS_AUTHORIZED")
    assert_refused(mesh.rest.post(f"{path}:capture", {"amount": 0}), 400, "INVALID_AMOUNT")
    assert_refused(mesh.rest.post(f"{path}/refunds", {"amount": 1}), 400, "PAYMENT_NOT_REFUNDABLE")
    assert counts(mesh) == before
    captured = mesh.rest.post(f"{path}:capture", {"amount": 4_000, "final": False}).body
    assert (captured["status"], captured["amount_capturable"]) == ("AUTHORIZED", "6000")
    before = counts(mesh)
    assert_refused(mesh.rest.post(f"{path}:void", {}), 400, "PAYMENT_NOT_VOIDABLE")
    assert_refused(mesh.rest.post(f"{path}:capture", {"amount": 6_001}), 400, "CAPTURE_EXCEEDS_AUTHORIZED")
    assert_refused(mesh.rest.post(f"{path}/refunds", {"amount": 4_001}), 400, "REFUND_EXCEEDS_CAPTURED")
    assert counts(mesh) == before
    assert mesh.rest.post(f"{path}:capture", {}).body["status"] == "SUCCEEDED"
    before = counts(mesh)
    assert_refused(mesh.rest.post(f"{path}:capture", {}), 400, "PAYMENT_NOT_CAPTURABLE")
    assert_refused(mesh.rest.post(f"{path}:void", {}), 400, "PAYMENT_NOT_VOIDABLE")
    assert counts(mesh) == before


def test_a_declined_payment_takes_no_operation(mesh: Mesh) -> None:
    declined = mesh.pay(1000, token=mesh.token("4000000000009995"))
    assert (declined["status"], declined["decline"]["code"]) == ("DECLINED", "insufficient_funds")
    path = f"/v1/payments/{declined['id']}"
    before = counts(mesh)
    assert_refused(mesh.rest.post(f"{path}:capture", {}), 400, "PAYMENT_NOT_CAPTURABLE")
    assert_refused(mesh.rest.post(f"{path}:void", {}), 400, "PAYMENT_NOT_VOIDABLE")
    assert_refused(mesh.rest.post(f"{path}/refunds", {}), 400, "PAYMENT_NOT_REFUNDABLE")
    assert counts(mesh) == before


def test_another_merchants_ids_are_not_found(mesh: Mesh, other_merchant: Rest) -> None:
    payment = mesh.pay(1000)
    refund = mesh.rest.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 10}).body
    path = f"/v1/payments/{payment['id']}"
    before = counts(mesh)
    assert_refused(other_merchant.get(path), 404, "PAYMENT_NOT_FOUND")
    assert_refused(other_merchant.post(f"{path}:capture", {}), 404, "PAYMENT_NOT_FOUND")
    assert_refused(other_merchant.post(f"{path}:void", {}), 404, "PAYMENT_NOT_FOUND")
    assert_refused(other_merchant.post(f"{path}/refunds", {}), 404, "PAYMENT_NOT_FOUND")
    assert_refused(other_merchant.get(f"/v1/refunds/{refund['id']}"), 404, "REFUND_NOT_FOUND")
    assert_refused(other_merchant.get(f"/v1/tokens/{payment['token']}"), 404, "TOKEN_NOT_FOUND")
    stolen = {"amount": {"value": 1, "currency": "EUR"}, "token": payment["token"]}
    assert_refused(other_merchant.post("/v1/payments", stolen), 404, "TOKEN_NOT_FOUND")
    assert other_merchant.get("/v1/payments").body["payments"] == []
    assert counts(mesh) == before


def test_a_merchant_reference_is_unique(mesh: Mesh) -> None:
    reference = f"order-{uuid.uuid4()}"
    first = mesh.pay(1000, merchant_reference=reference)
    answer = mesh.create(1000, merchant_reference=reference)
    assert_refused(answer, 409, "MERCHANT_REFERENCE_TAKEN")
    assert first["id"] in answer.body["message"]


def test_a_bad_card_is_refused_without_repeating_its_number(mesh: Mesh) -> None:
    number = "4242424242424241"
    card = {"number": number, "exp_month": 12, "exp_year": 2040}
    for change in ({}, {"number": "4242"}, {"exp_month": 13}, {"exp_year": 2020}, {"cvc": "12"}, {"nunber": number}):
        answer = mesh.rest.post("/v1/tokens", {"card": card | change}, money=False)
        assert answer.status == 400, answer.body
        assert answer.reason in {"INVALID_CARD", "INVALID_FIELD", "UNKNOWN_FIELD"}
        assert number not in json.dumps(answer.body)
