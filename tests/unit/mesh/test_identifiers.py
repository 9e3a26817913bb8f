"""Identifiers are ULIDs with a prefix; a PSP's idempotency key follows from what it is for."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.identifiers import is_id, new_id, psp_idempotency_key

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.mark.parametrize("prefix", ["pay", "ref", "cap", "void", "mer", "key", "tok", "evt"])
def test_a_new_identifier_is_one(prefix: str) -> None:
    identifier = new_id(prefix)

    assert identifier.startswith(f"{prefix}_")
    assert len(identifier) == len(prefix) + 27
    assert is_id(prefix, identifier)
    assert is_id(f"{prefix}_", identifier)


def test_prefixes_may_carry_their_underscore() -> None:
    assert is_id("pay", new_id("pay_"))


def test_identifiers_carry_the_time() -> None:
    before = time.time_ns() // 1_000_000
    ulid = new_id("pay").removeprefix("pay_")
    after = time.time_ns() // 1_000_000

    number = 0
    for character in ulid:
        number = number * 32 + ALPHABET.index(character)
    assert before <= number >> 80 <= after


def test_identifiers_do_not_repeat() -> None:
    assert len({new_id("pay") for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pay_",
        "pay_01M7YHWPZPQ285ZH49XVRA3MK",
        "pay_01M7YHWPZPQ285ZH49XVRA3MK99",
        "pay_81M7YHWPZPQ285ZH49XVRA3MK9",
        "pay_01m7yhwpzpq285zh49xvra3mk9",
        "pay_01M7YHWPZPQ285ZH49XVRA3MKI",
        "ref_01M7YHWPZPQ285ZH49XVRA3MK9",
        "pay_01M7YHWPZPQ285ZH49XVRA3MK9\n",
    ],
)
def test_other_texts_are_no_identifiers(text: str) -> None:
    assert not is_id("pay", text)


@given(st.text(max_size=40))
def test_any_text_can_be_asked_about(text: str) -> None:
    assert is_id("pay", text) in {True, False}


def test_the_psp_key_is_the_documented_hash() -> None:
    assert psp_idempotency_key("pay_1_1", "authorize") == "ebe364d1cced548845faec010ed08cbf"


@given(st.text(), st.text(":", max_size=0) | st.sampled_from(["authorize", "capture", "void", "refund"]))
def test_the_psp_key_depends_on_both_parts(reference: str, operation: str) -> None:
    key = psp_idempotency_key(reference, operation)

    assert key == psp_idempotency_key(reference, operation)
    assert len(key) == 32
    assert key != psp_idempotency_key(reference, f"{operation}x")
    assert key != psp_idempotency_key(f"{reference}x", operation)
