"""Runs a service's main coroutine until it is told to stop, with a clear last word when it can't start."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog
import uvloop

from mesh.identity import IdentityError
from mesh.settings import SettingsError
from mesh.telemetry import configure_logging

# Calls leave few cycles behind and live objects are many: Python's own threshold of 700 has the collector walk them
# for a tenth of the CPU. Cycles are still collected, only in larger batches.
_COLLECT_AFTER = (20_000, 20, 20)

_PLAIN_FAILURES = (SettingsError, IdentityError, OSError)


def run(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `main(stop)` on uvloop; SIGTERM and SIGINT set `stop`, upon which `main` must end by itself.

    Returns after a clean stop, so that the process ends with code 0. When `main` raises, one line is logged and the
    process ends with code 1.
    """
    gc.set_threshold(*_COLLECT_AFTER)
    # What was imported lives as long as the process: the collector need not look at it.
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(main))
    except Exception as error:
        if not structlog.is_configured():
            configure_logging("payera", "info")
        logger = structlog.get_logger()
        if isinstance(error, _PLAIN_FAILURES):
            logger.error("process failed", error=str(error))  # noqa: TRY400 - the text says it all
        else:
            logger.exception("process failed", error=type(error).__name__)
        sys.exit(1)


async def _serve(main: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await main(stop)
