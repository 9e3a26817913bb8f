"""Reads the topic of payments' events from given offsets on: all its partitions, in no group, on one thread."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from router_svc.adapters.kafka.one_thread import OneThread
from router_svc.adapters.kafka.payment_events import UnreadableEventError, observation_in
from router_svc.application.ports.observation_source import Batch
from router_svc.domain.observation import Observation

BATCH: Final = 500
BATCH_SECONDS: Final = 0.2
# So often it is looked whether the topic has got further partitions.
PARTITIONS_SECONDS: Final = 30.0
REQUEST_SECONDS: Final = 5.0
_LEAST_SECONDS: Final = 0.05
FIRST_RETRY_SECONDS: Final = 0.2
LONGEST_RETRY_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 5.0
# Of what a consumer complains of, one line in this time is logged.
QUIET_SECONDS: Final = 10.0
# Of messages that nobody can make out, so many are logged one by one in a process.
TOLD_MAX: Final = 20
# Reading goes on in between for whoever needs the interpreter.
_DECODED_PER_PAUSE: Final = 50
_END: Final = KafkaError._PARTITION_EOF  # noqa: SLF001 - the client's names for its own codes
_GONE: Final = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001
_LOGGER: Final = logging.getLogger("payera.kafka")


def consumer_configuration(bootstrap: str) -> dict[str, Any]:
    """Give the consumer's settings. It joins no group and commits nothing; a name of one is asked for all the same."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "payera-router",
        "group.id": "payera-router",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # An offset that is gone is told, so that the gap is, too.
        "auto.offset.reset": "error",
        # Tells the end of a partition, whatever the broker has put there beside events.
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 16 * 1024,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2_000,
        "socket.connection.setup.timeout.ms": 5_000,
        # An absent broker would be told several times a second; `_Errors` tells it less often.
        "log_level": 2,
    }


class KafkaObservationSource:
    """An `ObservationSource` over one topic. Connects with the first `read`; reconnects for ever.

    A partition that has lost events beyond where it would be read on (retention) is read from its first event, which is
    logged. Messages that nobody can make out are counted and skipped. New partitions are noticed within half a minute
    and read from their beginning.
    """

    def __init__(self, bootstrap: str, topic: str, *, partitions_seconds: float = PARTITIONS_SECONDS) -> None:
        self._reader = _Reader(bootstrap, topic, partitions_seconds)
        self._thread = OneThread("kafka-consumer")

    def begin(self, offsets: Mapping[int, int]) -> None:
        """Say where to begin, before the first `read`."""
        self._reader.next_offsets = dict(offsets)

    async def read(self) -> Batch:
        """Give what has come next; takes BATCH_SECONDS while there is nothing, some more while no broker answers."""
        return await asyncio.wrap_future(self._thread.run(self._reader.read))

    async def close(self) -> None:
        """Read no more, and give the connections back; takes CLOSE_SECONDS at most, whatever the library does."""
        closing = asyncio.wrap_future(self._thread.run(self._reader.close))
        self._thread.end()
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        if not closing.done():
            _LOGGER.warning("a consumer does not close; it is left behind")


class _BrokenError(Exception):
    """A consumer can't be used any more, or could not be opened; another one is tried."""


@dataclass(slots=True)
class _Gathered:
    """What a batch has, while it is gathered."""

    observations: list[Observation] = field(default_factory=list)
    events: int = 0
    skipped: int = 0


