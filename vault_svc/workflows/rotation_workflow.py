"""Drives one rotation batch by batch, over any number of runs, until nothing is left of it."""

from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from vault_svc.application.rotate_keys import Position, Progress, Step
    from vault_svc.workflows.limits import (
        BATCH_PATIENCE,
        BATCH_RETRY,
        BATCH_TIMEOUT,
        HEARTBEAT_TIMEOUT,
    )
    from vault_svc.workflows.messages import (
        INCOMPLETE,
        PROGRESS_MEMO,
        PROGRESS_QUERY,
        ROTATE_BATCH,
        ROTATION_WORKFLOW,
        BatchOrder,
        RotationProgress,
        RotationRun,
    )


@workflow.defn(name=ROTATION_WORKFLOW)
class KeyRotationWorkflow:
    """One rotation of a kind at a time; the workflow id names the kind.

    What to do, how fast, and whether it is done is decided in the activity, from what the vault has on record, and
    comes back as a recorded step: a changed pace or rule never contradicts the history of a rotation under way.
    """

    @workflow.init
    def __init__(self, run: RotationRun) -> None:
        self._progress = run.progress

    @workflow.run
    async def run(self, run: RotationRun) -> RotationProgress:
        """Rotate to the end; fails with ROTATION_INCOMPLETE when something is left that can't be done."""
        if not self._progress.started_ms:
            self._progress = RotationProgress(self._progress.counts, int(workflow.now().timestamp() * 1000))
        position = run.position
        for _ in range(run.batches_max):
            step = await self._batch(run, position)
            if step.progress is Progress.FINISHED:
                return self._progress
            if step.progress is Progress.INCOMPLETE:
                message = "something is left that can't be done: see the worker's log"
                raise ApplicationError(message, type=INCOMPLETE, non_retryable=True)
            position = step.position
            if step.delay_seconds > 0:
                await workflow.sleep(timedelta(seconds=step.delay_seconds))
        return workflow.continue_as_new(replace(run, position=position, progress=self._progress))

    @workflow.query(name=PROGRESS_QUERY)
    def progress(self) -> RotationProgress:
        """Give what was done so far."""
        return self._progress

    async def _batch(self, run: RotationRun, position: Position) -> Step:
        step: Step = await workflow.execute_activity(
            ROTATE_BATCH,
            BatchOrder(run.order, position),
            result_type=Step,
            start_to_close_timeout=BATCH_TIMEOUT,
            schedule_to_close_timeout=BATCH_PATIENCE,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=BATCH_RETRY,
        )
        self._progress = RotationProgress(self._progress.counts.plus(step.counts), self._progress.started_ms)
        # Read without a worker, which may be the very thing that an operator is waiting for.
        workflow.upsert_memo({PROGRESS_MEMO: self._progress})
        return step
