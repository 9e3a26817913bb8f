"""Goes through the audit and the published heads side by side, in memory that does not grow with either."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from devstack.audit.errors import CannotVerifyError, HeadsUnavailableError
from mesh.topics import AUDIT_HEADS
from vault_svc.domain.audit import (
    CHAINS,
    AuditRecord,
    ChainCheck,
    ChainHead,
    Finding,
    FindingKind,
    Findings,
    PublishedCheck,
    PublishedHeads,
    first_head,
)

PAGE: Final = 1_000
#: Pages read past the head that a chain had when its end was reached: others may be appending all the time.
PAGES_PAST_HEAD: Final = 20
#: Heads are published every hour at least: after this time without, nobody publishes.
SILENCE: Final = timedelta(hours=2)
#: Kafka removes what has lain for as long as declared; the first that it keeps is then hardly younger.
RETENTION: Final = timedelta(milliseconds=AUDIT_HEADS.sizing["prod"].retention_ms) - timedelta(days=2)

_BEFORE_ALL: Final = -(2**63)
_BEHIND_ALL: Final = 2**63
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Progress = Callable[[int, int], None]


class Audit(Protocol):
    """The audit to be verified; see `AuditDatabase`."""

    def heads(self) -> list[ChainHead]:
        """Give the head rows."""
        ...

    def records(self, chain: int, after: int, limit: int) -> list[AuditRecord]:
        """Give a chain's first records after a sequence number."""
        ...

    def guards(self) -> list[Finding]:
        """Say what of the guards is not as it was made."""
        ...


@dataclass(slots=True)
class Outcome:
    """What a verification came to.

    ``unverified`` says why something could not be looked at; ``quietest`` is the longest time without published heads.
    """

    findings: list[Finding] = field(default_factory=list)
    left_out: int = 0
    records: int = 0
    publications: int = 0
    start: PublishedHeads | None = None
    oldest: PublishedHeads | None = None
    newest: PublishedHeads | None = None
    quietest: tuple[datetime, datetime] | None = None
    unverified: list[CannotVerifyError] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """Return 1 when something was tampered with, else 2 when something could not be verified, else 0."""
        return 1 if self.findings else 2 if self.unverified else 0

    def add(self, findings: Findings) -> None:
        """Take the findings of one check."""
        self.findings += findings.kept
        self.left_out += findings.left_out


def verify(
    audit: Audit,
    published: Iterable[PublishedHeads],
    tell: Progress,
    *,
    since: bool = False,
    now: datetime | None = None,
) -> Outcome:
    """Verify the audit against the published heads, given in the order of their publication.

    With ``since`` the first of them is where it begins: what they tell of is taken for granted. ``tell`` is told after
    each page how many records were verified and how many there are. Nothing is raised: what fails is in the outcome.
    """
    verification = _Verification(audit, tell)
    try:
        verification.run(published, since=since)
    except CannotVerifyError as error:
        verification.outcome.unverified.append(error)
    return verification.finish(now or datetime.now(UTC), since=since)


