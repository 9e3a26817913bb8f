"""Clocks that tests set."""

from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(slots=True)
class FakeClock:
    """A time of day that stands still until a test moves it."""

    time: datetime = field(default_factory=lambda: datetime(2026, 11, 21, 12, 0, tzinfo=UTC))

    def now(self) -> datetime:
        return self.time


@dataclass(slots=True)
class FakeMonotonic:
    """Seconds of a monotonic clock that stands still until a test moves it."""

    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds
