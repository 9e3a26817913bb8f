"""The edge for PSPs: webhooks pass as they came, with the headers their signatures rest on and nothing else."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Final

import pytest
from payera.psp.v1 import psp_account_service_pb2, psp_webhook_service_pb2

from tests.integration.test_edge import assert_refused, send
from tests.support.edge import Edge

pytestmark = pytest.mark.integration

DOOR: Final = "/v1/psp-webhooks/acme_stripe"
LIMIT: Final = 1024 * 1024
SIGNATURES: Final = {
    "Stripe-Signature": "t=1,v1=abc",
    "Cko-Signature": "abc",
    "HmacSignature": "abc=",
    "Webhook-Signature": "abc",
    "Authorization": "Basic dXNlcjpwYXNz",
    "Paypal-Transmission-Id": "b5",
    "Paypal-Transmission-Time": "2026-11-20T13:51:40Z",
    "Paypal-Transmission-Sig": "c2ln",
    "Paypal-Cert-Url": "https://api.paypal.com/v1/notifications/certs/CERT-1",
    "Paypal-Auth-Algo": "SHA256withRSA",
}
BODIES: Final = [
    b"",
    b'{"a": 1, "a": 1.5, "metadata": {"x": {}}}',
    b"\x00\xff\xfe not text",
    b"amount=1&currency=eur",
    b"<xml/>",
    b"[" * 5000,
    hashlib.shake_256(b"garbage").digest(LIMIT),
]


@pytest.fixture(scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with Edge(tmp_path_factory.mktemp("edge")) as running:
        yield running


@pytest.fixture(autouse=True)
def forget_calls(edge: Edge) -> None:
    edge.log.calls.clear()


@pytest.mark.parametrize("body", BODIES, ids=lambda body: f"{len(body)}-{body[:8]!r}")
async def test_a_webhook_reaches_the_service_byte_for_byte(edge: Edge, body: bytes) -> None:
    answer = await send(edge, "POST", DOOR, body)
    assert (answer.status, answer.text) == (200, "[accepted]")
    [call] = edge.log.calls
    assert isinstance(call.request, psp_webhook_service_pb2.ReceiveWebhookRequest)
    assert call.request.account == "acme_stripe"
    assert call.request.body.data == body


@pytest.mark.parametrize(
    "content_type", ["text/xml", "application/x-www-form-urlencoded", "application/grpc", "", "nonsense"]
)
async def test_a_webhook_may_be_called_anything(edge: Edge, content_type: str) -> None:
    answer = await send(edge, "POST", DOOR, b'{"a": 1}', {"Content-Type": content_type})
    assert (answer.status, answer.text) == (200, "[accepted]")
    [call] = edge.log.calls
    assert isinstance(call.request, psp_webhook_service_pb2.ReceiveWebhookRequest)
    assert call.request.body.data == b'{"a": 1}'


async def test_signatures_pass_and_no_other_header_does(edge: Edge) -> None:
    strange = {"X-Evil": "1", "Cookie": "a=b", "Idempotency-Key": "k", "X-Payera-Body-Fields": "account", "Accept": "*"}
    assert (await send(edge, "POST", DOOR, b"{}", SIGNATURES | strange)).status == 200
    [call] = edge.log.calls
    for name, text in SIGNATURES.items():
        assert call.metadata[name.lower()] == text
    own = {"content-type", "te", "x-request-id", "grpc-accept-encoding", "user-agent", "x-payera-body-fields"}
    assert set(call.metadata) - own <= {name.lower() for name in SIGNATURES} | {"accept"}
    assert call.metadata["x-payera-body-fields"] == ""


async def test_signature_headers_of_webhooks_do_not_pass_elsewhere(edge: Edge) -> None:
    assert (await send(edge, "POST", "/v1/payments", {}, SIGNATURES)).status == 200
    [call] = edge.log.calls
    assert {name.lower() for name in SIGNATURES} & set(call.metadata) == {"authorization"}


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + 100_000, 5 * LIMIT])
async def test_a_webhook_that_is_too_large_is_refused_at_the_edge(edge: Edge, size: int) -> None:
    answer = await send(edge, "POST", DOOR, b"x" * size)
    assert_refused(answer, "BODY_TOO_LARGE", limit=str(LIMIT))
    assert edge.log.calls == []


async def test_other_bodies_are_bounded_as_before(edge: Edge) -> None:
    answer = await send(edge, "POST", "/v1/psp_accounts", b"x" * 65537)
    assert_refused(answer, "BODY_TOO_LARGE", limit="65536")


async def test_a_refused_webhook_has_the_shape_of_every_error(edge: Edge) -> None:
    answer = await send(edge, "POST", DOOR, b"forged")
    assert answer.status == 401
    assert answer.json["details"][0]["reason"] == "WEBHOOK_REFUSED"


async def test_the_door_has_one_method_and_takes_no_parameter(edge: Edge) -> None:
    assert (await send(edge, "GET", DOOR)).json["details"][0]["reason"] == "UNKNOWN_ROUTE"
    for query in ("account=other", "body.data=AAAA", "a=1"):
        answer = await send(edge, "POST", f"{DOOR}?{query}", b"{}")
        assert_refused(answer, "UNKNOWN_PARAMETER", detail=f"`{query.split('=')[0]}`.")
    assert edge.log.calls == []


async def test_accounts_are_the_connectors_business(edge: Edge) -> None:
    body = {"account": "acme", "connector": "adyen", "api_key": "k", "settings": {"merchant_account": "Acme"}}
    answer = await send(edge, "POST", "/v1/psp_accounts", body)
    assert (answer.status, answer.json["settings"]) == (200, {"merchant_account": "Acme"})
    assert (await send(edge, "POST", "/v1/psp_accounts/acme/webhook_secrets/whs_1:retire", {})).status == 200
    retired = edge.log.calls[-1].request
    assert isinstance(retired, psp_account_service_pb2.RetireWebhookSecretRequest)
    assert (retired.account, retired.secret_id) == ("acme", "whs_1")


@pytest.mark.parametrize(
    "body",
    [{"settings": {"a": {"b": "c"}}}, {"secrets": {"a": 1}}, {"fee_schedule": {"basis_points": "+1"}}],
)
async def test_bodies_of_accounts_are_read_strictly(edge: Edge, body: object) -> None:
    answer = await send(edge, "POST", "/v1/psp_accounts", body)
    assert answer.json["details"][0]["reason"] == "MALFORMED_BODY"
    assert edge.log.calls == []


async def test_an_operator_can_read_a_body_of_the_largest_size(edge: Edge) -> None:
    answer = await send(edge, "GET", "/v1/psp_webhooks/whk_1")
    assert answer.status == 200
    assert len(json.loads(answer.text)["body_base64"]) == (LIMIT + 2) // 3 * 4
