"""Records an outcome that is in hand against a database that may be away for a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from gateway_svc.workflows.failures import PASSING
from gateway_svc.workflows.limits import RECORD_FIRST_WAIT_SECONDS, RECORD_TRIES_MAX
from mesh.refusal import Refusal

T = TypeVar("T")

BEFORE_SEND: Final = "worker.before_send"
AFTER_SEND: Final = "worker.after_send"
AFTER_RECORD: Final = "worker.after_record"


async def record(write: Callable[[], Awaitable[T]]) -> T:
    """Call ``write``, which must be idempotent, until the database takes it; the last refusal is raised.

    Tries RECORD_TRIES_MAX times over about 1.6 s. A refusal that no waiting heals is raised at once.
    """
    wait_seconds = RECORD_FIRST_WAIT_SECONDS
    for _ in range(RECORD_TRIES_MAX - 1):
        try:
            return await write()
        except Refusal as refusal:
            if refusal.reason not in PASSING:
                raise
        await asyncio.sleep(wait_seconds)
        wait_seconds *= 2
    return await write()
