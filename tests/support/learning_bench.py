"""Routers' knowledge over a real Kafka and a real PostgreSQL, and what gateways and tests do to them."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from prometheus_client import CollectorRegistry

from devstack.lifecycle import Stack
from devstack.names import ComponentName, PortName
from gateway_svc.adapters.kafka.events import message_of
from mesh.database import Database
from router_svc.adapters.kafka.metrics import LearningMetrics
from router_svc.adapters.kafka.source import KafkaObservationSource
from router_svc.adapters.postgres.snapshot_store import PostgresSnapshotStore
from router_svc.application.learn import Knowledge
from router_svc.domain.decision import Scored
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.health import HealthSettings, Verdict
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.ruleset import Ranking, Strategy
from tests.fakes.log import FakeLog
from tests.fakes.relay import event, view
from tests.unit.router_svc.observations import BEGIN, account, at_ms, payment

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 240.0
PARTITIONS = 4
#: The events' own time of the last one written, in seconds.
END_SECONDS: Final = 3_000
_STRATEGY = Strategy(Ranking.SUCCESS_RATE)
_ACCOUNTS: Sequence[AccountFacts] = [account(name) for name in ("alpha", "beta", "gamma")]
_PROCESS = "tests.support.learning_process"


class Router:
    """One router's knowledge, without the rest of the router."""

    def __init__(self, bootstrap: str, topic: str, database: Database, snapshot_seconds: float) -> None:
        self.log = FakeLog()
        self.registry = CollectorRegistry()
        self.knowledge = Knowledge(
            KafkaObservationSource(bootstrap, topic, partitions_seconds=0.5),
            PostgresSnapshotStore(database, self.log.logger),
            LearningMetrics(self.registry),
            topic=topic,
            learning=LearningSettings(),
            health=HealthSettings(),
            monotonic=time.monotonic,
            logger=self.log.logger,
            snapshot_seconds=snapshot_seconds,
        )

    def sample(self, name: str) -> float:
        value = self.registry.get_sample_value(f"payera_router_learning_{name}")
        assert value is not None
        return value

    def offsets(self) -> dict[int, int]:
        return dict(self.knowledge._offsets)

    def began_with(self) -> dict[int, int]:
        """Give the offsets of the snapshot it began with; none when it began with the topic."""
        return next((line["offsets"] for line in self.log.lines if line["event"].endswith("from a snapshot on")), {})

    def rankings(self) -> list[Sequence[Scored]]:
        """Rank many payments: what two routers must agree on to the bit."""
        facts: list[PaymentFacts] = [payment(number, END_SECONDS, merchant_id="mer_1") for number in range(200)]
        return [self.knowledge.scorer(each, _ACCOUNTS, _STRATEGY) for each in facts]

    def verdicts(self) -> list[Verdict]:
        health = self.knowledge.health
        return [
            health.verdict(each.account, f"q{number}", at_ms(seconds))
            for each in _ACCOUNTS
            for number in range(20)
            for seconds in range(0, END_SECONDS + 60, 20)
        ]


class LearningBench:
    """A stack with PostgreSQL and Kafka; each test has a topic of its own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.bootstrap = stack.configuration.address(PortName.KAFKA)

    def start_kafka(self) -> None:
        self.stack.start(ComponentName.KAFKA)

    def create(self, topic: str) -> None:
        client = AdminClient({"bootstrap.servers": self.bootstrap})
        client.create_topics([NewTopic(topic, num_partitions=PARTITIONS)])[topic].result(30)

    @asynccontextmanager
    async def router(self, topic: str, *, snapshot_seconds: float = 3_600) -> AsyncIterator[Router]:
        """Run a router's knowledge."""
        database = Database(self.stack.configuration.database_url("router_svc"), pool_size=2, name="test")
        await database.open()
        router = Router(self.bootstrap, topic, database, snapshot_seconds)
        stop = asyncio.Event()
        task = asyncio.create_task(router.knowledge.run(stop))
        try:
            yield router
        finally:
            stop.set()
            await task
            await database.close()

    def process(self, topic: str) -> "subprocess.Popen[bytes]":
        """Run a router's knowledge in a process, with a snapshot in each moment."""
        settings = {"PYTHONPATH": os.pathsep.join([str(ROOT / "gen"), str(ROOT)])}
        url = self.stack.configuration.database_url("router_svc")
        return subprocess.Popen(
            [sys.executable, "-m", _PROCESS, self.bootstrap, topic, url], env=os.environ | settings, cwd=ROOT
        )

    def snapshots(self, topic: str) -> int:
        return int(self.query("SELECT count(*) FROM router.learning_snapshot WHERE layout LIKE %s", f"{topic};%")[0][0])

    def query(self, statement: str, *arguments: object) -> list[Any]:
        with psycopg.connect(self.stack.configuration.administrator_url, autocommit=True) as connection:
            return connection.execute(statement.encode(), arguments).fetchall()

    def write(self, topic: str, values: Sequence[tuple[int, bytes | None]]) -> None:
        """Write values to partitions, and wait until Kafka has them."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True})
        for partition, value in values:
            producer.produce(topic, value=value, partition=partition)
        assert producer.flush(60) == 0

    def events_in(self, topic: str) -> int:
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "count"})
        try:
            bounds = [consumer.get_watermark_offsets(TopicPartition(topic, each), 10) for each in range(PARTITIONS)]
            return sum(found[1] - found[0] for found in bounds if found is not None)
        finally:
            consumer.close()


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


def events_of(count: int, first: int = 0) -> list[tuple[int, bytes | None]]:
    """Make the events of payments as the relay writes them, each with the partition of its payment.

    Account `alpha` has technical errors for a while, some of which are settled as approved later.
    """
    chance = Random(first)
    values: list[tuple[int, bytes | None]] = []
    for number in range(first, first + count):
        name = chance.choice(["alpha", "beta", "gamma"])
        partition = chance.randrange(PARTITIONS)
        told = [_event(number, 1, "PAYMENT_CREATED", name, "SENDING")]
        if name == "alpha" and number % 500 > 400:
            told.append(_event(number, 2, "ATTEMPT_UNKNOWN", name, "UNKNOWN", "psp_timeout"))
        if chance.random() < {"alpha": 0.9, "beta": 0.7, "gamma": 0.5}[name]:
            told.append(_event(number, 3, "PAYMENT_AUTHORIZED", name, "APPROVED"))
        else:
            code = chance.choice(["do_not_honor", "insufficient_funds"])
            told.append(_event(number, 3, "PAYMENT_DECLINED", name, "DECLINED", code))
        values += [(partition, value) for value in told]
    return values


def _event(number: int, seq: int, event_type: str, name: str, status: str, code: str = "") -> bytes:
    payment_id = f"p{number}"
    attempt = {
        "id": f"{payment_id}_1",
        "ordinal": 1,
        "account": name,
        "status": status,
        "code": code,
        "raw_code": "",
        "psp_reference": "",
    }
    row = event(
        1,
        payment_id,
        seq,
        event_type=event_type,
        data={"payment": view(payment_id), "attempt": attempt, "modification": None},
        occurred_us=int((BEGIN.timestamp() + number % END_SECONDS + seq / 10) * 1_000_000),
    )
    return message_of(row).value
