"""A lean gRPC caller in a process of its own: what a call costs here is taken from the server on a small machine.

It writes and reads the frames of HTTP/2 itself, over mutual TLS: calls of one method with prepared messages, one
connection to each server. A closed loop, or a fixed rate timed from the schedule: a latency runs from when a call was
due. JSON specification on standard input, result on standard output.
"""

import json
import select
import selectors
import socket
import ssl
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Final

from mesh.identifiers import new_id
from mesh.identity import CA_FILE, CERTIFICATE_FILE, KEY_FILE

CALL_SECONDS: Final = 10
WARM_UP_SECONDS: Final = 1.0
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GO_AWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACKNOWLEDGED = 1, 4, 1
_HEAD: Final = 9
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# No table of headers, so that each header stands in the frame as it is; no pushes; room for any answer.
_OWN_SETTINGS: Final = struct.pack(">HIHIHI", 1, 0, 2, 0, 4, 1 << 20)
_WINDOW_BYTES: Final = 1 << 30
_REPLENISH_BYTES: Final = 1 << 20
_READ_BYTES: Final = 1 << 16
_OK: Final = b"grpc-status\x010"
_TEXT_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class GrpcLoadSpecification:
    """What to call: `rate` calls a second, or as fast as `in_flight` of them in a closed loop when it is 0.

    `messages` are the requests in hexadecimal, taken in turn; `tls_directory` has the caller's certificate.
    """

    ports: Sequence[int]
    service: str
    path: str
    tls_directory: str
    messages: Sequence[str]
    in_flight: int
    seconds: float
    rate: float = 0.0


@dataclass(slots=True)
class GrpcLoadResult:
    """What came of it: latencies in milliseconds, all calls with the warm-up's, and this process's CPU for them."""

    answers: int = 0
    seconds: float = 0.0
    calls: int = 0
    errors: int = 0
    sample: str = ""
    cpu_ms: float = 0.0
    percentiles: dict[str, float] = field(default_factory=dict)


class LoadError(Exception):
    """A server ended the connection, or spoke of an error of the whole of it."""


class Connection:
    """One connection to a server, over which any number of calls may be under way."""

    def __init__(self, port: int, specification: GrpcLoadSpecification, messages: Iterator[bytes]) -> None:
        authority = f"{specification.service}.payera.internal"
        self.socket = _connected(port, authority, Path(specification.tls_directory))
        self._head = _request_headers(specification.path, authority)
        self._messages = messages
        self._stream = 1
        self._due: dict[int, float] = {}
        self._unsent: list[bytes] = []
        self._unread = b""
        self._taken = 0
        # What the server allows to be sent; calls beyond it wait.
        self._window = 65_535
        self._waiting: deque[float] = deque()
        self.refused: str = ""
        self._send(_PREFACE + _frame(_SETTINGS, 0, 0, _OWN_SETTINGS) + _frame(_WINDOW, 0, 0, _number(_WINDOW_BYTES)))

    @property
    def under_way(self) -> int:
        """Tell how many calls have no answer yet."""
        return len(self._due) + len(self._waiting)

    def call(self, due: float) -> None:
        """Begin a call that was due at a moment; `flush` sends it."""
        self._waiting.append(due)

    def flush(self) -> None:
        """Send what has been begun."""
        while self._waiting and self._window > 0:
            message = next(self._messages)
            headers = self._head + _literal(b"x-request-id", new_id("req").encode())
            framed = b"\0" + _number(len(message)) + message
            self._unsent.append(_frame(_HEADERS, _END_HEADERS, self._stream, headers))
            self._unsent.append(_frame(_DATA, _END_STREAM, self._stream, framed))
            self._due[self._stream] = self._waiting.popleft()
            self._window -= len(framed)
            self._stream += 2
        if self._unsent:
            self._send(b"".join(self._unsent))
            self._unsent.clear()

    def answers(self) -> Iterator[tuple[float, bool]]:
        """Give when each call that is answered now was due, and whether it was answered well."""
        while True:
            try:
                read = self.socket.recv(_READ_BYTES)
            except ssl.SSLWantReadError:
                return
            if not read:
                message = "the server closed the connection"
                raise LoadError(message)
            data = self._unread + read
            place = 0
            while len(data) - place >= _HEAD:
                end = place + _HEAD + int.from_bytes(data[place : place + 3])
                if end > len(data):
                    break
                kind, flags = data[place + 3], data[place + 4]
                stream = int.from_bytes(data[place + 5 : place + _HEAD])
                answered = self._take(kind, flags, stream, data[place + _HEAD : end])
                if answered is not None:
                    yield answered
                place = end
            self._unread = data[place:]

    def _take(self, kind: int, flags: int, stream: int, body: bytes) -> tuple[float, bool] | None:
        if kind == _HEADERS and flags & _END_STREAM:
            good = _OK in body
            if not good:
                self.refused = self.refused or body[:_TEXT_MAX].decode("ascii", "replace")
            return self._due.pop(stream), good
        if kind == _RESET:
            self.refused = self.refused or f"the stream was reset: {body.hex()}"
            return self._due.pop(stream), False
        if kind == _GO_AWAY:
            raise LoadError(body[:_TEXT_MAX].decode("ascii", "replace"))
        if kind == _WINDOW and not stream:
            self._window += int.from_bytes(body)
        elif kind in (_SETTINGS, _PING) and not flags & _ACKNOWLEDGED:
            self._unsent.append(_frame(kind, _ACKNOWLEDGED, 0, body if kind == _PING else b""))
        elif kind == _DATA:
            self._taken += len(body)
            if self._taken > _REPLENISH_BYTES:
                self._unsent.append(_frame(_WINDOW, 0, 0, _number(self._taken)))
                self._taken = 0
        return None

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def _send(self, data: bytes) -> None:
        sent = 0
        while sent < len(data):
            try:
                sent += self.socket.send(data[sent:])
            except ssl.SSLWantWriteError:
                select.select((), (self.socket,), (), CALL_SECONDS)


