"""`payera bench`: the floor and the product in one run, beside each other, and their ratio."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from devstack.bench.floor_mesh import floor_mesh
from devstack.bench.loads import payment_body, play_rounds, processes_of, stored_token
from devstack.bench.measure import MODES, Measurement, Mode, Target
from devstack.bench.psps import bench_psps
from devstack.bench.report import GOAL, NEXT_GOAL, keep_result, medians, ratios, table, where_it_goes
from devstack.bench.routing import bench_routing
from devstack.bench.vault import bench_vault
from devstack.configuration import Configuration, load_configuration
from devstack.errors import StackError
from devstack.lifecycle import Stack
from devstack.names import PortName
from devstack.processes import memory_bytes
from devstack.rest import Rest
from devstack.seed import remembered_merchant

AMOUNT: Final = 1000
#: Declined at the first account with a code that cascades, approved at the second; see docs/sandbox.md.
TAKEOVER_AMOUNT: Final = 410_191
PRODUCT: Final = "product"
FLOOR: Final = "floor"
TAKEOVER: Final = "product, takeover"
TAKEOVER_FLOOR: Final = "floor, empty workflow"
TAKEOVER_MODES: Final = (Mode("closed loop, 1", 1), Mode("closed loop, 16", 16))
BUSIEST: Final = "closed loop, 16"
IDLE_SECONDS: Final = 5.0
MEBIBYTE: Final = 1024 * 1024


@click.group(invoke_without_command=True)
@click.option("--seconds", type=click.FloatRange(1, 300), default=5.0, show_default=True, help="Length of one load.")
@click.option("--rounds", type=click.IntRange(1, 9), default=3, show_default=True, help="Rounds; medians count.")
@click.option("--no-takeover", is_flag=True, help="Leave the takeover path out.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the JSON result goes.")
@click.pass_context
def bench(ctx: click.Context, seconds: float, rounds: int, no_takeover: bool, output: Path | None) -> None:
    """Measure the running stack beside the floor: the same hops with empty handlers and empty procedures."""
    if ctx.invoked_subcommand is not None:
        return
    configuration = load_configuration(ctx.obj, create=False)
    stack = Stack(configuration)
    processes = processes_of(stack)
    click.echo(f"idle memory after {IDLE_SECONDS:.0f} s of rest, shared pages counted once:")
    time.sleep(IDLE_SECONDS)
    memory = _memory(processes, click.echo)
    found = _direct(configuration, processes, seconds, rounds)
    if not no_takeover:
        found += _takeover(configuration, processes, seconds, rounds)
    middle = medians(found)
    click.echo("")
    for line in table(middle):
        click.echo(line)
    direct = ratios(middle, PRODUCT, FLOOR)
    takeover = ratios(middle, TAKEOVER, TAKEOVER_FLOOR)
    click.echo("")
    _show_ratios("direct path", direct)
    _show_ratios("takeover path", takeover)
    reached = direct[BUSIEST]["rate"]
    click.echo(f"goal {GOAL}: {'reached' if reached >= GOAL else 'not reached'}; the next is {NEXT_GOAL}")
    for line in where_it_goes(middle, PRODUCT, FLOOR, BUSIEST):
        click.echo(line)
    result = {
        "seconds": seconds,
        "rounds": rounds,
        "idle_memory_mib": memory,
        "ratios": {"direct": direct, "takeover": takeover},
        "medians": [asdict(measurement) for measurement in middle.values()],
    }
    click.echo(f"kept as {keep_result(configuration, 'mesh', result, output)}")


def _direct(
    configuration: Configuration, processes: Mapping[str, int], seconds: float, rounds: int
) -> list[Measurement]:
    product = _product(PRODUCT, configuration, processes, AMOUNT)
    with floor_mesh(configuration) as (port, floor_processes):
        floor = _floor(FLOOR, configuration, port, floor_processes, processes)
        return play_rounds((floor, product), MODES, seconds, rounds)


def _takeover(
    configuration: Configuration, processes: Mapping[str, int], seconds: float, rounds: int
) -> list[Measurement]:
    product = _product(TAKEOVER, configuration, processes, TAKEOVER_AMOUNT)
    with floor_mesh(configuration, workflow=True) as (port, floor_processes):
        floor = _floor(TAKEOVER_FLOOR, configuration, port, floor_processes, processes)
        return play_rounds((floor, product), TAKEOVER_MODES, seconds, rounds)


def _product(name: str, configuration: Configuration, processes: Mapping[str, int], amount: int) -> Target:
    merchant = remembered_merchant(configuration)
    if merchant is None:
        message = "there is no seeded merchant"
        raise StackError(message, "bring the stack up first: payera up")
    rest = Rest(configuration.rest_url, merchant.secret_key)
    token = stored_token(rest)
    return Target(
        name=name,
        port=configuration.ports[PortName.REST],
        body=payment_body(amount, token),
        headers={"authorization": f"Bearer {merchant.secret_key}"},
        expect='"status":"SUCCEEDED"',
        processes=processes,
    )


def _floor(
    name: str, configuration: Configuration, port: int, own: Mapping[str, int], processes: Mapping[str, int]
) -> Target:
    del configuration
    shared = {key: processes[key] for key in ("postgres", "temporal", "kafka")}
    return Target(
        name=name,
        port=port,
        body=payment_body(AMOUNT, "tok_floor"),
        headers={"authorization": "Bearer sk_test_floor"},
        expect='"status":"SUCCEEDED"',
        processes={**own, **shared},
    )


def _memory(processes: Mapping[str, int], echo: Callable[[str], None]) -> dict[str, float]:
    memory = {name: round(memory_bytes(pid) / MEBIBYTE, 1) for name, pid in processes.items()}
    for name, size in sorted(memory.items(), key=lambda item: -item[1]):
        echo(f"  {name:<12}{size:>8.1f} MiB")
    memory["total"] = round(sum(memory.values()), 1)
    echo(f"  {'total':<12}{memory['total']:>8.1f} MiB")
    return memory


def _show_ratios(title: str, found: dict[str, dict[str, float]]) -> None:
    for mode, numbers in found.items():
        click.echo(
            f"{title}, {mode}: {numbers['rate']:.2f} of the floor's rate; "
            f"p50 x {numbers['p50']:.2f}, p99 x {numbers['p99']:.2f}, CPU x {numbers['cpu']:.2f}"
        )


bench.add_command(bench_psps)
bench.add_command(bench_routing)
bench.add_command(bench_vault)
