"""Threads for work that takes long, so that the calls of others go on meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from mesh.reasons import Reason
from mesh.refusal import Refusal

Result = TypeVar("Result")


class BoundedThreads:
    """Does up to `at_once` pieces of work at the same time, and lets up to `waiting_max` more wait for their turn."""

    def __init__(self, *, at_once: int, waiting_max: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix=name)
        self._pending_max = at_once + waiting_max
        self._pending = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """Give the result of `work`, or raise what it raises. Refuses with OVERLOADED when too many are waiting.

        Work that nobody waits for any more is not begun; once begun, it goes on to its end and keeps its thread.
        """
        if self._pending >= self._pending_max:
            raise Refusal(Reason.OVERLOADED)
        loop = asyncio.get_running_loop()
        self._pending += 1
        future = self._executor.submit(work)
        future.add_done_callback(lambda done: _tell(loop, done, self._finished))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Begin nothing more; what runs goes on to its end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _finished(self) -> None:
        self._pending -= 1


def _tell(loop: asyncio.AbstractEventLoop, _done: "Future[Any]", finished: Callable[[], None]) -> None:
    """Count in the loop's own thread; a loop that is closed has nobody left who would ask."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(finished)
