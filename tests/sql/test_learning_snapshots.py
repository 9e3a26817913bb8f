"""Snapshots of what routers have learnt: the newest few of each layout, and an operator's way to be rid of them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from mesh.database import Database
from router_svc.adapters.postgres.learning_snapshots import LARGEST_BYTES
from router_svc.adapters.postgres.snapshot_store import PostgresSnapshotStore
from router_svc.application.ports.snapshot_store import SNAPSHOTS_MAX
from tests.contract.test_router_snapshot_store import snapshot
from tests.fakes.log import FakeLog
from tests.sql.world import expect
from tests.support.postgres import PostgresServer

Connection = psycopg.Connection[dict[str, Any]]


def connected(url: str) -> Connection:
    return psycopg.connect(url, autocommit=True, row_factory=dict_row)


@pytest.fixture
def admin(postgres: PostgresServer) -> Iterator[Connection]:
    with connected(postgres.admin_url) as connection:
        connection.execute("DELETE FROM router.learning_snapshot")
        yield connection


@pytest.fixture
def router(postgres: PostgresServer) -> Iterator[Connection]:
    with connected(postgres.role_urls["router_svc"]) as connection:
        yield connection


def add(router: Connection, layout: str, state: bytes) -> int:
    row = router.execute("SELECT id FROM router.add_learning_snapshot(%s, %s, 3)", (layout, state)).fetchone()
    assert row is not None
    return int(row["id"])


def states(admin: Connection, layout: str) -> list[bytes]:
    rows = admin.execute("SELECT state FROM router.learning_snapshot WHERE layout = %s ORDER BY id", (layout,))
    return [row["state"] for row in rows]


def newest(router: Connection, layout: str, before: int | None = None) -> bytes | None:
    row = router.execute("SELECT state FROM router.newest_learning_snapshot(%s, %s)", (layout, before)).fetchone()
    return None if row is None else row["state"]


def test_the_newest_of_a_layout_are_kept(admin: Connection, router: Connection) -> None:
    add(router, "other", b"other")
    for number in range(5):
        add(router, "layout", b"%d" % number)
    assert states(admin, "layout") == [b"2", b"3", b"4"]
    assert states(admin, "other") == [b"other"]


def test_layouts_that_nobody_writes_any_more_are_forgotten_in_the_end(admin: Connection, router: Connection) -> None:
    for layout in range(8):
        for number in range(3):
            add(router, f"layout {layout}", b"%d" % number)
    rows = admin.execute("SELECT DISTINCT layout FROM router.learning_snapshot ORDER BY layout").fetchall()
    assert [row["layout"] for row in rows] == [f"layout {number}" for number in range(4, 8)]


@pytest.mark.usefixtures("admin")
def test_older_ones_are_given_one_by_one(router: Connection) -> None:
    ids = [add(router, "layout", b"%d" % number) for number in range(3)]
    assert newest(router, "layout") == b"2"
    assert newest(router, "layout", ids[2]) == b"1"
    assert newest(router, "layout", ids[0]) is None
    assert newest(router, "nowhere") is None


async def test_one_that_is_damaged_is_passed_over(admin: Connection, postgres: PostgresServer) -> None:
    log = FakeLog()
    database = Database(postgres.role_urls["router_svc"], pool_size=2, name="test")
    await database.open()
    store = PostgresSnapshotStore(database, log.logger)
    await store.add("layout", snapshot(4))
    await store.add("layout", snapshot(5))
    admin.execute(
        "UPDATE router.learning_snapshot SET state = '\\x00' WHERE id = (SELECT max(id) FROM router.learning_snapshot)"
    )
    assert await store.newest("layout") == snapshot(4)
    assert [line["event"] for line in log.lines] == ["snapshot of the learning can't be read"]
    admin.execute("UPDATE router.learning_snapshot SET state = '\\x00'")
    assert await store.newest("layout") is None
    await database.close()


def test_what_is_too_large_or_empty_is_refused_and_changes_nothing(admin: Connection, router: Connection) -> None:
    for state in (b"", bytes(LARGEST_BYTES + 1)):
        with expect("23514"):
            add(router, "layout", state)
    assert states(admin, "layout") == []


def test_routers_that_write_at_once_neither_wait_in_a_circle_nor_lose_the_newest(
    admin: Connection, postgres: PostgresServer
) -> None:
    start = threading.Barrier(6)

    def write(writer: int) -> int:
        with connected(postgres.role_urls["router_svc"]) as router:
            start.wait(30)
            return [add(router, "layout", b"%d %d" % (writer, number)) for number in range(10)][-1]

    with ThreadPoolExecutor(6) as threads:
        last = max(threads.map(write, range(6)))
    rows = admin.execute("SELECT id FROM router.learning_snapshot ORDER BY id DESC").fetchall()
    assert rows[0]["id"] == last
    assert len(rows) <= 6 + SNAPSHOTS_MAX
    with connected(postgres.role_urls["router_svc"]) as router:
        add(router, "layout", b"after")
    assert len(states(admin, "layout")) == SNAPSHOTS_MAX


def test_an_operator_drops_them_all_and_the_router_may_not(admin: Connection, router: Connection) -> None:
    add(router, "layout", b"1")
    add(router, "other", b"2")
    with expect("42501"):
        router.execute("SELECT router.drop_learning_snapshots()")
    row = admin.execute("SELECT router.drop_learning_snapshots() AS dropped").fetchone()
    assert row == {"dropped": 2}
    assert newest(router, "layout") is None
