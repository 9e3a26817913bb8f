"""Sealed cards open in their own place only, whole and unchanged."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.domain.address import BillingAddress
from vault_svc.domain.card import CardDetails, Expiry
from vault_svc.domain.sealing import (
    Binding,
    SealBrokenError,
    SealedKind,
    frame,
    read_card,
    read_code,
    write_card,
    write_code,
)
from vault_svc.domain.secret_values import CardNumber, CardSecurityCode, HolderName, SecretKey

CIPHER = AesGcmCardCipher(SecretKey(bytes(range(32))))
HERE = Binding("mer_1", "tok_1", 1, SealedKind.CARD)
TEXT = b"4242424242424242"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
addresses = st.builds(
    BillingAddress, line1=texts, line2=texts, city=texts, state=texts, postal_code=texts, country=st.just("GB")
)


@given(
    number=st.from_regex(r"\A[0-9]{12,19}\Z"),
    month=st.integers(1, 12),
    year=st.integers(2000, 2099),
    holder_name=texts,
    address=addresses,
)
def test_a_card_comes_back_as_it_was_sealed(
    number: str, month: int, year: int, holder_name: str, address: BillingAddress
) -> None:
    details = CardDetails(CardNumber(number), Expiry(month, year), HolderName(holder_name), address)
    assert read_card(CIPHER.open(HERE, CIPHER.seal(HERE, write_card(details)))) == details


def test_a_card_that_was_sealed_before_there_were_addresses_is_read() -> None:
    assert read_card(b'["4242424242424242",1,2030,"Ada"]   ') == CardDetails(
        CardNumber("4242424242424242"), Expiry(1, 2030), HolderName("Ada")
    )


@pytest.mark.parametrize("digits", ["123", "0042"])
def test_a_code_comes_back_as_it_was_sealed(digits: str) -> None:
    code = CardSecurityCode(digits)
    assert read_code(write_code(code)) == code


def test_a_sealed_text_holds_nothing_of_the_text_and_never_repeats() -> None:
    sealed = {CIPHER.seal(HERE, TEXT) for _ in range(100)}
    assert len(sealed) == 100
    assert not any(TEXT[start : start + 4] in one[13:] for one in sealed for start in range(0, 16, 4))


def test_no_bit_can_be_flipped() -> None:
    sealed = CIPHER.seal(HERE, TEXT)
    for position, bit in itertools.product(range(len(sealed)), range(8)):
        changed = bytearray(sealed)
        changed[position] ^= 1 << bit
        with pytest.raises(SealBrokenError):
            CIPHER.open(HERE, bytes(changed))
    assert CIPHER.open(HERE, sealed) == TEXT


def test_nothing_can_be_cut_off_or_added() -> None:
    sealed = CIPHER.seal(HERE, TEXT)
    for length in range(len(sealed)):
        with pytest.raises(SealBrokenError):
            CIPHER.open(HERE, sealed[:length])
        with pytest.raises(SealBrokenError):
            CIPHER.open(HERE, sealed[length + 1 :])
    for extended in (sealed + b"\0", b"\x01" + sealed):
        with pytest.raises(SealBrokenError):
            CIPHER.open(HERE, extended)


@pytest.mark.parametrize(
    "elsewhere",
    [
        Binding("mer_2", "tok_1", 1, SealedKind.CARD),
        Binding("mer_1", "tok_2", 1, SealedKind.CARD),
        Binding("mer_1", "tok_1", 2, SealedKind.CARD),
        Binding("mer_1", "tok_1", 1, SealedKind.CODE),
        Binding("mer_1", "tok_1", 1, SealedKind.CARD_KEY),
        Binding("mer_1t", "ok_1", 1, SealedKind.CARD),
    ],
)
def test_a_ciphertext_moved_elsewhere_does_not_open(elsewhere: Binding) -> None:
    sealed = CIPHER.seal(HERE, TEXT)
    with pytest.raises(SealBrokenError) as broken:
        CIPHER.open(elsewhere, sealed)
    assert "4242" not in str(broken.value)


def test_another_merchants_key_does_not_open_it() -> None:
    with pytest.raises(SealBrokenError):
        AesGcmCardCipher(SecretKey(bytes(32))).open(HERE, CIPHER.seal(HERE, TEXT))


@pytest.mark.parametrize("kind", [SealedKind.CODE, SealedKind.CARD_KEY])
def test_kinds_of_text_are_under_different_keys(kind: SealedKind) -> None:
    class SameKind(Binding):
        """Claims the associated data of a card for a code: only the key can tell them apart now."""

        def associated_data(self) -> bytes:
            return HERE.associated_data()

    sealed = CIPHER.seal(HERE, TEXT)
    with pytest.raises(SealBrokenError):
        CIPHER.open(SameKind("mer_1", "tok_1", 1, kind), sealed)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        AesGcmCardCipher(SecretKey(bytes(length)))


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_framing_is_unambiguous(first: list[bytes], second: list[bytes]) -> None:
    assert (frame(*first) == frame(*second)) == (first == second)


def test_the_length_tells_neither_number_nor_short_names_apart() -> None:
    lengths = {
        len(write_card(CardDetails(CardNumber("4" * digits), Expiry(1, 2030), HolderName(name))))
        for digits in range(12, 20)
        for name in ("", "Ada", "Ada Lovelace")
    }
    assert len(lengths) == 1
    assert len(write_code(CardSecurityCode("123"))) == len(write_code(CardSecurityCode("1234")))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b'["4242424242424242"]',
        b"\xff",
        b'[4242424242424242,1,2030,""]',
        b'["4242424242424242",1,2030,"",{"street":"4242"}]',
        b'["4242424242424242",1,2030,"",{"line1":4242}]',
        b'["4242424242424242",1,2030,"",["4242"]]',
    ],
)
def test_a_text_that_is_no_card_is_refused_without_being_quoted(text: bytes) -> None:
    with pytest.raises(SealBrokenError) as broken:
        read_card(text)
    assert "4242" not in str(broken.value)
    assert broken.value.__cause__ is None


@pytest.mark.parametrize("text", [b"", b"123", b"12a     ", b"        "])
def test_a_text_that_is_no_code_is_refused(text: bytes) -> None:
    with pytest.raises(SealBrokenError):
        read_code(text)
