"""The relay's loop: nothing is lost or reordered, whatever fails."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from gateway_svc.adapters.kafka.metrics import RelayMetrics
from gateway_svc.adapters.kafka.relay import Relay, delivered_positions, encode
from tests.fakes.durable.observing import FakeCrashes, SimulatedDeathError
from tests.fakes.relay import FakeKafka, FakeOutbox, event


class Bench:
    """A relay between a fake outbox and a fake Kafka."""

    def __init__(self) -> None:
        self.outbox = FakeOutbox()
        self.kafka = FakeKafka()
        self.crashes = FakeCrashes()
        self.registry = CollectorRegistry()
        self.stop = asyncio.Event()
        self.relay = Relay(
            self.outbox.open, self.kafka, self.crashes, RelayMetrics(self.registry), structlog.get_logger()
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.relay.run(self.stop))
        try:
            yield
        finally:
            self.stop.set()
            async with asyncio.timeout(10):
                await task

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - the fakes tell of nothing
                await asyncio.sleep(0.005)


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_events_are_published_in_order_and_deleted(bench: Bench) -> None:
    bench.outbox.events = [event(3, seq=3), event(1, seq=1), event(2, seq=2)]
    async with bench.running():
        await bench.until(lambda: not bench.outbox.events)
    assert bench.kafka.log == ["evt_pay_1_1", "evt_pay_1_2", "evt_pay_1_3"]
    assert bench.registry.get_sample_value("payera_relay_published_total") == 3


async def test_refused_message_is_sent_again_before_anything_later_of_its_payment(bench: Bench) -> None:
    bench.outbox.events = [event(1, seq=1), event(2, "pay_2"), event(3, seq=2), event(4, seq=3)]
    bench.kafka.refuse = {"evt_pay_1_2": 2}
    async with bench.running():
        await bench.until(lambda: not bench.outbox.events)
    assert [entry for entry in bench.kafka.log if "pay_1" in entry] == ["evt_pay_1_1", "evt_pay_1_2", "evt_pay_1_3"]
    assert bench.registry.get_sample_value("payera_relay_failures_total") == 2


async def test_event_that_cannot_be_published_holds_back_its_own_payment_only(bench: Bench) -> None:
    bench.outbox.events = [event(1, event_type="FROM_THE_FUTURE"), event(2, seq=2), event(3, "pay_2")]
    async with bench.running():
        await bench.until(lambda: len(bench.outbox.events) == 2)
        await bench.until(lambda: bench.registry.get_sample_value("payera_relay_blocked_payments") == 1)
    assert bench.kafka.log == ["evt_pay_2_1"]
    assert [event.position for event in bench.outbox.events] == [1, 2]


async def test_lost_connection_ends_publishing_at_once_and_everything_is_sent_again(bench: Bench) -> None:
    bench.outbox.events = [event(1), event(2, seq=2)]
    bench.kafka.silent = asyncio.Event()
    async with bench.running():
        await bench.kafka.silent.wait()
        bench.kafka.silent = None
        bench.outbox.lost.set()
        await bench.until(lambda: not bench.outbox.events)
    assert bench.outbox.opened == 2
    assert bench.outbox.closed == 2
    assert bench.kafka.abandoned >= 1
    assert bench.kafka.log == ["evt_pay_1_1", "evt_pay_1_2"]


async def test_connection_lost_before_the_delete_gives_duplicates_in_order(bench: Bench) -> None:
    bench.outbox.events = [event(1), event(2, seq=2)]
    bench.outbox.lose_on_delete = True
    async with bench.running():
        await bench.until(lambda: not bench.outbox.events)
    assert bench.kafka.log == ["evt_pay_1_1", "evt_pay_1_2"] * 2


async def test_death_between_publish_and_delete_keeps_the_events(bench: Bench) -> None:
    bench.outbox.events = [event(1)]
    bench.crashes.armed.add("relay.after_publish")
    with pytest.raises(SimulatedDeathError):
        await bench.relay.run(bench.stop)
    assert bench.kafka.log == ["evt_pay_1_1"]
    assert len(bench.outbox.events) == 1


async def test_database_away_at_the_start_is_waited_for(bench: Bench) -> None:
    bench.outbox.events = [event(1)]
    bench.outbox.away = 2
    async with bench.running():
        await bench.until(lambda: not bench.outbox.events)
    assert bench.outbox.opened == 1


async def test_stop_while_kafka_is_silent_keeps_the_events(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_svc.adapters.kafka.relay.STOP_SECONDS", 0.05)
    bench.outbox.events = [event(1)]
    bench.kafka.silent = asyncio.Event()
    async with bench.running():
        await bench.kafka.silent.wait()
    assert len(bench.outbox.events) == 1
    assert bench.outbox.closed == 1


async def test_backlog_is_measured(bench: Bench) -> None:
    async with bench.running():
        await bench.until(lambda: bench.registry.get_sample_value("payera_outbox_oldest_age_seconds") == 1.5)


@given(st.lists(st.tuples(st.sampled_from(["pay_1", "pay_2", "pay_3"]), st.booleans()), max_size=30))
def test_nothing_counts_as_delivered_after_a_gap_in_its_payment(rows: list[tuple[str, bool]]) -> None:
    events = [event(position, payment_id) for position, (payment_id, _) in enumerate(rows)]
    positions = set(delivered_positions(events, [done for _, done in rows]))
    for payment_id in {payment_id for payment_id, _ in rows}:
        flags = [position in positions for position, row in enumerate(rows) if row[0] == payment_id]
        assert flags == sorted(flags, reverse=True)
        acknowledged = [row[1] for row in rows if row[0] == payment_id]
        assert all(done for done, kept in zip(acknowledged, flags, strict=True) if kept)
        assert flags.count(True) == next((i for i, done in enumerate(acknowledged) if not done), len(acknowledged))


def test_encoding_keeps_the_order() -> None:
    encoded = encode([event(1), event(2, "pay_2"), event(3, seq=2)])
    assert [event.position for event in encoded.events] == [1, 2, 3]
    assert [dict(message.headers)["ce_id"] for message in encoded.messages] == [
        b"evt_pay_1_1",
        b"evt_pay_2_1",
        b"evt_pay_1_2",
    ]
