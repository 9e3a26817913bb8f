"""Plays the matrix of faults: a sandbox with an account for each fault, and merchants whose payments go there."""

import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeVar

from devstack.errors import StackError
from devstack.rest import Rest, expect_ok
from devstack.sandbox.keys import key_of, webhook_secret_of
from devstack.seed import set_priorities
from tests.e2e.faults import DECLINING, FAULTS, REFUNDED, SPARE, Cascade, Case, Fault, Operation, Played
from tests.e2e.support import Mesh, until
from tests.support.sandbox_psp import ThreadedLab

INSIST_SECONDS: Final = 120
SETTLE_SECONDS: Final = 90
CONTROL_SECONDS: Final = 60
MERCHANT_ACCOUNT: Final = "PayeraMatrix"
OPEN: Final = ("SENDING", "UNKNOWN", "PENDING")

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass
class Matrix:
    """The sandbox's accounts, one for each fault, and the merchants whose payments go to them."""

    mesh: Mesh
    lab: ThreadedLab
    suffix: str
    merchants: dict[tuple[str, bool], Rest] = field(default_factory=dict)

    def name(self, account: str) -> str:
        """Give the name of an account in this run."""
        return f"{account}_{self.suffix}"

    def control(self, account: str, method: str, path: str, **body: Any) -> Any:
        """Call the sandbox's control API about an account."""
        return self._call(method, f"accounts/{self.name(account)}/{path}", body)

    def charges(self) -> list[dict[str, Any]]:
        """Give all that really happened."""
        answer = self._call("GET", "truth?limit=10000", None)
        assert answer["next"] is None
        charges: list[dict[str, Any]] = answer["charges"]
        return charges

    def rest(self, case: Case) -> Rest:
        """Give the key of the merchant of a case."""
        return self.merchants[case.fault.name, case.cascade is not Cascade.OFF]

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        url = f"http://127.0.0.1:{self.lab.lab.sandbox.control_port}/control/{path}"
        request = urllib.request.Request(url, method=method, headers={"content-type": "application/json"})
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(request, data=data, timeout=CONTROL_SECONDS) as answer:
            return json.load(answer)


def entries_of(edge: str, suffix: str) -> list[dict[str, Any]]:
    """Give the sandbox's accounts; the declining one is the first, as its magic amounts count positions."""
    dialects = {DECLINING: "payera", SPARE: "payera"} | {fault.account: fault.dialect for fault in FAULTS}
    return [_entry(f"{account}_{suffix}", dialect, edge) for account, dialect in dialects.items()]


def _entry(account: str, dialect: str, edge: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"account": account, "dialect": dialect, "api_key": key_of(dialect, uuid.uuid4().hex)}
    if dialect != "payera":
        entry["webhook_secret"] = webhook_secret_of(dialect, uuid.uuid4().hex.upper() * 2)
        entry["webhook_url"] = f"{edge}/v1/psp-webhooks/{account}"
    if dialect == "adyen":
        entry["settings"] = {"merchant_account": MERCHANT_ACCOUNT}
    return entry


def set_up(matrix: Matrix, operator: Rest, entry: dict[str, Any]) -> None:
    """Make the account known to the connectors."""
    account, dialect = entry["account"], entry["dialect"]
    url = f"http://127.0.0.1:{matrix.lab.lab.sandbox.ports[account]}"
    body = {"account": account, "connector": {"payera": "sandbox"}.get(dialect, dialect), "base_url": url}
    body["api_key"] = entry["api_key"]
    if account == matrix.name(DECLINING):
        body["brands"] = ["mastercard"]
    if dialect == "adyen":
        body["base_url"] = f"{url}/v72"
        body["settings"] = {"merchant_account": MERCHANT_ACCOUNT, "return_url": "https://shop.example/return"}
    expect_ok(operator.post("/v1/psp_accounts", body, money=False), f"the account {account}")
    if "webhook_secret" in entry:
        path = f"/v1/psp_accounts/{account}/webhook_secrets"
        expect_ok(operator.post(path, {"secret": entry["webhook_secret"]}, money=False), "a webhook secret")


def engage(matrix: Matrix, operator: Rest, fault: Fault, cascades: bool) -> None:
    """Make a merchant whose payments go to the faulty account: after the declining one where the brand is its."""
    configuration = matrix.mesh.stack.configuration
    name = f"{fault.name}, cascade {'on' if cascades else 'off'}"
    merchant = expect_ok(operator.post("/v1/merchants", {"name": name}, money=False), "a merchant")
    path = f"/v1/merchants/{merchant['id']}"
    if not cascades:
        expect_ok(operator.post(f"{path}:configure", {"cascade": {"off": True}}, money=False), "its settings")
    key = expect_ok(operator.post(f"{path}/api_keys", {"scope": "SECRET"}, money=False), "its key")["key"]
    accounts = (DECLINING, fault.account, SPARE) if cascades else (fault.account, SPARE)
    set_priorities(configuration, merchant["id"], [matrix.name(account) for account in accounts])
    matrix.merchants[fault.name, cascades] = Rest(configuration.rest_url, key)


def each(pool: ThreadPoolExecutor, work: Callable[[Item], Made], items: Sequence[Item]) -> list[Made]:
    """Do the work for every item, some at once."""
    return list(pool.map(work, items))


