"""BIN tables: what they find, what they refuse, and what a card's summary takes of them."""

import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.card_numbers import luhn_valid
from mesh.refusal import Refusal
from vault_svc.domain.bin_table import (
    COUNTRIES,
    NETWORKS_MAX,
    NO_FACTS,
    PROBLEMS_MAX,
    BinFacts,
    BinRowError,
    BinTable,
    BinTableBuilder,
    BinTableError,
    BinTables,
    Funding,
)
from vault_svc.domain.brands import NETWORKS_ONLY, Brand, brand_of, networks_of
from vault_svc.domain.card import CardSummary, Expiry, accept_card

DAY = date(2026, 11, 1)
VISA = "4242424242424242"


class Row(NamedTuple):
    first: str
    last: str
    facts: BinFacts


def table_of(rows: Sequence[Row], effective_from: date = DAY) -> BinTable:
    builder = BinTableBuilder()
    for line, row in enumerate(rows, start=1):
        builder.add(line, row.first, row.last, row.facts)
    return builder.build(effective_from)


def row(first: str, last: str = "", **facts: object) -> Row:
    return Row(first, last or first, BinFacts(**facts))  # type: ignore[arg-type]


def summary_of(number: str, table: BinTable | None = None) -> CardSummary:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    return accept_card(
        number=number, expiry=Expiry(12, 2030), code="", holder_name="", now=now, bin_table=table
    ).summary


def with_check_digit(digits: str) -> str:
    return next(digits + check for check in "0123456789" if luhn_valid(digits + check))


def naive(rows: Sequence[Row], digits: str) -> BinFacts:
    """Look up by trying every row, the longest prefix first."""
    for entry in sorted(rows, key=lambda entry: len(entry.first), reverse=True):
        if len(digits) >= len(entry.first) and entry.first <= digits[: len(entry.first)] <= entry.last:
            return entry.facts
    return NO_FACTS


brands = st.sampled_from(sorted(set(Brand) - {Brand.UNKNOWN} - NETWORKS_ONLY))
networks = st.sampled_from(sorted(set(Brand) - {Brand.UNKNOWN}))


@st.composite
def some_facts(draw: st.DrawFn) -> BinFacts:
    brand = draw(st.none() | brands)
    others = draw(st.lists(networks.filter(lambda each: each is not brand), max_size=NETWORKS_MAX - 1, unique=True))
    first = [] if brand is None or not others else [brand]
    return BinFacts(
        brand=brand,
        networks=(*first, *others),
        funding=draw(st.sampled_from(Funding)),
        issuer_country=draw(st.sampled_from(["", *sorted(COUNTRIES)])),
        issuer_name=draw(st.text("Bank ofé&", max_size=20)),
    )


@st.composite
def some_rows(draw: st.DrawFn) -> list[Row]:
    """Draw rows that don't overlap within a prefix length, crowded so that those of different lengths do."""
    rows = []
    for length in draw(st.sets(st.integers(6, 11), min_size=1)):
        ends = sorted(draw(st.sets(st.integers(0, 10 ** (length - 4) - 1), max_size=12)))
        rows += [
            Row(f"4242{first:0{length - 4}d}", f"4242{last:0{length - 4}d}", draw(some_facts()))
            for first, last in zip(ends[::2], ends[1::2], strict=False)
        ]
    return draw(st.permutations(rows))


#: For examples that are slow to draw: a busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(some_rows(), st.lists(st.from_regex(r"\A4242[0-9]{8,15}\Z"), max_size=20), st.data())
def test_look_ups_find_what_a_search_through_all_rows_finds(
    rows: list[Row], digits: list[str], data: st.DataObject
) -> None:
    table = table_of(rows)
    assert len(table) == len(rows)
    if rows:
        edges = [text for entry in rows for text in (entry.first, entry.last)]
        digits = [*digits, *(edge + "0000000000" for edge in data.draw(st.lists(st.sampled_from(edges), max_size=20)))]
        digits += [str(int(edge) + step).ljust(16, "5") for edge in edges[:10] for step in (-1, 1)]
    for number in digits:
        assert table.facts_of(number) == naive(rows, number)


