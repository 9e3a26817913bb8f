"""Runs the gateway: `python -m gateway_svc.entrypoints.server`."""

import asyncio
import os

from gateway_svc.bootstrap import serve
from gateway_svc.settings import GatewaySettings
from mesh.process import run
from mesh.settings import load


async def main(stop: asyncio.Event) -> None:
    """Serve with the settings of the environment until `stop` is set."""
    await serve(load(GatewaySettings, os.environ), stop)


if __name__ == "__main__":
    run(main)
