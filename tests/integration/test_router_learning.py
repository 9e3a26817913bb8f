"""Routers that learn from the real Kafka with the real PostgreSQL: all rank alike, whatever happened to them."""

import secrets
import signal
from collections.abc import Iterator

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from devstack.configuration import load_configuration
from devstack.lifecycle import Stack
from devstack.names import ComponentName
from router_svc.adapters.kafka.source import _Reader
from router_svc.domain.health import Admission
from tests.support.learning_bench import PARTITIONS, LearningBench, Router, events_of, until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LearningBench]:
    stack = Stack(load_configuration(tmp_path_factory.mktemp("learning") / "stack", 0, environ={}))
    try:
        stack.start(ComponentName.POSTGRES)
        stack.migrate(lambda _: None)
        yield LearningBench(stack)
    finally:
        stack.down(wipe=True)


def has_read(router: Router, bench: LearningBench, topic: str) -> bool:
    """Tell whether a router has read all that is in its topic now."""
    return router.knowledge.current() and sum(router.offsets().values()) == bench.events_in(topic)


def new_topic() -> str:
    return f"payments-{secrets.token_hex(6)}"


# The first test must find a stack without a broker; the others start it when it is not there.
async def test_broker_absent_at_the_start_is_waited_for(bench: LearningBench) -> None:
    topic = new_topic()
    async with bench.router(topic) as router:
        await until(lambda: any("from the topic" in line["event"] for line in router.log.lines), "it begins")
        assert not router.knowledge.current()
        bench.start_kafka()
        bench.create(topic)
        bench.write(topic, events_of(30))
        await until(lambda: has_read(router, bench, topic), "the router reads what was written without it")
        assert router.sample("lag") == 0


async def test_an_empty_topic_is_caught_up_with_at_once(bench: LearningBench) -> None:
    bench.start_kafka()
    topic = new_topic()
    bench.create(topic)
    async with bench.router(topic) as router:
        await until(router.knowledge.current, "there is nothing to be read")


async def test_routers_side_by_side_restarted_and_rebuilt_rank_alike_to_the_bit(bench: LearningBench) -> None:
    bench.start_kafka()
    topic, events = new_topic(), events_of(1_500)
    bench.create(topic)
    third = len(events) // 3
    # It reads along, while the events of all partitions come in mixed.
    async with bench.router(topic, snapshot_seconds=0.3) as along:
        for begin in range(0, third, 100):
            bench.write(topic, events[begin : min(begin + 100, third)])
        await until(lambda: has_read(along, bench, topic), "the first third is read")
        await until(lambda: bench.snapshots(topic) > 0, "a snapshot is kept")
    bench.write(topic, events[third : 2 * third])
    async with bench.router(topic) as restarted:
        bench.write(topic, events[2 * third :])
        await until(lambda: has_read(restarted, bench, topic), "the rest is read")
        assert sum(restarted.began_with().values()) > 0
        bench.query("SELECT router.drop_learning_snapshots()")
        # It reads partition by partition what was written one after the other.
        async with bench.router(topic) as rebuilt:
            await until(lambda: has_read(rebuilt, bench, topic), "the topic is read from its beginning")
            assert rebuilt.began_with() == {}
            assert rebuilt.sample("events_read_total") == len(events)
            assert restarted.sample("events_read_total") < len(events)
            assert rebuilt.rankings() == restarted.rankings()
            assert rebuilt.verdicts() == restarted.verdicts()
    assert any(verdict.admission is not Admission.HEALTHY for verdict in rebuilt.verdicts())
    assert "assumed" not in rebuilt.rankings()[0][0].reason


async def test_a_router_killed_between_a_snapshot_and_further_events_loses_nothing(bench: LearningBench) -> None:
    bench.start_kafka()
    topic, events = new_topic(), events_of(600)
    bench.create(topic)
    bench.write(topic, events[:700])
    process = bench.process(topic)
    try:
        await until(lambda: bench.snapshots(topic) > 0, "a snapshot is kept")
        bench.write(topic, events[700:900])
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    bench.write(topic, events[900:])
    async with bench.router(topic) as restarted:
        await until(lambda: has_read(restarted, bench, topic), "the rest is read")
        assert sum(restarted.began_with().values()) > 0
        bench.query("SELECT router.drop_learning_snapshots()")
        async with bench.router(topic) as rebuilt:
            await until(lambda: has_read(rebuilt, bench, topic), "all is read")
            assert rebuilt.rankings() == restarted.rankings()
            assert rebuilt.verdicts() == restarted.verdicts()


