"""What every component of the stack can do: prepare its files, say how it is run, and say when it is ready."""

from dataclasses import dataclass, field
from signal import SIGTERM, Signals
from threading import Event
from typing import Protocol

from devstack.configuration import Configuration
from devstack.names import ComponentName
from devstack.processes import Command

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Stopping:
    """How a component is asked to end, and how long it may take before it is ended by force."""

    signal: Signals = field(default=SIGTERM)
    timeout_seconds: float = 10.0


class Component(Protocol):
    """One real component: a single detached process (with children of its own, maybe)."""

    name: ComponentName
    stopping: Stopping
    start_timeout_seconds: float

    def prepare(self, configuration: Configuration) -> None:
        """Write the files the process needs; called before each start, must bear being repeated."""

    def command(self, configuration: Configuration) -> Command:
        """Return what to run."""

    def ready(self, configuration: Configuration) -> bool:
        """Return whether the component answers; takes a second at the most and never raises for one that is not up."""


class CancelledError(Exception):
    """The start-up was given up: another component failed, or the user pressed Ctrl-C."""


def pause(cancelled: Event, seconds: float = POLL_SECONDS) -> None:
    """Wait between two probes; raise CancelledError as soon as the start-up is given up."""
    if cancelled.wait(seconds):
        raise CancelledError
