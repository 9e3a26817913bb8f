"""Drives one operation that moves money inside the request: begin, send once, record, and hand over what is left."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from gateway_svc.application.budget import Budget, Timing
from gateway_svc.application.ports import Begun, Disposition, Logger, Operation, PaymentStore, View
from gateway_svc.application.sections import CriticalSections
from gateway_svc.domain.outcome import Outcome
from mesh.crashpoints import CrashPoints
from mesh.reasons import Reason
from mesh.refusal import DatabaseOutcomeUnknown, Refusal

BEFORE_SEND: Final = "gateway.before_send"
AFTER_SEND: Final = "gateway.after_send"
AFTER_RECORD: Final = "gateway.after_record"

# Recording is repeated after these many milliseconds while the database is away, within `Timing.record_ms`.
RECORD_PAUSES_MS: Final = (50, 100, 200, 400, 800, 800, 800)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a merchant is told; `replayed` when an earlier call with the same key brought it about."""

    view: View
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """An operation as recorded: the payment, and the modification when it is one."""

    payment: View
    modification: View | None = None


class Work(Protocol):
    """One operation: how it is begun, sent, recorded and read. Rules about money are in the core, not here."""

    async def begin(self) -> Begun:
        """Begin it in the database, or learn what its key already stands for."""
        ...

    def is_own(self, begun: Begun) -> bool:
        """Tell whether what the key stands for is what this very call wanted to begin."""
        ...

    async def load(self, state: State) -> State:
        """Read it as it stands now."""
        ...

    async def send(self, state: State, timeout_ms: int) -> Outcome:
        """Send it to the PSP."""
        ...

    async def record(self, state: State, outcome: Outcome) -> State:
        """Record what the outcome makes of it."""
        ...

    async def hand_over(self, state: State, wait_ms: int) -> None:
        """Let the durable driver finish it, and wait for that at most `wait_ms`."""
        ...

    def is_done(self, state: State) -> bool:
        """Tell whether nothing is left to do that a driver can do."""
        ...

    def is_final(self, state: State) -> bool:
        """Tell whether its result is known."""
        ...

    def is_acknowledged(self, state: State) -> bool:
        """Tell whether the PSP has it and tells the result later."""
        ...

    def answer(self, state: State) -> View:
        """Give what the merchant is shown of it."""
        ...


