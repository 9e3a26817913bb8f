"""An audit in memory that can be tampered with, and what publishes its heads in the tests."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.ports.audit_heads import HeadsNotPublishedError
from vault_svc.domain.audit import CHAINS, AuditRecord, ChainHead, Finding, PublishedHeads, first_head, hash_of

BEGIN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def record_after(head: ChainHead, **fields: Any) -> AuditRecord:
    """Give a record that rightly follows a head."""
    values: dict[str, Any] = {
        "recorded_us": int(BEGIN.timestamp()) * 1_000_000 + head.sequence,
        "action": "detokenize",
        "outcome": "taken",
        "actor": "psp_connectors",
        "request_id": f"req_{head.sequence + 1}",
        "merchant_id": "mer_1",
        "token_id": f"tok_{head.sequence % 7}",
        "payment_id": f"pay_{head.sequence + 1}",
        "detail": "authorization",
    }
    draft = AuditRecord(head.chain, head.sequence + 1, **(values | fields), hash=b"")
    return replace(draft, hash=hash_of(head.hash, draft))


def _newest_last(record: AuditRecord) -> tuple[int, int, int]:
    return record.recorded_us, record.chain, record.sequence


def head_at(record: AuditRecord) -> ChainHead:
    """Give the head of a chain whose newest record is this one."""
    return ChainHead(record.chain, record.sequence, record.hash)


def chain_of(count: int, chain: int = 0, after: ChainHead | None = None) -> list[AuditRecord]:
    """Give the first records of a chain, or the next after a head."""
    head, records = after or first_head(chain), []
    for _ in range(count):
        records.append(record_after(head))
        head = head_at(records[-1])
    return records


@dataclass
class FakeAudit:
    """The tables: whoever tampers writes into `rows` and `head_rows`."""

    rows: dict[int, list[AuditRecord]] = field(default_factory=lambda: {chain: [] for chain in range(CHAINS)})
    head_rows: dict[int, ChainHead] = field(
        default_factory=lambda: {chain: first_head(chain) for chain in range(CHAINS)}
    )
    guard_findings: list[Finding] = field(default_factory=list)
    pages: int = 0
    away: Exception | None = None

    def append(self, chain: int, count: int = 1, **fields: Any) -> None:
        """Append rightly."""
        for _ in range(count):
            record = record_after(self.head_rows[chain], **fields)
            self.rows[chain].append(record)
            self.head_rows[chain] = head_at(record)

    def cut(self, chain: int, left: int, *, head_row: bool) -> None:
        """Remove the newest records, and set the head row back when told."""
        del self.rows[chain][left:]
        if head_row:
            self.head_rows[chain] = head_at(self.rows[chain][-1]) if left else first_head(chain)

    def heads(self) -> list[ChainHead]:
        if self.away is not None:
            raise self.away
        return list(self.head_rows.values())

    def records(self, chain: int, after: int, limit: int) -> list[AuditRecord]:
        self.pages += 1
        found = [record for record in self.rows.get(chain, []) if record.sequence > after]
        return sorted(found, key=lambda record: record.sequence)[:limit]

    def of_token(self, token_id: str, before: AuditRecord | None, limit: int) -> list[AuditRecord]:
        self.pages += 1
        mine = [record for rows in self.rows.values() for record in rows if record.token_id == token_id != ""]
        mine.sort(key=_newest_last, reverse=True)
        earlier = [record for record in mine if before is None or _newest_last(record) < _newest_last(before)]
        return earlier[: min(limit, 1_000)]

    def guards(self) -> list[Finding]:
        return self.guard_findings

    def publish(self, offset: int, publisher: str = "pub_1", **changes: Any) -> PublishedHeads:
        """Give the heads as a publisher would publish them now, a minute after the heads of the offset before."""
        moment = BEGIN + timedelta(minutes=offset)
        return replace(
            PublishedHeads(offset, moment, publisher, moment, tuple(self.head_rows.values())),
            **changes,
        )


@dataclass
class FakeHeadSource:
    """The database as the publisher sees it."""

    audit: FakeAudit = field(default_factory=FakeAudit)
    down: bool = False
    fault: Exception | None = None
    reads: int = 0

    async def read(self) -> Sequence[ChainHead]:
        self.reads += 1
        if self.fault is not None:
            raise self.fault
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)
        return self.audit.heads()


@dataclass
class FakeHeadPublisher:
    """A Kafka that keeps what is published; while `down` it confirms nothing, while `silent` it never answers."""

    kept: list[tuple[ChainHead, ...]] = field(default_factory=list)
    read_at: list[datetime] = field(default_factory=list)
    down: bool = False
    silent: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: int = 0

    async def publish(self, heads: Sequence[ChainHead], read_at: datetime) -> None:
        self.asked.set()
        if self.silent:
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled += 1
        if self.down:
            message = "no broker"
            raise HeadsNotPublishedError(message)
        self.kept.append(tuple(heads))
        self.read_at.append(read_at)


@dataclass
class FakeHeadWatch:
    """Counts what it is told."""

    told: list[str] = field(default_factory=list)

    def published(self) -> None:
        self.told.append("published")

    def current(self) -> None:
        self.told.append("current")

    def failed(self) -> None:
        self.told.append("failed")

    def contradicted(self) -> None:
        self.told.append("contradicted")
