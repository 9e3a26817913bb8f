"""The `payera` command. What a command needs is imported when it runs, so that `payera --help` stays quick."""

import importlib
import importlib.util
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, cast

import click

from devstack.errors import ComponentError, StackError
from devstack.names import ComponentName

if TYPE_CHECKING:
    from devstack.configuration import Configuration
    from devstack.lifecycle import Stack
    from devstack.seed import SeededMerchant

#: Commands that live in packages of their own: module, attribute, help for the list.
LAZY_COMMANDS: Final = {
    "audit": ("devstack.audit.cli", "audit", "Verify the audit of the vault, and show who had a card."),
    "bench": ("devstack.bench.cli", "bench", "Measure the running stack."),
    "cards": ("devstack.cards.cli", "cards", "Bring cards to or from another vault, as encrypted files."),
    "operations": ("devstack.operations.cli", "operations", "Request and approve what nobody may do alone."),
    "keys": ("devstack.keys.cli", "keys", "Look at the vault's keys, and rotate them."),
    "psp": ("devstack.psp.cli", "psp", "Manage PSP accounts and look at PSPs' webhooks."),
    "reviews": ("devstack.reviews.cli", "reviews", "Settle what nobody could tell, after a look at the PSP."),
    "routing": ("devstack.routing.cli", "routing", "Write routing rules, see why payments went where, try worlds."),
    "sandbox": ("devstack.sandbox.cli", "sandbox", "Run the sandbox PSP alone, in a PSP's own wire API."),
    "scan": ("devstack.scan.cli", "scan", "Search for card numbers and codes where they must not be."),
    "demo": ("devstack.demo.cli", "demo", "Show what the gateway does when things go wrong."),
}
FOLLOW_SECONDS: Final = 0.2
NAMES: Final = [name.value for name in ComponentName]


class LazyGroup(click.Group):
    """A group that imports `demo` and `bench` only when they are called, and lists them only when they are there."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted([*super().list_commands(ctx), *filter(_exists, LAZY_COMMANDS)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now if it lives elsewhere."""
        if cmd_name not in LAZY_COMMANDS or not _exists(cmd_name):
            return super().get_command(ctx, cmd_name)
        module, attribute, _ = LAZY_COMMANDS[cmd_name]
        return cast("click.Command", getattr(importlib.import_module(module), attribute))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing those that live elsewhere."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.commands.get(name)
            rows.append((name, command.get_short_help_str(80) if command else LAZY_COMMANDS[name][2]))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click declares it
        """Run a command; a failure the user can act on ends with its message, its log and its next step."""
        try:
            return super().invoke(ctx)
        except StackError as error:
            _show_failure(error)
            ctx.exit(1)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder; else $PAYERA_HOME, else .payera in the checkout.",
)
@click.pass_context
def main(ctx: click.Context, home: Path | None) -> None:
    """Run the Payera mesh on this machine: real PostgreSQL, Kafka, Temporal and Envoy, no Docker."""
    ctx.obj = home


@main.command()
@click.option(
    "--port-base",
    type=click.IntRange(0, 65_000),
    help="Number of the first of the consecutive ports; 0 takes free ports at random. Remembered.",
)
@click.option("--keep", is_flag=True, help="After a failure leave running what was started, to look at it.")
@click.option("--no-payment", is_flag=True, help="Leave out the merchant and the first payment.")
@click.option("--only", type=click.Choice(NAMES), multiple=True, help="Start this component only; may be repeated.")
@click.pass_obj
def up(home: Path | None, port_base: int | None, keep: bool, no_payment: bool, only: tuple[str, ...]) -> None:
    """Start what is not running, and make a first payment."""
    from devstack.configuration import load_configuration
    from devstack.display import progress
    from devstack.lifecycle import Stack

    signal.signal(signal.SIGTERM, _interrupt)
    stack = Stack(load_configuration(home, port_base))
    paid = not no_payment and not only
    try:
        with progress(live=sys.stdout.isatty()) as report:
            names = {ComponentName(name) for name in only} or None
            merchant = stack.up(report, keep=keep, seed=paid, only=names).merchant
    except KeyboardInterrupt:
        click.echo("interrupted: what this command had started is stopped again", err=True)
        sys.exit(130)
    if paid:
        click.echo(f"from payera up to the first approved payment: {_age_seconds():.1f} s")
    _show_summary(stack.configuration, merchant)


