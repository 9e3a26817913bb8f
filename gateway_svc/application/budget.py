"""How long a call may wait for a final result, and how that time is divided."""

from collections.abc import Callable
from dataclasses import dataclass

from mesh.reasons import Reason
from mesh.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of a call that moves money, in milliseconds.

    `budget_ms` is how long it waits for a final result, `psp_timeout_ms` how much of it one PSP call may take, so that
    there is time to record; `reserve_ms` is kept back from the caller's own deadline for recording and answering;
    `record_ms` is how long recording is retried while the database is away.
    """

    budget_ms: int = 10_000
    psp_timeout_ms: int = 8_000
    reserve_ms: int = 250
    record_ms: int = 3_000
    least_begin_ms: int = 100
    least_psp_timeout_ms: int = 1_000
    least_hand_over_ms: int = 250

    @property
    def lease_ms(self) -> int:
        """Give how long an idempotency key counts as in flight: longer than the call it belongs to can take."""
        return self.budget_ms + self.record_ms + 5_000


class Budget:
    """What is left of a call's time."""

    __slots__ = ("_ends", "_monotonic", "_timing")

    def __init__(self, timing: Timing, caller_deadline: float, monotonic: Callable[[], float]) -> None:
        """Start now; `caller_deadline` is in seconds of `monotonic`."""
        self._timing = timing
        self._monotonic = monotonic
        own = monotonic() + timing.budget_ms / 1000
        self._ends = min(own, caller_deadline - timing.reserve_ms / 1000)

    def remaining_ms(self) -> int:
        """Give the milliseconds left, never below zero."""
        return max(0, int((self._ends - self._monotonic()) * 1000))

    def psp_timeout_ms(self) -> int:
        """Give how long the PSP call may take.

        Never less than a PSP needs: once an operation has begun it is sent properly, whoever still waits for it.
        """
        return max(self._timing.least_psp_timeout_ms, min(self._timing.psp_timeout_ms, self.remaining_ms()))

    def hand_over_ms(self) -> int:
        """Give how long to wait for the durable driver; never less than handing over takes."""
        return max(self._timing.least_hand_over_ms, self.remaining_ms())

    def require_begin(self) -> None:
        """Refuse with DEADLINE_EXCEEDED when too little is left to begin anything."""
        if self.remaining_ms() < self._timing.least_begin_ms:
            raise Refusal(Reason.DEADLINE_EXCEEDED)
