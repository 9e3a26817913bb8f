"""What is known of cards by the leading digits of their numbers: issuer, funding, networks.

Errors: `BinRowError` for one row, `BinTableError` for a table with all its bad rows. No text of either repeats anything
of a row: a file that is no BIN table may hold card numbers.
"""

import re
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Final

from vault_svc.domain.brands import NETWORKS_ONLY, Brand

PREFIX_SHORTEST: Final = 6
PREFIX_LONGEST: Final = 11
ROWS_MAX: Final = 1_000_000
TEXT_LONGEST: Final = 60
#: With the brand that the number's range has, which the table may not know, a card has at most one network more.
NETWORKS_MAX: Final = 3
PROBLEMS_MAX: Final = 100

_COUNTRIES: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW "
    "BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI "
    "FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN "
    "IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME "
    "MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF "
    "PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
    "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE "
    "YT ZA ZM ZW XK"
)
COUNTRIES: Final = frozenset(_COUNTRIES.split())
"""ISO 3166-1 alpha-2, and XK, which issuers in Kosovo are listed with and which ISO leaves to its users."""

_NO_BRANDS: Final = NETWORKS_ONLY | {Brand.UNKNOWN}
_MANY_DIGITS: Final = re.compile(rf"\d(?:\D*\d){{{PREFIX_LONGEST}}}")


class BinRowError(ValueError):
    """A row breaks a rule; the text is the rule."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A bad line of a table, and the rule that it breaks."""

    line: int
    rule: str

    def __str__(self) -> str:
        """Give line and rule."""
        return f"line {self.line}: {self.rule}"


