"""What every store of the vault's cards does: keeping and giving cards, codes, keys and fingerprints."""

import asyncio
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from mesh.identifiers import new_id
from tests.contract.vault_stores import (
    ACTOR,
    SUMMARY,
    PostgresInsight,
    Subject,
    recognition,
    request_for,
    sealed_card,
    subject,
    wrapped_key,
)
from tests.support.postgres import postgres
from vault_svc.application.ports.card_store import (
    CardChanged,
    CardToKeep,
    KeyDestroyed,
    KeyRetired,
    TakenCard,
    TokenUsed,
)
from vault_svc.application.ports.key_store import StoredDataKey
from vault_svc.domain.card import Expiry
from vault_svc.domain.token import MerchantId, TokenId, Usage

__all__ = ["postgres", "subject"]


async def taken(subject: Subject, card: CardToKeep, payment_id: str = "pay_1") -> TakenCard:
    found = await subject.cards.take_card(request_for(card, payment_id))
    assert found is not None
    return found


async def test_a_kept_card_is_described_to_its_merchant_only(subject: Subject) -> None:
    card = await subject.card(customer_id="customer-1")
    before = datetime.now(UTC)
    token = await subject.cards.keep_card(card)
    assert (token.token_id, token.summary, token.customer_id) == (card.token_id, SUMMARY, "customer-1")
    assert (token.usage, token.payment_id) == (Usage.SINGLE_USE, "")
    assert token.expire_time == token.create_time + timedelta(hours=24)
    assert token.fingerprint == card.recognition.new_id
    assert token.create_time.utcoffset() == timedelta(0)
    if isinstance(subject.insight, PostgresInsight):
        assert before - timedelta(minutes=1) < token.create_time < before + timedelta(minutes=1)
    assert await subject.cards.describe_token(card.merchant_id, card.token_id) == token
    assert await subject.cards.describe_token(MerchantId(new_id("mer")), card.token_id) is None
    assert await subject.cards.describe_token(card.merchant_id, TokenId(new_id("tok"))) is None


async def test_a_card_without_networks_and_facts_is_kept_as_it_is(subject: Subject) -> None:
    plain = replace(SUMMARY, networks=(), funding="unknown", issuer_country="", bin="")
    card = await subject.kept(summary=plain, life_seconds=None)
    token = await subject.token(card)
    assert token.summary == plain
    assert (token.usage, token.expire_time) == (Usage.PERMANENT, None)


async def test_a_card_is_taken_with_the_key_it_is_under(subject: Subject) -> None:
    card = await subject.kept()
    found = await taken(subject, card)
    assert (found.sealed, found.summary) == (card.sealed, SUMMARY)
    assert found.data_key == await subject.data_key()
    assert found.code is not None
    assert (found.code.sealed, found.code.data_key) == (card.sealed_code, found.data_key)


async def test_the_code_is_taken_once_and_the_card_as_often_as_needed(subject: Subject) -> None:
    card = await subject.kept()
    found = await asyncio.gather(*(taken(subject, card) for _ in range(16)))
    assert sorted(one.code is not None for one in found) == [False] * 15 + [True]
    assert {one.sealed.sealed_card for one in found} == {card.sealed.sealed_card}
    assert subject.insight.codes_of(subject.merchant_id) == 0


async def test_a_card_kept_without_a_code_has_none(subject: Subject) -> None:
    card = await subject.kept(code=False)
    assert (await taken(subject, card)).code is None


async def test_an_expired_code_is_neither_given_nor_left(subject: Subject) -> None:
    card = await subject.kept()
    subject.insight.expire_code(card.token_id)
    assert (await taken(subject, card)).code is None
    assert subject.insight.codes_of(subject.merchant_id) == 0


async def test_the_purge_deletes_expired_codes_up_to_its_limit_and_leaves_the_others(subject: Subject) -> None:
    cards = [await subject.kept() for _ in range(4)]
    # Other tests may have left some behind.
    await subject.cards.purge_expired_codes(1_000)
    for card in cards[:3]:
        subject.insight.expire_code(card.token_id)
    assert [await subject.cards.purge_expired_codes(2) for _ in range(3)] == [2, 1, 0]
    assert [(await taken(subject, card)).code is not None for card in cards] == [False, False, False, True]


