"""`payera routing rulesets` against a REST server that answers as it is told: what is sent, shown, and how it ends."""

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
from devstack.routing.ruleset_file import FILE_BYTES_MAX

RULESET = {
    "rules": [
        {"name": "no prepaid", "condition": 'funding == "prepaid"', "block": {"reason": "No prepaid cards."}},
        {
            "name": "euros",
            "condition": 'currency == "EUR" &&\namount < 5000',
            "route": {
                "accounts": ["b", "a"],
                "strategy": {"ranking": "WEIGHTED", "success_weight": 70, "explore_ppm": 20000},
            },
            "step_up": "REQUIRE",
        },
        {"name": "half", "split": {"shares": [{"account": "a", "weight": 1}, {"account": "b", "weight": 2}]}},
    ],
    "otherwise": {"accounts": ["a"]},
}
YAML = """
rules:
  - name: no prepaid
    condition: funding == "prepaid"
    block: {reason: No prepaid cards.}
otherwise:
  accounts: [a]
"""
PROBLEM = {
    "severity": "ERROR",
    "kind": "UNKNOWN_WORD",
    "field": "ruleset.rules[0].condition",
    "rule": "no prepaid",
    "why": 'no payment has the funding "pre-paid"',
    "instead": 'write "prepaid"',
    "position": {"line": 1, "column": 12, "excerpt": 'funding == "pre-paid"\n           ^'},
}
WARNING = PROBLEM | {"severity": "WARNING", "why": "it may be meant otherwise", "rule": "", "position": None}
INVALID = {
    "message": "The ruleset can't be used: ...",
    "details": [{"reason": "RULESET_INVALID", "metadata": {"remedy": "correct it"}}],
}
CHANGE = {
    "number": 3,
    "kind": "ACTIVATED",
    "version": 7,
    "replaced_version": 0,
    "key_id": "key_1",
    "request_id": "req_1",
    "change_time": "2026-11-20T14:02:51.006Z",
}
VERSION = {
    "version": 7,
    "state": "ACTIVE",
    "ruleset": RULESET,
    "note": "for euros",
    "rule_count": 3,
    "created_by": "key_1",
    "create_time": "2026-11-20T14:02:51.006Z",
    "approved_by": ["key_2"],
    "history": [CHANGE],
    "warnings": [],
}
POLICY = {"approval_required": False, "waiver_requested_by": ""}
ACTIVE = {"active_version": 7, "previous_version": 6, "ruleset_version": VERSION, "approval_policy": POLICY}


@dataclass
class Desk:
    """A stack's home whose REST address answers with `answers` by method and path."""

    home: Path
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def call(self, *arguments: str, given: str | None = None) -> Result:
        command = ["--home", str(self.home), "routing", *arguments]
        return CliRunner(env={"PAYERA_API_KEY": None}).invoke(cli.main, command, input=given)

    def file(self, text: str = YAML) -> str:
        path = self.home / "rules.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)


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
            key = self.headers["authorization"].removeprefix("Bearer ")
            made.asked.append((key, f"{self.command} {self.path}", json.loads(body) if body else {}))
            status, answer = made.answers[f"{self.command} {self.path}"]
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ports = {name.value: port for name, port in DEFAULT_PORTS.items()} | {PortName.REST.value: server.server_port}
    (tmp_path / "ports.json").write_text(json.dumps({"port_base": None, "ports": ports}), encoding="utf-8")
    keys = {"merchant_id": "mer_1", "secret_key": "sk_own", "publishable_key": "p", "operator_key": "ok_own"}
    (tmp_path / "merchant.json").write_text(json.dumps(keys), encoding="utf-8")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_checked_and_problems_are_shown_as_a_compiler_does(desk: Desk) -> None:
    desk.answers["POST /v1/routing/rulesets:check"] = (200, {"usable": False, "problems": [PROBLEM, WARNING]})
    result = desk.call("rulesets", "check", desk.file())
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        'error: ruleset.rules[0].condition:1:12, rule "no prepaid"',
        '  no payment has the funding "pre-paid"',
        '    funding == "pre-paid"',
        "               ^",
        '  instead: write "prepaid"',
        "warning: ruleset.rules[0].condition",
        "  it may be meant otherwise",
        '  instead: write "prepaid"',
        "1 error, 1 warning",
        "it can't be saved",
    ]
    [(key, _, body)] = desk.asked
    assert key == "sk_own"
    assert body == {"ruleset": {"rules": RULESET["rules"][:1], "otherwise": {"accounts": ["a"]}}}  # type: ignore[index]


