"""The counter behind a socket that can fail in every way a PSP's socket fails."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from devstack.sandbox.faults import FaultMode
from devstack.sandbox.incoming import Reply, response_of
from devstack.sandbox.ledger import OperationType
from devstack.sandbox.magic import Verdict
from psp_connectors.domain.http import HttpRequest
from tests.fakes.connectors.paypal_counter import Counter

NEVER_SECONDS: Final = 30.0
SLOW_SECONDS: Final = 0.2
_AMOUNT: Final = re.compile(rb'"value":"([0-9]+)\.([0-9]{2})"')
_ACTED: Final = frozenset(
    {
        FaultMode.RESET_AFTER,
        FaultMode.TIMEOUT_THEN_SUCCESS,
        FaultMode.GARBAGE,
        FaultMode.TRUNCATED,
        FaultMode.WRONG_AMOUNT,
        FaultMode.SERVER_ERROR_AFTER,
        FaultMode.SLOW,
        FaultMode.DUPLICATE,
        FaultMode.TIMEOUT_THEN_DECLINE,
    }
)
_NEVER_ANSWERED: Final = frozenset({FaultMode.TIMEOUT_THEN_SUCCESS, FaultMode.TIMEOUT_THEN_DECLINE})
_RESET: Final = frozenset({FaultMode.RESET_BEFORE, FaultMode.RESET_AFTER})


def operation_of(method: str, path: str) -> str:
    """Give the name under which faults know a request, empty for one that is no operation."""
    if not path.startswith(("/v2/checkout/", "/v2/payments/")):
        return ""
    if method == "GET":
        return "sync"
    return {"capture": "capture", "void": "void", "refund": "refund"}.get(path.rpartition("/")[2], "authorize")


@dataclass
class Front:
    """Serves a counter on a free port; `fault` strikes the next `count` requests of `operation`."""

    counter: Counter = field(default_factory=Counter)
    fault: FaultMode | None = None
    operation: str = ""
    count: int = 0
    requests: int = 0
    port: int = 0
    _runner: web.AppRunner | None = None
    _site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Listen; a front that was closed listens on its old port again."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()
        server = self._site._server
        assert isinstance(server, asyncio.Server)
        self.port = server.sockets[0].getsockname()[1]
        self.counter.set_base_url(self.url)

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._runner is not None:
            await self._runner.cleanup()

    def strike(self, mode: FaultMode, operation: str, count: int = 1) -> None:
        self.fault, self.operation, self.count = mode, operation, count

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = HttpRequest(
            method=request.method, url=f"{self.url}{request.path_qs}", headers=dict(request.headers), body=body
        )
        self.requests += 1
        struck = bool(self.count) and operation_of(request.method, request.path) == self.operation
        if not struck or self.fault is None:
            return response_of(self.counter.serve(asked))
        self.count -= 1
        return await self._spoiled(self.fault, request, lambda: self.counter.serve(asked))

    async def _spoiled(self, fault: FaultMode, request: web.Request, serve: Callable[[], Reply]) -> web.StreamResponse:
        """Act or don't, as the fault has it, and spoil what is answered."""
        if fault is FaultMode.TIMEOUT_THEN_DECLINE:
            self.counter.verdict = Verdict(network_code="05")
        elif fault is FaultMode.DUPLICATE:
            serve()
        reply = serve() if fault in _ACTED else self.counter.dialect.failed()
        self.counter.verdict = None
        if fault in _NEVER_ANSWERED:
            await asyncio.sleep(NEVER_SECONDS)
        if fault in _NEVER_ANSWERED | _RESET:
            return _reset(request)
        if fault is FaultMode.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        return spoiled(fault, reply, self.counter.dialect.failed())


def spoiled(fault: FaultMode, reply: Reply, failure: Reply) -> web.Response:
    """Give what is answered instead of `reply`."""
    body = reply.content()
    match fault:
        case FaultMode.GARBAGE:
            return web.Response(body=b"<html>oops</html>", content_type="text/html")
        case FaultMode.TRUNCATED:
            return web.Response(status=reply.status, body=body[: len(body) // 2], content_type="application/json")
        case FaultMode.WRONG_AMOUNT:
            raised = _AMOUNT.sub(lambda m: b'"value":"%d.%s"' % (int(m[1]) + 1, m[2]), body)
            return web.Response(status=reply.status, body=raised, content_type="application/json")
        case FaultMode.SERVER_ERROR_AFTER | FaultMode.SERVER_ERROR_BEFORE:
            return response_of(failure)
        case _:
            return response_of(reply)


def _reset(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def moves_of(counter: Counter, kind: OperationType, reference: str) -> int:
    """Give how often an operation moved money: the truth, whatever was answered."""
    return sum(entry.money_moves for entry in counter.books.find_all(kind, reference))
