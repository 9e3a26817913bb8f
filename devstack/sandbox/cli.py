"""`payera sandbox`: the sandbox PSP alone, in the foreground, speaking the wire API of a PSP."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from devstack.errors import StackError
from devstack.sandbox.dialects.contract import Dialect
from devstack.sandbox.dialects.registry import NAMES, OWN, dialect
from devstack.sandbox.journal import Journal
from devstack.sandbox.keys import constant_key, constant_webhook_secret
from devstack.sandbox.server import Sandbox
from devstack.sandbox.settings import AccountEntry, completed
from mesh.settings import SettingsError

HOST: Final = "127.0.0.1"
ACCOUNT: Final = "sandbox"
DEFAULT_PORT: Final = 8190
LAST_PORT: Final = 65_535
_LABEL_WIDTH: Final = 20
_WIDEST_TRIGGER: Final = 64


@click.command("sandbox")
@click.option("--dialect", "name", type=click.Choice(NAMES), default=OWN, show_default=True, help="Wire API to speak.")
@click.option(
    "--port",
    type=click.IntRange(0, LAST_PORT),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port of the API; 0 takes a free one.",
)
@click.option(
    "--control-port", type=click.IntRange(0, LAST_PORT), help="Port of the control API; else the one after --port."
)
@click.option("--key", help="API key to accept; else one that is the same at every start.")
@click.option("--webhook-url", help="Where webhooks go; else none are sent.")
@click.option("--webhook-secret", help="What webhooks are signed with; else one that is the same at every start.")
@click.option(
    "--store", type=click.Path(dir_okay=False, path_type=Path), help="File in which the books survive the end."
)
@click.option(
    "--descriptions",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the PSPs' own API descriptions, to hold requests and answers against.",
)
def sandbox(
    name: str,
    port: int,
    control_port: int | None,
    key: str | None,
    webhook_url: str | None,
    webhook_secret: str | None,
    store: Path | None,
    descriptions: Path | None,
) -> None:
    """Run a PSP on this machine that keeps real books, declines on demand and fails on demand. Ctrl-C ends it."""
    spoken = dialect(name)
    entry = AccountEntry(
        account=ACCOUNT,
        api_key=key or constant_key(name),
        port=port,
        dialect=name,
        webhook_url=webhook_url or "",
        webhook_secret=webhook_secret or constant_webhook_secret(name),
    )
    control = control_port if control_port is not None else (port + 1 if 0 < port < LAST_PORT else 0)
    try:
        psp = Sandbox(listen=f"{HOST}:{control}", accounts=[entry], journal=Journal(store), descriptions=descriptions)
        asyncio.run(_run(psp, completed(entry, spoken.needs), spoken))
    except SettingsError as error:
        raise StackError(str(error)) from None
    except OSError as error:
        message = f"the sandbox can't start: {error.strerror or error}"
        raise StackError(message, "choose another port: payera sandbox --port 0") from None


def lines(entry: AccountEntry, spoken: Dialect, url: str, control_url: str) -> Iterator[str]:
    """Yield what the user reads: where it is, what it takes, and how to make it misbehave."""
    guide = spoken.guide
    yield f"The sandbox PSP speaks {guide.title} ({guide.version})."
    yield ""
    yield _line("address", url)
    yield _line("API key", f"{entry.api_key}  ({spoken.needs.api_key})")
    for name, value in {**entry.settings, **entry.secrets}.items():
        if value:
            yield _line(name, value)
    if guide.webhooks:
        yield _line("webhook secret", f"{entry.webhook_secret}  ({spoken.needs.webhook_secret})")
        yield _line("webhooks go to", entry.webhook_url or "nowhere: choose an address with --webhook-url")
    yield ""
    yield "A first payment:"
    yield from _indented(guide.example.format(url=url, key=entry.api_key, **entry.settings))
    yield ""
    yield "What it does on demand:"
    width = max((min(len(_plain(one.trigger)), _WIDEST_TRIGGER) for one in guide.triggers), default=0)
    for one in guide.triggers:
        yield f"  {_plain(one.trigger).ljust(width)}  {_plain(one.effect)}"
    yield ""
    account = f"{control_url}/control/accounts/{entry.account}"
    yield "Make it fail, heal it, hold webhooks back, and see what really happened to money:"
    fault = '{"mode": "reset_after", "operation": "authorize", "count": 1}'
    yield f"  curl -X PUT {account}/faults -d '{fault}'"
    yield f"  curl -X DELETE {account}/faults"
    if guide.webhooks:
        yield f'  curl -X PUT {account}/webhooks -d \'{{"mode": "late"}}\''
        yield f"  curl -X POST {account}/webhooks:release"
    yield f"  curl {control_url}/control/truth"
    yield ""
    for remark in guide.remarks:
        yield f"- {_plain(remark)}"
    yield "docs/sandbox.md has magic amounts, fault modes and the whole control API. Ctrl-C ends the sandbox."


async def _run(psp: Sandbox, entry: AccountEntry, spoken: Dialect) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    try:
        await psp.open()
        url, control_url = f"http://{HOST}:{psp.ports[entry.account]}", f"http://{HOST}:{psp.control_port}"
        click.echo("\n".join(lines(entry, spoken, url, control_url)))
        await stop.wait()
    finally:
        await psp.close()


def _line(label: str, text: str) -> str:
    return f"  {label.ljust(_LABEL_WIDTH)}{text}"


def _indented(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"  {line}"


def _plain(text: str) -> str:
    return text.replace("`", "")
