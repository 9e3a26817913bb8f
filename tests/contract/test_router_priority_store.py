"""What every store of the router does."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mesh.database import Database
from mesh.identifiers import new_id
from router_svc.adapters.postgres.priority_store import PostgresPriorityStore
from router_svc.application.ports.priority_store import Change, PriorityStore
from router_svc.domain.priorities import ListOrigin, MerchantId, Priority, PriorityList
from tests.fakes.router.priority_store import FakePriorityStore
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture

CHANGE = Change("operator", "req_1")
LIST = (
    Priority("sandbox_b", currencies=("EUR", "JPY"), brands=("visa", "amex")),
    Priority("sandbox_a", disabled=True),
    Priority("sandbox_c"),
)


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[PriorityStore]:
    if request.param == "fake":
        yield FakePriorityStore()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    database = Database(server.role_urls["router_svc"], pool_size=4, name="test")
    await database.open()
    yield PostgresPriorityStore(database)
    await database.close()


async def test_a_merchant_without_a_list_has_none(store: PriorityStore) -> None:
    assert await store.get_priorities(MerchantId(new_id("mer"))) is None


async def test_a_list_comes_back_as_it_was_set(store: PriorityStore) -> None:
    merchant_id = MerchantId(new_id("mer"))
    assert await store.set_priorities(merchant_id, LIST, CHANGE) == 1
    assert await store.get_priorities(merchant_id) == PriorityList(LIST, 1, ListOrigin.MERCHANT)


async def test_a_new_list_replaces_the_old_one_as_a_whole_and_for_its_merchant_only(store: PriorityStore) -> None:
    merchant_id, other = MerchantId(new_id("mer")), MerchantId(new_id("mer"))
    await store.set_priorities(other, LIST, CHANGE)
    await store.set_priorities(merchant_id, LIST, CHANGE)
    assert await store.set_priorities(merchant_id, LIST[2:], CHANGE) == 2
    assert await store.get_priorities(merchant_id) == PriorityList(LIST[2:], 2, ListOrigin.MERCHANT)
    assert await store.get_priorities(other) == PriorityList(LIST, 1, ListOrigin.MERCHANT)


async def test_lists_set_at_once_get_versions_without_gaps_and_the_last_one_decides(store: PriorityStore) -> None:
    merchant_id = MerchantId(new_id("mer"))
    lists = [(Priority(f"account_{number}"),) for number in range(8)]
    versions = await asyncio.gather(*(store.set_priorities(merchant_id, one, CHANGE) for one in lists))
    assert sorted(versions) == list(range(1, 9))
    assert await store.get_priorities(merchant_id) == PriorityList(lists[versions.index(8)], 8, ListOrigin.MERCHANT)
