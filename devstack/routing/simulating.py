"""`payera routing simulate`: what a draft would have changed for payments that were made, before it is activated."""

import json
from pathlib import Path

import click

from devstack.routing.ruleset_calls import Rulesets
from devstack.routing.ruleset_file import read_ruleset
from devstack.routing.rulesets import or_problems, with_rulesets


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--version", type=click.IntRange(1, 1_000_000), help="Try out this saved version instead of FILE.")
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True, help="How far back to look.")
@click.option(
    "--payments",
    type=click.IntRange(1, 10_000),
    default=2_000,
    show_default=True,
    help="How many payments to look at, the newest first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@with_rulesets
def simulate(calls: Rulesets, file: Path | None, version: int | None, days: int, payments: int, as_json: bool) -> None:
    """Try out the ruleset in FILE, YAML or JSON, or a saved version, on payments that were made.

    Shows where they would have gone, with the approvals and fees to be expected, beside what is active now. Changes
    nothing. Ends with 1 when the ruleset can't be used. docs/routing.md tells what is compared.
    """
    from devstack.routing.simulation_report import simulation_lines

    body: dict[str, object] = {"days": days, "payments_max": payments}
    if file is not None and version is None:
        body["ruleset"] = ruleset = read_ruleset(file)
        following = f"create {file}"
    elif version is not None and file is None:
        ruleset = calls.ruleset(version)["ruleset"]
        body["version"] = version
        following = f"activate {version}"
    else:
        raise click.UsageError("name either a FILE or a saved version: --version N")
    found = or_problems(calls, ruleset, lambda: calls.change("rulesets:simulate", body))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for line in simulation_lines(found):
        click.echo(line)
    click.echo(f"nothing was changed; next: payera routing rulesets {following}")
