"""Gathers calls that come at the same time and makes one of them, so that what each costs is paid once."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Gathering(Generic[Item, Result]):
    """Runs `run` with the items that are waiting, up to `size_max` of them, `at_once` times side by side.

    Nobody waits for company: an item that comes while fewer than `at_once` runs are under way is run at once. An item
    whose caller has gone is not run any more, unless its run is under way already.

    `run` gives a result for each item, in their order. What it raises, every caller of that run gets; unless
    `one_by_one` tells of an error that it may be the fault of one item and that nothing was done: then each item is run
    for itself.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        at_once: int,
        size_max: int,
        one_by_one: Callable[[Exception], bool],
    ) -> None:
        self._run = run
        self._at_once = at_once
        self._size_max = size_max
        self._one_by_one = one_by_one
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._runs: set[asyncio.Task[None]] = set()
        self._running = 0

    async def __call__(self, item: Item) -> Result:
        """Give the item's result; raises what its run raised."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, answer))
        if self._running < self._at_once:
            self._running += 1
            # It works for whoever comes, so nothing of this caller goes along.
            task = loop.create_task(self._work(), context=contextvars.Context())
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)
        return await answer

    async def _work(self) -> None:
        try:
            while together := self._next():
                await self._settle(together)
        finally:
            self._running -= 1

    def _next(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        together: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._waiting and len(together) < self._size_max:
            item, answer = self._waiting.popleft()
            if not answer.done():
                together.append((item, answer))
        return together

    async def _settle(self, together: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._run([item for item, _ in together])
            if len(results) != len(together):
                message = f"{len(together)} calls got {len(results)} results"
                raise RuntimeError(message)
        except asyncio.CancelledError:
            for _, answer in together:
                answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - it is raised where the call was made
            await self._settle_failed(together, error)
            return
        for (_, answer), result in zip(together, results, strict=True):
            if not answer.done():
                answer.set_result(result)

    async def _settle_failed(self, together: Sequence[tuple[Item, asyncio.Future[Result]]], error: Exception) -> None:
        if len(together) > 1 and self._one_by_one(error):
            for each in together:
                await self._settle([each])
            return
        for _, answer in together:
            if not answer.done():
                answer.set_exception(error)
