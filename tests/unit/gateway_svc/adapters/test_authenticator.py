"""API keys as the gateway looks them up: kept for seconds, asked once for many, bounded."""

import asyncio
import hashlib

import pytest

from gateway_svc.adapters.keys.authenticator import CachingAuthenticator
from gateway_svc.application.api_keys import KeyMaterial, new_key
from gateway_svc.application.ports import NewApiKey, View
from mesh.authentication import KeyRecord
from mesh.context import KeyScope, Principal
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.merchant_store import FakeMerchantStore
from tests.fakes.gateway.peers import FakeClock

MERCHANT = "mer_1"


class SlowStore(FakeMerchantStore):
    """Answers when it is let go."""

    def __init__(self) -> None:
        super().__init__(merchants={MERCHANT})
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def look_up_key(self, sha256: bytes) -> View | None:
        found = await super().look_up_key(sha256)
        self.asked.set()
        await self.go.wait()
        return found


async def stored(store: FakeMerchantStore, key_id: str = "key_1") -> KeyMaterial:
    key = new_key(KeyScope.SECRET, live=True)
    await store.create_api_key(
        NewApiKey(key_id, MERCHANT, KeyScope.SECRET, live=True, prefix=key.prefix, sha256=key.sha256)
    )
    return key


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store() -> FakeMerchantStore:
    return FakeMerchantStore(merchants={MERCHANT})


async def test_a_known_key_is_kept_for_five_seconds(store: FakeMerchantStore, clock: FakeClock) -> None:
    authenticator = CachingAuthenticator(store, monotonic=clock.monotonic)
    key = await stored(store)
    expected = KeyRecord(Principal(MERCHANT, KeyScope.SECRET, "key_1", live=True), revoked=False)
    assert await authenticator.look_up(key.sha256) == expected
    await store.revoke_api_key("key_1")
    clock.advance(4.9)
    assert await authenticator.look_up(key.sha256) == expected
    assert store.look_ups == 1
    clock.advance(0.1)
    revoked = await authenticator.look_up(key.sha256)
    assert revoked is not None
    assert revoked.revoked


async def test_an_unknown_key_is_kept_for_two_seconds(store: FakeMerchantStore, clock: FakeClock) -> None:
    authenticator = CachingAuthenticator(store, monotonic=clock.monotonic)
    key = new_key(KeyScope.SECRET, live=True)
    assert await authenticator.look_up(key.sha256) is None
    await store.create_api_key(
        NewApiKey("key_1", MERCHANT, KeyScope.SECRET, live=True, prefix=key.prefix, sha256=key.sha256)
    )
    clock.advance(1.9)
    assert await authenticator.look_up(key.sha256) is None
    assert store.look_ups == 1
    clock.advance(0.1)
    assert await authenticator.look_up(key.sha256) is not None


async def test_calls_at_once_share_one_look_up_and_one_who_leaves_does_not_break_it_off(clock: FakeClock) -> None:
    slow = SlowStore()
    key = await stored(slow)
    authenticator = CachingAuthenticator(slow, monotonic=clock.monotonic)
    calls = [asyncio.create_task(authenticator.look_up(key.sha256)) for _ in range(10)]
    await slow.asked.wait()
    calls[0].cancel()
    slow.go.set()
    records = await asyncio.gather(*calls[1:])
    assert slow.look_ups == 1
    assert all(record is not None for record in records)
    assert calls[0].cancelled()


async def test_what_was_loaded_is_as_old_as_the_question(clock: FakeClock) -> None:
    slow = SlowStore()
    key = await stored(slow)
    authenticator = CachingAuthenticator(slow, monotonic=clock.monotonic)
    call = asyncio.create_task(authenticator.look_up(key.sha256))
    await slow.asked.wait()
    clock.advance(4)
    slow.go.set()
    await call
    clock.advance(1)
    await authenticator.look_up(key.sha256)
    assert slow.look_ups == 2


async def test_guessing_keys_drives_no_known_key_out(store: FakeMerchantStore, clock: FakeClock) -> None:
    authenticator = CachingAuthenticator(store, keys_max=3, monotonic=clock.monotonic)
    key = await stored(store)
    await authenticator.look_up(key.sha256)
    guesses = [hashlib.sha256(bytes([number])).digest() for number in range(10)]
    for guess in guesses:
        assert await authenticator.look_up(guess) is None
    await authenticator.look_up(key.sha256)
    assert store.look_ups == 11
    await authenticator.look_up(guesses[-1])
    assert store.look_ups == 11
    await authenticator.look_up(guesses[0])
    assert store.look_ups == 12


async def test_a_store_that_is_away_is_told_and_not_kept(store: FakeMerchantStore, clock: FakeClock) -> None:
    authenticator = CachingAuthenticator(store, monotonic=clock.monotonic)
    key = await stored(store)
    store.faults.arm("look_up_key", Refusal(Reason.UNAVAILABLE))
    with pytest.raises(Refusal) as caught:
        await authenticator.look_up(key.sha256)
    assert caught.value.reason is Reason.UNAVAILABLE
    assert await authenticator.look_up(key.sha256) is not None


async def test_an_operators_key_belongs_to_no_merchant(store: FakeMerchantStore, clock: FakeClock) -> None:
    key = new_key(KeyScope.OPERATOR, live=False)
    store.add_key(NewApiKey("key_1", None, KeyScope.OPERATOR, live=False, prefix=key.prefix, sha256=key.sha256))
    record = await CachingAuthenticator(store, monotonic=clock.monotonic).look_up(key.sha256)
    assert record == KeyRecord(Principal("", KeyScope.OPERATOR, "key_1", live=False), revoked=False)
