"""What every benchmark of the running stack needs: its processes, the request it makes, and rounds of loads."""

import json
from collections.abc import Sequence
from typing import Any

import click

from devstack.bench.measure import Measurement, Mode, Target, measure
from devstack.errors import StackError
from devstack.lifecycle import Stack
from devstack.names import ComponentName


def play_rounds(targets: Sequence[Target], modes: Sequence[Mode], seconds: float, rounds: int) -> list[Measurement]:
    """Load each target in each mode, one after the other, as often as there are rounds."""
    found = []
    for number in range(1, rounds + 1):
        for mode in modes:
            for target in targets:
                click.echo(f"round {number} of {rounds}: {target.name}, {mode.name}, {seconds:.0f} s ... ", nl=False)
                measurement = measure(target, mode, seconds)
                click.echo(f"{measurement.per_second:.0f} a second")
                if measurement.unexpected:
                    click.echo(
                        f"  {measurement.unexpected} answers were not as expected, such as: {measurement.sample}"
                    )
                found.append(measurement)
    return found


def processes_of(stack: Stack) -> dict[str, int]:
    """Return the process id of every component; raise StackError when one does not run."""
    processes = {}
    for name in ComponentName:
        record = stack.processes.running(name)
        if record is None:
            message = f"{name} does not run"
            raise StackError(message, "bring the stack up first: payera up")
        processes[name.value] = record.pid
    return processes


def payment_body(amount: int, token: str, capture_method: str = "AUTOMATIC") -> str:
    """Return the body of a payment."""
    body: dict[str, Any] = {
        "amount": {"value": amount, "currency": "EUR"},
        "token": token,
        "capture_method": capture_method,
    }
    return json.dumps(body)
