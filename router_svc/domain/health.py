"""Technical health: a breaker per account, which is a fold over outcomes and asks no clock.

A decline is an answer, and an account that answers is healthy: the breaker opens on technical errors only. A payment
that an open breaker turned away was not sent, so the next account may have it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from router_svc.domain.learning.state import Known, attempt_of, milliseconds_of
from router_svc.domain.observation import Observation, Taught
from router_svc.domain.sampling import MILLION, share_of

_PROBE: Final = b"probe"
_BUCKETS: Final = 12


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """When a breaker opens and how it closes; times in milliseconds of the events' own time.

    It opens when at least `errors_min` of the outcomes within `window_ms` are technical errors and they are at least
    `share_ppm` millionths of them. It stays open for `open_ms`, twice as long each time a probe fails, at most
    `open_max_ms`; then `probe_ppm` millionths of payments may probe it, that many more with each `open_ms` that no
    outcome arrives. After `successes` answers in a row it is closed.
    """

    window_ms: int = 60_000
    errors_min: int = 5
    share_ppm: int = 500_000
    open_ms: int = 30_000
    open_max_ms: int = 600_000
    probe_ppm: int = 100_000
    successes: int = 3
    accounts_max: int = 10_000
    attempts_max: int = 10_000


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
    """A breaker as plain data: `opened_ms` is 0 when it is closed, `counts` has errors and outcomes by bucket."""

    account: str
    newest_ms: int
    opened_ms: int
    length_ms: int
    answers: int
    counts: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class HealthSnapshot:
    """All breakers, sorted, and the hashes of the attempts that were counted."""

    breakers: tuple[BreakerSnapshot, ...]
    known_older: tuple[int, ...]
    known_newer: tuple[int, ...]


_HEALTHY: Final = Verdict(Admission.HEALTHY)


class _Breaker:
    __slots__ = ("answers", "counts", "length_ms", "newest_ms", "opened_ms")

    def __init__(self) -> None:
        self.newest_ms = 0
        self.opened_ms = 0
        self.length_ms = 0
        self.answers = 0
        self.counts: dict[int, tuple[int, int]] = {}


class Health:
    """The fold: `observe` each event in the order of the topic, ask for a verdict on an account.

    Guarantees: the same events in the same order give the same verdicts in any process. No decline ever opens a
    breaker. While one is open nobody is sent there; while it is half open, only payments that are chosen by the hash of
    their id, a tenth at first. Outcomes that nobody knows, or that say nothing of the account, change nothing.
    """

    def __init__(self, settings: HealthSettings) -> None:
        self._settings = settings
        self._breakers: dict[str, _Breaker] = {}
        self._known = Known(settings.attempts_max)

    def observe(self, seen: Observation) -> None:
        """Learn from an outcome. One that arrives twice counts once."""
        if seen.taught is Taught.IGNORED:
            return
        failed = seen.taught is Taught.TECHNICAL
        # A technical error may be followed by the attempt's true outcome, which is news of another kind.
        if not self._known.add(attempt_of(f"{seen.payment_id}/{seen.account}/{failed}", seen.ordinal)):
            return
        breaker = self._breakers.get(seen.account)
        if breaker is None:
            breaker = self._breakers[seen.account] = _Breaker()
        at_ms = milliseconds_of(seen)
        breaker.newest_ms = max(breaker.newest_ms, at_ms)
        if breaker.opened_ms:
            self._probed(breaker, at_ms, failed=failed)
        else:
            self._count(breaker, at_ms, failed=failed)
        if len(self._breakers) > self._settings.accounts_max:
            del self._breakers[min(self._breakers, key=lambda name: (self._breakers[name].newest_ms, name))]

    def verdict(self, account: str, payment_id: str, at_ms: int) -> Verdict:
        """Say whether a payment of the moment `at_ms` (milliseconds since 1970) may go to an account."""
        breaker = self._breakers.get(account)
        if breaker is None or not breaker.opened_ms:
            return _HEALTHY
        settings = self._settings
        half_open_ms = breaker.opened_ms + breaker.length_ms
        if at_ms < half_open_ms:
            until = _time_of(half_open_ms)
            return Verdict(Admission.TURNED_AWAY, f"technical errors: not used until {until}")
        quiet_ms = at_ms - max(half_open_ms, breaker.newest_ms)
        share = settings.probe_ppm * (1 + max(0, quiet_ms) // settings.open_ms)
        if share_of(f"{payment_id}/{account}/{breaker.opened_ms}", _PROBE) < min(share, MILLION):
            return Verdict(Admission.PROBE, "probes whether the technical errors are over")
        return Verdict(Admission.TURNED_AWAY, "technical errors: only probes are sent")

    def snapshot(self) -> HealthSnapshot:
        """Write the state down."""
        return HealthSnapshot(
            tuple(
                BreakerSnapshot(
                    name,
                    breaker.newest_ms,
                    breaker.opened_ms,
                    breaker.length_ms,
                    breaker.answers,
                    tuple((bucket, *counts) for bucket, counts in sorted(breaker.counts.items())),
                )
                for name, breaker in sorted(self._breakers.items())
            ),
            tuple(sorted(self._known.older)),
            tuple(sorted(self._known.newer)),
        )

    @classmethod
    def restored(cls, snapshot: HealthSnapshot, settings: HealthSettings) -> "Health":
        """Read a state back; it then behaves as the one that was written down."""
        health = cls(settings)
        health._known.older = set(snapshot.known_older)
        health._known.newer = set(snapshot.known_newer)
        for written in snapshot.breakers:
            breaker = health._breakers[written.account] = _Breaker()
            breaker.newest_ms = written.newest_ms
            breaker.opened_ms = written.opened_ms
            breaker.length_ms = written.length_ms
            breaker.answers = written.answers
            breaker.counts = {bucket: (failed, all_) for bucket, failed, all_ in written.counts}
        return health

    def _count(self, breaker: _Breaker, at_ms: int, *, failed: bool) -> None:
        """Count an outcome while closed, and open when the errors within the window are too many."""
        settings = self._settings
        width = max(1, settings.window_ms // _BUCKETS)
        oldest = breaker.newest_ms // width - _BUCKETS + 1
        bucket = at_ms // width
        if bucket < oldest:
            return
        errors, outcomes = breaker.counts.get(bucket, (0, 0))
        breaker.counts[bucket] = (errors + failed, outcomes + 1)
        for old in [each for each in breaker.counts if each < oldest]:
            del breaker.counts[old]
        if failed and _is_ill(breaker.counts.values(), settings):
            _open(breaker, at_ms, settings.open_ms)

    def _probed(self, breaker: _Breaker, at_ms: int, *, failed: bool) -> None:
        """Take a probe's outcome. What comes in while it is open was sent before, and says nothing new."""
        settings = self._settings
        if at_ms < breaker.opened_ms + breaker.length_ms:
            return
        if failed:
            _open(breaker, at_ms, min(breaker.length_ms * 2, settings.open_max_ms))
            return
        breaker.answers += 1
        if breaker.answers >= settings.successes:
            breaker.opened_ms = breaker.length_ms = breaker.answers = 0


def _is_ill(counts: Iterable[tuple[int, int]], settings: HealthSettings) -> bool:
    errors = outcomes = 0
    for failed, all_ in counts:
        errors += failed
        outcomes += all_
    return errors >= settings.errors_min and errors * MILLION >= settings.share_ppm * outcomes


def _open(breaker: _Breaker, at_ms: int, length_ms: int) -> None:
    breaker.opened_ms = at_ms
    breaker.length_ms = length_ms
    breaker.answers = 0
    breaker.counts.clear()


def _time_of(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, tz=UTC):%H:%M:%S} UTC"
