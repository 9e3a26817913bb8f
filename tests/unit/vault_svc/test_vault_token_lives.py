"""Tokens serve one payment within their day, or are permanent; merchants list, change and delete them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.unit.vault_svc.vaults import (
    ACTOR,
    ADDRESS,
    EXPIRY,
    MERCHANT,
    NUMBER,
    OTHER_MERCHANT,
    OTHER_NUMBER,
    Vault,
    code_of,
)
from vault_svc.domain.card import Expiry
from vault_svc.domain.token import TokenId, Usage

LATER = Expiry(6, 2033)


async def refused(awaiting: object) -> Reason:
    with pytest.raises(Refusal) as caught:
        await awaiting  # type: ignore[misc]
    return caught.value.reason


async def test_a_new_token_is_for_one_payment_within_a_day() -> None:
    vault = Vault()
    token = await vault.keep()
    assert token.usage is Usage.SINGLE_USE
    assert token.expire_time == token.create_time + timedelta(hours=24)
    vault.store.clock.time += timedelta(hours=24, seconds=-1)
    assert await vault.describe.for_payment(MERCHANT, token.token_id) == token
    vault.store.clock.time += timedelta(seconds=1)
    # Also the process that remembers the token notices that its time is over.
    assert await refused(vault.describe(MERCHANT, token.token_id)) is Reason.TOKEN_NOT_FOUND
    assert await refused(vault.reveal(token.token_id)) is Reason.TOKEN_NOT_FOUND
    assert await refused(vault.update(MERCHANT, token.token_id, LATER, ACTOR)) is Reason.TOKEN_NOT_FOUND


async def test_of_many_payments_exactly_one_gets_the_card_and_gets_it_again() -> None:
    vault = Vault()
    token = await vault.keep()
    payments = [f"pay_{ordinal}" for ordinal in range(32)]
    found = await asyncio.gather(
        *(vault.reveal(token.token_id, payment_id=payment) for payment in payments), return_exceptions=True
    )
    refusals = [each.reason for each in found if isinstance(each, Refusal)]
    assert refusals == [Reason.TOKEN_USED] * 31
    [winner] = [payment for payment, each in zip(payments, found, strict=True) if not isinstance(each, Refusal)]
    again = await vault.reveal(token.token_id, payment_id=winner)
    assert again.details.number.reveal() == NUMBER
    assert (await vault.describe(MERCHANT, token.token_id)).payment_id == winner


async def test_a_payment_that_has_the_token_keeps_it_and_no_new_one_may_begin() -> None:
    vault = Vault()
    token = await vault.keep()
    await vault.reveal(token.token_id)
    assert await refused(vault.describe.for_payment(MERCHANT, token.token_id)) is Reason.TOKEN_USED
    assert (await vault.describe(MERCHANT, token.token_id)).payment_id == "pay_1"
    vault.store.clock.time += timedelta(hours=30)
    await vault.purge()
    assert (await vault.reveal(token.token_id)).details.number.reveal() == NUMBER
    vault.store.clock.time += timedelta(hours=18)
    assert await vault.purge() == (0, 1)
    assert await refused(vault.reveal(token.token_id)) is Reason.TOKEN_NOT_FOUND


async def test_a_payment_makes_its_token_permanent_and_no_other_does() -> None:
    vault = Vault()
    token = await vault.keep()
    assert await refused(vault.make_permanent(MERCHANT, token.token_id, "pay_1", ACTOR)) is Reason.TOKEN_USED
    await vault.reveal(token.token_id)
    assert await refused(vault.make_permanent(MERCHANT, token.token_id, "pay_2", ACTOR)) is Reason.TOKEN_USED
    assert await refused(vault.make_permanent(OTHER_MERCHANT, token.token_id, "pay_1", ACTOR)) is Reason.TOKEN_NOT_FOUND
    # Known as it was: what is remembered must not outlive the change.
    await vault.describe(MERCHANT, token.token_id)
    for _ in range(3):
        await vault.make_permanent(MERCHANT, token.token_id, "pay_1", ACTOR)
    described = await vault.describe.for_payment(MERCHANT, token.token_id)
    assert (described.usage, described.expire_time) == (Usage.PERMANENT, None)
    vault.store.clock.time += timedelta(days=1_000)
    assert await vault.purge() == (0, 0)
    assert (await vault.reveal(token.token_id, payment_id="pay_2")).details.number.reveal() == NUMBER
    assert [record.action for record in vault.store.audit].count("make_permanent") == 1


async def test_the_token_is_made_permanent_after_its_time_as_long_as_its_payment_has_it() -> None:
    vault = Vault()
    token = await vault.keep()
    await vault.reveal(token.token_id)
    vault.store.clock.time += timedelta(hours=47)
    await vault.make_permanent(MERCHANT, token.token_id, "pay_1", ACTOR)
    assert (await vault.describe(MERCHANT, token.token_id)).usage is Usage.PERMANENT


async def test_a_new_expiry_is_shown_and_sealed_and_the_rest_of_the_card_stays() -> None:
    vault = Vault()
    card = vault.card(address=ADDRESS)
    token = await vault.create(MERCHANT, card, "customer-1", ACTOR)
    before = vault.store.cards[token.token_id].sealed
    updated = await vault.update(MERCHANT, token.token_id, LATER, ACTOR)
    assert updated == replace(token, summary=replace(token.summary, expiry=LATER))
    revealed = await vault.reveal(token.token_id)
    assert revealed.details == replace(card.details, expiry=LATER)
    # The code that waits is still good: only an authorization takes it.
    assert code_of(revealed) == "737"
    after = vault.store.cards[token.token_id].sealed
    assert before.sealed_key != after.sealed_key
    assert before.sealed_card != after.sealed_card


@pytest.mark.parametrize(
    ("expiry", "field"),
    [(Expiry(10, 2026), "exp_month"), (Expiry(12, 2025), "exp_year"), (Expiry(1, 2047), "exp_year")],
)
async def test_an_expiry_that_no_good_card_has_is_refused_by_its_field(expiry: Expiry, field: str) -> None:
    vault = Vault()
    token = await vault.keep()
    with pytest.raises(Refusal) as caught:
        await vault.update(MERCHANT, token.token_id, expiry, ACTOR)
    assert caught.value.reason is Reason.INVALID_CARD
    assert [violation.field for violation in caught.value.violations] == [field]
    assert (await vault.reveal(token.token_id)).details.expiry == EXPIRY


async def test_changes_at_once_all_count_in_turn_and_none_is_lost() -> None:
    vault = Vault()
    token = await vault.keep()
    expiries = [Expiry(month, 2031) for month in range(1, 6)]
    updated = await asyncio.gather(*(vault.update(MERCHANT, token.token_id, expiry, ACTOR) for expiry in expiries))
    assert len(updated) == 5
    revealed = await vault.reveal(token.token_id)
    described = await vault.describe(MERCHANT, token.token_id)
    assert revealed.details.expiry == described.summary.expiry == revealed.summary.expiry
    assert revealed.details.expiry in expiries
    assert vault.store.cards[token.token_id].revision == 6
    assert [record.action for record in vault.store.audit].count("update_token") == 5


async def test_more_changes_at_once_than_there_are_tries_are_refused_and_never_half_done() -> None:
    vault = Vault()
    token = await vault.keep()
    found = await asyncio.gather(
        *(vault.update(MERCHANT, token.token_id, Expiry(1 + n % 12, 2031), ACTOR) for n in range(24)),
        return_exceptions=True,
    )
    refusals = [each.reason for each in found if isinstance(each, Refusal)]
    assert set(refusals) <= {Reason.UNAVAILABLE}
    assert vault.store.cards[token.token_id].revision == 1 + 24 - len(refusals)
    await vault.reveal(token.token_id)


async def test_a_change_while_the_data_key_is_replaced_is_sealed_with_the_new_one() -> None:
    vault = Vault()
    token = await vault.keep()
    await vault.rotate()
    await vault.update(MERCHANT, token.token_id, LATER, ACTOR)
    assert vault.store.cards[token.token_id].key_version == 2
    assert (await vault.another().reveal(token.token_id)).details.expiry == LATER


async def test_a_deleted_token_is_gone_for_everybody() -> None:
    vault = Vault()
    token = await vault.keep(customer_id="customer-1")
    await vault.describe(MERCHANT, token.token_id)
    assert await refused(vault.delete(OTHER_MERCHANT, token.token_id, ACTOR)) is Reason.TOKEN_NOT_FOUND
    await vault.delete(MERCHANT, token.token_id, ACTOR)
    for gone in (
        vault.describe(MERCHANT, token.token_id),
        vault.reveal(token.token_id),
        vault.update(MERCHANT, token.token_id, LATER, ACTOR),
        vault.make_permanent(MERCHANT, token.token_id, "pay_1", ACTOR),
        vault.delete(MERCHANT, token.token_id, ACTOR),
    ):
        assert await refused(gone) is Reason.TOKEN_NOT_FOUND
    assert await vault.list(MERCHANT, "customer-1", 10, None) == ([], False)
    assert (vault.store.cards, vault.store.codes, vault.store.fingerprints) == ({}, {}, {})


async def test_a_payment_that_has_the_token_loses_it_with_the_card() -> None:
    vault = Vault()
    token = await vault.keep()
    await vault.reveal(token.token_id)
    await vault.delete(MERCHANT, token.token_id, ACTOR)
    assert await refused(vault.reveal(token.token_id)) is Reason.TOKEN_NOT_FOUND


async def test_an_update_of_a_card_that_is_deleted_meanwhile_says_that_it_is_gone() -> None:
    vault = Vault()
    token = await vault.keep()
    updating = asyncio.create_task(vault.update(MERCHANT, token.token_id, LATER, ACTOR))
    await asyncio.sleep(0)
    await vault.delete(MERCHANT, token.token_id, ACTOR)
    assert await refused(updating) is Reason.TOKEN_NOT_FOUND
    assert vault.store.cards == {}


async def test_a_customers_tokens_are_listed_in_pages_and_nobody_elses() -> None:
    vault = Vault()
    mine = [(await vault.keep(customer_id="customer-1")).token_id for _ in range(5)]
    await vault.keep(customer_id="customer-2")
    await vault.keep(customer_id="customer-1", merchant_id=OTHER_MERCHANT)
    await vault.keep()
    listed: list[str] = []
    before: TokenId | None = None
    sizes = []
    more = True
    while more:
        page, more = await vault.list(MERCHANT, "customer-1", 2, before)
        listed += [token.token_id for token in page]
        before = page[-1].token_id
        sizes.append(len(page))
    assert listed == sorted(mine, reverse=True)
    assert sizes == [2, 2, 1]
    exactly, more = await vault.list(MERCHANT, "customer-1", 5, None)
    assert (len(exactly), more) == (5, False)


async def test_tokens_of_one_number_have_one_fingerprint_until_the_last_is_deleted() -> None:
    vault = Vault()
    first, again, other = await vault.keep(), await vault.keep(code=""), await vault.keep(OTHER_NUMBER)
    theirs = await vault.keep(merchant_id=OTHER_MERCHANT)
    assert first.fingerprint == again.fingerprint
    assert len({first.fingerprint, other.fingerprint, theirs.fingerprint}) == 3
    await vault.delete(MERCHANT, first.token_id, ACTOR)
    assert (await vault.keep()).fingerprint == again.fingerprint
    for token_id in [token_id for token_id, kept in vault.store.cards.items() if kept.merchant_id == MERCHANT]:
        await vault.delete(MERCHANT, token_id, ACTOR)
    assert {merchant_id for merchant_id, _, _ in vault.store.fingerprints} == {OTHER_MERCHANT}
    assert (await vault.keep()).fingerprint != first.fingerprint


async def test_what_another_process_changes_is_never_given_wrongly() -> None:
    one = Vault()
    two = one.another()
    token = await one.keep()
    await two.reveal(token.token_id, payment_id="pay_2")
    # The first process still remembers a token without a payment, yet gives no card.
    assert (await one.describe.for_payment(MERCHANT, token.token_id)).payment_id == ""
    assert await refused(one.reveal(token.token_id, payment_id="pay_1")) is Reason.TOKEN_USED
    assert await refused(one.describe.for_payment(MERCHANT, token.token_id)) is Reason.TOKEN_USED


async def test_no_change_of_a_token_that_never_was() -> None:
    vault = Vault()
    missing = TokenId(new_id("tok"))
    for ask in (
        vault.delete(MERCHANT, missing, ACTOR),
        vault.update(MERCHANT, missing, LATER, ACTOR),
        vault.make_permanent(MERCHANT, missing, "pay_1", ACTOR),
        vault.reveal(missing),
    ):
        assert await refused(ask) is Reason.TOKEN_NOT_FOUND
