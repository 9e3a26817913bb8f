"""A small HTTP/1.1 load generator in a process of its own: closed loop, or a fixed rate timed from the schedule.

Latencies at a fixed rate are counted from the moment a request was due, not from when it could be sent, so that a
stalled server can't hide its stall (coordinated omission). JSON specification on standard input, result on standard
output.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import cast

import uvloop


@dataclass(frozen=True, slots=True)
class LoadSpecification:
    """What to send: ``rate`` requests a second, or as fast as ``connections`` in a closed loop when it is 0."""

    host: str
    port: int
    path: str
    body: str
    headers: dict[str, str]
    expect: str
    connections: int
    seconds: float
    rate: float = 0.0
    key_prefix: str = ""
    warm_up_seconds: float = 1.0


@dataclass(slots=True)
class LoadResult:
    """What came of it: latencies in milliseconds at percentiles, and how many answers were not as expected."""

    requests: int = 0
    seconds: float = 0.0
    unexpected: int = 0
    sample: str = ""
    percentiles: dict[str, float] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds if self.seconds else 0.0


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request in flight."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if len(rest) >= length and self._answer is not None and not self._answer.done():
            self._buffer = b""
            self._answer.set_result(head + b"\r\n\r\n" + rest)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server closed the connection"))

    async def ask(self, request: bytes) -> bytes:
        """Send one request and return the raw answer; raises OSError or TimeoutError."""
        if self._transport is None or self._transport.is_closing():
            message = "the connection is closed"
            raise ConnectionResetError(message)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await asyncio.wait_for(self._answer, 30)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


class _Load:
    def __init__(self, specification: LoadSpecification) -> None:
        self._specification = specification
        self._latencies: list[float] = []
        self._result = LoadResult()
        self._sent = 0
        self._counting_from = 0.0
        headers = {"host": "localhost", "content-type": "application/json", **specification.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        body = specification.body.encode()
        self._before = (
            f"POST {specification.path} HTTP/1.1\r\n{head}content-length: {len(body)}\r\nidempotency-key: ".encode()
        )
        self._after = b"\r\n\r\n" + body
        self._expect = specification.expect.encode()

    async def run(self) -> LoadResult:
        """Send everything and return what came of it."""
        loop = asyncio.get_running_loop()
        spec = self._specification
        connections = [
            (await loop.create_connection(_Connection, spec.host, spec.port))[1] for _ in range(spec.connections)
        ]
        start = time.perf_counter()
        self._counting_from = start + spec.warm_up_seconds
        end = self._counting_from + spec.seconds
        if spec.rate:
            await self._fixed_rate(connections, start, end)
        else:
            await asyncio.gather(*(self._closed_loop(connection, end) for connection in connections))
        for connection in connections:
            connection.close()
        self._result.seconds = time.perf_counter() - self._counting_from
        self._result.requests = len(self._latencies)
        ordered = sorted(self._latencies)
        for name, share in (("p50", 0.50), ("p90", 0.90), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)):
            if ordered:
                self._result.percentiles[name] = round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
        return self._result

    async def _closed_loop(self, connection: _Connection, end: float) -> None:
        while time.perf_counter() < end:
            await self._one(connection, time.perf_counter())

    async def _fixed_rate(self, connections: list[_Connection], start: float, end: float) -> None:
        idle: asyncio.Queue[_Connection] = asyncio.Queue()
        for connection in connections:
            idle.put_nowait(connection)
        running: set[asyncio.Task[None]] = set()
        count = int((end - start) * self._specification.rate)
        for number in range(count):
            due = start + number / self._specification.rate
            delay = due - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            task = asyncio.create_task(self._borrowed(idle, due))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    async def _borrowed(self, idle: asyncio.Queue[_Connection], due: float) -> None:
        connection = await idle.get()
        try:
            await self._one(connection, due)
        finally:
            idle.put_nowait(connection)

    async def _one(self, connection: _Connection, due: float) -> None:
        self._sent += 1
        request = self._before + f"{self._specification.key_prefix}{self._sent}".encode() + self._after
        answer = await connection.ask(request)
        now = time.perf_counter()
        if self._expect not in answer:
            self._result.unexpected += 1
            self._result.sample = self._result.sample or answer[:600].decode("utf-8", "replace")
        if due >= self._counting_from:
            self._latencies.append((now - due) * 1000)


def main() -> None:
    """Read the specification, run it, write the result."""
    specification = LoadSpecification(**json.load(sys.stdin))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(_Load(specification).run())
    json.dump(asdict(result) | {"per_second": round(result.per_second, 1)}, sys.stdout)


if __name__ == "__main__":
    main()
