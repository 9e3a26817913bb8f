"""What an attacker sends to the edge: nothing means two things, nobody gets what is another's, no number is kept."""

import http.client
import json
import socket
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from devstack.rest import Answer, Rest, expect_ok
from tests.e2e.support import Mesh, until

#: A number no other test uses, so that a trace of it is this file's.
CANARY = "4000056655665556"


def send(
    mesh: Mesh, method: str, path: str, body: Any = None, headers: list[tuple[str, str | bytes]] | None = None
) -> Answer:
    """Send headers exactly as they are given, doubles and foreign bytes included."""
    connection = http.client.HTTPConnection(urlsplit(mesh.stack.configuration.rest_url).netloc, timeout=20)
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        connection.putrequest(method, path)
        given = {name.lower() for name, _ in headers or []}
        if "authorization" not in given:
            connection.putheader("authorization", f"Bearer {mesh.merchant.secret_key}")
        if method == "POST" and "idempotency-key" not in given:
            connection.putheader("idempotency-key", str(uuid.uuid4()))
        for name, value in headers or []:
            connection.putheader(name, value)
        if content:
            connection.putheader("content-length", str(len(content)))
        connection.endheaders(content or None)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    names = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, names, json.loads(text) if text else {})


def assert_refused(answer: Answer, status: int, reason: str) -> None:
    assert (answer.status, answer.reason) == (status, reason), answer.body
    assert CANARY not in json.dumps(answer.body)


def payments(mesh: Mesh) -> int:
    return int(mesh.rows("SELECT count(*) AS n FROM gateway.payment")[0]["n"])


def logs(mesh: Mesh) -> Iterator[tuple[str, bytes]]:
    for path in mesh.stack.configuration.logs_directory.glob("*.log"):
        yield path.name, path.read_bytes()


def order(mesh: Mesh, **fields: Any) -> dict[str, Any]:
    return {"amount": {"value": 1000, "currency": "EUR"}, "token": mesh.token(), **fields}


def test_a_query_never_names_another_payment_than_the_path(mesh: Mesh) -> None:
    first, second = (mesh.pay(capture_method="MANUAL")["id"] for _ in range(2))
    for name in ("payment_id", "paymentId", "payment%5Fid"):
        captured = send(mesh, "POST", f"/v1/payments/{first}:capture?{name}={second}", {})
        assert_refused(captured, 400, "UNKNOWN_PARAMETER")
        assert_refused(send(mesh, "GET", f"/v1/payments/{first}?{name}={second}"), 400, "UNKNOWN_PARAMETER")
        assert_refused(send(mesh, "GET", f"/v1/payments/{first}/refunds?{name}={second}"), 400, "UNKNOWN_PARAMETER")
    assert {mesh.payment(payment)["status"] for payment in (first, second)} == {"AUTHORIZED"}


def test_a_query_never_makes_a_key_for_another_merchant_than_the_path(mesh: Mesh) -> None:
    operator = Rest(mesh.stack.configuration.rest_url, mesh.merchant.operator_key)
    other = expect_ok(operator.post("/v1/merchants", {"name": "Another"}, money=False), "a merchant")["id"]
    path = f"/v1/merchants/{mesh.merchant.merchant_id}/api_keys?merchant_id={other}"
    assert_refused(operator.post(path, {"scope": "SECRET"}, money=False), 400, "UNKNOWN_PARAMETER")
    assert expect_ok(operator.get(f"/v1/merchants/{other}/api_keys"), "the keys")["api_keys"] == []


def test_a_query_never_stands_for_a_body(mesh: Mesh) -> None:
    before = payments(mesh)
    query = f"amount.value=5&amount.currency=EUR&token={mesh.token()}"
    assert_refused(send(mesh, "POST", f"/v1/payments?{query}"), 400, "UNKNOWN_PARAMETER")
    assert_refused(send(mesh, "POST", "/v1/payments?description=x", order(mesh)), 400, "UNKNOWN_PARAMETER")
    card = f"card.number={CANARY}&card.exp_month=12&card.exp_year=2040"
    assert_refused(send(mesh, "POST", f"/v1/tokens?{card}"), 400, "UNKNOWN_PARAMETER")
    assert payments(mesh) == before


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("page_size=1&page_size=2", "INVALID_FIELD"),
        ("page_size=1&pageSize=2", "INVALID_FIELD"),
        ("page_size", "INVALID_FIELD"),
        ("page_size=", "INVALID_FIELD"),
        ("a" * 5000, "UNKNOWN_PARAMETER"),
        ("=1", "UNKNOWN_PARAMETER"),
        (f"{CANARY}=1", "UNKNOWN_PARAMETER"),
        ("created_from.seconds=1", "UNKNOWN_PARAMETER"),
        ("merchant_id=mer_x", "UNKNOWN_PARAMETER"),
    ],
)
def test_a_query_has_known_parameters_once_each(mesh: Mesh, query: str, reason: str) -> None:
    assert_refused(send(mesh, "GET", f"/v1/payments?{query}"), 400, reason)


