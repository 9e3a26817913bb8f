"""Chooses the protocol for each PSP: HTTP/2 where it is offered, HTTP/1.1 everywhere else."""

import asyncio
import ssl
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from psp_connectors.adapters.http.http2 import Http2Sender
from psp_connectors.adapters.http.limits import SenderLimits
from psp_connectors.adapters.http.sender import AiohttpSender
from psp_connectors.adapters.http.tls import HTTP_1, HTTP_2, client_context, offers_http_2
from psp_connectors.domain.connector import Account
from psp_connectors.domain.http import Delivery, HttpRequest

DEFAULT_TLS_PORT: Final = 443
ORIGINS_MAX: Final = 1000
"""Remembered origins; there are as many as accounts have base addresses, so more can only be a fault."""

Origin = tuple[str, int]


class NegotiatingSender:
    """An HttpSender that asks each TLS origin once, by a handshake, whether it speaks HTTP/2.

    What was learnt is kept for an hour, and for a minute when the origin could not be reached. A plain address is
    spoken to in HTTP/1.1. While the first question to an origin is under way its calls go out in HTTP/1.1, so that
    nobody waits for an answer that only makes later calls better.
    """

    def __init__(self, limits: SenderLimits, extra_roots: Path | None = None) -> None:
        self._limits = limits
        self._http_1 = AiohttpSender(limits, client_context((HTTP_1,), extra_roots))
        self._http_2 = Http2Sender(limits, client_context((HTTP_2, HTTP_1), extra_roots))
        self._probing: ssl.SSLContext = client_context((HTTP_2, HTTP_1), extra_roots)
        self._known: dict[Origin, tuple[bool, float]] = {}
        self._questions: dict[Origin, asyncio.Task[None]] = {}

    async def send(self, account: Account, request: HttpRequest, deadline: float) -> Delivery:
        """Send once and end before `deadline` (seconds of `time.monotonic`), whatever the PSP does."""
        url = urlsplit(request.url)
        if url.scheme == "https" and self._speaks_http_2((url.hostname or "", url.port or DEFAULT_TLS_PORT)):
            return await self._http_2.send(account, request, deadline)
        return await self._http_1.send(account, request, deadline)

    async def learn(self, url: str) -> None:
        """Find out now what the origin of an address speaks; for the start, when nobody waits yet."""
        parts = urlsplit(url)
        if parts.scheme == "https":
            await self._ask((parts.hostname or "", parts.port or DEFAULT_TLS_PORT))

    async def close(self) -> None:
        """Close all connections."""
        questions = tuple(self._questions.values())
        for question in questions:
            question.cancel()
        await asyncio.gather(*questions, return_exceptions=True)
        await self._http_1.close()
        await self._http_2.close()

    def _speaks_http_2(self, origin: Origin) -> bool:
        known = self._known.get(origin)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        if origin not in self._questions and len(self._questions) < ORIGINS_MAX:
            question = asyncio.create_task(self._ask(origin))
            self._questions[origin] = question
            question.add_done_callback(lambda _: self._questions.pop(origin, None))
        return known[0] if known is not None else False

    async def _ask(self, origin: Origin) -> None:
        answer = await offers_http_2(*origin, self._probing, self._limits.connect_seconds)
        kept = self._limits.protocol_missing_seconds if answer is None else self._limits.protocol_kept_seconds
        before = self._known.get(origin, (False, 0.0))[0]
        if len(self._known) >= ORIGINS_MAX:
            self._known.clear()
        self._known[origin] = (before if answer is None else answer, time.monotonic() + kept)
