"""Runs the vault: `python -m vault_svc.entrypoints.server`."""

import asyncio
import os

from mesh.process import run
from mesh.settings import load
from vault_svc.bootstrap import serve
from vault_svc.settings import VaultSettings


async def main(stop: asyncio.Event) -> None:
    """Serve with the settings of the environment until `stop` is set."""
    await serve(load(VaultSettings, os.environ), stop)


if __name__ == "__main__":
    run(main)
