"""The outbox as one relay sees it: a dedicated connection that holds slots by advisory locks.

All locks are of the session: when the connection or the server is lost, so are they, and another relay may take the
slots. Until this relay notices, both may publish the same events; each does so in order from the first event that is
still in the outbox, so a consumer sees duplicates, but never a later event before the first sight of an earlier one.
"""

import asyncio
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import psycopg
from psycopg.rows import class_row, dict_row

from gateway_svc.adapters.kafka.events import OutboxEvent

# Keys of the advisory locks, arbitrary but fixed: no one else in the database uses them.
SLOT_LOCKS: Final = 0x50415901
MEMBER_LOCKS: Final = 0x50415902
CONNECT_SECONDS: Final = 5
CALL_SECONDS: Final = 10.0
WATCH_SECONDS: Final = 0.5

_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": CONNECT_SECONDS,
    # A relay that hangs without closing its connection loses its slots after 15 s: a living one speaks every second.
    "options": "-c statement_timeout=5000 -c idle_session_timeout=15000 -c timezone=UTC",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_JOIN: Final = "SELECT pg_advisory_lock_shared(%s, 0)"
_MEMBERS: Final = """
    SELECT count(DISTINCT pid) AS members FROM pg_locks
    WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_TAKE: Final = "SELECT pg_try_advisory_lock(%s, %s) AS taken"
_GIVE_BACK: Final = "SELECT pg_advisory_unlock(%s, %s)"
_READ: Final = "SELECT * FROM gateway.outbox_batch(%s::int[], %s, %s, %s::text[])"
_DELETE: Final = "SELECT deleted FROM gateway.outbox_delete(%s::bigint[])"
_BACKLOG: Final = "SELECT pending, oldest_age_ms FROM gateway.outbox_backlog()"


class OutboxLostError(Exception):
    """The connection that held the slots is gone, or silent for too long; nothing may be published on its strength."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many events wait, and for how long the first of them, in milliseconds."""

    pending: int
    oldest_age_ms: int


class OutboxSession:
    """One relay's connection. Every method raises OutboxLostError once the connection is lost."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], slots: int) -> None:
        self._connection = connection
        self._slots = slots
        self._held: set[int] = set()

    @classmethod
    async def open(cls, url: str, *, slots: int, name: str) -> Self:
        """Connect and become a member among the relays; raises OutboxLostError when the server is away."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                connection = await psycopg.AsyncConnection.connect(
                    url, autocommit=True, application_name=name, row_factory=dict_row, **_OPTIONS
                )
        except (psycopg.Error, TimeoutError, OSError) as error:
            raise OutboxLostError(str(error)) from error
        session = cls(connection, slots)
        try:
            await session._rows(_JOIN, (MEMBER_LOCKS,))
        except BaseException:
            await session.close()
            raise
        return session

    async def close(self) -> None:
        """Give back all slots by closing the connection."""
        await self._connection.close()

    async def share_slots(self) -> frozenset[int]:
        """Take free slots up to a fair share, give back what is above it, and return the slots held now.

        Call it between batches only: a slot given back must have nothing on its way to Kafka.
        """
        (row,) = await self._rows(_MEMBERS, (MEMBER_LOCKS,))
        fair = -(-self._slots // max(row["members"], 1))
        for slot in sorted(self._held)[fair:]:
            self._held.discard(slot)
            await self._rows(_GIVE_BACK, (SLOT_LOCKS, slot))
        free = [slot for slot in range(self._slots) if slot not in self._held]
        # In random order, so that relays which start together don't all try the same slot first.
        random.shuffle(free)
        for slot in free:
            if len(self._held) >= fair:
                break
            (row,) = await self._rows(_TAKE, (SLOT_LOCKS, slot))
            if row["taken"]:
                self._held.add(slot)
        return frozenset(self._held)

    async def read(self, limit: int, without: Collection[str]) -> list[OutboxEvent]:
        """Read the first events of the held slots, at most ``limit``, in the order they must be published.

        Events of the payments ``without`` are left where they are.
        """
        if not self._held:
            return []
        arguments = (sorted(self._held), self._slots, limit, list(without))
        return await self._rows(_READ, arguments, kind=OutboxEvent)

    async def delete(self, positions: Collection[int]) -> None:
        """Delete events that Kafka has."""
        await self._rows(_DELETE, (list(positions),))

    async def backlog(self) -> Backlog:
        """Measure what waits, in all slots."""
        (row,) = await self._rows(_BACKLOG, ())
        return Backlog(row["pending"], row["oldest_age_ms"])

    async def watch(self) -> None:
        """Return never; raise OutboxLostError as soon as the connection is found lost."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self._rows("SELECT 1", ())

    async def _rows(self, statement: str, arguments: Sequence[object], kind: type[Any] | None = None) -> list[Any]:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                factory = dict_row if kind is None else class_row(kind)
                async with self._connection.cursor(row_factory=factory) as cursor:
                    await cursor.execute(statement.encode(), arguments, prepare=True)
                    return await cursor.fetchall()
        except (psycopg.Error, TimeoutError, OSError) as error:
            await self._connection.close()
            raise OutboxLostError(str(error)) from error
