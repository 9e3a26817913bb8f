"""The vault's audit: records in hash chains, and what shows that one was changed, left out or cut off.

Written from docs/audit.md and not from the procedure that appends: what verifies must not share its mistakes. Nothing
here reads or writes anything; whoever verifies brings records and heads in their order, and any number of them.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

CHAINS: Final = 32
FINDINGS_MAX: Final = 100
"""How many findings each check keeps; further ones are counted."""
OVERLAP: Final = timedelta(minutes=1)
"""How much later than another publisher one may publish what it read earlier: two run while one replaces the other."""

_FORMAT: Final = "payera.vault.audit.v1/"


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who did what with which card or key; ``recorded_us`` in microseconds since the epoch."""

    chain: int
    sequence: int
    recorded_us: int
    action: str
    outcome: str
    actor: str
    request_id: str
    merchant_id: str
    token_id: str
    payment_id: str
    detail: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest record of a chain: its sequence number, 0 before the first, and its hash."""

    chain: int
    sequence: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class PublishedHeads:
    """Heads as they were published: by which run of a publisher, when it had read them, since when Kafka has them."""

    offset: int
    kept_at: datetime
    publisher: str
    read_at: datetime
    heads: tuple[ChainHead, ...]

    def __str__(self) -> str:
        """Say which heads these are."""
        return f"heads published {self.kept_at:%Y-%m-%d %H:%M:%S}Z, offset {self.offset}"


def first_head(chain: int) -> ChainHead:
    """Give the head of a chain that has no record yet."""
    return ChainHead(chain, 0, sha256(f"{_FORMAT}{chain}".encode()).digest())


def canonical_bytes(record: AuditRecord) -> bytes:
    """Give the bytes that stand for a record: each field as text in UTF-8, led by its length in four bytes."""
    parts = []
    for text in (
        str(record.chain),
        str(record.sequence),
        str(record.recorded_us),
        record.action,
        record.outcome,
        record.actor,
        record.request_id,
        record.merchant_id,
        record.token_id,
        record.payment_id,
        record.detail,
    ):
        encoded = text.encode()
        parts.append(len(encoded).to_bytes(4, "big"))
        parts.append(encoded)
    return b"".join(parts)


def hash_of(previous: bytes, record: AuditRecord) -> bytes:
    """Give the hash that a record has after one with the hash ``previous``."""
    return sha256(previous + canonical_bytes(record)).digest()


def contradiction(earlier: tuple[ChainHead, ...], later: tuple[ChainHead, ...]) -> ChainHead | None:
    """Give the first of the earlier heads that the later ones can't follow from; None when they can."""
    known = {head.chain: head for head in later}
    for head in earlier:
        now = known.get(head.chain)
        if now is None or now.sequence < head.sequence or (now.sequence == head.sequence and now.hash != head.hash):
            return head
    return None


class FindingKind(StrEnum):
    """What can be found; docs/audit.md says what each one means and what to do."""

    RECORD_CHANGED = "record_changed"
    HASH_CHANGED = "hash_changed"
    RECORDS_MISSING = "records_missing"
    RECORD_UNEXPECTED = "record_unexpected"
    TAIL_MISSING = "tail_missing"
    RECORDS_BEYOND_HEAD = "records_beyond_head"
    HEAD_CHANGED = "head_changed"
    HEAD_MISSING = "head_missing"
    CHAIN_UNKNOWN = "chain_unknown"
    REWRITTEN = "rewritten"
    CUT_OFF = "cut_off"
    HEADS_BACKWARDS = "heads_backwards"
    HEADS_CONTRADICT = "heads_contradict"
    HEADS_INCOMPLETE = "heads_incomplete"
    HEADS_UNREADABLE = "heads_unreadable"
    HEADS_REMOVED = "heads_removed"
    GUARD_MISSING = "guard_missing"
    GUARD_DISABLED = "guard_disabled"
    GUARD_CHANGED = "guard_changed"


