"""BIN tables from CSV files, read line by line. The format is described in docs/bin-tables.md."""

import csv
import importlib.resources
from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final, cast

from vault_svc.domain.bin_table import (
    PROBLEMS_MAX,
    BinFacts,
    BinRowError,
    BinTable,
    BinTableBuilder,
    BinTableError,
    BinTables,
    Funding,
    Problem,
)
from vault_svc.domain.brands import Brand

COLUMNS: Final = (
    "first",
    "last",
    "brand",
    "networks",
    "funding",
    "issuer_country",
    "issuer_name",
    "product",
    "regulated",
)
FILES_MAX: Final = 8
_PACKAGE: Final = "vault_svc.adapters.bin_table"
_EFFECTIVE_FROM: Final = "effective_from"
_LINE_BYTES_MAX: Final = 1000
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_REGULATED: Final = {"true": True, "false": False, "": None}
# Neighbouring ranges mostly belong to the same issuer.
_FACTS_REMEMBERED: Final = 10_000


class BinTableFileError(Exception):
    """A file of BIN tables can't be used; the text says why and repeats nothing of its content."""


def load_tables(path: Path) -> BinTables:
    """Read the table in the file `path`, or every `*.csv` of the folder `path`. Raises BinTableFileError."""
    try:
        paths = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    except OSError as error:
        raise BinTableFileError(f"the folder {path} can't be read: {error.strerror}") from None
    if not paths:
        raise BinTableFileError(f"the folder {path} has no file *.csv")
    if len(paths) > FILES_MAX:
        raise BinTableFileError(f"the folder {path} has more than {FILES_MAX} files *.csv: take out those of the past")
    try:
        return BinTables(load_table(each) for each in paths)
    except ValueError as error:
        raise BinTableFileError(f"{error}, in {path}") from None


def load_table(path: Path) -> BinTable:
    """Read one table. Raises BinTableFileError, which names every bad line and its rule."""
    try:
        with path.open("rb") as file:
            return read_table(file)
    except OSError as error:
        raise BinTableFileError(f"the BIN table {path} can't be read: {error.strerror}") from None
    except BinTableError as error:
        raise BinTableFileError(f"the BIN table {path} has bad lines: {error}") from None


def development_table() -> BinTable:
    """Give the table of the public test cards, which comes with the package."""
    with importlib.resources.files(_PACKAGE).joinpath("development.csv").open("rb") as file:
        return read_table(cast("BinaryIO", file))


def read_table(file: BinaryIO) -> BinTable:
    """Read one table, holding one line at a time. Raises BinTableError with every bad line, OSError."""
    builder = BinTableBuilder()
    problems: list[Problem] = []
    facts_of = lru_cache(maxsize=_FACTS_REMEMBERED)(_facts_of)
    effective_from = date.min
    for position, (number, line) in enumerate(_lines(file)):
        try:
            row = _row_of(line)
            if position == 0:
                effective_from = _effective_date(row)
            elif position == 1:
                _require_header(row)
            else:
                _add(builder, number, row, facts_of)
        except BinRowError as error:
            problems.append(Problem(number, str(error)))
            if len(problems) >= PROBLEMS_MAX or position <= 1:
                # Without its first two lines it is no BIN table, and all that follows would be bad too.
                break
    else:
        if len(builder) == 0 and not problems:
            problems.append(Problem(1, "the table has no rows."))
    if problems:
        raise BinTableError(problems)
    return builder.build(effective_from)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not empty, with their numbers; of a line that is too long its beginning."""
    number = 0
    while line := file.readline(_LINE_BYTES_MAX + 1):
        number += 1
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(_LINE_BYTES_MAX + 1)):
            pass
        if number == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if line.strip():
            yield number, line


def _row_of(line: bytes) -> list[str]:
    if len(line) > _LINE_BYTES_MAX:
        raise BinRowError(f"it has more than {_LINE_BYTES_MAX} bytes.")
    try:
        text = line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise BinRowError("it is not UTF-8.") from None
    try:
        # A text in quotes ends on its line: a quote that is never closed must not swallow the rows that follow.
        return next(csv.reader([text], strict=True))
    except csv.Error:
        raise BinRowError("it is no line of CSV: a quote or a line break is out of place.") from None


def _effective_date(row: list[str]) -> date:
    try:
        name, text = row
        day = date.fromisoformat(text)
    except ValueError:
        name, text, day = "", "", date.min
    if name != _EFFECTIVE_FROM or text != day.isoformat():
        raise BinRowError(f"a table begins with the date from which it is effective: {_EFFECTIVE_FROM},YYYY-MM-DD")
    return day


def _require_header(row: list[str]) -> None:
    if tuple(row) != COLUMNS:
        raise BinRowError(f"the columns must be these, in this order: {','.join(COLUMNS)}")


def _add(builder: BinTableBuilder, line: int, row: list[str], facts_of: Callable[[tuple[str, ...]], BinFacts]) -> None:
    if len(row) != len(COLUMNS):
        raise BinRowError(f"it must have {len(COLUMNS)} fields, has {len(row)}.")
    first, last, *rest = row
    builder.add(line, first, last or first, facts_of(tuple(rest)))


def _facts_of(fields: tuple[str, ...]) -> BinFacts:
    brand_name, network_names, funding, issuer_country, issuer_name, product, regulated = fields
    brand = _brand(brand_name, "brand") if brand_name else None
    networks = tuple(_brand(name, "networks") for name in network_names.split())
    if networks and brand is not None and brand not in networks:
        networks = (brand, *networks)
    if regulated not in _REGULATED:
        raise BinRowError("regulated: it must be true, false or empty.")
    return BinFacts(
        brand=brand,
        networks=tuple(sorted(networks, key=lambda network: network is not brand)),
        funding=_funding(funding),
        issuer_country=issuer_country,
        issuer_name=issuer_name,
        product=product,
        regulated=_REGULATED[regulated],
    )


def _brand(name: str, column: str) -> Brand:
    try:
        return Brand(name)
    except ValueError:
        known = ", ".join(sorted(set(Brand) - {Brand.UNKNOWN}))
        raise BinRowError(f"{column}: the names are {known}.") from None


def _funding(text: str) -> Funding:
    try:
        return Funding(text or Funding.UNKNOWN)
    except ValueError:
        raise BinRowError(f"funding: it must be {', '.join(Funding)} or empty.") from None
