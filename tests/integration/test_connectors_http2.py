"""HTTP/2 where it is offered: what left the machine is told as exactly as over HTTP/1.1."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest

from psp_connectors.adapters.http.limits import SenderLimits
from psp_connectors.adapters.http.negotiation import NegotiatingSender
from psp_connectors.domain.http import (
    Delivery,
    HttpRequest,
    HttpResponse,
    NotSent,
    NotSentReason,
    Unanswered,
    UnansweredReason,
)
from tests.fakes.connectors.ports import account
from tests.support.certificates import CertificateAuthority

LIMITS = SenderLimits(connections_per_account=1, connect_seconds=0.5, largest_answer_bytes=1000)
ENOUGH = 10.0
BODY = b'{"card": "x"}'

Reply = Callable[[h2.connection.H2Connection, int], bool]
"""Answers a complete request; False closes the connection."""


@dataclass
class Server:
    """A server of HTTP/2 that remembers what was asked of it."""

    reply: Reply
    port: int = 0
    connections: set[int] = field(default_factory=set)
    requests: list[dict[str, str]] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        if protocol != "h2":
            writer.close()
            return
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
            while data := await reader.read(65536):
                if not self._handle(connection, connection.receive_data(data)):
                    writer.write(connection.data_to_send())
                    break
                writer.write(connection.data_to_send())
                await writer.drain()
        writer.close()

    def _handle(self, connection: h2.connection.H2Connection, events: list[h2.events.Event]) -> bool:
        alive = True
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                headers = {name.decode(): value.decode() for name, value in event.headers or []}
                self.requests.append(headers)
                self.connections.add(id(connection))
                self.bodies[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                alive = self.reply(connection, event.stream_id) and alive
        return alive


def answer(body: bytes = b"{}", **headers: str) -> Reply:
    def reply(connection: h2.connection.H2Connection, stream: int) -> bool:
        named = [(":status", "200"), ("content-type", "application/json"), *headers.items()]
        connection.send_headers(stream, named)
        connection.send_data(stream, body, end_stream=True)
        return True

    return reply


def silence(_connection: h2.connection.H2Connection, _stream: int) -> bool:
    return True


def farewell(_connection: h2.connection.H2Connection, _stream: int) -> bool:
    return False


def reset(connection: h2.connection.H2Connection, stream: int) -> bool:
    connection.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
    return True


def half(connection: h2.connection.H2Connection, stream: int) -> bool:
    connection.send_headers(stream, [(":status", "200"), ("content-type", "application/json")])
    connection.send_data(stream, b'{"id": ')
    return False


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    return CertificateAuthority().write(tmp_path, "psp")


@contextlib.asynccontextmanager
async def serving(reply: Reply, identity: Path) -> AsyncIterator[Server]:
    state = Server(reply)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(identity / "certificate.pem", identity / "key.pem")
    tls.set_alpn_protocols(["h2"])
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()


@contextlib.asynccontextmanager
async def negotiating(identity: Path, port: int) -> AsyncIterator[NegotiatingSender]:
    sender = NegotiatingSender(LIMITS, extra_roots=identity / "ca.pem")
    await sender.learn(f"https://127.0.0.1:{port}")
    try:
        yield sender
    finally:
        await sender.close()


async def send(sender: NegotiatingSender, port: int, *, seconds: float = ENOUGH, method: str = "POST") -> Delivery:
    request = HttpRequest(
        method=method,
        url=f"https://127.0.0.1:{port}/v1/charges?x=%2F",
        headers={"Authorization": "Bearer k", "Content-Type": "application/json"},
        body=b"" if method == "GET" else BODY,
    )
    return await sender.send(account(), request, time.monotonic() + seconds)


async def test_requests_share_one_connection(identity: Path) -> None:
    async with serving(answer(), identity) as server, negotiating(identity, server.port) as sender:
        deliveries = await asyncio.gather(*(send(sender, server.port) for _ in range(5)))
    assert all(isinstance(delivery, HttpResponse) and delivery.body == b"{}" for delivery in deliveries)
    assert len(server.connections) == 1
    assert len(server.requests) == 5
    asked = server.requests[0]
    assert (asked[":method"], asked[":path"]) == ("POST", "/v1/charges?x=%2F")
    assert (asked["authorization"], asked["accept-encoding"]) == ("Bearer k", "identity")
    assert server.bodies[1] == BODY


async def test_a_get_bears_no_body(identity: Path) -> None:
    async with serving(answer(), identity) as server, negotiating(identity, server.port) as sender:
        assert isinstance(await send(sender, server.port, method="GET"), HttpResponse)
    assert server.bodies[1] == b""
    assert "content-length" not in server.requests[0]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (silence, UnansweredReason.TIMEOUT),
        (reset, UnansweredReason.UNREADABLE),
        (farewell, UnansweredReason.UNREADABLE),
        (half, UnansweredReason.UNREADABLE),
        (answer(b"x" * 1001), UnansweredReason.TOO_LARGE),
        (answer(b"{}", **{"content-encoding": "gzip"}), UnansweredReason.UNREADABLE),
    ],
)
async def test_sent_and_not_answered(identity: Path, reply: Reply, reason: UnansweredReason) -> None:
    async with serving(reply, identity) as server, negotiating(identity, server.port) as sender:
        seconds = 0.5 if reply is silence else ENOUGH
        assert await send(sender, server.port, seconds=seconds) == Unanswered(reason)
    assert len(server.requests) == 1


async def test_a_lost_connection_is_replaced_by_the_next_call(identity: Path) -> None:
    replies = iter((farewell, answer()))

    def one_after_the_other(connection: h2.connection.H2Connection, stream: int) -> bool:
        return next(replies)(connection, stream)

    async with (
        serving(one_after_the_other, identity) as server,
        negotiating(identity, server.port) as sender,
    ):
        assert isinstance(await send(sender, server.port), Unanswered)
        assert isinstance(await send(sender, server.port), HttpResponse)
    assert len(server.requests) == 2


async def test_refused_connection_is_not_sent(identity: Path) -> None:
    async with serving(answer(), identity) as server, negotiating(identity, server.port) as sender:
        pass
    async with negotiating(identity, server.port) as sender:
        assert await send(sender, server.port) == NotSent(NotSentReason.CONNECT_FAILED)


async def test_an_untrusted_certificate_gets_no_request(identity: Path, tmp_path: Path) -> None:
    other = CertificateAuthority().write(tmp_path / "other", "psp")
    async with serving(answer(), identity) as server, negotiating(other, server.port) as sender:
        assert await send(sender, server.port) == NotSent(NotSentReason.CONNECT_FAILED)
    assert server.requests == []


async def test_too_little_time_is_not_sent(identity: Path) -> None:
    async with serving(answer(), identity) as server, negotiating(identity, server.port) as sender:
        assert await send(sender, server.port, seconds=0.001) == NotSent(NotSentReason.NO_TIME)


async def test_old_tls_is_refused(identity: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(identity / "certificate.pem", identity / "key.pem")
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    async with negotiating(identity, port) as sender:
        assert await send(sender, port) == NotSent(NotSentReason.CONNECT_FAILED)
    server.close()
