"""Whatever the vault takes as a card is masked in logs and error texts; moments, ids and amounts stay legible."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mesh.card_numbers import MASK, contains_card_number, luhn_valid, mask_card_numbers, may_be_card_number
from mesh.redaction import Redactor, redact_text
from vault_svc.domain import brands
from vault_svc.domain.brands import rules_for

SEPARATORS = [" ", "-", "  ", "\u00a0", "\u2013", " - "]
#: How cards print numbers: the lengths of the groups, of which the last takes what is left.
PRINTED = [(4, 4, 4, 4), (4, 6), (6,), (8,), (4, 4, 4), (1,) * 18]
#: For a busy machine, which is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def accepted(number: str) -> bool:
    return any(
        len(number) in rules.number_lengths and (not rules.check_digit or luhn_valid(number))
        for rules in rules_for(number)
    )


def grouped(number: str, groups: tuple[int, ...], separator: str) -> str:
    parts, rest = [], number
    for length in groups:
        parts.append(rest[:length])
        rest = rest[length:]
    return separator.join(part for part in [*parts, rest] if part)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Give a number that the vault takes, of any range of its table."""
    entry = draw(st.sampled_from(brands._RANGES))
    prefix = str(draw(st.integers(int(entry.first), int(entry.last)))).zfill(len(entry.first))
    longest = prefix.ljust(19, "0")
    length = draw(st.sampled_from(sorted({length for rules in rules_for(longest) for length in rules.number_lengths})))
    rest = length - len(prefix)
    number = prefix + draw(st.text("0123456789", min_size=rest, max_size=rest))
    if not accepted(number):
        number = next(number[:-1] + digit for digit in "0123456789" if luhn_valid(number[:-1] + digit))
    # What was drawn behind the prefix may lead into a narrower range, with other lengths.
    assume(accepted(number))
    return number


@patient
@given(numbers(), st.sampled_from(["{}", "card {} was sent", '{{"n": "{}"}}', "x{}y", "({}),"]))
def test_every_number_of_every_brand_is_masked(number: str, template: str) -> None:
    assert may_be_card_number(number)
    assert redact_text(template.format(number)) == template.format(MASK)
    assert Redactor()(None, "", {"field": int(number)}) == {"field": MASK}


@patient
@given(numbers(), st.sampled_from(PRINTED), st.sampled_from(SEPARATORS))
def test_every_number_of_every_brand_is_masked_in_groups(number: str, groups: tuple[int, ...], separator: str) -> None:
    assert mask_card_numbers(f"<{grouped(number, groups, separator)}>") == f"<{MASK}>"


def test_every_range_is_masked_at_both_ends_and_in_every_length() -> None:
    draw = random.Random(7)
    for entry in brands._RANGES:
        for prefix in (entry.first, entry.last):
            for length in {length for rules in rules_for(prefix.ljust(19, "5")) for length in rules.number_lengths}:
                # Behind the prefix as in the line above, so that no narrower range has the number.
                body = prefix + "5" * (6 - len(prefix)) + "".join(draw.choices("0123456789", k=length - 7))
                taken = [number for number in (body + digit for digit in "0123456789") if accepted(number)]
                assert taken
                assert [mask_card_numbers(number) for number in taken] == [MASK] * len(taken), taken


@pytest.mark.parametrize(
    "number",
    [
        # Maestro of twelve digits, then without a check digit; UnionPay and Hipercard with a wrong one.
        "500000000009",
        "676770000005",
        "501080000001",
        "6200000000000006",
        "8171999999999999999",
        "6062820000000001",
        "3841000000000001",
    ],
)
def test_numbers_that_were_not_masked_before(number: str) -> None:
    assert accepted(number)
    assert mask_card_numbers(f"card {number} refused") == f"card {MASK} refused"
    # What is only masked is no reason to refuse a reference of a merchant's that looks like it.
    assert not contains_card_number(number)


@pytest.mark.parametrize(
    "text",
    [
        # Twelve digits: a wrong check digit, no network's prefix, a minute, an account at a cloud.
        "676770000008",
        "123456789015",
        "202611211158",
        "order 490123456785",
        # Sixteen digits and more beside UnionPay's numbers: RuPay's range, one digit too few, one too many.
        "8172000000000001",
        "620000000000001",
        "62000000000000000001",
        # Lists of amounts and of days.
        "amounts 62 1200 3400 5600 7800",
        "62 10 20 30 40 50 60 70 80",
        "took 62 - 2026-11-21 2026-11-20",
        "1764144000123456",
        "1764144000120",
        "offset 817 of 2026-11-26 08 33 42",
        "tok_01JD3V7C4G6H8J0K2M4N6P8Q0R",
        "10.0.0.1:50051",
        "postgres 18.6 (123456) pid 620017 620018",
    ],
)
def test_what_is_no_card_stays_legible(text: str) -> None:
    assert mask_card_numbers(text) == text


@patient
@given(
    st.datetimes(datetime(2002, 1, 1), datetime(2085, 1, 1)),  # noqa: DTZ001 - hypothesis takes no other
    st.sampled_from([10**3, 10**6, 10**9]),
)
def test_moments_stay_legible_but_for_those_with_a_check_digit(moment: datetime, unit: int) -> None:
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    number = str(since // timedelta(microseconds=1) * unit // 10**6)
    if not luhn_valid(number):
        assert mask_card_numbers(number) == number
        assert Redactor()(None, "", {"at": int(number)}) == {"at": int(number)}
    for text in (moment.isoformat(), moment.isoformat(" "), f"{moment:%Y-%m-%d %H:%M:%S}", f"{moment:%Y%m%d%H%M}"):
        assert mask_card_numbers(text) == text


@pytest.mark.parametrize("amount", [1050, 100_000_000_000, 123_456_789_015, 999_999_999_999, 676_770_000_008])
def test_amounts_in_logs_stay_legible(amount: int) -> None:
    assert Redactor()(None, "", {"amount": amount}) == {"amount": amount}
