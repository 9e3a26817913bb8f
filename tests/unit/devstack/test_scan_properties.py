"""Any number in any form is found, and what is found is there: over generated numbers, texts and bytes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.scan.canaries import Canary
from devstack.scan.issuers import ISSUERS, is_card_number
from devstack.scan.matching import Kind, Matcher, Wanted
from mesh.card_numbers import contains_card_number, luhn_valid
from tests.unit.devstack.test_scan_forms import FORMS, NEITHER, PLANTED_FORMS

MATCHER = Matcher(Wanted())
SMALL = Matcher(Wanted(), window_bytes=1024, margin_bytes=512)
#: Nothing that makes a word or number longer, or a fraction.
TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="0123456789"), max_size=60)


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    """Draw a number that a network could have issued: prefix, length and check digit."""
    issuer = draw(st.sampled_from(ISSUERS))
    prefix = draw(st.sampled_from(issuer.prefixes))
    low, _, high = prefix.partition("-")
    start = str(draw(st.integers(int(low), int(high or low))))
    length = draw(st.sampled_from(sorted(issuer.lengths)))
    body = start + draw(st.text("0123456789", min_size=length - 1 - len(start), max_size=length - 1 - len(start)))
    return next(body + digit for digit in "0123456789" if luhn_valid(body + digit))


@given(card_numbers())
def test_every_number_of_a_network_counts_as_one(number: str) -> None:
    assert is_card_number(number)
    assert contains_card_number(number)
    assert not is_card_number(number[:-1] + str((int(number[-1]) + 1) % 10))


@settings(max_examples=250, deadline=None)
@given(card_numbers(), st.sampled_from(sorted(FORMS)), TEXTS, TEXTS)
def test_any_number_in_any_form_is_found(number: str, form: str, before: str, after: str) -> None:
    data = f"{before} ".encode() + FORMS[form](number) + f" {after}".encode()

    found = {hit.digits for hit in MATCHER.search(data)}

    # In groups of four a number of 17 to 19 digits may begin with one of 16.
    assert any(number.startswith(digits) for digits in found), found


@settings(max_examples=200, deadline=None)
@given(card_numbers(), st.sampled_from(sorted(FORMS)), st.integers(0, 3000), st.integers(1, 3000))
def test_any_number_is_found_through_any_windows_and_blocks(number: str, form: str, place: int, block: int) -> None:
    data = b"text; " * (place // 6) + b" " + FORMS[form](number) + b" " + b"; text" * 300

    hits = list(SMALL.stream(data[at : at + block] for at in range(0, len(data), block)))

    # Groups of a number may make a second one.
    assert number.startswith(hits[0].digits)
    assert hits == MATCHER.search(data)


@settings(max_examples=200, deadline=None)
@given(card_numbers(), st.sampled_from(sorted(FORMS | PLANTED_FORMS)), st.binary(max_size=60), st.binary(max_size=60))
def test_any_planted_number_is_found_beside_anything_that_is_no_digit(
    number: str, form: str, before: bytes, after: bytes
) -> None:
    planted = Matcher(Wanted([Canary(number)], any_card=False, any_code=False))

    # A form of its own may go on into what stands beside it: a letter or sign of the encoding, another digit.
    hits = planted.search(before + b"\n; " + (FORMS | PLANTED_FORMS)[form](number) + b" ;\n" + after)

    assert number in [hit.digits for hit in hits]


@settings(max_examples=250, deadline=None)
@given(st.text('0123456789abcdefABCDEF -./%=\\u_{}":,\n\u00a0', max_size=400))
def test_what_is_found_in_texts_is_there(text: str) -> None:
    data = text.encode()
    for hit in MATCHER.search(data):
        assert 0 <= hit.offset < len(data)
        if hit.kind is Kind.CARD_NUMBER:
            assert is_card_number(hit.digits)
        if hit.form == "raw":
            assert data.startswith(hit.digits.encode(), hit.offset)
            before, after = data[max(hit.offset - 1, 0) : hit.offset], data[hit.offset + len(hit.digits) :][:1]
            assert not before.isalnum() or data[hit.offset - 2 : hit.offset - 1] == b"\\"
            assert not after.isalnum()
        if hit.form == "separated":
            kept = b"".join(bytes([sign]) for sign in data[hit.offset : hit.offset + 90] if 48 <= sign <= 57)
            assert kept.startswith(hit.digits.encode())


@settings(max_examples=250, deadline=None)
@given(st.lists(st.one_of(st.text("0123456789", max_size=12), st.text("abcxyz _:;|\n", min_size=4, max_size=9))))
def test_texts_with_short_numbers_only_have_none(parts: list[str]) -> None:
    text = "".join(part + "(x) " for part in parts)

    assert MATCHER.search(text.encode()) == []


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000))
def test_bytes_at_random_have_none_and_do_no_harm(data: bytes) -> None:
    # Thirteen digits by chance that end in the right one: not in this universe's time.
    assert MATCHER.search(data, is_protobuf=False) == list(MATCHER.stream([data]))


@given(st.sampled_from(sorted(FORMS)), TEXTS)
def test_a_wrong_check_digit_is_never_found(form: str, before: str) -> None:
    assert MATCHER.search(f"{before} ".encode() + FORMS[form](NEITHER) + b" ") == []
