"""Cards in, tokens out, cards back: the vault's use cases over its ports in memory."""

import asyncio
import hmac
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.card_store import FakeCardStore
from tests.fakes.vault.clocks import FakeMonotonic
from tests.fakes.vault.key_provider import FakeKeyProvider
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.application.create_token import CreateToken
from vault_svc.application.data_keys import KEY_LIFE_SECONDS, KEYS_IN_MEMORY_MAX, DataKeys
from vault_svc.application.describe_token import TOKENS_LIFE_SECONDS, DescribeToken, known_tokens
from vault_svc.application.detokenize import Detokenize, RevealedCard
from vault_svc.application.ports.card_store import CardRequest
from vault_svc.application.ports.key_provider import KeyUnavailableError
from vault_svc.application.purge_codes import PurgeCodes
from vault_svc.domain.card import Card, Expiry, accept_card
from vault_svc.domain.sealing import SealBrokenError
from vault_svc.domain.token import MerchantId, Purpose, Token, TokenId

MERCHANT = MerchantId("mer_1")
OTHER_MERCHANT = MerchantId("mer_2")
NUMBER = "4242424242424242"


class Vault:
    """The use cases over one store and one key provider, as one process has them."""

    def __init__(self, store: FakeCardStore | None = None, provider: FakeKeyProvider | None = None) -> None:
        self.store = store or FakeCardStore()
        self.provider = provider or FakeKeyProvider()
        self.monotonic = FakeMonotonic()
        self.keys = DataKeys(
            store=self.store, provider=self.provider, cipher_of=AesGcmCardCipher, monotonic=self.monotonic
        )
        numbers = itertools.count(len(self.store.cards))
        self.known = known_tokens(self.monotonic)
        self.create = CreateToken(
            self.store, self.keys, new_token_id=lambda: TokenId(f"tok_{next(numbers):026d}"), known=self.known
        )
        self.describe = DescribeToken(self.store, self.known)
        self.detokenize = Detokenize(self.store, self.keys)
        self.purge = PurgeCodes(self.store)

    def card(self, number: str = NUMBER, code: str = "737") -> Card:
        return accept_card(
            number=number, expiry=Expiry(12, 2030), code=code, holder_name="Ada Lovelace", now=self.store.clock.now()
        )

    async def keep(self, *, merchant_id: MerchantId = MERCHANT, number: str = NUMBER, code: str = "737") -> Token:
        return await self.create(merchant_id, self.card(number, code))

    async def reveal(self, token_id: str, merchant_id: MerchantId = MERCHANT) -> RevealedCard:
        return await self.detokenize(request_for(token_id, merchant_id))


def request_for(token_id: str, merchant_id: MerchantId = MERCHANT) -> CardRequest:
    return CardRequest(
        merchant_id=merchant_id,
        token_id=TokenId(token_id),
        purpose=Purpose.AUTHORIZATION,
        payment_id="pay_1",
        caller="psp_connectors",
        request_id="req_1",
    )


def code_of(card: RevealedCard) -> str | None:
    return None if card.code is None else card.code.reveal()


async def test_a_card_comes_back_whole_to_the_merchant_that_kept_it() -> None:
    vault = Vault()
    card = vault.card()
    token = await vault.create(MERCHANT, card)
    revealed = await vault.reveal(token.token_id)
    assert revealed.details == card.details
    assert revealed.summary == card.summary == token.summary
    assert code_of(revealed) == "737"


async def test_the_code_is_given_once_only() -> None:
    vault = Vault()
    token = await vault.keep()
    assert code_of(await vault.reveal(token.token_id)) == "737"
    assert code_of(await vault.reveal(token.token_id)) is None
    assert vault.store.codes == {}


async def test_a_code_is_not_given_after_its_time() -> None:
    vault = Vault()
    token = await vault.keep()
    vault.store.clock.time += timedelta(minutes=15)
    assert code_of(await vault.reveal(token.token_id)) is None
    assert vault.store.codes == {}


async def test_a_card_without_a_code_has_none_stored() -> None:
    vault = Vault()
    token = await vault.keep(code="")
    assert vault.store.codes == {}
    assert code_of(await vault.reveal(token.token_id)) is None


async def test_what_is_kept_holds_neither_number_nor_name_nor_code() -> None:
    vault = Vault()
    token = await vault.keep()
    kept, _ = vault.store.cards[token.token_id]
    stored = kept.sealed_card + kept.fingerprint + vault.store.codes[token.token_id][0]
    assert not any(secret in stored for secret in (b"424242", b"Lovelace", b"737     "))


