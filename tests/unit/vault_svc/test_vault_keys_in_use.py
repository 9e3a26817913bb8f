"""Keys are made once, unwrapped when needed, kept in memory for minutes, replaced at any time, and may be gone."""

import asyncio
import gc
import hmac
import weakref
from datetime import timedelta

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.card_store import FakeCardStore
from tests.unit.vault_svc.vaults import (
    ACTOR,
    MERCHANT,
    NUMBER,
    OTHER_MERCHANT,
    OTHER_NUMBER,
    Vault,
    code_of,
    request_for,
)
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.application.data_keys import (
    KEY_LIFE_SECONDS,
    KEYS_IN_MEMORY_MAX,
    data_key_context,
    fingerprint_key_context,
)
from vault_svc.application.fingerprints import fingerprint_of
from vault_svc.application.ports.card_store import CardToKeep
from vault_svc.application.ports.key_provider import KeyUnavailableError
from vault_svc.application.ports.key_store import StoredFingerprintKey
from vault_svc.domain.card import Expiry
from vault_svc.domain.secret_values import CardNumber, SecretKey
from vault_svc.domain.token import MerchantId, Token


async def unavailable(awaiting: object) -> None:
    with pytest.raises(Refusal) as caught:
        await awaiting  # type: ignore[misc]
    assert caught.value.reason is Reason.UNAVAILABLE


async def replace_fingerprint_key(vault: Vault) -> None:
    """Replace the fingerprint key behind this process's back."""
    active = next(key.key_id for key in vault.store.keys.fingerprints if key.active)
    await vault.another().keys.replace_fingerprint_key(active)


async def test_a_merchants_data_key_is_made_once_also_when_many_cards_come_first() -> None:
    vault = Vault()
    await asyncio.gather(*(vault.keep() for _ in range(20)))
    # One data key and one fingerprint key.
    assert (vault.provider.generated, vault.provider.unwrapped) == (2, 2)


async def test_processes_that_meet_a_new_merchant_at_once_use_one_data_key() -> None:
    one = Vault()
    processes = [one, *(one.another() for _ in range(7))]
    tokens = await asyncio.gather(*(process.keep() for process in processes))
    assert one.provider.generated == 16
    assert list(one.store.keys.data_keys[MERCHANT]) == [1]
    assert len(one.store.keys.fingerprints) == 1
    assert len({token.fingerprint for token in tokens}) == 1
    for token in tokens:
        revealed = await one.another().reveal(token.token_id)
        assert revealed.details.number.reveal() == NUMBER


async def test_an_unwrapped_data_key_is_forgotten_after_its_life() -> None:
    vault = Vault()
    token = await vault.keep()
    await vault.reveal(token.token_id)
    assert vault.provider.unwrapped == 2
    vault.advance(KEY_LIFE_SECONDS)
    await vault.reveal(token.token_id)
    assert vault.provider.unwrapped == 3


async def test_keys_that_nobody_asks_for_any_more_leave_the_memory_with_the_next_purge() -> None:
    ciphers: list[weakref.ref[AesGcmCardCipher]] = []

    class Watched(AesGcmCardCipher):
        def __init__(self, key: SecretKey) -> None:
            super().__init__(key)
            ciphers.append(weakref.ref(self))

    vault = Vault()
    # What a process keeps in memory is seen from inside only.
    vault.keys._cipher_of = Watched
    token = await vault.keep()
    await vault.reveal(token.token_id)
    vault.advance(KEY_LIFE_SECONDS - 1)
    await vault.purge()
    gc.collect()
    assert [cipher() is not None for cipher in ciphers] == [True]
    vault.advance(1)
    await vault.purge()
    gc.collect()
    assert [cipher() for cipher in ciphers] == [None]
    assert code_of(await vault.reveal(token.token_id)) is None


async def test_no_more_data_keys_than_the_maximum_stay_unwrapped() -> None:
    vault = Vault()
    first = await vault.keep()
    for number in range(KEYS_IN_MEMORY_MAX):
        await vault.keep(merchant_id=MerchantId(f"mer_many_{number}"), code="")
    unwrapped = vault.provider.unwrapped
    await vault.reveal(first.token_id)
    assert vault.provider.unwrapped == unwrapped + 1