class _Verification:
    """One run."""

    def __init__(self, audit: Audit, tell: Progress) -> None:
        self.outcome = Outcome()
        self._audit = audit
        self._tell = tell
        self._chains: dict[int, _Chain] = {}
        self._all = 0
        self._publications = PublishedCheck()

    def run(self, published: Iterable[PublishedHeads], *, since: bool) -> None:
        """Go through everything; raises CannotVerifyError for what ends it."""
        self.outcome.findings += self._audit.guards()
        self._all = sum(head.sequence for head in self._audit.heads())
        try:
            for heads in published:
                if not self._chains:
                    self._begin(heads if since else None)
                self._take(heads)
        except HeadsUnavailableError as error:
            self.outcome.unverified.append(error)
            if since:
                return
        if not self._chains:
            self._begin(None)
        self._end()

    def finish(self, now: datetime, *, since: bool) -> Outcome:
        """Give the outcome."""
        if not since:
            self._compare_beginnings(now)
        self.outcome.add(self._publications.findings)
        for chain in self._chains.values():
            self.outcome.add(chain.check.close())
        newest = self.outcome.newest
        if newest is not None and now - newest.kept_at > SILENCE:
            message = f"nobody has published heads since {newest.kept_at:%Y-%m-%d %H:%M:%S}Z"
            self.outcome.unverified.append(
                HeadsUnavailableError(message, "see that the vault's worker runs: payera status")
            )
        return self.outcome

    def _compare_beginnings(self, now: datetime) -> None:
        """Find a topic that was made anew: it begins long after the first record, and after all that Kafka lets go.

        What was removed from a topic that was not made anew is missing from its offsets: `PublishedTopic` looks there.
        """
        oldest = self.outcome.oldest
        begun = [(chain.begun_us, number) for number, chain in self._chains.items() if chain.begun_us is not None]
        if oldest is None or oldest.offset or not begun:
            return
        first_us, number = min(begun)
        # Compared as numbers: what somebody has written into a row may be in no calendar.
        latest = max(first_us, _microseconds(now - RETENTION)) + SILENCE // _MICROSECOND
        oldest_us = _microseconds(oldest.kept_at)
        if oldest_us > latest:
            evidence = (
                f"the oldest is of {_text(oldest_us)}, chain {number} begins at {_text(first_us)}: "
                "the topic was made anew, or nobody published until then"
            )
            self.outcome.findings.append(Finding(FindingKind.HEADS_REMOVED, evidence=evidence))

    def _begin(self, start: PublishedHeads | None) -> None:
        self.outcome.start = start
        heads = {number: first_head(number) for number in range(CHAINS)}
        if start is not None:
            heads |= {head.chain: head for head in start.heads if head.chain in heads and head.sequence}
        self._all -= sum(head.sequence for head in heads.values())
        self._chains = {number: _Chain(self._audit, head, self._count) for number, head in heads.items()}

    def _take(self, heads: PublishedHeads) -> None:
        outcome = self.outcome
        outcome.publications += 1
        if outcome.newest is not None:
            silence = (outcome.newest.kept_at, heads.kept_at)
            quietest = outcome.quietest or silence
            outcome.quietest = silence if silence[1] - silence[0] > quietest[1] - quietest[0] else quietest
        outcome.oldest = outcome.oldest or heads
        outcome.newest = heads
        self._publications.take(heads)
        evidence = str(heads)
        for head in heads.heads:
            if head.chain in self._chains:
                self._chains[head.chain].compare(head, evidence)

    def _end(self) -> None:
        """Go to the end of every chain, and compare the head rows: those read before the last records, and after."""
        rows = {head.chain: head for head in self._audit.heads()}
        for number, chain in self._chains.items():
            chain.finish(rows.get(number))
        rows = {head.chain: head for head in self._audit.heads()}
        for number, chain in self._chains.items():
            chain.check.end(rows.get(number))
        for number in sorted(set(rows) - set(self._chains)):
            self.outcome.findings.append(Finding(FindingKind.CHAIN_UNKNOWN, number, evidence="a head row"))

    def _count(self, records: int) -> None:
        self.outcome.records += records
        self._tell(self.outcome.records, max(self._all, self.outcome.records))


class _Chain:
    """One chain, read page by page as far as it is needed."""

    def __init__(self, audit: Audit, start: ChainHead, count: Callable[[int], None]) -> None:
        self.check = ChainCheck(start)
        #: When its first record was written, in microseconds since 1970; None before that was read.
        self.begun_us: int | None = None
        self._audit = audit
        self._count = count
        self._page: deque[AuditRecord] = deque()
        self._read = start.sequence or _BEFORE_ALL
        # The record where it begins is not taken, but it must be there.
        self._granted = start.sequence
        self._cut_off = False

    def compare(self, head: ChainHead, evidence: str) -> None:
        """Compare a published head, once the records that it counts were taken."""
        check = self.check
        if head.sequence < check.position or head.sequence == self._granted:
            check.compare_earlier(head, self._stored(head.sequence), evidence)
            self._granted = 0
            return
        if not self._cut_off:
            self._advance(head.sequence)
        if check.position == head.sequence:
            check.compare(head, evidence)
        elif not self._page:
            self._cut_off = True
            check.end_before(head, evidence)
        # Else the record is missing in the middle: taking the next one tells.

    def finish(self, row: ChainHead | None) -> None:
        """Take all records that there are, and compare the head row."""
        if row is None:
            # Without a head row nobody can append, and there is an end.
            self._advance(_BEHIND_ALL)
            return
        self._advance(row.sequence)
        position = self.check.position
        if position == row.sequence or (position < row.sequence and not self._fill()):
            self.check.compare_row(row)
        for _ in range(PAGES_PAST_HEAD):
            if not self._fill():
                break
            while self._page:
                self.check.take(self._page.popleft())

    def _advance(self, sequence: int) -> None:
        """Take records up to one."""
        while self.check.position < sequence and self._fill() and self._page[0].sequence <= sequence:
            self.check.take(self._page.popleft())

    def _fill(self) -> bool:
        """Read a page when none is left; tell whether there is a next record."""
        if not self._page:
            page = self._audit.records(self.check.chain, self._read, PAGE)
            self._page.extend(page)
            if page:
                if self._read == _BEFORE_ALL:
                    self.begun_us = page[0].recorded_us
                self._read = page[-1].sequence
                self._count(len(page))
        return bool(self._page)

    def _stored(self, sequence: int) -> bytes | None:
        """Give the hash that is stored for a record, None when it is not there."""
        if sequence == 0:
            return first_head(self.check.chain).hash
        found = self._audit.records(self.check.chain, sequence - 1, 1)
        return found[0].hash if found and found[0].sequence == sequence else None


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _text(microseconds: int) -> str:
    try:
        return f"{_EPOCH + microseconds * _MICROSECOND:%Y-%m-%dT%H:%M:%SZ}"
    except OverflowError:
        return f"{microseconds} us"
