"""What stands between a call and its PSP account: breaker, rate, the PSP's own pauses, the number of calls at once."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from psp_connectors.domain.breaker import Breaker, BreakerLimits, Permit
from psp_connectors.domain.connector import Account
from psp_connectors.domain.http import Delivery, HttpResponse, NotSent, NotSentReason
from psp_connectors.domain.outcomes import CallCode, Outcome, not_sent
from psp_connectors.domain.pacing import Pacer, retry_after_seconds

SLOT_SECONDS: Final = 2.0
"""How long a call waits for others of its account to end before it counts as not sent."""

_SERVER_ERROR: Final = 500
_TOO_MANY_REQUESTS: Final = 429
_UNAVAILABLE: Final = 503


class Refused(Exception):  # noqa: N818 - an answer
    """A gate let nothing through; `outcome` says why. Nothing was sent."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class Gate:
    """The gate of one account. `clock` is monotonic, `wall_clock` counts from the epoch, both in seconds."""

    def __init__(
        self, account: Account, limits: BreakerLimits, clock: Callable[[], float], wall_clock: Callable[[], float]
    ) -> None:
        self._limits = account.limits
        self._breaker = Breaker(limits)
        self._pacer = Pacer(account.limits.calls_per_second)
        self._slots = asyncio.Semaphore(account.limits.concurrent_calls)
        self._clock = clock
        self._wall_clock = wall_clock

    def adapt(self, account: Account) -> None:
        """Take over changed limits; what the gate has learnt of the PSP stays."""
        if account.limits == self._limits:
            return
        self._limits = account.limits
        self._pacer = self._pacer.with_rate(account.limits.calls_per_second)
        self._slots = asyncio.Semaphore(account.limits.concurrent_calls)

    def refuses(self) -> Outcome | None:
        """Give why a call would not be let through now, None when it would."""
        if not self._breaker.permits(self._clock()):
            return not_sent(CallCode.PSP_UNAVAILABLE, "the breaker is open")
        return None

    async def enter(self, deadline: float) -> "Passage":
        """Wait a little for a place and begin a call; raises Refused. The passage must be left."""
        slots = self._slots
        seconds = min(SLOT_SECONDS, deadline - self._clock())
        if slots.locked():
            try:
                async with asyncio.timeout(max(seconds, 0.0)):
                    await slots.acquire()
            except TimeoutError:
                raise Refused(not_sent(CallCode.CONNECTIONS_EXHAUSTED, "too many calls of this account")) from None
        else:
            await slots.acquire()
        try:
            return Passage(self, self._begin(), slots)
        except BaseException:
            slots.release()
            raise

    def _begin(self) -> Permit:
        permit = self._breaker.begin(self._clock())
        if permit is None:
            raise Refused(not_sent(CallCode.PSP_UNAVAILABLE, "the breaker is open"))
        if not self._pacer.permits(self._clock()):
            self._breaker.abandoned(permit)
            raise Refused(not_sent(CallCode.RATE_LIMITED, "the account's rate is used up, or the PSP wants a pause"))
        return permit

    def learn(self, permit: Permit, delivery: Delivery) -> None:
        """Take in what became of a call that was let through."""
        if isinstance(delivery, NotSent):
            if delivery.reason is NotSentReason.CONNECT_FAILED:
                self._breaker.failed(permit, self._clock())
            else:
                self._breaker.abandoned(permit)
        elif isinstance(delivery, HttpResponse) and delivery.status < _SERVER_ERROR:
            self._breaker.reached()
        else:
            self._breaker.troubled(permit, self._clock())
        if isinstance(delivery, HttpResponse) and delivery.status in {_TOO_MANY_REQUESTS, _UNAVAILABLE}:
            seconds = retry_after_seconds(delivery.headers.get("retry-after", ""), self._wall_clock())
            if seconds is not None:
                self._pacer.pause(seconds, self._clock())


class Passage:
    """The right to make one call through a gate."""

    __slots__ = ("_gate", "_permit", "_slots")

    def __init__(self, gate: Gate, permit: Permit, slots: asyncio.Semaphore) -> None:
        self._gate = gate
        self._permit = permit
        self._slots = slots

    @contextmanager
    def watching(self, read: Callable[[], Delivery]) -> Iterator[None]:
        """Tell the gate at the end what `read` says became of the call, also when the call was cancelled."""
        try:
            yield
        finally:
            self._gate.learn(self._permit, read())
            self._slots.release()


class Gates:
    """The gates of all accounts, made when an account is first used."""

    def __init__(self, limits: BreakerLimits, clock: Callable[[], float], wall_clock: Callable[[], float]) -> None:
        self._breaker_limits = limits
        self._clock = clock
        self._wall_clock = wall_clock
        self._gates: dict[str, Gate] = {}

    def of(self, account: Account) -> Gate:
        """Give the gate of an account, with the account's limits as they are now."""
        gate = self._gates.get(account.name)
        if gate is None:
            gate = self._gates[account.name] = Gate(account, self._breaker_limits, self._clock, self._wall_clock)
        gate.adapt(account)
        return gate
