"""Whatever a shopper or merchant types, and wherever: no refusal, no log line and no audit record repeats a number."""

import asyncio
import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from payera.vault.v1 import token_service_pb2 as vault_pb2

from mesh.card_numbers import luhn_valid
from tests.unit.vault_svc.rpcs import PUBLISHABLE, SECRET, Refused, Rpcs, write_identity
from tests.unit.vault_svc.vaults import MERCHANT, Vault

#: Longer stretches of a number than this are found nowhere, shorter ones turn up in any text.
WINDOW = 5
CARD_FIELDS = {"card.number", "card.exp_month", "card.exp_year", "card.cvc", "card.holder_name", "customer_id"}
ADDRESS_FIELDS = {f"card.address.{part}" for part in ("line1", "line2", "city", "state", "postal_code", "country")}
SEPARATORS = ["", " ", "-", "\u00a0", "\u2009", "\u2011", "\u2013", ".", "_", "/", "\u200b", "\u2060", "\t", "x", "\n"]
ZEROS = ["0", "\u0660", "\u0966", "\uff10", "\U0001d7d8"]


def with_check_digit(digits: str) -> str:
    return next(digits[:-1] + last for last in "0123456789" if luhn_valid(digits[:-1] + last))


numbers = st.one_of(
    st.from_regex(r"[1-9][0-9]{11,18}", fullmatch=True).map(with_check_digit),
    st.from_regex(r"[1-9][0-9]{11,18}", fullmatch=True),
    st.sampled_from(
        ["4242424242424242", "378282246310005", "5200828282828210", "6200000000000005", "6767700000000000"]
    ),
)


@st.composite
def written(draw: st.DrawFn, number: str) -> str:
    """Write a number in groups, with any sign between them, in any script."""
    zero = ord(draw(st.sampled_from(ZEROS)))
    separator = draw(st.sampled_from(SEPARATORS))
    size = draw(st.sampled_from([4, 4, 4, 5, 6, 30]))
    script = number.translate({ord(str(digit)): zero + digit for digit in range(10)})
    text = separator.join(script[start : start + size] for start in range(0, len(script), size))
    return draw(st.sampled_from(["", "card ", "tok_", "é"])) + text + draw(st.sampled_from(["", " ", "\u200b", "x"]))


def digits_of(text: str) -> str:
    """Give the digits of any script in a text as ASCII, everything else as it is."""
    return "".join(sign if (digit := unicodedata.digit(sign, None)) is None else str(digit) for sign in text)


def stretches(number: str, length: int = WINDOW) -> set[str]:
    return {number[start : start + length] for start in range(len(number) - length + 1)}


def told(number: str, texts: Sequence[str]) -> list[str]:
    """Give the texts that a stretch of the number can be read in, also with signs between its digits."""
    found = []
    for text in texts:
        plain = digits_of(text)
        only_digits = "".join(sign for sign in plain if sign.isdigit())
        if any(stretch in plain for stretch in stretches(number)) or number in only_digits:
            found.append(text)
    return found


@pytest.fixture(scope="module")
def rpcs(tmp_path_factory: pytest.TempPathFactory) -> Rpcs[Vault]:
    """Give one vault for all examples: its rules are compiled once."""
    return Rpcs(write_identity(tmp_path_factory.mktemp("identity")), Vault())


def outcome(rpcs: Rpcs[Vault], name: str, request: Any, **how: Any) -> tuple[Any, Refused | None]:
    """Call on an empty vault."""
    rpcs.log.lines.clear()
    rpcs.vault.store.audit.clear()
    rpcs.vault.store.cards.clear()
    rpcs.vault.store.codes.clear()

    async def asked() -> tuple[Any, Refused | None]:
        try:
            return await rpcs.call(name, request, **how), None
        except Refused as refused:
            return None, refused

    return asyncio.run(asked())


def traces(rpcs: Rpcs[Vault]) -> list[str]:
    """Give what is left of a call: log lines without their times, and the audit."""
    lines = [{key: value for key, value in line.items() if key != "duration_ms"} for line in rpcs.log.lines]
    return [*(str(line) for line in lines), *(str(record) for record in rpcs.vault.store.audit)]


