"""The relay as a process between a real PostgreSQL and a real Kafka, and what the tests do to them."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, Message, TopicPartition
from payera.events.v1 import payment_event_pb2 as contract

from devstack.lifecycle import Stack
from devstack.names import ComponentName, PortName
from gateway_svc.adapters.kafka.outbox import SLOT_LOCKS
from mesh import topics
from tests.fakes.relay import view

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """One message as a consumer sees it."""

    event: contract.PaymentEvent
    headers: dict[str, bytes]
    key: str


class RelayBench:
    """A stack with PostgreSQL and Kafka, and relay processes that come and go."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack = stack
        self.crash_directory = folder / "crash"
        self.crash_directory.mkdir(parents=True, exist_ok=True)
        self.bootstrap = stack.configuration.address(PortName.KAFKA)

    @contextmanager
    def relay(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a relay process; it must end with code 0 on SIGTERM unless the test has killed it."""
        settings = {
            "PAYERA_ENVIRONMENT": "dev",
            "PAYERA_DATABASE_URL": self.stack.configuration.database_url("gateway_relay"),
            "PAYERA_KAFKA_BOOTSTRAP": self.bootstrap,
            "PAYERA_CRASH_DIRECTORY": str(self.crash_directory),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "gen"), str(ROOT)]),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway_svc.entrypoints.relay"],
            env=os.environ | settings,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            yield process
        except BaseException:
            process.kill()
            output, errors = process.communicate(timeout=20)
            sys.stderr.write((output + errors).decode()[-4000:])
            raise
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert process.returncode in {0, -signal.SIGKILL}, errors.decode()[-4000:]
        # librdkafka's complaints belong into the log, not on the console.
        assert errors == b"", errors.decode()[-4000:]

    def write_events(self, payment_ids: Sequence[str], seqs: Sequence[int]) -> None:
        """Commit one event for each payment and seq, as the procedures do: in order within a payment."""
        with psycopg.connect(self.stack.configuration.administrator_url, autocommit=True) as connection:
            for seq in seqs:
                rows = [
                    (payment_id, seq, payment_id, json.dumps({"payment": view(payment_id), "attempt": None}))
                    for payment_id in payment_ids
                ]
                connection.cursor().executemany(
                    b"""INSERT INTO gateway.outbox
                        (payment_id, merchant_id, seq, slot_hash, event_type, data, occurred_at)
                        VALUES (%s, 'mer_1', %s, hashtext(%s) & 2147483647, 'PAYMENT_CREATED', %s, now())""",
                    rows,
                )

    def query(self, statement: str, *arguments: object) -> list[Any]:
        """Run a statement as the administrator."""
        with psycopg.connect(self.stack.configuration.administrator_url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), arguments)
            return cursor.fetchall() if cursor.description else []

    def waiting(self) -> int:
        """Count the events in the outbox."""
        return int(self.query("SELECT count(*) FROM gateway.outbox")[0][0])

    def slots_by_session(self) -> list[int]:
        """Count the slots that each session holds."""
        rows = self.query(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s GROUP BY pid ORDER BY 1",
            SLOT_LOCKS,
        )
        return [row[0] for row in rows]

    def declare_topics(self) -> list[str]:
        """Declare the topics; return what was reported."""
        lines: list[str] = []
        topics.declare(self.bootstrap, lines.append)
        return lines

    def sightings(self, payment_ids: Sequence[str], expected: int) -> list[Sighting]:
        """Read the topic from its beginning until all `expected` different events of the payments were seen."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": secrets.token_hex(8)})
        try:
            partitions = consumer.list_topics(topics.PAYMENTS.name, timeout=10).topics[topics.PAYMENTS.name].partitions
            consumer.assign([TopicPartition(topics.PAYMENTS.name, partition, 0) for partition in partitions])
            wanted, seen, result = set(payment_ids), set[str](), list[Sighting]()
            deadline = time.monotonic() + DEADLINE_SECONDS
            while len(seen) < expected:
                assert time.monotonic() < deadline, f"{len(seen)} of {expected} events arrived"
                message = consumer.poll(1.0)
                if message is not None and message.error() is None:
                    sighting = _sighting(message)
                    if sighting.event.payment_id in wanted:
                        result.append(sighting)
                        seen.add(sighting.event.id)
            # What is left may be duplicates: they count for the order too.
            while (message := consumer.poll(0.5)) is not None:
                if message.error() is None and (sighting := _sighting(message)).event.payment_id in wanted:
                    result.append(sighting)
            return result
        finally:
            consumer.close()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, what
            time.sleep(0.05)

    def arm(self, point: str, order: str) -> None:
        """Arm a crash point for the next relay that comes by."""
        for trace in ("hit", "go"):
            (self.crash_directory / f"{point}.{trace}").unlink(missing_ok=True)
        (self.crash_directory / point).write_text(order, encoding="utf-8")

    def kill_kafka(self) -> None:
        """End the broker with SIGKILL."""
        self.stack.kill(ComponentName.KAFKA)


def first_sights(sightings: Sequence[Sighting]) -> dict[str, list[int]]:
    """Give for each payment its seqs in the order in which they were first seen."""
    result: dict[str, list[int]] = {}
    for sighting in sightings:
        seqs = result.setdefault(sighting.event.payment_id, [])
        if sighting.event.seq not in seqs:
            seqs.append(sighting.event.seq)
    return result


def new_payments(count: int) -> list[str]:
    """Give payment ids that no other test uses."""
    return [f"pay_{secrets.token_hex(10)}" for _ in range(count)]


def _sighting(message: "Message[Any, Any]") -> Sighting:
    value, key = message.value(), message.key()
    assert value is not None
    assert key is not None
    headers: Any = message.headers() or []
    return Sighting(contract.PaymentEvent.FromString(value), dict(headers), key.decode())
