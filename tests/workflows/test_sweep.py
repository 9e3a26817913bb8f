"""The sweep: what it starts, in which order, and the schedule that runs it."""

from datetime import timedelta

import pytest
from temporalio.client import Client, ScheduleOverlapPolicy

from gateway_svc.adapters.temporal.schedule import SCHEDULE_ID, ensure_sweep_schedule
from gateway_svc.workflows.messages import SweepOrder
from gateway_svc.workflows.sweep_activities import PURGED_AT_ONCE, PURGES_MAX, SweepActivities
from tests.fakes.durable.observing import FakeObserver, FakeStarter
from tests.fakes.durable.store import FakeStore
from tests.workflows.rig import Rig, new_reference

ORDER = SweepOrder(grace_ms=20_000, limit=3)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def starter() -> FakeStarter:
    return FakeStarter()


@pytest.fixture
def sweep(store: FakeStore, starter: FakeStarter) -> SweepActivities:
    return SweepActivities(store, starter, FakeObserver())


async def test_sweep_starts_payments_and_modifications(
    sweep: SweepActivities, store: FakeStore, starter: FakeStarter
) -> None:
    work = store.stalled = [("PAYMENT", "pay_1"), ("MODIFICATION", "ref_1")]
    result = await sweep.start_stalled_work(ORDER)
    assert starter.started == work
    assert (result.seen, result.started) == (2, 2)


async def test_each_sweep_starts_what_the_store_hands_out_and_asks_for_no_more_than_its_limit(
    sweep: SweepActivities, store: FakeStore, starter: FakeStarter
) -> None:
    work = store.stalled = [("PAYMENT", f"pay_{number}") for number in range(10)]
    for _ in range(4):
        await sweep.start_stalled_work(ORDER)
    assert starter.started == work
    assert store.limits == [ORDER.limit] * 4


async def test_failed_start_does_not_keep_others_from_being_started_and_is_tried_again_in_its_turn(
    sweep: SweepActivities, store: FakeStore, starter: FakeStarter
) -> None:
    store.stalled = [("PAYMENT", "pay_1"), ("PAYMENT", "pay_2")]
    starter.broken = {"pay_1"}
    with pytest.raises(ConnectionError):
        await sweep.start_stalled_work(ORDER)
    assert starter.started == [("PAYMENT", "pay_2")]
    starter.broken = set()
    store.stalled = [("PAYMENT", "pay_1")]
    await sweep.start_stalled_work(ORDER)
    assert starter.started == [("PAYMENT", "pay_2"), ("PAYMENT", "pay_1")]


async def test_sweep_purges_expired_keys_within_a_bound(sweep: SweepActivities, store: FakeStore) -> None:
    store.expired_keys = 2 * PURGED_AT_ONCE + 5
    await sweep.start_stalled_work(ORDER)
    assert store.expired_keys == 0
    store.expired_keys = 2 * PURGES_MAX * PURGED_AT_ONCE
    await sweep.start_stalled_work(ORDER)
    assert store.expired_keys == PURGES_MAX * PURGED_AT_ONCE


async def test_sweep_forgets_what_no_rule_about_retries_counts_within_a_bound_of_its_own(
    sweep: SweepActivities, store: FakeStore
) -> None:
    store.old_retries = store.expired_keys = 2 * PURGES_MAX * PURGED_AT_ONCE
    await sweep.start_stalled_work(ORDER)
    assert store.old_retries == store.expired_keys == PURGES_MAX * PURGED_AT_ONCE


async def test_sweep_workflow_runs_the_activity(client: Client) -> None:
    rig = Rig(client)
    work = rig.store.stalled = [("PAYMENT", "pay_1"), ("MODIFICATION", "cap_1")]
    async with rig.worker():
        await client.execute_workflow(
            "SweepWorkflow",
            ORDER,
            id=new_reference("sweep"),
            task_queue=rig.task_queue,
            run_timeout=timedelta(seconds=20),
        )
    assert rig.starter.started == work


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
