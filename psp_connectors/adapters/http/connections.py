"""Connections that are given out for a request only while they are silent."""

import asyncio
from typing import Any, Final

import aiohttp
from aiohttp.connector import Connection

TURNS: Final = 2
"""Turns of the event loop in which it reads what has come so far: it looks in the first, and takes it in the second."""


class QuietConnector(aiohttp.TCPConnector):
    """A pool that drops a kept connection on which something came that nobody has asked for, or that has ended.

    HTTP/1.1 knows answers by their order alone: after a PSP has answered twice, the second answer would be taken for
    that of the next request, and each answer from then on for that of the request after its own.
    """

    async def connect(self, req: Any, traces: Any, timeout: aiohttp.ClientTimeout) -> Connection:  # noqa: ANN401, ASYNC109 - as the base has it
        """Give a connection on which nothing waits; raises ClientConnectionError when there is none."""
        for _ in range(self.limit + 1):
            connection = await super().connect(req, traces, timeout)
            try:
                for _turn in range(TURNS):
                    await asyncio.sleep(0)
            except BaseException:
                connection.close()
                raise
            protocol = connection.protocol
            if protocol is not None and protocol.is_connected() and not protocol.should_close:
                return connection
            connection.close()
        message = "no connection stays silent"
        raise aiohttp.ClientConnectionError(message)