async def test_another_merchant_sees_changes_and_deletes_nothing(subject: Subject) -> None:
    card = await subject.kept(customer_id="shared")
    await taken(subject, card)
    before = await subject.token(card)
    thief = MerchantId(new_id("mer"))
    await subject.data_key(thief)
    assert await subject.cards.describe_token(thief, card.token_id) is None
    assert await subject.cards.load_card(thief, card.token_id) is None
    assert list(await subject.cards.list_tokens(thief, "shared", 10, None)) == []
    assert await subject.cards.take_card(request_for(card, merchant_id=thief)) is None
    assert not await subject.cards.make_permanent(thief, card.token_id, "pay_1", ACTOR)
    assert not await subject.cards.delete_token(thief, card.token_id, ACTOR)
    with pytest.raises(CardChanged):
        await subject.cards.replace_card(thief, card.token_id, 1, 1, sealed_card(), Expiry(1, 2031), ACTOR)
    assert await subject.token(card) == before
    assert (await taken(subject, card)).sealed == card.sealed
    thefts = [(record.action, record.outcome) for record in subject.insight.audit_of(thief)]
    assert thefts == [("create_data_key", "done"), ("detokenize", "not_found")]


async def test_another_merchant_uses_up_neither_the_code_nor_the_token(subject: Subject) -> None:
    card = await subject.kept()
    assert await subject.cards.take_card(request_for(card, "pay_thief", merchant_id=MerchantId(new_id("mer")))) is None
    found = await taken(subject, card, "pay_mine")
    assert found.code is not None


async def test_nothing_is_kept_under_a_key_that_is_not_the_active_one(subject: Subject) -> None:
    stale = await subject.card()
    second = await subject.next_data_key()
    future, unknown = await subject.card(key_version=3), await subject.card(merchant_id=MerchantId(new_id("mer")))
    for card in (stale, future, replace(unknown, key_version=2)):
        with pytest.raises(KeyRetired):
            await subject.cards.keep_card(card)
        assert await subject.cards.describe_token(card.merchant_id, card.token_id) is None
    card = await subject.kept()
    assert (card.key_version, (await taken(subject, card)).data_key) == (2, second)
    assert subject.insight.fingerprints_of(subject.merchant_id) == 1
    assert subject.insight.codes_of(subject.merchant_id) == 0


async def test_nothing_is_kept_with_fingerprints_of_other_keys_than_those_in_use(subject: Subject) -> None:
    in_use = [key.key_id for key in await subject.fingerprint_keys()]
    for key_ids in ([], [new_id("fpk")], [*in_use, new_id("fpk")], [new_id("fpk"), *in_use]):
        with pytest.raises(KeyRetired):
            await subject.kept(recognition=recognition(key_ids, "4242"))
    assert subject.insight.fingerprints_of(subject.merchant_id) == 0


async def test_cards_and_codes_open_with_the_key_that_they_were_sealed_with(subject: Subject) -> None:
    old, card = await subject.data_key(), await subject.kept()
    new = await subject.next_data_key()
    loaded = await subject.cards.load_card(card.merchant_id, card.token_id)
    assert loaded is not None
    assert loaded.data_key == old
    resealed = sealed_card()
    await subject.cards.replace_card(
        card.merchant_id, card.token_id, loaded.revision, new.key_version, resealed, Expiry(3, 2031), ACTOR
    )
    found = await taken(subject, card)
    assert (found.data_key, found.sealed) == (new, resealed)
    assert found.summary == replace(SUMMARY, expiry=Expiry(3, 2031))
    # The code waits under the key that it came with.
    assert found.code is not None
    assert (found.code.data_key, found.code.sealed) == (old, card.sealed_code)


async def test_a_code_whose_key_is_destroyed_is_not_given_and_the_card_is(subject: Subject) -> None:
    card = await subject.kept()
    new = await subject.next_data_key()
    await subject.cards.replace_card(
        card.merchant_id, card.token_id, 1, new.key_version, sealed_card(), Expiry(3, 2031), ACTOR
    )
    subject.insight.destroy_data_key(card.merchant_id, 1)
    found = await taken(subject, card)
    assert (found.data_key, found.code) == (new, None)
    assert subject.insight.codes_of(subject.merchant_id) == 0


