"""A workflow that does nothing, reached by update-with-start: the floor of the takeover path."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import Worker

TASK_QUEUE = "payera-bench"


@workflow.defn(name="EmptyWorkflow")
class EmptyWorkflow:
    """Ends as soon as its update was answered."""

    def __init__(self) -> None:
        self._answered = False

    @workflow.run
    async def run(self) -> None:
        """Wait for the update."""
        await workflow.wait_condition(lambda: self._answered)

    @workflow.update
    async def settled(self) -> None:
        """Answer at once."""
        self._answered = True


async def connect(address: str, namespace: str) -> Callable[[str], Awaitable[None]]:
    """Return a function that starts the workflow under an id and waits for its update."""
    client = await Client.connect(address, namespace=namespace)

    async def settle(reference: str) -> None:
        start = WithStartWorkflowOperation(
            EmptyWorkflow.run,
            id=reference,
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            execution_timeout=timedelta(seconds=60),
        )
        await client.execute_update_with_start_workflow(EmptyWorkflow.settled, start_workflow_operation=start)

    return settle


async def work(address: str, namespace: str, stop: asyncio.Event) -> None:
    """Run the worker until told to stop."""
    client = await Client.connect(address, namespace=namespace)
    async with Worker(client, task_queue=TASK_QUEUE, workflows=[EmptyWorkflow]):
        await stop.wait()