@dataclass(frozen=True, slots=True)
class Environment:
    """What the inline driver needs from its surroundings; `sleep` takes seconds."""

    timing: Timing
    crash_points: CrashPoints
    logger: Logger
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class InlineDriver:
    """Guarantees that a begun operation is sent at most once by this call and that its outcome is recorded.

    Whatever is not settled within the budget is left to the durable driver, and the merchant is told PROCESSING. An
    answer never says that an operation failed which may have gone through.
    """

    __slots__ = ("_environment", "_sections", "_store")

    def __init__(self, store: PaymentStore, sections: CriticalSections, environment: Environment) -> None:
        self._store = store
        self._sections = sections
        self._environment = environment

    @property
    def lease_ms(self) -> int:
        """Give how long a begun operation's key counts as in flight."""
        return self._environment.timing.lease_ms

    def budget(self, caller_deadline: float) -> Budget:
        """Start the time budget of a call whose caller waits until `caller_deadline`, in monotonic seconds."""
        return Budget(self._environment.timing, caller_deadline, self._environment.monotonic)

    async def drive(self, work: Work, operation: Operation, budget: Budget) -> Answer:
        """Begin `work` and bring it as far as the budget allows; a caller who hangs up does not break it off.

        Refuses with what beginning refuses with, with IDEMPOTENCY_KEY_IN_FLIGHT while the key's first call runs, and
        with UNAVAILABLE when nobody can tell whether it was begun: repeating it with the same key is safe.
        """
        return await self._sections.run(self._drive(work, operation, budget))

    async def answer_known(self, work: Work, operation: Operation, budget: Budget) -> Answer | None:
        """Give the answer of an operation begun before, continuing it where needed; None when the key is new."""
        found = await self._store.find_operation(operation)
        if found.disposition is Disposition.NONE:
            return None
        return await self._sections.run(self._continue(work, found, operation, budget))

    async def _drive(self, work: Work, operation: Operation, budget: Budget) -> Answer:
        began = self._environment.monotonic()
        begun = await self._begin(work)
        if begun.disposition is Disposition.DECLINED and begun.answer is not None:
            return Answer(begun.answer)
        if begun.disposition not in {Disposition.CREATED, Disposition.STARTED}:
            return await self._continue(work, begun, operation, budget)
        state = _state_of(begun)
        reach = self._environment.crash_points.reach
        await reach(BEFORE_SEND)
        if (self._environment.monotonic() - began) * 1000 > self.lease_ms:
            # This process stood still for longer than the operation counts as ours: the durable driver may be asking by
            # now. Sending after the PSP has forgotten the key would charge again.
            return await self._settle(work, state, operation, budget, replayed=False)
        outcome = await work.send(state, budget.psp_timeout_ms())
        await reach(AFTER_SEND)
        recorded = await self._record(work, state, outcome)
        if recorded is None:
            return Answer(work.answer(state))
        await reach(AFTER_RECORD)
        if work.is_final(recorded):
            return Answer(work.answer(recorded))
        return await self._settle(work, recorded, operation, budget, replayed=False)

    async def _begin(self, work: Work) -> Begun:
        try:
            return await work.begin()
        except DatabaseOutcomeUnknown:
            # The broken call may have begun the operation. A second one waits for it at the key's row and tells.
            begun = await work.begin()
        if begun.disposition is Disposition.IN_FLIGHT and work.is_own(begun):
            # In flight by this very call, and nothing was sent yet.
            return Begun(Disposition.STARTED, begun.payment, begun.modification, None)
        return begun

    async def _continue(self, work: Work, begun: Begun, operation: Operation, budget: Budget) -> Answer:
        if begun.disposition is Disposition.REPLAYED and begun.answer is not None:
            return Answer(begun.answer, replayed=True)
        if begun.disposition is Disposition.IN_FLIGHT:
            raise Refusal(Reason.IDEMPOTENCY_KEY_IN_FLIGHT, retry_after_seconds=1)
        return await self._settle(work, _state_of(begun), operation, budget, replayed=True)

    async def _record(self, work: Work, state: State, outcome: Outcome) -> State | None:
        """Record, again and again within a bound while the database is away; None when it did not come back."""
        environment = self._environment
        until = environment.monotonic() + environment.timing.record_ms / 1000
        for pause_ms in (*RECORD_PAUSES_MS, None):
            try:
                return await work.record(state, outcome)
            except Refusal as refusal:
                if refusal.reason is not Reason.UNAVAILABLE:
                    raise
            if pause_ms is None or environment.monotonic() + pause_ms / 1000 > until:
                break
            await environment.sleep(pause_ms / 1000)
        environment.logger.error(
            "outcome not recorded, left to the sweep",
            reference=work.answer(state)["id"],
            outcome=outcome.kind.value,
            psp_reference=outcome.psp_reference,
        )
        return None

    async def _settle(
        self, work: Work, state: State, operation: Operation, budget: Budget, *, replayed: bool
    ) -> Answer:
        if not work.is_done(state):
            wait_ms = budget.hand_over_ms()
            # What a PSP decides in its own time is nothing to let a merchant wait for.
            await work.hand_over(state, 0 if work.is_acknowledged(state) else wait_ms)
        try:
            found = await self._store.find_operation(operation)
            if found.answer is not None:
                return Answer(found.answer, replayed=replayed)
            state = await work.load(state)
            await self._store.release_lease(operation)
        except Refusal as refusal:
            # What is known of the operation is still true, and the lease ends by itself.
            if refusal.reason is not Reason.UNAVAILABLE:
                raise
        return Answer(work.answer(state))


def _state_of(begun: Begun) -> State:
    if begun.payment is None:
        message = f"an operation that is {begun.disposition} came without its payment"
        raise LookupError(message)
    return State(begun.payment, begun.modification)