async def test_another_merchants_token_is_as_good_as_none() -> None:
    vault = Vault()
    token = await vault.keep()
    for ask in (
        vault.describe(OTHER_MERCHANT, token.token_id),
        vault.reveal(token.token_id, OTHER_MERCHANT),
        vault.describe(MERCHANT, TokenId("tok_" + "Z" * 26)),
        vault.describe(MERCHANT, TokenId("nonsense")),
    ):
        with pytest.raises(Refusal) as refused:
            await ask
        assert refused.value.reason is Reason.TOKEN_NOT_FOUND
    assert code_of(await vault.reveal(token.token_id)) == "737"


async def test_describing_tells_the_summary_and_the_time_of_keeping() -> None:
    vault = Vault()
    token = await vault.keep()
    assert await vault.describe(MERCHANT, token.token_id) == token
    assert token.create_time == vault.store.clock.now()


async def test_every_request_for_a_card_is_in_the_audit_also_one_that_finds_none() -> None:
    vault = Vault()
    token = await vault.keep()
    await vault.reveal(token.token_id)
    with pytest.raises(Refusal):
        await vault.reveal(token.token_id, OTHER_MERCHANT)
    given, refused = vault.store.audit
    assert (given.request, given.card_given, given.code_given) == (request_for(token.token_id), True, True)
    assert (refused.request.merchant_id, refused.card_given, refused.code_given) == (OTHER_MERCHANT, False, False)


async def test_a_card_number_in_place_of_a_token_reaches_neither_the_audit_nor_the_refusal() -> None:
    vault = Vault()
    with pytest.raises(Refusal) as refused:
        await vault.reveal(NUMBER)
    assert NUMBER not in str(refused.value)
    assert [access.request.token_id for access in vault.store.audit] == ["malformed"]
    with pytest.raises(Refusal) as refused:
        await vault.describe(MERCHANT, TokenId("4242 4242 4242 4242"))
    assert "4242" not in str(refused.value)


async def test_detokenizing_costs_one_call_and_describing_none_after_the_creation() -> None:
    vault = Vault()
    token = await vault.keep()
    vault.store.calls.clear()
    await vault.describe(MERCHANT, token.token_id)
    await vault.reveal(token.token_id)
    # A process that has never seen the merchant needs no more.
    await Vault(vault.store, vault.provider).reveal(token.token_id)
    assert vault.store.calls == ["take_card", "take_card"]


async def test_fingerprints_tell_equal_numbers_of_one_merchant_and_nothing_across_merchants() -> None:
    vault = Vault()
    first = await vault.keep()
    again = await vault.keep(code="")
    other_card = await vault.keep(number="4111111111111111")
    other_merchant = await vault.keep(merchant_id=OTHER_MERCHANT)
    prints = [vault.store.cards[token.token_id][0].fingerprint for token in (first, again, other_card, other_merchant)]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3
    key = await vault.provider.fingerprint_key()
    framed = b"\0\0\0\x05mer_1\0\0\0\x10" + NUMBER.encode()
    assert prints[0] == hmac.digest(key.key.reveal(), framed, "sha256")
    assert vault.store.cards[first.token_id][0].fingerprint_key_id == key.key_id


async def test_two_cards_exchanged_in_the_store_open_for_neither_token() -> None:
    vault = Vault()
    first, second = await vault.keep(), await vault.keep(number="4111111111111111")
    cards = vault.store.cards
    (one, when), (two, _) = cards[first.token_id], cards[second.token_id]
    cards[first.token_id] = (replace(one, sealed_card=two.sealed_card), when)
    cards[second.token_id] = (replace(two, sealed_card=one.sealed_card), when)
    for token in (first, second):
        with pytest.raises(SealBrokenError):
            await vault.reveal(token.token_id)


async def test_a_code_in_place_of_another_does_not_open() -> None:
    vault = Vault()
    first, second = await vault.keep(), await vault.keep(code="123")
    vault.store.codes[first.token_id] = vault.store.codes[second.token_id]
    with pytest.raises(SealBrokenError):
        await vault.reveal(first.token_id)


