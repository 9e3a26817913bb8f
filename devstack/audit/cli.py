"""`payera audit`: verify the vault's audit, and show who had a card."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from devstack.audit.errors import CannotVerifyError, HeadsUnavailableError
from devstack.names import AUDITOR_ROLE

CANNOT: Final = 2

_TELL_SECONDS: Final = 2.0
_AGE: Final = re.compile(r"(\d{1,6})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_TOKEN: Final = re.compile(r"tok_[0-9A-Z]{26}")

_database_url = click.option(
    "--database-url",
    envvar="PAYERA_AUDIT_DATABASE_URL",
    help="Database to look at, with the role vault_auditor, better in $PAYERA_AUDIT_DATABASE_URL; else the stack's.",
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    """Give the moment of a date, a date and time in UTC, or an age; refuse what is none, or lies ahead."""
    if value is None:
        return None
    now = datetime.now(UTC)
    age = _AGE.fullmatch(value)
    try:
        moment = now - timedelta(**{_UNITS[age[2]]: int(age[1])}) if age else datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        message = f"{value!r} is no date, no time and no age: write 2026-11-20, 2026-11-20T14:00Z, 12h or 7d"
        raise click.BadParameter(message) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > now:
        message = f"{value!r} lies ahead"
        raise click.BadParameter(message)
    return moment


@click.group()
def audit() -> None:
    """Verify the vault's audit, and show who had a card."""


@audit.command("verify")
@_as_json
@click.option(
    "--since",
    metavar="WHEN",
    callback=_moment,
    help="Begin at the heads published before: 2026-11-20, 2026-11-20T14:00Z, 12h, 7d.",
)
@_database_url
@click.option("--kafka", envvar="PAYERA_KAFKA_BOOTSTRAP", help="Kafka to look at, host:port; else the stack's.")
@click.pass_obj
def verify_audit(
    home: Path | None, as_json: bool, since: datetime | None, database_url: str | None, kafka: str | None
) -> None:
    """Find any record that was changed, left out, put in or cut off.

    Ends with 0 when the audit is intact, 1 when something was tampered with, 2 when not everything could be verified.
    """
    from devstack.audit import report
    from devstack.audit.database import open_audit
    from devstack.audit.heads import open_topic
    from devstack.audit.verification import Outcome, verify

    outcome = Outcome()
    with ExitStack() as opened:
        try:
            database = opened.enter_context(open_audit(database_url or _stack_url(home)))
        except CannotVerifyError as error:
            outcome.unverified.append(error)
        else:
            try:
                topic = opened.enter_context(open_topic(kafka or _stack_kafka(home)))
                start = None if since is None else topic.offset_before(since)
            except HeadsUnavailableError as error:
                outcome = verify(database, _unavailable(error), _progress(), since=since is not None)
            else:
                outcome = verify(database, topic.heads(start), _progress(), since=start is not None)
                outcome.add(topic.findings)
    now = datetime.now(UTC)
    if as_json:
        click.echo(json.dumps(report.as_json(outcome, now), indent=2))
    else:
        click.echo("\n".join(report.as_lines(outcome, now)))
    sys.exit(outcome.exit_code)


@audit.command()
@click.argument("token")
@_as_json
@click.option("-n", "--last", type=click.IntRange(1, 10_000), default=200, show_default=True, help="How many records.")
@_database_url
@click.pass_obj
def show(home: Path | None, token: str, as_json: bool, last: int, database_url: str | None) -> None:
    """Show who did what with a token, oldest first. Ends with 2 when the audit can't be read."""
    from devstack.audit import report
    from devstack.audit.database import open_audit
    from devstack.audit.records import records_of_token

    if not _TOKEN.fullmatch(token):
        # Not repeated: it might be a card number.
        message = "what was given is no token: a token is tok_ and 26 letters and digits"
        raise click.BadParameter(message)
    try:
        with open_audit(database_url or _stack_url(home)) as database:
            found = records_of_token(database, token, last)
    except CannotVerifyError as error:
        click.echo(f"error: {error}", err=True)
        click.echo(f"next:  {error.next_step}", err=True)
        sys.exit(CANNOT)
    if as_json:
        click.echo(json.dumps([report.record_as_json(record) for record in found], indent=2))
        return
    for record in found:
        click.echo(report.record_line(record))
    if not found:
        click.echo("nothing is recorded of this token")
    click.echo("that nobody has changed this: payera audit verify", err=True)


def _unavailable(error: HeadsUnavailableError) -> Iterator[Any]:
    """Give no heads, but the reason."""
    raise error
    yield


def _progress() -> Callable[[int, int], None]:
    """Give what tells on stderr how far it is, seldom enough to be read."""
    next_at = time.monotonic() + _TELL_SECONDS

    def tell(done: int, total: int) -> None:
        nonlocal next_at
        if time.monotonic() >= next_at:
            next_at = time.monotonic() + _TELL_SECONDS
            click.echo(f"{done:,} of {total:,} records", err=True)

    return tell


def _stack_url(home: Path | None) -> str:
    from devstack.configuration import load_configuration

    try:
        return load_configuration(home, create=False).database_url(AUDITOR_ROLE)
    except KeyError as error:
        message = f"this stack has no password for {AUDITOR_ROLE}"
        raise CannotVerifyError(message, "payera up") from error


def _stack_kafka(home: Path | None) -> str:
    from devstack.configuration import load_configuration
    from devstack.names import PortName

    return load_configuration(home, create=False).address(PortName.KAFKA)