class _Reader:
    """The consumer and where it stands; used by one thread."""

    def __init__(self, bootstrap: str, topic: str, partitions_seconds: float) -> None:
        self._configuration = consumer_configuration(bootstrap)
        self._topic = topic
        self._partitions_seconds = partitions_seconds
        self._consumer: Consumer | None = None
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._retry_at = 0.0
        self._look_at = 0.0
        self._ends: dict[int, int] | None = None
        self._caught_up = False
        self._behind = 0
        self._errors = _Errors()
        self._told = 0
        self.next_offsets: dict[int, int] = {}

    def read(self) -> Batch:
        gathered = _Gathered()
        try:
            consumer = self._opened()
            if consumer is not None:
                self._gather(consumer, gathered)
                self._measure(consumer)
                self._look_for_partitions(consumer)
        except (_BrokenError, KafkaException) as error:
            self._break(error)
        return Batch(
            tuple(gathered.observations),
            dict(self.next_offsets),
            gathered.events,
            gathered.skipped,
            self._caught_up,
            self._behind,
        )

    def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaException, RuntimeError):
                consumer.close()

    def _break(self, error: Exception) -> None:
        """Give the consumer up; what was gathered before counts."""
        self.close()
        self._errors.warn(f"events of payments can't be read: {error}")
        self._retry_at = time.monotonic() + self._retry_seconds
        self._retry_seconds = min(self._retry_seconds * 2, LONGEST_RETRY_SECONDS)

    def _opened(self) -> Consumer | None:
        """Give the consumer; a new one when it is time to try that, None when it is not."""
        if self._consumer is None:
            now = time.monotonic()
            if now < self._retry_at:
                time.sleep(min(BATCH_SECONDS, self._retry_at - now))
                return None
            # Without a logger librdkafka would write to stderr.
            self._consumer = Consumer({**self._configuration, "error_cb": self._errors.tell}, logger=_LOGGER)
            self._assign(self._consumer)
            self._retry_seconds = FIRST_RETRY_SECONDS
        return self._consumer

    def _assign(self, consumer: Consumer) -> None:
        deadline = time.monotonic() + REQUEST_SECONDS
        partitions = self._partitions(consumer, deadline)
        bounds = {partition: self._bounds(consumer, partition, deadline) for partition in partitions}
        consumer.assign([self._place(partition, *bounds[partition]) for partition in partitions])
        if self._ends is None:
            self._ends = {partition: high for partition, (_, high) in bounds.items()}
        self._look_at = time.monotonic() + self._partitions_seconds

    def _partitions(self, consumer: Consumer, deadline: float) -> list[int]:
        topic = consumer.list_topics(self._topic, timeout=_left(deadline)).topics[self._topic]
        if topic.error is not None:
            raise _BrokenError(f"topic {self._topic}: {topic.error.str()}")
        return sorted(topic.partitions)

    def _bounds(self, consumer: Consumer, partition: int, deadline: float) -> tuple[int, int]:
        found = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=_left(deadline))
        if found is None:
            raise _BrokenError(f"no answer on the offsets of {self._topic}/{partition}")
        return found

    def _place(self, partition: int, low: int, high: int) -> TopicPartition:
        """Give where a partition is read on: where it was left, or from its first event when that is not there."""
        wanted = self.next_offsets.get(partition)
        if wanted is not None and not low <= wanted <= high:
            _LOGGER.warning(
                "%s/%d has the offsets %d to %d, not %d: read from its first event",
                self._topic,
                partition,
                low,
                high,
                wanted,
            )
            wanted = None
        self.next_offsets[partition] = low if wanted is None else wanted
        return TopicPartition(self._topic, partition, self.next_offsets[partition])

    def _gather(self, consumer: Consumer, gathered: _Gathered) -> None:
        for count, message in enumerate(consumer.consume(BATCH, BATCH_SECONDS), 1):
            self._take(consumer, message, gathered)
            if count % _DECODED_PER_PAUSE == 0:
                time.sleep(0)

    def _take(self, consumer: Consumer, message: "Message[Any, Any]", gathered: _Gathered) -> None:
        partition, offset, error = message.partition(), message.offset(), message.error()
        if error is not None:
            self._take_error(consumer, error, partition, offset)
            return
        if partition is None or offset is None:
            raise _BrokenError("a message without a place in the topic")
        self.next_offsets[partition] = offset + 1
        gathered.events += 1
        try:
            seen = observation_in(message.value())
        except UnreadableEventError as unreadable:
            gathered.skipped += 1
            self._tell_skipped(partition, offset, unreadable)
        else:
            if seen is not None:
                gathered.observations.append(seen)

    def _take_error(self, consumer: Consumer, error: KafkaError, partition: int | None, offset: int | None) -> None:
        code = error.code()
        if code == _END and partition is not None and offset is not None:
            self.next_offsets[partition] = max(self.next_offsets.get(partition, 0), offset)
        elif code == _GONE and partition is not None:
            bounds = self._bounds(consumer, partition, time.monotonic() + REQUEST_SECONDS)
            consumer.seek(self._place(partition, *bounds))
        else:
            raise _BrokenError(error.str())

    def _tell_skipped(self, partition: int, offset: int, error: UnreadableEventError) -> None:
        self._told += 1
        if self._told <= TOLD_MAX:
            last = "; no more of them are told" if self._told == TOLD_MAX else ""
            _LOGGER.warning("%s/%d at %d is no event: %s%s", self._topic, partition, offset, error, last)

    def _measure(self, consumer: Consumer) -> None:
        """Find out how far the topic goes on, from what its last answers told."""
        behind = 0
        for partition, next_offset in self.next_offsets.items():
            found = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
            high = found[1] if found is not None else 0
            behind += max(0, high - next_offset)
        self._behind = behind
        if not self._caught_up and self._ends is not None:
            self._caught_up = all(self.next_offsets[partition] >= end for partition, end in self._ends.items())

    def _look_for_partitions(self, consumer: Consumer) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + self._partitions_seconds
        deadline = time.monotonic() + REQUEST_SECONDS
        new = [each for each in self._partitions(consumer, deadline) if each not in self.next_offsets]
        if new:
            _LOGGER.warning("%s has new partitions: %s", self._topic, ", ".join(map(str, new)))
            places = [self._place(each, *self._bounds(consumer, each, deadline)) for each in new]
            consumer.incremental_assign(places)


def _left(deadline: float) -> float:
    # A timeout of nothing would be one without end to some calls.
    return max(deadline - time.monotonic(), _LEAST_SECONDS)


class _Errors:
    """Logs what a consumer complains of: every fatal error, of the others one in QUIET_SECONDS."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def tell(self, error: KafkaError) -> None:
        if error.fatal():
            _LOGGER.error("consumer failed: %s", error.str())
        else:
            self.warn(f"consumer: {error.str()}")

    def warn(self, text: str) -> None:
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            _LOGGER.warning("%s", text)
