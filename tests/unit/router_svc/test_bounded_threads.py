"""Work in threads: bounded, and no caller that goes away frees a place that is still taken."""

import asyncio
import threading

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.application.bounded_threads import BoundedThreads


def boom() -> None:
    message = "boom"
    raise LookupError(message)


async def test_it_gives_what_the_work_gives_and_raises_what_it_raises() -> None:
    threads = BoundedThreads(at_once=1, waiting_max=0, name="test")
    assert await threads.run(threading.current_thread) is not threading.current_thread()
    with pytest.raises(LookupError, match="boom"):
        await threads.run(boom)
    threads.close()


async def test_who_comes_when_all_places_are_taken_is_refused_and_later_not() -> None:
    threads = BoundedThreads(at_once=1, waiting_max=1, name="test")
    free = threading.Event()
    running = [asyncio.create_task(threads.run(free.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as refused:
        await threads.run(lambda: None)
    assert refused.value.reason is Reason.OVERLOADED
    free.set()
    assert await asyncio.gather(*running) == [True, True]
    assert await threads.run(lambda: 1) == 1
    threads.close()


async def test_work_under_way_keeps_its_place_when_its_caller_goes_and_waiting_work_gives_it_up() -> None:
    threads = BoundedThreads(at_once=1, waiting_max=1, name="test")
    begun, free = threading.Event(), threading.Event()
    done = []

    def work() -> None:
        begun.set()
        free.wait()

    under_way = asyncio.create_task(threads.run(work))
    waiting = asyncio.create_task(threads.run(lambda: done.append("waited")))
    await asyncio.to_thread(begun.wait)
    for task in (under_way, waiting):
        task.cancel()
    await asyncio.gather(under_way, waiting, return_exceptions=True)
    follower = asyncio.create_task(threads.run(lambda: done.append("followed")))
    await asyncio.sleep(0)
    with pytest.raises(Refusal):
        await threads.run(lambda: done.append("too many"))
    free.set()
    await follower
    assert done == ["followed"]
    threads.close()
