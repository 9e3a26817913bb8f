"""Calls that come together are one run, each caller gets its own result, and nobody is forgotten."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from mesh.gathering import Gathering


class FaultError(Exception):
    """What a run may fail with."""


class Runs:
    """Doubles numbers; stands still until it may go on; fails with what it is told."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.running = self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.poison: dict[int, Exception] = {}

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.seen.append(list(items))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            for item in items:
                if item in self.poison:
                    raise self.poison[item]
            return [2 * item for item in items]
        finally:
            self.running -= 1


def gathering(runs: Runs, at_once: int = 2, size_max: int = 4) -> Gathering[int, int]:
    return Gathering(runs, at_once=at_once, size_max=size_max, one_by_one=lambda error: isinstance(error, FaultError))


async def standing(calls: Sequence["asyncio.Task[int]"]) -> None:
    """Let the calls come as far as they can."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(call.done() for call in calls)


async def test_a_single_call_is_run_at_once() -> None:
    runs = Runs()
    assert await gathering(runs)(21) == 42
    assert runs.seen == [[21]]


async def test_what_waits_goes_together_in_order_up_to_the_bound() -> None:
    runs = Runs()
    runs.gate.clear()
    double = gathering(runs)
    calls = []
    for item in range(12):
        calls.append(asyncio.create_task(double(item)))
        await standing(calls)
    runs.gate.set()
    assert await asyncio.gather(*calls) == [2 * item for item in range(12)]
    assert runs.seen == [[0], [1], [2, 3, 4, 5], [6, 7, 8, 9], [10, 11]]
    assert runs.most == 2


@pytest.mark.parametrize("at_once", [1, 3])
async def test_nobody_is_forgotten_whenever_they_come(at_once: int) -> None:
    runs = Runs()
    double = gathering(runs, at_once=at_once, size_max=3)

    async def often(first: int) -> None:
        for item in range(first, first + 50):
            assert await double(item) == 2 * item
            for _ in range(item % 4):
                await asyncio.sleep(0)

    async with asyncio.timeout(20):
        await asyncio.gather(*(often(100 * number) for number in range(7)))
    assert sorted(item for run in runs.seen for item in run) == sorted(
        100 * number + item for number in range(7) for item in range(50)
    )
    assert runs.most <= at_once


async def test_the_fault_of_one_is_its_own() -> None:
    runs = Runs()
    runs.gate.clear()
    runs.poison[3] = FaultError("three")
    double = gathering(runs, at_once=1)
    calls = [asyncio.create_task(double(item)) for item in range(5)]
    await standing(calls)
    runs.gate.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [result for result in results if not isinstance(result, Exception)] == [0, 2, 4, 8]
    assert isinstance(results[3], FaultError)


async def test_a_failure_that_is_nobodys_own_is_everybodys_and_nothing_is_repeated() -> None:
    runs = Runs()
    runs.gate.clear()
    runs.poison[2] = ConnectionError("gone")
    double = gathering(runs, at_once=1)
    calls = [asyncio.create_task(double(item)) for item in range(4)]
    await standing(calls)
    runs.gate.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError] * 4
    assert runs.seen == [[0, 1, 2, 3]]
    assert await double(5) == 10


async def test_who_has_gone_is_not_run_and_others_get_theirs() -> None:
    runs = Runs()
    runs.gate.clear()
    double = gathering(runs, at_once=1)
    calls = [asyncio.create_task(double(item)) for item in range(3)]
    await standing(calls)
    late = [asyncio.create_task(double(item)) for item in range(3, 6)]
    await standing(late)
    calls[1].cancel()
    late[1].cancel()
    await asyncio.sleep(0)
    runs.gate.set()
    results = await asyncio.gather(*calls, *late, return_exceptions=True)
    assert [result for result in results if isinstance(result, int)] == [0, 4, 6, 10]
    assert runs.seen == [[0, 1, 2], [3, 5]]


async def test_a_run_that_gives_too_few_results_fails_all_of_them() -> None:
    async def lose_one(items: Sequence[int]) -> Sequence[int]:
        return items[1:]

    double = Gathering(lose_one, at_once=1, size_max=4, one_by_one=lambda _: False)
    with pytest.raises(RuntimeError, match="1 calls got 0 results"):
        await double(1)


async def test_when_the_runs_are_cancelled_nobody_waits_on() -> None:
    runs = Runs()
    runs.gate.clear()
    double = gathering(runs, at_once=1)
    calls = [asyncio.create_task(double(item)) for item in range(2)]
    await standing(calls)
    for task in asyncio.all_tasks() - {asyncio.current_task(), *calls}:
        if "Gathering._work" in repr(task.get_coro()):
            task.cancel()
    async with asyncio.timeout(5):
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 2
    runs.gate.set()
    assert await double(4) == 8


async def test_a_run_knows_nothing_of_the_call_that_began_it() -> None:
    whose: ContextVar[str] = ContextVar("whose", default="nobody's")
    seen = []

    async def look(items: Sequence[int]) -> Sequence[int]:
        seen.append(whose.get())
        return items

    double = Gathering(look, at_once=1, size_max=4, one_by_one=lambda _: False)
    whose.set("mine")
    assert await double(1) == 1
    assert seen == ["nobody's"]
