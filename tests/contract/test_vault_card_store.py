"""What every store of the vault does."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from mesh.database import Database
from mesh.identifiers import new_id
from tests.fakes.vault.card_store import FakeCardStore
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture
from vault_svc.adapters.postgres.card_store import PostgresCardStore
from vault_svc.application.ports.card_store import CardRequest, CardStore, CardToKeep
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.domain.card import CardSummary, Expiry
from vault_svc.domain.token import MerchantId, Purpose, TokenId


@dataclass(frozen=True, slots=True)
class Subject:
    """A store, and the way to let fifteen minutes pass for a code."""

    store: CardStore
    expire_code: Callable[[TokenId], None]


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "fake":
        store = FakeCardStore()

        def expire_in_memory(token_id: TokenId) -> None:
            store.codes[token_id] = (store.codes[token_id][0], store.clock.now())

        yield Subject(store, expire_in_memory)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    database = Database(server.role_urls["vault_svc"], pool_size=4, name="test")
    await database.open()

    def expire_in_database(token_id: TokenId) -> None:
        with psycopg.connect(server.admin_url) as connection:
            connection.execute("UPDATE vault.card_code SET expires_at = now() WHERE token_id = %s", (token_id,))

    yield Subject(PostgresCardStore(database), expire_in_database)
    await database.close()


def wrapped_key() -> WrappedKey:
    return WrappedKey("kek_1", secrets.token_bytes(60))


async def new_card(store: CardStore, *, code: bool = True) -> CardToKeep:
    """Make a card of a merchant that has a data key."""
    merchant_id = MerchantId(new_id("mer"))
    stored = await store.keep_first_data_key(merchant_id, wrapped_key())
    return CardToKeep(
        merchant_id=merchant_id,
        token_id=TokenId(new_id("tok")),
        key_version=stored.key_version,
        sealed_card=secrets.token_bytes(93),
        sealed_code=secrets.token_bytes(37) if code else None,
        summary=CardSummary("visa", "4242", "424242", Expiry(12, 2030)),
        fingerprint=secrets.token_bytes(32),
        fingerprint_key_id="fpk_1",
    )


def request_for(card: CardToKeep) -> CardRequest:
    return CardRequest(card.merchant_id, card.token_id, Purpose.AUTHORIZATION, "pay_1", "psp_connectors", "req_1")


async def test_a_merchant_has_no_data_key_before_the_first_is_kept(subject: Subject) -> None:
    merchant_id = MerchantId(new_id("mer"))
    assert await subject.store.active_data_key(merchant_id) is None
    wrapped = wrapped_key()
    kept = await subject.store.keep_first_data_key(merchant_id, wrapped)
    assert (kept.key_version, kept.wrapped) == (1, wrapped)
    assert await subject.store.active_data_key(merchant_id) == kept
    assert await subject.store.active_data_key(MerchantId(new_id("mer"))) is None


async def test_of_many_first_data_keys_one_counts_for_all(subject: Subject) -> None:
    merchant_id = MerchantId(new_id("mer"))
    keys = [wrapped_key() for _ in range(8)]
    kept = await asyncio.gather(*(subject.store.keep_first_data_key(merchant_id, key) for key in keys))
    assert len({stored.wrapped.wrapped for stored in kept}) == 1
    assert kept[0].wrapped in keys


async def test_a_kept_card_is_described_to_its_merchant_only(subject: Subject) -> None:
    card = await new_card(subject.store)
    before = datetime.now(UTC)
    token = await subject.store.keep_card(card)
    assert (token.token_id, token.summary) == (card.token_id, card.summary)
    assert token.create_time.utcoffset() == timedelta(0)
    if isinstance(subject.store, PostgresCardStore):
        assert before - timedelta(minutes=1) < token.create_time < before + timedelta(minutes=1)
    assert await subject.store.describe_token(card.merchant_id, card.token_id) == token
    assert await subject.store.describe_token(MerchantId(new_id("mer")), card.token_id) is None
    assert await subject.store.describe_token(card.merchant_id, TokenId(new_id("tok"))) is None


async def test_a_card_is_taken_with_the_key_it_is_under(subject: Subject) -> None:
    card = await new_card(subject.store)
    await subject.store.keep_card(card)
    taken = await subject.store.take_card(request_for(card))
    assert taken is not None
    assert (taken.sealed_card, taken.sealed_code, taken.summary) == (card.sealed_card, card.sealed_code, card.summary)
    assert taken.data_key == await subject.store.active_data_key(card.merchant_id)


async def test_the_code_is_taken_once_and_the_card_as_often_as_needed(subject: Subject) -> None:
    card = await new_card(subject.store)
    await subject.store.keep_card(card)
    taken = await asyncio.gather(*(subject.store.take_card(request_for(card)) for _ in range(8)))
    assert sorted(one is not None and one.sealed_code is not None for one in taken) == [False] * 7 + [True]
    assert {one.sealed_card for one in taken if one is not None} == {card.sealed_card}


async def test_a_card_kept_without_a_code_has_none(subject: Subject) -> None:
    card = await new_card(subject.store, code=False)
    await subject.store.keep_card(card)
    taken = await subject.store.take_card(request_for(card))
    assert taken is not None
    assert taken.sealed_code is None


async def test_another_merchant_gets_nothing_and_uses_up_nothing(subject: Subject) -> None:
    card = await new_card(subject.store)
    await subject.store.keep_card(card)
    thief = replace(request_for(card), merchant_id=MerchantId(new_id("mer")))
    assert await subject.store.take_card(thief) is None
    taken = await subject.store.take_card(request_for(card))
    assert taken is not None
    assert taken.sealed_code == card.sealed_code


async def test_an_expired_code_is_neither_given_nor_left(subject: Subject) -> None:
    card = await new_card(subject.store)
    await subject.store.keep_card(card)
    subject.expire_code(card.token_id)
    taken = await subject.store.take_card(request_for(card))
    assert taken is not None
    assert taken.sealed_code is None
    assert await subject.store.purge_expired_codes(100) == 0


async def test_the_purge_deletes_expired_codes_up_to_its_limit_and_leaves_the_others(subject: Subject) -> None:
    cards = [await new_card(subject.store) for _ in range(4)]
    for card in cards:
        await subject.store.keep_card(card)
    # Other tests may have left some behind.
    await subject.store.purge_expired_codes(1_000)
    for card in cards[:3]:
        subject.expire_code(card.token_id)
    assert await subject.store.purge_expired_codes(2) == 2
    assert await subject.store.purge_expired_codes(2) == 1
    assert await subject.store.purge_expired_codes(2) == 0
    codes = [await subject.store.take_card(request_for(card)) for card in cards]
    assert [taken is not None and taken.sealed_code is not None for taken in codes] == [False, False, False, True]
