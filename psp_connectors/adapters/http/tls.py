"""TLS to PSPs: certificates and names are verified, TLS 1.2 is the least; whether HTTP/2 is offered is found out."""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HTTP_1: Final = "http/1.1"
HTTP_2: Final = "h2"


def client_context(protocols: Sequence[str], extra_roots: Path | None = None) -> ssl.SSLContext:
    """Give a context for connections that speak one of `protocols`, the most wanted first (ALPN).

    The system's roots are trusted; `extra_roots` is a PEM file with more, for a PSP in a network of one's own.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(protocols))
    if extra_roots is not None:
        context.load_verify_locations(cafile=str(extra_roots))
    return context


async def offers_http_2(host: str, port: int, context: ssl.SSLContext, seconds: float) -> bool | None:
    """Ask a server by one handshake whether it speaks HTTP/2; None when no connection could be made in time.

    `context` offers both protocols. Nothing but the handshake is sent.
    """
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    except (OSError, TimeoutError):
        return None
    chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    writer.transport.abort()
    return bool(chosen == HTTP_2)
