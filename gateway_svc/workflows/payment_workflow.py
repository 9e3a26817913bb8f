"""Carries a payment on until it has left PROCESSING or an operator must look at it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from gateway_svc.workflows.driving import Driving
    from gateway_svc.workflows.limits import (
        ADVANCE_PATIENCE,
        ADVANCE_RETRY,
        ADVANCE_TIMEOUT,
        LOCAL_RETRY_THRESHOLD,
    )
    from gateway_svc.workflows.messages import PAYMENT_WORKFLOW, SETTLED_UPDATE, Advance, Plan
    from gateway_svc.workflows.payment_activities import PaymentActivities


@workflow.defn(name=PAYMENT_WORKFLOW)
class PaymentWorkflow:
    """One run per payment at a time; the workflow id is the payment id. A rerun of a settled payment ends at once."""

    def __init__(self) -> None:
        self._driving = Driving()

    @workflow.run
    async def run(self, payment_id: str) -> None:
        """Drive the payment to its end."""
        await self._driving.drive(payment_id, _advance)

    @workflow.update(name=SETTLED_UPDATE)
    async def settled(self) -> None:
        """Return when the payment has left PROCESSING, for the shopper too, or went to review."""
        await self._driving.until_settled()


async def _advance(order: Advance) -> Plan:
    return await workflow.execute_local_activity_method(
        PaymentActivities.advance_payment,
        order,
        start_to_close_timeout=ADVANCE_TIMEOUT,
        schedule_to_close_timeout=ADVANCE_PATIENCE,
        retry_policy=ADVANCE_RETRY,
        local_retry_threshold=LOCAL_RETRY_THRESHOLD,
    )
