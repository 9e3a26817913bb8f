"""Keeps what must not be broken off running to its end, whoever stops waiting for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from gateway_svc.application.ports import Logger
from mesh.reasons import Reason
from mesh.refusal import Refusal

Result = TypeVar("Result")

LONGEST_SECONDS: Final = 75.0
"""Every step of a section has a bound of its own; this one holds should all of them fail."""

SECTIONS_MAX: Final = 256
"""Callers who hang up leave their section running, so the server's limit of calls does not bound them."""


class CriticalSections:
    """Runs begin, send and record as one task that a caller's cancellation does not reach."""

    __slots__ = ("_logger", "_longest_seconds", "_sections_max", "_tasks")

    def __init__(
        self, logger: Logger, *, longest_seconds: float = LONGEST_SECONDS, sections_max: int = SECTIONS_MAX
    ) -> None:
        self._logger = logger
        self._longest_seconds = longest_seconds
        self._sections_max = sections_max
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work` to its end and give its result; when the caller is cancelled, `work` goes on.

        Refuses with OVERLOADED, before `work` starts, when too many sections run.
        """
        if len(self._tasks) >= self._sections_max:
            work.close()
            raise Refusal(Reason.OVERLOADED, retry_after_seconds=1)
        task = asyncio.create_task(self._bounded(work))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def drain(self, seconds: float) -> int:
        """Wait at most `seconds` for the running sections; gives how many were broken off at the end.

        One that is broken off leaves its operation as a crash would: recorded as begun, to be settled by the sweep.
        """
        if not self._tasks:
            return 0
        _, pending = await asyncio.wait(self._tasks, timeout=seconds)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        return len(pending)

    async def _bounded(self, work: Coroutine[Any, Any, Result]) -> Result:
        async with asyncio.timeout(self._longest_seconds):
            return await work

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        # Looking at the exception also keeps asyncio from reporting it when the caller is gone.
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Refusal):
            self._logger.error("critical section failed", error=type(error).__name__)
