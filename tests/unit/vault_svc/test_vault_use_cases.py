"""Cards in, tokens out, cards back: the vault's use cases over its ports in memory."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.card_store import FakeCardStore
from tests.fakes.vault.key_store import AuditRecord, FakeKeyStore
from tests.unit.vault_svc.vaults import ACTOR, ADDRESS, MERCHANT, NUMBER, OTHER_MERCHANT, Vault, code_of, request_for
from vault_svc.application.access_rate import MERCHANTS_MAX, AccessRate
from vault_svc.application.data_keys import KEY_LIFE_SECONDS
from vault_svc.application.describe_token import TOKENS_LIFE_SECONDS
from vault_svc.application.ports.key_store import StoredDataKey
from vault_svc.application.purge import Purge
from vault_svc.domain.token import MerchantId, TokenId

FULL_WIDTH = {ord(str(digit)): 0xFF10 + digit for digit in range(10)}


async def test_a_card_comes_back_whole_to_the_merchant_that_kept_it() -> None:
    vault = Vault()
    card = vault.card(address=ADDRESS)
    token = await vault.create(MERCHANT, card, "", ACTOR)
    revealed = await vault.reveal(token.token_id)
    assert revealed.details == card.details
    assert revealed.details.address == ADDRESS
    assert revealed.summary == card.summary == token.summary
    assert code_of(revealed) == "737"


async def test_the_code_is_given_once_only() -> None:
    vault = Vault()
    token = await vault.keep()
    assert code_of(await vault.reveal(token.token_id)) == "737"
    assert code_of(await vault.reveal(token.token_id)) is None
    assert vault.store.codes == {}


async def test_a_code_is_not_used_up_while_the_key_provider_is_down() -> None:
    vault = Vault()
    token = await vault.keep(code="111")
    other = vault.another()
    vault.provider.down = True
    with pytest.raises(Refusal) as caught:
        await other.reveal(token.token_id)
    assert caught.value.reason is Reason.UNAVAILABLE
    vault.provider.down = False
    assert code_of(await other.reveal(token.token_id)) == "111"


async def test_the_key_that_opens_a_code_is_looked_for_before_the_code_is_used_up_also_when_the_key_is_old() -> None:
    vault = Vault()
    first = await vault.keep(code="111")
    other = vault.another()
    assert code_of(await other.reveal(first.token_id)) == "111"
    vault.advance(KEY_LIFE_SECONDS + 1)
    second = await vault.keep(code="222")
    other.advance(KEY_LIFE_SECONDS - 1)
    assert code_of(await other.reveal(second.token_id)) == "222"
    third = await vault.keep(code="333")
    other.advance(2)
    vault.provider.down = True
    with pytest.raises(Refusal):
        await other.reveal(third.token_id)
    vault.provider.down = False
    assert code_of(await other.reveal(third.token_id)) == "333"


async def test_while_the_key_provider_is_down_a_card_under_a_key_in_memory_is_given_though_a_newer_key_is_not() -> None:
    vault = Vault()
    token = await vault.keep()
    other = vault.another()
    assert code_of(await other.reveal(token.token_id)) == "737"
    await vault.rotate()
    other.keys.forget(MERCHANT)
    vault.provider.down = True
    assert (await other.reveal(token.token_id)).details.number.reveal() == NUMBER
    with pytest.raises(Refusal) as caught:
        await other.reveal(new_id("tok"))
    assert caught.value.reason is Reason.TOKEN_NOT_FOUND


async def test_a_newest_key_that_is_lost_for_good_keeps_no_card_under_another_key_back() -> None:
    vault = Vault()
    token = await vault.keep(code="")
    await vault.rotate()
    newest = await vault.store.keys.active_data_key(MERCHANT)
    assert isinstance(newest, StoredDataKey)
    vault.provider.lose(newest.wrapped)
    assert (await vault.another().reveal(token.token_id)).details.number.reveal() == NUMBER


@pytest.mark.parametrize("field", ["payment_id", "merchant_id"])
async def test_a_card_number_in_place_of_an_id_gets_into_no_audit(field: str) -> None:
    vault = Vault()
    token = await vault.keep()
    before = list(vault.store.keys.audit)
    changed: dict[str, Any] = {field: NUMBER}
    request = replace(request_for(token.token_id), **changed)
    with pytest.raises(Refusal) as caught:
        await vault.detokenize(request)
    assert caught.value.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in caught.value.violations] == [field]
    assert NUMBER not in repr(caught.value.__dict__)
    assert vault.store.keys.audit == before


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


async def test_what_is_kept_holds_neither_number_nor_name_nor_address_nor_code() -> None:
    vault = Vault()
    token = await vault.create(MERCHANT, vault.card(address=ADDRESS), "", ACTOR)
    sealed, code = vault.store.cards[token.token_id].sealed, vault.store.codes[token.token_id].sealed
    assert sealed.sealed_key is not None
    stored = b"".join((sealed.sealed_key, sealed.sealed_card, code, *(place[2] for place in vault.store.fingerprints)))
    assert not any(secret in stored for secret in (b"424242", b"Lovelace", b"London", b"737     "))


async def test_another_merchants_token_is_as_good_as_none() -> None:
    vault = Vault()
    token = await vault.keep()
    for ask in (
        vault.describe(OTHER_MERCHANT, token.token_id),
        vault.describe.for_payment(OTHER_MERCHANT, token.token_id),
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
    for merchant_id, payment_id in ((OTHER_MERCHANT, "pay_1"), (MERCHANT, "pay_2")):
        with pytest.raises(Refusal):
            await vault.reveal(token.token_id, merchant_id, payment_id)
    record = AuditRecord(
        action="detokenize",
        outcome="taken",
        actor="psp_connectors",
        request_id="req_2",
        merchant_id=MERCHANT,
        token_id=token.token_id,
        payment_id="pay_1",
        detail="authorization with code",
    )
    asked = [each for each in vault.store.audit if each.action == "detokenize"]
    assert asked[0] == record
    assert [(each.outcome, each.merchant_id, each.payment_id) for each in asked[1:]] == [
        ("not_found", OTHER_MERCHANT, "pay_1"),
        ("used", MERCHANT, "pay_2"),
    ]


@pytest.mark.parametrize(
    "instead",
    [
        NUMBER,
        "4242 4242 4242 4242",
        "4242x4242x4242x4242",
        NUMBER.translate(FULL_WIDTH),
        f"tok_{NUMBER}",
        "676770000000",
    ],
)
async def test_a_card_number_in_place_of_a_token_reaches_neither_the_audit_nor_the_refusal(instead: str) -> None:
    vault = Vault()
    token_id = TokenId(instead)
    for ask in (
        vault.reveal(instead),
        vault.describe(MERCHANT, token_id),
        vault.make_permanent(MERCHANT, token_id, "pay_1", ACTOR),
        vault.delete(MERCHANT, token_id, ACTOR),
        vault.update(MERCHANT, token_id, vault.card().details.expiry, ACTOR),
    ):
        with pytest.raises(Refusal) as refused:
            await ask
        assert refused.value.reason is Reason.TOKEN_NOT_FOUND
        assert refused.value.metadata == {"token_id": "malformed"}
    assert [record.token_id for record in vault.store.audit] == ["malformed"]


@pytest.mark.parametrize("customer_id", [NUMBER, "4242-4242-4242-4242", f"customer_{NUMBER}", "id:378282246310005"])
async def test_a_card_number_as_a_customers_id_is_refused_and_nothing_kept(customer_id: str) -> None:
    vault = Vault()
    with pytest.raises(Refusal) as refused:
        await vault.keep(customer_id=customer_id)
    assert refused.value.reason is Reason.INVALID_FIELD
    assert [violation.field for violation in refused.value.violations] == ["customer_id"]
    assert not any(sign.isdigit() for sign in str(refused.value))
    assert vault.store.cards == {}
    await vault.keep(customer_id="customer-4711")


async def test_detokenizing_costs_one_call_and_describing_none_after_the_creation() -> None:
    vault = Vault()
    token, other = await vault.keep(), vault.another()
    vault.store.calls.clear()
    vault.store.keys.calls.clear()
    await vault.describe.for_payment(MERCHANT, token.token_id)
    await vault.reveal(token.token_id)
    # A process that has never seen the merchant looks for its key once, before anything is used up.
    await other.reveal(token.token_id)
    await other.reveal(token.token_id)
    assert vault.store.calls == ["take_card"] * 3
    assert vault.store.keys.calls == ["active_data_key"]


async def test_no_card_is_kept_while_a_store_is_down() -> None:
    for without_cards in (True, False):
        vault = Vault()
        store: FakeCardStore | FakeKeyStore = vault.store if without_cards else vault.store.keys
        store.down = True
        with pytest.raises(Refusal) as refused:
            await vault.keep()
        assert refused.value.reason is Reason.UNAVAILABLE
        assert vault.store.cards == {}
        store.down = False
        await vault.keep()


async def test_the_purge_deletes_expired_codes_and_cards_only() -> None:
    vault = Vault()
    expired = [await vault.keep() for _ in range(3)]
    vault.store.clock.time += timedelta(minutes=14)
    fresh = await vault.keep()
    vault.store.clock.time += timedelta(minutes=1)
    assert await vault.purge() == (3, 0)
    assert set(vault.store.codes) == {fresh.token_id}
    assert await vault.purge() == (0, 0)
    vault.store.clock.time += timedelta(hours=23, minutes=45)
    assert await vault.purge() == (1, 3)
    assert set(vault.store.cards) == {fresh.token_id}
    for token in expired:
        with pytest.raises(Refusal) as refused:
            await vault.reveal(token.token_id)
        assert refused.value.reason is Reason.TOKEN_NOT_FOUND


async def test_the_purge_ends_though_more_expires_than_it_may_delete_in_a_round() -> None:
    class Endless(FakeCardStore):
        async def purge_expired_codes(self, limit: int) -> int:
            self.calls.append("purge_expired_codes")
            return limit

        async def purge_expired_tokens(self, limit: int) -> int:
            self.calls.append("purge_expired_tokens")
            return limit

    store = Endless()
    assert await Purge(store, Vault().keys)() == (50_000, 50_000)
    assert len(store.calls) == 200


async def test_a_described_token_is_remembered_for_a_while_and_for_its_merchant_only() -> None:
    vault = Vault()
    token = await vault.keep()
    vault.store.calls.clear()
    assert await vault.describe(MERCHANT, token.token_id) == token
    assert vault.store.calls == []
    with pytest.raises(Refusal):
        await vault.describe(OTHER_MERCHANT, token.token_id)
    vault.advance(TOKENS_LIFE_SECONDS)
    assert await vault.describe(MERCHANT, token.token_id) == token
    assert vault.store.calls == ["describe_token", "describe_token"]


async def test_that_there_is_no_token_is_not_remembered() -> None:
    vault = Vault()
    missing = TokenId(new_id("tok"))
    for _ in range(2):
        with pytest.raises(Refusal):
            await vault.describe(MERCHANT, missing)
    assert vault.store.calls == ["describe_token", "describe_token"]


class TestAccessRate:
    """Twice the rate at once, the rate on average, per merchant."""

    async def test_cards_are_opened_at_the_rate_and_refused_above_it_without_a_trace(self) -> None:
        vault = Vault(accesses_per_second=5)
        token = await vault.keep()
        for _ in range(10):
            await vault.reveal(token.token_id)
        vault.store.calls.clear()
        records = len(vault.store.audit)
        with pytest.raises(Refusal) as refused:
            await vault.reveal(token.token_id)
        assert refused.value.reason is Reason.OVERLOADED
        assert (vault.store.calls, len(vault.store.audit)) == ([], records)
        # Other merchants have accesses of their own.
        other = await vault.keep(merchant_id=OTHER_MERCHANT)
        await vault.reveal(other.token_id, OTHER_MERCHANT)
        vault.advance(0.2)
        await vault.reveal(token.token_id)
        with pytest.raises(Refusal):
            await vault.reveal(token.token_id)

    def test_a_bucket_fills_no_further_than_twice_the_rate(self) -> None:
        vault = Vault(accesses_per_second=2)
        vault.advance(1_000)
        for _ in range(4):
            vault.rate.require(MERCHANT)
        vault.advance(1_000)
        for _ in range(4):
            vault.rate.require(MERCHANT)
        with pytest.raises(Refusal):
            vault.rate.require(MERCHANT)

    def test_refused_accesses_cost_nothing(self) -> None:
        vault = Vault(accesses_per_second=1)
        for _ in range(2):
            vault.rate.require(MERCHANT)
        for _ in range(100):
            with pytest.raises(Refusal):
                vault.rate.require(MERCHANT)
        vault.advance(1)
        vault.rate.require(MERCHANT)

    def test_merchants_seen_longest_ago_are_forgotten(self) -> None:
        rate = AccessRate(per_second=1, monotonic=lambda: 0.0)
        for _ in range(2):
            rate.require(MERCHANT)
        for ordinal in range(MERCHANTS_MAX):
            rate.require(MerchantId(f"mer_many_{ordinal}"))
        rate.require(MERCHANT)