MEANINGS: Final = {
    FindingKind.RECORD_CHANGED: "does not fit its hash and the record before it: changed, exchanged or put in",
    FindingKind.HASH_CHANGED: "has another hash than its fields give",
    FindingKind.RECORDS_MISSING: "missing in the middle of the chain",
    FindingKind.RECORD_UNEXPECTED: "a record that was put in: its place is taken already, or there is no such place",
    FindingKind.TAIL_MISSING: "missing at the end of the chain: its head row counts them",
    FindingKind.RECORDS_BEYOND_HEAD: "put in at the end of the chain: its head row does not count them",
    FindingKind.HEAD_CHANGED: "the head row has another hash than the chain's newest record",
    FindingKind.HEAD_MISSING: "the chain's head row is missing",
    FindingKind.CHAIN_UNKNOWN: "there is no such chain",
    FindingKind.REWRITTEN: "written anew: what was published of them has another hash",
    FindingKind.CUT_OFF: "cut off: they were published and are gone, whatever the head row says",
    FindingKind.HEADS_BACKWARDS: "the chain was published with more records before: the database was set back",
    FindingKind.HEADS_CONTRADICT: "published twice with different hashes",
    FindingKind.HEADS_INCOMPLETE: "published heads lack the chain",
    FindingKind.HEADS_UNREADABLE: "published heads can't be read",
    FindingKind.HEADS_REMOVED: "published heads were removed from Kafka before their time",
    FindingKind.GUARD_MISSING: "what keeps records from being changed is missing",
    FindingKind.GUARD_DISABLED: "what keeps records from being changed is switched off",
    FindingKind.GUARD_CHANGED: "what keeps records from being changed is not as it was made",
}


_TOLD_ONCE: Final = (FindingKind.HEADS_BACKWARDS, FindingKind.HEADS_CONTRADICT)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written, and precisely where."""

    kind: FindingKind
    chain: int | None = None
    first: int | None = None
    last: int | None = None
    evidence: str = ""

    def __str__(self) -> str:
        """Say where, what it means, and what shows it."""
        where = "" if self.chain is None else f"chain {self.chain}"
        if self.first is not None:
            where += (
                f" record {self.first}" if self.last in {None, self.first} else f" records {self.first}-{self.last}"
            )
        evidence = f" ({self.evidence})" if self.evidence else ""
        return f"{where}{': ' if where else ''}{MEANINGS[self.kind]}{evidence}"


class Findings:
    """Findings in the order they were made, at most FINDINGS_MAX of them; ``left_out`` counts those above."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.left_out = 0

    def add(self, finding: Finding) -> None:
        """Keep a finding, or count it."""
        if len(self.kept) < FINDINGS_MAX:
            self.kept.append(finding)
        else:
            self.left_out += 1