def test_json_is_read_too_and_a_good_file_ends_well(desk: Desk) -> None:
    desk.answers["POST /v1/routing/rulesets:check"] = (200, {"usable": True, "problems": []})
    result = desk.call("rulesets", "check", desk.file(json.dumps(RULESET)))
    assert (result.exit_code, result.output) == (0, "it can be saved\n")
    assert desk.asked[0][2]["ruleset"] == RULESET


def test_a_file_is_saved_and_the_next_step_told(desk: Desk) -> None:
    desk.answers["POST /v1/routing/rulesets"] = (200, VERSION | {"warnings": [WARNING]})
    result = desk.call("rulesets", "create", desk.file(), "--note", "for euros")
    assert result.exit_code == 0, result.output
    assert "it may be meant otherwise" in result.output
    assert result.output.endswith("saved as version 7\nnext: payera routing rulesets activate 7\n")
    assert desk.asked[0][2]["note"] == "for euros"


def test_what_can_t_be_saved_is_shown_with_its_places(desk: Desk) -> None:
    desk.answers["POST /v1/routing/rulesets"] = (400, INVALID)
    desk.answers["POST /v1/routing/rulesets:check"] = (200, {"usable": False, "problems": [PROBLEM]})
    result = desk.call("rulesets", "create", desk.file())
    assert result.exit_code == 1
    assert "               ^\n" in result.output
    assert result.output.endswith("it can't be used; nothing was changed\n")


def test_activating_names_the_version_that_is_active(desk: Desk) -> None:
    desk.answers["GET /v1/routing/active_ruleset"] = (200, ACTIVE)
    desk.answers["GET /v1/routing/rulesets/8"] = (200, VERSION | {"version": 8})
    desk.answers["POST /v1/routing/rulesets/8:activate"] = (200, VERSION | {"version": 8})
    result = desk.call("rulesets", "activate", "8")
    assert result.exit_code == 0, result.output
    assert desk.asked[-1][2] == {"expected_active_version": 7}
    assert "version 8 decides within 5 seconds, in place of 7" in result.output
    assert desk.call("rulesets", "activate", "8", "--expected", "5").exit_code == 0
    assert desk.asked[-1][2] == {"expected_active_version": 5}


def test_another_refusal_is_told_with_its_remedy(desk: Desk) -> None:
    desk.answers["GET /v1/routing/active_ruleset"] = (200, ACTIVE)
    desk.answers["GET /v1/routing/rulesets/8"] = (200, VERSION)
    details = [{"reason": "RULESET_CONFLICT", "metadata": {"remedy": "look at it"}}]
    desk.answers["POST /v1/routing/rulesets/8:activate"] = (
        409,
        {"message": "Version 9 is active.", "details": details},
    )
    result = desk.call("rulesets", "activate", "8")
    assert result.exit_code == 1
    assert "Version 9 is active." in result.output
    assert "look at it" in result.output


def test_rolling_back_goes_to_the_previous_version_or_the_one_named(desk: Desk) -> None:
    desk.answers["GET /v1/routing/active_ruleset"] = (200, ACTIVE)
    desk.answers["GET /v1/routing/rulesets/6"] = (200, VERSION | {"version": 6})
    desk.answers["POST /v1/routing/active_ruleset:roll_back"] = (200, ACTIVE | {"active_version": 6})
    result = desk.call("rulesets", "roll-back")
    assert result.exit_code == 0, result.output
    assert desk.asked[-1][2] == {"expected_active_version": 7}
    assert "version 6 decides within 5 seconds, in place of 7" in result.output
    assert desk.call("rulesets", "roll-back", "--to", "0").exit_code == 0
    assert desk.asked[-1][2] == {"expected_active_version": 7, "version": 0}


