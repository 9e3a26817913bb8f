"""A circuit breaker for one PSP account, on technical errors alone: a decline never opens it."""

from dataclasses import dataclass
from enum import StrEnum


class BreakerState(StrEnum):
    """What the breaker does with the next call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Permit(StrEnum):
    """The right to make one call; a probe decides alone whether a half-open breaker closes."""

    CALL = "call"
    PROBE = "probe"


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """What opens the breaker, and for how many seconds.

    `failures_to_open` connections in a row that could not be made, or `troubles_to_open` calls in a row that were sent
    and broke off or were answered with a server error. The second is higher: such a call may have charged, and one PSP
    that is slow for a moment is no reason to turn shoppers away.
    """

    failures_to_open: int = 5
    troubles_to_open: int = 20
    open_seconds: float = 5.0


class Breaker:
    """Opens after technical errors in a row, lets one probe through after a while, closes when the PSP answers.

    An open breaker refuses before anything is sent, so that a payment may go on to another PSP. Times are seconds of a
    monotonic clock.
    """

    __slots__ = ("_failures", "_limits", "_opened_at", "_probing", "_troubles")

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self._failures = 0
        self._troubles = 0
        self._opened_at: float | None = None
        self._probing = False

    def state(self, now: float) -> BreakerState:
        """Tell the state at `now`."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        if now - self._opened_at < self._limits.open_seconds:
            return BreakerState.OPEN
        return BreakerState.HALF_OPEN

    def permits(self, now: float) -> bool:
        """Tell whether a call could begin at `now`, without beginning it."""
        state = self.state(now)
        return state is BreakerState.CLOSED or (state is BreakerState.HALF_OPEN and not self._probing)

    def begin(self, now: float) -> Permit | None:
        """Begin a call if one is permitted; its permit must come back in one of the four methods below."""
        if not self.permits(now):
            return None
        if self._opened_at is None:
            return Permit.CALL
        self._probing = True
        return Permit.PROBE

    def reached(self) -> None:
        """Record that the PSP answered: the breaker closes."""
        self._failures = 0
        self._troubles = 0
        self._opened_at = None
        self._probing = False

    def troubled(self, permit: Permit, now: float) -> None:
        """Record a call that was sent and broke off, or was answered with a server error."""
        self._failures = 0
        self._troubles += 1
        if permit is Permit.PROBE:
            self._probing = False
            self._opened_at = now
        elif self._opened_at is None and self._troubles >= self._limits.troubles_to_open:
            self._opened_at = now

    def failed(self, permit: Permit, now: float) -> None:
        """Record a connection that could not be made.

        A call that began before the breaker opened and fails late does not keep it open longer.
        """
        if permit is Permit.PROBE:
            self._probing = False
            self._opened_at = now
        elif self._opened_at is None:
            self._failures += 1
            if self._failures >= self._limits.failures_to_open:
                self._opened_at = now

    def abandoned(self, permit: Permit) -> None:
        """Record a call that ended without learning whether the PSP can be reached."""
        if permit is Permit.PROBE:
            self._probing = False
