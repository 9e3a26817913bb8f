"""Runs the worker of the vault's task queue for as long as it is wanted, through any absence of Temporal."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from temporalio.client import Client
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from mesh.keyring import Keyring
from mesh.temporal_connection import connect, new_runtime
from vault_svc.workflows.messages import TASK_QUEUE
from vault_svc.workflows.rotation_workflow import KeyRotationWorkflow

WORKFLOWS: Final = (KeyRotationWorkflow,)

# A batch in hand may end; one that is cut short is simply done again.
GRACEFUL_SHUTDOWN: Final = timedelta(seconds=8)
WORKFLOW_TASKS_AT_ONCE: Final = 4
#: One for each kind of rotation, and one to spare.
BATCHES_AT_ONCE: Final = 4
CACHED_WORKFLOWS: Final = 16
# After a worker's death its workflows move to another worker this late.
STICKY_TIMEOUT: Final = timedelta(seconds=2)
FIRST_WAIT_SECONDS: Final = 0.2
LONGEST_WAIT_SECONDS: Final = 5.0

_AWAY: Final = (RPCError, TemporalError, RuntimeError, OSError)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Where Temporal is."""

    address: str
    namespace: str
    keyring: Keyring


class TemporalWorker:
    """One worker process's side of Temporal."""

    def __init__(
        self,
        settings: WorkerSettings,
        activities: list[Callable[..., Any]],
        tell_connected: Callable[[bool], None],
    ) -> None:
        self._settings = settings
        self._activities = activities
        self._tell_connected = tell_connected
        self._logger = structlog.get_logger()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set. Waits while Temporal is away, and begins again when it fails."""
        runtime = new_runtime()
        wait_seconds = FIRST_WAIT_SECONDS
        while not stop.is_set():
            settings = self._settings
            try:
                client = await connect(settings.address, settings.namespace, settings.keyring, runtime)
                self._tell_connected(True)  # noqa: FBT003 - the one thing it tells
                self._logger.info("worker connected", task_queue=TASK_QUEUE)
                wait_seconds = FIRST_WAIT_SECONDS
                await self._work(client, stop)
            except _AWAY as error:
                self._logger.warning("Temporal is away", error=str(error), retry_in_seconds=wait_seconds)
            finally:
                self._tell_connected(False)  # noqa: FBT003
            if not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait_seconds)
                wait_seconds = min(wait_seconds * 2, LONGEST_WAIT_SECONDS)

    async def _work(self, client: Client, stop: asyncio.Event) -> None:
        worker = new_worker(client, self._activities)
        running = asyncio.create_task(worker.run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not running.done():
                await worker.shutdown()
            await running


def new_worker(client: Client, activities: list[Callable[..., Any]], *, task_queue: str = TASK_QUEUE) -> Worker:
    """Give a worker for the vault's workflows; the caller runs it."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=list(WORKFLOWS),
        activities=activities,
        # As the gateway's workers do; the replay tests run every recorded history in the sandbox too.
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=CACHED_WORKFLOWS,
        max_concurrent_workflow_tasks=WORKFLOW_TASKS_AT_ONCE,
        max_concurrent_activities=BATCHES_AT_ONCE,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        graceful_shutdown_timeout=GRACEFUL_SHUTDOWN,
    )
