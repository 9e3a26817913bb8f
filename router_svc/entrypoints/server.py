"""Runs the router: `python -m router_svc.entrypoints.server`."""

import asyncio
import os

from mesh.process import run
from mesh.settings import load
from router_svc.adapters.cel.time_zones import use_packaged_time_zones
from router_svc.bootstrap import serve
from router_svc.settings import RouterSettings


async def main(stop: asyncio.Event) -> None:
    """Serve with the settings of the environment until `stop` is set."""
    use_packaged_time_zones(os.environ)
    await serve(load(RouterSettings, os.environ), stop)


if __name__ == "__main__":
    run(main)
