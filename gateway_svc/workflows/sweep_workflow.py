"""Finds what a crash left behind and hands it to the workflows; a Temporal schedule runs it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from gateway_svc.workflows.limits import SWEEP_PATIENCE, SWEEP_RETRY, SWEEP_TIMEOUT
    from gateway_svc.workflows.messages import SWEEP_WORKFLOW, SweepOrder
    from gateway_svc.workflows.sweep_activities import SweepActivities


@workflow.defn(name=SWEEP_WORKFLOW)
class SweepWorkflow:
    """One sweep."""

    @workflow.run
    async def run(self, order: SweepOrder) -> None:
        """Start the workflows of stalled work once; what is left waits for the next sweep."""
        await workflow.execute_local_activity_method(
            SweepActivities.start_stalled_work,
            order,
            start_to_close_timeout=SWEEP_TIMEOUT,
            schedule_to_close_timeout=SWEEP_PATIENCE,
            retry_policy=SWEEP_RETRY,
        )
