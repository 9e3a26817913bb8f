"""`payera routing`: rules, why payments went where, and how the router would do in a described world."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from devstack.errors import StackError
from devstack.routing.explaining import explain
from devstack.routing.rulesets import active, rulesets
from devstack.routing.simulating import simulate

if TYPE_CHECKING:
    from devstack.routing.playing import Outcome
    from devstack.routing.report import Judged

MISSED: Final = 1
_SEEDS_MAX: Final = 1_000


@click.group()
def routing() -> None:
    """Write rules for routing, see why payments went where, and try the router in described worlds."""


routing.add_command(explain)
routing.add_command(rulesets)
routing.add_command(active)
routing.add_command(simulate)


@routing.command()
@click.argument("worlds", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document for each world, one a line.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the one world to this SVG file.")
@click.option("--seed", type=click.IntRange(0, 2**53), help="Other luck than the world's own.")
@click.option("--seeds", metavar="FIRST-LAST", help="Play each world with all these seeds, and sum up.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a Markdown report of all worlds there, with their plots in a folder of the same name beside it.",
)
def evaluate(
    worlds: tuple[Path, ...],
    as_json: bool,
    plot: Path | None,
    seed: int | None,
    seeds: str | None,
    report_file: Path | None,
) -> None:
    """Play WORLDS through the router's scoring, learning and health code, at full speed.

    Reports approvals, fees and what was lost to an oracle that knows every chance, beside a static priority list and
    an equal split. Ends with 1 when a goal was missed. The format of worlds is described in docs/routing-worlds.md.
    """
    from devstack.routing.playing import play
    from devstack.routing.plot import svg
    from devstack.routing.report import as_document, judge, lines, summed_up
    from devstack.routing.world import read_world

    if plot is not None and len(worlds) > 1:
        raise StackError("--plot draws one world", "name one, or take --report, which draws them all")
    wanted = [seed] if seeds is None else _seeds(seeds, seed)
    read = [read_world(path) for path in worlds]
    firsts = []
    judged: dict[str, list[Judged]] = {}
    for place, world in enumerate(read):
        for luck in wanted:
            outcome = play(world, luck)
            if world.name not in judged:
                firsts.append(outcome)
                if plot is not None:
                    _write(plot, svg(outcome))
            judged.setdefault(world.name, []).append(judge(outcome))
            if as_json:
                click.echo(json.dumps(as_document(outcome)))
            elif len(wanted) == 1:
                click.echo("\n".join([*([""] if place else []), *lines(outcome)]))
        if len(wanted) > 1 and not as_json:
            click.echo(summed_up(world.name, judged[world.name]))
    if report_file is not None:
        _write_report(report_file, firsts, judged)
    sys.exit(0 if all(each.near_the_oracle and each.safe for them in judged.values() for each in them) else MISSED)


def _seeds(text: str, seed: int | None) -> list[int | None]:
    """Read FIRST-LAST."""
    first, _, last = text.partition("-")
    numbers = [int(part) for part in (first, last) if part.isdecimal() and part.isascii()]
    if seed is not None or len(numbers) < 2 or not 0 <= numbers[1] - numbers[0] < _SEEDS_MAX:  # noqa: PLR2004
        raise StackError(
            "--seeds has to be two numbers, the smaller one first, at most a thousand seeds, and without --seed",
            "write for instance --seeds 31-50",
        )
    return list(range(numbers[0], numbers[1] + 1))


def _write_report(path: Path, outcomes: list["Outcome"], judged: dict[str, list["Judged"]]) -> None:
    from devstack.routing.plot import svg
    from devstack.routing.report import markdown

    folder = path.with_suffix("")
    plots = []
    for outcome in outcomes:
        drawn = folder / f"{outcome.world.name}.svg"
        _write(drawn, svg(outcome))
        plots.append(f"{folder.name}/{drawn.name}")
    _write(path, "\n".join(markdown(outcomes, plots, judged)) + "\n")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StackError(
            f"{path} can't be written: {type(error).__name__}", "name a file in a writable folder"
        ) from None