def test_a_read_takes_no_body(mesh: Mesh) -> None:
    assert_refused(send(mesh, "GET", "/v1/payments", {"page_size": 1}), 400, "MALFORMED_BODY")
    assert send(mesh, "GET", "/v1/payments?pageSize=1&page_token=").status == 200


@pytest.mark.parametrize(
    "written", ['"+10"', '"010"', '"-0"', '"\\u0031\\u0030"', '"1e3"', '" 10"', '"10 "', '"0x10"', "1E2", "10.0", "010"]
)
def test_an_amount_is_digits_or_refused(mesh: Mesh, written: str) -> None:
    before = payments(mesh)
    body = f'{{"amount": {{"value": {written}, "currency": "EUR"}}, "token": "{mesh.token()}"}}'.encode()
    assert_refused(send(mesh, "POST", "/v1/payments", body), 400, "MALFORMED_BODY")
    assert payments(mesh) == before


def test_two_idempotency_keys_are_none(mesh: Mesh) -> None:
    keys: list[tuple[str, str | bytes]] = [("Idempotency-Key", str(uuid.uuid4())) for _ in range(2)]
    before = payments(mesh)
    assert_refused(send(mesh, "POST", "/v1/payments", order(mesh), keys), 400, "IDEMPOTENCY_KEY_INVALID")
    assert payments(mesh) == before


def test_two_api_keys_are_none(mesh: Mesh) -> None:
    own, operator = (f"Bearer {key}" for key in (mesh.merchant.secret_key, mesh.merchant.operator_key))
    for both in ((own, operator), (operator, own)):
        answer = send(mesh, "GET", "/v1/merchants", headers=[("Authorization", value) for value in both])
        assert_refused(answer, 401, "API_KEY_INVALID")


@pytest.mark.parametrize("number", [CANARY, "4000-0566-5566-5556", "order:4000_0566_5566_5556", f"a{CANARY}b"])
def test_a_card_number_in_a_header_is_kept_nowhere(mesh: Mesh, number: str) -> None:
    refused = send(mesh, "POST", "/v1/payments", order(mesh), [("Idempotency-Key", number)])
    assert_refused(refused, 400, "CARD_NUMBER_IN_TEXT")
    headers: list[tuple[str, str | bytes]] = [
        (name, number) for name in ("X-Request-Id", "User-Agent", "Tracestate", "Accept", "X-Anything")
    ]
    answer = send(mesh, "POST", "/v1/payments", order(mesh), headers)
    assert answer.status == 200
    assert number not in answer.headers["x-request-id"]
    # Refused by Envoy itself, before any filter.
    assert send(mesh, "GET", f"/v1%2F{number}", headers=headers).status == 400
    until(lambda: dict(logs(mesh))["envoy.log"].count(b'"path_normalization_failed"'), bool, 20)
    assert [name for name, content in logs(mesh) if number.encode() in content] == []
    for table in ("vault.card_access", "gateway.idempotency_key", "gateway.payment"):
        assert mesh.rows(f"SELECT 1 FROM {table} AS t WHERE strpos(t::text, %s) > 0", number) == [], table


