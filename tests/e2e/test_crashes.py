"""kill -9 of every process at every named point: afterwards all agree with the PSP's truth, and no event is lost."""

import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devstack.errors import StackError
from devstack.names import ComponentName
from devstack.rest import Answer
from tests.e2e.support import FINAL, Mesh, until

CASCADE = 410_105
AMOUNT = 5_000
SETTLE_SECONDS = 300.0

OPERATIONS = ("create", "capture", "void", "refund")
GATEWAY_POINTS = ("gateway.before_send", "gateway.after_send", "gateway.after_record")
CONNECTORS_POINTS = ("connectors.before_send", "connectors.after_send")
WORKER_POINTS = ("worker.before_send", "worker.after_send", "worker.after_record")
RELAY_POINTS = ("relay.before_publish", "relay.after_publish")


@dataclass(frozen=True, slots=True)
class Case:
    """What is killed while which process stands at which point of which operation."""

    killed: ComponentName
    point: str
    operation: str

    def __str__(self) -> str:
        return f"{self.killed}, {self.point}, {self.operation}"


def cases() -> Iterator[Case]:
    for operation in OPERATIONS:
        for point in GATEWAY_POINTS:
            yield Case(ComponentName.GATEWAY, point, operation)
        for point in CONNECTORS_POINTS:
            yield Case(ComponentName.CONNECTORS, point, operation)
    for point in WORKER_POINTS:
        yield Case(ComponentName.WORKER, point, "cascade")
        yield Case(ComponentName.TEMPORAL, point, "cascade")
        yield Case(ComponentName.POSTGRES, point, "cascade")
    for point in GATEWAY_POINTS:
        yield Case(ComponentName.POSTGRES, point, "create")
        yield Case(ComponentName.POSTGRES, point, "refund")
        yield Case(ComponentName.KAFKA, point, "create")
        yield Case(ComponentName.TEMPORAL, point, "create")
    for point in RELAY_POINTS:
        yield Case(ComponentName.RELAY, point, "create")
        yield Case(ComponentName.KAFKA, point, "create")
        yield Case(ComponentName.POSTGRES, point, "create")


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_after_a_kill_everything_agrees_with_the_psp(mesh: Mesh, pool: ThreadPoolExecutor, case: Case) -> None:
    operation = begin(mesh, case.operation)
    itself = case.point.split(".")[0] == case.killed.value
    armed = arm(mesh, case.point, "kill" if itself else "pause")
    first = pool.submit(send, mesh, operation)
    until(armed.with_suffix(armed.suffix + ".hit").exists, bool, 30)
    if itself:
        until(lambda: mesh.stack.processes.running(case.killed) is None, bool, 10)
    else:
        mesh.stack.kill(case.killed)
        armed.with_suffix(armed.suffix + ".go").touch()
    mesh.stack.start(case.killed)
    clear(mesh)
    payment = finish(mesh, operation, first)
    assert_truth(mesh, payment, case)
    if case.operation == "create":
        count = mesh.rows("SELECT count(*) AS n FROM gateway.payment WHERE token = %s", operation.body["token"])
        assert count[0]["n"] == 1


def test_every_event_reached_kafka_in_order(mesh: Mesh) -> None:
    """Runs after the crashes above, over everything they and all other tests left behind."""
    until(lambda: mesh.rows("SELECT count(*) AS n FROM gateway.outbox")[0]["n"], lambda n: n == 0, 60)
    seen: dict[str, list[int]] = defaultdict(list)
    for event in mesh.all_events():
        if event.seq not in seen[event.payment_id]:
            seen[event.payment_id].append(event.seq)
    rows = mesh.rows("SELECT id, seq FROM gateway.payment")
    assert rows
    for row in rows:
        assert seen[row["id"]] == list(range(1, row["seq"] + 1)), row["id"]


