"""What somebody who may write to the vault's tables comes to: nothing that was moved, changed or put back opens."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.refusal import Refusal
from tests.fakes.vault.card_store import KeptCard
from tests.unit.vault_svc.vaults import ACTOR, EXPIRY, MERCHANT, NUMBER, OTHER_MERCHANT, OTHER_NUMBER, Vault, code_of
from vault_svc.application.ports.card_store import SealedCard
from vault_svc.application.ports.key_provider import KeyUnavailableError, WrappedKey
from vault_svc.application.ports.key_store import StoredDataKey
from vault_svc.domain.card import Expiry
from vault_svc.domain.sealing import Binding, SealBrokenError, SealedKind, write_card
from vault_svc.domain.token import Token, TokenId

LATER = Expiry(6, 2033)
REFUSED = (SealBrokenError, KeyUnavailableError, Refusal)


class Rows:
    """A vault with cards of two merchants under two key versions, as a table's administrator sees them."""

    def __init__(self, vault: Vault, tokens: list[Token]) -> None:
        self.vault = vault
        self.tokens = tokens

    @classmethod
    async def made(cls) -> "Rows":
        vault = Vault()
        tokens = [await vault.keep(code="111"), await vault.keep(OTHER_NUMBER, "222")]
        await vault.rotate()
        tokens += [
            await vault.keep(code="333"),
            await vault.keep("5200828282828210", "444", merchant_id=OTHER_MERCHANT),
        ]
        return cls(vault, tokens)

    def row(self, place: int) -> KeptCard:
        return self.vault.store.cards[self.tokens[place].token_id]

    def parts(self, place: int) -> list[bytes]:
        """Give every sealed text of a row: the card's key, the card, the code, and the wrapped data key."""
        kept, code = self.row(place), self.vault.store.codes[self.tokens[place].token_id]
        wrapped = self.vault.store.keys.data_key(kept.merchant_id, kept.key_version)
        assert kept.sealed.sealed_key is not None
        assert wrapped is not None
        return [kept.sealed.sealed_key, kept.sealed.sealed_card, code.sealed, wrapped.wrapped.wrapped]

    def put(self, place: int, kind: int, text: bytes) -> None:
        """Write a sealed text into a row."""
        kept, code = self.row(place), self.vault.store.codes[self.tokens[place].token_id]
        if kind == 0:
            kept.sealed = replace(kept.sealed, sealed_key=text)
        elif kind == 1:
            kept.sealed = replace(kept.sealed, sealed_card=text)
        elif kind == 2:
            code.sealed = text
        else:
            versions = self.vault.store.keys.data_keys[kept.merchant_id]
            versions[kept.key_version] = StoredDataKey(kept.key_version, WrappedKey("fake_kek", text))

    async def reveal(self, place: int) -> None:
        """Ask for a card as a process does that has no key in memory."""
        await self.vault.another().reveal(self.tokens[place].token_id, self.row(place).merchant_id)


def run(check: Callable[[Rows], object]) -> None:
    """Run a check on rows of its own, in a loop of its own, as Hypothesis needs it."""

    async def checked() -> None:
        await check(await Rows.made())  # type: ignore[misc]

    asyncio.run(checked())


PLACES = st.integers(0, 3)
KINDS = st.integers(0, 3)


@settings(deadline=None)
@given(here=PLACES, there=PLACES, kind=KINDS, other_kind=KINDS)
def test_no_sealed_text_opens_in_another_place(here: int, there: int, kind: int, other_kind: int) -> None:
    async def check(rows: Rows) -> None:
        text, own = rows.parts(there)[other_kind], rows.parts(here)[kind]
        rows.put(here, kind, text)
        if text == own:
            await rows.reveal(here)
            return
        with pytest.raises(REFUSED):
            await rows.reveal(here)

    run(check)


@settings(deadline=None)
@given(place=PLACES, kind=KINDS, position=st.integers(0, 10_000), flipped=st.integers(1, 255))
def test_no_byte_of_a_row_can_be_changed(place: int, kind: int, position: int, flipped: int) -> None:
    async def check(rows: Rows) -> None:
        text = bytearray(rows.parts(place)[kind])
        text[position % len(text)] ^= flipped
        rows.put(place, kind, bytes(text))
        with pytest.raises(REFUSED):
            await rows.reveal(place)

    run(check)


