"""Which cards the vault takes, and what it says of those it does not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.card_numbers import luhn_valid
from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.domain.brands import Brand, brand_of
from vault_svc.domain.card import Card, Expiry, accept_card

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
VISA = "4242424242424242"
AMEX = "378282246310005"
#: For a busy machine, which is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


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


def refusal_of(number: str) -> Refusal | None:
    try:
        accept(number)
    except Refusal as refusal:
        return refusal
    return None


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
        ("6771798021000008", "maestro"),
        ("6703444444444449", "bancontact"),
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
        ("509999", Brand.ELO),
        ("510000", Brand.MASTERCARD),
        ("559999", Brand.MASTERCARD),
        ("560000", Brand.MAESTRO),
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
        ("817200", Brand.RUPAY),
    ],
)
def test_ranges_begin_and_end_where_the_table_says(leading: str, brand: Brand) -> None:
    assert brand_of(leading.ljust(16, "0")) is brand


@pytest.mark.parametrize(
    "typed",
    [
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        " 4242 42424242-4242 ",
        "4242\u00a04242\u202f4242\u20094242",
        "4242\u20114242\u20134242\u22124242",
    ],
)
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
        pytest.param("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", "no digits of other scripts", id="other-digits"),
        pytest.param("\uff14\uff12" * 8, "no digits of other scripts", id="fullwidth"),
        pytest.param("\U0001d7dc\U0001d7da" * 8, "no digits of other scripts", id="mathematical"),
        pytest.param("\u2463\u2461" * 8, "no digits of other scripts", id="circled"),
        pytest.param("4242\u200b4242\u200b4242\u200b4242", "no invisible signs", id="zero-width-space"),
        pytest.param("\ufeff4242424242424242", "no invisible signs", id="byte-order-mark"),
        pytest.param("\u202a4242424242424242\u202c", "no invisible signs", id="direction-marks"),
        pytest.param("4242\u00ad4242\u00ad4242\u00ad4242", "no invisible signs", id="soft-hyphen"),
        pytest.param("4242424242424242\n", "digits, spaces and dashes", id="line-break"),
        pytest.param("4242424242424242\x00", "digits, spaces and dashes", id="nul"),
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
    assert accept("5010800000000001").summary.brand == "maestro"
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
        ("12", "6771798021000008", "must have 3 digits"),
        ("12", "9999999999999995", "3 or 4 digits"),
        ("1234", "4571000000000001", "must have 3 digits"),
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


SEPARATORS = (
    " -\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f"
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
)


@patient
@given(st.data())
def test_separators_anywhere_leave_the_number_what_it_is(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from([VISA, AMEX, "6205500000000000004", "36227206271667"]))
    typed = "".join(digit + data.draw(st.text(SEPARATORS, max_size=2)) for digit in number)
    card = accept(typed)
    assert card.details.number.reveal() == number
    assert card.summary == accept(number).summary


@patient
@given(
    number=st.sampled_from([VISA, AMEX, "5555555555554444", "6771798021000008"]),
    sign=st.characters(exclude_characters="0123456789" + SEPARATORS),
    place=st.integers(0, 16),
)
def test_any_other_sign_in_a_number_is_refused_and_not_repeated(number: str, sign: str, place: int) -> None:
    refusal = refused(number[:place] + sign + number[place:])
    assert [violation.field for violation in refusal.violations] == ["card.number"]
    assert refusal.metadata["rule"].startswith("it may have digits, spaces and dashes only")
    assert sign.isascii() or sign not in str(refusal)


@patient
@given(
    st.one_of(
        st.text("0123456789", max_size=30),
        st.text(max_size=30),
        st.from_regex(r"\A[0-9\uff10-\uff19\u0660-\u0669]{12,19}\Z"),
        st.from_regex(r"\A[456][0-9]{11,18}\Z"),
    )
)
def test_a_refused_number_is_named_by_its_field_and_no_digit_stands_in_the_rule(number: str) -> None:
    refusal = refusal_of(number)
    if refusal:
        assert [violation.field for violation in refusal.violations] == ["card.number"]
        assert not any(sign.isdigit() for sign in refusal.violations[0].description)
        assert not any(sign.isdigit() for sign in str(refusal) + repr(refusal))


@patient
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


@patient
@given(st.from_regex(r"\A[0-9]{12,19}\Z"))
def test_a_summary_hides_at_least_four_digits(number: str) -> None:
    try:
        summary = accept(number).summary
    except Refusal:
        return
    assert len(number) - len(summary.bin) - len(summary.last4) >= 4
