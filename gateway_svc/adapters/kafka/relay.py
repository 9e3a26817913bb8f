"""The relay's loop: read, publish, delete; several relays share the slots of the outbox."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gateway_svc.adapters.kafka.events import EventMessage, OutboxEvent, UnpublishableEventError, message_of
from gateway_svc.adapters.kafka.metrics import RelayMetrics
from gateway_svc.adapters.kafka.outbox import Backlog, OutboxLostError

BEFORE_PUBLISH: Final = "relay.before_publish"
AFTER_PUBLISH: Final = "relay.after_publish"

BATCH: Final = 500
# Payments whose next event can't be published, by a fault of ours, wait for a newer relay; further ones hold up others.
BLOCKED_MAX: Final = 1_000
BUSY_SECONDS: Final = 0.1
IDLE_SECONDS: Final = 0.2
SHARE_SECONDS: Final = 1.0
BACKLOG_SECONDS: Final = 5.0
FIRST_RETRY_SECONDS: Final = 0.2
LONGEST_RETRY_SECONDS: Final = 5.0
# What is on its way when the process is told to stop may arrive for this long.
STOP_SECONDS: Final = 3.0


class Session(Protocol):
    """The outbox over one connection; see `OutboxSession`."""

    async def share_slots(self) -> frozenset[int]:
        """Take and give back slots."""
        ...

    async def read(self, limit: int, without: Collection[str]) -> list[OutboxEvent]:
        """Read the first events of the held slots, but those of some payments."""
        ...

    async def delete(self, positions: Collection[int]) -> None:
        """Delete events that Kafka has."""
        ...

    async def backlog(self) -> Backlog:
        """Measure what waits."""
        ...

    async def watch(self) -> None:
        """Raise OutboxLostError once the connection is lost."""
        ...

    async def close(self) -> None:
        """Give back all slots."""
        ...


class Publisher(Protocol):
    """Kafka; see `KafkaPublisher`."""

    async def publish(self, messages: Sequence[EventMessage]) -> list[bool]:
        """Publish in order; tell for each message whether Kafka has it."""
        ...

    async def abandon(self) -> None:
        """Drop what is not acknowledged yet."""
        ...


class Crashes(Protocol):
    """Points at which a test may end the process."""

    async def reach(self, name: str) -> None:
        """Return at once unless a test has armed ``name``."""
        ...


@dataclass(frozen=True, slots=True)
class Encoded:
    """The part of a batch that can be published, in order, and the payments that an event blocks."""

    events: list[OutboxEvent]
    messages: list[EventMessage]
    blocked: dict[str, str]


def encode(events: Sequence[OutboxEvent]) -> Encoded:
    """Make messages of a batch. An event that can't be published holds back its payment's later events, no others."""
    encoded = Encoded([], [], {})
    for event in events:
        if event.payment_id in encoded.blocked:
            continue
        try:
            message = message_of(event)
        except UnpublishableEventError as error:
            encoded.blocked[event.payment_id] = str(error)
        else:
            encoded.events.append(event)
            encoded.messages.append(message)
    return encoded


def delivered_positions(events: Sequence[OutboxEvent], acknowledged: Sequence[bool]) -> list[int]:
    """Give the positions that may be deleted: for each payment those before its first event without acknowledgement."""
    held_back: set[str] = set()
    positions = []
    for event, done in zip(events, acknowledged, strict=True):
        if not done:
            held_back.add(event.payment_id)
        elif event.payment_id not in held_back:
            positions.append(event.position)
    return positions


class Relay:
    """Publishes until it is stopped, through any absence of PostgreSQL or Kafka; loses nothing, reorders nothing."""

    def __init__(
        self,
        open_session: Callable[[], Awaitable[Session]],
        publisher: Publisher,
        crashes: Crashes,
        metrics: RelayMetrics,
        logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
    ) -> None:
        self._open_session = open_session
        self._publisher = publisher
        self._crashes = crashes
        self._metrics = metrics
        self._logger = logger
        self._blocked: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until ``stop`` is set."""
        retry_seconds = FIRST_RETRY_SECONDS
        while not stop.is_set():
            began = time.monotonic()
            try:
                session = await self._open_session()
                try:
                    await self._relay(session, stop)
                finally:
                    await self._publisher.abandon()
                    self._metrics.slots.set(0)
                    await session.close()
            except OutboxLostError as error:
                if time.monotonic() - began > LONGEST_RETRY_SECONDS:
                    retry_seconds = FIRST_RETRY_SECONDS
                self._logger.warning("outbox lost", error=str(error), retry_in_seconds=retry_seconds)
                await _pause(stop, retry_seconds)
                retry_seconds = min(retry_seconds * 2, LONGEST_RETRY_SECONDS)

    async def _relay(self, session: Session, stop: asyncio.Event) -> None:
        next_share = next_backlog = 0.0
        wait_seconds = BUSY_SECONDS
        retry_seconds = FIRST_RETRY_SECONDS
        while not stop.is_set():
            if time.monotonic() >= next_share:
                self._metrics.slots.set(len(await session.share_slots()))
                next_share = time.monotonic() + SHARE_SECONDS * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            if time.monotonic() >= next_backlog:
                self._measure(await session.backlog())
                next_backlog = time.monotonic() + BACKLOG_SECONDS
            encoded = self._encode(await session.read(BATCH, self._blocked))
            if not encoded.messages:
                wait_seconds = min(wait_seconds * 1.5, IDLE_SECONDS)
                await _pause(stop, wait_seconds)
            elif await self._publish(session, encoded, stop):
                wait_seconds = BUSY_SECONDS
                retry_seconds = FIRST_RETRY_SECONDS
                if len(encoded.messages) < BATCH:
                    await _pause(stop, wait_seconds)
            else:
                self._metrics.failures.inc()
                self._logger.warning("batch not published whole", retry_in_seconds=retry_seconds)
                await _pause(stop, retry_seconds)
                retry_seconds = min(retry_seconds * 2, LONGEST_RETRY_SECONDS)

    async def _publish(self, session: Session, encoded: Encoded, stop: asyncio.Event) -> bool:
        """Publish a batch and delete what Kafka has of it; tell whether it has all."""
        await self._crashes.reach(BEFORE_PUBLISH)
        acknowledged = await self._acknowledged(session, encoded.messages, stop)
        await self._crashes.reach(AFTER_PUBLISH)
        positions = delivered_positions(encoded.events, acknowledged)
        if positions:
            await session.delete(positions)
            self._metrics.published.inc(len(positions))
        return len(positions) == len(encoded.events)

    async def _acknowledged(
        self, session: Session, messages: Sequence[EventMessage], stop: asyncio.Event
    ) -> list[bool]:
        """Wait for Kafka for as long as the slots are held and the relay is wanted."""
        publishing = asyncio.create_task(self._publisher.publish(messages))
        watching = asyncio.create_task(session.watch())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({publishing, watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not publishing.done() and not watching.done():
                await asyncio.wait({publishing, watching}, timeout=STOP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not publishing.done():
                await self._publisher.abandon()
            acknowledged = await publishing
            if watching.done():
                # Raises: without the slots nothing may be deleted, nor anything more be published.
                await watching
            return acknowledged
        finally:
            for task in (publishing, watching, stopping):
                task.cancel()
            await asyncio.gather(publishing, watching, stopping, return_exceptions=True)

    def _encode(self, events: Sequence[OutboxEvent]) -> Encoded:
        encoded = encode(events)
        for payment_id, reason in encoded.blocked.items():
            if payment_id not in self._blocked and len(self._blocked) < BLOCKED_MAX:
                self._blocked.add(payment_id)
                self._logger.error("event can't be published", payment_id=payment_id, error=reason)
        self._metrics.blocked_payments.set(len(self._blocked))
        return encoded

    def _measure(self, backlog: Backlog) -> None:
        self._metrics.backlog.set(backlog.pending)
        self._metrics.oldest_age_seconds.set(backlog.oldest_age_ms / 1000)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