def test_a_version_is_shown_before_it_is_approved_and_by_another_key(desk: Desk) -> None:
    desk.answers["GET /v1/routing/rulesets/7?merchant_id=mer_1"] = (200, VERSION)
    desk.answers["POST /v1/routing/rulesets/7:approve"] = (200, VERSION)
    result = desk.call("rulesets", "approve", "7", "--operator", given="n\n")
    assert result.exit_code == 1
    assert [asked[1] for asked in desk.asked] == ["GET /v1/routing/rulesets/7?merchant_id=mer_1"]
    result = desk.call("rulesets", "approve", "7", "--operator", given="y\n")
    assert result.exit_code == 0, result.output
    assert desk.asked[-1] == ("ok_own", "POST /v1/routing/rulesets/7:approve", {"merchant_id": "mer_1"})
    for line in (
        "version 7  active  for euros",
        "    1. no prepaid",
        "       -> send it nowhere: No prepaid cards.",
        '       if currency == "EUR" &&',
        "          amount < 5000",
        "       -> b, a by weighted, 70 of 100 for success, exploring 2 %; 3-D Secure is required",
        "       if true",
        "       -> split: a 1, b 2",
        "  else -> a by priority",
        "activated version 7 in place of none by key_1, request req_1",
    ):
        assert line in result.output


def test_the_active_one_is_shown_and_none_too(desk: Desk) -> None:
    desk.answers["GET /v1/routing/active_ruleset"] = (200, ACTIVE)
    result = desk.call("active")
    assert result.exit_code == 0, result.output
    assert "a roll back goes to version 6" in result.output
    policy = {"approval_required": True, "waiver_requested_by": "key_9"}
    none = {"active_version": 0, "previous_version": 0, "approval_policy": policy}
    desk.answers["GET /v1/routing/active_ruleset"] = (200, none)
    result = desk.call("active")
    assert "no ruleset is active" in result.output
    assert "key_9 wants no more approvals" in result.output
    assert json.loads(desk.call("active", "--json").output) == none


def test_lists_and_the_policy(desk: Desk, tmp_path: Path) -> None:
    desk.answers["GET /v1/routing/rulesets?page_size=100"] = (
        200,
        {"rulesets": [VERSION, VERSION], "next_page_token": "t"},
    )
    desk.answers["GET /v1/routing/rulesets?page_token=t&page_size=100"] = (
        200,
        {"rulesets": [VERSION], "next_page_token": ""},
    )
    result = desk.call("rulesets", "list")
    assert [line.split()[0] for line in result.output.splitlines()] == ["VERSION", "7", "7", "7"]
    assert len(desk.call("rulesets", "list", "-n", "1").output.splitlines()) == 2
    desk.answers["GET /v1/routing/changes?page_size=100"] = (200, {"changes": [CHANGE], "next_page_token": ""})
    assert "activated version 7 in place of none" in desk.call("rulesets", "changes").output
    desk.answers["POST /v1/routing/approval_policy"] = (200, POLICY | {"approval_required": True})
    key = tmp_path / "key"
    key.write_text("sk_other\n", encoding="utf-8")
    result = desk.call("rulesets", "approvals", "on", "--key-file", str(key))
    assert result.output == "versions need the approval of a second key\n"
    assert desk.asked[-1] == ("sk_other", "POST /v1/routing/approval_policy", {"approval_required": True})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules: [", "is neither YAML nor JSON"),
        ("- a", "has no names with values"),
        ("rulez: []", "rulez"),
        ("rules: [{name: a, block: {reason: x}, route: {}}]", "is no ruleset"),
        ("rules: [{name: no, block: {reason: x}}]", "is no ruleset"),
        ("#" * (FILE_BYTES_MAX + 1), "has more than 262,144 bytes"),
    ],
)
def test_a_file_that_is_no_ruleset_is_told_of_and_sent_to_nobody(desk: Desk, text: str, told: str) -> None:
    result = desk.call("rulesets", "check", desk.file(text))
    assert result.exit_code == 1
    assert told in result.output
    assert desk.asked == []


def test_a_file_that_is_not_there(desk: Desk) -> None:
    result = desk.call("rulesets", "check", str(desk.home / "nothing.yaml"))
    assert result.exit_code == 1
    assert "can't be read" in result.output
