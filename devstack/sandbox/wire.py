"""Answers of the sandbox PSP on the wire, the proper ones and the broken ones."""

import http
import socket
import struct
from typing import Final

import msgspec
from aiohttp import web

from devstack.sandbox.incoming import JSON, Reply

#: Linger on, for zero seconds: closing then sends a reset instead of a farewell.
_ABORTIVE: Final = struct.pack("ii", 1, 0)


class GoneNowhere(web.Response):
    """What stands for an answer when the connection is gone, or was given something else."""


def json_response(status: int, body: object) -> web.Response:
    """Give a proper answer."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type=JSON)


def garbage() -> web.Response:
    """Give a success without sense."""
    return web.Response(status=200, body=b'{"id": "ch_\xff\xfe<<<', content_type=JSON)


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
        status = f"{reply.status} {http.HTTPStatus(reply.status).phrase}"
        # An answer without a body is announced with one that never comes.
        length = max(len(content), 1)
        head = f"HTTP/1.1 {status}\r\nContent-Type: {reply.content_type or JSON}\r\nContent-Length: {length}\r\n\r\n"
        transport.write(head.encode() + content[: len(content) // 2])
        transport.close()
    return GoneNowhere()
