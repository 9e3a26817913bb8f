"""Plays calls of a service: as many as it can take from some callers, or a fixed number a second."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import grpc

from devstack.bench.measure import cpu_seconds

CALL_SECONDS: Final = 10.0
WARM_UP_SECONDS: Final = 1.0

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Load:
    """One load: calls a second, latencies in ms from when a call was due, errors, CPU ms of the service per call.

    `caller_ms` is the CPU that a call took of whoever made it, in ms; 0 when that was not measured.
    """

    name: str
    mode: str
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: int
    cpu_ms: float
    caller_ms: float = 0.0


HEAD: Final = f"{'':<12}{'mode':<16}{'per second':>11}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'CPU ms':>9}{'errors':>8}"


def line(load: Load) -> str:
    """Give a line under HEAD."""
    return (
        f"{load.name:<12}{load.mode:<16}{load.per_second:>11.1f}{load.p50_ms:>9.2f}{load.p99_ms:>9.2f}"
        f"{load.max_ms:>9.1f}{load.cpu_ms:>9.2f}{load.errors:>8}"
    )


async def play(name: str, call: Call, service: int, *, connections: int = 0, rate: float = 0.0, seconds: float) -> Load:
    """Play one load on the process `service`: a closed loop of `connections` callers, or `rate` calls a second."""
    mode = f"{rate:.0f} a second" if rate else f"{connections} in flight"
    latencies: list[float] = []
    errors = 0
    start = time.perf_counter()
    counting_from, end = start + WARM_UP_SECONDS, start + WARM_UP_SECONDS + seconds
    before = cpu_seconds(service)

    async def one(due: float) -> None:
        nonlocal errors
        try:
            await call()
        except grpc.aio.AioRpcError:
            errors += 1
        if due >= counting_from:
            latencies.append((time.perf_counter() - due) * 1000)

    if rate:
        await _at_rate(one, start, end, rate)
    else:
        await asyncio.gather(*(_closed(one, end) for _ in range(connections)))
    elapsed = time.perf_counter() - counting_from
    spent = (cpu_seconds(service) - before) * 1000 * seconds / (seconds + WARM_UP_SECONDS)
    ordered = sorted(latencies)
    return Load(
        name=name,
        mode=mode,
        per_second=round(len(ordered) / elapsed, 1),
        p50_ms=percentile(ordered, 0.50),
        p99_ms=percentile(ordered, 0.99),
        max_ms=percentile(ordered, 1.0),
        errors=errors,
        cpu_ms=round(spent / max(1, len(ordered)), 3),
    )


async def _closed(one: Callable[[float], Awaitable[None]], end: float) -> None:
    while (now := time.perf_counter()) < end:
        await one(now)


async def _at_rate(one: Callable[[float], Awaitable[None]], start: float, end: float, rate: float) -> None:
    running: set[asyncio.Task[None]] = set()
    for number in range(int((end - start) * rate)):
        due = start + number / rate
        delay = due - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)

        async def timed(due: float = due) -> None:
            await one(due)

        task = asyncio.create_task(timed())
        running.add(task)
        task.add_done_callback(running.discard)
    with suppress(TimeoutError):
        async with asyncio.timeout(CALL_SECONDS):
            await asyncio.gather(*running)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the value below which `share` of the ordered ones are."""
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) if ordered else 0.0
