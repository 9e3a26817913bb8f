"""`payera demo`: plays the story against the running stack and prints it legibly."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from devstack.configuration import Configuration, load_configuration
from devstack.demo.chapters import Exchange, Merchant, chapters
from devstack.demo.psps import play_psps
from devstack.demo.showing import Style, lines_of
from devstack.errors import StackError
from devstack.events import read_events
from devstack.names import PortName
from devstack.rest import Rest
from devstack.seed import remembered_merchant

EVENT_SECONDS: Final = 20.0
EVENTS_MAX: Final = 50


def play(configuration: Configuration, echo: Callable[[str], None]) -> None:
    """Play every chapter; raise StackError when the stack is not up or an answer is not what the story wants."""
    merchant = remembered_merchant(configuration)
    if merchant is None:
        message = "there is no seeded merchant"
        raise StackError(message, "bring the stack up first: payera up")
    style = Style()

    def show(exchange: Exchange) -> None:
        for line in lines_of(exchange, style):
            echo(line)

    shopper = Merchant(Rest(configuration.rest_url, merchant.secret_key), time.monotonic, show)
    for number, chapter in enumerate(chapters(), 1):
        echo("")
        echo(style.heading(f"{number}. {chapter.title}"))
        echo(style.faint(f"   {chapter.watch}"))
        payment_id = chapter.play(shopper)
        echo("   events in Kafka:")
        for line in events_of(configuration, payment_id, chapter.last_event):
            echo(style.faint(f"     {line}"))


def events_of(configuration: Configuration, payment_id: str, last_event: str) -> list[str]:
    """Wait, for a bounded time, until Kafka has the payment's last event, and return a line for each."""
    bootstrap = configuration.address(PortName.KAFKA)
    deadline = time.monotonic() + EVENT_SECONDS
    while True:
        lines = list(read_events(bootstrap, last=EVENTS_MAX, follow=False, payment_id=payment_id))
        if lines and last_event in lines[-1]:
            return lines
        if time.monotonic() > deadline:
            message = f"the events of {payment_id} did not reach Kafka within {EVENT_SECONDS:.0f} s"
            raise StackError(message, "see why: payera logs relay")
        time.sleep(0.2)


@click.group(invoke_without_command=True)
@click.pass_context
def demo(ctx: click.Context) -> None:
    """Show what the gateway does when things go wrong: a story told through REST and Kafka."""
    if ctx.invoked_subcommand is not None:
        return
    configuration = load_configuration(ctx.obj, create=False)
    click.echo(f"Payera at {configuration.rest_url}, a merchant's calls and what platform teams read from Kafka")
    play(configuration, click.echo)


@demo.command("psps")
@click.option("--whole", is_flag=True, help="Show long answers to their end.")
@click.pass_obj
def demo_psps(home: Path | None, whole: bool) -> None:
    """Show a payment at each PSP's wire API, as it goes over the wire, and a cascade between two of them."""
    configuration = load_configuration(home, create=False)
    click.echo(f"Payera at {configuration.rest_url}, the PSPs' wire APIs spoken by the sandbox of this stack")
    play_psps(configuration, Style(), click.echo, whole=whole)