async def test_a_key_is_wrapped_for_its_merchant_and_version_only() -> None:
    vault = Vault()
    await vault.keep()
    await vault.keep(merchant_id=OTHER_MERCHANT)
    await vault.rotate()
    stored = vault.store.keys.data_key(MERCHANT, 1)
    assert stored is not None
    assert (await vault.provider.unwrap(stored.wrapped, data_key_context(MERCHANT, 1))).reveal()
    for context in (data_key_context(MERCHANT, 2), data_key_context(OTHER_MERCHANT, 1), fingerprint_key_context("fpk")):
        with pytest.raises(KeyUnavailableError):
            await vault.provider.unwrap(stored.wrapped, context)


class TestProviderDown:
    """Keys in memory serve on, others are refused with UNAVAILABLE, and all is well when it is back."""

    async def test_what_is_in_memory_serves_both_ways_and_nothing_else_does(self) -> None:
        vault = Vault()
        token = await vault.keep()
        vault.provider.down = True
        assert (await vault.reveal(token.token_id)).details.number.reveal() == NUMBER
        kept = await vault.keep(OTHER_NUMBER)
        assert (await vault.reveal(kept.token_id)).details.number.reveal() == OTHER_NUMBER
        await vault.update(MERCHANT, kept.token_id, Expiry(1, 2033), ACTOR)
        await unavailable(vault.keep(merchant_id=OTHER_MERCHANT))
        await unavailable(vault.another().reveal(token.token_id))
        await unavailable(vault.another().keep())
        vault.provider.down = False
        await vault.keep(merchant_id=OTHER_MERCHANT)
        await vault.another().reveal(token.token_id)

    async def test_keys_whose_time_is_over_are_no_longer_in_memory(self) -> None:
        vault = Vault()
        token = await vault.keep()
        vault.advance(KEY_LIFE_SECONDS)
        vault.provider.down = True
        await unavailable(vault.reveal(token.token_id))
        await unavailable(vault.keep())
        assert len(vault.store.cards) == 1
        vault.provider.down = False
        assert (await vault.reveal(token.token_id)).details.number.reveal() == NUMBER

    async def test_a_first_key_that_could_not_be_made_leaves_nothing_behind(self) -> None:
        vault = Vault()
        vault.provider.down = True
        await unavailable(vault.keep())
        assert vault.store.keys.data_keys == {}
        assert vault.store.audit == []
        vault.provider.down = False
        await vault.keep()

    async def test_a_new_key_that_could_not_be_made_replaces_none(self) -> None:
        vault = Vault()
        await vault.keep()
        vault.provider.down = True
        await unavailable(vault.rotate())
        await unavailable(replace_fingerprint_key(vault))
        assert vault.store.keys.active[MERCHANT] == 1
        assert len(vault.store.keys.fingerprints) == 1


class TestReplacedKeys:
    """A key that was replaced opens and never seals."""

    async def test_a_card_sealed_with_a_retired_key_is_sealed_again_with_the_new_one(self) -> None:
        vault = Vault()
        old = await vault.keep()
        await vault.rotate()
        new = await vault.keep()
        assert [vault.store.cards[token.token_id].key_version for token in (old, new)] == [1, 2]
        assert vault.store.codes[new.token_id].key_version == 2
        for token in (old, new):
            assert code_of(await vault.reveal(token.token_id)) == "737"

    async def test_a_key_replaced_again_and_again_does_not_lose_the_card(self) -> None:
        vault = Vault()
        await vault.keep()
        await vault.rotate()
        await vault.rotate()
        assert vault.store.cards[(await vault.keep()).token_id].key_version == 3

    async def test_keys_replaced_faster_than_a_card_is_sealed_are_refused_and_nothing_is_kept(self) -> None:
        class Late(FakeCardStore):
            async def keep_card(self, card: CardToKeep) -> Token:
                await vault.rotate()
                return await FakeCardStore.keep_card(self, card)

        vault = Vault(Late())
        await unavailable(vault.keep())
        assert vault.store.keys.active[MERCHANT] == 4
        assert vault.store.cards == {}

    async def test_a_code_opens_after_its_card_was_sealed_anew(self) -> None:
        vault = Vault()
        token = await vault.keep()
        await vault.rotate()
        await vault.update(MERCHANT, token.token_id, Expiry(1, 2033), ACTOR)
        assert vault.store.cards[token.token_id].key_version == 2
        assert vault.store.codes[token.token_id].key_version == 1
        assert code_of(await vault.another().reveal(token.token_id)) == "737"

    async def test_a_destroyed_key_takes_its_cards_with_it_and_the_refusal_says_so(self) -> None:
        vault = Vault()
        token = await vault.keep()
        await vault.rotate()
        vault.store.keys.destroy_data_key(MERCHANT, 1)
        for ask in (
            vault.reveal(token.token_id),
            vault.another().reveal(token.token_id),
            vault.update(MERCHANT, token.token_id, Expiry(1, 2033), ACTOR),
        ):
            with pytest.raises(Refusal) as refused:
                await ask
            assert refused.value.reason is Reason.TOKEN_NOT_FOUND
        assert [record.outcome for record in vault.store.audit if record.action == "detokenize"] == [
            "key_destroyed",
            "key_destroyed",
        ]
        await vault.keep()

    async def test_a_key_that_the_provider_has_lost_is_an_error_and_no_refusal(self) -> None:
        vault = Vault()
        token = await vault.keep()
        stored = vault.store.keys.data_key(MERCHANT, 1)
        assert stored is not None
        vault.provider.lose(stored.wrapped)
        with pytest.raises(KeyUnavailableError):
            await vault.another().reveal(token.token_id)
        vault.advance(KEY_LIFE_SECONDS)
        with pytest.raises(KeyUnavailableError):
            await vault.keep()


