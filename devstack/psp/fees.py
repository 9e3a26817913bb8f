"""`payera psp fees`: what an account's PSP takes for a payment."""

from pathlib import Path
from typing import Any, Final

import click

from devstack.errors import StackError
from devstack.psp.calls import account_path, operator_of

POINTS_MAX: Final = 10_000
#: What a configuration consists of beside its fees; it is replaced as a whole.
KEPT: Final = ("base_url", "settings", "limits", "brands")

_points = click.IntRange(0, POINTS_MAX)


@click.command()
@click.argument("account")
@click.option("--basis-points", type=_points, help="Share of the amount in hundredths of a percent.")
@click.option("--fixed", multiple=True, metavar="CURRENCY=UNITS", help="Fixed part in minor units, such as EUR=25.")
@click.option("--scheme", multiple=True, metavar="BRAND=POINTS", help="A network's share on top, such as visa=12.")
@click.option("--cross-border", metavar="COUNTRY=POINTS", help="What comes on top for cards not from there: DE=150.")
@click.pass_obj
def fees(
    home: Path | None,
    account: str,
    basis_points: int | None,
    fixed: tuple[str, ...],
    scheme: tuple[str, ...],
    cross_border: str | None,
) -> None:
    """Set what ACCOUNT's PSP takes, as a whole: what is left out is nothing. Without options, show it.

    Nobody else may configure the account at the same time.
    """
    operator = operator_of(home)
    known = operator.read(account_path(account))
    if basis_points is None and not fixed and not scheme and cross_border is None:
        click.echo(describe(known.get("fee_schedule")))
        return
    schedule: dict[str, Any] = {
        "basis_points": basis_points or 0,
        "fixed_fees": [{"currency": name, "minor_units": number} for name, number in map(_pair, fixed)],
        "scheme_fees": [{"brand": name, "basis_points": number} for name, number in map(_pair, scheme)],
    }
    if cross_border is not None:
        country, points = _pair(cross_border)
        schedule["cross_border_fee"] = {"country": country, "basis_points": points}
    body = {name: known[name] for name in KEPT if name in known} | {"fee_schedule": schedule}
    made = operator.change(account_path(account, ":configure"), body)
    click.echo(f"{account}: {describe(made.get('fee_schedule'))}")


def describe(schedule: dict[str, Any] | None) -> str:
    """Say in one line what a PSP takes."""
    if schedule is None:
        return "its fees are not known"
    parts = [f"{_percent(schedule['basis_points'])} of the amount"]
    parts += [f"{fee['currency']} {fee['minor_units']} in minor units" for fee in schedule["fixed_fees"]]
    parts += [f"{_percent(fee['basis_points'])} for {fee['brand']}" for fee in schedule["scheme_fees"]]
    abroad = schedule.get("cross_border_fee")
    if abroad:
        parts.append(f"{_percent(abroad['basis_points'])} for cards not from {abroad['country']}")
    return " + ".join(parts)


def _percent(points: int) -> str:
    return f"{points / 100:g} %"


def _pair(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    if not name or not number.isdecimal():
        raise StackError(
            f"the fee {text} is not of the form that is expected", "write it as NAME=NUMBER, such as EUR=25"
        )
    return name, int(number)