def insist(rest: Rest, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Make one money call until it is answered, with the same key, as a merchant would."""
    key = str(uuid.uuid4())
    deadline = time.monotonic() + INSIST_SECONDS
    while True:
        try:
            answer = rest.post(path, body, idempotency_key=key)
        except StackError:
            answer = None
        if answer is not None and answer.status == HTTPStatus.OK:
            return answer.body
        assert answer is None or answer.status in {409, 429, 500, 503, 504}, f"not retryable: {answer}"
        assert time.monotonic() < deadline, f"{path} is not answered: {answer}"
        time.sleep(0.5)


def warm_up(matrix: Matrix) -> None:
    """Wait until router and gateway know the accounts, and which brands the declining one takes."""
    for fault in (FAULTS[0], FAULTS[-1]):
        await_account(matrix, Case(fault, Operation.AUTHORIZE, Cascade.ON))


def await_account(matrix: Matrix, case: Case) -> None:
    """Wait until payments of a case go to the faulty account first."""
    faulty = matrix.name(case.fault.account)
    until(lambda: first_account(matrix, case), lambda found: found == faulty, SETTLE_SECONDS)


def first_account(matrix: Matrix, case: Case) -> str:
    """Make a payment, and tell to which account it went first; none before the accounts are known."""
    rest = matrix.rest(case)
    answer = rest.post("/v1/payments", new_payment(rest, case))
    if answer.status != HTTPStatus.OK:
        return answer.reason
    payment_id = answer.body["id"]
    attempts = expect_ok(rest.get(f"/v1/payments/{payment_id}"), "reading a payment")["attempts"]
    return str(attempts[0]["psp_account"])


def new_payment(rest: Rest, case: Case) -> dict[str, Any]:
    """Give the body of the payment of a case."""
    card = {"number": case.card, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    token = expect_ok(rest.post("/v1/tokens", {"card": card}, money=False), "a token")["id"]
    method = "AUTOMATIC" if case.operation is Operation.REFUND else "MANUAL"
    return {"amount": {"value": case.amount, "currency": "EUR"}, "token": token, "capture_method": method}


def pay(rest: Rest, case: Case) -> str:
    """Begin the payment of a case."""
    return str(insist(rest, "/v1/payments", new_payment(rest, case))["id"])


def prepare(matrix: Matrix, case: Case) -> Played:
    """Bring the payment to where the operation of the case can act on it."""
    played = Played(case)
    if case.operation is not Operation.AUTHORIZE:
        played.payment_id = pay(matrix.rest(case), case)
    return played


def play(matrix: Matrix, played: Played) -> None:
    """Call for the operation of the case."""
    case, rest = played.case, matrix.rest(played.case)
    match case.operation:
        case Operation.AUTHORIZE:
            played.payment_id = pay(rest, case)
        case Operation.REFUND:
            path = f"/v1/payments/{played.payment_id}/refunds"
            played.refund_id = insist(rest, path, {"amount": REFUNDED})["id"]
        case _:
            insist(rest, f"/v1/payments/{played.payment_id}:{case.operation}", {})


def strike(matrix: Matrix, fault: Fault) -> None:
    """Put the fault in force at its account."""
    if fault.webhooks:
        matrix.control(fault.account, "PUT", "webhooks", mode=fault.webhooks)
    for operation in fault.operations:
        for mode in fault.strikes(operation):
            matrix.control(fault.account, "PUT", "faults", **mode)
    if fault.name == "TLS fails":
        operator = Rest(matrix.mesh.stack.configuration.rest_url, matrix.mesh.merchant.operator_key)
        account = matrix.name(fault.account)
        url = f"https://127.0.0.1:{matrix.lab.lab.sandbox.ports[account]}"
        path = f"/v1/psp_accounts/{account}:set_credentials"
        body = {"api_key": uuid.uuid4().hex, "base_url": url}
        expect_ok(operator.post(path, body, money=False), "another address")


def open_work(matrix: Matrix, everything: Sequence[Played]) -> list[str]:
    """List the payments of which something is under way that no operator has."""
    rows = matrix.mesh.rows(
        """SELECT p.id FROM gateway.payment AS p
        WHERE p.id = ANY(%s) AND (
            (p.status = 'PROCESSING' AND NOT p.under_review)
            OR EXISTS (
                SELECT FROM gateway.modification AS m
                WHERE m.payment_id = p.id AND m.status::text = ANY(%s) AND NOT m.under_review
            ))""",
        [played.payment_id for played in everything],
        list(OPEN),
    )
    return [row["id"] for row in rows]


def settle(matrix: Matrix, everything: Sequence[Played]) -> None:
    """Wait until nothing is under way."""
    names = {played.payment_id: str(played.case) for played in everything}
    until(
        lambda: [names[payment_id] for payment_id in open_work(matrix, everything)],
        lambda left: not left,
        SETTLE_SECONDS,
    )


def release(matrix: Matrix, fault: Fault, modes: Sequence[str], *, again: bool = False) -> None:
    """Send the webhooks that are held, with `again` all of them, where they are sent in one of these modes."""
    if fault.webhooks in modes:
        matrix.control(fault.account, "POST", "webhooks:release", again=again)


def told(matrix: Matrix) -> None:
    """Wait until the gateway was told of all webhooks."""
    accounts = [matrix.name(fault.account) for fault in FAULTS if fault.webhooks]
    until(
        lambda: matrix.mesh.rows(
            "SELECT account, state, attempts FROM connectors.webhook WHERE account = ANY(%s) AND state <> 'DONE'",
            accounts,
        ),
        lambda left: not left,
        SETTLE_SECONDS,
    )


def read(matrix: Matrix, played: Played) -> Played:
    """Take in how the case stands for its merchant."""
    rest = matrix.rest(played.case)
    played.payment = expect_ok(rest.get(f"/v1/payments/{played.payment_id}"), "reading a payment")
    if played.refund_id:
        played.refund = expect_ok(rest.get(f"/v1/refunds/{played.refund_id}"), "reading a refund")
    return played