@settings(deadline=None)
@given(place=PLACES, kind=KINDS, length=st.integers(0, 10_000), more=st.binary(max_size=64))
def test_nothing_of_a_row_can_be_cut_off_or_added(place: int, kind: int, length: int, more: bytes) -> None:
    async def check(rows: Rows) -> None:
        text = rows.parts(place)[kind]
        changed = text[: length % len(text)] + more
        rows.put(place, kind, changed)
        if changed == text:
            return
        with pytest.raises(REFUSED):
            await rows.reveal(place)

    run(check)


async def test_whole_rows_exchanged_open_for_neither_token() -> None:
    for here, there in itertools.permutations(range(4), 2):
        rows = await Rows.made()
        cards, codes = rows.vault.store.cards, rows.vault.store.codes
        one, two = rows.tokens[here].token_id, rows.tokens[there].token_id
        cards[one], cards[two] = cards[two], cards[one]
        codes[one], codes[two] = codes[two], codes[one]
        for place in (here, there):
            with pytest.raises(REFUSED):
                await rows.reveal(place)


async def test_a_card_in_another_merchants_name_does_not_open_even_with_its_own_key() -> None:
    rows = await Rows.made()
    rows.row(2).merchant_id = OTHER_MERCHANT
    rows.row(2).key_version = 1
    with pytest.raises(SealBrokenError):
        await rows.reveal(2)
    versions = rows.vault.store.keys.data_keys
    versions[OTHER_MERCHANT][1] = versions[MERCHANT][2]
    with pytest.raises(KeyUnavailableError):
        await rows.reveal(2)


async def test_a_card_and_its_key_under_another_version_do_not_open() -> None:
    rows = await Rows.made()
    own_key = rows.parts(0)[3]
    rows.row(0).key_version = 2
    with pytest.raises(SealBrokenError):
        await rows.reveal(0)
    # Nor when its key is put under that version too.
    rows.put(2, 3, own_key)
    with pytest.raises(KeyUnavailableError):
        await rows.reveal(0)


async def test_a_code_of_another_version_or_token_does_not_open_and_gives_no_card() -> None:
    rows = await Rows.made()
    codes = rows.vault.store.codes
    codes[rows.tokens[0].token_id].key_version = 2
    with pytest.raises(SealBrokenError):
        await rows.reveal(0)
    codes[rows.tokens[1].token_id] = codes[rows.tokens[2].token_id]
    with pytest.raises(SealBrokenError):
        await rows.reveal(1)


async def test_a_card_without_a_key_of_its_own_must_have_been_sealed_so() -> None:
    rows = await Rows.made()
    kept = rows.row(0)
    kept.sealed = SealedCard(None, kept.sealed.sealed_card)
    with pytest.raises(SealBrokenError):
        await rows.reveal(0)


async def test_a_card_from_before_cards_had_keys_opens_and_gets_one_with_the_next_change() -> None:
    vault = Vault()
    card = vault.card()
    token = await vault.create(MERCHANT, card, "", ACTOR)
    sealing = await vault.keys.for_sealing(MERCHANT)
    place = Binding(MERCHANT, token.token_id, 1, SealedKind.CARD)
    vault.store.cards[token.token_id].sealed = SealedCard(None, sealing.cipher.seal(place, write_card(card.details)))
    assert (await vault.another().reveal(token.token_id)).details == card.details
    await vault.update(MERCHANT, token.token_id, LATER, ACTOR)
    assert vault.store.cards[token.token_id].sealed.sealed_key is not None
    assert (await vault.another().reveal(token.token_id)).details == replace(card.details, expiry=LATER)


