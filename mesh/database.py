"""Calls stored procedures: one call is one transaction, and its refusals become ours."""

import asyncio
import re
import select
from enum import Enum
from typing import Any, Final

import msgspec
import psycopg
from psycopg import errors
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from mesh.reasons import Reason
from mesh.refusal import DatabaseOutcomeUnknown, Refusal

__all__ = ["Database", "DatabaseOutcomeUnknown", "Row"]

Row = dict[str, Any]
Connection = psycopg.AsyncConnection[DictRow]

REFUSED: Final = "PY001"
"""SQLSTATE with which a procedure refuses: MESSAGE is the reason, DETAIL a JSON object of its metadata."""

_PROCEDURE = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)\Z")
_PLAIN = frozenset({str, int, bool, bytes, type(None)})
_TRIES = 3
_GRACE_SECONDS = 1.0
_WAIT_SECONDS = 2.0
# A failed attempt to connect is repeated once after this time, then given up until the next call needs a connection.
# With the default of minutes, a server that is back would stay unused for as long.
_RECONNECT_SECONDS = 0.5
_KEPT_WHEN_IDLE = 2
_IDLE_SECONDS = 600.0
_LIFE_SECONDS = 3600.0
# These say for certain that the transaction was rolled back because others were faster: it may run again.
_ROLLED_BACK_BY_OTHERS = (errors.SerializationFailure, errors.DeadlockDetected)
# And these that it was rolled back because it took too long.
_ROLLED_BACK_BY_TIME = (errors.QueryCanceled, errors.LockNotAvailable)


class Database:
    """A service's way to its schema: calls procedures over a pool of `pool_size` connections.

    Arguments: a dict or list becomes jsonb, a tuple an SQL array, an enum member its value; integers are sent untyped,
    so that the procedure's signature decides. Results: jsonb becomes Python objects. No call runs longer than
    `statement_seconds`, plus some seconds when the server falls silent.
    """

    def __init__(self, url: str, *, pool_size: int, name: str, statement_seconds: float = 5.0) -> None:
        if pool_size < 1:
            message = "a pool needs at least one connection"
            raise ValueError(message)
        milliseconds = int(statement_seconds * 1000)
        options = {
            "autocommit": True,
            "row_factory": dict_row,
            "application_name": name,
            "connect_timeout": 3,
            "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} "
            f"-c idle_in_transaction_session_timeout={milliseconds} -c timezone=UTC",
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": milliseconds + 5000,
            "context": _adapters(),
        }
        self._seconds = statement_seconds + _GRACE_SECONDS
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs=options,
            open=False,
            name=name,
            min_size=min(_KEPT_WHEN_IDLE, pool_size),
            max_size=pool_size,
            timeout=_WAIT_SECONDS,
            reconnect_timeout=_RECONNECT_SECONDS,
            max_idle=_IDLE_SECONDS,
            max_lifetime=_LIFE_SECONDS,
        )
        self._statements: dict[tuple[str, int], bytes] = {}

    async def open(self) -> None:
        """Begin to connect in the background; does not fail when the server is away. The first call does it else."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close the connections; calls that still run keep theirs until they end."""
        await self._pool.close()

    async def call(self, procedure: str, *arguments: object) -> Row | None:
        """Call `schema.procedure` and give its first row, or None when it has none; fails as `call_many` does."""
        rows = await self.call_many(procedure, *arguments)
        return rows[0] if rows else None

    async def call_many(self, procedure: str, *arguments: object) -> list[Row]:
        """Call `schema.procedure` in a transaction of its own and give all its rows.

        Raises what the procedure refuses with; Refusal UNAVAILABLE when it certainly did not take effect because the
        server is away, full or too slow; DatabaseOutcomeUnknown when the connection broke or fell silent while it ran;
        psycopg.Error for a fault of ours, such as a procedure that does not exist.
        """
        key = (procedure, len(arguments))
        statement = self._statements.get(key)
        if statement is None:
            statement = self._statements[key] = _statement_of(procedure, len(arguments))
        values = [_value_of(argument) for argument in arguments]
        for _ in range(_TRIES):
            try:
                return await self._run(statement, values)
            except _ROLLED_BACK_BY_OTHERS:
                continue
        raise Refusal(Reason.UNAVAILABLE)

    async def _run(self, statement: bytes, values: list[object]) -> list[Row]:
        connection = await self._lend()
        try:
            async with asyncio.timeout(self._seconds):
                cursor = await connection.execute(statement, values, prepare=True)
                return await cursor.fetchall()
        except TimeoutError:
            await connection.close()
            raise DatabaseOutcomeUnknown from None
        except psycopg.Error as error:
            raise _explain(error, broken=connection.broken or connection.closed) from error
        finally:
            await self._pool.putconn(connection)

    async def _lend(self) -> Connection:
        """Give a connection that was alive a moment ago; nothing has been sent when none can be had."""
        try:
            if self._pool.closed:
                await self._pool.open(wait=False)
            # Each dead one is replaced in the background; after all of them the pool waits for a fresh one.
            for _ in range(self._pool.max_size + 1):
                connection = await self._pool.getconn()
                if _alive(connection):
                    return connection
                await connection.close()
                await self._pool.putconn(connection)
        except (PoolTimeout, PoolClosed) as error:
            raise Refusal(Reason.UNAVAILABLE) from error
        raise Refusal(Reason.UNAVAILABLE)


def _alive(connection: Connection) -> bool:
    """Tell whether an idle connection can be used: a server that closed it has left something to read."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)


def _explain(error: psycopg.Error, *, broken: bool) -> Exception:
    """Give what the caller is told: a refusal, an unknown outcome, or the driver's error for a fault of ours."""
    if error.sqlstate == REFUSED:
        return _refusal_of(error)
    if isinstance(error, _ROLLED_BACK_BY_TIME):
        return Refusal(Reason.UNAVAILABLE)
    if broken:
        return DatabaseOutcomeUnknown()
    return error


def _refusal_of(error: psycopg.Error) -> Refusal:
    reason = Reason[error.diag.message_primary or ""]
    detail = error.diag.message_detail
    metadata = msgspec.json.decode(detail, type=dict[str, str | int]) if detail else {}
    refusal = Refusal(reason)
    refusal.metadata = {name: str(value) for name, value in metadata.items()}
    return refusal


def _statement_of(procedure: str, arguments: int) -> bytes:
    """Give the statement as bytes, which psycopg need not render anew in each call."""
    match = _PROCEDURE.match(procedure)
    if match is None:
        message = f"{procedure!r} is not of the form schema.procedure"
        raise ValueError(message)
    return f'SELECT * FROM "{match[1]}"."{match[2]}"({", ".join(["%s"] * arguments)})'.encode()  # noqa: S608 - checked above


def _value_of(argument: object) -> object:
    kind = type(argument)
    if kind in _PLAIN:
        return argument
    if isinstance(argument, dict | list):
        return Jsonb(argument)
    if isinstance(argument, tuple):
        return list(argument)
    return argument.value if isinstance(argument, Enum) else argument


class _UntypedInteger(Dumper):
    """Sends integers without a type: psycopg's own choice by size would make several statements of one call."""

    oid = 0

    def dump(self, obj: int) -> Buffer:
        return str(obj).encode()


def _adapters() -> AdaptersMap:
    """Give psycopg's adapters with ours on top, for one Database alone."""
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_dumper(int, _UntypedInteger)
    set_json_dumps(msgspec.json.encode, adapters)
    set_json_loads(msgspec.json.decode, adapters)
    return adapters
