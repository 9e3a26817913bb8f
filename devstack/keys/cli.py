"""`payera keys`: what keys there are, how old they are, and their rotation."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from devstack.psp.calls import Operator, operator_of

KINDS: Final = {
    "key-encryption-key": "KEY_ENCRYPTION_KEY",
    "data-key": "DATA_KEY",
    "fingerprint-key": "FINGERPRINT_KEY",
}
WRAPPING: Final = "KEY_ENCRYPTION_KEY"
POLL_SECONDS: Final = 1.0
SOON: Final = timedelta(days=30)
RUNNING: Final = "running"
FAILED: Final = "failed"
_DAY: Final = 10


@click.group()
def keys() -> None:
    """Look at the vault's keys, and rotate them."""


@keys.command("list")
@click.option("--all", "with_destroyed", is_flag=True, help="Destroyed keys too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_keys(home: Path | None, with_destroyed: bool, as_json: bool) -> None:
    """List keys with algorithm, state, age and what is under them; never their bytes."""
    found = list(operator_of(home).pages("/v1/vault_keys", "keys"))
    wrapped = Counter(each["wrapped_by"] for each in found if each["kind"] != WRAPPING and each["state"] != "destroyed")
    shown = [each for each in found if with_destroyed or each["state"] != "destroyed"]
    if as_json:
        click.echo(json.dumps(shown, indent=2))
        return
    rows = [
        (
            _name(each["kind"]),
            each["id"],
            each["state"],
            f"{each['algorithm']} {each['strength_bits']}" if each["algorithm"] else "unknown",
            _day(each, "create_time"),
            _due(each),
            str(wrapped[each["id"]]) if each["kind"] == WRAPPING else each["rows"],
            each["wrapped_by"],
        )
        for each in shown
    ]
    _table(("KIND", "ID", "STATE", "ALGORITHM", "MADE", "DUE", "UNDER IT", "WRAPPED BY"), rows)


@keys.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--merchant", default="", help="Only this merchant's data key.")
@click.option(
    "--older-than-days",
    type=click.IntRange(0, 3650),
    default=0,
    show_default=True,
    help="Only data keys that are older.",
)
@click.option("--wait", is_flag=True, help="Wait for the end; ends with 1 when something was left.")
@click.pass_obj
def rotate(home: Path | None, kind: str, merchant: str, older_than_days: int, wait: bool) -> None:
    """Start a rotation; one of the same kind that runs already is told of instead."""
    operator = operator_of(home)
    body = {"kind": KINDS[kind], "merchant_id": merchant, "older_than_days": older_than_days}
    rotation = operator.change("/v1/vault_keys:rotate", body)
    click.echo(_line(kind, rotation))
    if not wait:
        click.echo(f"see how far it is: payera keys status {kind}")
        return
    while rotation["state"] == RUNNING:
        time.sleep(POLL_SECONDS)
        following = _rotation(operator, kind)
        if _line(kind, following) != _line(kind, rotation):
            click.echo(_line(kind, following))
        rotation = following
    _end_with(rotation)


@keys.command()
@click.argument("kinds", type=click.Choice(list(KINDS)), nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def status(home: Path | None, kinds: tuple[str, ...], as_json: bool) -> None:
    """Tell how far the newest rotation of each kind is; ends with 1 when one has failed."""
    operator = operator_of(home)
    found = {kind: _rotation(operator, kind) for kind in kinds or KINDS}
    if as_json:
        click.echo(json.dumps(list(found.values()), indent=2))
    else:
        for kind, rotation in found.items():
            click.echo(_line(kind, rotation))
    for rotation in found.values():
        _end_with(rotation)


def _rotation(operator: Operator, kind: str) -> dict[str, Any]:
    return operator.read(f"/v1/vault_key_rotations/{KINDS[kind]}")


def _line(kind: str, rotation: dict[str, Any]) -> str:
    parts = [f"{kind:<18} {rotation['state']:<8}"]
    if "start_time" in rotation:
        done = (
            f"{rotation['keys_done']} keys and {rotation['cards_done']} cards done, "
            f"{rotation['keys_destroyed']} keys destroyed"
        )
        until = f" to {rotation['end_time'][:19]}" if "end_time" in rotation else ""
        parts.append(f" {done}; {rotation['start_time'][:19]}{until}")
    return "".join(parts).rstrip()


def _end_with(rotation: dict[str, Any]) -> None:
    if rotation["state"] == FAILED:
        click.echo(
            "next:  see what is left: payera logs vault_worker; then rotate again, which goes on there", err=True
        )
        sys.exit(1)


def _name(kind: str) -> str:
    return kind.lower().replace("_", "-")


def _day(key: dict[str, Any], field: str) -> str:
    return str(key[field])[:_DAY] if field in key else "unknown"


def _due(key: dict[str, Any]) -> str:
    """Give the day on which a key's time is over, and whether that is near; a destroyed key has none."""
    if "due_time" not in key:
        return "-" if key["state"] == "destroyed" else "unknown"
    left = datetime.fromisoformat(key["due_time"]) - datetime.now(UTC)
    note = " OVERDUE" if left < timedelta() else " soon" if left < SOON else ""
    return _day(key, "due_time") + note


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [head, *rows]
    widths = [max(len(row[place]) for row in lines) for place in range(len(head))]
    for row in lines:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
