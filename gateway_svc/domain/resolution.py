"""How an operation that is not final is settled.

Ask the PSP, repeat the call, wait for its webhook, have it taken back, call an operator. What may be done follows from
what the PSP can do, see `Means`. One law stands above all others: a call is never repeated once the PSP may have
forgotten its idempotency key.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway_svc.domain.payment import ReversalStatus

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

# Waits before each ask about an operation that the PSP has acknowledged: nobody doubts it, so there is no hurry. The
# last one is repeated until the deadline.
PENDING_ASK_DELAYS_MS: tuple[int, ...] = (2_000, 10_000, 60_000, 600_000, 3_600_000, 21_600_000)

# One "not found" may only mean that the PSP has not booked the operation yet.
NOT_FOUNDS_BEFORE_REPEAT: Final = 2

# A PSP that remembers a key for a shorter time counts as one that forgets at once: half of it would be used up between
# the plan to repeat and the repetition.
LEAST_MEMORY_SECONDS: Final = 600

# Between two looks at the record while a webhook is awaited: as long as the operation is old, within these bounds.
SHORTEST_WAIT_SECONDS: Final = 1
LONGEST_WAIT_SECONDS: Final = 6 * 3600

# An unknown operation that no webhook has spoken of by then never reached the PSP, or the webhook is lost.
UNKNOWN_PATIENCE_SECONDS: Final = 3 * 86_400

# Waits before each reversal while the one before is not answered. The first is longer than any request of ours can be
# on its way, and than a webhook takes that is not lost.
REVERSE_DELAYS_MS: Final = (900_000, 900_000, 3_600_000, 21_600_000, 86_400_000)

# An operator may have an attempt asked again and again; none is reversed more often.
REVERSALS_MAX: Final = 10

# How long the webhook of the last reversal, which is sent when the patience is over, is waited for.
REVERSAL_GRACE_SECONDS: Final = 86_400

# How long after the expected time an acknowledged operation may still come, and what is expected when nobody said.
PENDING_GRACE_SECONDS: Final = 86_400
PENDING_EXPECTED_SECONDS: Final = 7 * 86_400

# No acknowledged operation is waited for longer, whatever a PSP expects: it bounds the steps of one workflow run.
PENDING_PATIENCE_SECONDS: Final = 15 * 86_400


class Confirms(StrEnum):
    """What tells that an authorization was taken back."""

    ANSWER = "ANSWER"
    WEBHOOK = "WEBHOOK"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is recorded of an operation that is not final.

    ``asks`` counts syncs and repetitions, ``not_founds`` how often in a row the PSP knew no such operation,
    ``age_seconds`` how long ago it was begun, ``settling_seconds`` for how long it has been settled: since an operator
    had it asked again, None when none had. ``acknowledged`` tells that the PSP surely has it; its result is expected
    at the age of ``expected_age_seconds``, 0 when nobody said. The references are the PSP's, empty while not known.
    ``reversals`` were begun, the last one ``reversal_age_seconds`` ago, which stands as ``reversal`` tells.
    """

    asks: int
    not_founds: int
    age_seconds: int
    acknowledged: bool = False
    expected_age_seconds: int = 0
    psp_reference: str = ""
    payment_psp_reference: str = ""
    settling_seconds: int | None = None
    reversals: int = 0
    reversal: ReversalStatus = ReversalStatus.NONE
    reversal_age_seconds: int = 0

    @property
    def waited_seconds(self) -> int:
        """Tell for how long the operation has been settled; what a PSP remembers follows from its age alone."""
        return self.age_seconds if self.settling_seconds is None else self.settling_seconds


@dataclass(frozen=True, slots=True)
class Means:
    """What a PSP account offers to settle one kind of operation.

    By what the PSP can be asked: our reference, its own of the operation, its own of the payment. ``repeat_seconds`` is
    how long it surely remembers the idempotency key of such a call, 0 when it takes none. ``webhook`` tells that one
    brings the result. ``cancel`` tells that the PSP cancels an authorization that waits for the shopper.
    ``reverse`` says what confirms that an authorization was taken back by our reference, None when that can't be done.
    """

    ask_by_reference: bool = False
    ask_by_psp_reference: bool = False
    ask_by_payment: bool = False
    repeat_seconds: int = 0
    webhook: bool = False
    cancel: bool = False
    reverse: Confirms | None = None

    def can_ask(self, situation: Situation) -> bool:
        """Tell whether the PSP can be asked by what is known of the operation."""
        return (
            self.ask_by_reference
            or (self.ask_by_psp_reference and bool(situation.psp_reference))
            or (self.ask_by_payment and bool(situation.payment_psp_reference))
        )

    def can_repeat(self, situation: Situation, delay_ms: int) -> bool:
        """Tell whether a repetition that starts after ``delay_ms`` surely meets the PSP's memory of the key.

        Only half of the memory is used; the rest is for clocks that differ and for a process that stands still. The key
        can't be older than the operation.
        """
        if self.repeat_seconds < LEAST_MEMORY_SECONDS:
            return False
        # The age is in whole seconds: the operation may be nearly one older.
        starts_ms = (situation.age_seconds + 1) * 1000 + delay_ms
        return starts_ms * 2 <= self.repeat_seconds * 1000


