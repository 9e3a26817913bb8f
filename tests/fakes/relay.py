"""An outbox in memory and a Kafka that acknowledges as told, for the relay's loop."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway_svc.adapters.kafka.events import EventMessage, OutboxEvent
from gateway_svc.adapters.kafka.outbox import Backlog, OutboxLostError


def view(payment_id: str = "pay_1", **changes: Any) -> dict[str, Any]:
    """Give a payment view as the outbox holds it."""
    return {
        "id": payment_id,
        "status": "PROCESSING",
        "amount": 1050,
        "currency": "EUR",
        "amount_authorized": 0,
        "amount_captured": 0,
        "amount_refunded": 0,
        "capture_method": "MANUAL",
        "merchant_reference": "order-7",
        "decline": None,
        "card": {"brand": "visa", "last4": "4242", "bin": "424242", "exp_month": 12, "exp_year": 2030},
    } | changes


def event(position: int, payment_id: str = "pay_1", seq: int = 1, **changes: Any) -> OutboxEvent:
    """Give an event of the outbox."""
    values: dict[str, Any] = {
        "position": position,
        "event_id": f"evt_{payment_id}_{seq}",
        "payment_id": payment_id,
        "merchant_id": "mer_1",
        "seq": seq,
        "event_type": "PAYMENT_CREATED",
        "data": {"payment": view(payment_id), "attempt": None, "modification": None},
        "occurred_us": 1_700_000_000_123_456,
    }
    return OutboxEvent(**(values | changes))


@dataclass
class FakeOutbox:
    """The table: sessions over it come and go."""

    events: list[OutboxEvent] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    lose_on_delete: bool = False
    opened: int = 0
    closed: int = 0
    away: int = 0

    async def open(self) -> "FakeSession":
        """Open a session; refuses as often as `away` says."""
        if self.away > 0:
            self.away -= 1
            message = "the server is away"
            raise OutboxLostError(message)
        self.opened += 1
        self.lost.clear()
        return FakeSession(self)


@dataclass
class FakeSession:
    """A session that holds all slots."""

    outbox: FakeOutbox

    async def share_slots(self) -> frozenset[int]:
        return frozenset({0, 1})

    async def read(self, limit: int, without: Collection[str]) -> list[OutboxEvent]:
        self._check()
        await asyncio.sleep(0)
        events = [event for event in self.outbox.events if event.payment_id not in without]
        return sorted(events, key=lambda event: event.position)[:limit]

    async def delete(self, positions: Collection[int]) -> None:
        if self.outbox.lose_on_delete:
            self.outbox.lose_on_delete = False
            self.outbox.lost.set()
        self._check()
        self.outbox.events = [event for event in self.outbox.events if event.position not in positions]

    async def backlog(self) -> Backlog:
        return Backlog(len(self.outbox.events), 1500)

    async def watch(self) -> None:
        await self.outbox.lost.wait()
        self._check()

    async def close(self) -> None:
        self.outbox.closed += 1

    def _check(self) -> None:
        if self.outbox.lost.is_set():
            message = "the connection is gone"
            raise OutboxLostError(message)


@dataclass
class FakeKafka:
    """Appends what is published; `refuse` tells how often a message with this event id is refused first."""

    log: list[str] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)
    silent: asyncio.Event | None = None
    abandoned: int = 0
    _pending: "asyncio.Future[None] | None" = None

    async def publish(self, messages: Sequence[EventMessage]) -> list[bool]:
        """Append in order up to the first refused message; wait for ever while silent."""
        if self.silent is not None:
            self.silent.set()
            self._pending = asyncio.get_running_loop().create_future()
            await self._pending
            return [False] * len(messages)
        acknowledged = [False] * len(messages)
        for index, message in enumerate(messages):
            event_id = dict(message.headers)["ce_id"].decode()
            if self.refuse.get(event_id, 0) > 0:
                self.refuse[event_id] -= 1
                break
            self.log.append(event_id)
            acknowledged[index] = True
        return acknowledged

    async def abandon(self) -> None:
        """Let a publish under way go."""
        self.abandoned += 1
        if self._pending is not None and not self._pending.done():
            self._pending.set_result(None)
