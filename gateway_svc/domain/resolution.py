"""How an unknown outcome is settled: when to ask the PSP, when to repeat the call, when to call an operator."""

from dataclasses import dataclass

# Waits before each ask, in milliseconds: quick at first, as a merchant's call may be waiting, then widening over a day.
ASK_DELAYS_MS: tuple[int, ...] = (
    200,
    1_000,
    2_000,
    3_000,
    5_000,
    30_000,
    120_000,
    600_000,
    3_600_000,
    21_600_000,
    86_400_000,
)

# One "not found" may only mean that the PSP has not booked the operation yet.
NOT_FOUNDS_BEFORE_REPEAT = 2

# A call is repeated only while every PSP surely remembers its idempotency key; the shortest memory known is 6 hours.
REPEAT_WINDOW_SECONDS = 3 * 3600


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the PSP by our reference after ``delay_ms``."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """Send the same call with the same idempotency key after ``delay_ms``."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Review:
    """Asking has told nothing within its bound: an operator must settle it."""


def next_resolution(*, asks: int, not_founds: int, age_seconds: int) -> Ask | Repeat | Review:
    """Choose how to settle an operation whose outcome is unknown after ``asks`` tries.

    A repetition is planned only when it will still be inside the window once its delay is over.
    """
    if asks >= len(ASK_DELAYS_MS):
        return Review()
    delay_ms = ASK_DELAYS_MS[asks]
    # The age is in whole seconds: the operation may be nearly one older.
    starts_ms = (age_seconds + 1) * 1000 + delay_ms
    if not_founds >= NOT_FOUNDS_BEFORE_REPEAT and starts_ms <= REPEAT_WINDOW_SECONDS * 1000:
        return Repeat(delay_ms)
    return Ask(delay_ms)