class TestReplay:
    """What was sealed once and is put back later."""

    async def test_the_card_of_before_an_update_does_not_open_with_the_key_of_after(self) -> None:
        vault = Vault()
        token = await vault.keep()
        kept = vault.store.cards[token.token_id]
        before = kept.sealed
        await vault.update(MERCHANT, token.token_id, LATER, ACTOR)
        after = kept.sealed
        for mixed in (
            SealedCard(before.sealed_key, after.sealed_card),
            SealedCard(after.sealed_key, before.sealed_card),
        ):
            kept.sealed = mixed
            with pytest.raises(SealBrokenError):
                await vault.another().reveal(token.token_id)

    async def test_the_whole_sealed_card_of_before_an_update_is_not_given(self) -> None:
        vault = Vault()
        token = await vault.keep()
        kept = vault.store.cards[token.token_id]
        before = kept.sealed
        await vault.update(MERCHANT, token.token_id, LATER, ACTOR)
        kept.sealed = before
        with pytest.raises(SealBrokenError):
            await vault.another().reveal(token.token_id)

    async def test_an_expiry_changed_in_the_table_gives_no_card(self) -> None:
        vault = Vault()
        token = await vault.keep()
        kept = vault.store.cards[token.token_id]
        kept.token = replace(kept.token, summary=replace(kept.token.summary, expiry=LATER))
        with pytest.raises(SealBrokenError):
            await vault.another().reveal(token.token_id)

    async def test_what_was_sealed_before_a_rotation_does_not_open_after_it(self) -> None:
        vault = Vault()
        token = await vault.keep()
        kept = vault.store.cards[token.token_id]
        before = kept.sealed
        await vault.rotate()
        # As a rotation does: the same card, sealed anew.
        await vault.update(MERCHANT, token.token_id, EXPIRY, ACTOR)
        kept.sealed = before
        with pytest.raises(SealBrokenError):
            await vault.another().reveal(token.token_id)
        # Back under its old version it opens for as long as that key lives, and never after.
        kept.key_version = 1
        vault.store.keys.destroy_data_key(MERCHANT, 1)
        with pytest.raises(Refusal):
            await vault.another().reveal(token.token_id)

    async def test_a_code_put_back_after_it_was_used_up_is_the_codes_of_this_token_alone(self) -> None:
        vault = Vault()
        token, other = await vault.keep(code="111"), await vault.keep(code="222")
        used = vault.store.codes[token.token_id]
        assert code_of(await vault.reveal(token.token_id)) == "111"
        vault.store.codes[other.token_id] = used
        with pytest.raises(SealBrokenError):
            await vault.another().reveal(other.token_id)

    async def test_a_whole_row_put_back_is_the_same_card_of_then_and_its_code_stays_with_its_payment(self) -> None:
        """Nothing outside the table knows better: docs/threat-model.md says so."""
        vault = Vault()
        token = await vault.keep(code="111")
        kept, used = vault.store.cards[token.token_id], vault.store.codes[token.token_id]
        before = kept.sealed, kept.token
        assert code_of(await vault.reveal(token.token_id, payment_id="pay_1")) == "111"
        await vault.update(MERCHANT, token.token_id, LATER, ACTOR)
        kept.sealed, kept.token = before
        kept.token = replace(kept.token, payment_id="pay_1")
        vault.store.codes[token.token_id] = used
        with pytest.raises(Refusal):
            await vault.another().reveal(token.token_id, payment_id="pay_2")
        card = await vault.another().reveal(token.token_id, payment_id="pay_1")
        assert (card.details.number.reveal(), card.details.expiry, code_of(card)) == (NUMBER, EXPIRY, "111")

    async def test_a_deleted_card_put_back_under_another_token_does_not_open(self) -> None:
        vault = Vault()
        token, other = await vault.keep(), await vault.keep()
        gone = vault.store.cards[token.token_id]
        await vault.delete(MERCHANT, token.token_id, ACTOR)
        vault.store.cards[other.token_id].sealed = gone.sealed
        with pytest.raises(SealBrokenError):
            await vault.another().reveal(other.token_id)


async def test_no_error_of_a_tampered_row_holds_anything_of_the_card() -> None:
    for kind in range(4):
        rows = await Rows.made()
        rows.put(0, kind, rows.parts(2)[kind])
        with pytest.raises((SealBrokenError, KeyUnavailableError)) as broken:
            await rows.reveal(0)
        text = repr(broken.value) + repr(broken.value.__cause__)
        assert not any(secret in text for secret in (NUMBER, OTHER_NUMBER, "Lovelace", "111", "222"))


async def test_a_token_id_of_another_row_never_helps() -> None:
    rows = await Rows.made()
    stranger = TokenId("tok_" + "0" * 26)
    rows.vault.store.cards[stranger] = rows.row(0)
    with pytest.raises(SealBrokenError):
        await rows.vault.another().reveal(stranger)