def test_look_ups_in_a_large_table_find_what_a_search_through_all_rows_finds() -> None:
    chance = random.Random(7)
    rows = [row(f"{first:08d}", product=f"Product {chr(97 + first % 7)}") for first in range(40_000_000, 40_020_000, 2)]
    rows += [row(f"{first:06d}", funding=Funding.DEBIT) for first in range(400_000, 400_300)]
    rows += [row(f"{first:011d}", issuer_country="FR") for first in range(40_000_100_000, 40_000_100_400, 3)]
    shuffled = chance.sample(rows, len(rows))
    table = table_of(shuffled)
    assert len(table) == len(rows)
    for _ in range(200):
        number = f"4000{chance.randrange(4 * 10**6):07d}{chance.randrange(10**5):05d}"
        assert table.facts_of(number) == naive(rows, number)


def test_the_longest_prefix_decides() -> None:
    table = table_of(
        [
            row("424242", issuer_country="US"),
            row("42424242", "42424249", issuer_country="GB"),
            row("42424242424", issuer_country="FR"),
        ]
    )
    assert table.facts_of(VISA).issuer_country == "FR"
    assert table.facts_of("4242424242524242").issuer_country == "GB"
    assert table.facts_of("4242425042524242").issuer_country == "US"
    assert table.facts_of("4242430000000000") is NO_FACTS


@pytest.mark.parametrize("digits", ["", "4", "42424", "4242x", "\uff14" * 16, "٤٢٤٢٤٢٤٢٤٢٤٢"])
def test_too_few_digits_or_none_at_all_are_not_known(digits: str) -> None:
    assert table_of([row("424242", issuer_country="US")]).facts_of(digits) is NO_FACTS


def test_an_empty_table_knows_nothing() -> None:
    assert len(table_of([])) == 0
    assert table_of([]).facts_of(VISA) is NO_FACTS


def test_leading_zeros_count() -> None:
    table = table_of([row("000012", issuer_country="US"), row("0000123", issuer_country="GB")])
    assert table.facts_of("0000124000000000").issuer_country == "US"
    assert table.facts_of("0000123000000000").issuer_country == "GB"
    assert table.facts_of("1200000000000000") is NO_FACTS


def test_a_table_can_not_be_changed() -> None:
    table = table_of([row("424242", issuer_country="US")])
    with pytest.raises(AttributeError):
        table.effective_from = DAY  # type: ignore[misc]
    with pytest.raises(TypeError):
        table._levels[0].firsts[0] = 1
    builder = BinTableBuilder()
    builder.add(1, "424242", "424242", NO_FACTS)
    built = builder.build(DAY)
    with pytest.raises(BufferError):
        builder.add(2, "424243", "424243", NO_FACTS)
    assert len(built) == 1


def test_a_row_takes_some_twenty_bytes_beside_its_facts() -> None:
    table = table_of([row(f"{first:08d}", issuer_country="US") for first in range(40_000_000, 40_010_000)])
    assert len(table._facts) == 1
    (level,) = table._levels
    taken = sum(sys.getsizeof(column.obj) for column in (level.firsts, level.lasts, level.facts))
    assert taken < 10_000 * 30


@pytest.mark.parametrize(
    ("first", "last", "rule"),
    [
        ("42424", "42424", "first: it must have 6 to 11 digits"),
        ("424242424242", "424242424242", "first: it must have 6 to 11 digits"),
        (VISA, VISA, "first: it must have 6 to 11 digits"),
        ("424242", VISA, "last: it must have 6 to 11 digits"),
        ("", "", "first: it may have digits only"),
        ("42424x", "42424x", "first: it may have digits only"),
        ("424242", "\uff14" * 6, "last: it may have digits only"),
        ("424242", "4242424", "last: it must have as many digits as first"),
        ("424243", "424242", "last: it must not come before first"),
    ],
)
def test_prefixes_that_are_none_are_refused(first: str, last: str, rule: str) -> None:
    with pytest.raises(BinRowError, match=rule) as caught:
        BinTableBuilder().add(1, first, last, NO_FACTS)
    assert "4242" not in str(caught.value)


