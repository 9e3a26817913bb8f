"""A PSP at 127.0.0.1 that keeps what it is sent, to see what an official SDK sends."""

import json
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from devstack.descriptions import decode_form
from psp_connectors.domain.http import HttpRequest

LARGEST_BODY = 1_000_000
PATIENCE_SECONDS = 10
MEANINGFUL = (
    "accept-version",
    "authorization",
    "cko-idempotency-key",
    "content-type",
    "idempotency-key",
    "paypal-request-id",
    "prefer",
    "stripe-version",
    "x-api-key",
)
"""Headers that mean something to a PSP; the others tell of the client."""


@dataclass(frozen=True)
class Recorded:
    """A request as it came over the socket; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Prepared:
    """What the recorder answers with."""

    status: int = 200
    body: object = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Recorder:
    """What came so far, and what is answered: by path where prepared so, else in order, else `{}`."""

    url: str
    requests: list[Recorded] = field(default_factory=list)
    by_path: dict[str, Prepared] = field(default_factory=dict)
    next: list[Prepared] = field(default_factory=list)

    def answer(self, *answers: Prepared) -> None:
        """Prepare answers for the next requests, in order."""
        self.next.extend(answers)

    def only(self, path_prefix: str = "/") -> Recorded:
        """Give the one request that came for a path; fails when there is none or more than one."""
        found = [request for request in self.requests if request.path.startswith(path_prefix)]
        assert len(found) == 1, [f"{request.method} {request.path}" for request in self.requests]
        return found[0]

    def answer_of(self, request: Recorded) -> Prepared:
        prepared = self.by_path.get(request.path)
        if prepared is not None:
            return prepared
        return self.next.pop(0) if self.next else Prepared()


@contextmanager
def recording() -> Iterator[Recorder]:
    """Run a recorder on a free port of 127.0.0.1 until the block ends."""
    kept = Recorder("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = PATIENCE_SECONDS

        def take(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            assert length <= LARGEST_BODY
            address = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Recorded(self.command, address.path, address.query, headers, self.rfile.read(length))
            kept.requests.append(request)
            prepared = kept.answer_of(request)
            body = prepared.encoded()
            self.send_response(prepared.status)
            for name, value in {"Content-Type": "application/json", **prepared.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            # Clients that keep connections in a pool would leave open sockets behind.
            self.send_header("Connection", "close")
            self.close_connection = True
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = take  # noqa: N815 - names of the base class

        def log_message(self, *_: object) -> None:
            """Say nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, name="recorder")
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join(PATIENCE_SECONDS)
        server.server_close()


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Give a recorder, which no proxy of the environment stands in front of."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with recording() as started:
        yield started


def decoded(content_type: str, body: bytes) -> Any:
    """Give the document a body stands for: a form's names unfolded and its values texts, JSON as it is."""
    if not body:
        return None
    media_type = content_type.partition(";")[0].strip().lower()
    return decode_form(body.decode()) if media_type == "application/x-www-form-urlencoded" else json.loads(body)


def compare(
    request: HttpRequest, recorded: Recorded, *, ignore: Collection[str] = (), base_path: str = ""
) -> list[str]:
    """Give what differs between a connector's request and what an SDK sent, one line each; nothing when they agree.

    Compared are method, path, query, the meaningful headers, and the decoded body. `ignore` names places of the body
    (`metadata.reference`), headers (`header prefer`), `query` or `path`. `base_path` is what the account's address has
    before the path and the SDK's does not.
    """
    address = urlsplit(request.url)
    ours = {name.lower(): value for name, value in request.headers.items()}
    pairs: dict[str, tuple[object, object]] = {
        "method": (request.method, recorded.method),
        "path": (address.path.removeprefix(base_path), recorded.path),
        "query": (sorted(parse_qsl(address.query)), sorted(parse_qsl(recorded.query))),
    }
    for name in MEANINGFUL:
        pairs[f"header {name}"] = (_header(ours, name), _header(recorded.headers, name))
    our_body = decoded(ours.get("content-type", ""), request.body)
    their_body = decoded(recorded.headers.get("content-type", ""), recorded.body)
    if not request.body and not recorded.body:
        # Without a body the type of one means nothing.
        pairs.pop("header content-type")
    pairs |= _leaves(our_body, their_body)
    return [
        f"{place}: the connector sends {mine!r}, the SDK {theirs!r}"
        for place, (mine, theirs) in pairs.items()
        if mine != theirs and place not in ignore and not any(place.startswith((f"{i}.", f"{i}[")) for i in ignore)
    ]


ABSENT_FIELD = "nothing"


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    return value.partition(";")[0].strip().lower() if name == "content-type" else value


def _leaves(mine: object, theirs: object, path: str = "") -> dict[str, tuple[object, object]]:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        found: dict[str, tuple[object, object]] = {}
        for name in dict.fromkeys((*mine, *theirs)):
            place = f"{path}.{name}" if path else str(name)
            found |= _leaves(mine.get(name, ABSENT_FIELD), theirs.get(name, ABSENT_FIELD), place)
        return found
    if isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        found = {}
        for index, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            found |= _leaves(one, other, f"{path}[{index}]")
        return found
    if type(mine) is not type(theirs) and mine == theirs:
        return {path or "body": (mine, f"{theirs!r} as {type(theirs).__name__}")}
    return {path or "body": (mine, theirs)}
