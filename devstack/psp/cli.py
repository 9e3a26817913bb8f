"""`payera psp`: accounts, their check, and webhooks."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TextIO

import click

from devstack.errors import StackError
from devstack.psp.calls import account_path, operator_of
from devstack.psp.fees import fees
from devstack.psp.new import new

STATES: Final = ("unverified", "received", "done", "parked", "refused")
NEXT_STEPS: Final = {
    "FAILED": "compare key and settings with the PSP's own pages, then: payera psp credentials {account}",
    "UNREACHABLE": "look at the address with: payera psp list, and at the network; then check again",
}


@click.group()
def psp() -> None:
    """Manage PSP accounts and look at PSPs' webhooks."""


psp.add_command(new)
psp.add_command(fees)


@psp.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_accounts(home: Path | None, as_json: bool) -> None:
    """List the accounts; credentials are never shown."""
    accounts = list(operator_of(home).pages("/v1/psp_accounts", "psp_accounts"))
    if as_json:
        click.echo(json.dumps(accounts, indent=2))
        return
    rows = [
        (
            each["account"],
            each["connector"],
            "disabled" if "disable_time" in each else "enabled",
            each["merchant_id"] or "every merchant",
            each["source"].lower(),
            each["base_url"],
        )
        for each in accounts
    ]
    _table(("ACCOUNT", "CONNECTOR", "STATE", "MERCHANT", "KEPT IN", "ADDRESS"), rows)


@psp.command()
@click.argument("account")
@click.option("--connector", required=True, help="Connector that speaks to the PSP, such as stripe.")
@click.option("--base-url", default="", help="Address of the PSP's API; else the PSP's own for live payments.")
@click.option("--merchant", default="", help="Merchant whose account it is; else every merchant's.")
@click.option("--setting", "settings", multiple=True, metavar="NAME=VALUE", help="A setting; may be repeated.")
@click.option("--secret", "secrets", multiple=True, metavar="NAME", help="A further secret to ask for.")
@click.option("--credentials", type=click.File(), help='JSON {"api_key": ..., "secrets": {...}}; - for stdin.')
@click.pass_obj
def add(
    home: Path | None,
    account: str,
    connector: str,
    base_url: str,
    merchant: str,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    credentials: TextIO | None,
) -> None:
    """Add an account. Credentials are asked for: a command line stands in the shell's history."""
    body = {
        "account": account,
        "connector": connector,
        "base_url": base_url,
        "merchant_id": merchant,
        "settings": dict(map(_pair, settings)),
        **_credentials(credentials, secrets),
    }
    made = operator_of(home).change("/v1/psp_accounts", body)
    click.echo(f"{made['account']} is set up at {made['base_url']}")
    if made["webhook_path"]:
        click.echo(f"enter at the PSP for webhooks: https://<payera>{made['webhook_path']}")
        click.echo(f"and give Payera the secret: payera psp webhook-secret {account}")
    click.echo(f"next: payera psp check {account}")


@psp.command()
@click.argument("account")
@click.option("--secret", "secrets", multiple=True, metavar="NAME", help="A further secret to ask for.")
@click.option("--credentials", type=click.File(), help='JSON {"api_key": ..., "secrets": {...}}; - for stdin.')
@click.option("--base-url", default="", help="Address that the credentials are for; else it stays as it is.")
@click.pass_obj
def credentials(
    home: Path | None, account: str, secrets: tuple[str, ...], credentials: TextIO | None, base_url: str
) -> None:
    """Replace all credentials of an account."""
    body = _credentials(credentials, secrets) | {"base_url": base_url}
    made = operator_of(home).change(account_path(account, ":set_credentials"), body)
    click.echo(f"{account} has new credentials: {', '.join(made['credential_names'])}")
    click.echo(f"next: payera psp check {account}")


@psp.command()
@click.argument("account")
@click.pass_obj
def check(home: Path | None, account: str) -> None:
    """Try an account's credentials without moving money; ends with 1 when they don't work."""
    answer = operator_of(home).change(account_path(account, ":check"))
    for line in answer["tried"]:
        click.echo(f"tried  {line}")
    result = answer["result"]
    click.echo(f"{result.replace('_', ' ').lower()}: {answer['detail']}")
    if result in NEXT_STEPS:
        click.echo(f"next:  {NEXT_STEPS[result].format(account=account)}", err=True)
        sys.exit(1)


