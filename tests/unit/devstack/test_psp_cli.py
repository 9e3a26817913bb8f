"""`payera psp` against a REST server that answers as it is told: what is sent, shown, and how it ends."""

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

ACCOUNT = {
    "account": "acme",
    "merchant_id": "",
    "connector": "adyen",
    "base_url": "https://psp.example",
    "source": "DATABASE",
    "webhook_path": "/v1/psp-webhooks/acme",
    "credential_names": ["api_key"],
    "disable_time": "2026-11-20T13:51:40Z",
}
WEBHOOK = {
    "id": "whk_1",
    "account": "acme",
    "state": "RECEIVED",
    "receive_time": "2026-11-20T13:51:40.123Z",
    "last_error": "no operation fits",
    "events": [{"event_type": "REFUND", "state": "WAITING", "disposition": "UNMATCHED"}],
}
KEY = "planted_key_4711"


@dataclass
class Desk:
    """A stack's home whose REST address answers with `answers` by method and path."""

    home: Path
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def call(self, *arguments: str, given: str | None = None) -> Result:
        return CliRunner().invoke(cli.main, ["--home", str(self.home), "psp", *arguments], input=given)


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
            assert self.headers["authorization"] == "Bearer ok_test"
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


def test_accounts_are_listed_page_by_page(desk: Desk) -> None:
    page = "GET /v1/psp_accounts?page_size=100"
    desk.answers[page] = (200, {"psp_accounts": [ACCOUNT], "next_page_token": "t"})
    desk.answers["GET /v1/psp_accounts?page_token=t&page_size=100"] = (
        200,
        {"psp_accounts": [ACCOUNT | {"account": "other"}], "next_page_token": ""},
    )
    result = desk.call("list")
    assert result.exit_code == 0, result.output
    assert [line.split()[:3] for line in result.output.splitlines()[1:]] == [
        ["acme", "adyen", "disabled"],
        ["other", "adyen", "disabled"],
    ]


def test_an_account_is_added_with_credentials_from_stdin(desk: Desk) -> None:
    desk.answers["POST /v1/psp_accounts"] = (200, ACCOUNT)
    credentials = json.dumps({"api_key": KEY, "secrets": {"login": "x"}})
    options = ("--connector", "adyen", "--setting", "merchant_account=Acme", "--credentials", "-")
    result = desk.call("add", "acme", *options, given=credentials)
    assert result.exit_code == 0, result.output
    [(_, _, body)] = desk.asked
    assert (body["api_key"], body["secrets"], body["settings"]) == (KEY, {"login": "x"}, {"merchant_account": "Acme"})
    assert "next: payera psp check acme" in result.output
    assert "/v1/psp-webhooks/acme" in result.output


def test_credentials_are_asked_for_and_never_shown(desk: Desk) -> None:
    desk.answers["POST /v1/psp_accounts/acme:set_credentials"] = (200, ACCOUNT)
    result = desk.call("credentials", "acme", "--secret", "login", given=f"{KEY}\nplanted_login\n")
    assert result.exit_code == 0, result.output
    assert desk.asked[0][2] == {"api_key": KEY, "secrets": {"login": "planted_login"}, "base_url": ""}
    assert "planted" not in result.output


@pytest.mark.parametrize("text", ["", "[]", '{"key": "x"}'])
def test_credentials_of_another_form_are_not_sent(desk: Desk, text: str) -> None:
    result = desk.call("credentials", "acme", "--credentials", "-", given=text)
    assert result.exit_code == 1
    assert desk.asked == []
    assert "next:" in result.output


@pytest.mark.parametrize(
    ("answer", "code", "shown"),
    [
        ("PASSED", 0, "passed: the detail"),
        ("FAILED", 1, "next:  compare key"),
        ("UNREACHABLE", 1, "next:  look at the address"),
        ("NOT_POSSIBLE", 0, "not possible: the detail"),
    ],
)
def test_a_check_says_what_was_tried_and_what_is_next(desk: Desk, answer: str, code: int, shown: str) -> None:
    tried = ["GET https://psp.example/me"]
    desk.answers["POST /v1/psp_accounts/acme:check"] = (200, {"result": answer, "tried": tried, "detail": "the detail"})
    result = desk.call("check", "acme")
    assert result.exit_code == code
    assert "tried  GET https://psp.example/me" in result.output
    assert shown in result.output


@pytest.mark.parametrize("action", ["disable", "enable"])
def test_an_account_is_disabled_and_enabled(desk: Desk, action: str) -> None:
    desk.answers[f"POST /v1/psp_accounts/acme:{action}"] = (200, ACCOUNT)
    assert desk.call(action, "acme").exit_code == 0


