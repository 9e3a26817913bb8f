"""The state of learning: a fold over observations, bounded in everything, and the same in every process."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import starmap
from typing import Final, Protocol, TypeVar

from router_svc.domain.learning.effects import Effect, Touched
from router_svc.domain.learning.estimate import Kept
from router_svc.domain.learning.memory import Memory, widths_of
from router_svc.domain.learning.segments import segments_of
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.observation import Observation, Taught
from router_svc.domain.sampling import hash_of

#: Raised whenever what a snapshot means changes: an older one is not read then, and the topic is read again.
FORMAT: Final = 1
#: Under this name the outcomes of all accounts of a merchant are pooled: what is hard for all is learnt from all.
POOL: Final = ""
_LEARNT: Final = frozenset({Taught.APPROVED, Taught.DECLINED})
_ATTEMPT: Final = b"attempt"


class SnapshotError(ValueError):
    """A snapshot is of another format or of other settings; it must not be read on from."""


@dataclass(frozen=True, slots=True)
class SegmentSnapshot:
    """The memory of a segment: buckets with their packed counts by pace, and the latest outcomes."""

    name: str
    newest_ms: int
    paces: tuple[tuple[tuple[int, int], ...], ...]
    latest: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """What is known of an account of a merchant; the pool's has no name."""

    merchant_id: str
    account: str
    newest_ms: int
    segments: tuple[SegmentSnapshot, ...]


@dataclass(frozen=True, slots=True)
class LearningSnapshot:
    """The whole state as plain data, sorted: equal states have equal snapshots.

    Whole numbers of at most 64 bits, texts and sequences of them; `known_older` and `known_newer` are the hashes of the
    attempts that were counted.
    """

    format: int
    half_life_ms: int
    accounts: tuple[AccountSnapshot, ...]
    known_older: tuple[int, ...]
    known_newer: tuple[int, ...]


class Account:
    """What is known of one account of a merchant, by segment."""

    __slots__ = ("_effects", "newest_ms", "segments")

    def __init__(self) -> None:
        self.newest_ms = 0
        self.segments: dict[str, Memory] = {}
        # What follows from the rest, kept for the next payment: by pace, and by how many spaces a stratum's name has.
        self._effects: dict[tuple[int, int], Effect] = {}

    def effect(self, pace: int, spaces: int, alike: int) -> Effect:
        """Give the sums of the account's differences from everybody, which have to be brought up to date."""
        effect = self._effects.get((pace, spaces))
        if effect is None:
            effect = self._effects[pace, spaces] = Effect(pace, spaces, alike)
        return effect


class Merchant:
    """What is known of one merchant's accounts."""

    __slots__ = ("accounts", "kept", "newest_ms", "touched")

    def __init__(self) -> None:
        self.newest_ms = 0
        self.accounts: dict[str, Account] = {}
        self.touched = Touched()
        # What follows from the rest, kept for the next payment.
        self.kept = Kept()


class Known:
    """The attempts that were counted already: at least the last `attempts_max`, at most twice as many."""

    __slots__ = ("_attempts_max", "newer", "older")

    def __init__(self, attempts_max: int) -> None:
        self._attempts_max = attempts_max
        self.older: set[int] = set()
        self.newer: set[int] = set()

    def add(self, attempt: int) -> bool:
        """Remember an attempt, and tell whether it is new."""
        if attempt in self.newer or attempt in self.older:
            return False
        self.newer.add(attempt)
        if len(self.newer) >= self._attempts_max:
            self.older, self.newer = self.newer, set()
        return True


def attempt_of(payment_id: str, ordinal: int) -> int:
    """Give a number of 63 bits for an attempt; two attempts that share one are less likely than a broken disk."""
    return hash_of(f"{payment_id}/{ordinal}", _ATTEMPT) >> 1


