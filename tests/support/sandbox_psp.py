"""A sandbox PSP with accounts of any dialect, and a receiver of its webhooks, for tests.

`open_sandbox` is for tests in the event loop; `sandbox_in_thread` for the official SDKs, which block.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web

from devstack.descriptions import default_folder
from devstack.sandbox.journal import Journal
from devstack.sandbox.server import Sandbox
from devstack.sandbox.settings import AccountEntry

HOST = "127.0.0.1"
START_SECONDS = 30.0


@dataclass(frozen=True)
class Received:
    """A webhook as it came."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Where webhooks go: what came, and the status to answer, 200 when `statuses` has run out."""

    received: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    url: str = ""
    _runner: web.AppRunner | None = None

    async def open(self) -> None:
        application = web.Application()
        application.router.add_post("/webhooks", self._take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.url = f"http://{HOST}:{self._runner.addresses[0][1]}/webhooks"

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(headers, await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@dataclass
class SandboxLab:
    """A sandbox that runs: its first account is meant where none is named."""

    sandbox: Sandbox
    receiver: Receiver
    control: aiohttp.ClientSession
    account: str

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.sandbox.ports[self.account]}"

    async def call(self, method: str, path: str, **body: Any) -> Any:
        """Call the control API about the account."""
        async with self.control.request(method, f"/control/accounts/{self.account}/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def get(self, path: str, **query: Any) -> Any:
        async with self.control.get(f"/control/{path}", params=query) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def webhooks(self, **query: Any) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await self.get(f"accounts/{self.account}/webhooks", **query))["webhooks"]
        return listed

    async def truth(self, reference: str) -> list[dict[str, Any]]:
        charges: list[dict[str, Any]] = (await self.get("truth", reference=reference))["charges"]
        return charges

    async def moves(self, operation: str, reference: str) -> int:
        """Give how often an operation moved money, whatever was answered."""
        return sum(
            one["money_moves"]
            for charge in await self.truth(reference)
            for one in charge["operations"]
            if (one["type"], one["reference"]) == (operation, reference)
        )

    async def requests(self, reference: str) -> int:
        """Give how many requests came about a reference, acted upon or not."""
        return sum(one["requests"] for one in (await self.get("truth", reference=reference))["requests"])


@contextlib.asynccontextmanager
async def open_sandbox(
    *entries: dict[str, Any],
    journal: Path | None = None,
    described: bool = True,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[SandboxLab]:
    """Start a sandbox on free ports; every account's webhooks go to one receiver. `clock` is the PSPs'."""
    receiver = Receiver()
    await receiver.open()
    wanted = [{"port": 0, "webhook_url": receiver.url} | entry for entry in entries]
    accounts = msgspec.convert(wanted, list[AccountEntry])
    descriptions = default_folder() if described else None
    sandbox = Sandbox(
        listen=f"{HOST}:0", accounts=accounts, journal=Journal(journal), descriptions=descriptions, clock=clock
    )
    await sandbox.open()
    try:
        async with aiohttp.ClientSession(f"http://{HOST}:{sandbox.control_port}") as control:
            yield SandboxLab(sandbox, receiver, control, accounts[0].account)
    finally:
        await sandbox.close()
        await receiver.close()


@dataclass
class ThreadedLab:
    """A sandbox in a thread of its own, and `run` for what is to be awaited there."""

    lab: SandboxLab
    loop: asyncio.AbstractEventLoop

    def run(self, awaitable: Any) -> Any:
        async def awaited() -> Any:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result(START_SECONDS)


@contextlib.contextmanager
def sandbox_in_thread(*entries: dict[str, Any], described: bool = True) -> Iterator[ThreadedLab]:
    """Start a sandbox in a thread, and stop it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    context = open_sandbox(*entries, described=described)

    async def enter() -> SandboxLab:
        return await context.__aenter__()

    async def leave() -> None:
        await context.__aexit__(None, None, None)

    try:
        lab = asyncio.run_coroutine_threadsafe(enter(), loop).result(START_SECONDS)
        try:
            yield ThreadedLab(lab, loop)
        finally:
            asyncio.run_coroutine_threadsafe(leave(), loop).result(START_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_SECONDS)
        loop.close()
