"""What every benchmark of the running stack needs: its processes, the request it makes, and rounds of loads."""

import json
import time
from collections.abc import Sequence
from typing import Any, Final

import click

from devstack.bench.measure import Measurement, Mode, Target, measure
from devstack.errors import StackError
from devstack.lifecycle import Stack
from devstack.names import ComponentName
from devstack.rest import Rest, expect_ok
from devstack.seed import TEST_CARD

FIRST_AMOUNT: Final = 1000
KEPT_SECONDS: Final = 30.0


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


def stored_token(rest: Rest) -> str:
    """Return a token that takes any number of payments: a first one with `store_card` has made it permanent.

    Raises StackError when that payment is not approved, or the vault does not keep the token in time.
    """
    token = str(expect_ok(rest.post("/v1/tokens", {"card": TEST_CARD}, money=False), "creating a token")["id"])
    body = json.loads(payment_body(FIRST_AMOUNT, token, "MANUAL")) | {"store_card": True}
    payment = expect_ok(rest.post("/v1/payments", body), "the payment that stores the card")
    if payment["status"] != "AUTHORIZED":
        message = f"the payment that stores the card is {payment['status']}, not AUTHORIZED"
        raise StackError(message, "see the logs: payera logs gateway, payera logs connectors")
    deadline = time.monotonic() + KEPT_SECONDS
    while expect_ok(rest.get(f"/v1/tokens/{token}"), "reading a token")["usage"] != "PERMANENT":
        if time.monotonic() > deadline:
            message = f"the vault does not keep the card of {payment['id']}"
            raise StackError(message, "see the logs: payera logs vault, payera logs worker")
        time.sleep(0.1)
    return token


def payment_body(amount: int, token: str, capture_method: str = "AUTOMATIC") -> str:
    """Return the body of a payment."""
    body: dict[str, Any] = {
        "amount": {"value": amount, "currency": "EUR"},
        "token": token,
        "capture_method": capture_method,
    }
    return json.dumps(body)