def test_a_refusal_shows_every_rule_and_the_remedy(desk: Desk) -> None:
    refusal = {
        "message": "`base_url`: it is wrong.",
        "details": [
            {"reason": "INVALID_FIELD", "metadata": {"remedy": "Correct the fields named in the details."}},
            {
                "field_violations": [
                    {"field": "base_url", "description": "it is wrong"},
                    {"field": "settings.merchant_account", "description": "it is missing: the account"},
                ]
            },
        ],
    }
    desk.answers["POST /v1/psp_accounts/acme:enable"] = (400, refusal)
    result = desk.call("enable", "acme")
    assert result.exit_code == 1
    assert "`base_url`: it is wrong." in result.output
    assert "settings.merchant_account: it is missing" in result.output
    assert "next:  Correct the fields" in result.output


def test_a_webhook_secret_comes_from_a_file_or_is_asked_for(desk: Desk) -> None:
    answer = {"id": "whs_1", "account": "acme"}
    desk.answers["POST /v1/psp_accounts/acme/webhook_secrets"] = (200, answer)
    for options in (("--file", "-"), ()):
        result = desk.call("webhook-secret", "acme", "--overlap-seconds", "60", *options, given="planted_secret\n")
        assert result.exit_code == 0, result.output
        assert "planted_secret" not in result.output
    assert [body for _, _, body in desk.asked] == [{"secret": "planted_secret", "overlap_seconds": 60}] * 2


def test_webhooks_are_listed_with_their_events(desk: Desk) -> None:
    path = "GET /v1/psp_webhooks?account=acme&state=PARKED&page_size=20"
    desk.answers[path] = (200, {"psp_webhooks": [WEBHOOK], "next_page_token": ""})
    result = desk.call("webhooks", "--account", "acme", "--state", "parked")
    assert result.exit_code == 0, result.output
    assert "REFUND waiting/unmatched" in result.output
    assert "no operation fits" in result.output
    shown = desk.call("webhooks", "--account", "acme", "--state", "parked", "--json")
    assert json.loads(shown.output) == [WEBHOOK]


def test_a_webhook_is_replayed(desk: Desk) -> None:
    desk.answers["POST /v1/psp_webhooks/whk_1:replay"] = (200, WEBHOOK)
    result = desk.call("replay", "whk_1")
    assert result.exit_code == 0, result.output
    assert "whk_1 is handled again" in result.output


def test_without_a_seeded_stack_the_way_to_one_is_shown(tmp_path: Path) -> None:
    result = Desk(tmp_path / "none").call("list")
    assert result.exit_code == 1
    assert "payera up" in result.output


FEES = {
    "basis_points": 140,
    "fixed_fees": [{"currency": "EUR", "minor_units": "25"}],
    "scheme_fees": [{"brand": "visa", "basis_points": 12}],
    "cross_border_fee": {"country": "DE", "basis_points": 150},
}
FEES_TOLD = "1.4 % of the amount + EUR 25 in minor units + 0.12 % for visa + 1.5 % for cards not from DE"


def test_fees_are_set_and_all_else_of_the_configuration_stays(desk: Desk) -> None:
    known = ACCOUNT | {"settings": {"merchant_account": "Acme"}, "limits": {"concurrent_calls": 7}, "brands": ["visa"]}
    desk.answers["GET /v1/psp_accounts/acme"] = (200, known)
    desk.answers["POST /v1/psp_accounts/acme:configure"] = (200, known | {"fee_schedule": FEES})
    options = ("--basis-points", "140", "--fixed", "EUR=25", "--scheme", "visa=12", "--cross-border", "DE=150")
    result = desk.call("fees", "acme", *options)
    assert result.exit_code == 0, result.output
    assert result.output == f"acme: {FEES_TOLD}\n"
    assert desk.asked[-1][2] == {
        "base_url": "https://psp.example",
        "settings": {"merchant_account": "Acme"},
        "limits": {"concurrent_calls": 7},
        "brands": ["visa"],
        "fee_schedule": FEES | {"fixed_fees": [{"currency": "EUR", "minor_units": 25}]},
    }


@pytest.mark.parametrize(
    ("known", "told"), [({"fee_schedule": FEES}, FEES_TOLD), ({}, "its fees are not known")], ids=["known", "unknown"]
)
def test_without_options_fees_are_shown_and_nothing_is_changed(desk: Desk, known: dict[str, Any], told: str) -> None:
    desk.answers["GET /v1/psp_accounts/acme"] = (200, ACCOUNT | known)
    assert desk.call("fees", "acme").output == f"{told}\n"
    assert [method for method, _, _ in desk.asked] == ["GET"]


@pytest.mark.parametrize("wrong", ["EUR", "EUR=", "=25", "EUR=2.5", "EUR=-1"])
def test_a_fee_of_another_form_is_not_sent(desk: Desk, wrong: str) -> None:
    desk.answers["GET /v1/psp_accounts/acme"] = (200, ACCOUNT)
    result = desk.call("fees", "acme", "--fixed", wrong)
    assert result.exit_code == 1
    assert "next:" in result.output
    assert [method for method, _, _ in desk.asked] == ["GET"]
