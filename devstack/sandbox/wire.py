"""Answers of the sandbox PSP on the wire, the proper ones and the broken ones."""

import asyncio
import contextlib
import http
import socket
import struct
from typing import Final

import msgspec
from aiohttp import web

from devstack.sandbox.incoming import JSON, Reply, response_of

#: Linger on, for zero seconds: closing then sends a reset instead of a farewell.
_ABORTIVE: Final = struct.pack("ii", 1, 0)
_PIECES: Final = 20
"""In how many pieces a slow answer is sent at most."""
_TWICE_SECONDS: Final = 0.05
_PAGE: Final = b"<!DOCTYPE html><html><head><title>Please wait</title></head><body><h1>Checking you</h1></body></html>"


class GoneNowhere(web.Response):
    """What stands for an answer when the connection is gone, or was given something else."""


def json_response(status: int, body: object) -> web.Response:
    """Give a proper answer."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type=JSON)


def garbage() -> web.Response:
    """Give a success without sense."""
    return web.Response(status=200, body=b'{"id": "ch_\xff\xfe<<<', content_type=JSON)


def web_page() -> web.Response:
    """Give what a browser would show."""
    return web.Response(status=200, body=_PAGE, content_type="text/html")


def reset(request: web.BaseRequest) -> GoneNowhere:
    """Reset the connection; the answer given back goes nowhere."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORTIVE)
        transport.abort()
    return GoneNowhere()


def truncated(request: web.BaseRequest, reply: Reply) -> GoneNowhere:
    """Announce a whole body and send half of it; the answer given back goes nowhere."""
    transport = request.transport
    if transport is not None:
        content = reply.content()
        # An answer without a body is announced with one that never comes.
        transport.write(_head(reply, max(len(content), 1)) + content[: len(content) // 2])
        transport.close()
    return GoneNowhere()


async def written(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Write a whole answer now; the server, which gets it afterwards, has nothing left to do."""
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        await response.write_eof()


async def twice(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Send an answer, and the same bytes once more where the answer to the next request belongs."""
    response = response_of(reply)
    await written(request, response)
    # Not in one packet with the first: the caller has taken that by then, and may use the connection again.
    await asyncio.sleep(_TWICE_SECONDS)
    transport = request.transport
    if transport is not None and not transport.is_closing():
        content = reply.content()
        transport.write(_head(reply, len(content)) + content)
    return response


async def trickled(request: web.BaseRequest, reply: Reply, seconds: float) -> web.StreamResponse:
    """Send an answer in pieces, the last of them after so many seconds."""
    content = reply.content()
    response = web.StreamResponse(status=reply.status, headers={"content-type": reply.content_type or JSON})
    response.content_length = len(content)
    size = max(-(-len(content) // _PIECES), 1)
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        for start in range(0, len(content), size):
            await asyncio.sleep(seconds / _PIECES)
            await response.write(content[start : start + size])
    return response


def _head(reply: Reply, length: int) -> bytes:
    status = f"{reply.status} {http.HTTPStatus(reply.status).phrase}"
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {reply.content_type or JSON}", f"Content-Length: {length}")
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()
