"""Technical health: a breaker per account, which is a fold over outcomes and asks no clock.

A decline is an answer, and an account that answers is healthy: the breaker opens on technical errors only. A payment
that an open breaker turned away was not sent, so the next account may have it.

What is kept are counts by the events' own time, to which the order of arrival makes no difference. The breaker is
folded over them anew when there are news of its account.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from router_svc.domain.learning.state import Known, SnapshotError, attempt_of, milliseconds_of
from router_svc.domain.observation import Observation, Taught
from router_svc.domain.sampling import MILLION, share_of

#: Raised whenever what a snapshot means changes: an older one is not read then, and the topic is read again.
FORMAT: Final = 1
_PROBE: Final = b"probe"
#: Into how many buckets the window is cut.
BUCKETS_PER_WINDOW: Final = 60


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """When a breaker opens and how it closes; times in milliseconds of the events' own time.

    It opens when at least `errors_min` of the outcomes within `window_ms` are technical errors and they are at least
    `share_ppm` millionths of them. It stays open for `open_ms`, twice as long each time a probe fails, at most
    `open_max_ms`; then `probe_ppm` millionths of payments may probe it, that many more with each `open_ms` that no
    outcome arrives. After `successes` answers to probes it is closed.

    Outcomes are counted by sixtieths of the window, and probes judged by them: they fail when `share_ppm` of those of
    one sixtieth do. Of each account the newest `buckets_max` sixtieths that have anything are remembered: ten minutes
    of steady traffic, days where there are only probes.
    """

    window_ms: int = 60_000
    errors_min: int = 5
    share_ppm: int = 500_000
    open_ms: int = 30_000
    open_max_ms: int = 600_000
    probe_ppm: int = 100_000
    successes: int = 3
    buckets_max: int = 600
    accounts_max: int = 10_000
    attempts_max: int = 50_000

    @property
    def bucket_ms(self) -> int:
        """Give how wide a bucket is, in milliseconds."""
        return max(1, self.window_ms // BUCKETS_PER_WINDOW)


class Admission(StrEnum):
    """Whether a payment may go to an account, as far as its health is concerned."""

    HEALTHY = "healthy"
    PROBE = "probe"
    TURNED_AWAY = "turned_away"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What health says of an account for one payment; `reason` is empty when it is healthy."""

    admission: Admission
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BreakerSnapshot:
    """What is counted of an account: buckets with their errors, answers, and the time of the newest error (or 0)."""

    account: str
    newest_ms: int
    buckets: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """All accounts, sorted, and the hashes of the outcomes that were counted: equal states have equal snapshots."""

    format: int
    bucket_ms: int
    breakers: tuple[BreakerSnapshot, ...]
    known_older: tuple[int, ...]
    known_newer: tuple[int, ...]


_HEALTHY: Final = Verdict(Admission.HEALTHY)


