"""What left the machine: the sender against servers that refuse, hang, cut off and lie."""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from psp_connectors.adapters.http.limits import SenderLimits
from psp_connectors.adapters.http.sender import AiohttpSender
from psp_connectors.adapters.http.tls import HTTP_1, client_context
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

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
LIMITS = SenderLimits(connections_per_account=1, connect_seconds=0.5, largest_answer_bytes=1000)
ENOUGH = 10.0

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A server of bytes: remembers the request heads it read."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def read_request(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                await reader.readexactly(int(value))


@contextlib.asynccontextmanager
async def serving(behaviour: Callable[[Server], Behaviour], tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    state = Server()
    run = behaviour(state)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await run(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()


def answering(*parts: bytes, then: str = "close") -> Callable[[Server], Behaviour]:
    """Answer every request with these bytes, then close, reset, hang or stay."""

    def behaviour(state: Server) -> Behaviour:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await state.read_request(reader)
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                if then == "reset":
                    connection: socket.socket = writer.get_extra_info("socket")
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
                if then == "hang":
                    await asyncio.sleep(ENOUGH)
                if then != "stay":
                    return

        return run

    return behaviour


@pytest_asyncio.fixture
async def sender() -> AsyncIterator[AiohttpSender]:
    client = AiohttpSender(LIMITS, client_context((HTTP_1,)))
    yield client
    await client.close()


async def send(
    sender: AiohttpSender, port: int, *, seconds: float = ENOUGH, method: str = "POST", scheme: str = "http"
) -> Delivery:
    body = b"" if method == "GET" else b'{"card": "x"}'
    request = HttpRequest(method=method, url=f"{scheme}://127.0.0.1:{port}/v1/charges", body=body)
    return await sender.send(account(), request, time.monotonic() + seconds)


async def test_answer_comes_back_whole(sender: AiohttpSender) -> None:
    async with serving(answering(OK, then="stay")) as server:
        delivery = await send(sender, server.port)
        assert isinstance(delivery, HttpResponse)
        assert (delivery.status, delivery.content_type, delivery.body) == (200, "application/json", b"{}")
        await send(sender, server.port)
        assert (server.connections, len(server.requests)) == (1, 2), "the connection is used again"


async def test_refused_connection_is_not_sent(sender: AiohttpSender) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        assert await send(sender, reserved.getsockname()[1]) == NotSent(NotSentReason.CONNECT_FAILED)


async def test_unknown_name_is_not_sent(sender: AiohttpSender) -> None:
    request = HttpRequest(method="POST", url="http://psp.invalid/", body=b"x")
    assert await sender.send(account(), request, time.monotonic() + ENOUGH) == NotSent(NotSentReason.CONNECT_FAILED)


async def test_failed_tls_handshake_is_not_sent_and_shows_nothing_of_the_request(sender: AiohttpSender) -> None:
    seen = bytearray()

    def behaviour(_state: Server) -> Behaviour:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.extend(await reader.read(4096))
            writer.write(b"this is no handshake\r\n")

        return run

    async with serving(behaviour) as server:
        delivery = await send(sender, server.port, scheme="https")
    assert delivery == NotSent(NotSentReason.CONNECT_FAILED)
    assert seen
    assert b"charges" not in seen


async def test_untrusted_certificate_is_not_sent(sender: AiohttpSender, tmp_path: Path) -> None:
    folder = CertificateAuthority().write(tmp_path, "psp")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    async with serving(answering(OK), tls=tls) as server:
        assert await send(sender, server.port, scheme="https") == NotSent(NotSentReason.CONNECT_FAILED)
        assert server.requests == []


async def test_handshake_that_never_ends_is_not_sent(sender: AiohttpSender) -> None:
    def behaviour(_state: Server) -> Behaviour:
        async def run(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(ENOUGH)

        return run

    async with serving(behaviour) as server:
        assert await send(sender, server.port, scheme="https") == NotSent(NotSentReason.CONNECT_FAILED)


async def test_waiting_for_a_free_connection_in_vain_is_not_sent(sender: AiohttpSender) -> None:
    async with serving(answering(then="hang")) as server:
        first = asyncio.create_task(send(sender, server.port, seconds=2))
        while not server.requests:  # noqa: ASYNC110 - bounded by the first request's own deadline
            await asyncio.sleep(0.01)
        assert await send(sender, server.port) == NotSent(NotSentReason.POOL_EXHAUSTED)
        assert await first == Unanswered(UnansweredReason.TIMEOUT)
        assert len(server.requests) == 1


async def test_too_little_time_is_not_sent(sender: AiohttpSender) -> None:
    async with serving(answering(OK)) as server:
        for seconds in (-1.0, 0.0, 0.019):
            assert await send(sender, server.port, seconds=seconds) == NotSent(NotSentReason.NO_TIME)
        assert server.connections == 0


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (answering(then="close"), UnansweredReason.CONNECTION_LOST),
        (answering(then="reset"), UnansweredReason.CONNECTION_LOST),
        (answering(b"HTTP/1.1 200 OK\r\nContent-", then="close"), UnansweredReason.CONNECTION_LOST),
        (answering(OK[:-1], then="close"), UnansweredReason.UNREADABLE),
        (answering(OK[:-1], then="reset"), None),
        (answering(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", then="hang"), UnansweredReason.UNREADABLE),
        (answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", then="hang"), UnansweredReason.UNREADABLE),
        (answering(OK.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")), UnansweredReason.UNREADABLE),
        (
            answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001, then="hang"),
            UnansweredReason.TOO_LARGE,
        ),
        (
            answering(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"64\r\n" + b"x" * 100 + b"\r\n",
                then="close",
            ),
            UnansweredReason.UNREADABLE,
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 500] * 3, then="hang"),
            UnansweredReason.TOO_LARGE,
        ),
    ],
)
async def test_sent_and_not_answered(
    sender: AiohttpSender, behaviour: Callable[[Server], Behaviour], reason: UnansweredReason | None, method: str
) -> None:
    async with serving(behaviour) as server:
        delivery = await send(sender, server.port, method=method)
        assert isinstance(delivery, Unanswered), delivery
        assert reason is None or delivery.reason is reason
        assert len(server.requests) == 1, "never sent again"


@pytest.mark.parametrize(
    "behaviour",
    [
        answering(then="hang"),
        answering(OK[:-1], then="hang"),
        answering(b"HTTP/1.1 100 Continue\r\n\r\n", then="hang"),
    ],
)
async def test_sent_and_answered_too_late(sender: AiohttpSender, behaviour: Callable[[Server], Behaviour]) -> None:
    async with serving(behaviour) as server:
        started = time.monotonic()
        assert await send(sender, server.port, seconds=0.3) == Unanswered(UnansweredReason.TIMEOUT)
        assert time.monotonic() - started >= 0.29
        assert len(server.requests) == 1


async def test_answer_that_trickles_in_does_not_outlast_the_deadline(sender: AiohttpSender) -> None:
    def behaviour(state: Server) -> Behaviour:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await state.read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
            for _ in range(900):
                writer.write(b"x")
                await asyncio.sleep(0.05)

        return run

    async with serving(behaviour) as server:
        assert await send(sender, server.port, seconds=0.4) == Unanswered(UnansweredReason.TIMEOUT)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_lost_kept_alive_connection_is_unknown_and_never_repeated(sender: AiohttpSender, method: str) -> None:
    """Clients commonly repeat idempotent requests on a fresh connection; here nobody but the caller may."""

    def behaviour(state: Server) -> Behaviour:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await state.read_request(reader)
            writer.write(OK)
            await state.read_request(reader)

        return run

    async with serving(behaviour) as server:
        assert isinstance(await send(sender, server.port, method=method), HttpResponse)
        delivery = await send(sender, server.port, method=method)
        assert delivery == Unanswered(UnansweredReason.CONNECTION_LOST)
        assert (server.connections, len(server.requests)) == (1, 2)


async def test_connection_that_the_psp_closed_while_idle_is_not_used(sender: AiohttpSender) -> None:
    closed = asyncio.Event()

    def behaviour(state: Server) -> Behaviour:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await state.read_request(reader)
            writer.write(OK)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            closed.set()

        return run

    async with serving(behaviour) as server:
        await send(sender, server.port)
        await closed.wait()
        await asyncio.sleep(0.05)
        assert isinstance(await send(sender, server.port), HttpResponse)
        assert server.connections == 2


async def test_redirects_are_not_followed(sender: AiohttpSender) -> None:
    redirect = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering(redirect, then="stay")) as server:
        delivery = await send(sender, server.port)
        assert isinstance(delivery, HttpResponse)
        assert delivery.status == 307
        assert len(server.requests) == 1


async def test_cancelled_call_closes_its_connection(sender: AiohttpSender) -> None:
    gone = asyncio.Event()

    def behaviour(state: Server) -> Behaviour:
        async def run(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await state.read_request(reader)
            assert await reader.read() == b""
            gone.set()

        return run

    async with serving(behaviour) as server:
        call = asyncio.create_task(send(sender, server.port))
        while not server.requests:  # noqa: ASYNC110 - bounded by the request's own deadline
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(ENOUGH):
            await gone.wait()
