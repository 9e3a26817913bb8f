"""One thread for calls that block, which a process does not wait for when it ends."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeAlias, TypeVar

Result = TypeVar("Result")
_Work: TypeAlias = "tuple[Callable[[], Any], Future[Any]]"


class OneThread:
    """Does one call after the other in a thread of its own.

    The thread is a daemon: a call of a library that never comes back keeps no process from ending, as one in an
    executor's thread would. Whoever asks waits for one call before the next, so that none pile up.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    def run(self, call: Callable[[], Result]) -> "Future[Result]":
        """Let the thread make a call, when those before it are done."""
        if self._thread.ident is None:
            self._thread.start()
        future: Future[Result] = Future()
        self._calls.put((call, future))
        return future

    def end(self) -> None:
        """End the thread when its calls are done; waits for nothing."""
        self._calls.put(None)

    def _serve(self) -> None:
        while (work := self._calls.get()) is not None:
            call, future = work
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked
                future.set_exception(error)
            else:
                future.set_result(result)
            # Nothing of the last call is kept while the next one is waited for.
            del work, call, future
