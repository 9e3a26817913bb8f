"""Starts the worker process: `python -m gateway_svc.entrypoints.worker`."""

import asyncio
import os

from gateway_svc.worker_bootstrap import Settings, serve
from mesh.process import run
from mesh.settings import load


async def _main(stop: asyncio.Event) -> None:
    await serve(load(Settings, os.environ), stop)


if __name__ == "__main__":
    run(_main)
