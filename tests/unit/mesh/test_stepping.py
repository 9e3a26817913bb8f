"""What is begun by hand goes on like any coroutine, and is limited where it waits."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from mesh.stepping import within


async def gather(*steps: float) -> list[str]:
    """Wait as often as there are steps, for so long each, and tell what came."""
    told = []
    for step in steps:
        try:
            await asyncio.sleep(step)
            told.append("slept")
        except asyncio.CancelledError:
            told.append("cancelled")
    return told


async def alone(work: Coroutine[Any, Any, Any], seconds: float = 60) -> Any:
    return await within(asyncio.timeout(seconds), work)


async def test_what_does_not_wait_gives_its_result() -> None:
    assert await alone(gather()) == []


async def test_what_waits_goes_on_to_its_end() -> None:
    assert await alone(gather(0, 0.001, 0)) == ["slept"] * 3


@pytest.mark.parametrize("steps", [(), (0,)])
async def test_an_error_is_raised_wherever_it_happens(steps: tuple[float, ...]) -> None:
    async def fail() -> None:
        await gather(*steps)
        raise LookupError

    with pytest.raises(LookupError):
        await alone(fail())


@pytest.mark.parametrize("before", [(), (0,)])
async def test_the_limit_ends_what_waits_too_long(before: tuple[float, ...]) -> None:
    limit = asyncio.timeout(0.01)

    async def hang() -> None:
        await gather(*before)
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await within(limit, hang())
    assert limit.expired()


async def test_a_limit_that_is_over_ends_what_waits_at_all() -> None:
    with pytest.raises(TimeoutError):
        await alone(asyncio.Event().wait(), seconds=0)


@pytest.mark.parametrize("before", [(), (0,)])
async def test_a_cancellation_reaches_what_waits(before: tuple[float, ...]) -> None:
    told: list[str] = []

    async def hang() -> None:
        await gather(*before)
        try:
            await asyncio.Event().wait()
        finally:
            told.append("cleaned up")

    task = asyncio.create_task(alone(hang()))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["cleaned up"]


async def test_a_cancellation_may_be_handled_and_more_waited_for() -> None:
    task = asyncio.create_task(alone(gather(60, 0)))
    await asyncio.sleep(0)
    task.cancel()
    assert await task == ["cancelled", "slept"]


async def test_it_runs_in_the_task_that_awaits_it() -> None:
    async def tasks() -> set[Any]:
        found = {asyncio.current_task()}
        await asyncio.sleep(0)
        async with asyncio.timeout(60), asyncio.timeout(50):
            await asyncio.sleep(0.001)
        return found | {asyncio.current_task()}

    assert await alone(tasks()) == {asyncio.current_task()}
