"""The real PostgreSQL, Kafka, Temporal and Envoy as the stack runs them: they survive SIGKILL and keep their data."""

import signal
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from google.protobuf import duration_pb2
from payera.events.v1.payment_event_pb2 import PAYMENT_EVENT_TYPE_PAYMENT_CREATED, PaymentEvent
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    WorkflowServiceStub,
)

from devstack.components import postgres
from devstack.configuration import TEMPORAL_NAMESPACE, load_configuration
from devstack.errors import ComponentError, StackError
from devstack.events import TOPIC, read_events
from devstack.lifecycle import Stack
from devstack.names import ComponentName, PortName
from devstack.ports import is_free

pytestmark = pytest.mark.integration

DEADLINE_SECONDS = 20.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(load_configuration(tmp_path_factory.mktemp("stack"), 0, environ={}))
    yield made
    made.down(wipe=True)


def query(stack: Stack, statement: str) -> list[Any]:
    with psycopg.connect(stack.configuration.administrator_url, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_postgresql_keeps_its_data_over_a_kill_and_a_restart(stack: Stack) -> None:
    stack.start(ComponentName.POSTGRES)
    query(stack, "CREATE TABLE kept (value integer)")
    query(stack, "INSERT INTO kept VALUES (1)")

    stack.kill(ComponentName.POSTGRES)
    assert not stack.ready(ComponentName.POSTGRES)
    assert {item.name: item.state for item in stack.status()}[ComponentName.POSTGRES] == "crashed"
    stack.start(ComponentName.POSTGRES)
    query(stack, "INSERT INTO kept VALUES (2)")
    stack.restart(ComponentName.POSTGRES)

    assert query(stack, "SELECT value FROM kept ORDER BY value") == [(1,), (2,)]
    assert query(stack, "SHOW synchronous_commit") == [("on",)]


def test_postgresql_starts_over_the_pid_file_of_a_server_that_is_gone(stack: Stack) -> None:
    stack.start(ComponentName.POSTGRES)
    stack.kill(ComponentName.POSTGRES)
    path = postgres.data_directory(stack.configuration) / "postmaster.pid"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(["1", *lines[1:]]) + "\n")

    stack.start(ComponentName.POSTGRES)

    assert query(stack, "SELECT 1") == [(1,)]


def test_postgresql_refuses_a_wrong_password(stack: Stack) -> None:
    stack.start(ComponentName.POSTGRES)
    url = stack.configuration.administrator_url.replace(stack.configuration.secrets["database/postgres"], "wrong")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url, connect_timeout=5)


def test_kafka_keeps_its_events_over_a_kill_and_a_restart(stack: Stack) -> None:
    stack.start(ComponentName.KAFKA)
    bootstrap = stack.configuration.address(PortName.KAFKA)
    topic = f"kept.{uuid.uuid4().hex}"
    administrator = AdminClient({"bootstrap.servers": bootstrap})
    administrator.create_topics([NewTopic(topic, 1, 1)])[topic].result(DEADLINE_SECONDS)
    produce(bootstrap, topic, b"one")

    stack.kill(ComponentName.KAFKA)
    stack.start(ComponentName.KAFKA)
    produce(bootstrap, topic, b"two")
    stack.restart(ComponentName.KAFKA)

    assert consume(bootstrap, topic, 2) == [b"one", b"two"]


def test_payment_events_are_read_back_in_order_and_by_payment(stack: Stack) -> None:
    stack.start(ComponentName.KAFKA)
    bootstrap = stack.configuration.address(PortName.KAFKA)
    with pytest.raises(StackError, match="is not there"):
        list(read_events(bootstrap, last=1, follow=False, payment_id=None))
    administrator = AdminClient({"bootstrap.servers": bootstrap})
    administrator.create_topics([NewTopic(TOPIC, 3, 1)])[TOPIC].result(DEADLINE_SECONDS)
    for seq in (1, 2, 3):
        for payment in ("pay_a", "pay_b"):
            event = PaymentEvent(payment_id=payment, seq=seq, type=PAYMENT_EVENT_TYPE_PAYMENT_CREATED)
            event.occur_time.FromSeconds(seq)
            produce(bootstrap, TOPIC, event.SerializeToString(), key=payment.encode())

    everything = list(read_events(bootstrap, last=100, follow=False, payment_id=None))
    last = list(read_events(bootstrap, last=2, follow=False, payment_id=None))
    of_one = list(read_events(bootstrap, last=2, follow=False, payment_id="pay_a"))

    assert len(everything) == 6
    assert last == everything[-2:]
    assert [line.split("  ")[1:3] for line in of_one] == [["pay_a", "#2"], ["pay_a", "#3"]]


