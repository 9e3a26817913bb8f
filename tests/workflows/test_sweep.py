"""The sweep: what it starts, in which order, and the schedule that runs it."""

from datetime import timedelta

import pytest
from temporalio.client import Client, ScheduleOverlapPolicy

from gateway_svc.adapters.temporal.schedule import SCHEDULE_ID, ensure_sweep_schedule
from gateway_svc.workflows.messages import SweepOrder
from gateway_svc.workflows.sweep_activities import REMEMBERED_SECONDS, SweepActivities
from tests.fakes.durable.observing import FakeObserver, FakeStarter
from tests.fakes.durable.store import FakeStore
from tests.workflows.rig import Rig, new_reference

ORDER = SweepOrder(grace_ms=20_000, limit=3)


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def starter() -> FakeStarter:
    return FakeStarter()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sweep(store: FakeStore, starter: FakeStarter, clock: Clock) -> SweepActivities:
    return SweepActivities(store, starter, FakeObserver(), clock)


async def test_sweep_starts_payments_and_modifications(
    sweep: SweepActivities, store: FakeStore, starter: FakeStarter
) -> None:
    store.stalled = [("PAYMENT", "pay_1"), ("MODIFICATION", "ref_1")]
    result = await sweep.start_stalled_work(ORDER)
    assert starter.started == store.stalled
    assert (result.seen, result.started) == (2, 2)


async def test_old_work_that_waits_for_its_next_ask_does_not_hide_younger_work(
    sweep: SweepActivities, store: FakeStore, starter: FakeStarter
) -> None:
    store.stalled = [("PAYMENT", f"pay_{number}") for number in range(10)]
    for _ in range(4):
        await sweep.start_stalled_work(ORDER)
    assert starter.started == store.stalled


async def test_work_still_stalled_after_a_while_is_started_again(
    sweep: SweepActivities, store: FakeStore, starter: FakeStarter, clock: Clock
) -> None:
    store.stalled = [("PAYMENT", "pay_1")]
    await sweep.start_stalled_work(ORDER)
    await sweep.start_stalled_work(ORDER)
    assert len(starter.started) == 1
    clock.now += REMEMBERED_SECONDS
    await sweep.start_stalled_work(ORDER)
    assert len(starter.started) == 2


async def test_failed_start_does_not_keep_others_from_being_started_and_is_tried_again(
    sweep: SweepActivities, store: FakeStore, starter: FakeStarter
) -> None:
    store.stalled = [("PAYMENT", "pay_1"), ("PAYMENT", "pay_2")]
    starter.broken = {"pay_1"}
    with pytest.raises(ConnectionError):
        await sweep.start_stalled_work(ORDER)
    assert starter.started == [("PAYMENT", "pay_2")]
    starter.broken = set()
    await sweep.start_stalled_work(ORDER)
    assert starter.started == [("PAYMENT", "pay_2"), ("PAYMENT", "pay_1")]


async def test_sweep_workflow_runs_the_activity(client: Client) -> None:
    rig = Rig(client)
    rig.store.stalled = [("PAYMENT", "pay_1"), ("MODIFICATION", "cap_1")]
    async with rig.worker():
        await client.execute_workflow(
            "SweepWorkflow",
            ORDER,
            id=new_reference("sweep"),
            task_queue=rig.task_queue,
            run_timeout=timedelta(seconds=20),
        )
    assert rig.starter.started == rig.store.stalled


async def test_schedule_is_created_once_and_follows_the_settings(client: Client) -> None:
    await ensure_sweep_schedule(client, interval=timedelta(seconds=10), order=ORDER)
    handle = client.get_schedule_handle(SCHEDULE_ID)
    await handle.pause(note="an operator's")
    await ensure_sweep_schedule(client, interval=timedelta(seconds=7), order=ORDER)
    description = await handle.describe()
    schedule = description.schedule
    assert schedule.spec.intervals[0].every == timedelta(seconds=7)
    assert schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert schedule.policy.catchup_window == timedelta(seconds=10)
    assert schedule.state.paused
    await handle.delete()
