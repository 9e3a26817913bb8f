"""`payera scan`: says whether a card number or code stands anywhere it must not."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from devstack.errors import StackError
from devstack.scan.allowing import SHIPPED, load_allow_list
from devstack.scan.canaries import SHORTEST_TEXT, Canary
from devstack.scan.matching import Matcher, Wanted
from devstack.scan.searching import News, Order, Report, State, Store, Tell, search_all, size, summary_of
from devstack.scan.stack import STORES, stores_of
from devstack.scan.stores.files import Paths

CANNOT_SEARCH: Final = 2
INTERRUPTED: Final = 130
DEFAULT_SECONDS: Final = 300
_CODE: Final = "code:"
_CODE_LENGTHS: Final = (3, 4)


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--store", "only", multiple=True, type=click.Choice(STORES), help="Search this store; may be repeated.")
@click.option("--without", multiple=True, type=click.Choice(STORES), help="Leave this store out; may be repeated.")
@click.option("--canary", "canaries", multiple=True, help="A number, or a text of 14 signs, that was planted.")
@click.option("--canary-code", "codes", multiple=True, help="A card verification code that was planted.")
@click.option(
    "--canaries",
    "canary_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file with a canary on each line, a code as `code: 7391`.",
)
@click.option("--canaries-only", is_flag=True, help="Search for what was planted, not for any number.")
@click.option(
    "--allow",
    "allow_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of patterns to let pass, each with a reason; see docs/scan.md.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1),
    default=DEFAULT_SECONDS,
    show_default=True,
    help="How long a store may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def scan(
    home: Path | None,
    paths: tuple[Path, ...],
    only: tuple[str, ...],
    without: tuple[str, ...],
    canaries: tuple[str, ...],
    codes: tuple[str, ...],
    canary_files: tuple[Path, ...],
    canaries_only: bool,
    allow_files: tuple[Path, ...],
    seconds: float,
    as_json: bool,
) -> None:
    """Search for card numbers and codes where they must not be.

    Without PATHS every store of the stack: PostgreSQL, Kafka, Temporal, logs and files. With PATHS those files and
    folders, and the stores that are named. Ends with 0 when nothing was found, 1 when something was, and 2 when
    something could not be searched.
    """
    try:
        wanted = _wanted(canaries, codes, canary_files, canaries_only)
        allow = load_allow_list((SHIPPED, *allow_files))
        stores = _stores(home, paths, only, without)
        order = Order(Matcher(wanted), tuple(wanted.canaries), allow, seconds)
        report = search_all(stores, order, _teller(as_json))
    except KeyboardInterrupt:
        click.echo("interrupted: this says nothing about what was not searched yet", err=True)
        sys.exit(INTERRUPTED)
    except StackError as error:
        click.echo(f"error: {error}", err=True)
        if error.next_step:
            click.echo(f"next:  {error.next_step}", err=True)
        sys.exit(CANNOT_SEARCH)
    click.echo(json.dumps(as_document(report), indent=2) if as_json else "\n".join(summary_lines(report)))
    sys.exit(report.exit_code)


def as_document(report: Report) -> dict[str, Any]:
    """Return the report as JSON has it; numbers are masked."""
    return {
        "exit_code": report.exit_code,
        "found": report.found,
        "complete": report.is_complete,
        "findings": [asdict(finding) for finding in report.findings],
        "stores": [
            {name: value for name, value in asdict(store).items() if name != "findings"} for store in report.stores
        ],
    }


def summary_lines(report: Report) -> list[str]:
    """Return what was searched, what was not and why, and the verdict."""
    lines = [""]
    width = max((len(store.name) for store in report.stores), default=0)
    for store in report.stores:
        lines.append(f"{store.name:<{width}}  {summary_of(store)}")
        lines += [f"{'':<{width}}  - {reason}" for reason in store.reasons]
        lines += [f"{'':<{width}}  note: {note}" for note in store.notes]
    listed = len(report.findings)
    if report.found:
        more = f", {listed} of them listed" if listed < report.found else ""
        lines += ["", f"FOUND: {report.found}{more}. What to do: docs/scan.md"]
    if not report.is_complete:
        names = ", ".join(store.name for store in report.stores if store.state is not State.SEARCHED)
        lines += ["", f"NOT ALL SEARCHED: {names}"]
    if report.exit_code == 0:
        total = size(sum(store.bytes_read for store in report.stores))
        lines += ["", f"nothing found in {sum(store.places for store in report.stores)} places, {total}"]
    return lines


def _teller(as_json: bool) -> Tell:
    def tell(news: News) -> None:
        if news.finding is None:
            click.echo(f"{news.store}: {news.text}", err=True)
        elif not as_json:
            click.echo(str(news.finding))

    return tell


def _stores(home: Path | None, paths: tuple[Path, ...], only: tuple[str, ...], without: tuple[str, ...]) -> list[Store]:
    names = [name for name in (only or (() if paths else STORES)) if name not in without]
    stores: list[Store] = [Paths(paths)] if paths else []
    if names:
        from devstack.configuration import load_configuration

        of_the_stack = stores_of(load_configuration(home, create=False))
        stores += [of_the_stack[name] for name in STORES if name in names]
    if not stores:
        raise StackError("there is nothing left to search", "name a store with --store, or a path")
    return stores


def _wanted(canaries: tuple[str, ...], codes: tuple[str, ...], files: tuple[Path, ...], canaries_only: bool) -> Wanted:
    """Collect what was planted. No message repeats any of it."""
    texts = list(canaries)
    planted_codes = list(codes)
    for path in files:
        for line in _lines(path):
            if line.startswith(_CODE):
                planted_codes.append(line.removeprefix(_CODE).strip())
            elif line and not line.startswith("#"):
                texts.append(line)
    found = []
    for count, text in enumerate(texts, 1):
        digits = "".join(sign for sign in text if sign not in " -")
        canary = Canary(digits if digits.isdigit() else text)
        if not canary.is_number and (digits.isdigit() or len(text) < SHORTEST_TEXT or not text.isascii()):
            raise StackError(f"canary {count} is neither 13 to 19 digits nor an ASCII text of {SHORTEST_TEXT} signs")
        found.append(canary)
    if any(not (code.isascii() and code.isdigit() and len(code) in _CODE_LENGTHS) for code in planted_codes):
        raise StackError("a canary code is not three or four digits")
    if canaries_only and not found and not planted_codes:
        raise StackError("no canary was given", "--canary NUMBER, or --canaries FILE")
    return Wanted(tuple(found), tuple(planted_codes), any_card=not canaries_only, any_code=not canaries_only)


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"the canaries in {path} can't be read: {type(error).__name__}") from None