class Learning:
    """The fold: `observe` each event, ask for the memories of a merchant's account.

    Guarantees: the same events in the same order give the same state to the bit, in any process and on any machine. As
    long as no bound is reached, the order makes no difference either. An attempt counts once; its first definite
    outcome is the one that counts. Where a bound is reached, what was used longest ago, by the events' own time, is
    forgotten, an eighth at once.
    """

    def __init__(self, settings: LearningSettings) -> None:
        self.settings = settings
        self.widths = widths_of(settings.half_life_ms)
        self._merchants: dict[str, Merchant] = {}
        self._known = Known(settings.attempts_max)

    def observe(self, seen: Observation) -> bool:
        """Learn from an attempt, and tell whether anything was learnt: what is ignored, technical or known is not."""
        if seen.taught not in _LEARNT:
            return False
        attempt = attempt_of(seen.payment_id, seen.ordinal)
        if not self._known.add(attempt):
            return False
        at_ms = milliseconds_of(seen)
        merchant = self._merchants.get(seen.merchant_id)
        if merchant is None:
            merchant = self._merchants[seen.merchant_id] = Merchant()
        merchant.newest_ms = max(merchant.newest_ms, at_ms)
        merchant.kept.clear()
        names = segments_of(seen)
        for name in (POOL, seen.account):
            account = merchant.accounts.get(name)
            if account is None:
                account = merchant.accounts[name] = Account()
            if self._count(account, names, at_ms, attempt, approved=seen.taught is Taught.APPROVED):
                merchant.touched.clear()
        merchant.touched.add(names)
        if _forget(merchant.accounts, self.settings.accounts_max + 1):
            merchant.touched.clear()
        _forget(self._merchants, self.settings.merchants_max)
        # A simulation in a thread may have estimated in between, from half of it.
        merchant.kept.clear()
        return True

    def merchant(self, merchant_id: str) -> Merchant | None:
        """Give what is known of a merchant's accounts; None when there is nothing."""
        return self._merchants.get(merchant_id)

    def account(self, merchant_id: str, account: str) -> Account | None:
        """Give what is known of a merchant's account, or of all of them under `POOL`; None when there is nothing."""
        merchant = self._merchants.get(merchant_id)
        return merchant.accounts.get(account) if merchant is not None else None

    def snapshot(self) -> LearningSnapshot:
        """Write the state down."""
        accounts = tuple(self.account_snapshots(self.settings.segments_max))
        known = self._known
        return self._snapshot(accounts, tuple(sorted(known.older)), tuple(sorted(known.newer)))

    def snapshot_of(self, accounts: Iterable[AccountSnapshot]) -> LearningSnapshot:
        """Write the state down with what `account_snapshots` gave, between two observations both.

        Nothing is sorted, which would take long: equal states may have other snapshots, but from each of them the same
        state is read back.
        """
        return self._snapshot(tuple(accounts), tuple(self._known.older), tuple(self._known.newer))

    def _snapshot(
        self, accounts: tuple[AccountSnapshot, ...], older: tuple[int, ...], newer: tuple[int, ...]
    ) -> LearningSnapshot:
        return LearningSnapshot(FORMAT, self.settings.half_life_ms, accounts, older, newer)

    @classmethod
    def restored(cls, snapshot: LearningSnapshot, settings: LearningSettings) -> "Learning":
        """Read a state back; it then behaves as the one that was written down.

        Raises SnapshotError when the snapshot is of another format or another half-life: begin with the topic then.
        """
        if (snapshot.format, snapshot.half_life_ms) != (FORMAT, settings.half_life_ms):
            raise SnapshotError(
                f"a snapshot of format {snapshot.format} and half-life {snapshot.half_life_ms} ms, "
                f"not {FORMAT} and {settings.half_life_ms} ms"
            )
        learning = cls(settings)
        learning._known.older = set(snapshot.known_older)
        learning._known.newer = set(snapshot.known_newer)
        for written in snapshot.accounts:
            merchant = learning._merchants.setdefault(written.merchant_id, Merchant())
            merchant.newest_ms = max(merchant.newest_ms, written.newest_ms)
            account = merchant.accounts.setdefault(written.account, Account())
            account.newest_ms = written.newest_ms
            for segment in written.segments:
                account.segments[segment.name] = Memory.restored(segment.paces, segment.latest, segment.newest_ms)
        return learning

    def _count(self, account: Account, names: tuple[str, ...], at_ms: int, attempt: int, *, approved: bool) -> bool:
        account.newest_ms = max(account.newest_ms, at_ms)
        segments = account.segments
        for name in names:
            memory = segments.get(name)
            if memory is None:
                memory = segments[name] = Memory()
            memory.add(at_ms, attempt, self.widths, approved=approved)
        return _forget(segments, self.settings.segments_max)

    def account_snapshots(self, segments_max: int) -> Iterator[AccountSnapshot]:
        """Write the accounts down piece by piece, so that other work can be done in between, but no observation.

        An account with more segments than `segments_max` has several pieces, which follow one another.
        """
        for merchant_id, merchant in sorted(self._merchants.items()):
            for name, account in sorted(merchant.accounts.items()):
                segments = sorted(account.segments.items())
                for begin in range(0, len(segments), segments_max):
                    piece = tuple(starmap(_segment_snapshot, segments[begin : begin + segments_max]))
                    yield AccountSnapshot(merchant_id, name, account.newest_ms, piece)


def _segment_snapshot(name: str, memory: Memory) -> SegmentSnapshot:
    paces = tuple(tuple(sorted(pace.items())) for pace in memory.paces)
    return SegmentSnapshot(name, memory.newest_ms, paces, tuple(memory.latest))


def milliseconds_of(seen: Observation) -> int:
    """Give the event's own time in milliseconds since 1970."""
    return round(seen.at.timestamp() * 1_000)


class _Dated(Protocol):
    newest_ms: int


_Entry = TypeVar("_Entry", bound=_Dated)


def _forget(entries: dict[str, _Entry], entries_max: int) -> bool:
    """Forget what was used longest ago when there are too many; of those of one moment the last by name stay.

    Tells whether anything was forgotten.

    The coarser a segment, the later it was used, and the shorter its name: its name is put last.
    """
    if len(entries) <= entries_max:
        return False
    oldest = sorted(entries, key=lambda name: (entries[name].newest_ms, -len(name), name))
    for name in oldest[: len(entries) - entries_max + entries_max // 8]:
        del entries[name]
    return True
