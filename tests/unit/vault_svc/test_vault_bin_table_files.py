"""BIN tables from CSV files: the format, what is said of files that break it, and the table that comes with us."""

import contextlib
import csv
import io
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vault_svc.adapters.bin_table import csv_file
from vault_svc.adapters.bin_table.csv_file import (
    COLUMNS,
    BinTableFileError,
    development_table,
    load_table,
    load_tables,
    read_table,
)
from vault_svc.domain.bin_table import PROBLEMS_MAX, BinFacts, BinTable, BinTableError, Funding
from vault_svc.domain.brands import Brand, brand_of
from vault_svc.domain.card import CardSummary, Expiry, accept_card

NUMBER = "4242424242424242"
HEAD = "effective_from,2026-11-01\n" + ",".join(COLUMNS) + "\n"

#: For examples that are slow to draw: a busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(text: str | bytes) -> BinTable:
    return read_table(io.BytesIO(text.encode() if isinstance(text, str) else text))


def problems_of(text: str | bytes) -> list[str]:
    with pytest.raises(BinTableError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_row_becomes_facts() -> None:
    table = read(
        HEAD
        + "424242,424249,visa,visa cartes_bancaires,debit,FR,Banque de l'Étang,Gold,true\n"
        + '51234567890,,,,,,"Smith, Jones ""and"" Sons",,\n'
    )
    assert table.effective_from == date(2026, 11, 1)
    assert len(table) == 2
    assert table.facts_of(NUMBER) == BinFacts(
        brand=Brand.VISA,
        networks=(Brand.VISA, Brand.CARTES_BANCAIRES),
        funding=Funding.DEBIT,
        issuer_country="FR",
        issuer_name="Banque de l'Étang",
        product="Gold",
        regulated=True,
    )
    assert table.facts_of("5123456789012346") == BinFacts(issuer_name='Smith, Jones "and" Sons')


@pytest.mark.parametrize(
    ("brand", "networks", "expected"),
    [
        ("visa", "", ()),
        ("", "cartes_bancaires visa", (Brand.CARTES_BANCAIRES, Brand.VISA)),
        ("visa", "cartes_bancaires", (Brand.VISA, Brand.CARTES_BANCAIRES)),
        ("visa", "cartes_bancaires visa", (Brand.VISA, Brand.CARTES_BANCAIRES)),
        ("mada", "visa  mada", (Brand.MADA, Brand.VISA)),
    ],
)
def test_the_brand_is_put_first_among_the_networks(brand: str, networks: str, expected: tuple[Brand, ...]) -> None:
    assert read(f"{HEAD}424242,,{brand},{networks},,,,,\n").facts_of(NUMBER).networks == expected


@pytest.mark.parametrize(("text", "regulated"), [("true", True), ("false", False), ("", None)])
def test_regulated_has_three_values(text: str, regulated: bool | None) -> None:
    assert read(f"{HEAD}424242,,,,,,,,{text}\n").facts_of(NUMBER).regulated is regulated


def test_empty_lines_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    text = "\ufeff" + (HEAD + "\n424242,,visa,,credit,US,,,\n\n   \n").replace("\n", "\r\n")
    assert read(text).facts_of(NUMBER).issuer_country == "US"
    assert read(text.rstrip()).facts_of(NUMBER).issuer_country == "US"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the table has no rows"),
        (HEAD, "line 1: the table has no rows"),
        ("424242,,visa,,,,,,\n", "line 1: a table begins with the date"),
        ("effective_from\n", "line 1: a table begins with the date"),
        ("effective_from,2026-13-01\n", "line 1: a table begins with the date"),
        ("effective_from,20261101\n", "line 1: a table begins with the date"),
        ("effective_from,4242-42-42\n", "line 1: a table begins with the date"),
        ("since,2026-11-01\n", "line 1: a table begins with the date"),
        ("\neffective_from,x\n", "line 2: a table begins with the date"),
        ("effective_from,2026-11-01\n424242,,visa,,,,,,\n", "line 2: the columns must be these"),
        (HEAD.replace("first,last", "last,first"), "line 2: the columns must be these"),
    ],
)
def test_a_file_that_is_no_table_is_refused_at_once(text: str, problem: str) -> None:
    (found,) = problems_of(text)
    assert found.startswith(problem)
    assert "4242" not in found


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("424242424242,,visa,,,,,,", "first: it must have 6 to 11 digits"),
        (f"{NUMBER},,visa,,,,,,", "first: it must have 6 to 11 digits"),
        (f"424242,{NUMBER},visa,,,,,,", "last: it must have 6 to 11 digits"),
        (" 424242,,visa,,,,,,", "first: it may have digits only"),
        (",,visa,,,,,,", "first: it may have digits only"),
        ("424242,424241,visa,,,,,,", "last: it must not come before first"),
        ("424242,,Visa,,,,,,", "brand: the names are amex, bancontact"),
        (f"424242,,{NUMBER},,,,,,", "brand: the names are"),
        ("424242,,unknown,,,,,,", "brand: it is no card's brand"),
        ("424242,,cartes_bancaires,,,,,,", "brand: it is no card's brand"),
        ("424242,,visa,star,,,,,", "networks: the names are"),
        ("424242,,visa,visa visa,,,,,", "networks: it names one twice"),
        ("424242,,visa,elo mada mir,,,,,", "networks: a card has at most 3"),
        ("424242,,visa,,deferred,,,,", "funding: it must be credit, debit, prepaid, charge, unknown or empty"),
        ("424242,,visa,,,UK,,,", "issuer_country: it is no ISO 3166-1 alpha-2 code"),
        (f"424242,,visa,,,,{NUMBER},,", "issuer_name: it has enough digits"),
        ("424242,,visa,,,,,4242-4242-4242-4242,", "product: it has enough digits"),
        (f"424242,,visa,,,,{'x' * 61},,", "issuer_name: it has more than 60 characters"),
        ("424242,,visa,,,,a\x00b,,", "issuer_name: it has characters that can't be printed"),
        ("424242,,visa,,,,,,yes", "regulated: it must be true, false or empty"),
        ("424242,,visa", "it must have 9 fields, has 3"),
        ("424242,,visa,,,,,,,", "it must have 9 fields, has 10"),
        ('424242,,visa,,,,"a bank,,', "it is no line of CSV"),
        ('424242,,visa,,,,"a" bank,,', "it is no line of CSV"),
        ("424242,,visa,,,,a\rbank,,", "it is no line of CSV"),
        (f"424242,,visa,,,,{'x' * 1000},,", "it has more than 1000 bytes"),
        (f"424242,,visa,,,,{'x' * 100_000},,", "it has more than 1000 bytes"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_rule_and_not_repeated(row: str, rule: str) -> None:
    (found,) = problems_of(f"{HEAD}555555,,,,,,,,\n{row}\n555556,,,,,,,,\n")
    assert found.startswith(f"line 4: {rule}")
    assert "4242" not in found
    assert NUMBER[:4] not in found


def test_every_bad_row_is_named() -> None:
    assert [found.partition(":")[0] for found in problems_of(f"{HEAD}1,,,,,,,,\n424242,,,,,,,,\n\n2,,,,,,,,\nx\n")] == [
        "line 3",
        "line 6",
        "line 7",
    ]


def test_bytes_that_are_no_text_are_named() -> None:
    assert problems_of(HEAD.encode() + b"424242,,,,,,\xff\xfe,,\n") == ["line 3: it is not UTF-8."]


def test_overlapping_rows_are_named() -> None:
    (found,) = problems_of(f"{HEAD}424240,424249,,,,,,,\n\n424242,,,,,,,,\n")
    assert found == "line 5: its range overlaps that of line 3; prefixes of the same length may not."


def test_a_file_of_nothing_but_bad_rows_is_not_read_to_its_end() -> None:
    class Endless(io.BytesIO):
        served = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.served += 1
            return super().readline(size) or b"4242424242424242\n"

    file = Endless(HEAD.encode())
    with pytest.raises(BinTableError) as caught:
        read_table(file)
    assert len(caught.value.problems) == PROBLEMS_MAX
    assert file.served <= PROBLEMS_MAX + 5


def test_a_line_without_end_is_read_in_pieces() -> None:
    class Counting(io.BytesIO):
        longest = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(size)
            self.longest = max(self.longest, len(line))
            return line

    file = Counting((HEAD + "4" * 1_000_000).encode())
    with pytest.raises(BinTableError, match="line 3: it has more than 1000 bytes"):
        read_table(file)
    assert file.longest <= 1001


@patient
@given(st.lists(st.text(max_size=20), min_size=1, max_size=9), st.integers(0, 8))
def test_no_message_repeats_a_card_number_wherever_it_stands(fields: list[str], place: int) -> None:
    fields = (fields * 9)[:9]
    fields[place] = NUMBER
    text = io.StringIO()
    csv.writer(text).writerow(fields)
    for head in ("", "effective_from,2026-11-01\n", HEAD):
        for found in problems_of((head + text.getvalue()).encode("utf-8", "surrogatepass")):
            assert "42424" not in found


@patient
@given(st.binary(max_size=300))
def test_any_bytes_are_either_a_table_or_refused(content: bytes) -> None:
    # Nothing but BinTableError comes of it.
    for head in (b"", HEAD.encode()):
        with contextlib.suppress(BinTableError):
            read(head + content)


@patient
@given(st.data())
def test_what_is_written_is_found(data: st.DataObject) -> None:
    prefixes = data.draw(st.sets(st.integers(100_000, 999_999), min_size=1, max_size=20))
    printable = st.text(st.characters(codec="utf-8", categories=["L", "P", "S"]), max_size=20)
    rows = {
        f"{prefix}": BinFacts(
            funding=data.draw(st.sampled_from(Funding)),
            issuer_country=data.draw(st.sampled_from(["", "US", "FR", "XK"])),
            issuer_name=data.draw(printable),
            product=data.draw(printable),
            regulated=data.draw(st.sampled_from([None, True, False])),
        )
        for prefix in prefixes
    }
    text = io.StringIO()
    writer = csv.writer(text)
    for prefix, facts in rows.items():
        regulated = "" if facts.regulated is None else str(facts.regulated).lower()
        writer.writerow(
            [prefix, "", "", "", facts.funding, facts.issuer_country, facts.issuer_name, facts.product, regulated]
        )
    table = read(HEAD + text.getvalue())
    assert len(table) == len(rows)
    for prefix, facts in rows.items():
        assert table.facts_of(prefix + "0000000000") == facts


def write(path: Path, effective_from: str, country: str) -> None:
    path.write_text(HEAD.replace("2026-11-01", effective_from) + f"424242,,visa,,credit,{country},,,\n")


def test_a_file_or_a_folder_of_files_is_loaded(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", "2026-01-01", "FR")
    write(tmp_path / "a.csv", "2026-07-01", "US")
    (tmp_path / "readme.txt").write_text("no table")
    tables = load_tables(tmp_path)
    assert len(tables) == 2
    for day, country in ((date(2026, 3, 1), "FR"), (date(2026, 8, 1), "US")):
        table = tables.at(day)
        assert table is not None
        assert table.facts_of(NUMBER).issuer_country == country
    alone = load_tables(tmp_path / "b.csv")
    assert len(alone) == 1
    assert alone.at(date(2025, 12, 31)) is None


def test_files_that_can_not_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(BinTableFileError, match="no file"):
        load_tables(tmp_path)
    with pytest.raises(BinTableFileError, match=r"missing\.csv can't be read: No such file"):
        load_tables(tmp_path / "missing.csv")
    write(tmp_path / "a.csv", "2026-01-01", "FR")
    write(tmp_path / "b.csv", "2026-01-01", "FR")
    with pytest.raises(BinTableFileError, match="two BIN tables are effective from 2026-01-01"):
        load_tables(tmp_path)
    (tmp_path / "b.csv").write_text(HEAD + f"{NUMBER},,,,,,,,\n")
    with pytest.raises(BinTableFileError, match=r"b\.csv has bad lines: line 3: first: it must have 6 to 11") as caught:
        load_tables(tmp_path)
    assert "42424" not in str(caught.value)


def test_a_folder_has_a_bound(tmp_path: Path) -> None:
    for number in range(1, csv_file.FILES_MAX + 2):
        write(tmp_path / f"{number}.csv", f"2026-01-{number:02d}", "FR")
    with pytest.raises(BinTableFileError, match="more than 8 files"):
        load_tables(tmp_path)


def summary_of(number: str) -> CardSummary:
    return accept_card(
        number=number,
        expiry=Expiry(12, 2030),
        code="",
        holder_name="",
        now=datetime(2026, 11, 21, tzinfo=UTC),
        bin_table=development_table(),
    ).summary


@pytest.mark.parametrize(
    ("number", "networks", "funding", "country"),
    [
        ("4242424242424242", "visa", "credit", "US"),
        ("4000056655665556", "visa", "debit", "US"),
        ("5200828282828210", "mastercard", "debit", ""),
        ("5105105105105100", "mastercard", "prepaid", ""),
        ("6011981111111113", "discover", "debit", ""),
        ("4000002500001001", "visa cartes_bancaires", "unknown", "FR"),
        ("5555552500001001", "mastercard cartes_bancaires", "unknown", "FR"),
        ("4000050360000001", "visa eftpos", "unknown", "AU"),
        ("5555050360000080", "mastercard eftpos", "unknown", "AU"),
        ("4000002500003155", "visa cartes_bancaires", "unknown", "FR"),
        ("4000002760003184", "visa", "unknown", "DE"),
        ("4000003800000446", "visa", "unknown", "IT"),
        ("4000008260003178", "visa", "unknown", "GB"),
        ("4000000760000002", "visa", "unknown", "BR"),
        ("4000058260000005", "visa", "debit", "GB"),
        ("4035501428146300", "visa cartes_bancaires", "debit", "FR"),
        ("4035501000000008", "visa cartes_bancaires", "debit", "FR"),
        ("4360000001000005", "visa cartes_bancaires", "unknown", "FR"),
        ("4871049999999910", "visa bancontact", "debit", "BE"),
        ("6703444444444449", "bancontact maestro", "unknown", "BE"),
        ("4571000000000001", "visa dankort", "unknown", "DK"),
        ("5019555544445555", "dankort", "unknown", "DK"),
        ("6771798021000008", "maestro", "unknown", "US"),
        ("6243030000000001", "unionpay", "credit", "CN"),
        ("2222400070000005", "mastercard", "debit", "CA"),
        ("5066991111111118", "elo", "unknown", "BR"),
        ("6062828888666688", "hipercard", "unknown", "BR"),
        ("135410014004955", "uatp", "unknown", "US"),
        ("3530111333300000", "jcb", "unknown", "JP"),
        ("4658584090000001", "visa", "debit", ""),
        # What no document tells stays unknown, and the card is accepted all the same.
        ("4000000000000002", "visa", "unknown", ""),
        ("371449635398431", "amex", "unknown", ""),
        ("9999999999999995", "", "unknown", ""),
    ],
)
def test_the_development_table_knows_what_the_documents_of_test_cards_say(
    number: str, networks: str, funding: str, country: str
) -> None:
    summary = summary_of(number)
    assert (" ".join(summary.networks), summary.funding, summary.issuer_country) == (networks, funding, country)


def test_the_development_table_is_a_data_file_of_the_package_and_agrees_with_the_ranges() -> None:
    path = Path(csv_file.__file__).parent / "development.csv"
    assert load_table(path) == development_table()
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()[1:]))
    assert [row["first"] for row in rows] == sorted(row["first"] for row in rows)
    for row in rows:
        assert row["brand"] == brand_of(row["first"]), row["first"]


def test_the_documented_example_is_a_table_and_the_documented_names_are_the_names() -> None:
    text = (Path(__file__).parents[3] / "docs" / "bin-tables.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```csv\n(.*?)```", text, re.DOTALL)
    table = read(example)
    assert len(table) == 3
    assert table.facts_of("4000002500000003").networks == (Brand.VISA, Brand.CARTES_BANCAIRES)
    names = text.partition("\nNames: ")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", names) == sorted(set(Brand) - {Brand.UNKNOWN})
    assert all(f"`{column}`" in text for column in COLUMNS)
