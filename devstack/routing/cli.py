"""`payera routing`: how the router would do in a world that is described in a file."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from devstack.errors import StackError

if TYPE_CHECKING:
    from devstack.routing.playing import Outcome

MISSED: Final = 1


@click.group()
def routing() -> None:
    """Try the router's learning in described worlds."""


@routing.command()
@click.argument("worlds", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document for each world, one a line.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the one world to this SVG file.")
@click.option("--seed", type=click.IntRange(0, 2**53), help="Other luck than the world's own.")
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a Markdown report of all worlds there, with their plots in a folder of the same name beside it.",
)
def evaluate(
    worlds: tuple[Path, ...], as_json: bool, plot: Path | None, seed: int | None, report_file: Path | None
) -> None:
    """Play WORLDS through the router's scoring, learning and health code, at full speed.

    Reports approvals, fees and what was lost to an oracle that knows every chance, beside a static priority list and
    an equal split. Ends with 1 when a goal was missed. The format of worlds is described in docs/routing-worlds.md.
    """
    from devstack.routing.playing import play
    from devstack.routing.plot import svg
    from devstack.routing.report import as_document, judge, lines
    from devstack.routing.world import read_world

    if plot is not None and len(worlds) > 1:
        raise StackError("--plot draws one world", "name one, or take --report, which draws them all")
    read = [read_world(path) for path in worlds]
    outcomes = []
    for place, world in enumerate(read):
        outcome = play(world, seed)
        outcomes.append(outcome)
        if as_json:
            click.echo(json.dumps(as_document(outcome)))
        else:
            click.echo("\n".join([*([""] if place else []), *lines(outcome)]))
        if plot is not None:
            _write(plot, svg(outcome))
    if report_file is not None:
        _write_report(report_file, outcomes)
    judged = [judge(outcome) for outcome in outcomes]
    sys.exit(0 if all(each.near_the_oracle and each.safe for each in judged) else MISSED)


def _write_report(path: Path, outcomes: list["Outcome"]) -> None:
    from devstack.routing.plot import svg
    from devstack.routing.report import markdown

    folder = path.with_suffix("")
    plots = []
    for outcome in outcomes:
        drawn = folder / f"{outcome.world.name}.svg"
        _write(drawn, svg(outcome))
        plots.append(f"{folder.name}/{drawn.name}")
    _write(path, "\n".join(markdown(outcomes, plots)) + "\n")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StackError(
            f"{path} can't be written: {type(error).__name__}", "name a file in a writable folder"
        ) from None
