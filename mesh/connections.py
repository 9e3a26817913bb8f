"""A bounded pool of PostgreSQL connections that recovers as soon as the server does.

psycopg_pool waits twice as long after each failed attempt, minutes in the end, and refuses calls meanwhile. Here a call
without an open connection makes one itself, so the first call after the server's return succeeds.
"""

import asyncio
import select
import time
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row

Connection = psycopg.AsyncConnection[DictRow]

_CONNECT_SECONDS: Final = 3.0
# After a failed attempt others are refused at once for this long, so that a dead server costs its callers nothing.
_PAUSE_SECONDS: Final = 0.1
_RETRY_SECONDS: Final = 0.5


class NoConnection(Exception):  # noqa: N818 - a state of the pool, not a fault of the program
    """No connection could be had in time; nothing was sent to the server."""


class ConnectionPool:
    """At most `size` connections, opened when needed, lent to one call at a time, the last one used first."""

    def __init__(self, url: str, options: Mapping[str, Any], *, size: int, wait_seconds: float) -> None:
        if size < 1:
            message = "a pool needs at least one connection"
            raise ValueError(message)
        self._url = url
        self._options = options
        self._wait_seconds = wait_seconds
        self._size = size
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._refuse_until = 0.0
        self._warming: asyncio.Task[None] | None = None
        self._closed = False

    def open(self) -> None:
        """Begin to open connections in the background; keeps trying while the server is away."""
        if self._warming is None:
            self._warming = asyncio.create_task(self._warm())

    async def close(self) -> None:
        """Close all idle connections; those lent are closed when they come back."""
        self._closed = True
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        while self._idle:
            await self._idle.pop().close()

    async def lend(self) -> Connection:
        """Give a connection that was alive a moment ago.

        Raises NoConnection when none is free in time or the server is away.
        """
        await self._take_slot()
        try:
            while self._idle:
                connection = self._idle.pop()
                if _alive(connection):
                    return connection
                await connection.close()
            return await self._connect()
        except BaseException:
            self._slots.release()
            raise

    async def give_back(self, connection: Connection) -> None:
        """Take a lent connection back; one that is broken or in mid-transaction is closed."""
        try:
            if self._closed or connection.closed or connection.info.transaction_status != TransactionStatus.IDLE:
                await connection.close()
            else:
                self._idle.append(connection)
        finally:
            self._slots.release()

    async def _take_slot(self) -> None:
        if self._closed:
            message = "the pool is closed"
            raise NoConnection(message)
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._slots.acquire()
        except TimeoutError:
            message = "all connections are in use"
            raise NoConnection(message) from None

    async def _connect(self) -> Connection:
        if time.monotonic() < self._refuse_until:
            message = "the server was away a moment ago"
            raise NoConnection(message)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, row_factory=dict_row, **self._options
                )
        except (psycopg.Error, TimeoutError, OSError) as error:
            self._refuse_until = time.monotonic() + _PAUSE_SECONDS
            message = f"the server can't be reached: {error}"
            raise NoConnection(message) from error

    async def _warm(self) -> None:
        """Open what is missing, once, so that the first calls need not; ends when the pool is full."""
        while not self._closed:
            lent: list[Connection] = []
            try:
                while len(lent) < self._size and not self._slots.locked():
                    lent.append(await self.lend())
            except NoConnection:
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return
            finally:
                for connection in lent:
                    await self.give_back(connection)


def _alive(connection: Connection) -> bool:
    """Tell whether an idle connection can be used: a server that closed it has left something to read."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)
