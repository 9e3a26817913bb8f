"""The call being served is known to whoever serves it, and to nobody else."""

import asyncio
import time

import pytest

from mesh import context as calls
from mesh.context import CallContext


def make(request_id: str, deadline: float = 0.0) -> CallContext:
    return CallContext(request_id, "envoy", None, "", deadline)


def test_outside_a_call_there_is_none() -> None:
    assert calls.current_or_none() is None
    with pytest.raises(LookupError):
        calls.current()


async def test_each_task_has_its_own_call() -> None:
    async def serve(request_id: str) -> str:
        calls.set_current(make(request_id))
        await asyncio.sleep(0)
        return calls.current().request_id

    assert await asyncio.gather(*[serve(str(number)) for number in range(10)]) == [str(number) for number in range(10)]
    assert calls.current_or_none() is None


def test_a_block_has_its_call() -> None:
    with calls.serving(make("a")):
        calls.mark_replayed()
        assert calls.current().replayed
        with calls.serving(make("b")):
            assert not calls.current().replayed
        assert calls.current().request_id == "a"
    assert calls.current_or_none() is None


def test_time_left_never_falls_below_zero() -> None:
    assert calls.remaining_ms(make("a", time.monotonic() - 5)) == 0
    assert 59_000 < calls.remaining_ms(make("a", time.monotonic() + 60)) <= 60_000
