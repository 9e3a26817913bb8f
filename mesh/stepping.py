"""Runs a coroutine up to where it first waits: one that never waits needs nothing that guards waiting."""

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

Result = TypeVar("Result")


async def within(limit: asyncio.Timeout, work: Coroutine[Any, Any, Result]) -> Result:
    """Give what `work` gives, under `limit` from where it first waits.

    A limit can't end what does not wait, so that it is only begun for what does: a timer costs more than many a call.
    """
    try:
        waited_for = work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    async with limit:
        return await _rest_of(work, waited_for)


@types.coroutine
def _rest_of(work: Coroutine[Any, Any, Result], waited_for: object) -> Generator[object, None, Result]:
    """Go on with a coroutine that has begun; whatever happens while it waits is its own to handle."""
    try:
        while True:
            try:
                yield waited_for
            except BaseException as error:  # noqa: BLE001 - a cancellation among them
                waited_for = work.throw(error)
            else:
                waited_for = work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
