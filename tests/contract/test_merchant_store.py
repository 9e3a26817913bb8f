"""What every store of merchants and API keys does: the fake that unit tests use, and the stored procedures."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from gateway_svc.adapters.postgres.merchant_store import PostgresMerchantStore
from gateway_svc.application.api_keys import new_key
from gateway_svc.application.ports import NewApiKey
from mesh.context import KeyScope
from mesh.database import Database
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.merchant_store import FakeMerchantStore
from tests.support.postgres import PostgresServer, postgres

__all__ = ["postgres"]

Store = FakeMerchantStore | PostgresMerchantStore


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "fake":
        yield FakeMerchantStore()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    database = Database(server.role_urls["gateway_svc"], pool_size=2, name="test")
    await database.open()
    yield PostgresMerchantStore(database)
    await database.close()


def api_key(merchant_id: str | None, scope: KeyScope = KeyScope.SECRET) -> NewApiKey:
    key = new_key(scope, live=False)
    return NewApiKey(new_id("key"), merchant_id, scope.value, live=False, prefix=key.prefix, sha256=key.sha256)


async def refusal_of(call: object) -> Reason:
    with pytest.raises(Refusal) as caught:
        await call  # type: ignore[misc]
    return caught.value.reason


async def test_merchants_are_kept_and_listed_newest_first(store: Store) -> None:
    ids = [new_id("mer") for _ in range(3)]
    views = [await store.create_merchant(merchant_id, f"Shop {merchant_id}") for merchant_id in ids]
    assert set(views[0]) == {"id", "name", "card_code_required", "cascade", "created_us"}
    assert await store.get_merchant(ids[0]) == views[0]
    listed = await store.list_merchants(None, None, 3)
    assert listed == views[::-1]
    assert await store.list_merchants(views[2]["created_us"], ids[2], 2) == views[1::-1]
    assert await refusal_of(store.get_merchant(new_id("mer"))) is Reason.MERCHANT_NOT_FOUND


async def test_a_key_is_found_by_its_hash_until_revoked_and_after(store: Store) -> None:
    merchant_id = new_id("mer")
    await store.create_merchant(merchant_id, "Shop")
    new = api_key(merchant_id)
    view = await store.create_api_key(new)
    assert set(view) == {"id", "merchant_id", "scope", "live", "prefix", "created_us", "revoked_us"}
    assert (view["id"], view["merchant_id"], view["scope"], view["prefix"]) == (new.id, merchant_id, 2, new.prefix)
    assert view["revoked_us"] is None
    assert await store.look_up_key(new.sha256) == view
    assert await store.look_up_key(hashlib.sha256(b"other").digest()) is None
    revoked = await store.revoke_api_key(new.id)
    assert revoked["revoked_us"] >= view["created_us"]
    assert await store.revoke_api_key(new.id) == revoked
    assert await store.look_up_key(new.sha256) == revoked
    assert await refusal_of(store.revoke_api_key(new_id("key"))) is Reason.API_KEY_NOT_FOUND


@pytest.mark.parametrize("scope", KeyScope)
async def test_no_key_is_made_without_a_merchant_so_that_none_is_an_operators(store: Store, scope: KeyScope) -> None:
    assert await refusal_of(store.create_api_key(api_key(None, scope))) is Reason.MERCHANT_NOT_FOUND


async def test_keys_are_listed_newest_first_and_limited(store: Store) -> None:
    merchant_id = new_id("mer")
    assert await refusal_of(store.create_api_key(api_key(merchant_id))) is Reason.MERCHANT_NOT_FOUND
    assert await refusal_of(store.list_api_keys(merchant_id)) is Reason.MERCHANT_NOT_FOUND
    await store.create_merchant(merchant_id, "Shop")
    created = [await store.create_api_key(api_key(merchant_id)) for _ in range(100)]
    assert await store.list_api_keys(merchant_id) == created[::-1]
    assert await refusal_of(store.create_api_key(api_key(merchant_id))) is Reason.API_KEY_LIMIT
    await store.revoke_api_key(created[0]["id"])
    await store.create_api_key(api_key(merchant_id))


async def test_settings_are_replaced_and_shown_wherever_the_merchant_is(store: Store) -> None:
    merchant_id, other_id = new_id("mer"), new_id("mer")
    created = await store.create_merchant(merchant_id, "Shop")
    other = await store.create_merchant(other_id, "Other shop")
    assert (created["card_code_required"], created["cascade"]) == (False, {})
    cascade = {"off": True, "codes": ["do_not_honor"], "classes": ["T"], "max_attempts": 2}
    configured = await store.configure_merchant(merchant_id, card_code_required=True, cascade=cascade)
    assert configured == dict(created) | {"card_code_required": True, "cascade": cascade}
    assert await store.configure_merchant(merchant_id, card_code_required=True, cascade=cascade) == configured
    assert await store.get_merchant(merchant_id) == configured
    assert await store.list_merchants(None, None, 2) == [other, configured]
    assert await store.configure_merchant(merchant_id, card_code_required=False, cascade={}) == created
    refused = store.configure_merchant(new_id("mer"), card_code_required=True, cascade={})
    assert await refusal_of(refused) is Reason.MERCHANT_NOT_FOUND
