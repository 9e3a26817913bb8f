"""The connectors process: `python -m psp_connectors.entrypoints.server`."""

import asyncio
import os

from mesh.process import run
from psp_connectors.bootstrap import serve


async def main(stop: asyncio.Event) -> None:
    """Serve until told to stop."""
    await serve(stop, os.environ)


if __name__ == "__main__":
    run(main)
