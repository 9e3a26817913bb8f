"""What every store of the vault's cards does with a token's life: one payment, a day, for good, and the end."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mesh.identifiers import new_id
from tests.contract.vault_stores import ACTOR, SUMMARY, Subject, request_for, sealed_card, subject
from tests.support.postgres import postgres
from vault_svc.application.ports.card_store import CardChanged, CardToKeep, KeyRetired, TokenUsed
from vault_svc.domain.card import Expiry
from vault_svc.domain.token import MerchantId, TokenId, Usage

__all__ = ["postgres", "subject"]


async def outcome(subject: Subject, card: CardToKeep, payment_id: str) -> str:
    """Take the card for a payment and tell what came of it."""
    try:
        found = await subject.cards.take_card(request_for(card, payment_id))
    except TokenUsed:
        return "used"
    return "none" if found is None else "given"


async def test_the_first_payment_that_takes_a_token_has_it_and_gets_it_again(subject: Subject) -> None:
    card = await subject.kept()
    assert [await outcome(subject, card, payment) for payment in ("pay_1", "pay_2", "pay_1")] == [
        "given",
        "used",
        "given",
    ]
    assert (await subject.token(card)).payment_id == "pay_1"
    assert subject.actions(card)[1:] == [("detokenize", "taken"), ("detokenize", "used"), ("detokenize", "taken")]


async def test_of_many_payments_on_one_token_exactly_one_gets_it(subject: Subject) -> None:
    card = await subject.kept()
    payments = [f"pay_{ordinal}" for ordinal in range(32)]
    outcomes = await asyncio.gather(*(outcome(subject, card, payment) for payment in payments))
    assert sorted(outcomes) == ["given", *["used"] * 31]
    winner = payments[outcomes.index("given")]
    assert (await subject.token(card)).payment_id == winner
    again = await asyncio.gather(*(outcome(subject, card, payment) for payment in payments))
    assert [payments[place] for place, found in enumerate(again) if found == "given"] == [winner]
    assert subject.actions(card).count(("detokenize", "taken")) == 2
    assert subject.actions(card).count(("detokenize", "used")) == 62


async def test_the_same_payment_many_times_at_once_gets_the_card_each_time(subject: Subject) -> None:
    card = await subject.kept()
    assert await asyncio.gather(*(outcome(subject, card, "pay_1") for _ in range(16))) == ["given"] * 16


async def test_a_token_without_a_payment_is_gone_when_its_time_is_over(subject: Subject) -> None:
    card = await subject.kept(customer_id="customer")
    subject.insight.expire_token(card.token_id)
    assert await subject.cards.describe_token(card.merchant_id, card.token_id) is None
    assert await subject.cards.load_card(card.merchant_id, card.token_id) is None
    assert list(await subject.cards.list_tokens(card.merchant_id, "customer", 10, None)) == []
    assert await outcome(subject, card, "pay_1") == "none"
    with pytest.raises(TokenUsed):
        await subject.cards.make_permanent(card.merchant_id, card.token_id, "pay_1", ACTOR)


async def test_a_payment_that_has_a_token_keeps_it_beyond_the_tokens_time(subject: Subject) -> None:
    # Other tests may have left some behind.
    await subject.cards.purge_expired_tokens(1_000)
    card = await subject.kept()
    assert await outcome(subject, card, "pay_1") == "given"
    subject.insight.expire_token(card.token_id)
    assert await subject.cards.describe_token(card.merchant_id, card.token_id) is None
    assert [await outcome(subject, card, payment) for payment in ("pay_1", "pay_2")] == ["given", "none"]
    assert await subject.cards.purge_expired_tokens(1_000) == 0
    assert await subject.cards.make_permanent(card.merchant_id, card.token_id, "pay_1", ACTOR)
    token = await subject.token(card)
    assert (token.usage, token.expire_time) == (Usage.PERMANENT, None)


async def test_the_purge_destroys_what_is_over_and_a_day_later_what_payments_had(subject: Subject) -> None:
    await subject.cards.purge_expired_tokens(1_000)
    waste, waste_too = await subject.kept(number="4242"), await subject.kept()
    had, still, fresh, permanent = [await subject.kept() for _ in range(3)] + [await subject.kept(life_seconds=None)]
    for card in (had, still):
        assert await outcome(subject, card, "pay_1") == "given"
    for card in (waste, waste_too, still):
        subject.insight.expire_token(card.token_id)
    subject.insight.expire_token(had.token_id, timedelta(days=1))
    assert subject.insight.fingerprints_of(subject.merchant_id) == 6
    assert [await subject.cards.purge_expired_tokens(2) for _ in range(3)] == [2, 1, 0]
    assert subject.insight.fingerprints_of(subject.merchant_id) == 3
    assert subject.insight.codes_of(subject.merchant_id) == 2
    assert await outcome(subject, still, "pay_1") == "given"
    for card in (waste, waste_too, had):
        assert subject.actions(card)[-1] == ("delete_token", "expired")
        assert await outcome(subject, card, "pay_1") == "none"
    for card in (fresh, permanent):
        await subject.token(card)


async def test_a_permanent_token_serves_every_payment_and_belongs_to_none(subject: Subject) -> None:
    card = await subject.kept(life_seconds=None)
    assert [await outcome(subject, card, f"pay_{ordinal}") for ordinal in range(3)] == ["given"] * 3
    assert (await subject.token(card)).payment_id == ""


async def test_the_payment_that_has_a_token_makes_it_permanent_and_no_other_does(subject: Subject) -> None:
    card = await subject.kept()
    with pytest.raises(TokenUsed):
        await subject.cards.make_permanent(card.merchant_id, card.token_id, "pay_1", ACTOR)
    assert await outcome(subject, card, "pay_1") == "given"
    with pytest.raises(TokenUsed):
        await subject.cards.make_permanent(card.merchant_id, card.token_id, "pay_2", ACTOR)
    assert (await subject.token(card)).usage is Usage.SINGLE_USE
    done = await asyncio.gather(
        *(subject.cards.make_permanent(card.merchant_id, card.token_id, "pay_1", ACTOR) for _ in range(8))
    )
    assert done == [True] * 8
    token = await subject.token(card)
    assert (token.usage, token.expire_time) == (Usage.PERMANENT, None)
    assert subject.actions(card).count(("make_permanent", "done")) == 1
    assert await outcome(subject, card, "pay_2") == "given"


async def test_no_token_that_is_not_there_becomes_permanent(subject: Subject) -> None:
    assert not await subject.cards.make_permanent(subject.merchant_id, TokenId(new_id("tok")), "pay_1", ACTOR)


async def test_of_changes_at_once_one_counts_and_the_others_are_told(subject: Subject) -> None:
    card = await subject.kept(life_seconds=None)

    async def change(month: int) -> str:
        try:
            await subject.cards.replace_card(
                card.merchant_id, card.token_id, 1, 1, sealed_card(), Expiry(month, 2031), ACTOR
            )
        except CardChanged:
            return "changed"
        return "done"

    outcomes = await asyncio.gather(*(change(month) for month in range(1, 13)))
    assert sorted(outcomes) == [*["changed"] * 11, "done"]
    expiry = Expiry(outcomes.index("done") + 1, 2031)
    assert (await subject.token(card)).summary == replace(SUMMARY, expiry=expiry)
    loaded = await subject.cards.load_card(card.merchant_id, card.token_id)
    assert loaded is not None
    assert loaded.revision == 2
    assert subject.actions(card) == [("create_token", "done"), ("update_token", "done")]


async def test_a_change_under_a_retired_key_or_of_a_deleted_card_changes_nothing(subject: Subject) -> None:
    card = await subject.kept(life_seconds=None)
    await subject.next_data_key()
    sealed = sealed_card()
    with pytest.raises(KeyRetired):
        await subject.cards.replace_card(card.merchant_id, card.token_id, 1, 1, sealed, Expiry(1, 2031), ACTOR)
    assert (await subject.token(card)).summary == SUMMARY
    await subject.cards.delete_token(card.merchant_id, card.token_id, ACTOR)
    with pytest.raises(CardChanged):
        await subject.cards.replace_card(card.merchant_id, card.token_id, 1, 2, sealed, Expiry(1, 2031), ACTOR)
    assert subject.actions(card) == [("create_token", "done"), ("delete_token", "done")]


async def test_a_deleted_token_is_gone_with_its_code_and_fingerprint(subject: Subject) -> None:
    card = await subject.kept(customer_id="customer")
    assert await subject.cards.delete_token(card.merchant_id, card.token_id, ACTOR)
    assert not await subject.cards.delete_token(card.merchant_id, card.token_id, ACTOR)
    assert await subject.cards.describe_token(card.merchant_id, card.token_id) is None
    assert await subject.cards.load_card(card.merchant_id, card.token_id) is None
    assert list(await subject.cards.list_tokens(card.merchant_id, "customer", 10, None)) == []
    assert await outcome(subject, card, "pay_1") == "none"
    assert subject.insight.codes_of(subject.merchant_id) == 0
    assert subject.insight.fingerprints_of(subject.merchant_id) == 0


async def test_of_deletions_at_once_one_deletes_and_payments_get_the_card_or_learn_that_it_is_gone(
    subject: Subject,
) -> None:
    for _ in range(6):
        card = await subject.kept()
        deleted, outcomes = await asyncio.gather(
            asyncio.gather(*(subject.cards.delete_token(card.merchant_id, card.token_id, ACTOR) for _ in range(4))),
            asyncio.gather(*(outcome(subject, card, "pay_1") for _ in range(6))),
        )
        assert sorted(deleted) == [False, False, False, True]
        # Nobody has the token but pay_1: whoever comes too late learns that it is gone, not that another has it.
        assert set(outcomes) <= {"given", "none"}
        assert subject.actions(card).count(("delete_token", "done")) == 1


async def test_a_customers_tokens_are_listed_newest_first_in_pages(subject: Subject) -> None:
    ids = [f"tok_01J{number:023d}" for number in range(7)]
    for token_id in ids:
        await subject.kept(token_id=TokenId(token_id), customer_id="customer-1", code=False)
    await subject.kept(customer_id="customer-2")
    await subject.kept()
    listed: list[str] = []
    before = None
    for _ in range(4):
        page = await subject.cards.list_tokens(subject.merchant_id, "customer-1", 3, before)
        listed += [token.token_id for token in page]
        before = page[-1].token_id if page else before
    assert listed == ids[::-1]
    others = await subject.cards.list_tokens(subject.merchant_id, "customer-2", 9, None)
    assert [token.customer_id for token in others] == ["customer-2"]
    # Those without a customer belong to no list.
    assert list(await subject.cards.list_tokens(subject.merchant_id, "", 9, None)) == []
    for token_id in ids:
        await subject.cards.delete_token(subject.merchant_id, TokenId(token_id), ACTOR)


async def test_a_card_is_given_to_a_customer_and_taken_back_and_each_is_recorded(subject: Subject) -> None:
    card = await subject.kept(customer_id="")
    before = await subject.token(card)
    for customer_id in ("customer-1", "customer-2", "customer-2", ""):
        assert await subject.customers.assign_customer(card.merchant_id, card.token_id, customer_id, ACTOR)
        assert await subject.token(card) == replace(before, customer_id=customer_id)
        listed = await subject.cards.list_tokens(card.merchant_id, "customer-2", 9, None)
        assert bool(listed) is (customer_id == "customer-2")
    records = [record for record in subject.insight.audit_of(card.merchant_id) if record.action == "update_token"]
    assert [(record.token_id, record.actor, record.detail) for record in records] == [
        (card.token_id, ACTOR.name, "customer")
    ] * 4


async def test_neither_anothers_card_nor_one_whose_time_is_over_is_given_to_a_customer(subject: Subject) -> None:
    card = await subject.kept()
    thief = MerchantId(new_id("mer"))
    assert not await subject.customers.assign_customer(thief, card.token_id, "customer-1", ACTOR)
    subject.insight.expire_token(card.token_id)
    assert not await subject.customers.assign_customer(card.merchant_id, card.token_id, "customer-1", ACTOR)
    assert not await subject.customers.assign_customer(card.merchant_id, TokenId(new_id("tok")), "customer-1", ACTOR)
    assert subject.actions(card) == [("create_token", "done")]


async def test_a_listed_token_is_the_described_one(subject: Subject) -> None:
    card = await subject.kept(customer_id="customer-1")
    assert await outcome(subject, card, "pay_1") == "given"
    assert list(await subject.cards.list_tokens(subject.merchant_id, "customer-1", 9, None)) == [
        await subject.token(card)
    ]
