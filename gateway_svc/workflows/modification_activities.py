"""Carries out one step of a capture, void or refund, as the core decides it from the record."""

import time

from temporalio import activity

from gateway_svc.application.ports import PspConnectors
from gateway_svc.application.views import modification_of
from gateway_svc.domain.core import (
    NOBODY_KNOWS,
    Done,
    Doubt,
    ModificationStep,
    is_settled_modification,
    judge_modification,
    next_modification_step,
)
from gateway_svc.domain.outcome import Outcome
from gateway_svc.domain.payment import Modification
from gateway_svc.domain.resolution import Ask, Await, Repeat, Review
from gateway_svc.workflows.failures import refusals_as_failures
from gateway_svc.workflows.limits import ASK_TIMEOUT_MS, SEND_TIMEOUT_MS
from gateway_svc.workflows.messages import Advance, Plan
from gateway_svc.workflows.ports import Crashes, StepObserver, StepStore
from gateway_svc.workflows.recording import AFTER_RECORD, AFTER_SEND, BEFORE_SEND, record, require_fresh


class ModificationActivities:
    """Steps of a modification. The request has begun it, so here it is only ever asked for, or sent again as it was."""

    def __init__(self, store: StepStore, connectors: PspConnectors, crashes: Crashes, observer: StepObserver) -> None:
        self._store = store
        self._connectors = connectors
        self._crashes = crashes
        self._observer = observer

    @activity.defn(name="advance_modification")
    async def advance_modification(self, order: Advance) -> Plan:
        """Carry the modification one step on and plan the next, like `PaymentActivities.advance_payment`."""
        began = time.monotonic()
        with refusals_as_failures():
            view, _ = await self._store.load_modification(order.id)
            modification = modification_of(view)
            step = await self._next(modification)
            delayed = isinstance(step, Ask | Repeat) and order.waited_for != _marker(modification)
            if delayed or isinstance(step, Await):
                return _plan(step, modification)
            if isinstance(step, Review):
                await record(lambda: self._store.require_review(modification.payment_id, modification.id))
                self._observer.stepped("modification", "review")
                return Plan(done=True)
            if isinstance(step, Done):
                return Plan(done=True)
            modification = await self._carry_out(modification, step, began)
            return _plan(await self._next(modification), modification)

    async def _next(self, modification: Modification) -> ModificationStep:
        """Ask the core for the next step; what the PSP offers matters only while there is one."""
        if is_settled_modification(modification):
            return Done()
        means = await self._connectors.means(modification.account, modification.kind.value)
        return next_modification_step(modification, means)

    async def _carry_out(self, modification: Modification, step: Ask | Doubt | Repeat, began: float) -> Modification:
        if isinstance(step, Doubt):
            return await self._record(modification, NOBODY_KNOWS)
        if isinstance(step, Ask):
            self._observer.stepped("modification", "ask")
            outcome = await self._connectors.ask_modification(modification, timeout_ms=ASK_TIMEOUT_MS)
        else:
            self._observer.stepped("modification", "repeat")
            await self._crashes.reach(BEFORE_SEND)
            require_fresh(began, time.monotonic())
            outcome = await self._connectors.modify(modification, timeout_ms=SEND_TIMEOUT_MS)
            await self._crashes.reach(AFTER_SEND)
        return await self._record(modification, outcome)

    async def _record(self, modification: Modification, outcome: Outcome) -> Modification:
        verdict = judge_modification(modification, outcome, asked=True)
        view, _ = await record(lambda: self._store.record_modification(modification.id, verdict, asked=True))
        await self._crashes.reach(AFTER_RECORD)
        return modification_of(view)


def _plan(step: ModificationStep, modification: Modification) -> Plan:
    if isinstance(step, Done):
        return Plan(done=True)
    if isinstance(step, Ask | Repeat | Await):
        return Plan(done=False, delay_ms=step.delay_ms, marker=_marker(modification))
    return Plan(done=False)


def _marker(modification: Modification) -> str:
    return f"{modification.id}#{modification.asks}"
