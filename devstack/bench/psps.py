"""`payera bench psps`: what the connectors of real PSPs cost, beside the sandbox's own connector in the same run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

import click

from devstack.bench.loads import payment_body, play_rounds, processes_of, stored_token
from devstack.bench.measure import Measurement, Mode, Target
from devstack.bench.report import keep_result, medians, table
from devstack.configuration import Configuration, load_configuration
from devstack.errors import StackError
from devstack.lifecycle import Stack
from devstack.names import PSP_DIALECTS, PortName
from devstack.rest import Rest, expect_ok
from devstack.seed import merchant_at, remembered_merchant

AMOUNT: Final = 1000
OWN: Final = "sandbox_a"
MODES: Final = (Mode("closed loop, 1", 1), Mode("closed loop, 16", 16))
#: Of the rate with the sandbox's own connector.
LEAST_SHARE: Final = 0.85
#: The PSP's own work is not ours: what the sandbox takes for a dialect is shown apart.
PSP: Final = "sandbox"


@click.command("psps")
@click.option("--seconds", type=click.FloatRange(1, 300), default=2.0, show_default=True, help="Length of one load.")
@click.option("--rounds", type=click.IntRange(1, 9), default=5, show_default=True, help="Rounds; medians count.")
@click.option("--webhooks", is_flag=True, help="Let the PSPs send their webhooks while they are loaded.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the JSON result goes.")
@click.pass_obj
def bench_psps(home: Path | None, seconds: float, rounds: int, webhooks: bool, output: Path | None) -> None:
    """Measure build and parse of every connector, and authorizations at every PSP's wire API."""
    from devstack.bench.connectors import connector_costs

    configuration = load_configuration(home, create=False)
    processes = processes_of(Stack(configuration))
    click.echo("build and parse in microseconds, floor: writing and reading the same bytes")
    costs = connector_costs(configuration)
    for cost in costs:
        click.echo(
            f"  {cost.connector:<10}{cost.operation:<11}build{cost.build_us:>7.1f}   parse{cost.parse_us:>7.1f}"
            f"   floor{cost.floor_us:>6.1f}   x{cost.ratio:>5.1f}"
        )
    click.echo("")
    own, *others = _targets(configuration, processes)
    # One of its own between any two: machines drift by more than connectors differ.
    order = [own, *(target for other in others for target in (other, own))]
    with _webhooks(configuration, "normal" if webhooks else "missing"):
        found = play_rounds(order, MODES, seconds, rounds)
    middle = medians(found)
    click.echo("")
    for line in table(middle):
        click.echo(line)
    click.echo("")
    shares = [_share(found, account, mode.name) for mode in MODES for account in PSP_DIALECTS]
    for share in shares:
        click.echo(
            f"{share['account']:<17}{share['mode']:<16}{share['rate']:.2f} of {OWN}'s rate, p50 x {share['p50']:.2f}, "
            f"CPU x {share['cpu']:.2f} without the PSP's own, which is {share['psp_ms']:.2f} ms against "
            f"{share['own_psp_ms']:.2f}"
        )
    slow = [share for share in shares if share["rate"] < LEAST_SHARE]
    click.echo(f"no connector below {LEAST_SHARE} of the rate: {'not reached' if slow else 'reached'}")
    result = {
        "seconds": seconds,
        "rounds": rounds,
        "webhooks": webhooks,
        "connectors": [asdict(cost) for cost in costs],
        "shares": shares,
        "medians": [asdict(measurement) for measurement in middle.values()],
    }
    click.echo(f"kept as {keep_result(configuration, 'psps', result, output)}")


def _targets(configuration: Configuration, processes: Mapping[str, int]) -> Iterator[Target]:
    """Yield an authorization at each account: at once answered by all of them, unlike a capture."""
    seeded = remembered_merchant(configuration)
    if seeded is None:
        message = "there is no seeded merchant"
        raise StackError(message, "bring the stack up first: payera up")
    for account in (OWN, *PSP_DIALECTS):
        key = merchant_at(configuration, seeded.operator_key, f"Benchmark: {account}", [account])
        rest = Rest(configuration.rest_url, key)
        token = stored_token(rest)
        yield Target(
            name=account,
            port=configuration.ports[PortName.REST],
            body=payment_body(AMOUNT, token, "MANUAL"),
            headers={"authorization": f"Bearer {key}"},
            expect='"status":"AUTHORIZED"',
            processes=processes,
        )


def _share(found: Sequence[Measurement], account: str, mode: str) -> dict[str, Any]:
    """Compare an account's loads with those of the own account right before and after each; medians over the rounds."""
    rounds = [measurement for measurement in found if measurement.mode == mode]
    pairs = [
        (load, (rounds[place - 1], rounds[place + 1])) for place, load in enumerate(rounds) if load.target == account
    ]
    return {
        "account": account,
        "mode": mode,
        "rate": _median_ratio(pairs, lambda load: load.per_second),
        "p50": _median_ratio(pairs, lambda load: load.percentiles["p50"]),
        "cpu": _median_ratio(pairs, _cpu),
        "psp_ms": round(median(load.cpu_ms[PSP] for load, _ in pairs), 2),
        "own_psp_ms": round(median(own.cpu_ms[PSP] for _, owns in pairs for own in owns), 2),
    }


def _median_ratio(
    pairs: Sequence[tuple[Measurement, tuple[Measurement, ...]]], value: Callable[[Measurement], float]
) -> float:
    return round(median(value(load) / mean(value(own) for own in owns) for load, owns in pairs), 3)


def _cpu(measurement: Measurement) -> float:
    return sum(spent for name, spent in measurement.cpu_ms.items() if name != PSP)


@contextmanager
def _webhooks(configuration: Configuration, mode: str) -> Iterator[None]:
    """Set how the PSPs send webhooks, and set it back at the end."""
    control = Rest(configuration.sandbox_url, "")
    try:
        _set_webhooks(control, mode)
        yield
    finally:
        _set_webhooks(control, "normal")


def _set_webhooks(control: Rest, mode: str) -> None:
    accounts: Sequence[str] = tuple(PSP_DIALECTS)
    for account in accounts:
        answer = control.send("PUT", f"/control/accounts/{account}/webhooks", f'{{"mode": "{mode}"}}'.encode())
        expect_ok(answer, f"setting the webhooks of {account}")
