"""Publishes heads of the audit with an idempotent producer, and waits until Kafka has them for certain."""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from mesh.identifiers import new_id
from vault_svc.adapters.kafka.heads_message import HeadsMessage, message_of
from vault_svc.application.ports.audit_heads import HeadsNotPublishedError
from vault_svc.domain.audit import ChainHead

DELIVERY_SECONDS: Final = 6.0
"""How long Kafka may take; longer than the producer's own time for a message, so that it nearly always tells."""
END_SECONDS: Final = 5.0
"""How long ending a producer may take."""

_MESSAGE_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.1
_CLOSE_SECONDS: Final = 1.0
_ERRORS_SECONDS: Final = 60.0
_LOGGER: Final = logging.getLogger("payera.kafka")


def producer_configuration(bootstrap: str) -> dict[str, Any]:
    """Give the producer's settings: all replicas have a message before it is confirmed, and its order is kept."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": "payera-vault-audit",
        "enable.idempotence": True,
        "acks": "all",
        "message.timeout.ms": int(_MESSAGE_SECONDS * 1000),
        "linger.ms": 0,
        "queue.buffering.max.messages": 100,
        "queue.buffering.max.kbytes": 1024,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2_000,
        "socket.connection.setup.timeout.ms": 5_000,
        # An absent broker would be told several times a second; `_Producing` tells it less often.
        "log_level": 2,
    }


class KafkaAuditHeads:
    """Publishes to one topic, one message at a time; with a new producer after one that failed for good."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._producing: _Producing | None = None

    async def publish(self, heads: Sequence[ChainHead], read_at: datetime) -> None:
        """Publish heads; all replicas of Kafka that are in sync have them when this returns.

        Raises HeadsNotPublishedError after some seconds without an answer.
        """
        if self._producing is None:
            self._producing = _Producing(producer_configuration(self._bootstrap), self._topic)
        producing = self._producing
        message = message_of(new_id("evt"), producing.publisher, read_at, heads)
        given_up = threading.Event()
        try:
            await asyncio.to_thread(producing.deliver, message, given_up)
        except _ProducerFailedError as error:
            await self.close()
            raise HeadsNotPublishedError(str(error)) from error
        finally:
            # When the wait is broken off, the thread that polls ends too.
            given_up.set()

    async def close(self) -> None:
        """Drop what is not confirmed; what was published stays. May be called again, and publishing may go on."""
        producing, self._producing = self._producing, None
        if producing is not None:
            await asyncio.to_thread(producing.end)


class _ProducerFailedError(Exception):
    """A producer can't be used any more."""


class _Producing:
    """One producer, and the run of a publisher that it is for readers: what it publishes is in order."""

    def __init__(self, configuration: dict[str, Any], topic: str) -> None:
        self.publisher = new_id("pub")
        self._topic = topic
        self._fatal = ""
        self._quiet_until = 0.0
        # Without a logger librdkafka would write to stderr.
        self._producer = Producer({**configuration, "error_cb": self._tell}, logger=_LOGGER)

    def deliver(self, message: HeadsMessage, given_up: threading.Event) -> None:
        """Hand a message over and poll until Kafka has confirmed it; blocks for DELIVERY_SECONDS at most."""
        delivery = _Delivery()
        try:
            self._producer.produce(
                self._topic,
                value=message.value,
                key=message.key,
                headers=list(message.headers),
                on_delivery=delivery.report,
            )
        except (KafkaException, BufferError) as error:
            raise _ProducerFailedError(f"not taken by the producer: {error}") from error
        deadline = time.monotonic() + DELIVERY_SECONDS
        try:
            while not delivery.known.is_set() and not given_up.is_set() and time.monotonic() < deadline:
                self._producer.poll(_POLL_SECONDS)
        except KafkaException as error:
            raise _ProducerFailedError(f"the producer failed for good: {error}") from error
        if not delivery.known.is_set():
            self._fail(f"no answer within {DELIVERY_SECONDS:.0f} seconds")
        if delivery.error is not None:
            self._fail(delivery.error.str())

    def end(self) -> None:
        """Drop everything; blocks for END_SECONDS at most, whatever the library does after a fatal error."""
        dropping = threading.Thread(target=self._drop, name="kafka-producer-end", daemon=True)
        dropping.start()
        dropping.join(END_SECONDS)
        if dropping.is_alive():
            _LOGGER.warning("a producer does not end; it is left behind, and a new one takes its place")

    def _drop(self) -> None:
        # What is dropped in flight may be fatal to an idempotent producer; it is given up all the same.
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.flush(_CLOSE_SECONDS)
        with suppress(KafkaException):
            self._producer.close()

    def _fail(self, text: str) -> None:
        if self._fatal:
            raise _ProducerFailedError(f"{text}; the producer failed for good: {self._fatal}")
        raise HeadsNotPublishedError(text)

    def _tell(self, error: KafkaError) -> None:
        """Log what the producer complains of: a fatal error always, of the others one in _ERRORS_SECONDS."""
        if error.fatal():
            self._fatal = error.str()
            _LOGGER.error("producer failed: %s", error.str())
        elif time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + _ERRORS_SECONDS
            _LOGGER.warning("producer: %s", error.str())


class _Delivery:
    """What Kafka says of one message; it may be told in another thread, when polled there."""

    def __init__(self) -> None:
        self.known = threading.Event()
        self.error: KafkaError | None = None

    def report(self, error: KafkaError | None, _message: "Message[Any, Any]") -> None:
        """Take the delivery report."""
        self.error = error
        self.known.set()
