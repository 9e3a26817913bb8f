"""`payera routing rulesets` and `payera routing active`: write, check, save and activate rules."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

import click

from devstack.routing.ruleset_calls import INVALID, RulesetRefusedError, Rulesets, rulesets_of
from devstack.routing.ruleset_file import read_ruleset
from devstack.routing.ruleset_report import change_line, problem_lines, version_lines, version_rows

UNUSABLE: Final = 1
_JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_LAST: Final = click.option(
    "-n", "--last", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many."
)
_VERSION: Final = click.argument("version", type=click.IntRange(1, 1_000_000))
_FILE: Final = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


def with_rulesets(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the calls that it needs, by the options for the key."""

    def called(home: Path | None, /, **arguments: Any) -> None:  # noqa: ANN401 - whatever the command takes
        key_file: TextIO | None = arguments.pop("key_file")
        merchant, operator = arguments.pop("merchant"), arguments.pop("operator")
        command(rulesets_of(home, key_file=key_file, merchant=merchant, operator=operator), **arguments)

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    options = (
        click.option("--key-file", type=click.File(), help="Read the API key from here; - for stdin."),
        click.option("--merchant", default="", help="With an operator's key: merchant whose rulesets they are."),
        click.option("--operator", is_flag=True, help="Call with the stack's operator key, as a second person would."),
    )
    passed: Callable[..., None] = click.pass_obj(called)
    for option in options:
        passed = option(passed)
    return passed


@click.group()
def rulesets() -> None:
    """Write, check, save and activate rules; docs/routing.md tells how. The key is the stack's own merchant's."""


@rulesets.command("list")
@_LAST
@_JSON
@with_rulesets
def list_rulesets(calls: Rulesets, last: int, as_json: bool) -> None:
    """List versions, newest first."""
    found = list(islice(calls.pages("rulesets", "rulesets"), last))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for line in version_rows(found):
        click.echo(line)


@rulesets.command()
@_VERSION
@_JSON
@with_rulesets
def show(calls: Rulesets, version: int, as_json: bool) -> None:
    """Show a version: its rules, and all that was done with it."""
    _show(calls.ruleset(version), as_json=as_json)


@rulesets.command()
@_FILE
@_JSON
@with_rulesets
def check(calls: Rulesets, file: Path, as_json: bool) -> None:
    """Check the ruleset in FILE, YAML or JSON; ends with 1 when it can't be used."""
    answer = calls.check(read_ruleset(file))
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        _tell(answer["problems"])
        click.echo("it can be saved" if answer["usable"] else "it can't be saved")
    sys.exit(0 if answer["usable"] else UNUSABLE)


@rulesets.command()
@_FILE
@click.option("--note", default="", help="What the version is for.")
@with_rulesets
def create(calls: Rulesets, file: Path, note: str) -> None:
    """Save the ruleset in FILE as a new version; it decides nothing yet. Ends with 1 when it can't be used."""
    ruleset = read_ruleset(file)
    made = or_problems(calls, ruleset, lambda: calls.change("rulesets", {"ruleset": ruleset, "note": note}))
    _tell(made["warnings"])
    click.echo(f"saved as version {made['version']}")
    click.echo(f"next: payera routing rulesets activate {made['version']}")


@rulesets.command()
@_VERSION
@click.option("--yes", is_flag=True, help="Approve without being asked.")
@with_rulesets
def approve(calls: Rulesets, version: int, yes: bool) -> None:
    """Approve a version that another key has saved."""
    _show(calls.ruleset(version), as_json=False)
    if not yes:
        click.confirm("Approve this?", abort=True)
    made = calls.change(f"rulesets/{version}:approve")
    click.echo(f"version {version} is approved by {', '.join(made['approved_by'])}")
    click.echo(f"next: payera routing rulesets activate {version}")


@rulesets.command()
@_VERSION
@click.option("--expected", type=click.IntRange(0), help="Version that is active now; else the one that is found so.")
@with_rulesets
def activate(calls: Rulesets, version: int, expected: int | None) -> None:
    """Let a version decide; ends with 1 when it can't be used any more."""
    seen = calls.active()["active_version"] if expected is None else expected
    body = {"expected_active_version": seen}
    ruleset = calls.ruleset(version)["ruleset"]
    made = or_problems(calls, ruleset, lambda: calls.change(f"rulesets/{version}:activate", body))
    _tell(made["warnings"])
    click.echo(f"version {version} decides within 5 seconds, in place of {seen or 'none'}")
    click.echo("back again: payera routing rulesets roll-back")


@rulesets.command("roll-back")
@click.option("--to", "version", type=click.IntRange(0, 1_000_000), help="Version to go back to; 0 for none at all.")
@click.option("--expected", type=click.IntRange(0), help="Version that is active now; else the one that is found so.")
@with_rulesets
def roll_back(calls: Rulesets, version: int | None, expected: int | None) -> None:
    """Go back to the version that was active before, or to the one that is named."""
    active = calls.active()
    seen = active["active_version"] if expected is None else expected
    target = active["previous_version"] if version is None else version
    ruleset = calls.ruleset(target)["ruleset"] if target else {}
    body = {"expected_active_version": seen} | ({} if version is None else {"version": version})
    made = or_problems(calls, ruleset, lambda: calls.change("active_ruleset:roll_back", body))
    click.echo(f"version {made['active_version'] or 'none'} decides within 5 seconds, in place of {seen or 'none'}")


@rulesets.command()
@_LAST
@_JSON
@with_rulesets
def changes(calls: Rulesets, last: int, as_json: bool) -> None:
    """List all that was done with the rulesets, newest first."""
    found = list(islice(calls.pages("changes", "changes"), last))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for change in found:
        click.echo(change_line(change))


@rulesets.command()
@click.argument("state", type=click.Choice(("on", "off")))
@with_rulesets
def approvals(calls: Rulesets, state: str) -> None:
    """Ask for the approval of a second key before a version is activated. Two keys turn it off."""
    policy = calls.change("approval_policy", {"approval_required": state == "on"})
    _tell_policy(policy)


@click.command()
@_JSON
@with_rulesets
def active(calls: Rulesets, as_json: bool) -> None:
    """Show the ruleset that decides."""
    found = calls.active()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    if found["active_version"]:
        _show(found["ruleset_version"], as_json=False)
        click.echo(f"a roll back goes to version {found['previous_version'] or 'none'}")
    else:
        click.echo("no ruleset is active: payments go to the merchant's accounts in their order")
        click.echo("next: payera routing rulesets create FILE")
    _tell_policy(found["approval_policy"])


def or_problems(calls: Rulesets, ruleset: Mapping[str, Any], call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Make a call; show all that is wrong with the ruleset, with its places, when that is why it is refused."""
    try:
        return call()
    except RulesetRefusedError as refused:
        if refused.reason != INVALID:
            raise
        _tell(calls.check(ruleset)["problems"])
        click.echo("it can't be used; nothing was changed", err=True)
        sys.exit(UNUSABLE)


def _show(version: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(version, indent=2))
        return
    for line in version_lines(version):
        click.echo(line)


def _tell(problems: Sequence[Mapping[str, Any]]) -> None:
    for line in problem_lines(problems):
        click.echo(line, err=True)


def _tell_policy(policy: Mapping[str, Any]) -> None:
    if not policy["approval_required"]:
        click.echo("versions are activated without an approval")
        return
    click.echo("versions need the approval of a second key")
    if policy["waiver_requested_by"]:
        click.echo(f"{policy['waiver_requested_by']} wants no more approvals; a second key has to agree within a day")
