"""The cache bounds how long and how much it keeps, and loads once for many."""

import asyncio
import gc
import weakref
from dataclasses import dataclass, field

import pytest

from mesh.expiring_cache import ExpiringCache
from tests.fakes.vault.clocks import FakeMonotonic


@dataclass(slots=True, weakref_slot=True)
class Source:
    """Gives `answer`, counts how often it was asked, and waits for `gate` first."""

    answer: str = "one"
    asked: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    async def load(self) -> str:
        self.asked += 1
        answer = self.answer
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return answer


def open_source() -> Source:
    source = Source()
    source.gate.set()
    return source


def cache_of(entries_max: int = 10) -> tuple[ExpiringCache[str, str], FakeMonotonic]:
    monotonic = FakeMonotonic()
    return ExpiringCache(life_seconds=5.0, entries_max=entries_max, monotonic=monotonic), monotonic


async def test_a_value_is_loaded_once_and_again_when_its_life_is_over() -> None:
    cache, monotonic = cache_of()
    source = open_source()
    assert await cache.get_or_load("key", source.load) == "one"
    source.answer = "two"
    monotonic.seconds += 4.999
    assert cache.get("key") == "one"
    assert await cache.get_or_load("key", source.load) == "one"
    monotonic.seconds += 0.001
    assert cache.get("key") is None
    assert await cache.get_or_load("key", source.load) == "two"
    assert source.asked == 2


async def test_life_counts_from_the_beginning_of_the_load() -> None:
    cache, monotonic = cache_of()
    source = Source()
    waiting = asyncio.create_task(cache.get_or_load("key", source.load))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    monotonic.seconds += 5.0
    source.gate.set()
    assert await waiting == "one"
    assert cache.get("key") is None


async def test_calls_at_the_same_time_share_one_load() -> None:
    cache, _ = cache_of()
    source = Source()
    waiting = [asyncio.create_task(cache.get_or_load("key", source.load)) for _ in range(20)]
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*waiting) == ["one"] * 20
    assert source.asked == 1


async def test_a_failed_load_reaches_all_who_wait_and_is_not_kept() -> None:
    cache, _ = cache_of()
    source = Source(error=ValueError("away"))
    waiting = [asyncio.create_task(cache.get_or_load("key", source.load)) for _ in range(3)]
    await asyncio.sleep(0)
    source.gate.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(result, ValueError) for result in results)
    source.error = None
    assert await cache.get_or_load("key", source.load) == "one"
    assert source.asked == 2


async def test_a_caller_that_gives_up_leaves_the_load_to_the_others() -> None:
    cache, _ = cache_of()
    source = Source()
    first = asyncio.create_task(cache.get_or_load("key", source.load))
    second = asyncio.create_task(cache.get_or_load("key", source.load))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.gate.set()
    assert await second == "one"


async def test_a_load_that_was_under_way_when_its_value_was_dropped_is_not_kept() -> None:
    cache, _ = cache_of()
    stale = Source(answer="stale")
    waiting = asyncio.create_task(cache.get_or_load("key", stale.load))
    await asyncio.sleep(0)
    cache.drop("key")
    fresh = open_source()
    fresh.answer = "fresh"
    assert await cache.get_or_load("key", fresh.load) == "fresh"
    stale.gate.set()
    assert await waiting == "stale"
    assert cache.get("key") == "fresh"


async def test_no_more_than_the_maximum_is_kept_and_the_oldest_goes_first() -> None:
    cache, _ = cache_of(entries_max=3)
    source = open_source()
    for key in ("a", "b", "c", "a", "d"):
        await cache.get_or_load(key, source.load)
    assert [key for key in "abcd" if cache.get(key) is not None] == ["b", "c", "d"]


async def test_an_answer_of_none_is_kept_too() -> None:
    monotonic = FakeMonotonic()
    cache: ExpiringCache[str, None] = ExpiringCache(life_seconds=5.0, entries_max=1, monotonic=monotonic)
    asked = 0

    async def load() -> None:
        nonlocal asked
        asked += 1

    await cache.get_or_load("key", load)
    await cache.get_or_load("key", load)
    assert asked == 1


class Shelf:
    """Has some things, and counts how often it was asked for each."""

    def __init__(self, *things: str) -> None:
        self.things = set(things)
        self.asked: list[str] = []
        self.monotonic = FakeMonotonic()
        self.cache: ExpiringCache[str, str | None] = ExpiringCache(
            life_seconds=5.0, none_life_seconds=2.0, entries_max=3, monotonic=self.monotonic
        )

    async def look_up(self, key: str) -> str | None:
        async def load() -> str | None:
            self.asked.append(key)
            return key if key in self.things else None

        return await self.cache.get_or_load(key, load)


