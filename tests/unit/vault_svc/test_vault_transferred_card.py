"""The text of a card on its way: what is written, what is taken, and rules that repeat nothing of a card."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import rich.pretty
from hypothesis import given
from hypothesis import strategies as st

from vault_svc.domain.address import BillingAddress
from vault_svc.domain.card import CardDetails, Expiry
from vault_svc.domain.secret_values import CardNumber, HolderName
from vault_svc.domain.transferred_card import (
    EXPIRED,
    CardTextRefused,
    accept_transferred,
    read_text,
    source_id_of,
    write_text,
)

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NUMBER = "4013250000000000006"
DETAILS = CardDetails(
    CardNumber(NUMBER),
    Expiry(12, 2030),
    HolderName("Ada Lovelace"),
    BillingAddress(line1="1 Rue de la Paix", city="Paris", postal_code="75002", country="FR"),
)
CARD: dict[str, Any] = {"id": "card-1", "number": NUMBER, "exp_month": 12, "exp_year": 2030}


def text_of(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (CARD | changes).items() if value is not None}).encode()


def refusal_of(text: bytes) -> str:
    with pytest.raises(CardTextRefused) as caught:
        accept_transferred(read_text(text), NOW)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_what_is_written_is_read_back_whole() -> None:
    card = accept_transferred(read_text(write_text("tok_1", "cus_1", DETAILS)), NOW)
    assert (card.source_id, card.customer_id, card.expired) == ("tok_1", "cus_1", False)
    assert card.card.details == DETAILS
    assert card.card.code is None
    assert (card.card.summary.brand, card.card.summary.last4) == ("visa", "0006")


def test_texts_come_in_steps_that_do_not_tell_the_length_of_a_number() -> None:
    short = CardDetails(CardNumber("4013250000006"), Expiry(1, 2030), HolderName(""))
    lengths = {len(write_text("tok_1", "", card)) for card in (DETAILS, short)}
    assert {length % 64 for length in lengths} == {0}
    longer = CardDetails(CardNumber("401325000000000006"), Expiry(1, 2030), HolderName(""))
    assert len(write_text("tok_1", "", short)) == len(write_text("tok_1", "", longer))


def test_a_card_needs_no_more_than_id_number_and_expiry() -> None:
    card = accept_transferred(read_text(text_of()), NOW)
    assert card.card.details.holder_name.reveal() == ""
    assert card.customer_id == ""


def test_separators_in_a_number_are_taken_out() -> None:
    card = accept_transferred(read_text(text_of(number="4242 4242-4242 4242")), NOW)
    assert card.card.details.number.reveal() == "4242424242424242"


@pytest.mark.parametrize(("month", "year"), [(10, 2026), (11, 2025), (1, 2000), (12, 2019)])
def test_an_expired_card_is_taken_and_said_to_be_expired(month: int, year: int) -> None:
    card = accept_transferred(read_text(text_of(exp_month=month, exp_year=year)), NOW)
    assert card.expired
    assert card.card.summary.expiry == Expiry(month, year)
    assert "expired" in EXPIRED


@pytest.mark.parametrize(("month", "year"), [(11, 2026), (12, 2026), (1, 2046)])
def test_a_card_that_is_good_is_not_said_to_be_expired(month: int, year: int) -> None:
    assert not accept_transferred(read_text(text_of(exp_month=month, exp_year=year)), NOW).expired


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": "4013250000000000007"}, "number"),
        ({"number": "401325000000000000"}, "number"),
        ({"number": ""}, "number"),
        ({"number": "4" * 31}, "number"),
        ({"number": "٤٠١٣٢٥٠٠٠٠٠٠٠٠٠٠٠٠٦"}, "number"),
        ({"exp_month": 0}, "exp_month"),
        ({"exp_month": 13}, "exp_month"),
        ({"exp_month": 13, "exp_year": 2019}, "exp_month"),
        ({"exp_year": 1999}, "exp_year"),
        ({"exp_year": 30}, "exp_year"),
        ({"exp_year": 2100}, "exp_year"),
        ({"exp_year": 2047}, "exp_year"),
        ({"exp_year": 10**40}, "exp_year"),
        ({"holder_name": NUMBER}, "holder_name"),
        ({"holder_name": "a" * 101}, "holder_name"),
        ({"holder_name": "a\nb"}, "holder_name"),
        ({"customer_id": "a b"}, "customer_id"),
        ({"customer_id": "c" * 65}, "customer_id"),
        ({"customer_id": NUMBER}, "customer_id"),
        ({"address": {"line1": NUMBER}}, "address.line1"),
        ({"address": {"city": "c" * 51}}, "address.city"),
        ({"address": {"country": "fr"}}, "address.country"),
        ({"id": ""}, "id"),
        ({"id": "a b"}, "id"),
        ({"id": "é"}, "id"),
        ({"id": "i" * 129}, "id"),
        ({"id": NUMBER}, "id"),
    ],
)
def test_a_wrong_card_is_refused_by_its_rule_without_any_digit_of_it(changes: dict[str, Any], field: str) -> None:
    said = refusal_of(text_of(**changes))
    assert said.startswith(f"{field}:")
    assert not any(NUMBER[place : place + 5] in said for place in range(15))


def test_all_rules_that_a_card_breaks_are_told_at_once() -> None:
    said = refusal_of(text_of(number="4", exp_month=0, customer_id="a b"))
    assert all(f"{field}:" in said for field in ("number", "exp_month", "customer_id"))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 5_000,
        text_of(number=4242424242424242),
        text_of(exp_month="12"),
        text_of(exp_month=12.5),
        text_of(cvc="737"),
        text_of(**{NUMBER: 1}),
        text_of(number=None),
        text_of(id=None),
        text_of(address="Paris"),
        text_of(address={"lines": ["1"]}),
        json.dumps(NUMBER).encode(),
        text_of() + text_of(),
    ],
)
def test_what_is_no_card_is_refused_without_being_repeated(text: bytes) -> None:
    with pytest.raises(CardTextRefused) as caught:
        read_text(text)
    assert "JSON object" in str(caught.value)
    assert "4242" not in str(caught.value)
    assert NUMBER[:6] not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_id_is_shown_only_when_it_may_be() -> None:
    assert source_id_of(read_text(text_of(number="wrong"))) == "card-1"
    with pytest.raises(CardTextRefused):
        source_id_of(read_text(text_of(id=NUMBER)))


def test_a_card_in_the_clear_prints_as_redacted() -> None:
    text = read_text(text_of(holder_name="Ada Lovelace", address={"line1": "1 Rue de la Paix"}))
    card = accept_transferred(text, NOW)
    for value in (text, card, [text], {"card": text}, text.address):
        shown = f"{value!r} {value!s} {value} {rich.pretty.pretty_repr(value)}"
        assert not any(secret in shown for secret in (NUMBER[:7], "Lovelace", "Paix"))


@given(st.binary(max_size=300))
def test_no_text_does_anything_but_be_taken_or_refused(text: bytes) -> None:
    with contextlib.suppress(CardTextRefused):
        accept_transferred(read_text(text), NOW)


@given(
    st.fixed_dictionaries(
        {
            "id": st.text(max_size=140),
            "number": st.text(max_size=40) | st.from_regex(r"[0-9]{12,19}\Z"),
            "exp_month": st.integers(-1, 14),
            "exp_year": st.integers(-1, 10_000),
        },
        optional={"holder_name": st.text(max_size=120), "customer_id": st.text(max_size=70)},
    )
)
def test_no_card_does_anything_but_be_taken_or_refused(card: dict[str, Any]) -> None:
    try:
        taken = accept_transferred(read_text(json.dumps(card).encode()), NOW)
    except CardTextRefused:
        return
    assert taken.source_id == card["id"]
    again = accept_transferred(read_text(write_text(taken.source_id, taken.customer_id, taken.card.details)), NOW)
    assert again == taken