@settings(deadline=None, max_examples=150)
@given(data=st.data(), number=numbers, place=st.sampled_from(sorted(CARD_FIELDS | ADDRESS_FIELDS)))
def test_a_card_that_is_refused_is_refused_by_field_and_never_repeated(
    rpcs: Rpcs[Vault], data: st.DataObject, number: str, place: str
) -> None:
    card = vault_pb2.Card(number="4242424242424241", exp_month=12, exp_year=2030, cvc="737")
    request = vault_pb2.CreateTokenRequest(card=card)
    text = data.draw(written(number))
    target: Any = request
    *path, last = place.split(".")
    for part in path:
        target = getattr(target, part)
    if last.startswith("exp"):
        setattr(target, last, int(number) % 2**31)
    else:
        setattr(target, last, text)
    if place != "card.number":
        request.card.number = data.draw(st.sampled_from(["4242424242424242", "4242424242424241"]))
    answer, refused = outcome(rpcs, "CreateToken", request, key=SECRET if place == "customer_id" else PUBLISHABLE)
    assert told(number, traces(rpcs)) == []
    if refused is None:
        # Six first and four last digits of an accepted number may be shown, and a customer's id is the merchant's.
        answer.ClearField("customer_id")
        assert not [stretch for stretch in stretches(number, 7) if stretch in digits_of(str(answer))]
        return
    assert refused.reason in {"INVALID_CARD", "INVALID_FIELD"}
    assert refused.fields
    assert set(refused.fields) <= CARD_FIELDS | ADDRESS_FIELDS
    assert refused.info.metadata["field"] == refused.fields[0]
    assert told(number, [refused.text]) == []
    assert rpcs.vault.store.cards == {}


@settings(deadline=None, max_examples=60)
@given(data=st.data(), number=numbers)
def test_a_number_in_place_of_a_token_or_page_is_never_repeated(
    rpcs: Rpcs[Vault], data: st.DataObject, number: str
) -> None:
    text = data.draw(written(number))
    requests: list[tuple[str, Any, str]] = [
        ("GetToken", vault_pb2.GetTokenRequest(token_id=text), "envoy"),
        ("UpdateToken", vault_pb2.UpdateTokenRequest(token_id=text, exp_month=12, exp_year=2030), "envoy"),
        ("DeleteToken", vault_pb2.DeleteTokenRequest(token_id=text), "envoy"),
        ("ListTokens", vault_pb2.ListTokensRequest(customer_id="customer-1", page_token=text), "envoy"),
        ("ListTokens", vault_pb2.ListTokensRequest(customer_id=text), "envoy"),
        ("DescribeToken", vault_pb2.DescribeTokenRequest(merchant_id=MERCHANT, token_id=text), "gateway_svc"),
        (
            "MakePermanent",
            vault_pb2.MakePermanentRequest(merchant_id=MERCHANT, token_id=text, payment_id="pay_1"),
            "gateway_worker",
        ),
        (
            "Detokenize",
            vault_pb2.DetokenizeRequest(
                merchant_id=MERCHANT, token_id=text, payment_id="pay_1", purpose="authorization"
            ),
            "psp_connectors",
        ),
        (
            "Detokenize",
            vault_pb2.DetokenizeRequest(
                merchant_id=MERCHANT, token_id="tok_" + "0" * 26, payment_id="pay_1", purpose=text
            ),
            "psp_connectors",
        ),
    ]
    for name, request, caller in requests:
        _, refused = outcome(rpcs, name, request, caller=caller)
        if refused is not None:
            assert refused.reason in {"TOKEN_NOT_FOUND", "INVALID_FIELD"}
            assert told(number, [refused.text]) == []
        assert told(number, traces(rpcs)) == []


@pytest.mark.parametrize("number", ["4242424242424242", "378282246310005"])
def test_the_check_itself_finds_what_it_looks_for(number: str) -> None:
    full_width = number.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)})
    for text in (number, full_width, " ".join(number), f"there is no token {number[3:9]}"):
        assert told(number, [text]) == [text]
    assert told(number, ["there is no token `malformed`", "it must be between 1 and 12."]) == []