# Of an operation that the PSP of an account does not have: nothing can be learnt of it.
NO_MEANS: Final = Means()

# Of an account that is not set up now: it may come back, so the record is looked at until an operator must.
NO_ACCOUNT: Final = Means(webhook=True)


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the PSP what became of the operation after ``delay_ms``."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """Send the same call with the same idempotency key after ``delay_ms``."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Reverse:
    """Have the PSP take the operation back after ``delay_ms``: nobody could tell what became of it."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Await:
    """Nothing can be done but wait for a webhook: look at the record again after ``delay_ms``."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Review:
    """Nobody could tell what became of it within the bounds: an operator must settle it."""


Resolution = Ask | Repeat | Reverse | Await | Review


def next_resolution(situation: Situation, means: Means) -> Resolution:
    """Choose how to settle an operation that is not final.

    An acknowledged one is never repeated. An unknown one is asked about when the PSP can be asked; one that the PSP
    can't be asked about, or that it twice said it does not know by our reference, is repeated while the PSP surely
    remembers the key. What is left then is taken back where the PSP does that; it is never repeated after that. It
    waits for a webhook where there is one, is taken back once more, and waits at last for an operator.
    """
    return _acknowledged(situation, means) if situation.acknowledged else _unknown(situation, means)


def _acknowledged(situation: Situation, means: Means) -> Resolution:
    expected = situation.expected_age_seconds or PENDING_EXPECTED_SECONDS
    left = min(expected + PENDING_GRACE_SECONDS, PENDING_PATIENCE_SECONDS) - situation.waited_seconds
    if left <= 0:
        return Review()
    if means.can_ask(situation):
        return Ask(PENDING_ASK_DELAYS_MS[min(situation.asks, len(PENDING_ASK_DELAYS_MS) - 1)])
    return _await(situation, left) if means.webhook else Review()


def _unknown(situation: Situation, means: Means) -> Resolution:
    if situation.asks < len(ASK_DELAYS_MS):
        delay_ms = ASK_DELAYS_MS[situation.asks]
        asked = means.can_ask(situation)
        repeats = not situation.reversals and (not asked or _is_missing(situation))
        if repeats and means.can_repeat(situation, delay_ms):
            return Repeat(delay_ms)
        if asked:
            return Ask(delay_ms)
    if means.reverse is not None and _is_to_reverse(situation):
        return Reverse(REVERSE_DELAYS_MS[situation.reversals])
    left = UNKNOWN_PATIENCE_SECONDS - situation.waited_seconds
    hears = means.webhook or means.reverse is Confirms.WEBHOOK
    if hears and left <= 0 and means.reverse is not None:
        if _is_to_reverse_once_more(situation):
            return Reverse(REVERSE_DELAYS_MS[0])
        if situation.reversal is not ReversalStatus.REFUSED:
            left += REVERSAL_GRACE_SECONDS
    return _await(situation, left) if hears and left > 0 else Review()


def _is_to_reverse(situation: Situation) -> bool:
    """Tell whether it was never reversed, or no PSP has answered that; the delays bound how often."""
    unanswered = situation.reversal in {ReversalStatus.NONE, ReversalStatus.SENT}
    return unanswered and situation.reversals < len(REVERSE_DELAYS_MS)


def _is_to_reverse_once_more(situation: Situation) -> bool:
    """Tell whether the last reversal is older than the end of the patience: what came late since is taken back too."""
    began_seconds = situation.waited_seconds - situation.reversal_age_seconds
    return 0 < situation.reversals < REVERSALS_MAX and began_seconds < UNKNOWN_PATIENCE_SECONDS


def _is_missing(situation: Situation) -> bool:
    """Tell whether the PSP knows nothing by our reference; one it has named itself is not missing, whatever it says."""
    return situation.not_founds >= NOT_FOUNDS_BEFORE_REPEAT and not situation.psp_reference


def _await(situation: Situation, left_seconds: int) -> Await:
    wait = min(max(situation.waited_seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS, left_seconds)
    return Await(wait * 1000)