class Health:
    """The fold: `observe` each event, ask for a verdict on an account.

    Guarantees: the same events give the same verdicts in any process, whatever their order, as long as no bound is
    reached. No decline ever opens a breaker. While one is open nobody is sent there; while it is half open, only
    payments that are chosen by the hash of their id, a tenth at first. Outcomes that nobody knows, or that say nothing
    of the account, change nothing. Where there are too many accounts, the one that was used longest ago is forgotten.
    """

    def __init__(self, settings: HealthSettings) -> None:
        self._settings = settings
        self._accounts: dict[str, _Account] = {}
        self._known = Known(settings.attempts_max)

    def observe(self, seen: Observation) -> bool:
        """Learn from an outcome, and tell whether it was new. One that arrives twice counts once."""
        if seen.taught is Taught.IGNORED:
            return False
        failed = seen.taught is Taught.TECHNICAL
        # A technical error may be followed by the attempt's true outcome, which is news of another kind.
        if not self._known.add(attempt_of(f"{seen.payment_id}/{seen.account}/{failed}", seen.ordinal)):
            return False
        account = self._accounts.get(seen.account)
        if account is None:
            account = self._accounts[seen.account] = _Account()
        account.count(milliseconds_of(seen), self._settings, failed=failed)
        if len(self._accounts) > self._settings.accounts_max:
            del self._accounts[min(self._accounts, key=lambda name: (self._accounts[name].newest_ms, name))]
        return True

    def verdict(self, account: str, payment_id: str, at_ms: int) -> Verdict:
        """Say whether a payment of the moment `at_ms` (milliseconds since 1970) may go to an account."""
        counted = self._accounts.get(account)
        if counted is None:
            return _HEALTHY
        settings = self._settings
        breaker = counted.breaker(settings)
        if not breaker.opened_ms:
            return _HEALTHY
        if at_ms < breaker.half_open_ms:
            until = _time_of(breaker.half_open_ms)
            return Verdict(Admission.TURNED_AWAY, f"technical errors: not used until {until}")
        quiet_ms = at_ms - max(breaker.half_open_ms, counted.newest_ms)
        share = settings.probe_ppm * (1 + max(0, quiet_ms) // settings.open_ms)
        if share_of(f"{payment_id}/{account}/{breaker.opened_ms}", _PROBE) < min(share, MILLION):
            return Verdict(Admission.PROBE, "probes whether the technical errors are over")
        return Verdict(Admission.TURNED_AWAY, "technical errors: only probes are sent")

    def snapshot(self) -> HealthSnapshot:
        """Write the state down."""
        return HealthSnapshot(
            FORMAT,
            self._settings.bucket_ms,
            tuple(
                BreakerSnapshot(
                    name,
                    account.newest_ms,
                    tuple((bucket, *counts) for bucket, counts in sorted(account.buckets.items())),
                )
                for name, account in sorted(self._accounts.items())
            ),
            tuple(sorted(self._known.older)),
            tuple(sorted(self._known.newer)),
        )

    @classmethod
    def restored(cls, snapshot: HealthSnapshot, settings: HealthSettings) -> "Health":
        """Read a state back; it then behaves as the one that was written down.

        Raises SnapshotError when the snapshot is of another format or another window: begin with the topic then.
        """
        if (snapshot.format, snapshot.bucket_ms) != (FORMAT, settings.bucket_ms):
            raise SnapshotError(
                f"a snapshot of health of format {snapshot.format} and buckets of {snapshot.bucket_ms} ms, "
                f"not {FORMAT} and {settings.bucket_ms} ms"
            )
        health = cls(settings)
        health._known.older = set(snapshot.known_older)
        health._known.newer = set(snapshot.known_newer)
        for written in snapshot.breakers:
            account = health._accounts[written.account] = _Account()
            account.newest_ms = written.newest_ms
            for bucket, errors, answers, newest_error_ms in written.buckets:
                account.buckets[bucket] = (errors, answers, newest_error_ms)
                account.errors += errors
        return health


class _Account:
    """What is counted of an account, and the breaker that follows from it."""

    __slots__ = ("_breaker", "buckets", "errors", "newest_ms")

    def __init__(self) -> None:
        self.newest_ms = 0
        self.errors = 0
        self.buckets: dict[int, tuple[int, int, int]] = {}
        # What follows from the rest, kept for the next payment.
        self._breaker: _Breaker | None = None

    def count(self, at_ms: int, settings: HealthSettings, *, failed: bool) -> None:
        """Count an outcome. What is older than all that is remembered changes nothing but the newest time."""
        self.newest_ms = max(self.newest_ms, at_ms)
        bucket = at_ms // settings.bucket_ms
        buckets = self.buckets
        if bucket not in buckets and len(buckets) >= settings.buckets_max:
            oldest = min(buckets)
            if bucket < oldest:
                return
            self.errors -= buckets.pop(oldest)[0]
        errors, answers, newest_error_ms = buckets.get(bucket, (0, 0, 0))
        if failed:
            buckets[bucket] = (errors + 1, answers, max(newest_error_ms, at_ms))
            self.errors += 1
        else:
            buckets[bucket] = (errors, answers + 1, newest_error_ms)
        self._breaker = None

    def breaker(self, settings: HealthSettings) -> "_Breaker":
        if self._breaker is None:
            # Most accounts have too few errors for any breaker.
            enough = self.errors >= settings.errors_min
            self._breaker = _folded(sorted(self.buckets.items()), settings) if enough else _Breaker()
        return self._breaker


class _Breaker:
    """A breaker; `opened_ms` is 0 while it is closed."""

    __slots__ = ("answers", "length_ms", "opened_ms")

    def __init__(self) -> None:
        self.opened_ms = 0
        self.length_ms = 0
        self.answers = 0

    @property
    def half_open_ms(self) -> int:
        return self.opened_ms + self.length_ms

    def open(self, at_ms: int, length_ms: int) -> None:
        self.opened_ms = at_ms
        self.length_ms = length_ms
        self.answers = 0

    def close(self) -> None:
        self.opened_ms = self.length_ms = self.answers = 0


def _folded(buckets: Iterable[tuple[int, tuple[int, int, int]]], settings: HealthSettings) -> _Breaker:
    """Play the buckets from the oldest to the newest."""
    breaker = _Breaker()
    width = settings.bucket_ms
    window: list[tuple[int, int, int]] = []
    oldest = errors_within = answers_within = 0
    for bucket, (errors, answers, newest_error_ms) in buckets:
        if breaker.opened_ms:
            # What comes in while it is open was sent before, and says nothing new.
            if bucket * width >= breaker.half_open_ms:
                _probed(breaker, errors, answers, newest_error_ms, settings)
            continue
        window.append((bucket, errors, answers))
        errors_within += errors
        answers_within += answers
        while window[oldest][0] <= bucket - BUCKETS_PER_WINDOW:
            errors_within -= window[oldest][1]
            answers_within -= window[oldest][2]
            oldest += 1
        if errors and errors_within >= settings.errors_min and _is_ill(errors_within, answers_within, settings):
            breaker.open(newest_error_ms, settings.open_ms)
            window.clear()
            oldest = errors_within = answers_within = 0
    return breaker


def _probed(breaker: _Breaker, errors: int, answers: int, newest_error_ms: int, settings: HealthSettings) -> None:
    """Take the outcomes of the probes of one bucket."""
    if errors and _is_ill(errors, answers, settings):
        breaker.open(newest_error_ms, min(breaker.length_ms * 2, settings.open_max_ms))
        return
    breaker.answers += answers
    if breaker.answers >= settings.successes:
        breaker.close()


def _is_ill(errors: int, answers: int, settings: HealthSettings) -> bool:
    return errors * MILLION >= settings.share_ppm * (errors + answers)


def _time_of(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, tz=UTC):%H:%M:%S} UTC"
