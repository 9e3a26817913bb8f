"""Reads the published heads of the vault's audit from Kafka, in the order in which they were published."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from devstack.audit.errors import HeadsUnavailableError
from devstack.audit.verification import RETENTION
from mesh.topics import AUDIT_HEADS
from vault_svc.adapters.kafka.heads_message import UnreadableHeadsError, heads_of
from vault_svc.domain.audit import Finding, FindingKind, Findings, PublishedHeads

REQUEST_SECONDS: Final = 10.0

_POLL_SECONDS: Final = 0.5
_PARTITION: Final = 0


class PublishedTopic:
    """The topic of heads as it was when it was opened. Methods raise HeadsUnavailableError when Kafka falls silent.

    ``findings`` has what of the topic itself is not as it must be: heads removed, or unreadable.
    """

    def __init__(self, consumer: Consumer, low: int, high: int) -> None:
        self._consumer = consumer
        self._low = low
        self._high = high
        self.findings = Findings()

    def offset_before(self, moment: datetime) -> int | None:
        """Give the offset of the newest heads published before a moment, None when there are none."""
        wanted = TopicPartition(AUDIT_HEADS.name, _PARTITION, int(moment.timestamp() * 1000))
        try:
            (found,) = self._consumer.offsets_for_times([wanted], timeout=REQUEST_SECONDS)
        except KafkaException as error:
            raise _away(error) from error
        after = found.offset if 0 <= found.offset < self._high else self._high
        return after - 1 if after > self._low else None

    def heads(self, start: int | None = None) -> Iterator[PublishedHeads]:
        """Give published heads, oldest first: all, or from an offset on."""
        if self._low == self._high:
            if self._high:
                self._removed(0, self._high - 1, "none is kept")
            raise HeadsUnavailableError(
                "no heads are published", "start the vault's worker, which publishes them: payera up"
            )
        expected = self._low if start is None else start
        self._consumer.assign([TopicPartition(AUDIT_HEADS.name, _PARTITION, expected)])
        for message in self._messages():
            offset = message.offset()
            assert offset is not None  # noqa: S101 - it is one that Kafka gave
            kept_at = datetime.fromtimestamp(message.timestamp()[1] / 1000, tz=UTC)
            if offset == self._low and self._low and datetime.now(UTC) - kept_at < RETENTION:
                self._removed(0, self._low - 1, f"the oldest that is kept is of {kept_at:%Y-%m-%d}")
            if offset > expected:
                self._removed(expected, offset - 1, "missing in the middle")
            expected = offset + 1
            try:
                read = heads_of(message.value() or b"")
            except UnreadableHeadsError as error:
                evidence = f"offset {offset}: {error}"
                self.findings.add(Finding(FindingKind.HEADS_UNREADABLE, evidence=evidence))
                continue
            yield PublishedHeads(offset, kept_at, read.publisher, read.read_at, read.heads)
        if expected < self._high:
            self._removed(expected, self._high - 1, "missing at the end")

    def _messages(self) -> "Iterator[Message[Any, Any]]":
        """Give the messages up to the end as it was at the beginning."""
        deadline = time.monotonic() + REQUEST_SECONDS
        while True:
            message = self._consumer.poll(_POLL_SECONDS)
            if message is None:
                if time.monotonic() > deadline:
                    raise HeadsUnavailableError("Kafka fell silent", "payera status; payera logs kafka")
                continue
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name in librdkafka
                    return
                raise HeadsUnavailableError(f"Kafka does not give the published heads: {error.str()}")
            yield message
            if (message.offset() or 0) >= self._high - 1:
                return
            deadline = time.monotonic() + REQUEST_SECONDS

    def _removed(self, first: int, last: int, why: str) -> None:
        evidence = f"offsets {first}-{last}: {why}"
        self.findings.add(Finding(FindingKind.HEADS_REMOVED, evidence=evidence))


@contextmanager
def open_topic(bootstrap: str) -> Iterator[PublishedTopic]:
    """Connect for the time of a verification; raises HeadsUnavailableError."""
    silent = logging.getLogger("devstack.audit")
    silent.setLevel(logging.CRITICAL)
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": "payera-audit",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": "read_uncommitted",
        "queued.max.messages.kbytes": 16 * 1024,
        "check.crcs": True,
    }
    consumer = Consumer(settings, logger=silent)
    try:
        metadata = consumer.list_topics(AUDIT_HEADS.name, timeout=REQUEST_SECONDS).topics[AUDIT_HEADS.name]
        if metadata.error is not None:
            raise HeadsUnavailableError(f"the topic {AUDIT_HEADS.name} is not there", "payera topics")
        if set(metadata.partitions) != {_PARTITION}:
            message = f"the topic {AUDIT_HEADS.name} has {len(metadata.partitions)} partitions: heads have no order"
            raise HeadsUnavailableError(message, "make it anew with one partition")
        place = TopicPartition(AUDIT_HEADS.name, _PARTITION)
        low, high = consumer.get_watermark_offsets(place, timeout=REQUEST_SECONDS)
        yield PublishedTopic(consumer, low, high)
    except KafkaException as error:
        raise _away(error) from error
    finally:
        consumer.close()


def _away(error: KafkaException) -> HeadsUnavailableError:
    return HeadsUnavailableError(f"Kafka does not answer: {error.args[0].str()}", "payera status; payera logs kafka")