def _connected(port: int, authority: str, tls_directory: Path) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(tls_directory / CA_FILE)
    context.load_cert_chain(tls_directory / CERTIFICATE_FILE, tls_directory / KEY_FILE)
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(("127.0.0.1", port), CALL_SECONDS)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        secured = context.wrap_socket(plain, server_hostname=authority)
    except OSError:
        plain.close()
        raise
    secured.setblocking(False)
    return secured


def _request_headers(path: str, authority: str) -> bytes:
    """Write what all requests have in common: `POST` and `https` by their numbers, the rest as it is."""
    headers = {
        ":path": path,
        ":authority": authority,
        "te": "trailers",
        "content-type": "application/grpc",
        "grpc-timeout": f"{CALL_SECONDS}S",
    }
    return b"\x83\x87" + b"".join(_literal(name.encode(), value.encode()) for name, value in headers.items())


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _number(value: int) -> bytes:
    return value.to_bytes(4)


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + body


class _Load:
    def __init__(self, specification: GrpcLoadSpecification) -> None:
        self._specification = specification
        messages = cycle([bytes.fromhex(message) for message in specification.messages])
        self._connections = [Connection(port, specification, messages) for port in specification.ports]
        self._selector = selectors.DefaultSelector()
        for connection in self._connections:
            self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._latencies: list[float] = []
        self._result = GrpcLoadResult()
        self._counting_from = 0.0

    def run(self) -> GrpcLoadResult:
        """Make all calls and give what came of them."""
        specification, result = self._specification, self._result
        start, began_cpu = time.perf_counter(), time.process_time()
        self._counting_from = start + WARM_UP_SECONDS
        end = self._counting_from + specification.seconds
        try:
            if specification.rate:
                self._at_rate(start, end)
            else:
                self._closed_loop(end)
        finally:
            self._selector.close()
            for connection in self._connections:
                connection.close()
        result.seconds = time.perf_counter() - self._counting_from
        result.cpu_ms = (time.process_time() - began_cpu) * 1000
        result.answers = len(self._latencies)
        result.sample = next((each.refused for each in self._connections if each.refused), "")
        ordered = sorted(self._latencies)
        for name, share in (("p50", 0.50), ("p99", 0.99), ("max", 1.0)):
            if ordered:
                result.percentiles[name] = round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
        return result

    def _closed_loop(self, end: float) -> None:
        now = time.perf_counter()
        for number in range(self._specification.in_flight):
            self._connections[number % len(self._connections)].call(now)
        self._flush()
        while self._under_way():
            for connection, count in self._answered(CALL_SECONDS):
                now = time.perf_counter()
                if now < end:
                    for _ in range(count):
                        connection.call(now)
            self._flush()

    def _at_rate(self, start: float, end: float) -> None:
        rate = self._specification.rate
        count, number = round((end - start) * rate), 0
        while number < count or self._under_way():
            now = time.perf_counter()
            while number < count and start + number / rate <= now:
                self._connections[number % len(self._connections)].call(start + number / rate)
                number += 1
            self._flush()
            due = start + number / rate - time.perf_counter() if number < count else CALL_SECONDS
            for _ in self._answered(max(0.0, due)):
                pass

    def _under_way(self) -> bool:
        return any(connection.under_way for connection in self._connections)

    def _flush(self) -> None:
        for connection in self._connections:
            connection.flush()

    def _answered(self, seconds: float) -> Iterator[tuple[Connection, int]]:
        """Take the answers that come within so many seconds; raise LoadError when those of a whole call do not."""
        ready = self._selector.select(seconds)
        if not ready and seconds >= CALL_SECONDS:
            message = f"no answer for {seconds:.0f} seconds"
            raise LoadError(message)
        for key, _ in ready:
            connection: Connection = key.data
            count = 0
            for due, good in connection.answers():
                count += 1
                self._result.errors += not good
                if due >= self._counting_from:
                    self._latencies.append((time.perf_counter() - due) * 1000)
            self._result.calls += count
            yield connection, count


def main() -> None:
    """Read the specification, run it, write the result."""
    json.dump(asdict(_Load(GrpcLoadSpecification(**json.load(sys.stdin))).run()), sys.stdout)


if __name__ == "__main__":
    main()
