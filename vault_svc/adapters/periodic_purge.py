"""Purges expired codes, single-use cards and keys in memory once a minute for as long as the process runs."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from mesh.refusal import Refusal

_PERIOD_SECONDS: Final = 60.0


async def purge_every_minute(
    purge: Callable[[], Awaitable[tuple[int, int]]],
    stop: asyncio.Event,
    logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
    *,
    period_seconds: float = _PERIOD_SECONDS,
) -> None:
    """Purge now and then every minute until `stop` is set; an error is logged and the next round goes on.

    `purge` gives how many codes and cards it deleted.
    """
    while not stop.is_set():
        try:
            codes, cards = await purge()
        except Refusal as refusal:
            logger.warning("purge put off", reason=refusal.reason.value)
        except Exception:
            # Codes must not outlive their time because one round failed for a reason nobody thought of.
            logger.exception("purge failed")
        else:
            if codes or cards:
                logger.info("purged", codes=codes, cards=cards)
        await _wait(stop, period_seconds)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
