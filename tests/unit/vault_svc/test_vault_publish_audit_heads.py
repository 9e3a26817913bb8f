"""Publishing of the audit's heads: what is published when, through any absence, and what is told of it."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from payera.events.v1 import audit_event_pb2 as contract
from prometheus_client import CollectorRegistry

from mesh import topics
from tests.fakes.log import FakeLog
from tests.fakes.vault.audit import FakeHeadPublisher, FakeHeadSource, FakeHeadWatch
from tests.fakes.vault.clocks import FakeClock, FakeMonotonic
from vault_svc.adapters.kafka import heads_message, heads_publisher
from vault_svc.adapters.kafka.heads_message import UnreadableHeadsError, heads_of, message_of
from vault_svc.adapters.kafka.heads_publisher import KafkaAuditHeads, producer_configuration
from vault_svc.adapters.kafka.metrics import AuditHeadMetrics
from vault_svc.application import publish_audit_heads as application
from vault_svc.application.ports.audit_heads import HeadsNotPublishedError
from vault_svc.application.publish_audit_heads import LONGEST_SECONDS, PublishAuditHeads, publish_audit_heads
from vault_svc.domain.audit import CHAINS

SOON = 60.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not condition():  # noqa: ASYNC110 - the fakes know nothing of who waits
            await asyncio.sleep(0.001)


@dataclass
class Rig:
    """A publisher between a database and a Kafka in memory."""

    source: FakeHeadSource = field(default_factory=FakeHeadSource)
    kafka: FakeHeadPublisher = field(default_factory=FakeHeadPublisher)
    watch: FakeHeadWatch = field(default_factory=FakeHeadWatch)
    clock: FakeClock = field(default_factory=FakeClock)
    monotonic: FakeMonotonic = field(default_factory=FakeMonotonic)
    log: FakeLog = field(default_factory=FakeLog)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.publish = PublishAuditHeads(
            self.source,
            self.kafka,
            self.watch,
            clock=self.clock,
            monotonic=self.monotonic,
            logger=self.log.logger,
        )

    def start(self, interval_seconds: float = 0.001) -> "asyncio.Task[None]":
        return asyncio.create_task(
            publish_audit_heads(self.stop, self.publish, self.watch, self.log.logger, interval_seconds=interval_seconds)
        )

    async def until_kept(self, count: int) -> None:
        await until(lambda: len(self.kafka.kept) >= count)

    async def end(self, task: "asyncio.Task[None]") -> None:
        self.stop.set()
        async with asyncio.timeout(SOON):
            await task


class TestRounds:
    """One round."""

    async def test_heads_are_published_at_once_and_again_when_they_changed(self) -> None:
        rig = Rig()
        assert await rig.publish()
        assert not await rig.publish()
        rig.source.audit.append(3)
        assert await rig.publish()
        assert rig.kafka.kept[-1] == tuple(rig.source.audit.heads())
        assert len(rig.kafka.kept) == 2
        assert rig.watch.told == ["published", "current", "current", "published", "current"]

    async def test_heads_are_published_every_hour_although_nothing_changes(self) -> None:
        rig = Rig()
        await rig.publish()
        rig.monotonic.seconds += LONGEST_SECONDS - 1
        assert not await rig.publish()
        rig.monotonic.seconds += 1
        assert await rig.publish()
        assert rig.kafka.kept[0] == rig.kafka.kept[1]

    async def test_the_time_published_is_from_before_the_heads_were_read(self) -> None:
        rig = Rig()
        asked = rig.clock.now()
        read = rig.source.read

        async def slow() -> object:
            rig.clock.time += timedelta(seconds=4)
            return await read()

        rig.source.read = slow  # type: ignore[assignment, method-assign]
        await rig.publish()
        assert rig.kafka.read_at == [asked]

    async def test_what_kafka_did_not_confirm_is_published_again(self) -> None:
        rig = Rig()
        rig.kafka.down = True
        with pytest.raises(HeadsNotPublishedError):
            await rig.publish()
        assert rig.watch.told == []
        rig.kafka.down = False
        assert await rig.publish()

    async def test_a_chain_set_back_raises_the_alarm_and_is_published_as_evidence(self) -> None:
        rig = Rig()
        rig.source.audit.append(3, 5)
        await rig.publish()
        rig.source.audit.cut(3, 2, head_row=True)
        assert await rig.publish()
        assert rig.watch.told.count("contradicted") == 1
        (line,) = rig.log.lines
        assert (line["event"], line["chain"], line["sequence"]) == ("audit chain was set back", 3, 5)
        assert not await rig.publish()
        assert rig.watch.told.count("contradicted") == 1


class TestLoop:
    """The task of the worker."""

    async def test_it_goes_on_through_a_database_and_a_kafka_that_are_away(self) -> None:
        rig = Rig()
        rig.source.down = True
        task = rig.start()
        await until(lambda: rig.watch.told.count("failed") >= 2)
        rig.source.down, rig.kafka.down = False, True
        await until(lambda: any(line.get("error") == "no broker" for line in rig.log.lines))
        rig.kafka.down = False
        await rig.until_kept(1)
        await rig.end(task)
        assert {line["event"] for line in rig.log.lines} == {"audit heads not published", "audit heads published again"}

    async def test_a_fault_nobody_thought_of_does_not_end_it(self) -> None:
        rig = Rig()
        rig.source.fault = RuntimeError("surprise")
        task = rig.start()
        await until(lambda: bool(rig.log.lines))
        rig.source.fault = None
        await rig.until_kept(1)
        await rig.end(task)
        assert "surprise" in rig.log.lines[0]["exception"]

    async def test_what_was_added_last_is_published_when_the_service_stops(self) -> None:
        rig = Rig()
        task = rig.start(interval_seconds=3600)
        await rig.until_kept(1)
        rig.source.audit.append(3)
        await rig.end(task)
        assert rig.kafka.kept[-1] == tuple(rig.source.audit.heads())

    async def test_it_ends_although_kafka_never_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(application, "LAST_SECONDS", 0.05)
        rig = Rig()
        rig.kafka.silent = True
        task = rig.start()
        await rig.kafka.asked.wait()
        await rig.end(task)
        # The round under way, and the last.
        assert rig.kafka.cancelled == 2

    async def test_cancelling_it_breaks_a_round_off(self) -> None:
        rig = Rig()
        rig.kafka.silent = True
        task = rig.start()
        await rig.kafka.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert rig.kafka.cancelled == 1


class TestMessage:
    """What goes to Kafka."""

    moment = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)

    def heads(self) -> FakeHeadSource:
        source = FakeHeadSource()
        source.audit.append(3, 5)
        return source

    def test_headers_are_cloudevents_in_binary_mode_and_the_key_is_its_own(self) -> None:
        message = message_of("evt_1", "pub_1", self.moment, self.heads().audit.heads())
        assert message.key == b"evt_1"
        assert dict(message.headers) == {
            "ce_specversion": b"1.0",
            "ce_id": b"evt_1",
            "ce_source": b"/payera/vault",
            "ce_type": b"dev.payera.vault.audit_heads",
            "ce_subject": b"audit",
            "ce_time": b"2026-11-21T12:00:00.123456Z",
            "ce_dataschema": b"payera.events.v1.AuditHeads",
            "content-type": b"application/protobuf",
        }

    def test_what_is_written_is_read_again(self) -> None:
        heads = self.heads().audit.heads()
        read = heads_of(message_of("evt_1", "pub_1", self.moment, list(reversed(heads))).value)
        assert (read.publisher, read.read_at, read.heads) == ("pub_1", self.moment, tuple(heads))
        assert len(read.heads) == CHAINS

    def test_what_a_message_says_stands_in_the_contract(self) -> None:
        event = contract.AuditHeads.FromString(
            message_of("evt_1", "pub_1", self.moment, self.heads().audit.heads()).value
        )
        assert (event.id, event.chains[3].chain, event.chains[3].sequence) == ("evt_1", 3, 5)
        assert contract.AuditHeads.DESCRIPTOR.full_name == heads_message.SCHEMA

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"\xff\xff", id="no protobuf"),
            pytest.param(contract.AuditHeads(id="evt_1", publisher="pub_1").SerializeToString(), id="no time"),
            pytest.param(
                message_of("evt_1", "", moment, []).value,
                id="no publisher",
            ),
            pytest.param(
                message_of("evt_1", "pub_1", moment, []).value
                + contract.AuditHeads(chains=[contract.AuditChainHead(hash=b"short")]).SerializeToString(),
                id="short hash",
            ),
            pytest.param(
                message_of("evt_1", "pub_1", moment, []).value
                + contract.AuditHeads(
                    chains=[contract.AuditChainHead(sequence=-1, hash=b"\0" * 32)]
                ).SerializeToString(),
                id="below zero",
            ),
        ],
    )
    def test_what_no_publisher_of_ours_wrote_is_refused(self, value: bytes) -> None:
        with pytest.raises(UnreadableHeadsError):
            heads_of(value)


class TestProducer:
    """The producer without a broker."""

    def test_it_loses_and_reorders_nothing(self) -> None:
        settings = producer_configuration("localhost:9092")
        assert settings["enable.idempotence"] is True
        assert settings["acks"] == "all"
        # Kafka's answer, or the producer's own that none came, is waited for.
        assert settings["message.timeout.ms"] < heads_publisher.DELIVERY_SECONDS * 1000

    async def test_without_a_broker_it_says_so_in_time_and_may_be_asked_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(heads_publisher, "DELIVERY_SECONDS", 0.3)
        publisher = KafkaAuditHeads("127.0.0.1:1", topics.AUDIT_HEADS.name)
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(HeadsNotPublishedError, match="no answer within"):
                await publisher.publish(FakeHeadSource().audit.heads(), datetime.now(UTC))
        await publisher.close()
        await publisher.close()
        assert time.monotonic() - began < SOON

    async def test_a_publish_broken_off_leaves_no_thread_behind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(heads_publisher, "DELIVERY_SECONDS", 120.0)
        publisher = KafkaAuditHeads("127.0.0.1:1", topics.AUDIT_HEADS.name)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await publisher.publish(FakeHeadSource().audit.heads(), datetime.now(UTC))
        # A thread of the executor that went on polling would hold this up.
        await publisher.close()
        await asyncio.to_thread(lambda: None)
        assert time.monotonic() - began < heads_publisher.DELIVERY_SECONDS / 2


def test_the_topic_keeps_heads_for_as_long_as_an_audit_must_be_kept() -> None:
    for environment, sizing in topics.AUDIT_HEADS.sizing.items():
        settings = topics.settings_of(topics.AUDIT_HEADS, environment, 3)
        assert settings["cleanup.policy"] == "delete"
        assert int(settings["retention.ms"]) >= timedelta(days=400) / timedelta(milliseconds=1)
        assert sizing.partitions == 1
    assert topics.settings_of(topics.AUDIT_HEADS, "prod", 3)["min.insync.replicas"] == "2"


def test_metrics_tell_how_old_the_newest_published_heads_are() -> None:
    registry, monotonic = CollectorRegistry(), FakeMonotonic()
    metrics = AuditHeadMetrics(registry, monotonic=monotonic)

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"payera_vault_audit_heads_{name}")

    monotonic.seconds += 7
    assert (value("age_seconds"), value("unconfirmed_seconds")) == (7, 7)
    metrics.published()
    metrics.current()
    monotonic.seconds += 3
    metrics.current()
    monotonic.seconds += 1
    assert (value("age_seconds"), value("unconfirmed_seconds")) == (4, 1)
    metrics.failed()
    metrics.contradicted()
    assert [value(f"{name}_total") for name in ("published", "failures", "contradictions")] == [1, 1, 1]


class EndlessProducer:
    """Takes messages, reports nothing and never comes to its end, as after a fatal error."""

    def __init__(self, *_: object, **__: object) -> None:
        self.forever = threading.Event()

    def produce(self, *_: object, **__: object) -> None:
        return

    def poll(self, seconds: float) -> int:
        self.forever.wait(seconds)
        return 0

    def purge(self) -> None:
        return

    def flush(self, _: float) -> int:
        return 1

    def close(self) -> None:
        self.forever.wait()


async def test_a_producer_that_never_ends_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads_publisher, "Producer", EndlessProducer)
    monkeypatch.setattr(heads_publisher, "DELIVERY_SECONDS", 0.1)
    monkeypatch.setattr(heads_publisher, "END_SECONDS", 0.2)
    publisher = KafkaAuditHeads("127.0.0.1:1", topics.AUDIT_HEADS.name)
    async with asyncio.timeout(20):
        with pytest.raises(HeadsNotPublishedError, match="no answer within"):
            await publisher.publish(FakeHeadSource().audit.heads(), datetime.now(UTC))
        await publisher.close()