@psp.command()
@click.argument("account")
@click.pass_obj
def disable(home: Path | None, account: str) -> None:
    """Stop new authorizations at an account; captures, voids and refunds go on."""
    made = operator_of(home).change(account_path(account, ":disable"))
    click.echo(f"{account} is disabled since {made['disable_time']}: no new authorization in 10 seconds' time")


@psp.command()
@click.argument("account")
@click.pass_obj
def enable(home: Path | None, account: str) -> None:
    """Let a disabled account take new authorizations again."""
    operator_of(home).change(account_path(account, ":enable"))
    click.echo(f"{account} takes new authorizations")


@psp.command("webhook-secret")
@click.argument("account")
@click.option(
    "--overlap-seconds",
    type=click.IntRange(0, 604_800),
    default=86_400,
    show_default=True,
    help="How long the earlier ones stay valid.",
)
@click.option("--file", "source", type=click.File(), help="Read the secret from here; - for stdin.")
@click.pass_obj
def webhook_secret(home: Path | None, account: str, overlap_seconds: int, source: TextIO | None) -> None:
    """Add the secret that a PSP signs its webhooks with."""
    secret = source.readline().strip() if source else click.prompt("webhook secret", hide_input=True)
    body = {"secret": secret, "overlap_seconds": overlap_seconds}
    made = operator_of(home).change(account_path(account, "/webhook_secrets"), body)
    click.echo(f"{made['id']} is in force; earlier ones end in {overlap_seconds} s at the latest")


@psp.command()
@click.option("--account", default="", help="Only those of this account.")
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("-n", "--last", type=click.IntRange(1, 100), default=20, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def webhooks(home: Path | None, account: str, state: str | None, last: int, as_json: bool) -> None:
    """List webhooks, newest first."""
    query = {"account": account, "state": (state or "").upper(), "page_size": str(last)}
    found = operator_of(home).read("/v1/psp_webhooks", **query)["psp_webhooks"]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    rows = [
        (
            each["id"],
            each["receive_time"][:19],
            each["account"],
            each["state"].lower(),
            _events(each),
            each["last_error"],
        )
        for each in found
    ]
    _table(("WEBHOOK", "CAME AT", "ACCOUNT", "STATE", "EVENTS", "LAST ERROR"), rows)


@psp.command()
@click.argument("webhook_id", metavar="ID")
@click.pass_obj
def replay(home: Path | None, webhook_id: str) -> None:
    """Let a webhook be handled again from the start."""
    made = operator_of(home).change(f"/v1/psp_webhooks/{webhook_id}:replay")
    click.echo(f"{made['id']} is handled again: {_events(made) or made['state'].lower()}")
    click.echo(f"see what becomes of it: payera psp webhooks --account {made['account']}")


def _events(webhook: dict[str, Any]) -> str:
    parts = []
    for event in webhook["events"]:
        known = "" if event["disposition"] == "DISPOSITION_UNSPECIFIED" else f"/{event['disposition'].lower()}"
        parts.append(f"{event['event_type']} {event['state'].lower()}{known}")
    return ", ".join(parts)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        message = f"the setting {name} has no value"
        raise StackError(message, "write it as NAME=VALUE")
    return name, value


def _credentials(source: TextIO | None, secrets: tuple[str, ...]) -> dict[str, Any]:
    """Give the credentials from a file, else ask for them without showing them."""
    if source is None:
        key = click.prompt("API key", hide_input=True)
        return {"api_key": key, "secrets": {name: click.prompt(name, hide_input=True) for name in secrets}}
    try:
        given = json.loads(source.read())
    except ValueError:
        given = None
    if not isinstance(given, dict) or not set(given) <= {"api_key", "secrets"}:
        message = "the credentials are not of the form that is expected"
        raise StackError(message, 'write them as {"api_key": "...", "secrets": {"name": "..."}}')
    return given


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not rows:
        click.echo("none")
        return
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
