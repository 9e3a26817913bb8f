"""A small cache whose entries live for a bounded time and whose loads are shared by all who wait for them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class ExpiringCache(Generic[Key, Value]):
    """Keeps up to `entries_max` values for `life_seconds` each, counted from when their load began.

    The answer None, that there is no such thing, is kept for `none_life_seconds`, the same as values unless told. Such
    answers have `entries_max` places of their own, so that asking for what does not exist drives no value out.
    A failed load is not kept: everyone who waited for it gets its error, and the next one loads again.
    """

    def __init__(
        self,
        *,
        life_seconds: float,
        entries_max: int,
        monotonic: Callable[[], float],
        none_life_seconds: float | None = None,
    ) -> None:
        self._life_seconds = life_seconds
        self._none_life_seconds = life_seconds if none_life_seconds is None else none_life_seconds
        self._entries_max = entries_max
        self._monotonic = monotonic
        self._values: dict[Key, tuple[float, Value]] = {}
        self._nones: dict[Key, tuple[float, Value]] = {}
        self._loads: dict[Key, asyncio.Task[Value]] = {}

    def get(self, key: Key) -> Value | None:
        """Give the value when it is there and its life is not over."""
        entry = self._values.get(key)
        if entry is None or self._monotonic() >= entry[0]:
            return None
        return entry[1]

    def get_ahead(self, key: Key, load: Callable[[], Awaitable[Value]], *, ahead_seconds: float) -> Value | None:
        """Give what `get` gives; a value that has at most `ahead_seconds` left to live is loaded anew meanwhile.

        So nobody waits for the load of a value that is asked for all the time. Needs a running loop.
        """
        entry = self._values.get(key)
        now = self._monotonic()
        if entry is None or now >= entry[0]:
            return None
        if now >= entry[0] - ahead_seconds and key not in self._loads:
            self._begin(key, load)
        return entry[1]

    async def renew(self, key: Key, load: Callable[[], Awaitable[Value]]) -> Value:
        """Load a value that has changed; until that is done, the old one serves on for as long as it lives.

        A load under way still answers those who wait for it, but is not kept. After a failed load nothing is kept.
        """
        task = self._begin(key, load)
        try:
            return await asyncio.shield(task)
        except Exception:
            if key not in self._loads:
                self.drop(key)
            raise

    def put(self, key: Key, value: Value) -> None:
        """Keep a value that is known without a load."""
        self._loads.pop(key, None)
        self._keep(key, value, self._monotonic())

    async def get_or_load(self, key: Key, load: Callable[[], Awaitable[Value]]) -> Value:
        """Give the value, loading it when it is not there; calls at the same time share one load.

        A caller that is cancelled leaves the load running for the others.
        """
        entry = self._values.get(key) or self._nones.get(key)
        if entry is not None and self._monotonic() < entry[0]:
            return entry[1]
        task = self._loads.get(key)
        if task is None:
            task = self._begin(key, load)
        return await asyncio.shield(task)

    def drop(self, key: Key) -> None:
        """Forget a value; a load under way still answers those who wait for it, but is not kept."""
        self._values.pop(key, None)
        self._nones.pop(key, None)
        self._loads.pop(key, None)

    def drop_expired(self) -> None:
        """Forget every value whose life is over: until then one that nobody asks for stays in memory, unused."""
        now = self._monotonic()
        for entries in (self._values, self._nones):
            for key in [key for key, entry in entries.items() if now >= entry[0]]:
                del entries[key]

    def _begin(self, key: Key, load: Callable[[], Awaitable[Value]]) -> "asyncio.Task[Value]":
        task = asyncio.create_task(self._load(key, load))
        self._loads[key] = task
        task.add_done_callback(_observe)
        return task

    async def _load(self, key: Key, load: Callable[[], Awaitable[Value]]) -> Value:
        task = asyncio.current_task()
        # What is loaded may be as old as the moment at which it was asked for.
        asked = self._monotonic()
        try:
            value = await load()
            if self._loads.get(key) is task:
                self._keep(key, value, asked)
            return value
        finally:
            if self._loads.get(key) is task:
                del self._loads[key]

    def _keep(self, key: Key, value: Value, asked: float) -> None:
        # Taken out first, so that the order of a map is the order of expiry, and the first goes when it is full.
        self._values.pop(key, None)
        self._nones.pop(key, None)
        entries, life_seconds = (
            (self._nones, self._none_life_seconds) if value is None else (self._values, self._life_seconds)
        )
        while len(entries) >= self._entries_max:
            del entries[next(iter(entries))]
        entries[key] = (asked + life_seconds, value)


def _observe(task: "asyncio.Task[Value]") -> None:
    """Take note of a load's error, so that one nobody waits for any more is not reported as forgotten."""
    if not task.cancelled():
        task.exception()