async def test_a_card_under_another_merchant_does_not_open_even_with_its_own_key() -> None:
    vault = Vault()
    mine, _ = await vault.keep(), await vault.keep(merchant_id=OTHER_MERCHANT)
    kept, when = vault.store.cards[mine.token_id]
    vault.store.cards[mine.token_id] = (replace(kept, merchant_id=OTHER_MERCHANT), when)
    with pytest.raises(SealBrokenError):
        await vault.reveal(mine.token_id, OTHER_MERCHANT)
    # Nor does another merchant's wrapped key unwrap in its name.
    vault.store.data_keys[OTHER_MERCHANT] = vault.store.data_keys[MERCHANT]
    with pytest.raises(KeyUnavailableError):
        await vault.reveal(mine.token_id, OTHER_MERCHANT)


async def test_a_merchants_data_key_is_made_once_also_when_many_cards_come_first() -> None:
    vault = Vault()
    await asyncio.gather(*(vault.keep() for _ in range(20)))
    assert vault.provider.generated == 1
    assert vault.provider.unwrapped == 1


async def test_two_processes_that_meet_a_new_merchant_at_once_use_one_data_key() -> None:
    one = Vault()
    two = Vault(one.store, one.provider)
    two.create = replace(two.create, new_token_id=lambda: TokenId("tok_" + "1" * 26))
    tokens = await asyncio.gather(one.keep(), two.keep())
    assert one.provider.generated == 2
    assert len(one.store.data_keys) == 1
    for token in tokens:
        revealed = await Vault(one.store, one.provider).reveal(token.token_id)
        assert revealed.details.number.reveal() == NUMBER


async def test_an_unwrapped_data_key_is_forgotten_after_its_life() -> None:
    vault = Vault()
    token = await vault.keep()
    await vault.reveal(token.token_id)
    assert vault.provider.unwrapped == 1
    vault.monotonic.seconds += KEY_LIFE_SECONDS
    await vault.reveal(token.token_id)
    assert vault.provider.unwrapped == 2


async def test_no_more_data_keys_than_the_maximum_stay_unwrapped() -> None:
    vault = Vault()
    first = await vault.keep()
    for number in range(KEYS_IN_MEMORY_MAX):
        await vault.keep(merchant_id=MerchantId(f"mer_many_{number}"), code="")
    unwrapped = vault.provider.unwrapped
    await vault.reveal(first.token_id)
    assert vault.provider.unwrapped == unwrapped + 1


async def test_no_card_is_kept_while_the_store_is_down() -> None:
    vault = Vault()
    vault.store.down = True
    with pytest.raises(Refusal) as refused:
        await vault.keep()
    assert refused.value.reason is Reason.UNAVAILABLE
    vault.store.down = False
    await vault.keep()


async def test_the_purge_deletes_expired_codes_only_in_bounded_steps() -> None:
    vault = Vault()
    expired = [await vault.keep() for _ in range(3)]
    vault.store.clock.time += timedelta(minutes=14)
    fresh = await vault.keep()
    vault.store.clock.time += timedelta(minutes=1)
    assert await vault.purge() == 3
    assert set(vault.store.codes) == {fresh.token_id}
    assert not {token.token_id for token in expired} & set(vault.store.codes)
    assert await vault.purge() == 0


async def test_the_purge_ends_though_more_codes_expire_than_it_may_delete_in_a_round() -> None:
    class Endless(FakeCardStore):
        async def purge_expired_codes(self, limit: int) -> int:
            self.calls.append("purge_expired_codes")
            return limit

    store = Endless()
    assert await PurgeCodes(store)() == 50_000
    assert len(store.calls) == 50


async def test_a_described_token_is_remembered_for_a_while_and_for_its_merchant_only() -> None:
    vault = Vault()
    token = await vault.keep()
    vault.store.calls.clear()
    assert await vault.describe(MERCHANT, token.token_id) == token
    assert vault.store.calls == []
    with pytest.raises(Refusal):
        await vault.describe(OTHER_MERCHANT, token.token_id)
    vault.monotonic.seconds += TOKENS_LIFE_SECONDS
    assert await vault.describe(MERCHANT, token.token_id) == token
    assert vault.store.calls == ["describe_token", "describe_token"]


async def test_that_there_is_no_token_is_not_remembered() -> None:
    vault = Vault()
    missing = TokenId("tok_" + "0" * 26)
    for _ in range(2):
        with pytest.raises(Refusal):
            await vault.describe(MERCHANT, missing)
    assert vault.store.calls == ["describe_token", "describe_token"]