async def test_that_there_is_nothing_is_kept_for_a_shorter_time() -> None:
    shelf = Shelf("there")
    for _ in range(2):
        assert await shelf.look_up("there") == "there"
        assert await shelf.look_up("new") is None
    shelf.monotonic.seconds += 1.999
    assert await shelf.look_up("new") is None
    shelf.things.add("new")
    shelf.monotonic.seconds += 0.001
    assert await shelf.look_up("new") == "new"
    assert await shelf.look_up("there") == "there"
    assert shelf.asked == ["there", "new", "new"]
    shelf.things.remove("new")
    shelf.monotonic.seconds += 5.0
    assert await shelf.look_up("new") is None
    assert shelf.cache.get("new") is None


async def test_asking_for_what_does_not_exist_drives_no_value_out() -> None:
    shelf = Shelf("a", "b", "c")
    for key in "abc":
        await shelf.look_up(key)
    for number in range(10):
        assert await shelf.look_up(f"guess {number}") is None
    asked = len(shelf.asked)
    for key in ("a", "b", "c", "guess 9", "guess 7"):
        await shelf.look_up(key)
    assert len(shelf.asked) == asked
    await shelf.look_up("guess 6")
    assert len(shelf.asked) == asked + 1


async def test_a_dropped_answer_is_asked_for_again_also_when_it_was_none() -> None:
    shelf = Shelf()
    await shelf.look_up("a")
    shelf.cache.drop("a")
    await shelf.look_up("a")
    assert shelf.asked == ["a", "a"]


async def test_what_nobody_asks_for_any_more_is_let_go_when_its_life_is_over() -> None:
    monotonic = FakeMonotonic()
    cache: ExpiringCache[str, Source | None] = ExpiringCache(
        life_seconds=5.0, none_life_seconds=2.0, entries_max=10, monotonic=monotonic
    )
    value = Source()
    seen = weakref.ref(value)
    cache.put("key", value)
    cache.put("none", None)
    del value
    monotonic.seconds += 4.999
    cache.drop_expired()
    gc.collect()
    assert cache.get("key") is seen()
    monotonic.seconds += 0.001
    gc.collect()
    assert seen() is not None
    cache.drop_expired()
    gc.collect()
    assert seen() is None


async def test_a_value_near_its_end_is_loaded_ahead_by_one_who_asks_and_nobody_waits() -> None:
    cache, monotonic = cache_of()
    source = open_source()
    await cache.get_or_load("key", source.load)
    source.answer = "two"
    source.gate.clear()
    monotonic.seconds += 3.999
    assert cache.get_ahead("key", source.load, ahead_seconds=1.0) == "one"
    await asyncio.sleep(0)
    assert source.asked == 1
    monotonic.seconds += 0.001
    assert [cache.get_ahead("key", source.load, ahead_seconds=1.0) for _ in range(3)] == ["one"] * 3
    await asyncio.sleep(0)
    assert source.asked == 2
    source.gate.set()
    while cache.get("key") == "one":  # noqa: ASYNC110 - the load tells nobody
        await asyncio.sleep(0)
    assert cache.get_ahead("key", source.load, ahead_seconds=1.0) == "two"
    # Its life began with the load.
    monotonic.seconds += 4.999
    assert cache.get("key") == "two"


async def test_nothing_beyond_its_life_is_given_ahead_and_a_failed_load_is_tried_again() -> None:
    cache, monotonic = cache_of()
    source = open_source()
    assert cache.get_ahead("key", source.load, ahead_seconds=1.0) is None
    await cache.get_or_load("key", source.load)
    monotonic.seconds += 4.0
    source.error = RuntimeError("down")
    for asked in (2, 3):
        assert cache.get_ahead("key", source.load, ahead_seconds=1.0) == "one"
        for _ in range(3):
            await asyncio.sleep(0)
        assert source.asked == asked
    monotonic.seconds += 1.0
    assert cache.get_ahead("key", source.load, ahead_seconds=1.0) is None


async def test_a_value_that_is_renewed_serves_until_the_new_one_is_there() -> None:
    cache, _ = cache_of()
    source = open_source()
    await cache.get_or_load("key", source.load)
    source.answer = "two"
    source.gate.clear()
    renewed = asyncio.create_task(cache.renew("key", source.load))
    await asyncio.sleep(0)
    assert cache.get("key") == "one"
    source.gate.set()
    assert await renewed == "two"
    assert cache.get("key") == "two"


async def test_a_load_that_began_before_the_change_is_not_kept_beside_the_renewed_one() -> None:
    cache, _ = cache_of()
    old, new = Source("old"), open_source()
    waiting = asyncio.create_task(cache.get_or_load("key", old.load))
    await asyncio.sleep(0)
    new.answer = "new"
    assert await cache.renew("key", new.load) == "new"
    old.gate.set()
    assert await waiting == "old"
    assert cache.get("key") == "new"


async def test_what_can_not_be_renewed_is_forgotten() -> None:
    cache, _ = cache_of()
    source = open_source()
    await cache.get_or_load("key", source.load)
    source.error = RuntimeError("down")
    with pytest.raises(RuntimeError):
        await cache.renew("key", source.load)
    assert cache.get("key") is None
