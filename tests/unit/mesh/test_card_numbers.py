"""What looks like a card number is found, and ordinary numbers are left alone."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.card_numbers import MASK, contains_card_number, luhn_valid, mask_card_numbers
from vault_svc.domain.brands import rules_for

# Test numbers that schemes and PSPs publish.
NUMBERS = [
    "4242424242424242",
    "5555555555554444",
    "378282246310005",
    "6011111111111117",
    "30569309025904",
    "4222222222222",
]


def with_check_digit(body: str) -> str:
    return next(body + digit for digit in "0123456789" if luhn_valid(body + digit))


def needs_check_digit(number: str) -> bool:
    return all(rules.check_digit for rules in rules_for(number) if len(number) in rules.number_lengths)


bodies = st.text("0123456789", min_size=12, max_size=18)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("template", ["{}", "card {} please", "a:{},b", "({})", "x{}", "{}exp1230", "ref_{}"])
def test_numbers_of_networks_are_found_anywhere(number: str, template: str) -> None:
    assert contains_card_number(template.format(number))


@pytest.mark.parametrize("separator", [" ", "-", "  ", "\u00a0", "\u2013", " - "])
def test_separators_do_not_hide_a_number(separator: str) -> None:
    text = f"pay with {separator.join(['4242', '4242', '4242', '4242'])} today"

    assert contains_card_number(text)
    assert mask_card_numbers(text) == f"pay with {MASK} today"


def test_a_number_beside_other_digits_is_found() -> None:
    assert contains_card_number("order 12 4242 4242 4242 4242 17")
    assert "4242 4242" not in mask_card_numbers("order 12 4242 4242 4242 4242 17")


@given(bodies)
def test_any_number_with_a_check_digit_is_found_and_masked(body: str) -> None:
    number = with_check_digit(body)

    assert contains_card_number(number)
    assert mask_card_numbers(f"<{number}>") == f"<{MASK}>"
    assert mask_card_numbers(f"a{number}z") == f"a{MASK}z"


@given(bodies, st.integers(1, 9))
def test_a_wrong_check_digit_is_no_card_number(body: str, difference: int) -> None:
    number = with_check_digit(body)
    wrong = number[:-1] + str((int(number[-1]) + difference) % 10)

    assert not luhn_valid(wrong)
    assert not contains_card_number(wrong)
    assert mask_card_numbers(wrong) == (wrong if needs_check_digit(wrong) else MASK)


@given(bodies, st.integers(0, 17), st.integers(1, 9))
def test_luhn_notices_every_single_wrong_digit(body: str, position: int, difference: int) -> None:
    number = with_check_digit(body)
    position %= len(number)
    wrong = number[:position] + str((int(number[position]) + difference) % 10) + number[position + 1 :]

    assert not luhn_valid(wrong)


@given(st.text("0123456789", max_size=12) | st.text("0123456789", min_size=20))
def test_shorter_and_longer_runs_are_no_card_numbers(digits: str) -> None:
    assert not contains_card_number(digits)


@given(st.text("0123456789- ", max_size=60), st.text("0123456789- ", max_size=60))
def test_nothing_is_left_after_masking(before: str, after: str) -> None:
    masked = mask_card_numbers(f"{before}4242424242424242{after}")

    # What is glued on makes a longer run, which is no card number; anything found is gone.
    assert not contains_card_number(masked)


@given(st.uuids(version=4))
def test_uuids_are_hardly_ever_taken_for_cards(value: uuid.UUID) -> None:
    text = str(value)

    assert not contains_card_number(text) or sum(character.isdigit() for character in text) > 13


@pytest.mark.parametrize("text", ["", "12", "4242", "abc", "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "4242424242424242٤"[:0]])
def test_luhn_and_search_take_any_text(text: str) -> None:
    # Digits of other scripts are no digits to the check itself; the search reads them as a person would.
    assert contains_card_number(text) == (len(text) == 16)


@pytest.mark.parametrize("text", ["", "4242 4242", "٤٢٤٢", "-1"])
def test_luhn_takes_digits_only(text: str) -> None:
    assert not luhn_valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "4242.4242.4242.4242",
        "4242/4242/4242/4242",
        "4242_4242_4242_4242",
        "4242,4242,4242,4242",
        "4242:4242:4242:4242",
        "4242\n4242\n4242\n4242",
        "4242\u200b4242\u200b4242\u200b4242",
        "4242\u00ad4242\u00ad4242\u00ad4242",
        "\uff14\uff12" * 8,
        "\u0664\u0662" * 8,
        "3714.496353.98431",
    ],
)
def test_a_number_in_disguise_is_found(text: str) -> None:
    assert contains_card_number(text)
    assert contains_card_number(f"card {text} declined")


@pytest.mark.parametrize(
    "text", ["2026-11-21T08:33:42.796120Z", "10.0.0.1:8080/12", "1.234.567.890,12", "00:11:22:33:44:55:66:77"]
)
def test_times_addresses_and_amounts_are_no_numbers(text: str) -> None:
    assert not contains_card_number(text)


def test_a_printed_number_is_masked() -> None:
    assert mask_card_numbers("paid by 4242.4242.4242.4242, thanks") == f"paid by {MASK}, thanks"
