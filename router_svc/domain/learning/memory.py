"""What is remembered of one segment at one account: decayed counts in four paces, and the last outcomes in order.

Both are kept so that the order in which events arrive makes no difference, as long as the same events arrive: counts go
to the bucket of the event's own time, and the last outcomes are the latest by that time. Processes that read the
partitions of a topic interleaved in different ways have the same memory, to the bit.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from math import isqrt
from typing import Final, NamedTuple

from router_svc.domain.learning.change import LATEST, changed_suffix
from router_svc.domain.learning.settings import MILLION

#: Counts are in 65,536ths of an attempt once they are weighted.
ONE: Final = 1 << 16
#: How many times as long as the quickest pace each one remembers; the second is the one that is configured.
PACES: Final = (1, 4, 24, 144)
USUAL: Final = 1
WHOLE: Final = 1 << 10
BUCKETS_PER_HALF_LIFE: Final = 4
#: The newest buckets that have anything; what is older than three half-lives is forgotten.
BUCKETS_MAX: Final = 12
#: A quicker pace is believed when it differs by three standard errors, and remembers so many attempts at least.
_ERRORS_SQUARED: Final = 9
_QUICK_MIN: Final = 100 << 16
_APPROVED: Final = 1 << 31
_DECLINES: Final = _APPROVED - 1
#: Below a time in milliseconds: nineteen bits of the attempt's hash to tell attempts of one moment apart, and one bit
#: that is set when it was approved. All fit a signed integer of 64 bits until the year 2109.
_TIE_BITS: Final = 20
_TIES: Final = (1 << _TIE_BITS) - 2
_RECENT: Final = (1 << LATEST) - 1


def _decay() -> tuple[int, ...]:
    """Give the weight of a bucket by its age, in 65,536ths, from square roots of whole numbers alone."""
    quarter = isqrt(isqrt(1 << 127) << 64)
    weights = [1 << 64]
    for _ in range(BUCKETS_MAX - 1):
        weights.append(weights[-1] * quarter >> 64)
    return tuple((weight + (1 << 47)) >> 48 for weight in weights)


_WEIGHT: Final = _decay()


class Evidence(NamedTuple):
    """What a segment's memory is worth at a moment, in 65,536ths of an attempt.

    `approved` and `attempts` have a count for each pace, the quickest first. `pace` is the one to go by, and `share`
    how much of what it has beyond the next quicker one counts, in 1,024ths; `counted` and `seen` are the approvals and
    attempts that come of it. `moved` tells that it is a quicker one than
    usual, as that differs from the usual one. `since` is the key of the first of the last outcomes that differ from
    what the counts tell; 0 when none do.
    """

    approved: tuple[int, ...]
    attempts: tuple[int, ...]
    pace: int
    share: int
    counted: int
    seen: int
    moved: bool
    since: int

    def counts(self, pace: int, share: int) -> tuple[int, int]:
        """Give approvals and attempts as another segment counts its own."""
        return _counts(self.approved, self.attempts, pace, share)


def widths_of(half_life_ms: int) -> tuple[int, ...]:
    """Give how wide the buckets of each pace are, in milliseconds."""
    # Whole multiples, so that a bucket of the first pace tells those of the others.
    quickest = max(1, half_life_ms // PACES[USUAL] // BUCKETS_PER_HALF_LIFE)
    return tuple(quickest * pace for pace in PACES)


class Memory:
    """The memory of one segment. Bounded: twelve buckets in each of four paces, and the latest 32 outcomes."""

    __slots__ = ("_bits", "_evidence", "_weighed", "latest", "newest_ms", "paces")

    def __init__(self) -> None:
        self.paces: tuple[dict[int, int], ...] = tuple({} for _ in PACES)
        self.latest: list[int] = []
        self.newest_ms = 0
        self._bits = 0
        # What follows from the rest, kept for the next payment.
        self._weighed: _Weighed | None = None
        self._evidence: Evidence | None = None

    @classmethod
    def restored(cls, paces: Sequence[Sequence[tuple[int, int]]], latest: Sequence[int], newest_ms: int) -> "Memory":
        """Make the memory that had these parts."""
        memory = cls()
        memory.paces = tuple(dict(pace) for pace in paces)
        memory.latest = list(latest)
        memory.newest_ms = newest_ms
        memory._bits = _bits_of(memory.latest)
        return memory

    def add(self, at_ms: int, attempt_hash: int, widths: tuple[int, ...], *, approved: bool) -> None:
        """Count an outcome. What is older than all that is remembered changes nothing."""
        one = _APPROVED if approved else 1
        for place, pace in enumerate(self.paces):
            bucket = at_ms // widths[place]
            if bucket not in pace and len(pace) >= BUCKETS_MAX:
                oldest = min(pace)
                if bucket < oldest:
                    continue
                del pace[oldest]
                self._weighed = None
            pace[bucket] = pace.get(bucket, 0) + one
            if self._weighed is not None:
                self._weighed.add(place, at_ms // widths[place], approved=approved)
        self._remember(at_ms << _TIE_BITS | attempt_hash & _TIES | approved)
        self.newest_ms = max(self.newest_ms, at_ms)
        self._evidence = None

    def evidence(self, now: tuple[int, ...], enough: int, *, watched: bool = True) -> Evidence:
        """Weigh the counts for a payment whose time is in the buckets `now`, one for each pace.

        Where the usual pace does not remember `enough` attempts, older ones fill up what is missing. A quicker pace is
        the one to go by when it tells something else. One memory is always either `watched` for changes or not.
        """
        if self._weighed is None or self._weighed.now != now:
            self._weighed = _Weighed(now, self.paces)
            self._evidence = None
        if self._evidence is None:
            self._evidence = self._judge(self._weighed, enough << 16, watched=watched)
        return self._evidence

    def counts_at(self, pace: int, bucket: int) -> tuple[int, int]:
        """Give approvals and attempts of a pace for payments of one of its buckets, in 65,536ths of an attempt."""
        weighed = self._weighed
        if weighed is not None and weighed.now[pace] == bucket:
            return weighed.approved[pace], weighed.attempts[pace]
        approved = attempts = 0
        for counted, counts in self.paces[pace].items():
            weight = _weight_of(bucket - counted)
            approved += weight * (counts >> 31)
            attempts += weight * ((counts >> 31) + (counts & _DECLINES))
        return approved, attempts

    def counts_since(self, since: int) -> tuple[int, int]:
        """Give approvals and attempts of the latest outcomes from the key `since` on, in 65,536ths of an attempt."""
        count = len(self.latest) - bisect_left(self.latest, since)
        return (self._bits & ((1 << count) - 1)).bit_count() << 16, count << 16

    def _remember(self, key: int) -> None:
        latest = self.latest
        if not latest or key >= latest[-1]:
            latest.append(key)
            self._bits = (self._bits << 1 | key & 1) & _RECENT
            if len(latest) > LATEST:
                del latest[0]
        elif len(latest) < LATEST or key > latest[0]:
            insort(latest, key)
            if len(latest) > LATEST:
                del latest[0]
            self._bits = _bits_of(latest)

    def _judge(self, weighed: "_Weighed", enough: int, *, watched: bool) -> Evidence:
        attempts, approved = weighed.attempts, weighed.approved
        usual = USUAL
        while usual < len(PACES) - 1 and attempts[usual] < enough:
            usual += 1
        share = WHOLE
        if usual > USUAL and attempts[usual] > enough:
            # As much of what is older as makes up for what is missing.
            fresher = attempts[usual - 1]
            share = (enough - fresher << 10) // (attempts[usual] - fresher)
        counted, seen = _counts(approved, attempts, usual, share)
        pace, since = usual, 0
        if seen:
            expected_ppm = (counted * MILLION + ONE * MILLION // 2) // (seen + ONE)
            if watched:
                suffix = changed_suffix(self._bits, len(self.latest), expected_ppm, seen >> 16)
                since = self.latest[-suffix] if suffix else 0
            for quicker in range(usual):
                if attempts[quicker] >= _QUICK_MIN and _differs(approved[quicker], attempts[quicker], expected_ppm):
                    pace = quicker
                    break
        if pace < usual:
            share, counted, seen = WHOLE, approved[pace], attempts[pace]
        return Evidence(tuple(approved), tuple(attempts), pace, share, counted, seen, pace < usual, since)


def _counts(approved: Sequence[int], attempts: Sequence[int], pace: int, share: int) -> tuple[int, int]:
    """Give approvals and attempts in a pace, with a share of what it has beyond the next quicker one."""
    if share == WHOLE:
        return approved[pace], attempts[pace]
    quick, quicker = approved[pace - 1], attempts[pace - 1]
    return quick + ((approved[pace] - quick) * share >> 10), quicker + ((attempts[pace] - quicker) * share >> 10)


def _differs(approved: int, attempts: int, expected_ppm: int) -> bool:
    """Tell whether counts are too far from an expected chance to be luck."""
    off = approved * MILLION - attempts * expected_ppm
    variance = expected_ppm * (MILLION - expected_ppm) * attempts << 16
    return off * off > _ERRORS_SQUARED * variance


class _Weighed:
    """The decayed sums of a memory for the payments of one bucket of time; kept up as long as no bucket is dropped."""

    __slots__ = ("approved", "attempts", "now")

    def __init__(self, now: tuple[int, ...], paces: tuple[dict[int, int], ...]) -> None:
        self.now = now
        self.approved = [0] * len(PACES)
        self.attempts = [0] * len(PACES)
        for place, pace in enumerate(paces):
            for bucket, counts in pace.items():
                weight = _weight_of(now[place] - bucket)
                approved = weight * (counts >> 31)
                self.approved[place] += approved
                self.attempts[place] += approved + weight * (counts & _DECLINES)

    def add(self, place: int, bucket: int, *, approved: bool) -> None:
        weight = _weight_of(self.now[place] - bucket)
        self.attempts[place] += weight
        if approved:
            self.approved[place] += weight


def _weight_of(age: int) -> int:
    """Give the weight of a bucket; one from the future (a PSP's clock, a late question) is as good as one of now."""
    if age <= 0:
        return ONE
    return _WEIGHT[age] if age < BUCKETS_MAX else 0


def _bits_of(latest: Sequence[int]) -> int:
    bits = 0
    for key in latest:
        bits = bits << 1 | key & 1
    return bits
