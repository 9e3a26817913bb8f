"""Starts the workflows of work that nobody has moved for a while, and deletes what has expired."""

import asyncio
from typing import Final

from temporalio import activity

from gateway_svc.workflows.failures import refusals_as_failures
from gateway_svc.workflows.messages import SweepOrder, SweepResult
from gateway_svc.workflows.ports import StalledStore, StepObserver, WorkStarter

STARTS_AT_ONCE: Final = 8
PURGED_AT_ONCE: Final = 1_000
PURGES_MAX: Final = 10


class SweepActivities:
    """Sweeps for stalled work. The store hands it out in turns, so that nothing has to be remembered here."""

    def __init__(self, store: StalledStore, starter: WorkStarter, observer: StepObserver) -> None:
        self._store = store
        self._starter = starter
        self._observer = observer

    @activity.defn(name="start_stalled_work")
    async def start_stalled_work(self, order: SweepOrder) -> SweepResult:
        """Start the workflows of what the store hands out; raises the first failure once all others are started.

        What could not be started is handed out again, in its turn. Then purges expired idempotency keys and retries.
        """
        with refusals_as_failures():
            stalled = await self._store.stalled_work(order.grace_ms, order.limit)
            gate = asyncio.Semaphore(STARTS_AT_ONCE)
            outcomes = await asyncio.gather(*(self._start(gate, *work) for work in stalled), return_exceptions=True)
            started = sum(outcome is None for outcome in outcomes)
            self._observer.swept(len(stalled), started)
            failure = next((outcome for outcome in outcomes if outcome is not None), None)
            if failure is not None:
                raise failure
            await self._purge()
            return SweepResult(seen=len(stalled), started=started)

    async def _purge(self) -> None:
        for purge in (self._store.purge_idempotency_keys, self._store.purge_retries):
            for _ in range(PURGES_MAX):
                if await purge(PURGED_AT_ONCE) < PURGED_AT_ONCE:
                    break

    async def _start(self, gate: asyncio.Semaphore, kind: str, reference: str) -> None:
        async with gate:
            await self._starter.start(kind, reference)
