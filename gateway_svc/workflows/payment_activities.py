"""Carries out one step of a payment, as the core decides it from the record."""

import time
from dataclasses import replace

from temporalio import activity

from gateway_svc.application.keep_tokens import AT_ONCE_MS, KeepToken, token_to_keep
from gateway_svc.application.ports import PspConnectors, View
from gateway_svc.application.views import payment_of
from gateway_svc.domain.core import (
    NOBODY_KNOWS,
    AskAttempt,
    AwaitAttempt,
    CancelAttempt,
    Done,
    DoubtAttempt,
    EndAttemptAction,
    PaymentStep,
    RepeatAttempt,
    ReverseAttempt,
    ReviewAttempt,
    StartAttempt,
    is_settled,
    judge_attempt,
    judge_reversal,
    next_step,
)
from gateway_svc.domain.outcome import Outcome
from gateway_svc.domain.payment import Attempt, CancelStatus, Payment, PaymentStatus
from gateway_svc.domain.shopper_action import cancel_status_of
from gateway_svc.workflows.failures import refusals_as_failures
from gateway_svc.workflows.limits import ASK_TIMEOUT_MS, SEND_TIMEOUT_MS
from gateway_svc.workflows.messages import Advance, Plan
from gateway_svc.workflows.ports import Crashes, StepObserver, StepStore
from gateway_svc.workflows.recording import AFTER_RECORD, AFTER_SEND, BEFORE_SEND, record, require_fresh
from mesh.reasons import Reason
from mesh.refusal import Refusal

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
            if isinstance(step, AwaitAttempt) or (
                isinstance(step, AskAttempt | RepeatAttempt | ReverseAttempt | CancelAttempt)
                and order.waited_for != _marker(step)
            ):
                return _plan(payment, step)
            if isinstance(step, ReviewAttempt):
                await record(lambda: self._store.require_review(payment.id, step.attempt.id))
                self._observer.stepped("payment", "review")
                return Plan(done=True)
            payment = await self._carry_out(payment, step, began)
            return _plan(payment, await self._next(payment))

    async def _next(self, payment: Payment) -> PaymentStep:
        """Ask the core for the next step; what the PSP offers matters only while there is one."""
        if is_settled(payment):
            return Done()
        return next_step(payment, await self._connectors.means(payment.attempts[-1].account, AUTHORIZE))

    async def _carry_out(self, payment: Payment, step: PaymentStep, began: float) -> Payment:
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
        return await self._give_up(payment, step, began)

    async def _give_up(self, payment: Payment, step: PaymentStep, began: float) -> Payment:
        """Carry out what ends an attempt that nothing else settles."""
        if isinstance(step, ReverseAttempt):
            return await self._reverse(payment, step, began)
        if isinstance(step, EndAttemptAction):
            return payment_of(await record(lambda: self._store.end_action(step.attempt.id)))
        if isinstance(step, CancelAttempt):
            return await self._cancel(step.attempt)
        return payment

    async def _reverse(self, payment: Payment, step: ReverseAttempt, began: float) -> Payment:
        """Have it taken back. The record says so first: an approval is not believed after that."""
        attempt, number = step.attempt, step.number
        begun, view = await self._store.begin_reversal(payment.id, attempt.id, number)
        if not begun:
            return payment_of(view)
        self._observer.stepped("payment", "reverse")
        await self._crashes.reach(BEFORE_SEND)
        require_fresh(began, time.monotonic())
        outcome = await self._connectors.reverse_attempt(attempt, number, timeout_ms=SEND_TIMEOUT_MS)
        await self._crashes.reach(AFTER_SEND)
        verdict = judge_reversal(payment, attempt, outcome)
        recorded = await record(lambda: self._store.record_reversal(payment.id, attempt.id, number, verdict))
        await self._crashes.reach(AFTER_RECORD)
        return await self._kept(recorded)

    async def _cancel(self, attempt: Attempt) -> Payment:
        """Cancel what no shopper completed. The record says so first: an approval is not believed after that."""
        number = attempt.cancels + 1
        sent, view = await record(lambda: self._store.record_cancel(attempt.id, number, CancelStatus.SENT))
        if not sent:
            return payment_of(view)
        self._observer.stepped("payment", "cancel")
        await self._crashes.reach(BEFORE_SEND)
        outcome = await self._connectors.cancel_attempt(attempt, number, timeout_ms=SEND_TIMEOUT_MS)
        await self._crashes.reach(AFTER_SEND)
        cancel = cancel_status_of(attempt, outcome)
        if cancel is not CancelStatus.SENT:
            _, view = await record(lambda: self._store.record_cancel(attempt.id, number, cancel))
        return payment_of(view)

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
        sent = await self._as_sent(payment)
        require_fresh(began, time.monotonic())
        outcome = await self._connectors.authorize(sent, attempt, timeout_ms=SEND_TIMEOUT_MS, repetition=asked)
        await self._crashes.reach(AFTER_SEND)
        return await self._record(payment, attempt, outcome, asked=asked)

    async def _as_sent(self, payment: Payment) -> Payment:
        """Give the payment with what proves its authentication, so that every attempt sends the same.

        Refuses with UNAVAILABLE when that is there no more: somebody has settled the payment, and the next try sees it.
        """
        result = payment.three_ds
        if result is None or not result.proven:
            return payment
        cryptogram = await self._store.load_cryptogram(payment.id)
        if not cryptogram:
            raise Refusal(Reason.UNAVAILABLE)
        return replace(payment, three_ds=replace(result, cryptogram=cryptogram))

    async def _record(self, payment: Payment, attempt: Attempt, outcome: Outcome, *, asked: bool) -> Payment:
        verdict = judge_attempt(payment, attempt, outcome, asked=asked)
        view = await record(lambda: self._store.record_attempt(payment.id, attempt.id, verdict, asked=asked))
        await self._crashes.reach(AFTER_RECORD)
        return await self._kept(view)

    async def _kept(self, view: View) -> Payment:
        """Tell the vault of a card that it is to keep, and give the payment."""
        wanted = token_to_keep(view)
        if wanted is not None:
            # A caller may wait for this step: what the vault does not take now is told by the sweep.
            await self._keep.execute(wanted, AT_ONCE_MS)
        return payment_of(view)


def _plan(payment: Payment, step: PaymentStep) -> Plan:
    told = payment.status is PaymentStatus.REQUIRES_ACTION
    if isinstance(step, Done):
        return Plan(done=True)
    if isinstance(step, AskAttempt | RepeatAttempt | ReverseAttempt | CancelAttempt | AwaitAttempt):
        return Plan(done=False, delay_ms=step.delay_ms, marker=_marker(step), told=told)
    return Plan(done=False, told=told)


def _marker(step: AskAttempt | RepeatAttempt | ReverseAttempt | CancelAttempt | AwaitAttempt) -> str:
    attempt = step.attempt
    if isinstance(step, ReverseAttempt):
        # A wait that was planned for something else must not serve for it.
        return f"{attempt.id}#{attempt.asks}!{step.number}"
    cancels = f"/{attempt.cancels}" if attempt.cancels else ""
    return f"{attempt.id}#{attempt.asks}{cancels}"
