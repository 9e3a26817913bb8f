"""A worker with fakes behind it, and the ways the tests start and read workflows."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy

from gateway_svc.adapters.temporal.worker import new_worker
from gateway_svc.application.keep_tokens import KeepToken
from gateway_svc.workflows.messages import MODIFICATION_WORKFLOW, PAYMENT_WORKFLOW
from gateway_svc.workflows.modification_activities import ModificationActivities
from gateway_svc.workflows.payment_activities import PaymentActivities
from gateway_svc.workflows.recording import AFTER_KEEP
from gateway_svc.workflows.sweep_activities import SweepActivities
from gateway_svc.workflows.token_activities import TokenActivities
from tests.fakes.durable.connectors import FakeConnectors
from tests.fakes.durable.observing import FakeCrashes, FakeObserver, FakeStarter
from tests.fakes.durable.store import FakeStore
from tests.fakes.gateway.peers import FakeLogger, FakeTokenVault

PATIENCE = timedelta(seconds=30)
TASK_TIMEOUT = timedelta(seconds=2)


@dataclass
class Rig:
    """Everything a workflow touches, on a task queue of its own."""

    client: Client
    task_queue: str = field(default_factory=lambda: f"test-{secrets.token_hex(6)}")
    store: FakeStore = field(default_factory=FakeStore)
    connectors: FakeConnectors = field(default_factory=FakeConnectors)
    crashes: FakeCrashes = field(default_factory=FakeCrashes)
    observer: FakeObserver = field(default_factory=FakeObserver)
    starter: FakeStarter = field(default_factory=FakeStarter)
    vault: FakeTokenVault = field(default_factory=FakeTokenVault)
    logger: FakeLogger = field(default_factory=FakeLogger)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Run a worker on this rig's task queue."""
        async with new_worker(self.client, self.activities(), task_queue=self.task_queue):
            yield

    def activities(self) -> list[Any]:
        """Give the activities over the fakes."""
        parts = (self.store, self.connectors, self.crashes, self.observer)
        keep = KeepToken(
            vault=self.vault,
            store=self.store,
            after_keep=lambda: self.crashes.reach(AFTER_KEEP),
            logger=self.logger,
        )
        return [
            PaymentActivities(*parts, keep).advance_payment,
            ModificationActivities(*parts).advance_modification,
            SweepActivities(self.store, self.starter, self.observer).start_stalled_work,
            TokenActivities(self.store, keep, self.observer).keep_tokens,
        ]

    async def run(self, workflow: str, reference: str) -> WorkflowHandle[Any, Any]:
        """Run a workflow to its end; raises when it fails or takes longer than PATIENCE."""
        handle = await self.start(workflow, reference)
        await handle.result()
        return handle

    async def start(self, workflow: str, reference: str) -> WorkflowHandle[Any, Any]:
        """Start a workflow, or join the one that runs."""
        return await self.client.start_workflow(
            workflow,
            reference,
            id=reference,
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            run_timeout=PATIENCE,
            task_timeout=TASK_TIMEOUT,
        )

    async def settle_payment(self, payment_id: str) -> WorkflowHandle[Any, Any]:
        """Run the payment's workflow to its end."""
        return await self.run(PAYMENT_WORKFLOW, payment_id)

    async def settle_modification(self, modification_id: str) -> WorkflowHandle[Any, Any]:
        """Run the modification's workflow to its end."""
        return await self.run(MODIFICATION_WORKFLOW, modification_id)


def new_reference(prefix: str) -> str:
    """Give an id that no other test uses."""
    return f"{prefix}_{secrets.token_hex(8)}"


async def events_of(handle: WorkflowHandle[Any, Any]) -> list[Any]:
    """Give a workflow's history as stored."""
    return [event async for event in handle.fetch_history_events()]
