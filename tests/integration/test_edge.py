"""The edge against real gRPC servers: what Envoy lets through, what it refuses itself, and in which words."""

import asyncio
import io
import json
import re
import subprocess
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import grpc
import pytest
from google.rpc import code_pb2
from payera.errors.v1 import reason_pb2
from payera.gateway.v1 import payment_pb2, payment_service_pb2
from payera.options.v1 import options_pb2
from payera.vault.v1 import token_service_pb2
from yarl import URL

from devstack.components.envoy import program
from tests.support.edge import CALL_SECONDS, ROOT, Edge

pytestmark = pytest.mark.integration

CARD_NUMBER: Final = "4242424242424242"
AMOUNT: Final = {"amount": {"value": "1050", "currency": "EUR"}}
#: Nothing else of an answer may reach a merchant.
ANSWER_HEADERS: Final = frozenset(
    {"cache-control", "connection", "content-length", "content-type", "date", "x-content-type-options", "x-request-id"}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


async def send(
    edge: Edge, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send one request on a connection of its own; a text or bytes as body go out as they are, else as JSON."""
    data: object = body if isinstance(body, str | bytes | None) else json.dumps(body)
    if isinstance(data, bytes):
        # aiohttp warns of large bodies that are not a stream.
        data = io.BytesIO(data)
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
    url = URL(edge.url + path, encoded=True)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.request(
            method, url, data=data, headers={"Content-Type": "application/json"} | dict(headers or {})
        ) as answer,
    ):
        names = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, names, await answer.text())


def assert_refused(answer: Answer, reason: str, **metadata: str) -> dict[str, Any]:
    """Check that the answer is the catalogue's refusal for `reason` with exactly this metadata, and give its body."""
    value = reason_pb2.Reason.DESCRIPTOR.values_by_name[f"REASON_{reason}"]
    options: Any = value.GetOptions()
    entry = options.Extensions[options_pb2.catalogue]
    message = entry.message
    for name, text in metadata.items():
        message = message.replace(f"{{{name}}}", text)
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "payera.dev",
        "metadata": metadata
        | {
            "remedy": entry.remedy,
            "doc": f"https://payera.dev/errors#{reason.lower().replace('_', '-')}",
            "request_id": answer.headers.get("x-request-id", ""),
        },
    }
    assert (answer.status, answer.headers["content-type"]) == (entry.http_status, "application/json"), answer.text
    document: dict[str, Any] = answer.json
    assert document["code"] == code_pb2.Code.Value(entry.grpc_code)
    assert document["message"] == message
    assert document["details"][0] == info
    assert set(document) == {"code", "message", "details"}
    return document


@pytest.fixture(scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    async with Edge(tmp_path_factory.mktemp("edge")) as running:
        yield running


@pytest.fixture(autouse=True)
def forget_calls(edge: Edge) -> None:
    edge.log.calls.clear()


def test_the_rendered_configuration_is_valid(edge: Edge) -> None:
    command = [str(program()), "--mode", "validate", "--config-path", str(edge.directory / "envoy.yaml")]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "deprecated" not in finished.stderr


async def test_an_answer_is_snake_case_json_with_64_bit_numbers_as_strings(edge: Edge) -> None:
    answer = await send(edge, "POST", "/v1/payments", AMOUNT)
    assert answer.status == 200
    assert answer.json["amount_captured"] == "1050"
    assert answer.json["amount_refunded"] == "0"
    assert answer.json["status"] == "SUCCEEDED"
    assert answer.json["under_review"] is False
    assert edge.log.calls[0].request == payment_service_pb2.CreatePaymentRequest(
        amount={"value": 1050, "currency": "EUR"}
    )


async def test_an_integer_is_taken_for_a_64_bit_number(edge: Edge) -> None:
    answer = await send(edge, "POST", "/v1/payments", {"amount": {"value": 1050, "currency": "EUR"}})
    assert answer.json["amount"] == {"value": "1050", "currency": "EUR"}


async def test_answers_carry_no_headers_of_the_inside(edge: Edge) -> None:
    for answer in (
        await send(edge, "POST", "/v1/payments", AMOUNT),
        await send(edge, "GET", "/v1/payments/pay_9"),
        await send(edge, "GET", "/nothing"),
        await send(edge, "POST", "/v1/payments", "{"),
    ):
        assert set(answer.headers) <= ANSWER_HEADERS
        assert answer.headers["cache-control"] == "no-store"
        assert "secret" not in answer.text


async def test_services_get_what_they_need_and_nothing_else(edge: Edge) -> None:
    sent = {
        "Authorization": "Bearer sk_test_1",
        "Idempotency-Key": "key-1",
        "X-Request-Id": "mine-1",
        "Cookie": "session=1",
        "X-Payera-Body-Fields": "forged",
        "X-Payera-Caller": "forged",
        "X-Envoy-Retry-On": "5xx",
        "X-Forwarded-For": "10.0.0.1",
        "Grpc-Timeout": "999S",
    }
    await send(edge, "POST", "/v1/payments", AMOUNT, sent)
    call = edge.log.calls[0]
    assert call.metadata["authorization"] == "Bearer sk_test_1"
    assert call.metadata["idempotency-key"] == "key-1"
    assert call.metadata["x-request-id"] == "mine-1"
    assert call.metadata["x-payera-body-fields"] == "amount,amount.value,amount.currency"
    assert set(call.metadata) == {
        "accept",
        "authorization",
        "idempotency-key",
        "user-agent",
        "x-payera-body-fields",
        "x-request-id",
    }
    assert 0 < call.time_left_seconds <= 29


async def test_a_replayed_answer_says_so(edge: Edge) -> None:
    replayed = await send(edge, "POST", "/v1/payments", AMOUNT, {"Idempotency-Key": "replayed"})
    assert replayed.headers["idempotent-replayed"] == "true"
    assert set(replayed.headers) <= ANSWER_HEADERS | {"idempotent-replayed"}
    first = await send(edge, "POST", "/v1/payments", AMOUNT, {"Idempotency-Key": "first"})
    assert "idempotent-replayed" not in first.headers


@pytest.mark.parametrize("key", ["ключ", "two words", "x" * 256])
async def test_an_idempotency_key_that_is_no_visible_ascii_is_refused(edge: Edge, key: str) -> None:
    assert_refused(
        await send(edge, "POST", "/v1/payments", AMOUNT, {"Idempotency-Key": key}), "IDEMPOTENCY_KEY_INVALID"
    )
    assert edge.log.calls == []


async def test_custom_verbs_reach_their_calls(edge: Edge) -> None:
    captured = await send(edge, "POST", "/v1/payments/pay_7:capture", {"amount": "400", "final": False})
    assert captured.json["amount_captured"] == "400"
    bodies: tuple[object, ...] = ({}, None)
    voided = [await send(edge, "POST", "/v1/payments/pay_7:void", body) for body in bodies]
    assert [(answer.json["id"], answer.json["status"]) for answer in voided] == [("pay_7", "VOIDED")] * 2
    assert [call.method for call in edge.log.calls] == ["CapturePayment", "VoidPayment", "VoidPayment"]
    fields = [call.metadata["x-payera-body-fields"] for call in edge.log.calls]
    assert fields == ["amount,final", "", ""], "a call without a body has the header too"


async def test_a_large_page_passes(edge: Edge) -> None:
    answer = await send(edge, "GET", "/v1/payments?page_size=1000")
    assert len(answer.json["payments"]) == 1000
    assert len(answer.text) > 500_000


async def test_the_request_id_is_kept_or_made(edge: Edge) -> None:
    kept = await send(edge, "POST", "/v1/payments", AMOUNT, {"X-Request-Id": "order:20931.try-1"})
    assert kept.headers["x-request-id"] == "order:20931.try-1"
    made = await send(edge, "POST", "/v1/payments", AMOUNT)
    assert uuid.UUID(made.headers["x-request-id"])
    unclean = await send(edge, "POST", "/v1/payments", AMOUNT, {"X-Request-Id": "<b>" + "x" * 200})
    assert unclean.headers["x-request-id"] == "_b_" + "x" * 125
    assert edge.log.calls[2].metadata["x-request-id"] == unclean.headers["x-request-id"]


async def test_a_refusal_of_a_service_passes_as_it_is(edge: Edge) -> None:
    answer = await send(edge, "GET", "/v1/payments/pay_9")
    assert (answer.status, answer.json["message"]) == (404, "as the service says it")
    assert answer.json["details"][0]["reason"] == "PAYMENT_NOT_FOUND"
    assert "retry-after" not in answer.headers


async def test_retry_info_becomes_retry_after(edge: Edge) -> None:
    answer = await send(edge, "POST", "/v1/payments", {"description": "overloaded"})
    assert (answer.status, answer.headers["retry-after"]) == (429, "3")


async def test_a_missing_key_is_answered_with_the_scheme(edge: Edge) -> None:
    answer = await send(edge, "POST", "/v1/payments", {"description": "unauthenticated"})
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_an_error_that_no_service_explains_is_not_shown(edge: Edge) -> None:
    answer = await send(edge, "POST", "/v1/payments", {"description": "crash"})
    assert_refused(answer, "INTERNAL")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/nothing", "/nothing"),
        ("/v1", "/v1"),
        ("/v1/nothing?a=1", "/v1/nothing"),
        (f"/v1/cards/{CARD_NUMBER}", "/v1/cards/?"),
        ("/v1/cards/4242-4242-4242-4242/x", "/v1/cards/?/x"),
        ("/payera.vault.v1.CardService/Detokenize", "/payera.vault.v1.CardService/Detokenize"),
        ('/"quoted"', "/%22quoted%22"),
    ],
)
async def test_an_unknown_path_is_an_unknown_route(edge: Edge, path: str, shown: str) -> None:
    answer = await send(edge, "GET", path)
    assert CARD_NUMBER not in answer.text
    assert_refused(answer, "UNKNOWN_ROUTE", method="GET", path=shown)


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/v1/payments/pay_1"), ("PUT", "/v1/payments"), ("POST", "/v1/refunds")]
)
async def test_a_wrong_method_is_an_unknown_route(edge: Edge, method: str, path: str) -> None:
    assert_refused(await send(edge, method, path, {}), "UNKNOWN_ROUTE", method=method, path=path)