def test_a_header_that_is_not_ascii_brings_no_key_into_a_log(mesh: Mesh) -> None:
    mark = uuid.uuid4().hex
    for value in (f"Bearer sk_test_{mark}\xe9", f"Bearer sk_test_{mark}é"):
        answer = send(mesh, "GET", "/v1/payments", headers=[("Authorization", value.encode("latin-1"))])
        assert_refused(answer, 401, "API_KEY_INVALID")
    foreign: list[tuple[str, str | bytes]] = [
        (name, f"{mark}\xff".encode("latin-1")) for name in ("User-Agent", "Tracestate", "Traceparent", "Accept")
    ]
    assert send(mesh, "GET", "/v1/payments", headers=foreign).status == 200
    probe = f"probe-{mark[:8]}"
    assert send(mesh, "GET", "/v1/payments", headers=[("X-Request-Id", probe)]).status == 200
    until(lambda: probe.encode() in dict(logs(mesh))["gateway.log"], bool, 20)
    assert [name for name, content in logs(mesh) if mark.encode() in content] == []


def test_a_path_with_a_card_number_is_not_repeated(mesh: Mesh) -> None:
    for path in (f"/v1/tokens/{CANARY}", f"/v1/nothing/{CANARY}", f"/v1/payments?merchant_reference={CANARY}"):
        answer = send(mesh, "GET", path)
        assert answer.status in {400, 404}
        assert CANARY not in json.dumps(answer.body)


def test_grpc_from_outside_is_answered_as_everything_else(mesh: Mesh) -> None:
    grpc: list[tuple[str, str | bytes]] = [("Content-Type", "application/grpc"), ("TE", "trailers")]
    for path in ("/payera.vault.v1.CardService/Detokenize", "/grpc.health.v1.Health/Check", "/v1/nothing"):
        assert_refused(send(mesh, "POST", path, {}, grpc), 404, "UNKNOWN_ROUTE")
    before = payments(mesh)
    for body, status, reason in (
        (b"\0\0\0\0\0", 400, "MALFORMED_BODY"),
        ({"amount": {"value": "ten"}}, 400, "MALFORMED_BODY"),
        (b" " * 70_000, 413, "BODY_TOO_LARGE"),
    ):
        assert_refused(send(mesh, "POST", "/v1/payments", body, grpc), status, reason)
    assert payments(mesh) == before


def test_framing_that_two_readers_could_read_differently_is_refused(mesh: Mesh) -> None:
    body = json.dumps(order(mesh))
    head = (
        "POST /v1/payments HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {mesh.merchant.secret_key}\r\nIdempotency-Key: {uuid.uuid4()}\r\n"
    )
    chunked = f"{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    before = payments(mesh)
    for framing in (
        f"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}",
        f"Transfer-Encoding: xchunked\r\n\r\n{chunked}",
        f"Transfer-Encoding: chunked, identity\r\n\r\n{chunked}",
        f"Content-Length: 4\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        f"Content-Length: -1\r\n\r\n{body}",
    ):
        assert raw(mesh, head + framing).startswith(b"HTTP/1.1 400"), framing
    assert payments(mesh) == before


def raw(mesh: Mesh, text: str) -> bytes:
    address = urlsplit(mesh.stack.configuration.rest_url)
    assert address.hostname is not None
    assert address.port is not None
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(text.encode())
        return connection.recv(4096)


def test_nothing_of_the_data_folder_can_be_read_by_other_users(mesh: Mesh) -> None:
    home = mesh.stack.configuration.home
    assert [str(path.relative_to(home)) for path in open_to_others(home, home)] == []


def open_to_others(folder: Path, home: Path) -> Iterator[Path]:
    """Yield the files that another user can reach and read; a closed folder closes all that is in it."""
    for path in sorted(folder.iterdir()):
        mode = path.lstat().st_mode
        if path.is_symlink() or path == home / "postgres":
            continue
        if stat.S_ISDIR(mode):
            if mode & (stat.S_IXGRP | stat.S_IXOTH):
                yield from open_to_others(path, home)
        elif mode & (stat.S_IRGRP | stat.S_IROTH) and path.stat().st_size > 0:
            yield path


def test_a_web_page_cannot_stop_the_edge(mesh: Mesh) -> None:
    """Any page in a developer's browser can post to a local port; Envoy's own pages obey posts."""
    port = mesh.stack.configuration.ports["envoy_admin"]  # type: ignore[index]
    for method, path in (("POST", "/quitquitquit"), ("POST", "/healthcheck/fail"), ("GET", "/config_dump")):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(method, path)
        assert connection.getresponse().status == 403, path
        connection.close()
    assert mesh.rest.get("/v1/payments").status == 200
