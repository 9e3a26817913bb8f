"""`payera reviews`: the operators' queue of outcomes that nobody could tell."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from devstack.errors import StackError
from devstack.psp.calls import Operator, account_path, operator_of

KINDS: Final = ("authorize", "capture", "void", "refund")
ACTIONS: Final = ("charged", "not-charged", "ask-again")
CAUSES: Final[Mapping[str, str]] = {
    "UNKNOWN": "nobody could tell",
    "CONTRADICTION": "the PSP contradicts the record",
}


@click.group()
def reviews() -> None:
    """Settle what nobody could tell, after a look at the PSP."""


@reviews.command("list")
@click.option("--merchant", default="", help="Only this merchant's.")
@click.option("--account", default="", help="Only those at this PSP account.")
@click.option("--kind", type=click.Choice(KINDS), help="Only this kind of operation.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_reviews(home: Path | None, merchant: str, account: str, kind: str | None, as_json: bool) -> None:
    """List what waits for an operator, oldest first."""
    query = {"merchant_id": merchant, "psp_account": account, "kind": (kind or "").upper()}
    found = list(operator_of(home).pages("/v1/reviews", "reviews", **query))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    if not found:
        click.echo("nothing waits")
        return
    rows = [
        (
            each["id"],
            each["open_time"][:19],
            each["kind"].lower(),
            _money(each["amount"]),
            each["psp_account"],
            each["recorded_status"],
            CAUSES.get(each["cause"], each["cause"]),
        )
        for each in found
    ]
    _table(("REVIEW", "SINCE", "KIND", "AMOUNT", "ACCOUNT", "RECORDED", "WHY"), rows)
    click.echo("see one with its evidence: payera reviews show REVIEW")


@reviews.command()
@click.argument("review_id", metavar="REVIEW")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def show(home: Path | None, review_id: str, as_json: bool) -> None:
    """Show a review with its evidence and all decisions."""
    operator = operator_of(home)
    review = operator.read(_path(review_id))
    if as_json:
        click.echo(json.dumps(review, indent=2))
        return
    _show(review, _connector(operator, review["psp_account"]))


@reviews.command()
@click.argument("review_id", metavar="REVIEW")
@click.argument("action", type=click.Choice(ACTIONS))
@click.option("--note", required=True, help="What you found, and where; it is kept for the audit.")
@click.option("--psp-reference", default="", help="The PSP's own id of what it charged.")
@click.option("--version", type=click.IntRange(1), help="Version that you have seen; else the review is shown first.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def resolve(
    home: Path | None, review_id: str, action: str, note: str, psp_reference: str, version: int | None, yes: bool
) -> None:
    """Record what you found out at the PSP, and act upon it."""
    operator = operator_of(home)
    if version is None:
        review = operator.read(_path(review_id))
        _show(review, _connector(operator, review["psp_account"]))
        version = int(review["version"])
        if not yes:
            click.confirm(f"Is it {action.replace('-', ' ')}?", abort=True)
    body = {
        "version": version,
        "action": action.replace("-", "_").upper(),
        "note": note,
        "psp_reference": psp_reference,
    }
    made = operator.change(_path(review_id, ":resolve"), body)
    if made["open"]:
        click.echo(f"{review_id} is in the queue again: payera reviews show {review_id}")
        return
    payment = made["payment"]
    click.echo(f"{review_id} is {made['recorded_status']}; payment {payment['id']} is {payment['status']}")
    if action == "ask-again":
        click.echo("the PSP is asked again; what nobody can tell comes back to the queue")


def _path(review_id: str, action: str = "") -> str:
    return f"/v1/reviews/{quote(review_id, safe='')}{action}"


def _connector(operator: Operator, account: str) -> str:
    """Give the connector of an account; empty when the account is no longer there."""
    try:
        return str(operator.read(account_path(account))["connector"])
    except StackError:
        return ""


def _show(review: dict[str, Any], connector: str) -> None:
    state = f"open since {review['open_time'][:19]}" if review["open"] else f"settled at {review['close_time'][:19]}"
    click.echo(f"{review['id']}  {review['kind'].lower()}  {state}  (version {review['version']})")
    rows = [
        ("why", CAUSES.get(review["cause"], review["cause"])),
        ("amount", _money(review["amount"])),
        ("payment", f"{review['payment_id']}, {review['payment']['status']}, merchant {review['merchant_id']}"),
        ("account", f"{review['psp_account']} ({connector})" if connector else review["psp_account"]),
        ("sent first", review["create_time"][:19]),
        ("recorded", _said(review["recorded_status"], review)),
        ("asked", f"{review['asks']} times, at last {review['not_founds']} times not found"),
    ]
    rows += [("PSP said", _contradiction(told)) for told in review["contradictions"][-10:]]
    rows += [("", f"{each['time'][:19]}  {_said(each['outcome'], each)}") for each in review["inquiries"][-10:]]
    rows += [
        ("decided", f"{each['time'][:19]}  {each['action']} by {each['decided_by']}: {each['note']}")
        for each in review["decisions"]
    ]
    for name, value in rows:
        click.echo(f"  {name:<12}{value}")


def _contradiction(told: Mapping[str, Any]) -> str:
    amount = f", amount {told['amount']} {told['currency']}" if told["amount"] != "0" else ""
    reversal = ", taking back a success" if told["reversal"] else ""
    return f"{told['time'][:19]}  {_said(told['outcome'], told)}{amount}{reversal}"


def _said(word: str, codes: Mapping[str, Any]) -> str:
    parts = [codes["code"], codes["raw_code"] and f"raw {codes['raw_code']}"]
    parts.append(codes["psp_reference"] and f"reference {codes['psp_reference']}")
    return ", ".join([word, *filter(None, parts)])


def _money(amount: Mapping[str, Any]) -> str:
    return f"{amount['value']} {amount['currency']}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    for row in (head, *rows):
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
