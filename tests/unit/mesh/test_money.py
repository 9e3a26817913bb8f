"""Amounts are whole minor units of a currency that can be charged, or are refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.currencies import EXPONENT_OF, exponent_of
from mesh.money import LARGEST_AMOUNT, Money, require_amount
from mesh.reasons import Reason
from mesh.refusal import Refusal

currencies = st.sampled_from(sorted(EXPONENT_OF))


@pytest.mark.parametrize(
    ("currency", "exponent"),
    [
        ("EUR", 2),
        ("USD", 2),
        ("JPY", 0),
        ("KRW", 0),
        ("CLP", 0),
        ("ISK", 0),
        ("KWD", 3),
        ("TND", 3),
        ("XOF", 0),
        ("MRU", 2),
    ],
)
def test_exponents_are_those_of_iso_4217(currency: str, exponent: int) -> None:
    assert exponent_of(currency) == exponent


@pytest.mark.parametrize("currency", ["XXX", "XTS", "XAU", "CLF", "USN", "HRK", "DEM", "eur", "EU", "EURO", ""])
def test_what_cannot_be_charged_has_no_exponent(currency: str) -> None:
    assert exponent_of(currency) is None


def test_the_table_is_well_formed() -> None:
    assert all(re.fullmatch("[A-Z]{3}", code) for code in EXPONENT_OF)
    assert set(EXPONENT_OF.values()) == {0, 2, 3}
    assert len(EXPONENT_OF) > 150


@given(value=st.integers(1, LARGEST_AMOUNT), currency=currencies, given_too=st.booleans())
def test_a_good_amount_becomes_money(value: int, currency: str, given_too: bool) -> None:
    exponent = exponent_of(currency) if given_too else None

    assert require_amount(value, currency, exponent) == Money(value, currency)


@given(value=st.integers(max_value=0) | st.integers(min_value=LARGEST_AMOUNT + 1), currency=currencies)
def test_other_amounts_are_refused(value: int, currency: str) -> None:
    with pytest.raises(Refusal) as refused:
        require_amount(value, currency, None)

    assert refused.value.reason is Reason.INVALID_AMOUNT
    assert refused.value.metadata == {"amount": str(value)}


@given(currency=st.text(max_size=5).filter(lambda text: text not in EXPONENT_OF))
def test_other_currencies_are_refused(currency: str) -> None:
    with pytest.raises(Refusal) as refused:
        require_amount(1, currency, None)

    assert refused.value.reason is Reason.UNKNOWN_CURRENCY


@given(currency=currencies, exponent=st.integers(-1, 5))
def test_another_exponent_is_refused(currency: str, exponent: int) -> None:
    expected = exponent_of(currency)
    if exponent == expected:
        assert require_amount(1, currency, exponent).value == 1
        return
    with pytest.raises(Refusal) as refused:
        require_amount(1, currency, exponent)

    assert refused.value.reason is Reason.CURRENCY_EXPONENT_MISMATCH
    assert refused.value.metadata == {"currency": currency, "expected": str(expected), "given": str(exponent)}


@given(value=st.integers(), currency=currencies)
def test_money_for_people_reads_back(value: int, currency: str) -> None:
    code, _, text = str(Money(value, currency)).partition(" ")
    exponent = EXPONENT_OF[currency]

    assert code == currency
    assert len(text.partition(".")[2]) == exponent
    assert int(text.replace(".", "")) == value


@pytest.mark.parametrize("value", [1.0, "1", True, None])
def test_money_takes_integers_only(value: object) -> None:
    with pytest.raises(TypeError):
        Money(value, "EUR")  # type: ignore[arg-type]


def test_money_takes_known_currencies_only() -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, "EURO")