class BinTableError(Exception):
    """A table can't be used. `problems` has its bad lines, the first `PROBLEMS_MAX` of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class Funding(StrEnum):
    """Whose money a card spends."""

    CREDIT = "credit"
    DEBIT = "debit"
    PREPAID = "prepaid"
    CHARGE = "charge"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BinFacts:
    """What a table knows of the cards of a range; every field has a value for "not known".

    `networks` is empty when the table does not tell; otherwise it has all of them, `brand` first. `regulated` says
    whether the issuer's debit interchange is capped. Raises BinRowError for what no card can be.
    """

    brand: Brand | None = None
    networks: tuple[Brand, ...] = ()
    funding: Funding = Funding.UNKNOWN
    issuer_country: str = ""
    issuer_name: str = ""
    product: str = ""
    regulated: bool | None = None

    def __post_init__(self) -> None:
        """Hold the facts against the rules."""
        if self.brand in _NO_BRANDS:
            raise BinRowError("brand: it is no card's brand.")
        if self.networks:
            _require_networks(self.brand, self.networks)
        if self.issuer_country and self.issuer_country not in COUNTRIES:
            raise BinRowError("issuer_country: it is no ISO 3166-1 alpha-2 code.")
        _require_text("issuer_name", self.issuer_name)
        _require_text("product", self.product)


def _require_networks(brand: Brand | None, networks: tuple[Brand, ...]) -> None:
    if Brand.UNKNOWN in networks:
        raise BinRowError("networks: it has a name that is no network's.")
    if len(set(networks)) != len(networks):
        raise BinRowError("networks: it names one twice.")
    if len(networks) > NETWORKS_MAX:
        raise BinRowError(f"networks: a card has at most {NETWORKS_MAX}, its brand among them.")
    if brand is not None and networks[0] is not brand:
        raise BinRowError("networks: the brand comes first.")


def _require_text(column: str, text: str) -> None:
    if len(text) > TEXT_LONGEST:
        raise BinRowError(f"{column}: it has more than {TEXT_LONGEST} characters.")
    if not text.isprintable():
        raise BinRowError(f"{column}: it has characters that can't be printed.")
    if _MANY_DIGITS.search(text):
        raise BinRowError(f"{column}: it has enough digits for a card number.")


NO_FACTS: Final = BinFacts()
"""The facts of a card that no table knows. It is accepted like any other."""


@dataclass(frozen=True, slots=True)
class _Level:
    """The ranges of one prefix length, in order; read-only, so that no reader can change a table that others read."""

    length: int
    firsts: "memoryview[int]"
    lasts: "memoryview[int]"
    facts: "memoryview[int]"

    def find(self, digits: str) -> int | None:
        """Give the place of the facts of a number that has at least `length` digits; None when no range has it."""
        prefix = int(digits[: self.length])
        place = bisect_right(self.firsts, prefix) - 1
        if place >= 0 and prefix <= self.lasts[place]:
            return self.facts[place]
        return None


@dataclass(frozen=True, slots=True)
class BinTable:
    """A BIN table as of `effective_from`. Made by `BinTableBuilder`; never changes.

    A look-up is a binary search for each prefix length there is, six at most.
    """

    effective_from: date
    _levels: tuple[_Level, ...]
    _facts: tuple[BinFacts, ...] = field(repr=False)

    def __len__(self) -> int:
        """Give the number of rows."""
        return sum(len(level.firsts) for level in self._levels)

    def facts_of(self, digits: str) -> BinFacts:
        """Give what is known of a card number by the longest prefix that the table has; `NO_FACTS` when it has none."""
        if digits.isascii() and digits.isdigit():
            for level in self._levels:
                place = level.find(digits) if len(digits) >= level.length else None
                if place is not None:
                    return self._facts[place]
        return NO_FACTS


class BinTableBuilder:
    """Collects the rows of a table, in any order, in some twenty bytes each beside their facts."""

    def __init__(self) -> None:
        self._columns: defaultdict[int, _Columns] = defaultdict(_Columns)
        self._places: dict[BinFacts, int] = {}
        self._rows = 0

    def __len__(self) -> int:
        """Give the number of rows so far."""
        return self._rows

    def add(self, line: int, first: str, last: str, facts: BinFacts) -> None:
        """Take the row of `line`: card numbers from prefix `first` to prefix `last`. Raises BinRowError."""
        _require_prefixes(first, last)
        if self._rows >= ROWS_MAX:
            raise BinRowError(f"a table has at most {ROWS_MAX} rows.")
        self._rows += 1
        place = self._places.setdefault(facts, len(self._places))
        self._columns[len(first)].add(int(first), int(last), place, line)

    def build(self, effective_from: date) -> BinTable:
        """Make the table. Raises BinTableError for rows of one prefix length that overlap."""
        lengths = sorted(self._columns, reverse=True)
        problems: list[Problem] = []
        for length in lengths:
            self._columns[length].sort()
            for problem in self._columns[length].overlaps():
                problems.append(problem)
                if len(problems) >= PROBLEMS_MAX:
                    raise BinTableError(problems)
        if problems:
            raise BinTableError(problems)
        return BinTable(
            effective_from, tuple(self._columns[length].level(length) for length in lengths), (*self._places,)
        )


class BinTables:
    """Tables of the same cards as of different dates. Raises ValueError for two of one date."""

    def __init__(self, tables: Iterable[BinTable] = ()) -> None:
        self._tables = tuple(sorted(tables, key=lambda table: table.effective_from))
        for earlier, later in pairwise(self._tables):
            if earlier.effective_from == later.effective_from:
                raise ValueError(f"two BIN tables are effective from {later.effective_from}")

    def __len__(self) -> int:
        """Give the number of tables."""
        return len(self._tables)

    def at(self, day: date) -> BinTable | None:
        """Give the newest table that is effective on `day`; None before the first."""
        place = bisect_right(self._tables, day, key=lambda table: table.effective_from)
        return self._tables[place - 1] if place else None


class _Columns:
    """The rows of one prefix length while a table is being made."""

    def __init__(self) -> None:
        self._firsts = array("q")
        self._lasts = array("q")
        self._facts = array("I")
        self._lines = array("I")

    def add(self, first: int, last: int, facts: int, line: int) -> None:
        self._firsts.append(first)
        self._lasts.append(last)
        self._facts.append(facts)
        self._lines.append(line)

    def sort(self) -> None:
        if all(earlier <= later for earlier, later in pairwise(self._firsts)):
            return
        order = array("I", sorted(range(len(self._firsts)), key=self._firsts.__getitem__))
        for name in ("_firsts", "_lasts", "_facts", "_lines"):
            column: array[int] = getattr(self, name)
            setattr(self, name, array(column.typecode, (column[place] for place in order)))

    def overlaps(self) -> Iterator[Problem]:
        widest = 0
        for place in range(1, len(self._firsts)):
            if self._firsts[place] <= self._lasts[widest]:
                earlier, later = sorted((self._lines[widest], self._lines[place]))
                yield Problem(later, f"its range overlaps that of line {earlier}; prefixes of the same length may not.")
            if self._lasts[place] > self._lasts[widest]:
                widest = place

    def level(self, length: int) -> _Level:
        firsts, lasts, facts = (memoryview(column).toreadonly() for column in (self._firsts, self._lasts, self._facts))
        return _Level(length, firsts, lasts, facts)


def _require_prefixes(first: str, last: str) -> None:
    for column, prefix in (("first", first), ("last", last)):
        if not (prefix.isascii() and prefix.isdigit()):
            raise BinRowError(f"{column}: it may have digits only.")
        if not PREFIX_SHORTEST <= len(prefix) <= PREFIX_LONGEST:
            raise BinRowError(f"{column}: it must have {PREFIX_SHORTEST} to {PREFIX_LONGEST} digits.")
    if len(first) != len(last):
        raise BinRowError("last: it must have as many digits as first.")
    if first > last:
        raise BinRowError("last: it must not come before first.")
