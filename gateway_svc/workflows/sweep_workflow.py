"""Finds what a crash left behind, hands it to the workflows, and has stored cards kept; a Temporal schedule runs it."""

import asyncio
from typing import Final

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from gateway_svc.workflows.limits import SWEEP_PATIENCE, SWEEP_RETRY, SWEEP_TIMEOUT
    from gateway_svc.workflows.messages import SWEEP_WORKFLOW, SweepOrder
    from gateway_svc.workflows.sweep_activities import SweepActivities
    from gateway_svc.workflows.token_activities import TokenActivities

TOKENS_PATCH: Final = "keep-tokens"


@workflow.defn(name=SWEEP_WORKFLOW)
class SweepWorkflow:
    """One sweep."""

    @workflow.run
    async def run(self, order: SweepOrder) -> None:
        """Start the workflows of stalled work once, and tell the vault what is left; the rest waits for the next sweep.

        Both go on side by side: neither a vault nor a Temporal that hangs keeps the other's work from being done.
        """
        if not workflow.patched(TOKENS_PATCH):
            await _start_stalled_work(order)
            return
        results = await asyncio.gather(_start_stalled_work(order), _keep_tokens(), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result


async def _start_stalled_work(order: SweepOrder) -> None:
    await workflow.execute_local_activity_method(
        SweepActivities.start_stalled_work,
        order,
        start_to_close_timeout=SWEEP_TIMEOUT,
        schedule_to_close_timeout=SWEEP_PATIENCE,
        retry_policy=SWEEP_RETRY,
    )


async def _keep_tokens() -> None:
    await workflow.execute_local_activity_method(
        TokenActivities.keep_tokens,
        start_to_close_timeout=SWEEP_TIMEOUT,
        schedule_to_close_timeout=SWEEP_PATIENCE,
        retry_policy=SWEEP_RETRY,
    )