class ChainCheck:
    """Goes through one chain from a head that is taken for granted: takes its records in order, compares heads.

    ``position`` is the sequence number of the newest record taken. After a record that fits nothing either its fields
    or its hash may be what was written: the next record, or a head, shows which.
    """

    def __init__(self, start: ChainHead) -> None:
        self.chain = start.chain
        self.position = start.sequence
        self.findings = Findings()
        self._hashes: tuple[bytes, ...] = (start.hash,)
        self._proven = start.sequence
        self._unfitting: int | None = None
        self._rewritten: Finding | None = None
        self._cut_off: Finding | None = None

    def take(self, record: AuditRecord) -> None:
        """Take the next record of the chain."""
        if record.sequence <= self.position:
            self._add(FindingKind.RECORD_UNEXPECTED, record.sequence)
            return
        if record.sequence > self.position + 1:
            self._settle(0)
            self._add(FindingKind.RECORDS_MISSING, self.position + 1, record.sequence - 1)
            # The hash before it is gone, so that nothing can be said of this one; the next one shows its own.
            self._hashes = (record.hash,)
        else:
            computed = [hash_of(known, record) for known in self._hashes]
            if record.hash in computed:
                self._settle(computed.index(record.hash))
                self._hashes = (record.hash,)
            else:
                if self._unfitting is None:
                    self._unfitting = record.sequence
                self._hashes = (record.hash, computed[0])
        self.position = record.sequence

    def compare(self, head: ChainHead, evidence: str) -> None:
        """Compare a published head with the record at ``position``, of which it tells."""
        if head.hash in self._hashes:
            self._agree(head.hash)
            self._proven = head.sequence
            self._close_rewritten()
        else:
            self._contradict(head, evidence)

    def compare_earlier(self, head: ChainHead, stored: bytes | None, evidence: str) -> None:
        """Compare a published head with the hash stored for a record that was taken before, None when it is gone."""
        if stored is None:
            self._add(FindingKind.CUT_OFF, head.sequence, head.sequence, evidence)
        elif stored != head.hash:
            self._add(FindingKind.REWRITTEN, head.sequence, head.sequence, evidence)

    def end_before(self, head: ChainHead, evidence: str) -> None:
        """Note that the chain has no record after ``position`` although a published head tells of one."""
        if self._cut_off is None:
            self._cut_off = Finding(FindingKind.CUT_OFF, self.chain, self.position + 1, head.sequence, evidence)
        elif self._cut_off.last is not None and head.sequence > self._cut_off.last:
            self._cut_off = replace(self._cut_off, last=head.sequence, evidence=evidence)

    def compare_row(self, head: ChainHead) -> None:
        """Compare the chain's head row, once every record that it counts was taken."""
        if self.position < head.sequence:
            self._add(FindingKind.TAIL_MISSING, self.position + 1, head.sequence)
        elif head.hash in self._hashes:
            self._agree(head.hash)
        elif self._unfitting is None:
            # Else the newest record itself is in doubt, which is told of it.
            self._add(FindingKind.HEAD_CHANGED, head.sequence, head.sequence)

    def end(self, newest: ChainHead | None) -> None:
        """Note that the chain has no more records; ``newest`` is the head row as read after the last of them."""
        if newest is None:
            self._add(FindingKind.HEAD_MISSING)
        elif self.position > newest.sequence:
            self._add(FindingKind.RECORDS_BEYOND_HEAD, newest.sequence + 1, self.position)

    def close(self) -> Findings:
        """Give all findings."""
        self._settle(0)
        self._close_rewritten()
        if self._cut_off is not None:
            self.findings.add(self._cut_off)
            self._cut_off = None
        return self.findings

    def _agree(self, known: bytes) -> None:
        """Settle by a head which of the possible hashes of the newest record is right."""
        self._settle(self._hashes.index(known))
        self._hashes = (known,)

    def _settle(self, right: int) -> None:
        """Close a run of records that fit nothing: up to ``position``, whose stored hash is right, or (1) the other."""
        if self._unfitting is not None:
            alone = self._unfitting == self.position
            kind = FindingKind.HASH_CHANGED if alone and right else FindingKind.RECORD_CHANGED
            self._add(kind, self._unfitting, self.position)
            self._unfitting = None

    def _contradict(self, head: ChainHead, evidence: str) -> None:
        if self._rewritten is None:
            first = min(self._proven + 1, head.sequence)
            self._rewritten = Finding(FindingKind.REWRITTEN, self.chain, first, head.sequence, evidence)
        else:
            self._rewritten = replace(self._rewritten, last=head.sequence)

    def _close_rewritten(self) -> None:
        if self._rewritten is not None:
            self.findings.add(self._rewritten)
            self._rewritten = None

    def _add(self, kind: FindingKind, first: int | None = None, last: int | None = None, evidence: str = "") -> None:
        self.findings.add(Finding(kind, self.chain, first, first if last is None else last, evidence))


class PublishedCheck:
    """Goes through published heads in the order Kafka has them, and compares them with each other."""

    def __init__(self) -> None:
        self.findings = Findings()
        self._newest: dict[int, tuple[ChainHead, PublishedHeads]] = {}
        self._incomplete: set[int] = set()
        self._told: set[tuple[int, FindingKind]] = set()

    def take(self, published: PublishedHeads) -> None:
        """Take the next ones."""
        for head in published.heads:
            if not 0 <= head.chain < CHAINS:
                self.findings.add(Finding(FindingKind.CHAIN_UNKNOWN, head.chain, evidence=str(published)))
                continue
            known = self._newest.get(head.chain)
            if known is None or head.sequence > known[0].sequence:
                self._newest[head.chain] = (head, published)
                self._told -= {(head.chain, kind) for kind in _TOLD_ONCE}
            elif head != known[0]:
                self._compare(head, published, *known)
        self._count(published)

    def _compare(self, head: ChainHead, published: PublishedHeads, known: ChainHead, before: PublishedHeads) -> None:
        evidence = f"{published} after {before}"
        if head.sequence == known.sequence:
            kind = FindingKind.HEADS_CONTRADICT
        elif published.publisher == before.publisher or published.read_at > before.read_at + OVERLAP:
            kind = FindingKind.HEADS_BACKWARDS
        else:
            return
        # Until the chain has grown past it, every further publication would tell the same.
        if (head.chain, kind) not in self._told:
            self._told.add((head.chain, kind))
            self.findings.add(Finding(kind, head.chain, head.sequence, known.sequence, evidence))

    def _count(self, published: PublishedHeads) -> None:
        """Find chains that are left out, each told once."""
        if len(published.heads) != CHAINS:
            there = {head.chain for head in published.heads}
            for chain in sorted(set(range(CHAINS)) - there - self._incomplete):
                self._incomplete.add(chain)
                self.findings.add(Finding(FindingKind.HEADS_INCOMPLETE, chain, evidence=str(published)))