async def test_query_parameters_are_checked(edge: Edge) -> None:
    unknown = await send(edge, "GET", "/v1/payments?pagesize=1")
    assert_refused(unknown, "UNKNOWN_PARAMETER", detail="`pagesize`.")
    number = await send(edge, "GET", f"/v1/payments?{CARD_NUMBER}=1")
    assert_refused(number, "UNKNOWN_PARAMETER", detail="`?`.")
    detail = "`page_size` is not an integer of at most 32 bits."
    wrong = assert_refused(await send(edge, "GET", "/v1/payments?page_size=many"), "INVALID_FIELD", detail=detail)
    violation = {"field": "page_size", "description": detail}
    assert wrong["details"][1]["field_violations"] == [violation]
    detail = "`created_from` is not a time such as 2026-01-31T12:00:00Z."
    assert_refused(await send(edge, "GET", "/v1/payments?created_from=today"), "INVALID_FIELD", detail=detail)
    assert edge.log.calls == []


async def test_a_body_of_64_kib_passes_and_a_larger_one_does_not(edge: Edge) -> None:
    frame = len('{"description":""}')
    exact = '{"description":"' + "x" * (65536 - frame) + '"}'
    assert (await send(edge, "POST", "/v1/payments", exact)).status == 200
    assert_refused(await send(edge, "POST", "/v1/payments", exact + " "), "BODY_TOO_LARGE", limit="65536")
    assert len(edge.log.calls) == 1


