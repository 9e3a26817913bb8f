"""Tells how many cards went by, on standard error: a line that changes on a terminal, now and then a line elsewhere."""

import sys
import time
from typing import Final

import click

SECONDS_BETWEEN_LINES: Final = 10.0


class CardCounter:
    """Counts what `add` tells it."""

    def __init__(self, what: str, count: int = 0) -> None:
        self._what = what
        self._count = count
        self._live = sys.stderr.isatty()
        self._told_at = time.monotonic()

    def add(self, count: int) -> None:
        """Count some more, and tell when it is time."""
        self._count += count
        now = time.monotonic()
        if self._live:
            click.echo(f"\r{self._count:,} {self._what}", nl=False, err=True)
        elif now - self._told_at >= SECONDS_BETWEEN_LINES:
            click.echo(f"{self._count:,} {self._what}", err=True)
            self._told_at = now

    def end(self) -> None:
        """Go to a new line where one is open."""
        if self._live:
            click.echo(err=True)