def test_the_ledger_sums_to_zero_after_all_crashes(mesh: Mesh) -> None:
    assert all(row["imbalance"] == 0 for row in mesh.rows("SELECT * FROM gateway.ledger_check()"))


@dataclass(frozen=True, slots=True)
class Call:
    """One money call, to be repeated with the same key until it is answered."""

    name: str
    path: str
    body: dict[str, Any]
    key: str
    payment_id: str


def begin(mesh: Mesh, name: str) -> Call:
    """Prepare an operation: the payment it acts on exists and is settled."""
    key = str(uuid.uuid4())
    if name in {"create", "cascade"}:
        amount = CASCADE if name == "cascade" else AMOUNT
        body = {"amount": {"value": amount, "currency": "EUR"}, "token": mesh.token()}
        return Call(name, "/v1/payments", body, key, "")
    payment = mesh.pay(AMOUNT, capture_method="AUTOMATIC" if name == "refund" else "MANUAL")
    tail = "/refunds" if name == "refund" else f":{name}"
    return Call(name, f"/v1/payments/{payment['id']}{tail}", {}, key, payment["id"])


def send(mesh: Mesh, call: Call) -> Answer | None:
    """Make the call once; None when the connection broke."""
    try:
        return mesh.rest.post(call.path, call.body, idempotency_key=call.key)
    except StackError:
        return None


def finish(mesh: Mesh, call: Call, first: Future[Answer | None]) -> dict[str, Any]:
    """Repeat the call, as a merchant would, until it is answered for good; every answer is good or retryable."""
    answer = first.result(60)
    deadline = time.monotonic() + SETTLE_SECONDS
    while answer is None or answer.status != 200 or processing(answer.body):
        assert time.monotonic() < deadline, f"not settled: {answer}"
        if answer is not None and answer.status != 200:
            assert answer.status in {409, 500, 503, 504}, f"not retryable: {answer}"
        time.sleep(0.25)
        answer = send(mesh, call)
    payment_id = call.payment_id or answer.body["id"]
    return until(lambda: mesh.payment(payment_id), lambda found: found["status"] in FINAL, SETTLE_SECONDS)


def processing(body: dict[str, Any]) -> bool:
    """Tell whether an answer still leaves something open."""
    parts = [body, *body.get("captures", []), *body.get("voids", [])]
    return any(part["status"] == "PROCESSING" for part in parts)


def assert_truth(mesh: Mesh, payment: dict[str, Any], case: Case) -> None:
    """The payment is what the PSP holds: one charge, moved once, with our amounts.

    With the database gone before the send, the vault can't give the card: then nothing was sent, and both sides say so.
    """
    charges = mesh.truth(payment["id"])
    if payment["status"] in {"DECLINED", "FAILED"}:
        assert (case.killed, case.point.partition(".")[2]) == (ComponentName.POSTGRES, "before_send")
        assert charges == []
        return
    (charge,) = charges
    amount = int(payment["amount"]["value"])
    expected = {
        "create": ("SUCCEEDED", amount, 0, False),
        "cascade": ("SUCCEEDED", amount, 0, False),
        "capture": ("SUCCEEDED", amount, 0, False),
        "void": ("VOIDED", 0, 0, True),
        "refund": ("SUCCEEDED", amount, amount, False),
    }[case.operation]
    assert (payment["status"], charge["captured"], charge["refunded"], charge["voided"]) == expected
    assert (int(payment["amount_captured"]), int(payment["amount_refunded"])) == expected[1:3]


def arm(mesh: Mesh, point: str, action: str) -> Path:
    """Arm a crash point; the process that reaches it next dies or waits there."""
    folder = mesh.stack.configuration.crash_directory
    clear(mesh)
    path = folder / point
    unfinished = folder / f"{point}.new"
    unfinished.write_text(action)
    unfinished.rename(path)
    return path


def clear(mesh: Mesh) -> None:
    """Disarm everything."""
    folder = mesh.stack.configuration.crash_directory
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