async def test_a_card_whose_key_is_destroyed_is_given_to_nobody(subject: Subject) -> None:
    card = await subject.kept()
    await subject.next_data_key()
    subject.insight.destroy_data_key(card.merchant_id, 1)
    with pytest.raises(KeyDestroyed):
        await subject.cards.take_card(request_for(card))
    with pytest.raises(KeyDestroyed):
        await subject.cards.load_card(card.merchant_id, card.token_id)
    assert subject.actions(card) == [("create_token", "done"), ("detokenize", "key_destroyed")]
    # What may be shown of it is no secret, and it can still be deleted.
    assert (await subject.token(card)).summary == SUMMARY
    assert await subject.cards.delete_token(card.merchant_id, card.token_id, ACTOR)


async def test_cards_asked_for_at_once_are_each_what_they_are_alone(subject: Subject) -> None:
    cards = [await subject.kept() for _ in range(20)]
    other = await subject.kept(merchant_id=MerchantId(new_id("mer")))
    await taken(subject, cards[0], "pay_first")
    requests = [
        *(request_for(card) for card in cards),
        request_for(cards[1], "pay_2"),
        request_for(replace(cards[2], token_id=TokenId(new_id("tok")))),
        request_for(cards[3], merchant_id=other.merchant_id),
        request_for(other),
        *(request_for(cards[4]) for _ in range(15)),
    ]
    results = await asyncio.gather(*map(subject.cards.take_card, requests), return_exceptions=True)

    assert isinstance(results[0], TokenUsed)
    one, two = results[1], results[20]
    assert {type(one), type(two)} == {TakenCard, TokenUsed}
    found = one if isinstance(one, TakenCard) else two
    assert isinstance(found, TakenCard)
    assert (found.sealed, found.code and found.code.sealed) == (cards[1].sealed, cards[1].sealed_code)
    for card, result in zip(cards[2:4] + cards[5:], results[2:4] + results[5:20], strict=True):
        assert isinstance(result, TakenCard)
        assert (result.sealed, result.code and result.code.sealed) == (card.sealed, card.sealed_code)
    assert results[21:23] == [None, None]
    assert isinstance(results[23], TakenCard)
    assert results[23].sealed == other.sealed
    again = [result for result in (results[4], *results[24:]) if isinstance(result, TakenCard)]
    assert [result.sealed for result in again] == [cards[4].sealed] * 16
    # However many ask at once, one has the code.
    assert [result.code.sealed for result in again if result.code] == [cards[4].sealed_code]
    told = [outcome for card in cards for action, outcome in subject.actions(card) if action == "detokenize"]
    assert sorted(told) == ["taken"] * 35 + ["used"] * 2


async def test_one_that_cannot_be_asked_for_fails_alone(subject: Subject) -> None:
    cards = [await subject.kept() for _ in range(12)]
    requests = [request_for(card) for card in cards]
    # PostgreSQL takes no NUL in a text.
    requests[7] = replace(requests[7], request_id="req\x00")
    results = await asyncio.gather(*map(subject.cards.take_card, requests), return_exceptions=True)
    if isinstance(subject.insight, PostgresInsight):
        assert isinstance(results.pop(7), psycopg.Error)
    assert all(isinstance(result, TakenCard) and result.code is not None for result in results)


async def test_equal_numbers_of_a_merchant_have_one_fingerprint_and_other_merchants_another(subject: Subject) -> None:
    cards = [await subject.kept(number="4242") for _ in range(3)]
    other_number = await subject.kept(number="4111")
    theirs = await subject.kept(number="4242", merchant_id=MerchantId(new_id("mer")))
    prints = [(await subject.token(card)).fingerprint for card in (*cards, other_number, theirs)]
    assert prints[0] == prints[1] == prints[2] == cards[0].recognition.new_id
    assert len(set(prints)) == 3


async def test_equal_numbers_at_once_have_one_fingerprint(subject: Subject) -> None:
    cards = [await subject.card(number="4242") for _ in range(16)]
    tokens = await asyncio.gather(*(subject.cards.keep_card(card) for card in cards))
    assert len({token.fingerprint for token in tokens}) == 1
    assert subject.insight.fingerprints_of(subject.merchant_id) == 1