@main.command()
@click.option("--wipe", is_flag=True, help="Delete the data too: database, topics, workflows, keys, logs.")
@click.pass_obj
def down(home: Path | None, wipe: bool) -> None:
    """Stop everything."""
    stopped = _stack(home).down(wipe=wipe)
    click.echo(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    if wipe:
        click.echo("the data is deleted")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def status(home: Path | None, as_json: bool) -> None:
    """Show what runs where, its memory, and the keys."""
    from devstack import summary
    from devstack.seed import remembered_merchant

    stack = _stack(home)
    merchant = remembered_merchant(stack.configuration)
    components = stack.status()
    if as_json:
        import json

        click.echo(json.dumps(summary.as_json(stack.configuration, merchant, components), indent=2))
        return
    click.echo("\n".join(summary.as_lines(stack.configuration, merchant, components)))


@main.command()
@click.argument("name", type=click.Choice(NAMES))
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("-n", "--lines", type=click.IntRange(0, 10_000), default=50, show_default=True, help="How many lines.")
@click.pass_obj
def logs(home: Path | None, name: str, follow: bool, lines: int) -> None:
    """Show the log of a component."""
    from devstack.processes import tail

    path = _configuration(home).logs_directory / f"{name}.log"
    if not path.is_file():
        message = f"{name} has no log yet"
        raise StackError(message, "start it: payera up")
    size = path.stat().st_size
    for line in tail(path, lines):
        click.echo(line)
    while follow:
        time.sleep(FOLLOW_SECONDS)
        size = _echo_from(path, size)


@main.command()
@click.argument("names", type=click.Choice(NAMES), nargs=-1, required=True)
@click.pass_obj
def restart(home: Path | None, names: tuple[str, ...]) -> None:
    """Stop components and start them again."""
    stack = _stack(home)
    for name in names:
        began = time.monotonic()
        stack.restart(name)
        click.echo(f"{name} is ready  ({time.monotonic() - began:.1f} s)")


@main.command()
@click.pass_obj
def doctor(home: Path | None) -> None:
    """Say what is missing on this machine, and how to get it."""
    from devstack.doctor import examine

    findings = examine(_configuration(home))
    for finding in findings:
        click.echo(f"{'ok     ' if finding.fine else 'MISSING'} {finding.subject:<11} {finding.found}")
        if not finding.fine:
            click.echo(f"        next: {finding.next_step}")
    sys.exit(0 if all(finding.fine for finding in findings) else 1)


@main.command()
@click.option("-f", "--follow", is_flag=True, help="Go on with new events.")
@click.option("-n", "--last", type=click.IntRange(0, 10_000), default=20, show_default=True, help="How many events.")
@click.option("--payment", help="Only the events of this payment.")
@click.pass_obj
def events(home: Path | None, follow: bool, last: int, payment: str | None) -> None:
    """Show the payment events in Kafka."""
    from devstack.events import read_events
    from devstack.names import PortName

    bootstrap = _configuration(home).address(PortName.KAFKA)
    for line in read_events(bootstrap, last=last, follow=follow, payment_id=payment):
        click.echo(line)


@main.command()
@click.pass_obj
def migrate(home: Path | None) -> None:
    """Apply the SQL of every service to the running database."""
    _stack(home).migrate(click.echo)


@main.command()
@click.pass_obj
def topics(home: Path | None) -> None:
    """Create the Kafka topics that are missing."""
    _stack(home).declare_topics(click.echo)


def _configuration(home: Path | None) -> "Configuration":
    from devstack.configuration import load_configuration

    return load_configuration(home, create=False)


def _stack(home: Path | None) -> "Stack":
    from devstack.lifecycle import Stack

    return Stack(_configuration(home))


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(LAZY_COMMANDS[name][0]) is not None
    except ModuleNotFoundError:
        return False


def _show_failure(error: StackError) -> None:
    if isinstance(error, ComponentError):
        for line in error.log_tail:
            click.echo(f"  | {line}", err=True)
    click.echo(f"error: {error}", err=True)
    if error.next_step:
        click.echo(f"next:  {error.next_step}", err=True)


def _show_summary(configuration: "Configuration", merchant: "SeededMerchant | None") -> None:
    from devstack import summary

    lines = summary.named_lines(summary.addresses(configuration) | summary.keys(merchant))
    click.echo("\n".join(["", *lines]))
    tries = summary.curl_lines(configuration, merchant)
    if tries:
        click.echo("\n".join(["", "Try:", *tries]))


def _age_seconds() -> float:
    """Return how long this process has existed, the interpreter's own start included."""
    from devstack.processes import age_seconds

    return age_seconds(os.getpid())


def _echo_from(path: Path, position: int) -> int:
    """Print what was added since `position`; return the new position. A log begun anew is read from its top."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return 0
    start = position if position <= size else 0
    with path.open("rb") as stream:
        stream.seek(start)
        content = stream.read()
    if content:
        click.echo(content.decode("utf-8", errors="replace"), nl=False)
    return start + len(content)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
