"""Records an outcome that is in hand against a database that may be away for a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from gateway_svc.workflows.failures import PASSING
from gateway_svc.workflows.limits import FRESH_SECONDS, RECORD_FIRST_WAIT_SECONDS, RECORD_TRIES_MAX
from mesh.reasons import Reason
from mesh.refusal import Refusal

T = TypeVar("T")

BEFORE_SEND: Final = "worker.before_send"
AFTER_SEND: Final = "worker.after_send"
AFTER_RECORD: Final = "worker.after_record"
AFTER_KEEP: Final = "worker.after_keep"


def require_fresh(began: float, now: float) -> None:
    """Refuse to send on the strength of a record read at ``began``, both in seconds of one monotonic clock, long ago.

    A worker that stood still may send after the PSP has forgotten the key, and so charge again. The step is tried anew
    from the record, which has what was begun as SENDING: it is asked for.
    """
    if now - began > FRESH_SECONDS:
        raise Refusal(Reason.DEADLINE_EXCEEDED)


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
