"""A request as a dialect gets it, and the reply it gives: plain values, no sockets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

JSON: Final = "application/json"
MOST_PARAMETERS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One request: header names in lower case, the body's exact bytes. Its repr shows neither headers nor body."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def parameters(self) -> list[tuple[str, str]]:
        """Give the query's parameters in their order; raises ValueError for more than MOST_PARAMETERS."""
        return parse_qsl(self.query, keep_blank_values=True, max_num_fields=MOST_PARAMETERS)

    def form(self) -> list[tuple[str, str]]:
        """Give the fields of a form body in their order; raises ValueError for one that is none, or has too many."""
        return parse_qsl(self.body.decode(), keep_blank_values=True, max_num_fields=MOST_PARAMETERS)

    @property
    def bearer(self) -> str:
        """Give the bearer token, empty when there is none."""
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if kind.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `body` is JSON data or bytes; None is no body at all."""

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """Give the bytes of the body."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)

    @property
    def content_type(self) -> str:
        """Give the media type of the body, empty without a body."""
        return "" if self.body is None else self.headers.get("content-type", JSON)


async def incoming_of(request: web.BaseRequest) -> Incoming:
    """Read a whole request; its size is the server's business."""
    return Incoming(
        method=request.method,
        path=request.path,
        query=request.rel_url.raw_query_string,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
    )


def response_of(reply: Reply) -> web.Response:
    """Give the response to send."""
    headers = {name: value for name, value in reply.headers.items() if name != "content-type"}
    if reply.body is None:
        return web.Response(status=reply.status, headers=headers)
    return web.Response(
        status=reply.status, body=reply.content(), headers=headers | {"content-type": reply.content_type}
    )
