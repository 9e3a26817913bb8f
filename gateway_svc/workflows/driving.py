"""The loop that payment and modification workflows share: carry one step on, wait as planned, until nothing is left."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from gateway_svc.workflows.limits import STEPS_MAX
from gateway_svc.workflows.messages import Advance, Plan


class Driving:
    """Drives one payment or modification and lets callers wait for the end.

    What to do is decided by the core inside the activity, from the record, and comes back as a recorded plan. So a
    changed policy never contradicts the history of a workflow that is under way.
    """

    def __init__(self) -> None:
        self._settled = False
        self._told = False

    async def drive(self, reference: str, advance: Callable[[Advance], Awaitable[Plan]]) -> None:
        """Advance ``reference`` until it is settled or under review; fails after STEPS_MAX steps."""
        waited_for = ""
        for _ in range(STEPS_MAX):
            plan = await advance(Advance(reference, waited_for))
            self._told = plan.told
            if plan.done:
                self._settled = True
                # A caller waits in the update handler: answer it before the run ends.
                await workflow.wait_condition(workflow.all_handlers_finished)
                return
            if plan.delay_ms > 0:
                await workflow.sleep(timedelta(milliseconds=plan.delay_ms))
            waited_for = plan.marker
        message = f"not settled after {STEPS_MAX} steps"
        raise ApplicationError(message, type="TOO_MANY_STEPS", non_retryable=True)

    async def until_settled(self) -> None:
        """Return when nothing is left to do, or when the payment waits for the shopper."""
        await workflow.wait_condition(lambda: self._settled or self._told)