async def test_a_number_keeps_its_fingerprint_while_the_fingerprint_key_is_replaced_and_after(subject: Subject) -> None:
    await subject.fingerprint_keys()
    subject.insight.destroy_old_fingerprint_key()
    [old] = await subject.fingerprint_keys()
    before = await subject.token(await subject.kept(number="4242"))
    await subject.keys.keep_fingerprint_key(new_id("fpk"), old.key_id, wrapped_key(), "vault_worker")
    assert [key.active for key in await subject.fingerprint_keys()] == [True, False]
    meanwhile = await subject.token(await subject.kept(number="4242"))
    fresh = await subject.token(await subject.kept(number="4111"))
    # Both keys know the first number now, and only the new one the other: nothing new is written under the old one.
    assert subject.insight.fingerprints_of(subject.merchant_id) == 3
    subject.insight.destroy_old_fingerprint_key()
    after = await subject.token(await subject.kept(number="4242"))
    fresh_again = await subject.token(await subject.kept(number="4111"))
    assert before.fingerprint == meanwhile.fingerprint == after.fingerprint
    assert fresh.fingerprint == fresh_again.fingerprint != before.fingerprint
    assert subject.insight.fingerprints_of(subject.merchant_id) == 2


async def test_the_fingerprint_goes_with_the_last_card_that_has_it(subject: Subject) -> None:
    first, second = await subject.kept(number="4242"), await subject.kept(number="4242")
    other = await subject.kept(number="4111")
    known = (await subject.token(first)).fingerprint
    await subject.cards.delete_token(first.merchant_id, first.token_id, ACTOR)
    assert subject.insight.fingerprints_of(subject.merchant_id) == 2
    assert (await subject.token(await subject.kept(number="4242", token_id=first.token_id))).fingerprint == known
    for card in (first, second):
        await subject.cards.delete_token(card.merchant_id, card.token_id, ACTOR)
    assert subject.insight.fingerprints_of(subject.merchant_id) == 1
    anew = await subject.token(await subject.kept(number="4242"))
    assert anew.fingerprint not in {known, (await subject.token(other)).fingerprint}


async def test_a_number_that_comes_while_its_last_card_goes_is_recognised_or_new_and_never_lost(
    subject: Subject,
) -> None:
    for _ in range(8):
        leaving = await subject.kept(number="4242")
        coming = [await subject.card(number="4242") for _ in range(3)]
        await asyncio.gather(
            subject.cards.delete_token(leaving.merchant_id, leaving.token_id, ACTOR),
            *(subject.cards.keep_card(card) for card in coming),
        )
        prints = {(await subject.token(card)).fingerprint for card in coming}
        assert len(prints) == 1
        assert subject.insight.fingerprints_of(subject.merchant_id) == 1
        for card in coming:
            await subject.cards.delete_token(card.merchant_id, card.token_id, ACTOR)
        assert subject.insight.fingerprints_of(subject.merchant_id) == 0


async def test_every_action_leaves_one_record_that_names_who_did_what(subject: Subject) -> None:
    card = await subject.kept()
    await taken(subject, card)
    await subject.cards.replace_card(card.merchant_id, card.token_id, 1, 1, sealed_card(), Expiry(3, 2031), ACTOR)
    await subject.cards.make_permanent(card.merchant_id, card.token_id, "pay_1", ACTOR)
    await subject.cards.make_permanent(card.merchant_id, card.token_id, "pay_1", ACTOR)
    await subject.cards.delete_token(card.merchant_id, card.token_id, ACTOR)
    await subject.cards.delete_token(card.merchant_id, card.token_id, ACTOR)
    assert await subject.cards.take_card(request_for(card, "pay_2")) is None
    records = [record for record in subject.insight.audit_of(card.merchant_id) if record.token_id == card.token_id]
    key, connectors = ("key_1", "req_1"), ("psp_connectors", "req_2")
    found = [
        (record.action, record.outcome, (record.actor, record.request_id), record.payment_id, record.detail)
        for record in records
    ]
    assert found == [
        ("create_token", "done", key, "", ""),
        ("detokenize", "taken", connectors, "pay_1", "authorization with code"),
        ("update_token", "done", key, "", ""),
        ("make_permanent", "done", key, "pay_1", ""),
        ("delete_token", "done", key, "", ""),
        ("detokenize", "not_found", connectors, "pay_2", "authorization"),
    ]
    made = [record for record in subject.insight.audit_of(card.merchant_id) if not record.token_id]
    assert [(record.action, record.actor, record.detail) for record in made] == [
        ("create_data_key", "vault_svc", "version 1")
    ]


async def test_a_stored_data_key_is_what_was_kept(subject: Subject) -> None:
    wrapped = wrapped_key()
    assert await subject.keys.keep_data_key(subject.merchant_id, 1, wrapped, "vault_svc") == StoredDataKey(1, wrapped)
    card = await subject.kept(sealed_code=secrets.token_bytes(37))
    assert (await taken(subject, card)).data_key == StoredDataKey(1, wrapped)
