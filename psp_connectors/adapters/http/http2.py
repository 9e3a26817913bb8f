"""Sends requests to PSPs over HTTP/2, with the same exactness as `sender` does over HTTP/1.1."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final

import httpcore

from psp_connectors.adapters.http.limits import PLAIN_ENCODINGS, SenderLimits
from psp_connectors.domain.connector import Account
from psp_connectors.domain.http import (
    Delivery,
    HttpRequest,
    HttpResponse,
    NotSent,
    NotSentReason,
    Unanswered,
    UnansweredReason,
)

_FIRST_BYTES: Final = frozenset({"http2.send_request_headers.started", "http11.send_request_headers.started"})
_CONNECTING: Final = frozenset({"connection.connect_tcp.started", "connection.start_tls.started"})


class _Progress:
    """How far one request got, told by httpcore's trace before each step is taken."""

    __slots__ = ("connecting", "may_have_left")

    def __init__(self) -> None:
        self.connecting = False
        self.may_have_left = False

    async def __call__(self, event: str, _information: Mapping[str, Any]) -> None:
        """Note a step."""
        self.connecting = self.connecting or event in _CONNECTING
        self.may_have_left = self.may_have_left or event in _FIRST_BYTES


class Http2Sender:
    """An HttpSender on httpcore: one pool per account, on which many requests share a connection.

    Falls back to HTTP/1.1 by itself when a server no longer offers HTTP/2. httpcore repeats nothing of which a byte may
    have left, but for a stream that the server's farewell names as not taken up: that one is told to be safe by RFC
    9113 (6.8) and goes out on another connection.
    """

    def __init__(self, limits: SenderLimits, context: ssl.SSLContext) -> None:
        self._limits = limits
        self._context = context
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    async def send(self, account: Account, request: HttpRequest, deadline: float) -> Delivery:
        """Send once and end before `deadline` (seconds of `time.monotonic`), whatever the PSP does."""
        budget = min(deadline - time.monotonic(), self._limits.answer_seconds)
        if budget < self._limits.least_seconds:
            return NotSent(NotSentReason.NO_TIME)
        progress = _Progress()
        try:
            async with asyncio.timeout(budget):
                return await self._exchange(self._pool(account.name), request, budget, progress)
        except (TimeoutError, httpcore.TimeoutException):
            return _failure(progress, UnansweredReason.TIMEOUT)
        except httpcore.ProtocolError:
            return _failure(progress, UnansweredReason.UNREADABLE)
        except (httpcore.NetworkError, httpcore.ProxyError, OSError, ssl.SSLError):
            return _failure(progress, UnansweredReason.CONNECTION_LOST)

    async def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()

    async def _exchange(
        self, pool: httpcore.AsyncConnectionPool, request: HttpRequest, budget: float, progress: _Progress
    ) -> Delivery:
        connect_seconds = min(self._limits.connect_seconds, budget)
        headers = {"Accept-Encoding": "identity", "User-Agent": "payera", **request.headers}
        async with pool.stream(
            request.method,
            request.url,
            headers=[(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers.items()],
            content=request.body or None,
            extensions={
                "timeout": {"connect": connect_seconds, "pool": connect_seconds, "read": budget, "write": budget},
                "trace": progress,
            },
        ) as response:
            answered = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            if answered.get("content-encoding", "").strip().lower() not in PLAIN_ENCODINGS:
                return Unanswered(UnansweredReason.UNREADABLE)
            body = bytearray()
            async for chunk in response.aiter_stream():
                body += chunk
                if len(body) > self._limits.largest_answer_bytes:
                    return Unanswered(UnansweredReason.TOO_LARGE)
            return HttpResponse(status=response.status, headers=answered, body=bytes(body))

    def _pool(self, account: str) -> httpcore.AsyncConnectionPool:
        pool = self._pools.get(account)
        if pool is None:
            pool = self._pools[account] = httpcore.AsyncConnectionPool(
                ssl_context=self._context,
                max_connections=self._limits.connections_per_account,
                keepalive_expiry=self._limits.keepalive_seconds,
                http1=True,
                http2=True,
                retries=0,
            )
        return pool


def _failure(progress: _Progress, reason: UnansweredReason) -> Delivery:
    if progress.may_have_left:
        return Unanswered(reason)
    return NotSent(NotSentReason.CONNECT_FAILED if progress.connecting else NotSentReason.POOL_EXHAUSTED)