def test_a_table_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault_svc.domain.bin_table.ROWS_MAX", 2)
    builder = BinTableBuilder()
    builder.add(1, "424242", "424242", NO_FACTS)
    builder.add(2, "424243", "424243", NO_FACTS)
    with pytest.raises(BinRowError, match="at most"):
        builder.add(3, "424244", "424244", NO_FACTS)
    assert len(builder) == len(builder.build(DAY)) == 2


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({"brand": Brand.UNKNOWN}, "brand"),
        ({"brand": Brand.CARTES_BANCAIRES}, "brand"),
        ({"brand": Brand.EFTPOS}, "brand"),
        ({"networks": (Brand.UNKNOWN,)}, "networks: it has a name that is no network's"),
        ({"networks": (Brand.VISA, Brand.VISA)}, "networks: it names one twice"),
        ({"networks": (Brand.VISA, Brand.ELO, Brand.MADA, Brand.MIR)}, "networks: a card has at most 3"),
        ({"brand": Brand.VISA, "networks": (Brand.ELO, Brand.VISA)}, "networks: the brand comes first"),
        ({"issuer_country": "UK"}, "issuer_country"),
        ({"issuer_country": "us"}, "issuer_country"),
        ({"issuer_country": "USA"}, "issuer_country"),
        ({"issuer_name": "x" * 61}, "issuer_name: it has more than 60"),
        ({"product": "Gold\n"}, "product: it has characters that can't be printed"),
        ({"issuer_name": VISA}, "issuer_name: it has enough digits for a card number"),
        ({"product": "4242 4242/4242x4242"}, "product: it has enough digits for a card number"),
        ({"product": "\uff14" * 12}, "product: it has enough digits for a card number"),
    ],
)
def test_facts_that_no_card_has_are_refused(facts: dict[str, object], rule: str) -> None:
    with pytest.raises(BinRowError, match=rule) as caught:
        BinFacts(**facts)  # type: ignore[arg-type]
    assert "4242" not in str(caught.value)


def test_countries_are_those_of_the_standard_and_kosovo() -> None:
    assert len(COUNTRIES) == 250
    assert {"US", "FR", "GB", "XK"} <= COUNTRIES
    assert COUNTRIES.isdisjoint({"UK", "EU", "AN", "ZZ", ""})


def test_overlapping_ranges_of_one_length_are_named_by_their_lines() -> None:
    with pytest.raises(BinTableError) as caught:
        table_of(
            [
                row("42424250", "42424259"),
                row("42424200", "42424250"),
                row("42424100"),
                row("42424100"),
                row("424240", "424249"),
                row("42424000", "42424020"),
                row("42424001", "42424002"),
                row("42424010", "42424011"),
            ]
        )
    assert {(problem.line, problem.rule.partition(";")[0]) for problem in caught.value.problems} == {
        (2, "its range overlaps that of line 1"),
        (4, "its range overlaps that of line 3"),
        (7, "its range overlaps that of line 6"),
        (8, "its range overlaps that of line 6"),
    }
    assert "4242" not in str(caught.value)


def test_no_more_problems_are_kept_than_anybody_reads() -> None:
    with pytest.raises(BinTableError) as caught:
        table_of([row("424242")] * (PROBLEMS_MAX + 50))
    assert len(caught.value.problems) == PROBLEMS_MAX


@patient
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)), max_size=15))
def test_a_table_is_made_exactly_when_no_two_ranges_overlap(ranges: list[tuple[int, int]]) -> None:
    rows = [row(f"{424200 + first}", f"{424200 + first + width}") for first, width in ranges]
    overlap = any(
        one is not other and one.first <= other.last and other.first <= one.last for one in rows for other in rows
    )
    if overlap:
        with pytest.raises(BinTableError):
            table_of(rows)
    else:
        assert len(table_of(rows)) == len(rows)


def test_the_table_of_a_day_is_the_newest_that_is_effective() -> None:
    old, new = table_of([], date(2026, 1, 1)), table_of([], date(2026, 7, 1))
    tables = BinTables([new, old])
    assert len(tables) == 2
    assert tables.at(date(2025, 12, 31)) is None
    assert tables.at(date(2026, 1, 1)) is old
    assert tables.at(date(2026, 6, 30)) is old
    assert tables.at(date(2026, 7, 1)) is new
    assert tables.at(date(2099, 1, 1)) is new
    assert BinTables().at(DAY) is None