def test_temporal_keeps_its_namespaces_over_a_kill_and_a_restart(stack: Stack) -> None:
    stack.start(ComponentName.TEMPORAL)
    with grpc.insecure_channel(stack.configuration.address(PortName.TEMPORAL)) as channel:
        request = RegisterNamespaceRequest(
            namespace="kept", workflow_execution_retention_period=duration_pb2.Duration(seconds=86_400)
        )
        WorkflowServiceStub(channel).RegisterNamespace(request, timeout=DEADLINE_SECONDS)

    stack.kill(ComponentName.TEMPORAL)
    stack.start(ComponentName.TEMPORAL)
    stack.restart(ComponentName.TEMPORAL)

    with grpc.insecure_channel(stack.configuration.address(PortName.TEMPORAL)) as channel:
        stub = WorkflowServiceStub(channel)
        for namespace in ("kept", TEMPORAL_NAMESPACE):
            answer = stub.DescribeNamespace(DescribeNamespaceRequest(namespace=namespace), timeout=DEADLINE_SECONDS)
            assert answer.namespace_info.name == namespace


def test_envoy_comes_up_and_goes_down(stack: Stack) -> None:
    stack.start(ComponentName.ENVOY)
    admin = f"http://{stack.configuration.address(PortName.ENVOY_ADMIN)}"
    with urllib.request.urlopen(f"{admin}/ready", timeout=DEADLINE_SECONDS) as answer:
        assert b"LIVE" in answer.read()
    for closed in ("/config_dump", "/quitquitquit", "/server_info"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{admin}{closed}", timeout=DEADLINE_SECONDS)
        with refused.value as answer:
            assert answer.code == 403

    stack.stop(ComponentName.ENVOY)

    assert not stack.ready(ComponentName.ENVOY)


def test_another_process_finds_the_stack_and_takes_it_down(stack: Stack) -> None:
    stack.start(ComponentName.TEMPORAL)
    pid = next(item.pid for item in stack.status() if item.name is ComponentName.TEMPORAL)
    assert pid is not None

    stopped = Stack(load_configuration(stack.configuration.home, environ={}, create=False)).down()

    assert ComponentName.TEMPORAL in stopped
    assert not stack.ready(ComponentName.TEMPORAL)


def test_a_second_start_leaves_a_running_component_alone(stack: Stack) -> None:
    stack.start(ComponentName.TEMPORAL)
    before = stack.processes.running(ComponentName.TEMPORAL)

    stack.start(ComponentName.TEMPORAL)

    assert stack.processes.running(ComponentName.TEMPORAL) == before


def test_a_component_that_dies_while_starting_shows_its_log(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.stop(ComponentName.TEMPORAL)
    monkeypatch.setattr("devstack.components.temporal.SQLITE_PRAGMAS", ("nonsense",))

    with pytest.raises(ComponentError, match="temporal ended while it was starting") as failure:
        stack.start(ComponentName.TEMPORAL)

    assert any("nonsense" in line or "pragma" in line.lower() for line in failure.value.log_tail)
    assert "payera logs temporal" in failure.value.next_step


def test_stopping_with_a_signal_of_choice(stack: Stack) -> None:
    stack.start(ComponentName.TEMPORAL)
    record = stack.processes.running(ComponentName.TEMPORAL)
    assert record is not None

    stack.stop(ComponentName.TEMPORAL, signal.SIGKILL)

    assert not psutil.pid_exists(record.pid) or psutil.Process(record.pid).status() == psutil.STATUS_ZOMBIE


def test_wiping_leaves_nothing_behind(tmp_path: Path) -> None:
    stack = Stack(load_configuration(tmp_path, 0, environ={}))
    stack.start(ComponentName.POSTGRES)
    cluster = postgres.data_directory(stack.configuration)
    assert cluster.is_dir()

    stack.down(wipe=True)

    assert not cluster.exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"configuration.lock", "stack.lock"}
    assert is_free(stack.configuration.ports[PortName.POSTGRES])


def produce(bootstrap: str, topic: str, value: bytes, key: bytes | None = None) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True})
    producer.produce(topic, value, key)
    assert producer.flush(DEADLINE_SECONDS) == 0


def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    settings: dict[str, Any] = {"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex}
    consumer = Consumer(settings | {"auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        messages = consumer.consume(count, DEADLINE_SECONDS)
    finally:
        consumer.close()
    assert all(message.error() is None for message in messages)
    return [message.value() or b"" for message in messages]
