"""The consumer's thread: it is left behind where the library does not come back, and holds up no process that ends."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Never

import pytest

from router_svc.adapters.kafka import source
from router_svc.adapters.kafka.one_thread import OneThread
from router_svc.adapters.kafka.source import KafkaObservationSource

PATIENCE_SECONDS = 60
ROOT = Path(__file__).parents[3]
PROCESS = """
import asyncio, threading
from router_svc.adapters.kafka import source
source.CLOSE_SECONDS = 0.1
events = source.KafkaObservationSource("127.0.0.1:1", "topic")
events._reader.close = threading.Event().wait
asyncio.run(events.close())
print("closed", flush=True)
"""


async def test_a_close_that_hangs_is_left_behind_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    never = threading.Event()
    monkeypatch.setattr(source, "CLOSE_SECONDS", 0.01)
    events = KafkaObservationSource("127.0.0.1:1", "topic")
    monkeypatch.setattr(events._reader, "close", never.wait)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await events.close()
    never.set()
    assert "a consumer does not close; it is left behind" in caplog.messages


def test_a_close_that_hangs_does_not_keep_the_process() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROCESS], cwd=ROOT, capture_output=True, timeout=PATIENCE_SECONDS, check=False, text=True
    )
    assert (ended.returncode, ended.stdout) == (0, "closed\n"), ended.stderr


async def test_calls_are_made_one_after_the_other_in_one_thread() -> None:
    thread = OneThread("test")
    seen = await asyncio.gather(*(asyncio.wrap_future(thread.run(threading.current_thread)) for _ in range(3)))
    assert len(set(seen)) == 1
    assert seen[0] is not threading.current_thread()
    thread.end()


async def test_an_error_goes_to_who_asked_and_the_next_call_is_made() -> None:
    thread = OneThread("test")

    def fail() -> Never:
        raise LookupError

    with pytest.raises(LookupError):
        await asyncio.wrap_future(thread.run(fail))
    assert await asyncio.wrap_future(thread.run(lambda: 1)) == 1
    thread.end()


async def test_a_call_that_nobody_waits_for_any_more_is_not_made() -> None:
    thread = OneThread("test")
    gate, made = threading.Event(), threading.Event()
    first = thread.run(gate.wait)
    second = thread.run(made.set)
    assert second.cancel()
    gate.set()
    await asyncio.wrap_future(first)
    await asyncio.wrap_future(thread.run(lambda: None))
    assert not made.is_set()
    thread.end()
