"""The listening port of one account, which can be closed and opened again so that connections are truly refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

STOP_SECONDS: Final = 0.5
MOST_PROBES: Final = 100
PROBE_SECONDS: Final = 0.01


class Listener:
    """One port of 127.0.0.1 or another address; `port` 0 takes a free one and keeps it."""

    def __init__(self, host: str, port: int, handler: Handler) -> None:
        self.host = host
        self.port = port
        self._handler = handler
        self._web_server: web.Server | None = None
        self._server: asyncio.Server | None = None
        self._busy: set[object] = set()

    @property
    def is_open(self) -> bool:
        """Tell whether connections are accepted."""
        return self._server is not None

    async def open(self) -> None:
        """Accept connections; raises OSError when the port is taken."""
        if self._server is not None:
            return
        if self._web_server is None:
            # One for good: it knows the requests that were under way before a refusal.
            self._web_server = web.Server(self._handle, access_log=None)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._web_server, self.host, self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse connections from now on; those that wait for a next request are closed, requests under way end."""
        if self._server is None or self._web_server is None:
            return
        self._server.close()
        self._server = None
        for connection in self._web_server.connections:
            if connection not in self._busy:
                connection.force_close()
        await self._until_refused()

    async def close(self) -> None:
        """Close for good, cutting off what is under way."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._web_server is not None:
            await self._web_server.shutdown(STOP_SECONDS)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve a request, and after a refusal end its connection."""
        self._busy.add(request.protocol)
        try:
            response = await self._handler(request)
        finally:
            self._busy.discard(request.protocol)
        if self._server is None:
            response.force_close()
        return response

    async def _until_refused(self) -> None:
        """Wait until the kernel knows: an event loop may close a listening socket a moment later."""
        for _ in range(MOST_PROBES):
            try:
                _, writer = await asyncio.open_connection(self.host, self.port)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(PROBE_SECONDS)
