"""Brands and networks by number range, and that the brands that PSPs are chosen by stay what they were."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.card_numbers import luhn_valid
from mesh.refusal import Refusal
from vault_svc.domain import brands
from vault_svc.domain.brands import NETWORKS_ONLY, Brand, brand_of, networks_of, rules_for
from vault_svc.domain.card import Card, Expiry, accept_card


def accept(number: str, code: str = "") -> Card:
    return accept_card(
        number=number,
        expiry=Expiry(12, 2030),
        code=code,
        holder_name="",
        now=datetime(2026, 11, 21, tzinfo=UTC),
    )


def accepted(number: str, code: str = "") -> bool:
    try:
        accept(number, code)
    except Refusal:
        return False
    return True


def with_check_digit(digits: str) -> str:
    return next(digits + check for check in "0123456789" if luhn_valid(digits + check))


class Old(NamedTuple):
    """What the first table said: range, brand, lengths. PSP connectors list these brands by name."""

    first: str
    last: str
    brand: str
    lengths: range | tuple[int, ...]


OLD = (
    Old("4", "4", "visa", (13, 16, 19)),
    Old("51", "55", "mastercard", (16,)),
    Old("222100", "272099", "mastercard", (16,)),
    Old("34", "34", "amex", (15,)),
    Old("37", "37", "amex", (15,)),
    Old("6011", "6011", "discover", range(16, 20)),
    Old("644", "649", "discover", range(16, 20)),
    Old("65", "65", "discover", range(16, 20)),
    Old("300", "305", "diners", range(14, 20)),
    Old("36", "36", "diners", range(14, 20)),
    Old("38", "39", "diners", range(14, 20)),
    Old("3528", "3589", "jcb", range(16, 20)),
    Old("62", "62", "unionpay", range(16, 20)),
    Old("8100", "8171", "unionpay", range(16, 20)),
)
OLD_BRANDS = {entry.brand for entry in OLD}


def old_entry(digits: str) -> Old | None:
    """Find a number in the first table, whose ranges do not overlap."""
    return next((entry for entry in OLD if entry.first <= digits[: len(entry.first)] <= entry.last), None)


def naive_networks(digits: str) -> tuple[Brand, ...]:
    """Find the networks by trying every range."""
    containing = [entry for entry in brands._RANGES if entry.first <= digits[: len(entry.first)] <= entry.last]
    return max(containing, key=lambda entry: len(entry.first)).networks if containing else ()


def boundaries() -> list[str]:
    """Give the six-digit prefixes at which any table can change its mind, and their neighbours."""
    ranges = [(entry.first, entry.last) for entry in OLD] + [(entry.first, entry.last) for entry in brands._RANGES]
    edges = {int(edge) for first, last in ranges for edge in (first.ljust(6, "0"), last.ljust(6, "9"))}
    return [f"{near:06d}" for edge in sorted(edges) for near in (edge - 1, edge, edge + 1) if 0 <= near <= 999999]


BOUNDARIES = boundaries()
#: For a busy machine, which is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
#: Numbers of any length, many of them at the edge of a range.
numbers = st.builds(
    lambda prefix, rest: prefix + rest,
    st.one_of(st.sampled_from(BOUNDARIES), st.from_regex(r"\A[0-9]{6}\Z")),
    st.from_regex(r"\A[0-9]{6,13}\Z"),
)


def test_brands_that_there_were_have_the_same_numbers_at_every_edge() -> None:
    assert max(len(entry.first) for entry in brands._RANGES) <= 6
    for prefix in BOUNDARIES:
        digits = prefix.ljust(16, "5")
        old = old_entry(digits)
        new = brand_of(digits).value
        assert new == old.brand if old else new not in OLD_BRANDS, prefix


@patient
@given(numbers)
def test_brands_that_there_were_have_the_same_numbers(digits: str) -> None:
    old = old_entry(digits)
    new = brand_of(digits).value
    assert new == old.brand if old else new not in OLD_BRANDS


@patient
@given(numbers)
def test_what_was_accepted_of_the_brands_that_there_were_still_is(digits: str) -> None:
    old = old_entry(digits)
    if old and len(digits) in old.lengths:
        number = digits if old.brand == "unionpay" else with_check_digit(digits[:-1])
        assert accept(number).summary.brand == old.brand
        assert accepted(number, "1234" if old.brand == "amex" else "123")


@patient
@given(numbers)
def test_the_longest_prefix_decides_as_a_search_through_all_ranges_does(digits: str) -> None:
    assert networks_of(digits) == naive_networks(digits)


@patient
@given(numbers)
def test_the_brand_is_the_first_network(digits: str) -> None:
    networks = networks_of(digits)
    brand = brand_of(digits)
    assert len(set(networks)) == len(networks) <= 2
    assert Brand.UNKNOWN not in networks
    assert brand not in NETWORKS_ONLY
    if brand is Brand.UNKNOWN:
        assert set(networks) <= NETWORKS_ONLY
    else:
        assert networks[0] is brand


@patient
@given(numbers)
def test_a_number_is_accepted_when_it_fits_one_of_its_networks(digits: str) -> None:
    fits = any(
        len(digits) in rules.number_lengths and (not rules.check_digit or luhn_valid(digits))
        for rules in rules_for(digits)
    )
    assert accepted(digits) == fits


@patient
@given(numbers)
def test_a_code_may_be_missing_and_must_have_the_length_of_the_brand(digits: str) -> None:
    number = with_check_digit(digits)
    if not accepted(number):
        return
    lengths = {length for rules in rules_for(number) for length in rules.code_lengths}
    for length in range(1, 7):
        assert accepted(number, "7" * length) == (length in lengths), length


def test_ranges_of_one_length_do_not_overlap() -> None:
    for level in brands._LEVELS:
        for earlier, later in zip(level.ranges, level.ranges[1:], strict=False):
            assert earlier.last < later.first


def test_every_brand_has_rules_and_a_name_that_fits_where_names_go() -> None:
    for brand in Brand:
        assert brand in brands._RULES
        # Networks may have an underscore, `brand` may not: its column has no place for one.
        assert re.fullmatch(r"[a-z_]{1,32}" if brand in NETWORKS_ONLY else r"[a-z]{1,32}", brand.value)


#: The public test cards of the PSPs, with the brand and the further networks that their documents name.
TEST_CARDS = {
    "visa": (
        "4242424242424242 4000056655665556 4000002500001001 4000000000000002 4000000000009995 4000000000009987 "
        "4000000000009979 4000000000000069 4000000000000127 4000000000000119 4000000000006975 4000000000000341 "
        "4100000000000019 4000000000004954 4000000000009235 4000000000000101 4000000000000036 4000000000000028 "
        "4000000000000010 4000000000000044 4000000000000259 4000000000002685 4000000000001976 4000000000005423 "
        "4000000404000079 4000000000007726 4000000000005126 4000000000000077 4000002500003155 4000002760003184 "
        "4000003800000446 4000008260003178 4000000000003220 4000008400001629 4000008400001280 4000000000003055 "
        "4000000000003097 4111111111111111 4444333322221111 4988438843884305 4166676667666746 4013250000000000006 "
        "4360000001000005 4035501000000008 4917610000000000 4871049999999910 4035501428146300 4543474002249996 "
        "4658584090000001 4484070000035519 4111111111111129 4897453568485113 4024007103573027 4556294593757189 "
        "4485381577182090 4818924250131070 4544249167673670 4556253752712245 4724117215951699 4095254802642505 "
        "4151512736305999 4532819413487978 4734868958733862 4567361325981788"
    ),
    "mastercard": (
        "5555555555554444 2223003122003222 5200828282828210 5105105105105100 5555552500001001 5555444433331111 "
        "5555341244441115 2222400070000005 2222410740360010 5454545454545454 5436031030606378 2223000010479399 "
        "5199992312641465"
    ),
    "amex": "378282246310005 371449635398431 370000000000002 345678901234564",
    "discover": "6011111111111117 6011000990139424 6011601160116611",
    "diners": "3056930009020004 36227206271667 36006666333344 30123456789019",
    "jcb": "3566002020360505 3530111333300000",
    "unionpay": "6200000000000005 6205500000000000004 6243030000000001 6250947000000014",
    "maestro": "6771798021000008 5000550000000029",
    "bancontact": "6703444444444449",
    # Not in the fact sheet, but in the same documents of the PSPs.
    "dankort": "5019555544445555",
    "elo": "5066991111111118",
    "hipercard": "6062828888666688",
    "uatp": "135410014004955",
}


@pytest.mark.parametrize(
    ("brand", "number"), [(brand, number) for brand, numbers in TEST_CARDS.items() for number in numbers.split()]
)
def test_every_public_test_card_is_accepted_with_the_brand_its_psp_says(brand: str, number: str) -> None:
    summary = accept(number).summary
    assert summary.brand == brand
    assert summary.networks[0] == brand
    assert (summary.funding, summary.issuer_country) == ("unknown", "")


def test_the_test_card_with_a_wrong_check_digit_is_refused() -> None:
    assert not accepted("4242424242424241")


@pytest.mark.parametrize(
    ("prefix", "networks"),
    [
        ("4", "visa"),
        ("222099", ""),
        ("222100", "mastercard"),
        ("220099", "mir"),
        ("220500", ""),
        ("501800", "maestro"),
        ("501900", "dankort"),
        ("502000", "maestro"),
        ("502275", "carnet"),
        ("504175", "elo"),
        ("504300", "mada"),
        ("505000", ""),
        ("506098", ""),
        ("506099", "verve"),
        ("506198", "verve"),
        ("506199", "carnet"),
        ("506499", "carnet"),
        ("506500", ""),
        ("506699", "elo"),
        ("506778", "elo"),
        ("506968", "mada"),
        ("507589", "cartes_bancaires"),
        ("507591", ""),
        ("508499", ""),
        ("508500", "rupay"),
        ("509999", "elo"),
        ("560408", "cartes_bancaires"),
        ("560409", "maestro"),
        ("585265", "mada"),
        ("585402", "cartes_bancaires"),
        ("588850", "mada"),
        ("589300", "maestro"),
        ("606282", "hipercard"),
        ("606985", "rupay"),
        ("622125", "unionpay"),
        ("622126", "unionpay discover"),
        ("622925", "unionpay discover"),
        ("622926", "unionpay"),
        ("627780", "unionpay elo"),
        ("630400", "maestro"),
        ("636368", "elo"),
        ("639000", "maestro"),
        ("639388", "carnet"),
        ("650001", "discover"),
        ("650002", "discover verve"),
        ("650031", "discover elo"),
        ("650034", "discover"),
        ("652150", "discover rupay"),
        ("655058", "discover elo"),
        ("655500", "discover bccard"),
        ("655600", "discover"),
        ("670300", "bancontact maestro"),
        ("670400", "maestro"),
        ("384100", "diners hipercard"),
        ("384101", "diners"),
        ("817200", "rupay"),
        ("820000", "rupay"),
        ("968211", "mada"),
        ("979200", "troy"),
        ("100000", "uatp"),
        ("999999", ""),
    ],
)
def test_networks_of_ranges(prefix: str, networks: str) -> None:
    assert " ".join(networks_of(prefix.ljust(16, "0"))) == networks


@pytest.mark.parametrize(
    ("prefix", "lengths"),
    [
        ("6771", range(12, 20)),
        ("5019", (16,)),
        ("509000", (16,)),
        ("606282", (13, 16, 19)),
        ("506099", (16, 18, 19)),
        ("1354", (15,)),
        ("2200", range(16, 20)),
        ("9792", (16,)),
        ("607000", (16,)),
        ("588850", (16,)),
        ("286900", (16,)),
        ("507589", (16,)),
        ("9999", range(12, 20)),
        # Both networks' lengths: those of Diners, and thirteen as Hipercard has it.
        ("384100", (13, *range(14, 20))),
    ],
)
def test_lengths_of_brands(prefix: str, lengths: range | tuple[int, ...]) -> None:
    found = [length for length in range(8, 24) if accepted(with_check_digit(prefix.ljust(length - 1, "0")))]
    assert found == list(lengths)


def test_a_shared_range_needs_no_check_digit_only_where_the_network_without_one_fits() -> None:
    wrong = "3841000000000001"
    assert not luhn_valid(wrong)
    assert accepted(wrong)
    assert not luhn_valid(wrong[:15])
    assert not accepted(wrong[:15])
    assert accepted("6062820000000001")
    assert not accepted("5019000000000001")


def test_a_card_of_a_network_only_is_of_unknown_brand_and_names_its_network() -> None:
    summary = accept(with_check_digit("507589000000000")).summary
    assert (summary.brand, summary.networks) == ("unknown", ("cartes_bancaires",))


def test_a_card_of_no_listed_range_has_no_networks() -> None:
    summary = accept("9999999999999995").summary
    assert (summary.brand, summary.networks) == ("unknown", ())
