"""Shows a start-up at the terminal: a live table, or plain lines when the output is not a terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

import click

from devstack.steps import Progress, Report, State

if TYPE_CHECKING:
    from rich.table import Table

REFRESH_PER_SECOND: Final = 10
DETAIL_WIDTH: Final = 60
STYLES: Final = {
    State.WAITING: "dim",
    State.STARTING: "yellow",
    State.READY: "green",
    State.ALREADY: "cyan",
    State.FAILED: "bold red",
    State.CANCELLED: "dim",
}


@contextmanager
def progress(*, live: bool) -> Iterator[Report]:
    """Yield where to report; safe to call from several threads."""
    if not live:
        yield _PlainLines().report
        return
    from rich.console import Console
    from rich.live import Live

    table = _LiveTable()
    with Live(get_renderable=table.render, console=Console(), refresh_per_second=REFRESH_PER_SECOND):
        yield table.report


class _PlainLines:
    """One line for each change of state, and for each thing a step says it does."""

    def __init__(self) -> None:
        self._lock = Lock()

    def report(self, news: Progress) -> None:
        if news.state in {State.WAITING, State.CANCELLED} or (news.state is State.STARTING and not news.detail):
            return
        words = news.detail if news.state is State.STARTING else f"{news.state} {news.detail}".strip()
        with self._lock:
            click.echo(f"{news.name:<11} {words}  ({news.seconds:.1f} s)")


class _LiveTable:
    """A table with a row for each step; a running step's clock goes on between two pieces of news."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows: dict[str, tuple[Progress, float]] = {}

    def report(self, news: Progress) -> None:
        with self._lock:
            self._rows[news.name] = (news, time.monotonic())

    def render(self) -> "Table":
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False)
        with self._lock:
            rows = list(self._rows.values())
        for news, at in rows:
            seconds = news.seconds + (time.monotonic() - at if news.state is State.STARTING else 0.0)
            clock = "" if news.state is State.WAITING else f"{seconds:5.1f} s"
            detail = news.detail.splitlines()[0][:DETAIL_WIDTH] if news.detail else ""
            table.add_row(news.name, Text(news.state, STYLES[news.state]), clock, Text(detail, "dim"))
        return table
