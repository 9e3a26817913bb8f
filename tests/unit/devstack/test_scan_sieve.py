"""The sieve leaves nothing out: what the plain expression for each class finds lies in its regions."""

import base64
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from devstack.scan.issuers import ISSUERS, LONGEST, SHORTEST, is_card_number, issuer_of
from devstack.scan.numbers import LOOSE
from devstack.scan.sieve import Region, Sieve, regions

AROUND = 19
DIGITS = st.lists(st.sampled_from([*b"0123456789" * 3, *b" -.aZ\0\xff\n"]), max_size=200).map(bytes)
HEX = st.lists(st.sampled_from([*b"0123456789abcdefAF" * 2, *b" :x\0"]), max_size=200).map(bytes)
WIDE = st.lists(st.sampled_from([*b"49 -", 0, 0, 0, 0, 255]), max_size=200).map(bytes)


def covered(span: Region, found: list[Region], end: int) -> bool:
    return any(first <= span[0] and span[1] <= min(last, end) for first, last in found)


@settings(max_examples=200, deadline=None)
@given(DIGITS)
def test_every_loose_run_of_digits_is_in_a_region(data: bytes) -> None:
    found = [run.span() for start, end in Sieve(data).digits(AROUND) for run in LOOSE.finditer(data, start, end)]

    assert found == [run.span() for run in LOOSE.finditer(data)]


@settings(max_examples=200, deadline=None)
@given(HEX)
def test_every_run_of_hex_is_in_a_region(data: bytes) -> None:
    found = list(Sieve(data).hex(2 * AROUND))

    for run in re.finditer(rb"(?=((?:[0-7][0-9A-Fa-f]){13}|(?:[0-7][0-9A-Fa-f][ :]){12}[0-7][0-9A-Fa-f]))", data):
        assert covered(run.span(1), found, len(data)), run


@settings(max_examples=200, deadline=None)
@given(WIDE)
def test_every_run_of_signs_of_two_bytes_is_in_a_region(data: bytes) -> None:
    found = list(Sieve(data).wide(2 * AROUND))

    for run in re.finditer(rb"(?=((?:[\x20-\x7e\xa0]\x00){11}))", data):
        assert covered(run.span(1), found, len(data)), run


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=40),
    st.text("0123456789", min_size=13, max_size=19),
    st.binary(max_size=40),
    st.text("AZaz09+/_-", max_size=20),
    st.booleans(),
)
def test_base64_of_digits_is_in_a_region_at_every_alignment_and_beside_anything(
    before: bytes, number: str, after: bytes, glued: str, urlsafe: bool
) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    data = glued.encode() + encode(before + number.encode() + after)
    first = len(glued) + -(-len(before) // 3) * 4

    assert covered((first, first + 12), list(Sieve(data).base64(AROUND)), len(data))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.text(st.characters(max_codepoint=127), min_size=14, max_size=40), st.binary())
def test_base64_of_fourteen_bytes_below_0x80_is_in_a_region_at_every_alignment(
    before: bytes, text: str, after: bytes
) -> None:
    data = base64.b64encode(before + text.encode() + after)
    first = -(-len(before) // 3) * 4

    assert covered((first, first + 16), list(Sieve(data).base64(AROUND)), len(data))


def test_regions_that_touch_are_one() -> None:
    assert list(regions(iter([]), 5)) == []
    assert list(regions(iter([(10, 12), (16, 18), (40, 41)]), 3)) == [(7, 21), (37, 44)]
    assert list(regions(iter([(1, 2)]), 5)) == [(0, 7)]


def test_prefixes_and_lengths_of_networks() -> None:
    assert issuer_of("4242424242424242") == "Visa"
    assert issuer_of("2223003122003222") == "Mastercard"
    assert issuer_of("2720990000000000") == "Mastercard"
    assert issuer_of("2721000000000000") is None
    assert issuer_of("2220990000000000") is None
    assert issuer_of("378282246310005") == "American Express"
    assert issuer_of("3782822463100050") is None
    assert issuer_of("42424242424242") is None
    assert issuer_of("7992739871398713") is None
    assert is_card_number("4242424242424242")
    assert not is_card_number("4242424242424243")
    assert not is_card_number("42424242424242424242")
    for issuer in ISSUERS:
        assert issuer.lengths <= set(range(SHORTEST, LONGEST + 1)), issuer
