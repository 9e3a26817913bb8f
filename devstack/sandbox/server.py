"""The sandbox PSP process: `python -m devstack.sandbox.server`."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from aiohttp import web

from devstack.sandbox.books import Books
from devstack.sandbox.conformity import Conformity, Violations, load_descriptions
from devstack.sandbox.control import Control, ControlledAccount
from devstack.sandbox.dialects.registry import OWN, dialect
from devstack.sandbox.engine import AccountEngine
from devstack.sandbox.journal import Journal
from devstack.sandbox.listeners import Listener
from devstack.sandbox.settings import AccountEntry, SandboxSettings, completed, load_accounts
from mesh.process import run
from mesh.settings import SettingsError, load
from mesh.telemetry import configure_logging

STOP_SECONDS: Final = 0.5


class Sandbox:
    """The whole PSP: `open` it, use `control_port` and `ports`, `close` it."""

    def __init__(
        self,
        *,
        listen: str,
        accounts: list[AccountEntry],
        journal: Journal,
        descriptions: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._host, _, port = listen.rpartition(":")
        self._control_port = int(port)
        self._journal = journal
        self._clock = clock
        self.violations = Violations()
        self._books = {entry.account: Books(entry.account, journal.write, clock) for entry in accounts}
        self._dialects = {name: dialect(name) for name in {entry.dialect for entry in accounts}}
        self._descriptions = load_descriptions(
            descriptions, {name: one.description for name, one in self._dialects.items()}
        )
        self._accounts = {
            entry.account: self._account(entry, position) for position, entry in enumerate(accounts, start=1)
        }
        self._runner: web.AppRunner | None = None

    @property
    def control_port(self) -> int:
        """Give the port of the control API."""
        return self._control_port

    @property
    def ports(self) -> dict[str, int]:
        """Give the port of each account."""
        return {
            name: account.listener.port if account.listener is not None else self._control_port
            for name, account in self._accounts.items()
        }

    async def open(self) -> None:
        """Read the journal and listen. Raises OSError for a port that is taken, SettingsError for a foreign journal."""
        self._restore()
        for account in self._accounts.values():
            if account.listener is not None:
                await account.listener.open()
        control = Control(self._accounts, self.violations, dialect(OWN))
        self._runner = web.AppRunner(control.application(), access_log=None, shutdown_timeout=STOP_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._control_port).start()
        self._control_port = self._runner.addresses[0][1]
        for name, port in self.ports.items():
            self._accounts[name].api.base_url = f"http://{self._host}:{port}"

    async def close(self) -> None:
        """Stop listening, then sending, and close the journal."""
        listeners = (account.listener for account in self._accounts.values())
        await asyncio.gather(*(listener.close() for listener in listeners if listener is not None))
        if self._runner is not None:
            await self._runner.cleanup()
        for account in self._accounts.values():
            await account.api.webhooks.close()
        self._journal.close()

    def _restore(self) -> None:
        try:
            for record in self._journal.open():
                self._books[record.account].restore(record)
        except KeyError as error:
            message = f"the store has an account or charge that is not known: {error}"
            raise SettingsError(message) from None
        except OSError as error:
            message = f"the store can't be used: {error.strerror or error}"
            raise SettingsError(message) from None
        except ValueError:
            message = "the store is not a journal of the sandbox"
            raise SettingsError(message) from None

    def _account(self, entry: AccountEntry, position: int) -> ControlledAccount:
        spoken = self._dialects[entry.dialect]
        api = AccountEngine(
            account=completed(entry, spoken.needs),
            position=position,
            books=self._books[entry.account],
            dialect=spoken,
            conformity=Conformity(entry.account, self._descriptions[entry.dialect], self.violations),
            clock=self._clock,
        )
        listener = Listener(self._host, entry.port, api.serve) if entry.port is not None else None
        return ControlledAccount(api, listener)


async def serve(stop: asyncio.Event, environment: Mapping[str, str]) -> None:
    """Run the sandbox until `stop` is set."""
    settings = load(SandboxSettings, environment)
    logger = configure_logging("sandbox", settings.log_level)
    sandbox = Sandbox(
        listen=settings.listen,
        accounts=load_accounts(settings.sandbox_accounts),
        journal=Journal(settings.sandbox_store),
        descriptions=settings.sandbox_descriptions,
    )
    try:
        await sandbox.open()
        logger.info("serving", listen=settings.listen, ports=sandbox.ports)
        await stop.wait()
    finally:
        await sandbox.close()


async def main(stop: asyncio.Event) -> None:
    """Serve until told to stop."""
    await serve(stop, os.environ)


if __name__ == "__main__":
    run(main)
