"""Carries a capture, void or refund on until it has succeeded, failed, or an operator must look at it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from gateway_svc.workflows.driving import Driving
    from gateway_svc.workflows.limits import (
        ADVANCE_PATIENCE,
        ADVANCE_RETRY,
        ADVANCE_TIMEOUT,
        LOCAL_RETRY_THRESHOLD,
    )
    from gateway_svc.workflows.messages import MODIFICATION_WORKFLOW, SETTLED_UPDATE, Advance, Plan
    from gateway_svc.workflows.modification_activities import ModificationActivities


@workflow.defn(name=MODIFICATION_WORKFLOW)
class ModificationWorkflow:
    """One run per modification at a time; the workflow id is the modification id."""

    def __init__(self) -> None:
        self._driving = Driving()

    @workflow.run
    async def run(self, modification_id: str) -> None:
        """Drive the capture, void or refund to its end."""
        await self._driving.drive(modification_id, _advance)

    @workflow.update(name=SETTLED_UPDATE)
    async def settled(self) -> None:
        """Return when the modification is settled or went to review."""
        await self._driving.until_settled()


async def _advance(order: Advance) -> Plan:
    return await workflow.execute_local_activity_method(
        ModificationActivities.advance_modification,
        order,
        start_to_close_timeout=ADVANCE_TIMEOUT,
        schedule_to_close_timeout=ADVANCE_PATIENCE,
        retry_policy=ADVANCE_RETRY,
        local_retry_threshold=LOCAL_RETRY_THRESHOLD,
    )