def test_two_tables_of_one_day_are_refused() -> None:
    with pytest.raises(ValueError, match="2026-11-01"):
        BinTables([table_of([]), table_of([])])


@patient
@given(st.sets(st.integers(0, 400), max_size=6), st.integers(-5, 410))
def test_the_table_of_a_day_is_what_a_search_through_all_finds(days: set[int], asked: int) -> None:
    tables = [table_of([], DAY + timedelta(days=day)) for day in days]
    day = DAY + timedelta(days=asked)
    effective = [table for table in tables if table.effective_from <= day]
    assert BinTables(tables).at(day) is (max(effective, key=lambda table: table.effective_from) if effective else None)


def test_a_summary_has_what_the_table_knows() -> None:
    table = table_of(
        [row("424242", brand=Brand.VISA, funding=Funding.DEBIT, issuer_country="FR", issuer_name="A bank")]
    )
    summary = summary_of(VISA, table)
    assert (summary.brand, summary.networks) == ("visa", ("visa",))
    assert (summary.funding, summary.issuer_country) == ("debit", "FR")
    assert summary == replace(summary_of(VISA), funding="debit", issuer_country="FR")


def test_without_a_table_or_a_row_a_summary_says_unknown() -> None:
    for table in (None, table_of([]), table_of([row("555555", issuer_country="US")])):
        summary = summary_of(VISA, table)
        assert (summary.brand, summary.networks) == ("visa", ("visa",))
        assert (summary.funding, summary.issuer_country) == ("unknown", "")


@pytest.mark.parametrize(
    ("number", "facts", "brand", "names"),
    [
        (VISA, {"networks": (Brand.CARTES_BANCAIRES, Brand.VISA)}, "visa", "visa cartes_bancaires"),
        (VISA, {"brand": Brand.MADA, "networks": (Brand.MADA, Brand.VISA)}, "visa", "visa mada"),
        (VISA, {"brand": Brand.MADA}, "visa", "visa mada"),
        # The table knows more exactly than a range which of two networks a card has.
        ("6504050000000001", {}, "discover", "discover elo"),
        ("6504050000000001", {"networks": (Brand.DISCOVER,)}, "discover", "discover"),
        ("6504050000000001", {"networks": (Brand.TROY,)}, "discover", "discover troy"),
        ("9999999999999995", {}, "unknown", ""),
        ("9999999999999995", {"brand": Brand.TROY}, "troy", "troy"),
        ("9999999999999995", {"networks": (Brand.EFTPOS,)}, "unknown", "eftpos"),
        ("9999999999999995", {"brand": Brand.JCB, "networks": (Brand.JCB, Brand.RUPAY)}, "jcb", "jcb rupay"),
    ],
)
def test_brand_and_networks_of_a_summary(number: str, facts: dict[str, object], brand: str, names: str) -> None:
    table = table_of([Row(number[:6], number[:6], BinFacts(**facts))])  # type: ignore[arg-type]
    summary = summary_of(with_check_digit(number[:-1]), table)
    assert (summary.brand, " ".join(summary.networks)) == (brand, names)


@patient
@given(st.from_regex(r"\A[0-9]{15}\Z"), some_facts())
def test_no_table_changes_a_known_brand_or_refuses_a_card(digits: str, facts: BinFacts) -> None:
    number = with_check_digit(digits)
    table = table_of([Row(number[:8], number[:8], facts)])
    try:
        plain = summary_of(number)
    except Refusal:
        with pytest.raises(Refusal):
            summary_of(number, table)
        return
    told = summary_of(number, table)
    if brand_of(number) is not Brand.UNKNOWN:
        assert told.brand == plain.brand == told.networks[0]
    assert len(set(told.networks)) == len(told.networks) <= 4
    assert set(told.networks) <= {brand.value for brand in Brand} - {"unknown"}
    assert {network.value for network in facts.networks or networks_of(number)} <= set(told.networks)
    assert (told.last4, told.bin, told.expiry) == (plain.last4, plain.bin, plain.expiry)
    assert (told.funding, told.issuer_country) == (facts.funding.value, facts.issuer_country)
