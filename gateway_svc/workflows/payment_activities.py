"""Carries out one step of a payment, as the core decides it from the record."""

import time

from temporalio import activity

from gateway_svc.application.keep_tokens import AT_ONCE_MS, KeepToken, token_to_keep
from gateway_svc.application.ports import PspConnectors
from gateway_svc.application.views import payment_of
from gateway_svc.domain.core import (
    NOBODY_KNOWS,
    AskAttempt,
    AwaitAttempt,
    Done,
    DoubtAttempt,
    PaymentStep,
    RepeatAttempt,
    ReviewAttempt,
    StartAttempt,
    is_settled,
    judge_attempt,
    next_step,
)
from gateway_svc.domain.outcome import Outcome
from gateway_svc.domain.payment import Attempt, Payment
from gateway_svc.workflows.failures import refusals_as_failures
from gateway_svc.workflows.limits import ASK_TIMEOUT_MS, SEND_TIMEOUT_MS
from gateway_svc.workflows.messages import Advance, Plan
from gateway_svc.workflows.ports import Crashes, StepObserver, StepStore
from gateway_svc.workflows.recording import AFTER_RECORD, AFTER_SEND, BEFORE_SEND, record, require_fresh

AUTHORIZE = "AUTHORIZE"


class PaymentActivities:
    """Steps of a payment. Each begins from the record, so that none sends twice what may have been sent once."""

    def __init__(
        self,
        store: StepStore,
        connectors: PspConnectors,
        crashes: Crashes,
        observer: StepObserver,
        keep: KeepToken,
    ) -> None:
        self._store = store
        self._connectors = connectors
        self._crashes = crashes
        self._observer = observer
        self._keep = keep

    @activity.defn(name="advance_payment")
    async def advance_payment(self, order: Advance) -> Plan:
        """Carry the payment one step on and plan the next.

        A step with a delay is carried out only when the order names it as waited for; otherwise it is planned. May be
        repeated after any crash: an attempt that was begun and not recorded is asked for, never begun again.
        """
        began = time.monotonic()
        with refusals_as_failures():
            payment = payment_of(await self._store.load_payment(order.id))
            step = await self._next(payment)
            delayed = isinstance(step, AskAttempt | RepeatAttempt) and order.waited_for != _marker(step.attempt)
            if delayed or isinstance(step, AwaitAttempt):
                return _plan(step)
            if isinstance(step, ReviewAttempt):
                await record(lambda: self._store.require_review(payment.id, step.attempt.id))
                self._observer.stepped("payment", "review")
                return Plan(done=True)
            return _plan(await self._next(await self._carry_out(payment, step, began)))

    async def _next(self, payment: Payment) -> PaymentStep:
        """Ask the core for the next step; what the PSP offers matters only while there is one."""
        if is_settled(payment):
            return Done()
        return next_step(payment, await self._connectors.means(payment.attempts[-1].account, AUTHORIZE))

    async def _carry_out(
        self,
        payment: Payment,
        step: StartAttempt | AskAttempt | DoubtAttempt | RepeatAttempt | AwaitAttempt | Done,
        began: float,
    ) -> Payment:
        if isinstance(step, StartAttempt):
            return await self._start(payment, step, began)
        if isinstance(step, AskAttempt):
            self._observer.stepped("payment", "ask")
            outcome = await self._connectors.ask_attempt(payment, step.attempt, timeout_ms=ASK_TIMEOUT_MS)
            return await self._record(payment, step.attempt, outcome, asked=True)
        if isinstance(step, DoubtAttempt):
            return await self._record(payment, step.attempt, NOBODY_KNOWS, asked=True)
        if isinstance(step, RepeatAttempt):
            self._observer.stepped("payment", "repeat")
            return await self._send(payment, step.attempt, began, asked=True)
        return payment

    async def _start(self, payment: Payment, step: StartAttempt, began: float) -> Payment:
        begun, view = await self._store.begin_attempt(payment.id, step.ordinal, step.account, step.reason)
        payment = payment_of(view)
        if not begun:
            # Another run of this step began it and may have sent it: the core will have it asked for. Or the payment
            # has just ended, as a network's rule or the time forbids another attempt.
            return payment
        self._observer.stepped("payment", "start")
        attempt = next(attempt for attempt in payment.attempts if attempt.ordinal == step.ordinal)
        return await self._send(payment, attempt, began, asked=False)

    async def _send(self, payment: Payment, attempt: Attempt, began: float, *, asked: bool) -> Payment:
        await self._crashes.reach(BEFORE_SEND)
        require_fresh(began, time.monotonic())
        outcome = await self._connectors.authorize(payment, attempt, timeout_ms=SEND_TIMEOUT_MS, repetition=asked)
        await self._crashes.reach(AFTER_SEND)
        return await self._record(payment, attempt, outcome, asked=asked)

    async def _record(self, payment: Payment, attempt: Attempt, outcome: Outcome, *, asked: bool) -> Payment:
        verdict = judge_attempt(payment, attempt, outcome, asked=asked)
        view = await record(lambda: self._store.record_attempt(payment.id, attempt.id, verdict, asked=asked))
        await self._crashes.reach(AFTER_RECORD)
        wanted = token_to_keep(view)
        if wanted is not None:
            # A caller may wait for this step: what the vault does not take now is told by the sweep.
            await self._keep.execute(wanted, AT_ONCE_MS)
        return payment_of(view)


def _plan(step: PaymentStep) -> Plan:
    if isinstance(step, Done):
        return Plan(done=True)
    if isinstance(step, AskAttempt | RepeatAttempt | AwaitAttempt):
        return Plan(done=False, delay_ms=step.delay_ms, marker=_marker(step.attempt))
    return Plan(done=False)


def _marker(attempt: Attempt) -> str:
    return f"{attempt.id}#{attempt.asks}"
