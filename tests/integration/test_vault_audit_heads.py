"""The audit's heads from the real PostgreSQL to the real Kafka, and `payera audit` over both."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from payera.events.v1 import audit_event_pb2 as contract
from prometheus_client import CollectorRegistry

from devstack import cli
from devstack.configuration import load_configuration
from devstack.lifecycle import Stack
from devstack.names import ComponentName, PortName
from mesh import topics
from mesh.database import Database
from mesh.identifiers import new_id
from tests.fakes.log import FakeLog
from tests.fakes.vault.audit import record_after
from vault_svc.adapters.kafka.heads_message import message_of
from vault_svc.adapters.kafka.heads_publisher import KafkaAuditHeads
from vault_svc.adapters.kafka.metrics import AuditHeadMetrics
from vault_svc.adapters.postgres.audit_heads import PostgresAuditHeads
from vault_svc.adapters.system_clock import SystemClock
from vault_svc.application.publish_audit_heads import PublishAuditHeads, publish_audit_heads
from vault_svc.domain.audit import ChainHead, first_head

pytestmark = pytest.mark.integration

TOPIC = topics.AUDIT_HEADS.name
DEADLINE_SECONDS = 60.0
ACCESS = (
    "SELECT * FROM vault.take_cards('{mer_1}', ARRAY[%s], '{authorization}', '{pay_1}', '{psp_connectors}', '{req_1}')"
)


@dataclass
class Bench:
    """A stack of PostgreSQL and Kafka."""

    stack: Stack

    @property
    def bootstrap(self) -> str:
        return self.stack.configuration.address(PortName.KAFKA)

    def start_kafka(self) -> None:
        self.stack.start(ComponentName.KAFKA)
        topics.declare(self.bootstrap, lambda _: None)

    def forget(self) -> None:
        """Begin anew: no record, no head published."""
        self.execute(
            "SET LOCAL session_replication_role = replica",
            "TRUNCATE vault.audit_record",
            "UPDATE vault.audit_chain SET sequence = 0,"
            " hash = sha256(convert_to('payera.vault.audit.v1/' || chain, 'UTF8'))",
        )
        self.start_kafka()
        self.make_topic_anew()

    def make_topic_anew(self) -> None:
        """Delete the topic and declare it again, as an administrator of Kafka can."""
        client = AdminClient({"bootstrap.servers": self.bootstrap})
        client.delete_topics([TOPIC], operation_timeout=10)[TOPIC].result(10)
        self.until(lambda: TOPIC not in client.list_topics(timeout=10).topics, "the topic goes")
        topics.declare(self.bootstrap, lambda _: None)

    def write_record(self, *, hours_ago: float) -> None:
        """Write the first record of chain 9 as the vault did some hours ago."""
        moment = datetime.now(UTC) - timedelta(hours=hours_ago)
        record = record_after(first_head(9), recorded_us=int(moment.timestamp()) * 1_000_000)
        self.execute(
            "INSERT INTO vault.audit_record VALUES"
            " (%s, %s, to_timestamp(0) + %s * interval '1 microsecond', %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            arguments=astuple(record),
        )
        self.execute("UPDATE vault.audit_chain SET sequence = 1, hash = %s WHERE chain = 9", arguments=(record.hash,))

    def execute(self, *statements: str, arguments: Any = None) -> None:
        with psycopg.connect(self.stack.configuration.administrator_url) as connection:
            for statement in statements[:-1]:
                connection.execute(statement.encode())
            connection.execute(statements[-1].encode(), arguments)

    def access(self, count: int = 1, token: str = "tok_none") -> None:
        """Have cards accessed as the vault does."""
        with psycopg.connect(self.stack.configuration.database_url("vault_svc"), autocommit=True) as connection:
            for _ in range(count):
                connection.execute(ACCESS, (token,))

    def payera(self, *arguments: str) -> tuple[int, str, str]:
        """Call the command; give its exit code and what it wrote."""
        home = str(self.stack.configuration.home)
        outcome = CliRunner().invoke(cli.main, ["--home", home, "audit", *arguments], catch_exceptions=False)
        return outcome.exit_code, outcome.stdout, outcome.stderr

    def verify(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        code, output, _ = self.payera("verify", "--json", *arguments)
        return code, json.loads(output)

    def messages(self) -> list[tuple[Any, contract.AuditHeads]]:
        """Give all that is published."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "test"})
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=10)
            consumer.assign([TopicPartition(TOPIC, 0, low)])
            found: list[tuple[Any, contract.AuditHeads]] = []
            while len(found) < high - low:
                message = consumer.poll(10)
                assert message is not None
                found.append((message, contract.AuditHeads.FromString(message.value() or b"")))
            return found
        finally:
            consumer.close()

    def write(self, value: bytes) -> None:
        """Write into the topic as somebody else."""
        producer = Producer({"bootstrap.servers": self.bootstrap})
        producer.produce(TOPIC, value=value, key=b"somebody")
        assert producer.flush(10) == 0
        producer.close()

    @asynccontextmanager
    async def publisher(self) -> AsyncIterator["Publishing"]:
        """Publish as the worker does, only more often."""
        configuration = self.stack.configuration
        database = Database(configuration.database_url("vault_worker"), pool_size=1, name="test")
        kafka, registry, log, stop = (
            KafkaAuditHeads(self.bootstrap, TOPIC),
            CollectorRegistry(),
            FakeLog(),
            asyncio.Event(),
        )
        watch = AuditHeadMetrics(registry)
        publish = PublishAuditHeads(
            PostgresAuditHeads(database),
            kafka,
            watch,
            clock=SystemClock(),
            monotonic=time.monotonic,
            logger=log.logger,
        )
        task = asyncio.create_task(publish_audit_heads(stop, publish, watch, log.logger, interval_seconds=0.1))
        try:
            yield Publishing(registry, log)
        finally:
            stop.set()
            async with asyncio.timeout(15):
                await task
            await kafka.close()
            await database.close()

    @staticmethod
    def until(condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, what
            time.sleep(0.05)


@dataclass
class Publishing:
    """A publisher at work."""

    registry: CollectorRegistry
    log: FakeLog

    def value(self, name: str) -> float:
        return self.registry.get_sample_value(f"payera_vault_audit_heads_{name}") or 0.0

    async def until(self, name: str, least: float) -> None:
        """Wait until a metric is as high."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while self.value(name) < least:  # noqa: ASYNC110 - metrics wake nobody
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(load_configuration(tmp_path_factory.mktemp("audit") / "stack", 0, environ={}))
    try:
        stack.start(ComponentName.POSTGRES)
        stack.migrate(lambda _: None)
        yield stack
    finally:
        stack.down(wipe=True)


@pytest.fixture
def bench(stack: Stack) -> Bench:
    bench = Bench(stack)
    bench.forget()
    return bench


async def published(bench: Bench) -> None:
    """Publish the heads as they are now, once."""
    async with bench.publisher() as publishing:
        await publishing.until("published_total", 1)


async def test_what_is_published_is_the_audit_of_the_database(bench: Bench) -> None:
    bench.access(40)
    async with bench.publisher() as publishing:
        await publishing.until("published_total", 1)
        assert publishing.value("age_seconds") < DEADLINE_SECONDS
        bench.access(3)
        await publishing.until("published_total", 2)
    messages = bench.messages()
    assert sum(head.sequence for head in messages[-1][1].chains) == 43
    assert len({event.publisher for _, event in messages}) == 1
    message, event = messages[0]
    headers = dict(message.headers())
    assert headers["ce_type"] == b"dev.payera.vault.audit_heads"
    assert message.key() == headers["ce_id"] == event.id.encode()
    code, document = bench.verify()
    assert (code, document["result"], document["records"]) == (0, "intact", 43)
    assert document["published"]["count"] == len(messages)
    assert document["published"]["newest_age_seconds"] < DEADLINE_SECONDS


async def test_nothing_is_published_while_nothing_happens(bench: Bench) -> None:
    async with bench.publisher() as publishing:
        await publishing.until("published_total", 1)
        await asyncio.sleep(1)
        assert publishing.value("published_total") == 1
        assert publishing.value("unconfirmed_seconds") < 1
    assert len(bench.messages()) == 1


async def test_a_kafka_killed_and_started_again_gets_what_it_missed(bench: Bench) -> None:
    async with bench.publisher() as publishing:
        await publishing.until("published_total", 1)
        bench.stack.kill(ComponentName.KAFKA)
        bench.access(5)
        await publishing.until("failures_total", 1)
        assert publishing.value("published_total") == 1
        await asyncio.to_thread(bench.start_kafka)
        await publishing.until("published_total", 2)
    assert bench.verify()[0] == 0
    assert sum(head.sequence for head in bench.messages()[-1][1].chains) == 5
    assert "audit heads published again" in [line["event"] for line in publishing.log.lines]


async def test_a_database_killed_and_started_again_is_read_on(bench: Bench) -> None:
    async with bench.publisher() as publishing:
        await publishing.until("published_total", 1)
        bench.stack.kill(ComponentName.POSTGRES)
        await publishing.until("failures_total", 1)
        await asyncio.to_thread(bench.stack.start, ComponentName.POSTGRES)
        bench.access(5)
        await publishing.until("published_total", 2)
    assert publishing.value("contradictions_total") == 0
    assert bench.verify()[0] == 0


async def test_a_tail_cut_off_with_the_head_row_is_found_by_the_command(bench: Bench) -> None:
    bench.access(40)
    await published(bench)
    chain = max(bench.messages()[-1][1].chains, key=lambda head: head.sequence).chain
    bench.execute(
        "SET LOCAL session_replication_role = replica",
        f"DELETE FROM vault.audit_record WHERE chain = {chain}",
        "UPDATE vault.audit_chain SET sequence = 0,"
        f" hash = sha256(convert_to('payera.vault.audit.v1/' || chain, 'UTF8')) WHERE chain = {chain}",
    )
    code, document = bench.verify()
    assert (code, document["result"]) == (1, "tampered")
    (finding,) = document["findings"]
    assert (finding["kind"], finding["chain"], finding["first_sequence"]) == ("cut_off", chain, 1)
    code, output, errors = bench.payera("verify")
    assert code == 1
    assert output.startswith("TAMPERED: ")
    assert f"  found  cut_off: chain {chain} record" in output
    assert errors == ""
    # Whoever cuts while heads are published raises the alarm at once, too.
    async with bench.publisher() as publishing:
        await publishing.until("published_total", 1)
    assert {"cut_off", "heads_backwards"} >= {each["kind"] for each in bench.verify()[1]["findings"]} >= {"cut_off"}


async def test_since_begins_at_the_heads_published_before(bench: Bench) -> None:
    bench.access(10)
    await published(bench)
    moment = datetime.now(UTC)
    await asyncio.sleep(0.05)
    bench.access(7)
    await published(bench)
    code, document = bench.verify("--since", moment.isoformat())
    assert (code, document["records"], document["since"]["offset"]) == (0, 7, 0)
    # Before the first heads there is nothing to begin at: everything is verified.
    code, document = bench.verify("--since", "2020-01-01")
    assert (code, document["records"], document["since"]) == (0, 17, None)


async def test_what_somebody_else_writes_into_the_topic_is_found(bench: Bench) -> None:
    bench.access(10)
    await published(bench)
    bench.write(b"nothing of ours")
    forged = [ChainHead(chain, 1, bytes(32)) for chain in range(32)]
    bench.write(message_of(new_id("evt"), "pub_other", datetime.now(UTC), forged).value)
    code, document = bench.verify()
    assert code == 1
    assert {"heads_unreadable"} < {finding["kind"] for finding in document["findings"]}
    assert "offset 1: " in document["findings"][-1]["evidence"]


async def test_heads_removed_from_kafka_before_their_time_are_found(bench: Bench) -> None:
    for _ in range(3):
        bench.access(1)
        await published(bench)
    client = AdminClient({"bootstrap.servers": bench.bootstrap})
    place = TopicPartition(TOPIC, 0, 2)
    client.delete_records([place])[place].result(10)
    code, document = bench.verify()
    assert (code, [finding["kind"] for finding in document["findings"]]) == (1, ["heads_removed"])
    place = TopicPartition(TOPIC, 0, -1)
    client.delete_records([place])[place].result(10)
    code, document = bench.verify()
    assert (code, [finding["kind"] for finding in document["findings"]]) == (1, ["heads_removed"])
    assert "no heads are published" in document["not_verified"][0]["text"]


async def test_a_topic_deleted_and_made_anew_is_found(bench: Bench) -> None:
    bench.write_record(hours_ago=3)
    bench.access(5)
    await published(bench)
    bench.make_topic_anew()
    await published(bench)
    code, document = bench.verify()
    assert (code, document["result"]) == (1, "tampered")
    (finding,) = document["findings"]
    assert (finding["kind"], finding["chain"]) == ("heads_removed", None)
    assert "chain 9 begins at" in finding["evidence"]
    # From its new beginning on there is nothing to find.
    await asyncio.sleep(0.05)
    assert bench.verify("--since", datetime.now(UTC).isoformat())[0] == 0


async def test_a_topic_made_anew_soon_after_the_first_record_is_like_a_new_installation(bench: Bench) -> None:
    bench.write_record(hours_ago=1)
    await published(bench)
    assert bench.verify()[0] == 0


class TestOutOfReach:
    """What is away ends with 2 and says what to do, and what can be seen is still found."""

    def test_no_heads_at_all(self, bench: Bench) -> None:
        bench.access(3)
        code, document = bench.verify()
        assert (code, document["result"], document["records"]) == (2, "not_verified", 3)
        assert document["not_verified"][0]["text"] == "no heads are published"

    def test_no_topic(self, bench: Bench) -> None:
        client = AdminClient({"bootstrap.servers": bench.bootstrap})
        client.delete_topics([TOPIC], operation_timeout=10)[TOPIC].result(10)
        bench.until(lambda: TOPIC not in client.list_topics(timeout=10).topics, "the topic goes")
        code, document = bench.verify()
        assert code == 2
        assert document["not_verified"] == [
            {"text": f"the topic {TOPIC} is not there", "next": "payera topics"},
        ]
        topics.declare(bench.bootstrap, lambda _: None)

    def test_no_kafka(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("devstack.audit.heads.REQUEST_SECONDS", 1.0)
        bench.access(3)
        code, document = bench.verify("--kafka", "127.0.0.1:1")
        assert (code, document["records"]) == (2, 3)
        assert "Kafka does not answer" in document["not_verified"][0]["text"]
        code, document = bench.verify("--kafka", "127.0.0.1:1", "--since", "1h")
        assert (code, document["records"]) == (2, 0)
        bench.execute(
            "SET LOCAL session_replication_role = replica",
            "UPDATE vault.audit_record SET actor = 'nobody'",
        )
        assert bench.verify("--kafka", "127.0.0.1:1")[0] == 1

    def test_no_database_and_no_right(self, bench: Bench) -> None:
        code, document = bench.verify("--database-url", "postgresql://vault_auditor@127.0.0.1:1/payera")
        assert (code, document["result"]) == (2, "not_verified")
        code, document = bench.verify("--database-url", bench.stack.configuration.database_url("router_svc"))
        assert code == 2
        assert "the role may not read the audit" in document["not_verified"][0]["text"]


class TestShow:
    """Who had a card."""

    def test_what_is_recorded_of_a_token_is_shown_oldest_first(self, bench: Bench) -> None:
        token = new_id("tok")
        bench.access(5)
        bench.access(3, token)
        code, output, errors = bench.payera("show", token)
        lines = output.splitlines()
        assert code == 0
        assert len(lines) == 3
        assert lines == sorted(lines)
        assert "  detokenize  not_found  by psp_connectors  merchant mer_1  payment pay_1  request req_1" in lines[0]
        assert "payera audit verify" in errors
        code, output, _ = bench.payera("show", token, "--json", "--last", "2")
        documents = json.loads(output)
        assert [document["token_id"] for document in documents] == [token, token]
        assert documents[-1]["recorded_at"] == lines[-1].split()[0]

    def test_a_token_of_which_nothing_is_recorded(self, bench: Bench) -> None:
        assert bench.payera("show", new_id("tok"))[:2] == (0, "nothing is recorded of this token\n")

    def test_a_database_that_is_away(self, bench: Bench) -> None:
        url = "postgresql://vault_auditor@127.0.0.1:1/payera"
        code, _, errors = bench.payera("show", new_id("tok"), "--database-url", url)
        assert code == 2
        assert errors.startswith("error: the database can't be reached")
