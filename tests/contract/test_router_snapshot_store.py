"""What every store of the router's snapshots does."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from mesh.database import Database
from router_svc.adapters.postgres.snapshot_store import PostgresSnapshotStore
from router_svc.application.ports.snapshot_store import SNAPSHOTS_MAX, KnowledgeSnapshot, SnapshotStore
from router_svc.domain.health import Health, HealthSettings
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.learning.state import Learning
from router_svc.domain.observation import Taught
from tests.fakes.log import FakeLog
from tests.fakes.router.snapshot_store import FakeSnapshotStore
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture
from tests.unit.router_svc.observations import seen


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[SnapshotStore]:
    if request.param == "fake":
        yield FakeSnapshotStore()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    database = Database(server.role_urls["router_svc"], pool_size=4, name="test")
    await database.open()
    yield PostgresSnapshotStore(database, FakeLog().logger)
    await database.close()


@pytest.fixture
def layout() -> str:
    return f"topic {secrets.token_hex(8)}"


def snapshot(count: int) -> KnowledgeSnapshot:
    """Make the snapshot of as many outcomes, half of them technical errors."""
    learning, health = Learning(LearningSettings()), Health(HealthSettings())
    for number in range(count):
        event = seen(number, Taught.TECHNICAL if number % 2 else Taught.APPROVED)
        learning.observe(event)
        health.observe(event)
    return KnowledgeSnapshot(learning.snapshot(), health.snapshot(), ((0, count), (1, 1 << 40)))


async def test_a_layout_without_snapshots_has_none(store: SnapshotStore, layout: str) -> None:
    assert await store.newest(layout) is None


async def test_a_snapshot_comes_back_as_it_was_kept(store: SnapshotStore, layout: str) -> None:
    await store.add(layout, snapshot(9))
    assert await store.newest(layout) == snapshot(9)


async def test_the_newest_of_a_layout_is_given_whatever_others_have(store: SnapshotStore, layout: str) -> None:
    await store.add(layout, snapshot(1))
    await store.add(layout, snapshot(3))
    await store.add(f"{layout} other", snapshot(2))
    assert await store.newest(layout) == snapshot(3)
    assert await store.newest(f"{layout} other") == snapshot(2)


async def test_routers_may_keep_snapshots_at_once(store: SnapshotStore, layout: str) -> None:
    snapshots = [snapshot(number) for number in range(8)]
    await asyncio.gather(*(store.add(layout, one) for one in snapshots))
    assert await store.newest(layout) in snapshots


async def test_a_snapshot_outlives_those_that_were_kept_before_it(store: SnapshotStore, layout: str) -> None:
    for number in range(SNAPSHOTS_MAX + 2):
        await store.add(layout, snapshot(number))
    assert await store.newest(layout) == snapshot(SNAPSHOTS_MAX + 1)
