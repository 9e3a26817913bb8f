"""Sends requests to PSPs over HTTP/1.1 and tells exactly what became of them: never left, unanswered, or answered."""

import asyncio
import ssl
import time
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from yarl import URL

from psp_connectors.adapters.http.connections import QuietConnector
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

DNS_CACHE_SECONDS: Final = 30
READ_SIZE: Final = 65536
#: aiohttp rounds longer timeouts up to whole seconds; nothing here may outlast its deadline.
NEVER_ROUNDED: Final = 86400.0


class _Progress:
    """How far one request got. `may_have_left` is set before its first byte is handed to the connection."""

    __slots__ = ("connecting", "may_have_left")

    def __init__(self) -> None:
        self.connecting = False
        self.may_have_left = False


class AiohttpSender:
    """An HttpSender on aiohttp: one session and one bounded pool of connections per account.

    aiohttp's repetition of idempotent requests, its redirects, cookies, proxies and decompression are off: one `send`
    is at most one request on the wire. A connection on which something came unasked is not used again.
    """

    def __init__(self, limits: SenderLimits, context: ssl.SSLContext) -> None:
        self._limits = limits
        self._context = context
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def send(self, account: Account, request: HttpRequest, deadline: float) -> Delivery:
        """Send once and end before `deadline` (seconds of `time.monotonic`), whatever the PSP does."""
        budget = min(deadline - time.monotonic(), self._limits.answer_seconds)
        if budget < self._limits.least_seconds:
            return NotSent(NotSentReason.NO_TIME)
        progress = _Progress()
        try:
            async with asyncio.timeout(budget):
                return await self._exchange(self._session_of(account.name), request, budget, progress)
        except TimeoutError:
            return _failure(progress, UnansweredReason.TIMEOUT)
        except (aiohttp.ClientResponseError, aiohttp.ClientPayloadError, ValueError):
            return _failure(progress, UnansweredReason.UNREADABLE)
        except (aiohttp.ClientError, OSError):
            return _failure(progress, UnansweredReason.CONNECTION_LOST)

    async def _exchange(
        self, session: aiohttp.ClientSession, request: HttpRequest, budget: float, progress: _Progress
    ) -> Delivery:
        async with session.request(
            request.method,
            URL(request.url, encoded=True),
            data=request.body or None,
            headers=request.headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                total=None, connect=min(self._limits.connect_seconds, budget), ceil_threshold=NEVER_ROUNDED
            ),
            trace_request_ctx=progress,
        ) as response:
            if response.headers.get("Content-Encoding", "").strip().lower() not in PLAIN_ENCODINGS:
                return Unanswered(UnansweredReason.UNREADABLE)
            body = await self._read(response)
            if body is None:
                return Unanswered(UnansweredReason.TOO_LARGE)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpResponse(status=response.status, headers=headers, body=body)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        """Read the whole body; None when it is larger than is taken."""
        body = bytearray()
        while chunk := await response.content.read(READ_SIZE):
            body += chunk
            if len(body) > self._limits.largest_answer_bytes:
                return None
        return bytes(body)

    def _session_of(self, account: str) -> aiohttp.ClientSession:
        session = self._sessions.get(account)
        if session is None:
            session = self._sessions[account] = self._session()
        return session

    def _session(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=QuietConnector(
                limit=self._limits.connections_per_account,
                ttl_dns_cache=DNS_CACHE_SECONDS,
                keepalive_timeout=self._limits.keepalive_seconds,
                ssl=self._context,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "payera", "Accept-Encoding": "identity"},
            auto_decompress=False,
            trust_env=False,
            trace_configs=[_tracing()],
        )
        # aiohttp repeats idempotent requests on a lost connection and offers no public switch for it. What is sent, and
        # how often, is decided by the gateway alone.
        session._retry_connection = False  # noqa: SLF001
        return session


def _failure(progress: _Progress, reason: UnansweredReason) -> Delivery:
    if progress.may_have_left:
        return Unanswered(reason)
    return NotSent(NotSentReason.CONNECT_FAILED if progress.connecting else NotSentReason.POOL_EXHAUSTED)


def _tracing() -> aiohttp.TraceConfig:
    """Record each request's progress. aiohttp calls the last signal before it writes anything to the connection."""
    config = aiohttp.TraceConfig()
    config.on_connection_create_start.append(_on_connecting)
    config.on_request_headers_sent.append(_on_first_byte)
    return config


async def _on_connecting(_session: aiohttp.ClientSession, context: SimpleNamespace, _parameters: Any) -> None:  # noqa: ANN401
    context.trace_request_ctx.connecting = True


async def _on_first_byte(_session: aiohttp.ClientSession, context: SimpleNamespace, _parameters: Any) -> None:  # noqa: ANN401
    context.trace_request_ctx.may_have_left = True
