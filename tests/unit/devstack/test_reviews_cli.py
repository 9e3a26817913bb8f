"""`payera reviews` against a REST server that answers as it is told: what is sent, shown, and how it ends."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devstack import cli
from devstack.names import DEFAULT_PORTS, PortName

REVIEW: dict[str, Any] = {
    "id": "pay_1_1",
    "kind": "AUTHORIZE",
    "cause": "CONTRADICTION",
    "version": "2",
    "open": True,
    "open_time": "2026-11-23T14:03:09.000Z",
    "payment_id": "pay_1",
    "merchant_id": "mer_1",
    "psp_account": "acme",
    "amount": {"value": "1050", "currency": "EUR"},
    "recorded_status": "UNKNOWN",
    "psp_reference": "",
    "code": "psp_timeout",
    "raw_code": "",
    "create_time": "2026-11-20T14:03:07.131Z",
    "asks": 2,
    "not_founds": 1,
    "contradiction": {
        "outcome": "APPROVED",
        "code": "",
        "raw_code": "",
        "psp_reference": "psp_9",
        "amount": "7",
        "currency": "EUR",
        "reversal": False,
    },
    "contradictions": [
        {
            "time": "2026-11-23T14:03:09Z",
            "outcome": "APPROVED",
            "code": "",
            "raw_code": "",
            "psp_reference": psp_reference,
            "amount": "7",
            "currency": "EUR",
            "reversal": False,
        }
        for psp_reference in ("psp_8", "psp_9")
    ],
    "inquiries": [
        {"time": "2026-11-20T14:03:08Z", "outcome": "NOT_FOUND", "code": "", "raw_code": "", "psp_reference": ""}
    ],
    "decisions": [],
    "payment": {"id": "pay_1", "status": "PROCESSING"},
}
SETTLED = REVIEW | {
    "open": False,
    "close_time": "2026-11-23T15:10:00Z",
    "recorded_status": "APPROVED",
    "payment": {"id": "pay_1", "status": "SUCCEEDED"},
}
LIST = "GET /v1/reviews?page_size=100"
SHOW = "GET /v1/reviews/pay_1_1"
RESOLVE = "POST /v1/reviews/pay_1_1:resolve"
ACCOUNT = "GET /v1/psp_accounts/acme"


@dataclass
class Desk:
    """A stack's home whose REST address answers with `answers` by method and path."""

    home: Path
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def call(self, *arguments: str, given: str | None = None) -> Result:
        return CliRunner().invoke(cli.main, ["--home", str(self.home), "reviews", *arguments], input=given)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            made.asked.append((self.command, self.path, json.loads(body) if body else {}))
            status, answer = made.answers[f"{self.command} {self.path}"]
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ports = {name.value: port for name, port in DEFAULT_PORTS.items()} | {PortName.REST.value: server.server_port}
    (tmp_path / "ports.json").write_text(json.dumps({"port_base": None, "ports": ports}), encoding="utf-8")
    keys = {"merchant_id": "mer_1", "secret_key": "s", "publishable_key": "p", "operator_key": "ok_test"}
    (tmp_path / "merchant.json").write_text(json.dumps(keys), encoding="utf-8")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_queue(desk: Desk) -> None:
    desk.answers[LIST] = 200, {"reviews": [REVIEW], "next_page_token": ""}
    result = desk.call("list")
    assert result.exit_code == 0, result.output
    row = "pay_1_1  2026-11-23T14:03:09  authorize  1050 EUR  acme     UNKNOWN   the PSP contradicts the record"
    assert row in result.output
    desk.answers["GET /v1/reviews?page_size=100&psp_account=acme&kind=REFUND"] = (
        200,
        {
            "reviews": [],
            "next_page_token": "",
        },
    )
    assert desk.call("list", "--account", "acme", "--kind", "refund").output == "nothing waits\n"


def test_the_evidence(desk: Desk) -> None:
    desk.answers |= {SHOW: (200, REVIEW), ACCOUNT: (200, {"connector": "adyen"})}
    output = desk.call("show", "pay_1_1").output
    assert "account     acme (adyen)" in output
    assert "recorded    UNKNOWN, psp_timeout" in output
    for reference in ("psp_8", "psp_9"):
        assert f"PSP said    2026-11-23T14:03:09  APPROVED, reference {reference}, amount 7 EUR" in output
    assert "2026-11-20T14:03:08  NOT_FOUND" in output


def test_a_decision_is_of_what_was_shown(desk: Desk) -> None:
    desk.answers |= {SHOW: (200, REVIEW), ACCOUNT: (200, {"connector": "adyen"}), RESOLVE: (200, SETTLED)}
    arguments = ("resolve", "pay_1_1", "charged", "--note", "paid, says the dashboard", "--psp-reference", "psp_9")
    assert desk.call(*arguments, given="n\n").exit_code == 1
    assert not [call for call in desk.asked if call[0] == "POST"]
    result = desk.call(*arguments, given="y\n")
    assert "pay_1_1 is APPROVED; payment pay_1 is SUCCEEDED" in result.output
    assert desk.asked[-1] == (
        "POST",
        "/v1/reviews/pay_1_1:resolve",
        {"version": 2, "action": "CHARGED", "note": "paid, says the dashboard", "psp_reference": "psp_9"},
    )


def test_a_refusal_ends_with_its_remedy(desk: Desk) -> None:
    detail = {"reason": "REVIEW_CHANGED", "metadata": {"remedy": "Read it again."}}
    desk.answers[RESOLVE] = 409, {"message": "The review pay_1_1 has changed.", "details": [detail]}
    result = desk.call("resolve", "pay_1_1", "ask-again", "--note", "n", "--version", "1")
    assert result.exit_code == 1
    assert "error: The review pay_1_1 has changed." in result.output
    assert "next:  Read it again." in result.output