class TestFingerprintKeys:
    """Numbers are recognised under a key of their own, also while it is replaced and after."""

    async def test_a_fingerprint_is_an_hmac_of_merchant_and_number(self) -> None:
        key = SecretKey(bytes(range(32)))
        framed = b"\0\0\0\x05mer_1\0\0\0\x10" + NUMBER.encode()
        expected = hmac.digest(key.reveal(), framed, "sha256")
        assert fingerprint_of(key, MERCHANT, CardNumber(NUMBER)) == expected

    async def test_the_expiry_and_the_name_do_not_count(self) -> None:
        vault = Vault()
        cards = [
            vault.card(),
            vault.card(expiry=Expiry(1, 2033)),
            vault.card(holder_name="Charles Babbage", code=""),
            vault.card("4242-4242 4242 4242"),
        ]
        tokens = [await vault.create(MERCHANT, card, "", ACTOR) for card in cards]
        assert len({token.fingerprint for token in tokens}) == 1

    async def test_a_number_keeps_its_id_while_the_key_is_replaced_and_after(self) -> None:
        vault = Vault()
        before = await vault.keep()
        await replace_fingerprint_key(vault)
        # This process still has the old key alone: what it makes with it is refused, and it looks again.
        meanwhile = await vault.keep()
        assert [key.active for key in vault.store.keys.fingerprints] == [True, False]
        vault.store.destroy_old_fingerprint_key()
        after = await vault.keep()
        assert before.fingerprint == meanwhile.fingerprint == after.fingerprint
        assert {place[1] for place in vault.store.fingerprints} == {vault.store.keys.fingerprints[0].key_id}

    async def test_a_fingerprint_key_moved_to_another_id_is_not_used(self) -> None:
        vault = Vault()
        await vault.keep()
        [stored] = vault.store.keys.fingerprints
        moved = StoredFingerprintKey("fpk_" + "0" * 26, active=True, wrapped=stored.wrapped)
        vault.store.keys.fingerprints = [moved]
        with pytest.raises(KeyUnavailableError):
            await vault.another().keep()

    async def test_a_data_key_in_place_of_a_fingerprint_key_is_not_used(self) -> None:
        vault = Vault()
        await vault.keep()
        stored = vault.store.keys.data_key(MERCHANT, 1)
        assert stored is not None
        [known] = vault.store.keys.fingerprints
        vault.store.keys.fingerprints = [StoredFingerprintKey(known.key_id, active=True, wrapped=stored.wrapped)]
        with pytest.raises(KeyUnavailableError):
            await vault.another().keep()


async def test_a_card_that_can_not_be_opened_yet_is_still_there_with_its_code() -> None:
    vault = Vault()
    token = await vault.keep()
    other = vault.another()
    vault.provider.down = True
    await unavailable(other.detokenize(request_for(token.token_id)))
    vault.provider.down = False
    assert code_of(await other.detokenize(request_for(token.token_id))) == "737"
    vault.store.clock.time += timedelta(hours=25)
    assert (await other.detokenize(request_for(token.token_id))).details.number.reveal() == NUMBER
