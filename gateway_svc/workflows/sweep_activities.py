"""Starts the workflows of work that nobody has moved for a while: what a crash left behind."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from temporalio import activity

from gateway_svc.workflows.failures import refusals_as_failures
from gateway_svc.workflows.messages import SweepOrder, SweepResult
from gateway_svc.workflows.ports import StalledStore, StepObserver, WorkStarter

STARTS_AT_ONCE: Final = 8
# A workflow that waits an hour before its next ask is listed as stalled all that time: it needs no start each sweep.
REMEMBERED_SECONDS: Final = 120.0
# When the oldest stalled work is all in such waits, younger work hides behind it: look further, to the store's limit.
WIDEST_LOOK: Final = 1_000
WIDENING: Final = 4


class SweepActivities:
    """Sweeps for stalled work. What it remembers of earlier sweeps saves calls only: losing it is harmless."""

    def __init__(
        self,
        store: StalledStore,
        starter: WorkStarter,
        observer: StepObserver,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._starter = starter
        self._observer = observer
        self._clock = clock
        self._started_at: dict[tuple[str, str], float] = {}

    @activity.defn(name="start_stalled_work")
    async def start_stalled_work(self, order: SweepOrder) -> SweepResult:
        """Start at most ``order.limit`` workflows, those never started before first, then those started longest ago."""
        with refusals_as_failures():
            stalled = await self._look(order)
            due = self._due(stalled)[: order.limit]
            gate = asyncio.Semaphore(STARTS_AT_ONCE)
            outcomes = await asyncio.gather(*(self._start(gate, *work) for work in due), return_exceptions=True)
            started = sum(outcome is None for outcome in outcomes)
            self._observer.swept(len(stalled), started)
            failure = next((outcome for outcome in outcomes if outcome is not None), None)
            if failure is not None:
                raise failure
            return SweepResult(seen=len(stalled), started=started)

    async def _look(self, order: SweepOrder) -> list[tuple[str, str]]:
        limit = order.limit
        while True:
            stalled = await self._store.stalled_work(order.grace_ms, limit)
            self._forget(stalled)
            if len(stalled) < limit or len(self._due(stalled)) >= order.limit or limit >= WIDEST_LOOK:
                return stalled
            limit = min(limit * WIDENING, WIDEST_LOOK)

    async def _start(self, gate: asyncio.Semaphore, kind: str, reference: str) -> None:
        async with gate:
            await self._starter.start(kind, reference)
            self._started_at[kind, reference] = self._clock()

    def _due(self, stalled: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Give what was not started lately. The sort is stable: the oldest work comes first among what is new."""
        before = self._clock() - REMEMBERED_SECONDS
        never = float("-inf")
        due = [work for work in stalled if self._started_at.get(work, never) <= before]
        return sorted(due, key=lambda work: self._started_at.get(work, never))

    def _forget(self, stalled: list[tuple[str, str]]) -> None:
        """Keep only what is still stalled, so that the memory is bounded by WIDEST_LOOK."""
        if len(self._started_at) > WIDEST_LOOK:
            still = set(stalled)
            self._started_at = {work: at for work, at in self._started_at.items() if work in still}
