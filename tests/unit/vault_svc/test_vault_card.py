"""Which cards the vault takes, and what it says of those it does not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.card_numbers import luhn_valid
from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.domain.brands import Brand, brand_of
from vault_svc.domain.card import Card, Expiry, accept_card

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
VISA = "4242424242424242"
AMEX = "378282246310005"


def accept(
    number: str = VISA,
    *,
    month: int = 12,
    year: int = 2030,
    code: str = "",
    holder_name: str = "",
    now: datetime = NOW,
) -> Card:
    return accept_card(number=number, expiry=Expiry(month, year), code=code, holder_name=holder_name, now=now)


def refused(number: str = VISA, **rest: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        accept(number, **rest)  # type: ignore[arg-type]
    assert caught.value.reason is Reason.INVALID_CARD
    assert caught.value.metadata["field"] == caught.value.violations[0].field
    assert caught.value.metadata["rule"] == caught.value.violations[0].description
    return caught.value


def with_check_digit(digits: str) -> str:
    return next(digits + check for check in "0123456789" if luhn_valid(digits + check))


@pytest.mark.parametrize(
    ("number", "brand"),
    [
        ("4242424242424242", "visa"),
        ("4013250000000000006", "visa"),
        ("5555555555554444", "mastercard"),
        ("5105105105105100", "mastercard"),
        ("2223003122003222", "mastercard"),
        ("378282246310005", "amex"),
        ("345678901234564", "amex"),
        ("6011111111111117", "discover"),
        ("3056930009020004", "diners"),
        ("36227206271667", "diners"),
        ("36006666333344", "diners"),
        ("3566002020360505", "jcb"),
        ("6200000000000005", "unionpay"),
        ("6205500000000000004", "unionpay"),
        ("6771798021000008", "unknown"),
        ("6703444444444449", "unknown"),
    ],
)
def test_published_test_cards_are_taken_with_their_brand(number: str, brand: str) -> None:
    summary = accept(number).summary
    assert summary.brand == brand
    assert summary.last4 == number[-4:]
    assert summary.bin == number[:6]
    assert summary.expiry == Expiry(12, 2030)


@pytest.mark.parametrize(
    ("leading", "brand"),
    [
        ("222099", Brand.UNKNOWN),
        ("222100", Brand.MASTERCARD),
        ("272099", Brand.MASTERCARD),
        ("272100", Brand.UNKNOWN),
        ("509999", Brand.UNKNOWN),
        ("510000", Brand.MASTERCARD),
        ("559999", Brand.MASTERCARD),
        ("560000", Brand.UNKNOWN),
        ("352799", Brand.UNKNOWN),
        ("352800", Brand.JCB),
        ("358999", Brand.JCB),
        ("359000", Brand.UNKNOWN),
        ("299999", Brand.UNKNOWN),
        ("300000", Brand.DINERS),
        ("305999", Brand.DINERS),
        ("306000", Brand.UNKNOWN),
        ("643999", Brand.UNKNOWN),
        ("644000", Brand.DISCOVER),
        ("659999", Brand.DISCOVER),
        ("601099", Brand.UNKNOWN),
        ("601100", Brand.DISCOVER),
        ("601200", Brand.UNKNOWN),
        ("809999", Brand.UNKNOWN),
        ("810000", Brand.UNIONPAY),
        ("817199", Brand.UNIONPAY),
        ("817200", Brand.UNKNOWN),
    ],
)
def test_ranges_begin_and_end_where_the_table_says(leading: str, brand: Brand) -> None:
    assert brand_of(leading.ljust(16, "0")) is brand


@pytest.mark.parametrize("typed", ["4242 4242 4242 4242", "4242-4242-4242-4242", " 4242 42424242-4242 "])
def test_spaces_and_dashes_are_taken_out(typed: str) -> None:
    assert accept(typed).details.number.reveal() == VISA


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        pytest.param("4242424242424241", "check digit", id="check-digit"),
        pytest.param("424242424242424", "number of digits", id="visa-of-15"),
        pytest.param("42424242424242424", "number of digits", id="visa-of-17"),
        pytest.param(with_check_digit("51051051051051000"), "number of digits", id="mastercard-of-18"),
        pytest.param(with_check_digit("3782822463100050"), "number of digits", id="amex-of-17"),
        pytest.param(with_check_digit("9" * 10), "number of digits", id="of-11"),
        pytest.param(with_check_digit("9" * 19), "number of digits", id="of-20"),
        pytest.param("4242x4242x4242x4242", "digits, spaces and dashes", id="letters"),
        pytest.param("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "digits, spaces and dashes", id="other-digits"),
        pytest.param("", "digits, spaces and dashes", id="empty"),
        pytest.param(" - - - - - - ", "digits, spaces and dashes", id="separators-only"),
    ],
)
def test_a_wrong_number_is_refused_by_the_rule_it_breaks(number: str, rule: str) -> None:
    refusal = refused(number)
    assert refusal.metadata["field"] == "card.number"
    assert rule in refusal.metadata["rule"]


def test_unionpay_and_the_maestro_range_without_check_digits_are_not_refused_for_it() -> None:
    assert not luhn_valid("6200000000000000")
    assert accept("6200000000000000").summary.brand == "unionpay"
    assert not luhn_valid("5010800000000001")
    assert accept("5010800000000001").summary.brand == "unknown"
    assert refused("5010830000000001").metadata["field"] == "card.number"


def test_the_bin_is_left_out_where_too_few_digits_would_stay_hidden() -> None:
    short = with_check_digit("5678901234" + "0")
    assert len(short) == 12
    assert accept(short).summary.bin == ""
    thirteen = with_check_digit("400000000000")
    assert accept(thirteen).summary.bin == ""
    assert accept("36227206271667").summary.bin == "362272"


@pytest.mark.parametrize(
    ("code", "number", "wanted"),
    [
        ("1234", VISA, "3 digits"),
        ("12", VISA, "3 digits"),
        ("123", AMEX, "4 digits"),
        ("12", "6771798021000008", "3 or 4 digits"),
    ],
)
def test_a_code_of_the_wrong_length_is_refused(code: str, number: str, wanted: str) -> None:
    refusal = refused(number, code=code)
    assert refusal.metadata["field"] == "card.cvc"
    assert wanted in refusal.metadata["rule"]


@pytest.mark.parametrize("code", ["12a", "1 2", "٣٣٣"])
def test_a_code_that_is_no_digits_is_refused(code: str) -> None:
    assert refused(code=code).metadata["field"] == "card.cvc"


def test_a_code_is_optional_and_kept_as_typed() -> None:
    assert accept().code is None
    code = accept(AMEX, code="0042").code
    assert code is not None
    assert code.reveal() == "0042"


def test_a_card_is_good_until_its_month_has_ended_everywhere() -> None:
    # 12:00 UTC on the first is midnight at the last places on earth.
    still = datetime(2027, 1, 1, 11, 59, 59, tzinfo=UTC)
    assert accept(month=12, year=2026, now=still).summary.expiry == Expiry(12, 2026)
    refusal = refused(month=12, year=2026, now=still + timedelta(seconds=1))
    assert refusal.metadata["field"] == "card.exp_year"
    assert "expired" in refusal.metadata["rule"]
    assert refused(month=10, year=2026).metadata["field"] == "card.exp_month"


def test_an_expiry_far_ahead_or_no_month_is_refused() -> None:
    assert accept(year=2046).summary.expiry.year == 2046
    assert refused(year=2047).metadata["field"] == "card.exp_year"
    assert refused(month=0).metadata["field"] == "card.exp_month"
    assert refused(month=13).metadata["field"] == "card.exp_month"


@pytest.mark.parametrize("name", ["4242 4242 4242 4242", "Ada\x00Lovelace", "Ada\nLovelace"])
def test_a_holder_name_that_is_a_number_or_unprintable_is_refused(name: str) -> None:
    assert refused(holder_name=name).metadata["field"] == "card.holder_name"


def test_every_wrong_field_is_named_at_once() -> None:
    refusal = refused("4242424242424241", month=1, year=2020, code="12", holder_name="\x00")
    assert [violation.field for violation in refusal.violations] == [
        "card.number",
        "card.exp_year",
        "card.cvc",
        "card.holder_name",
    ]


@given(
    number=st.text("0123456789- x", min_size=12, max_size=30),
    code=st.text("0123456789", min_size=3, max_size=5),
)
def test_no_refusal_repeats_digits_of_the_number_or_the_code(number: str, code: str) -> None:
    try:
        accept(number, code=code)
    except Refusal as refusal:
        said = " ".join([str(refusal), repr(refusal), *[violation.description for violation in refusal.violations]])
        digits = number.replace(" ", "").replace("-", "")
        # The rules themselves name single digits and "20 years" only.
        assert all(digits[start : start + 4] not in said for start in range(len(digits) - 3))
        assert code not in said


@given(st.from_regex(r"\A[0-9]{12,19}\Z"))
def test_a_summary_hides_at_least_four_digits(number: str) -> None:
    try:
        summary = accept(number).summary
    except Refusal:
        return
    assert len(number) - len(summary.bin) - len(summary.last4) >= 4
