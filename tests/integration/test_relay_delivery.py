"""The relay between the real PostgreSQL and the real Kafka: nothing lost, in order per payment, whoever dies."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from devstack.configuration import load_configuration
from devstack.lifecycle import Stack
from devstack.names import ComponentName
from tests.support.relay_bench import RelayBench, first_sights, new_payments

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayBench]:
    folder = tmp_path_factory.mktemp("relay")
    stack = Stack(load_configuration(folder / "stack", 0, environ={}))
    try:
        stack.start(ComponentName.POSTGRES)
        stack.migrate(lambda _: None)
        yield RelayBench(stack, folder)
    finally:
        stack.down(wipe=True)


# The first test must find a stack without a broker; the others start it when it is not there.
def test_broker_absent_at_the_start_is_waited_for(bench: RelayBench) -> None:
    payments = new_payments(5)
    with bench.relay():
        bench.until(lambda: bench.slots_by_session() == [8], "the relay takes its slots without Kafka")
        bench.write_events(payments, range(1, 4))
        assert bench.waiting() == 15
        _start_kafka(bench)
        sightings = bench.sightings(payments, 15)
        bench.until(lambda: bench.waiting() == 0, "delivered events leave the outbox")
    assert first_sights(sightings) == {payment_id: [1, 2, 3] for payment_id in payments}


def test_message_is_a_payment_event_with_cloudevents_headers(bench: RelayBench) -> None:
    _start_kafka(bench)
    (payment_id,) = new_payments(1)
    bench.write_events([payment_id], [1])
    with bench.relay():
        (sighting,) = bench.sightings([payment_id], 1)
    event = sighting.event
    assert sighting.key == event.payment_id == payment_id
    assert event.id == f"evt_{payment_id.removeprefix('pay_')}_1"
    assert (event.payment.amount.value, event.payment.amount.currency) == (1050, "EUR")
    assert sighting.headers["ce_id"] == event.id.encode()
    assert sighting.headers["ce_type"] == b"dev.payera.payment.payment_created"
    assert sighting.headers["ce_subject"] == payment_id.encode()
    assert sighting.headers["content-type"] == b"application/protobuf"


def test_broker_killed_in_mid_stream_loses_and_reorders_nothing(bench: RelayBench) -> None:
    _start_kafka(bench)
    payments = new_payments(40)
    with bench.relay():
        bench.write_events(payments, range(1, 6))
        bench.kill_kafka()
        bench.write_events(payments, range(6, 11))
        assert bench.waiting() > 0
        _start_kafka(bench)
        bench.write_events(payments, range(11, 13))
        sightings = bench.sightings(payments, 40 * 12)
        bench.until(lambda: bench.waiting() == 0, "delivered events leave the outbox")
    assert first_sights(sightings) == {payment_id: list(range(1, 13)) for payment_id in payments}


def test_relay_killed_between_publish_and_delete_sends_again_in_order(bench: RelayBench) -> None:
    _start_kafka(bench)
    payments = new_payments(10)
    bench.write_events(payments, range(1, 4))
    bench.arm("relay.after_publish", "kill")
    with bench.relay() as first:
        assert first.wait(30) == -signal.SIGKILL
    assert bench.waiting() == 30
    with bench.relay():
        bench.until(lambda: bench.waiting() == 0, "the second relay delivers")
        sightings = bench.sightings(payments, 30)
    assert len(sightings) == 60
    assert first_sights(sightings) == {payment_id: [1, 2, 3] for payment_id in payments}


def test_relay_killed_before_publish_loses_nothing(bench: RelayBench) -> None:
    _start_kafka(bench)
    payments = new_payments(10)
    bench.write_events(payments, [1])
    bench.arm("relay.before_publish", "kill")
    with bench.relay() as first:
        assert first.wait(30) == -signal.SIGKILL
    with bench.relay():
        sightings = bench.sightings(payments, 10)
    assert len(sightings) == 10


def test_two_relays_share_the_slots_and_survive_the_death_of_one(bench: RelayBench) -> None:
    _start_kafka(bench)
    payments = new_payments(40)
    with bench.relay() as first:
        bench.until(lambda: bench.slots_by_session() == [8], "the first relay takes all slots")
        with bench.relay():
            bench.until(lambda: bench.slots_by_session() == [4, 4], "the second relay gets its share")
            bench.write_events(payments, range(1, 5))
            first.kill()
            bench.write_events(payments, range(5, 9))
            bench.until(lambda: bench.slots_by_session() == [8], "the second relay takes over")
            sightings = bench.sightings(payments, 40 * 8)
            bench.until(lambda: bench.waiting() == 0, "delivered events leave the outbox")
    assert first_sights(sightings) == {payment_id: list(range(1, 9)) for payment_id in payments}


def test_relay_that_lost_its_slots_while_publishing_deletes_nothing(bench: RelayBench) -> None:
    _start_kafka(bench)
    payments = new_payments(5)
    bench.arm("relay.after_publish", "pause")
    with bench.relay():
        bench.write_events(payments, [1, 2])
        bench.until((bench.crash_directory / "relay.after_publish.hit").exists, "the relay holds before the delete")
        bench.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gateway_relay'")
        with bench.relay():
            bench.until(lambda: bench.waiting() == 0, "another relay delivers meanwhile")
            bench.write_events(payments, [3])
            (bench.crash_directory / "relay.after_publish.go").touch()
            bench.until(lambda: bench.slots_by_session() == [4, 4], "the first relay comes back")
            sightings = bench.sightings(payments, 15)
    assert first_sights(sightings) == {payment_id: [1, 2, 3] for payment_id in payments}


def test_database_killed_and_restarted_loses_nothing(bench: RelayBench) -> None:
    _start_kafka(bench)
    payments = new_payments(10)
    with bench.relay():
        bench.write_events(payments, [1, 2])
        bench.stack.kill(ComponentName.POSTGRES)
        bench.stack.start(ComponentName.POSTGRES)
        bench.write_events(payments, [3])
        sightings = bench.sightings(payments, 30)
        bench.until(lambda: bench.waiting() == 0, "delivered events leave the outbox")
    assert first_sights(sightings) == {payment_id: [1, 2, 3] for payment_id in payments}


def test_database_killed_while_the_broker_stands_still_loses_nothing_and_the_relay_lives_on(bench: RelayBench) -> None:
    _start_kafka(bench)
    payments = new_payments(10)
    with bench.relay() as relay:
        bench.write_events(payments, [1])
        bench.until(lambda: bench.waiting() == 0, "the relay has a producer that has sent something")
        broker = bench.stack.processes.running(ComponentName.KAFKA)
        assert broker is not None
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            bench.write_events(payments, [2])
            # So long that they are on their way, where nobody answers.
            time.sleep(2)
            bench.stack.kill(ComponentName.POSTGRES)
            bench.stack.start(ComponentName.POSTGRES)
            bench.write_events(payments, [3])
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        bench.until(lambda: bench.waiting() == 0, "delivered events leave the outbox")
        assert relay.poll() is None
    assert first_sights(bench.sightings(payments, 30)) == {payment_id: [1, 2, 3] for payment_id in payments}


def _start_kafka(bench: RelayBench) -> None:
    bench.stack.start(ComponentName.KAFKA)
    bench.declare_topics()
