"""A worker of the vault with rotations behind it, and the ways the tests start and read them."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import Client, WorkflowHandle

from tests.fakes.vault.rotations import FakeBatchObserver, NoCrashes, ScriptedRotation
from vault_svc.adapters.temporal.worker import new_worker
from vault_svc.application.ports.rotations import RotationCounts, RotationKind, RotationOrder
from vault_svc.application.rotate_keys import Position, Rotation
from vault_svc.workflows.messages import ROTATION_WORKFLOW, RotationProgress, RotationRun
from vault_svc.workflows.rotation_activities import RotationActivities

PATIENCE = timedelta(seconds=60)
TASK_TIMEOUT = timedelta(seconds=5)
DATA = RotationKind.DATA_KEY


@dataclass
class VaultRig:
    """Everything that a rotation's workflow touches, on a task queue of its own."""

    client: Client
    task_queue: str = field(default_factory=lambda: f"test-{secrets.token_hex(6)}")
    script: ScriptedRotation = field(default_factory=ScriptedRotation)
    rotations: Mapping[RotationKind, Rotation] | None = None
    batches_max: int = 200
    crashes: NoCrashes = field(default_factory=NoCrashes)
    observer: FakeBatchObserver = field(default_factory=FakeBatchObserver)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Run a worker on this rig's task queue."""
        rotations = self.rotations or dict.fromkeys(RotationKind, self.script)
        activities = RotationActivities(rotations, self.crashes, self.observer, structlog.get_logger())
        async with new_worker(self.client, [activities.rotate_batch], task_queue=self.task_queue):
            yield

    async def start(self, order: RotationOrder | None = None) -> WorkflowHandle[Any, RotationProgress]:
        """Start a rotation under an id of its own."""
        progress = RotationProgress(RotationCounts())
        run = RotationRun(order or RotationOrder(DATA), Position(), progress, self.batches_max)
        return await self.client.start_workflow(
            ROTATION_WORKFLOW,
            run,
            id=f"test-rotation-{secrets.token_hex(6)}",
            task_queue=self.task_queue,
            execution_timeout=PATIENCE,
            task_timeout=TASK_TIMEOUT,
            result_type=RotationProgress,
        )

    async def rotate(self, order: RotationOrder | None = None) -> tuple[WorkflowHandle[Any, Any], RotationProgress]:
        """Rotate to the end; raises when it fails."""
        handle = await self.start(order)
        return handle, await handle.result()
