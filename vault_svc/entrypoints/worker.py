"""Runs the vault's worker: `python -m vault_svc.entrypoints.worker`."""

import asyncio
import os

from mesh.process import run
from mesh.settings import load
from vault_svc.settings import VaultWorkerSettings
from vault_svc.worker_bootstrap import serve


async def main(stop: asyncio.Event) -> None:
    """Work with the settings of the environment until `stop` is set."""
    await serve(load(VaultWorkerSettings, os.environ), stop)


if __name__ == "__main__":
    run(main)
