"""A circuit breaker for one PSP account, counting connections that could not be made and nothing else."""

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
    """How many failed connections in a row open the breaker, and for how many seconds."""

    failures_to_open: int = 5
    open_seconds: float = 5.0


class Breaker:
    """Opens after failed connections in a row, lets one probe through after a while, closes when the PSP is reached.

    Declines, timeouts and garbage do not count: the PSP was reached, and what it did is for the outcome to say.
    Times are seconds of a monotonic clock.
    """

    __slots__ = ("_failures", "_limits", "_opened_at", "_probing")

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self._failures = 0
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
        """Begin a call if one is permitted; every permit must come back in `reached`, `failed` or `abandoned`."""
        if not self.permits(now):
            return None
        if self._opened_at is None:
            return Permit.CALL
        self._probing = True
        return Permit.PROBE

    def reached(self) -> None:
        """Record that the PSP was reached: the breaker closes."""
        self._failures = 0
        self._opened_at = None
        self._probing = False

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
