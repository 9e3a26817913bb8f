"""`payera routing explain`: why a payment went where it went."""

import http
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.parse import quote

import click

from devstack.configuration import load_configuration
from devstack.errors import StackError
from devstack.rest import Answer, Rest
from devstack.seed import remembered_merchant

KEY_VARIABLE: Final = "PAYERA_SECRET_KEY"
PPM_PER_PERCENT: Final = 10_000
HEAD: Final = ("#", "ACCOUNT", "APPROVAL", "FEE", "OUTCOME", "WHY")
THREE_DS: Final = {
    "REQUIRED": "the rule requires 3-D Secure; every PSP was asked for it",
    "SKIPPED": "the rule skips 3-D Secure; every PSP was asked to",
}


@click.command()
@click.argument("payment_id")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--key-file",
    type=click.File(),
    help=f"Read the merchant's secret key from here; - for stdin. Else ${KEY_VARIABLE}, else the stack's own merchant.",
)
@click.pass_obj
def explain(home: Path | None, payment_id: str, as_json: bool, key_file: TextIO | None) -> None:
    """Explain why PAYMENT_ID went where it went: the rule, every account considered, and what became of it."""
    routing = _read(home, payment_id, key_file)
    click.echo(json.dumps(routing, indent=2) if as_json else "\n".join(lines(routing)))


def lines(routing: dict[str, Any]) -> Iterator[str]:
    """Yield the explanation for a terminal; accounts with a star stand where they stand so that more is learnt."""
    yield f"{routing['payment_id']}  {routing['status']}"
    yield from _decided(routing)
    yield ""
    yield from _table([HEAD, *(_row(each, routing["currency"]) for each in routing["candidates"])])
    if routing["candidates_left_out"]:
        yield f"and {routing['candidates_left_out']} more that were not recorded"
    if any(each["explored"] for each in routing["candidates"]):
        yield "* tried so that more is learnt of it"
    yield ""
    for attempt in routing["attempts"]:
        yield from _attempt(attempt)
    if routing["stopped"]:
        yield f"no further account: {routing['stopped']}"


def _read(home: Path | None, payment_id: str, key_file: TextIO | None) -> dict[str, Any]:
    configuration = load_configuration(home, create=False)
    given = key_file.readline().strip() if key_file is not None else os.environ.get(KEY_VARIABLE, "")
    merchant = remembered_merchant(configuration)
    if not given and merchant is None:
        raise StackError("this stack has no merchant yet", "start it: payera up")
    key = given or (merchant.secret_key if merchant is not None else "")
    return _good(Rest(configuration.rest_url, key).get(f"/v1/payments/{quote(payment_id, safe='')}/routing"))


def _good(answer: Answer) -> dict[str, Any]:
    if answer.status == http.HTTPStatus.OK:
        return answer.body
    remedies = [each["metadata"].get("remedy", "") for each in answer.body.get("details", []) if "metadata" in each]
    remedy = next((each for each in remedies if each), "see the log: payera logs gateway")
    raise StackError(answer.body.get("message", f"answered {answer.status}"), remedy)


def _decided(routing: dict[str, Any]) -> Iterator[str]:
    if not routing["complete"]:
        yield "this payment is older than the record of decisions: only the accounts to be tried are known"
        return
    version, listed = routing["ruleset_version"], routing["list_version"]
    rule = f'rule "{routing["rule"]}"' if routing["rule"] else "no rule held, so that the default order decided"
    yield f"ruleset version {version}: {rule}" if version else "no ruleset: the default order decided"
    yield f"priority list version {listed}" if listed else "the default priority list"
    if routing["unheld_rules"]:
        yield f"rules whose condition failed: {', '.join(routing['unheld_rules'])}"
    facts = routing["facts"]
    if facts["initiator"] == "MERCHANT":
        yield "the merchant started it"
    if facts["three_ds"] == "EXTERNAL":
        yield "it came with an authentication that was done elsewhere"
    if routing["three_ds"] in THREE_DS:
        yield THREE_DS[routing["three_ds"]]
    if not routing["learning_current"]:
        yield "what was learnt from earlier payments was not up to date"


def _row(candidate: dict[str, Any], currency: str) -> tuple[str, ...]:
    place = str(candidate["rank"]) if candidate["eligible"] else "-"
    return (
        f"{place}*" if candidate["explored"] else place,
        candidate["psp_account"],
        f"{candidate['approval_ppm'] / PPM_PER_PERCENT:.1f} %" if "approval_ppm" in candidate else "",
        _amount(int(candidate["fee"]), currency) if "fee" in candidate else "",
        candidate["outcome"] if candidate["eligible"] else "not used",
        candidate["reason"],
    )


def _amount(value: int, currency: str) -> str:
    from mesh.currencies import exponent_of
    from mesh.money import Money

    return str(Money(value, currency)) if exponent_of(currency) is not None else f"{currency} {value}"


def _attempt(attempt: dict[str, Any]) -> Iterator[str]:
    decline = attempt.get("decline")
    code = f" {decline['code']}" if decline else ""
    yield f"{attempt['id']}  {attempt['psp_account']}  {attempt['status']}{code}: {attempt['route_reason']}"
    for passed in attempt["passed_over"]:
        yield f"    not {passed['psp_account']}: {passed['reason']}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