async def test_what_is_delivered_twice_counts_once_and_what_is_no_event_is_skipped(bench: LearningBench) -> None:
    bench.start_kafka()
    once, twice, events = new_topic(), new_topic(), events_of(300)
    for topic in (once, twice):
        bench.create(topic)
    bench.write(once, events)
    # As a relay does that is killed before it has noted what it sent.
    bench.write(twice, events[:500])
    bench.write(twice, [(0, b"noise"), (1, None), (2, b"")])
    bench.write(twice, events[200:])
    async with bench.router(once) as first, bench.router(twice) as second:
        await until(lambda: has_read(first, bench, once) and has_read(second, bench, twice), "all is read")
        assert second.sample("events_skipped_total") == 3
        assert second.sample("outcomes_total") == first.sample("outcomes_total") > 0
        assert first.rankings() == second.rankings()
        assert first.verdicts() == second.verdicts()


async def test_broker_killed_in_mid_stream_is_waited_for(bench: LearningBench) -> None:
    bench.start_kafka()
    topic, events = new_topic(), events_of(300)
    bench.create(topic)
    bench.write(topic, events[:300])
    async with bench.router(topic) as router:
        await until(lambda: has_read(router, bench, topic), "what is there is read")
        bench.stack.kill(ComponentName.KAFKA)
        bench.start_kafka()
        bench.write(topic, events[300:])
        await until(lambda: has_read(router, bench, topic), "the router reads on")
        assert router.sample("events_read_total") == len(events)


async def test_offsets_that_the_topic_has_forgotten_begin_at_the_earliest_with_a_warning(
    bench: LearningBench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.start_kafka()
    topic, events = new_topic(), events_of(300)
    bench.create(topic)
    bench.write(topic, events[:300])
    async with bench.router(topic, snapshot_seconds=0.2) as first:
        await until(lambda: has_read(first, bench, topic), "what is there is read")
        await until(lambda: bench.snapshots(topic) > 0, "a snapshot is kept")
        offsets = first.offsets()
    bench.write(topic, events[300:])
    forgotten = [TopicPartition(topic, partition, offsets[partition] + 5) for partition in range(PARTITIONS)]
    client = AdminClient({"bootstrap.servers": bench.bootstrap})
    for result in client.delete_records(forgotten).values():
        result.result(30)
    async with bench.router(topic) as second:
        await until(lambda: second.knowledge.current() and second.sample("lag") == 0, "what is left is read")
        assert sum(second.offsets().values()) == len(events)
        assert second.sample("events_read_total") == len(events) - 300 - 5 * PARTITIONS
    assert f"{topic}/0 has the offsets" in caplog.text


def test_an_offset_that_is_lost_while_reading_is_told_and_made_up_for(
    bench: LearningBench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.start_kafka()
    topic, events = new_topic(), events_of(100)
    bench.create(topic)
    bench.write(topic, events)
    reader = _Reader(bench.bootstrap, topic, 3_600.0)
    first, again = sum(1 for partition, _ in events if partition == 0), 0
    try:
        while not reader.read().caught_up:
            pass
        assert reader._consumer is not None
        # As if retention had been quicker than the router.
        reader.next_offsets[0] = 1_000_000
        reader._consumer.seek(TopicPartition(topic, 0, 1_000_000))
        for _ in range(100):
            again += reader.read().events
            if again == first:
                break
    finally:
        reader.close()
    assert (again, reader.next_offsets[0]) == (first, first)
    assert f"{topic}/0 has the offsets 0 to {first}, not 1000000" in caplog.text


async def test_partitions_that_are_added_are_noticed(bench: LearningBench) -> None:
    bench.start_kafka()
    topic = new_topic()
    bench.create(topic)
    async with bench.router(topic) as router:
        await until(router.knowledge.current, "the router begins")
        client = AdminClient({"bootstrap.servers": bench.bootstrap})
        client.create_partitions([NewPartitions(topic, PARTITIONS + 1)])[topic].result(30)
        values = [(PARTITIONS, value) for _, value in events_of(20)]
        bench.write(topic, values)
        await until(lambda: router.sample("events_read_total") == len(values), "the new partition is read")