@pytest.mark.parametrize(
    "raw", ["GET / HTTP/1.1\r\nbroken\r\n\r\n", f"GET / HTTP/1.1\r\nHost: a\r\nX-A: {'a' * 20000}\r\n\r\n"]
)
async def test_broken_http_is_answered_in_the_same_shape(edge: Edge, raw: str) -> None:
    url = URL(edge.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(raw.encode())
    received = (await asyncio.wait_for(reader.read(), CALL_SECONDS)).decode()
    writer.close()
    head, _, text = received.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400")
    document = json.loads(text)
    assert document["details"][0]["reason"] == "MALFORMED_BODY"
    assert "aaaa" not in text


async def test_internal_services_are_out_of_reach(edge: Edge) -> None:
    address = edge.url.removeprefix("http://")
    async with grpc.aio.insecure_channel(address) as channel:
        for method, request in (
            ("/payera.vault.v1.CardService/Detokenize", token_service_pb2.DetokenizeRequest(token_id="tok_1")),
            ("/payera.gateway.v1.PaymentService/CreatePayment", payment_service_pb2.CreatePaymentRequest()),
            ("/v1/payments", payment_service_pb2.CreatePaymentRequest()),
            ("/v1/tokens", token_service_pb2.CreateTokenRequest()),
        ):
            call: Any = channel.unary_unary(
                method,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=payment_pb2.Payment.FromString,
            )
            with pytest.raises(grpc.aio.AioRpcError):
                await call(request, timeout=CALL_SECONDS)
    assert edge.log.calls == []


async def test_pages_are_served(edge: Edge) -> None:
    assert (await send(edge, "GET", "/health")).json == {"status": "ok"}
    document = await send(edge, "GET", "/openapi.json")
    assert document.text == (ROOT / "gen" / "openapi.json").read_text(encoding="utf-8")
    assert document.headers["content-type"] == "application/json"
    page = await send(edge, "GET", "/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "//" not in re.sub(r"https://redocly\.com", "", page.text), "the page loads something from elsewhere"
    script = await send(edge, "GET", "/docs/redoc.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert len(script.text) > 1_000_000


async def test_browsers_may_create_tokens_and_nothing_else(edge: Edge) -> None:
    asking = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    allowed = await send(edge, "OPTIONS", "/v1/tokens", headers=asking)
    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-credentials" not in allowed.headers
    created = await send(edge, "POST", "/v1/tokens", {"card": {}}, {"Origin": "https://shop.example"})
    assert created.headers["access-control-allow-origin"] == "https://shop.example"
    refused = await send(edge, "OPTIONS", "/v1/payments", headers=asking)
    assert refused.status == 404
    assert "access-control-allow-origin" not in refused.headers


async def test_the_access_log_holds_no_query_and_no_card_number(edge: Edge) -> None:
    await send(edge, "POST", "/v1/tokens", {"card": {"number": CARD_NUMBER, "exp_month": CARD_NUMBER}})
    await send(edge, "GET", f"/v1/tokens/{CARD_NUMBER}?a={CARD_NUMBER}")
    await send(edge, "GET", "/v1/payments?merchant_reference=ref-1", headers={"X-Request-Id": "logged-1"})
    async with asyncio.timeout(CALL_SECONDS):
        while not (found := [entry for entry in edge.access_log() if entry["request_id"] == "logged-1"]):  # noqa: ASYNC110
            # The log is a file, and tells nobody when it grows.
            await asyncio.sleep(0.05)
    entry = found[0]
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/v1/payments", 200)
    assert entry["service"] == "gateway_svc"
    assert CARD_NUMBER not in edge.output()
    assert "ref-1" not in edge.output()


async def test_headers_of_the_inside_are_taken_off_even_without_the_script(tmp_path: Path) -> None:
    script = tmp_path / "nothing.lua"
    script.write_text("-- stands for a script that fails\n", encoding="utf-8")
    async with Edge(tmp_path, replacements={str(ROOT / "envoy" / "edge.lua"): str(script)}) as edge:
        forged = {"X-Payera-Body-Fields": "amount", "X-Envoy-Retry-On": "5xx"}
        assert (await send(edge, "POST", "/v1/payments", AMOUNT, forged)).status == 200
        assert not [name for name in edge.log.calls[0].metadata if name.startswith(("x-payera-", "x-envoy-"))]


async def test_an_absent_service_is_unavailable(tmp_path: Path) -> None:
    async with Edge(tmp_path, absent=("gateway_svc",)) as edge:
        answer = await send(edge, "POST", "/v1/payments", AMOUNT)
        assert_refused(answer, "UNAVAILABLE")
        assert answer.headers["retry-after"] == "1"
        assert (await send(edge, "POST", "/v1/tokens", {"card": {}})).status == 200


async def test_a_service_with_the_wrong_identity_is_not_talked_to(tmp_path: Path) -> None:
    async with Edge(tmp_path, identities={"vault_svc": "router_svc"}) as edge:
        assert_refused(await send(edge, "POST", "/v1/tokens", {"card": {"number": CARD_NUMBER}}), "UNAVAILABLE")
        assert edge.log.calls == []


async def test_a_service_that_does_not_answer_runs_into_the_deadline(tmp_path: Path) -> None:
    async with Edge(tmp_path, replacements={"timeout: 30s": "timeout: 0.3s"}) as edge:
        answer = await send(edge, "POST", "/v1/payments", {"description": "slow"})
        assert_refused(answer, "DEADLINE_EXCEEDED")
        assert len(edge.log.calls) == 1, "the edge never repeats a call"


async def test_too_many_calls_at_once_are_turned_away(tmp_path: Path) -> None:
    async with Edge(tmp_path, replacements={"max_requests: 128": "max_requests: 1"}) as edge:
        first = asyncio.create_task(send(edge, "POST", "/v1/payments", {"description": "slow"}))
        await asyncio.wait_for(edge.log.called.wait(), CALL_SECONDS)
        second = await send(edge, "POST", "/v1/payments", AMOUNT)
        first.cancel()
        assert_refused(second, "OVERLOADED")
        assert second.headers["retry-after"] == "1"
