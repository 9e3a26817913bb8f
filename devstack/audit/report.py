"""Puts the outcome of a verification, and the records about a token, into words and into JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from devstack.audit.verification import SILENCE, Outcome
from vault_svc.domain.audit import CHAINS, AuditRecord, PublishedHeads

#: Nobody can find this by looking at the database and Kafka.
NOT_COVERED: Final = "what a superuser cut off since then, head row included; false records added by the rules"

_VERDICTS: Final = {0: "intact", 1: "tampered", 2: "not_verified"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def as_lines(outcome: Outcome, now: datetime) -> list[str]:
    """Give the outcome for people: the verdict, then what was found, what was out of reach, what is not covered."""
    lines = [f"{_VERDICTS[outcome.exit_code].upper().replace('_', ' ')}: {_extent(outcome)}"]
    lines += [f"  found  {finding.kind}: {finding}" for finding in outcome.findings]
    if outcome.left_out:
        lines.append(f"  found  {outcome.left_out} more findings of the same chains")
    for error in outcome.unverified:
        lines.append(f"  not verified  {error}")
        if error.next_step:
            lines.append(f"                next: {error.next_step}")
    lines += [f"  note  {note}" for note in _notes(outcome)]
    if outcome.newest is not None:
        lines.append(f"  newest published heads: {_age(now - outcome.newest.kept_at)} ago. Not covered: {NOT_COVERED}")
    if outcome.findings:
        lines.append("next: docs/audit.md says what each finding means. Change nothing before the evidence is safe")
    return lines


def as_json(outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Give the outcome as a document."""
    newest = outcome.newest
    return {
        "result": _VERDICTS[outcome.exit_code],
        "records": outcome.records,
        "chains": CHAINS,
        "since": _heads_as_json(outcome.start),
        "published": {
            "count": outcome.publications,
            "oldest": _heads_as_json(outcome.oldest),
            "newest": _heads_as_json(newest),
            "newest_age_seconds": None if newest is None else round((now - newest.kept_at).total_seconds(), 3),
        },
        "findings": [
            {
                "kind": finding.kind.value,
                "chain": finding.chain,
                "first_sequence": finding.first,
                "last_sequence": finding.last,
                "evidence": finding.evidence,
                "text": str(finding),
            }
            for finding in outcome.findings
        ],
        "findings_left_out": outcome.left_out,
        "not_verified": [{"text": str(error), "next": error.next_step} for error in outcome.unverified],
        "notes": _notes(outcome),
        "not_covered": NOT_COVERED,
    }


def record_line(record: AuditRecord) -> str:
    """Give a record on one line: when, what and what came of it, who, and for what."""
    words = [time_of(record), record.action, record.outcome, f"by {record.actor}"]
    for name, text in (
        ("merchant", record.merchant_id),
        ("payment", record.payment_id),
        ("request", record.request_id),
    ):
        if text:
            words.append(f"{name} {text}")
    if record.detail:
        words.append(f"({record.detail})")
    words.append(f"[chain {record.chain} record {record.sequence}]")
    return "  ".join(words)


def record_as_json(record: AuditRecord) -> dict[str, Any]:
    """Give a record as a document."""
    return {
        "chain": record.chain,
        "sequence": record.sequence,
        "recorded_at": time_of(record),
        "action": record.action,
        "outcome": record.outcome,
        "actor": record.actor,
        "request_id": record.request_id,
        "merchant_id": record.merchant_id,
        "token_id": record.token_id,
        "payment_id": record.payment_id,
        "detail": record.detail,
        "hash": record.hash.hex(),
    }


def time_of(record: AuditRecord) -> str:
    """Give the moment of a record, RFC 3339 in UTC; the bare microseconds when no calendar has it."""
    try:
        return _rfc3339(_EPOCH + timedelta(microseconds=record.recorded_us))
    except OverflowError:
        return f"{record.recorded_us} us"


def _extent(outcome: Outcome) -> str:
    words = f"{outcome.records:,} records in {CHAINS} chains"
    if outcome.start is not None:
        words += f" from the {outcome.start} on"
    if outcome.oldest is not None and outcome.newest is not None:
        words += (
            f", compared with {outcome.publications:,} published heads of "
            f"{_rfc3339(outcome.oldest.kept_at)} to {_rfc3339(outcome.newest.kept_at)}"
        )
    return words


def _notes(outcome: Outcome) -> list[str]:
    notes = []
    if outcome.quietest is not None and outcome.quietest[1] - outcome.quietest[0] > SILENCE:
        begin, end = outcome.quietest
        notes.append(
            f"nobody published heads from {_rfc3339(begin)} to {_rfc3339(end)}: what was added and cut off meanwhile "
            "is not covered"
        )
    if outcome.start is not None:
        notes.append("records before these heads were taken for granted; without --since everything is verified")
    return notes


def _heads_as_json(heads: PublishedHeads | None) -> dict[str, Any] | None:
    return None if heads is None else {"offset": heads.offset, "published_at": _rfc3339(heads.kept_at)}


def _age(age: timedelta) -> str:
    return f"{max(age.total_seconds(), 0):.0f} s"


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
