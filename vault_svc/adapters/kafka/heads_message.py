"""Turns heads of the audit into a Kafka message and back: AuditHeads with CloudEvents 1.0 headers (binary mode)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from google.protobuf.message import DecodeError
from payera.events.v1 import audit_event_pb2 as contract

from vault_svc.domain.audit import ChainHead

SOURCE: Final = "/payera/vault"
TYPE: Final = "dev.payera.vault.audit_heads"
SCHEMA: Final = "payera.events.v1.AuditHeads"
SUBJECT: Final = "audit"
CONTENT_TYPE: Final = "application/protobuf"

_HASH_BYTES: Final = 32


class UnreadableHeadsError(ValueError):
    """A message is not what a publisher of ours writes."""


@dataclass(frozen=True, slots=True)
class HeadsMessage:
    """What goes to Kafka. No two messages have the same key, so that not even a compaction would remove any."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class ReadHeads:
    """What a message says."""

    publisher: str
    read_at: datetime
    heads: tuple[ChainHead, ...]


def message_of(event_id: str, publisher: str, read_at: datetime, heads: Sequence[ChainHead]) -> HeadsMessage:
    """Give the message that publishes heads."""
    event = contract.AuditHeads(
        id=event_id,
        publisher=publisher,
        chains=[
            contract.AuditChainHead(chain=head.chain, sequence=head.sequence, hash=head.hash)
            for head in sorted(heads, key=lambda head: head.chain)
        ],
    )
    event.publish_time.FromDatetime(read_at)
    headers = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": SOURCE,
        "ce_type": TYPE,
        "ce_subject": SUBJECT,
        "ce_time": read_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "ce_dataschema": SCHEMA,
        "content-type": CONTENT_TYPE,
    }
    return HeadsMessage(
        key=event_id.encode(),
        value=event.SerializeToString(deterministic=True),
        headers=tuple((name, text.encode()) for name, text in headers.items()),
    )


def heads_of(value: bytes) -> ReadHeads:
    """Read a message; raises UnreadableHeadsError."""
    try:
        event = contract.AuditHeads.FromString(value)
        read_at = event.publish_time.ToDatetime(tzinfo=UTC)
    except (DecodeError, ValueError, OverflowError) as error:
        raise UnreadableHeadsError("not a message of the agreed form") from error
    if not event.publisher or not event.HasField("publish_time"):
        raise UnreadableHeadsError("says nothing of its publisher")
    for head in event.chains:
        if head.sequence < 0 or len(head.hash) != _HASH_BYTES:
            raise UnreadableHeadsError(f"chain {head.chain} has no head of the agreed form")
    heads = tuple(ChainHead(head.chain, head.sequence, head.hash) for head in event.chains)
    return ReadHeads(event.publisher, read_at, heads)
