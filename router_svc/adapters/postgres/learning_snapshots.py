"""Snapshots of what was learnt as bytes: protobuf messages, compressed, with pauses for other threads.

Each message has its length before it, in four bytes, and brings a part of the whole: so no step takes long.
"""

import time
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from google.protobuf.message import DecodeError
from payera.router.v1 import learning_snapshot_pb2 as contract

from router_svc.application.ports.snapshot_store import KnowledgeSnapshot, SnapshotTooLargeError
from router_svc.domain.health import BreakerSnapshot, HealthSnapshot
from router_svc.domain.learning.state import AccountSnapshot, LearningSnapshot, SegmentSnapshot

LARGEST_BYTES: Final = 32 * 1024 * 1024
"""What the database takes; some fifty thousand segments that have all been busy for days."""
LARGEST_RAW_BYTES: Final = 8 * LARGEST_BYTES
"""What is unpacked at most: bytes that promise more are not ours."""

_QUICKEST: Final = 1
_LENGTH_BYTES: Final = 4
# A thread that computes gives the interpreter away only after milliseconds, which each call to route would feel.
_SEGMENTS_PER_PAUSE: Final = 50


class UnreadableSnapshotError(ValueError):
    """Bytes that are not a snapshot, or were cut or changed."""


def encoded(snapshot: KnowledgeSnapshot) -> bytes:
    """Give the bytes of a snapshot; for a thread. Raises SnapshotTooLargeError."""
    learning, health = snapshot.learning, snapshot.health
    message = contract.LearningSnapshot(
        learning_format=learning.format,
        half_life_ms=learning.half_life_ms,
        known_older=learning.known_older,
        known_newer=learning.known_newer,
        health=contract.HealthSnapshot(
            format=health.format,
            bucket_ms=health.bucket_ms,
            known_older=health.known_older,
            known_newer=health.known_newer,
        ),
        offsets=[contract.PartitionOffset(partition=at, next_offset=offset) for at, offset in snapshot.offsets],
    )
    pauses = _Pauses()
    packer = zlib.compressobj(_QUICKEST)
    parts = [packer.compress(_framed(message))]
    for account in learning.accounts:
        part = contract.LearningSnapshot(accounts=[_account_message(account, pauses)])
        parts.append(packer.compress(_framed(part)))
    for breaker in health.breakers:
        part = contract.LearningSnapshot(health=contract.HealthSnapshot(accounts=[_breaker_message(breaker)]))
        parts.append(packer.compress(_framed(part)))
        pauses.after_segment()
    parts.append(packer.flush())
    size = sum(map(len, parts))
    if size > LARGEST_BYTES:
        raise SnapshotTooLargeError(f"{size:,} bytes, {LARGEST_BYTES:,} are the limit: lower the bounds of learning")
    return b"".join(parts)


def decoded(value: bytes) -> KnowledgeSnapshot:
    """Give the snapshot of bytes; for a thread. Raises UnreadableSnapshotError."""
    accounts: list[AccountSnapshot] = []
    breakers: list[BreakerSnapshot] = []
    pauses = _Pauses()
    head: contract.LearningSnapshot | None = None
    try:
        for part in _messages(_unpacked(value)):
            head = part if head is None else head
            accounts.extend(_account(account, pauses) for account in part.accounts)
            breakers.extend(_breaker(account) for account in part.health.accounts)
            pauses.after_segment()
    except (zlib.error, DecodeError) as error:
        raise UnreadableSnapshotError(str(error)) from error
    if head is None:
        raise UnreadableSnapshotError("empty")
    known = tuple(head.known_older), tuple(head.known_newer)
    learning = LearningSnapshot(head.learning_format, head.half_life_ms, tuple(accounts), *known)
    known = tuple(head.health.known_older), tuple(head.health.known_newer)
    health = HealthSnapshot(head.health.format, head.health.bucket_ms, tuple(breakers), *known)
    return KnowledgeSnapshot(learning, health, tuple((at.partition, at.next_offset) for at in head.offsets))


def _framed(message: contract.LearningSnapshot) -> bytes:
    value = message.SerializeToString()
    return len(value).to_bytes(_LENGTH_BYTES) + value


def _unpacked(value: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(value, LARGEST_RAW_BYTES)
    if not unpacker.eof:
        raise UnreadableSnapshotError("cut, or larger than any snapshot")
    return raw


def _messages(raw: bytes) -> Iterator[contract.LearningSnapshot]:
    begin = 0
    while begin < len(raw):
        end = begin + _LENGTH_BYTES
        end, begin = end + int.from_bytes(raw[begin:end]), end
        if end > len(raw):
            raise UnreadableSnapshotError("a part is cut")
        yield contract.LearningSnapshot.FromString(raw[begin:end])
        begin = end


class _Pauses:
    """Lets other threads have the interpreter every now and then."""

    __slots__ = ("_segments",)

    def __init__(self) -> None:
        self._segments = 0

    def after_segment(self) -> None:
        self._segments += 1
        if self._segments % _SEGMENTS_PER_PAUSE == 0:
            time.sleep(0)


def _account_message(account: AccountSnapshot, pauses: _Pauses) -> contract.LearntAccount:
    message = contract.LearntAccount(
        merchant_id=account.merchant_id, account=account.account, newest_ms=account.newest_ms
    )
    for segment in account.segments:
        written = message.segments.add(name=segment.name, newest_ms=segment.newest_ms, latest=segment.latest)
        for pace in segment.paces:
            written.paces.add(buckets=[bucket for bucket, _ in pace], counts=[counts for _, counts in pace])
        pauses.after_segment()
    return message


def _account(message: contract.LearntAccount, pauses: _Pauses) -> AccountSnapshot:
    segments = []
    for segment in message.segments:
        paces = tuple(_pairs(pace.buckets, pace.counts) for pace in segment.paces)
        segments.append(SegmentSnapshot(segment.name, segment.newest_ms, paces, tuple(segment.latest)))
        pauses.after_segment()
    return AccountSnapshot(message.merchant_id, message.account, message.newest_ms, tuple(segments))


def _pairs(buckets: Iterable[int], counts: Iterable[int]) -> tuple[tuple[int, int], ...]:
    try:
        return tuple(zip(buckets, counts, strict=True))
    except ValueError as error:
        raise UnreadableSnapshotError("buckets without counts") from error


def _breaker_message(breaker: BreakerSnapshot) -> contract.AccountHealth:
    buckets = breaker.buckets
    return contract.AccountHealth(
        account=breaker.account,
        newest_ms=breaker.newest_ms,
        buckets=[bucket for bucket, _, _, _ in buckets],
        errors=[errors for _, errors, _, _ in buckets],
        answers=[answers for _, _, answers, _ in buckets],
        newest_error_ms=[newest_error_ms for _, _, _, newest_error_ms in buckets],
    )


def _breaker(message: contract.AccountHealth) -> BreakerSnapshot:
    columns = (message.buckets, message.errors, message.answers, message.newest_error_ms)
    try:
        return BreakerSnapshot(message.account, message.newest_ms, tuple(zip(*columns, strict=True)))
    except ValueError as error:
        raise UnreadableSnapshotError("buckets without counts") from error
