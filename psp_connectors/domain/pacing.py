"""How fast an account may call its PSP: a rate of our own, and the pauses that the PSP asks for."""

from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_PAUSE_SECONDS: Final = 60.0
"""A PSP that asks for more is asked again after this long: an account must not go dark by a wrong header."""


class Pacer:
    """A token bucket of one second's calls, closed altogether while the PSP wants to be left alone.

    `calls_per_second` 0 means no rate of ours. Times are seconds of a monotonic clock.
    """

    __slots__ = ("_filled_at", "_rate", "_resumes_at", "_tokens")

    def __init__(self, calls_per_second: int) -> None:
        self._rate = calls_per_second
        self._tokens = float(calls_per_second)
        self._filled_at = 0.0
        self._resumes_at = 0.0

    @property
    def calls_per_second(self) -> int:
        """Give the rate this pacer keeps."""
        return self._rate

    def with_rate(self, calls_per_second: int) -> "Pacer":
        """Give a pacer of another rate that keeps the pause the PSP asked for."""
        other = Pacer(calls_per_second)
        other._resumes_at = self._resumes_at
        return other

    def permits(self, now: float) -> bool:
        """Tell whether a call may be made at `now`, and count it as made when it may."""
        if now < self._resumes_at:
            return False
        if self._rate == 0:
            return True
        self._tokens = min(float(self._rate), self._tokens + max(0.0, now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def pause(self, seconds: float, now: float) -> None:
        """Make no call for so many seconds, at most LONGEST_PAUSE_SECONDS."""
        self._resumes_at = max(self._resumes_at, now + min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS))


def retry_after_seconds(header: str, wall_now: float) -> float | None:
    """Read a `Retry-After` header (RFC 9110, 10.2.3): seconds or a date; None when it is neither.

    `wall_now` is in seconds since the epoch.
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    return max(0.0, moment.timestamp() - wall_now)
