"""Publishes messages to one topic with an idempotent producer, and tells which of them Kafka has for certain."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from gateway_svc.adapters.kafka.events import EventMessage

_LOGGER: Final = logging.getLogger("payera.kafka")
_POLL_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 0.02
_JOIN_SECONDS: Final = 5.0
END_SECONDS: Final = 12.0
ERRORS_SECONDS: Final = 10.0


def producer_configuration(bootstrap: str) -> dict[str, Any]:
    """Give the producer's settings.

    Nothing times out in the producer, and a batch that fails for good stops it (`enable.gapless.guarantee`). So of the
    messages of one payment Kafka always has the first ones without a gap, however the producer ends.
    """
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "payera-relay",
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,
        "acks": "all",
        "message.timeout.ms": 0,
        "linger.ms": 2,
        "compression.type": "lz4",
        # The partitioner of the Java clients, so that what others write by payment id is partitioned alike.
        "partitioner": "murmur2",
        "queue.buffering.max.messages": 20_000,
        "queue.buffering.max.kbytes": 64 * 1024,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2_000,
        "socket.connection.setup.timeout.ms": 5_000,
        # An absent broker would be told several times a second; `_Errors` tells it less often.
        "log_level": 2,
    }


class KafkaPublisher:
    """Publishes batches, one at a time. After a failure the next batch gets a new producer."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._producing: _Producing | None = None

    async def publish(self, messages: Sequence[EventMessage]) -> list[bool]:
        """Publish in the order given and tell for each message whether Kafka has it for certain.

        Waits for as long as the brokers are away: whoever does not want to wait calls `abandon`.
        """
        if self._producing is None:
            self._producing = _Producing(producer_configuration(self._bootstrap), self._topic)
        acknowledged = await self._producing.publish(messages)
        if not all(acknowledged):
            await self.abandon()
        return acknowledged

    async def abandon(self) -> None:
        """Drop what is not acknowledged yet, at once; a `publish` under way tells how far it came."""
        producing, self._producing = self._producing, None
        if producing is not None:
            await asyncio.to_thread(producing.end)


class _Producing:
    """One producer with the one thread that polls it."""

    def __init__(self, configuration: dict[str, Any], topic: str) -> None:
        self._topic = topic
        # Without a logger librdkafka would write to stderr.
        self._producer = Producer({**configuration, "error_cb": _Errors().tell}, logger=_LOGGER)
        self._batch: _Batch | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="kafka-producer", daemon=True)
        self._thread.start()

    async def publish(self, messages: Sequence[EventMessage]) -> list[bool]:
        batch = self._batch = _Batch(len(messages), asyncio.get_running_loop())
        sent = 0
        for message in messages:
            try:
                self._producer.produce(
                    self._topic,
                    value=message.value,
                    key=message.key,
                    headers=list(message.headers),
                    on_delivery=batch.report_of(sent),
                )
            except (KafkaException, BufferError) as error:
                _LOGGER.warning("message not taken by the producer: %s", error)
                break
            sent += 1
        batch.seal(sent)
        return await batch.acknowledged()

    def end(self) -> None:
        """Drop everything and end the thread; blocks for END_SECONDS at most, whatever the library does."""
        # After a fatal error some calls of the library never come back: a thread has them that nobody waits for.
        dropping = threading.Thread(target=self._drop, name="kafka-producer-end", daemon=True)
        dropping.start()
        dropping.join(END_SECONDS)
        self._ending.set()
        if dropping.is_alive():
            _LOGGER.warning("a producer does not end; it is left behind, and a new one takes its place")
        # A report that never came tells that nothing is certain, and must not be waited for without end.
        if self._batch is not None:
            self._batch.give_up()

    def _drop(self) -> None:
        # What is dropped in flight breaks the gap-less guarantee, which is fatal to this producer: as it should be.
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.flush(_JOIN_SECONDS)
        # The polling thread may have reports in hand yet, of messages that Kafka has.
        deadline = time.monotonic() + _JOIN_SECONDS
        while len(self._producer) and time.monotonic() < deadline:
            self._ending.wait(_PAUSE_SECONDS)
        self._ending.set()
        self._thread.join(_JOIN_SECONDS)
        with suppress(KafkaException):
            self._producer.close()

    def _poll(self) -> None:
        while not self._ending.is_set():
            try:
                self._producer.poll(_POLL_SECONDS)
            except KafkaException:
                # It failed for good, which it tells at every call; reports of its messages come all the same.
                self._ending.wait(_PAUSE_SECONDS)


class _Batch:
    """Collects the delivery reports of one batch in the polling thread and wakes the loop once, at the last one."""

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        self._acknowledged = [False] * size
        self._loop = loop
        self._done = loop.create_future()
        self._lock = threading.Lock()
        self._reported = 0
        self._expected: int | None = None

    def report_of(self, index: int) -> Callable[[KafkaError | None, "Message[Any, Any]"], None]:
        """Give the callback for the delivery report of one message."""

        def report(error: KafkaError | None, _message: "Message[Any, Any]") -> None:
            with self._lock:
                self._acknowledged[index] = error is None
                self._reported += 1
                complete = self._reported == self._expected
            if complete:
                self._wake()

        return report

    def seal(self, expected: int) -> None:
        """Say how many reports will come."""
        with self._lock:
            self._expected = expected
            complete = self._reported == expected
        if complete:
            self._wake()

    def give_up(self) -> None:
        """Wait for no more reports: what was not told as delivered counts as not delivered."""
        self._wake()

    async def acknowledged(self) -> list[bool]:
        """Wait for all reports."""
        await asyncio.shield(self._done)
        return list(self._acknowledged)

    def _wake(self) -> None:
        def finish() -> None:
            if not self._done.done():
                self._done.set_result(None)

        self._loop.call_soon_threadsafe(finish)


class _Errors:
    """Logs what a producer complains of: every fatal error, of the others one in ERRORS_SECONDS."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def tell(self, error: KafkaError) -> None:
        """Log an error, or not."""
        if error.fatal():
            _LOGGER.error("producer failed: %s", error.str())
        elif time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + ERRORS_SECONDS
            _LOGGER.warning("producer: %s", error.str())
