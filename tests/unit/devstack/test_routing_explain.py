"""`payera routing explain` against a REST server that answers as it is told: what is asked, and what is shown."""

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
from devstack.routing.explaining import KEY_VARIABLE, lines

ROUTING: dict[str, Any] = {
    "payment_id": "pay_1",
    "status": "SUCCEEDED",
    "ruleset_version": 7,
    "rule": "euro",
    "unheld_rules": ["gift"],
    "three_ds": "REQUIRED",
    "facts": {"initiator": "CUSTOMER", "three_ds": "NONE"},
    "list_version": 3,
    "learning_current": True,
    "candidates": [
        {
            "psp_account": "acme_adyen",
            "rank": 1,
            "eligible": True,
            "reason": "best",
            "approval_ppm": 912_345,
            "fee": "1017",
            "explored": False,
            "outcome": "declined with do_not_honor",
        },
        {
            "psp_account": "b",
            "rank": 2,
            "eligible": True,
            "reason": "to learn",
            "explored": True,
            "outcome": "approved",
        },
        {"psp_account": "c", "rank": 0, "eligible": False, "reason": "no yen", "explored": False, "outcome": ""},
    ],
    "candidates_left_out": 2,
    "attempts": [
        {
            "id": "pay_1_1",
            "psp_account": "acme_adyen",
            "rank": 1,
            "status": "DECLINED",
            "decline": {"code": "do_not_honor", "message": "No.", "raw_code": "05"},
            "route_reason": "best",
            "passed_over": [],
        },
        {
            "id": "pay_1_2",
            "psp_account": "b",
            "rank": 2,
            "status": "APPROVED",
            "route_reason": "to learn",
            "passed_over": [
                {"psp_account": "acme_adyen", "reason": "declined with do_not_honor", "attempt_id": "pay_1_1"}
            ],
        },
    ],
    "stopped": "",
    "complete": True,
    "currency": "EUR",
}
SHOWN = """\
pay_1  SUCCEEDED
ruleset version 7: rule "euro"
priority list version 3
rules whose condition failed: gift
the rule requires 3-D Secure; every PSP was asked for it

#   ACCOUNT     APPROVAL  FEE        OUTCOME                     WHY
1   acme_adyen  91.2 %    EUR 10.17  declined with do_not_honor  best
2*  b                                approved                    to learn
-   c                                not used                    no yen
and 2 more that were not recorded
* tried so that more is learnt of it

pay_1_1  acme_adyen  DECLINED do_not_honor: best
pay_1_2  b  APPROVED: to learn
    not acme_adyen: declined with do_not_honor"""


@dataclass
class Edge:
    """A stack's home whose REST address answers with `answer`."""

    home: Path
    answer: tuple[int, dict[str, Any]] = (200, ROUTING)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def call(self, *arguments: str, given: str | None = None, key: str = "") -> Result:
        command = ["--home", str(self.home), "routing", "explain", *arguments]
        return CliRunner().invoke(cli.main, command, input=given, env={KEY_VARIABLE: key})


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    made = Edge(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers["authorization"]))
            status, answer = made.answer
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ports = {name.value: port for name, port in DEFAULT_PORTS.items()} | {PortName.REST.value: server.server_port}
    (tmp_path / "ports.json").write_text(json.dumps({"port_base": None, "ports": ports}), encoding="utf-8")
    keys = {"merchant_id": "mer_1", "secret_key": "sk_own", "publishable_key": "p", "operator_key": "o"}
    (tmp_path / "merchant.json").write_text(json.dumps(keys), encoding="utf-8")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_decision_is_shown_as_a_table(edge: Edge) -> None:
    result = edge.call("pay_1")
    assert result.exit_code == 0
    assert result.output == f"{SHOWN}\n"
    assert edge.asked == [("/v1/payments/pay_1/routing", "Bearer sk_own")]


def test_the_whole_answer_is_there_for_programs(edge: Edge) -> None:
    assert json.loads(edge.call("pay_1", "--json").output) == ROUTING


@pytest.mark.parametrize(
    ("arguments", "given", "key", "sent"),
    [
        ((), None, "sk_of_the_shell", "Bearer sk_of_the_shell"),
        (("--key-file", "-"), "sk_given\n", "sk_of_the_shell", "Bearer sk_given"),
    ],
)
def test_another_merchants_key_comes_from_the_environment_or_a_file(
    edge: Edge, arguments: tuple[str, ...], given: str | None, key: str, sent: str
) -> None:
    edge.call("pay_1", *arguments, given=given, key=key)
    assert edge.asked == [("/v1/payments/pay_1/routing", sent)]


def test_a_payment_that_is_not_there_is_told_with_the_next_step(edge: Edge) -> None:
    info = {"reason": "PAYMENT_NOT_FOUND", "metadata": {"remedy": "Check the id."}}
    edge.answer = (404, {"code": 5, "message": "There is no payment pay_1.", "details": [info]})
    result = edge.call("pay_1")
    assert result.exit_code == 1
    assert "There is no payment pay_1." in result.output
    assert "Check the id." in result.output


def test_a_payment_without_ruleset_and_scores_is_shown_too() -> None:
    plain = ROUTING | {"ruleset_version": 0, "rule": "", "list_version": 0, "unheld_rules": [], "attempts": []}
    plain |= {"three_ds": "PSP_DECIDES", "learning_current": False, "stopped": "it may not be tried"}
    shown = list(lines(plain))
    assert shown[1:4] == [
        "no ruleset: the default order decided",
        "the default priority list",
        "what was learnt from earlier payments was not up to date",
    ]
    assert shown[-1] == "no further account: it may not be tried"


def test_who_started_a_payment_and_an_authentication_from_elsewhere_are_told() -> None:
    plain, told = (
        list(lines(ROUTING)),
        list(lines(ROUTING | {"facts": {"initiator": "MERCHANT", "three_ds": "EXTERNAL"}})),
    )
    more = ["the merchant started it", "it came with an authentication that was done elsewhere"]
    assert [line for line in told if line not in plain] == more


def test_a_payment_from_before_decisions_says_so() -> None:
    old = ROUTING | {"complete": False}
    assert list(lines(old))[1].startswith("this payment is older than the record of decisions")
