"""Keeps the Temporal schedule of the sweep as the settings want it."""

import dataclasses
from datetime import timedelta
from typing import Final

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from gateway_svc.workflows.limits import SWEEP_RUN_TIMEOUT, WORKFLOW_TASK_TIMEOUT
from gateway_svc.workflows.messages import SWEEP_WORKFLOW, TASK_QUEUE, SweepOrder

SCHEDULE_ID: Final = "payera-sweep"
# The shortest that Temporal takes. Sweeps missed while it was away are of no use.
CATCHUP_WINDOW: Final = timedelta(seconds=10)
_RPC_TIMEOUT: Final = timedelta(seconds=5)


async def ensure_sweep_schedule(client: Client, *, interval: timedelta, order: SweepOrder) -> None:
    """Create the schedule, or bring an existing one up to date; several workers may do so at once.

    A schedule that an operator has paused stays paused. Raises RPCError when Temporal is away.
    """
    schedule = _sweep_schedule(interval, order)
    try:
        await client.create_schedule(SCHEDULE_ID, schedule, rpc_timeout=_RPC_TIMEOUT)
    except ScheduleAlreadyRunningError:

        def updated(current: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(dataclasses.replace(schedule, state=current.description.schedule.state))

        await client.get_schedule_handle(SCHEDULE_ID).update(updated, rpc_timeout=_RPC_TIMEOUT)


def _sweep_schedule(interval: timedelta, order: SweepOrder) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            SWEEP_WORKFLOW,
            order,
            id=SCHEDULE_ID,
            task_queue=TASK_QUEUE,
            run_timeout=SWEEP_RUN_TIMEOUT,
            task_timeout=WORKFLOW_TASK_TIMEOUT,
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=interval)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCHUP_WINDOW),
    )
