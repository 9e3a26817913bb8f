"""How the workflows of a payment or modification are started: under its own id, once at a time."""

from typing import Any, Final

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from gateway_svc.workflows.limits import WORKFLOW_TASK_TIMEOUT
from gateway_svc.workflows.messages import MODIFICATION_WORKFLOW, PAYMENT_WORKFLOW, TASK_QUEUE

PAYMENT: Final = "PAYMENT"
MODIFICATION: Final = "MODIFICATION"
_WORKFLOWS: Final = {PAYMENT: PAYMENT_WORKFLOW, MODIFICATION: MODIFICATION_WORKFLOW}


def start_operation(kind: str, reference: str) -> WithStartWorkflowOperation[Any, Any]:
    """Give the operation that starts the workflow of ``reference`` or joins the one that runs; used once."""
    return WithStartWorkflowOperation(
        _WORKFLOWS[kind],
        reference,
        id=reference,
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        # A workflow that gave up or went to review has closed; the work may need it again.
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        task_timeout=WORKFLOW_TASK_TIMEOUT,
    )


class TemporalWorkStarter:
    """Starts workflows for the sweep."""

    __slots__ = ("_client",)

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, kind: str, reference: str) -> None:
        """Start the workflow of a ``PAYMENT`` or ``MODIFICATION``; one that runs already is left as it is."""
        await self._client.start_workflow(
            _WORKFLOWS[kind],
            reference,
            id=reference,
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            task_timeout=WORKFLOW_TASK_TIMEOUT,
        )
