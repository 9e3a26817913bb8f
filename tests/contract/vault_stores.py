"""The stores of the vault that the contract suites run against, with what a test needs to drive them."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Protocol

import psycopg
import pytest

from mesh.database import Database
from mesh.identifiers import new_id
from tests.fakes.vault.card_store import FakeCardStore
from tests.fakes.vault.key_store import AuditRecord, FakeKeyStore
from tests.support.postgres import PostgresServer
from vault_svc.adapters.postgres.card_store import PostgresCardStore
from vault_svc.adapters.postgres.customer_store import PostgresCustomerStore
from vault_svc.adapters.postgres.key_store import PostgresKeyStore
from vault_svc.application.ports.card_store import CardRequest, CardStore, CardToKeep, Recognition, SealedCard
from vault_svc.application.ports.customer_store import CustomerStore
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.application.ports.key_store import KeyStore, StoredDataKey, StoredFingerprintKey
from vault_svc.domain.card import CardSummary, Expiry
from vault_svc.domain.token import SINGLE_USE_SECONDS, Actor, MerchantId, Purpose, Token, TokenId

SUMMARY = CardSummary(
    "visa", "4242", "424242", Expiry(12, 2030), ("visa", "cartes_bancaires"), funding="debit", issuer_country="FR"
)
ACTOR = Actor("key_1", "req_1")


class Insight(Protocol):
    """What no port gives: a look behind a store, and the hands of an operator."""

    def expire_code(self, token_id: TokenId) -> None: ...

    def expire_token(self, token_id: TokenId, ago: timedelta = timedelta()) -> None: ...

    def destroy_data_key(self, merchant_id: MerchantId, key_version: int) -> None: ...

    def destroy_old_fingerprint_key(self) -> None: ...

    def codes_of(self, merchant_id: MerchantId) -> int: ...

    def fingerprints_of(self, merchant_id: MerchantId) -> int: ...

    def audit_of(self, merchant_id: MerchantId) -> list[AuditRecord]: ...


@dataclass(frozen=True, slots=True)
class FakeInsight:
    cards: FakeCardStore

    def expire_code(self, token_id: TokenId) -> None:
        self.cards.codes[token_id].expire_time = self.cards.clock.now()

    def expire_token(self, token_id: TokenId, ago: timedelta = timedelta()) -> None:
        kept = self.cards.cards[token_id]
        kept.token = replace(kept.token, expire_time=self.cards.clock.now() - ago)

    def destroy_data_key(self, merchant_id: MerchantId, key_version: int) -> None:
        self.cards.keys.destroy_data_key(merchant_id, key_version)

    def destroy_old_fingerprint_key(self) -> None:
        self.cards.destroy_old_fingerprint_key()

    def codes_of(self, merchant_id: MerchantId) -> int:
        return len([token_id for token_id in self.cards.codes if self.cards.cards[token_id].merchant_id == merchant_id])

    def fingerprints_of(self, merchant_id: MerchantId) -> int:
        return len([place for place in self.cards.fingerprints if place[0] == merchant_id])

    def audit_of(self, merchant_id: MerchantId) -> list[AuditRecord]:
        return [record for record in self.cards.audit if record.merchant_id == merchant_id]


@dataclass(frozen=True, slots=True)
class PostgresInsight:
    url: str

    def expire_code(self, token_id: TokenId) -> None:
        self._execute("UPDATE vault.card_code SET expires_at = now() WHERE token_id = %s", token_id)

    def expire_token(self, token_id: TokenId, ago: timedelta = timedelta()) -> None:
        self._execute("UPDATE vault.card SET expires_at = now() - %s WHERE token_id = %s", ago, token_id)

    def destroy_data_key(self, merchant_id: MerchantId, key_version: int) -> None:
        self._execute(
            "UPDATE vault.data_key SET state = 'destroyed', wrapped_key = NULL"
            " WHERE merchant_id = %s AND key_version = %s",
            merchant_id,
            key_version,
        )

    def destroy_old_fingerprint_key(self) -> None:
        old = "(SELECT key_id FROM vault.fingerprint_key WHERE state = 'retiring')"
        self._execute(f"DELETE FROM vault.fingerprint WHERE key_id IN {old}")
        self._execute(
            "UPDATE vault.fingerprint_key SET state = 'destroyed', wrapped_key = NULL WHERE state = 'retiring'"
        )

    def codes_of(self, merchant_id: MerchantId) -> int:
        query = "SELECT count(*) FROM vault.card_code JOIN vault.card USING (token_id) WHERE merchant_id = %s"
        return int(self._rows(query, merchant_id)[0][0])

    def fingerprints_of(self, merchant_id: MerchantId) -> int:
        return int(self._rows("SELECT count(*) FROM vault.fingerprint WHERE merchant_id = %s", merchant_id)[0][0])

    def audit_of(self, merchant_id: MerchantId) -> list[AuditRecord]:
        rows = self._rows(
            "SELECT action, outcome, actor, request_id, merchant_id, token_id, payment_id, detail"
            " FROM vault.audit_record WHERE merchant_id = %s ORDER BY recorded_at",
            merchant_id,
        )
        names = ("action", "outcome", "actor", "request_id", "merchant_id", "token_id", "payment_id", "detail")
        return [AuditRecord(**dict(zip(names, row, strict=True))) for row in rows]

    def _execute(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statement.encode(), values)

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query.encode(), values).fetchall()


@dataclass(frozen=True, slots=True)
class Subject:
    """The stores over the same rows, and a merchant of its own."""

    cards: CardStore
    keys: KeyStore
    insight: Insight
    customers: CustomerStore
    merchant_id: MerchantId = field(default_factory=lambda: MerchantId(new_id("mer")))

    async def data_key(self, merchant_id: MerchantId | None = None) -> StoredDataKey:
        """Give the merchant's active data key, made when there is none."""
        owner = merchant_id or self.merchant_id
        stored = await self.keys.active_data_key(owner)
        if isinstance(stored, int):
            made = await self.keys.keep_data_key(owner, stored, wrapped_key(), "vault_svc")
            assert made is not None
            return made
        return stored

    async def next_data_key(self) -> StoredDataKey:
        """Replace the merchant's data key."""
        stored = await self.data_key()
        made = await self.keys.keep_data_key(self.merchant_id, stored.key_version + 1, wrapped_key(), "vault_worker")
        assert made is not None
        return made

    async def fingerprint_keys(self) -> list[StoredFingerprintKey]:
        """Give the fingerprint keys in use, the first made when there is none."""
        return list(await self.keys.keep_fingerprint_key(new_id("fpk"), "", wrapped_key(), "vault_svc"))

    async def card(self, *, number: str = "", code: bool = True, **changes: Any) -> CardToKeep:
        """Make a card to keep; `number` stands for a card number, each its own when empty."""
        merchant_id = changes.get("merchant_id", self.merchant_id)
        keys = [key.key_id for key in await self.fingerprint_keys()]
        values: dict[str, Any] = {
            "merchant_id": merchant_id,
            "token_id": TokenId(new_id("tok")),
            "key_version": (await self.data_key(merchant_id)).key_version,
            "sealed": sealed_card(),
            "sealed_code": secrets.token_bytes(37) if code else None,
            "summary": SUMMARY,
            "recognition": recognition(keys, number or secrets.token_hex(8)),
            "customer_id": "",
            "life_seconds": SINGLE_USE_SECONDS,
            "actor": ACTOR,
        }
        return CardToKeep(**values | changes)

    async def kept(self, **changes: Any) -> CardToKeep:
        """Keep a card and give what was kept."""
        card = await self.card(**changes)
        await self.cards.keep_card(card)
        return card

    async def token(self, card: CardToKeep) -> Token:
        """Describe a card that there is."""
        token = await self.cards.describe_token(card.merchant_id, card.token_id)
        assert token is not None
        return token

    def actions(self, card: CardToKeep) -> list[tuple[str, str]]:
        """Give what the audit says of a card."""
        records = self.insight.audit_of(card.merchant_id)
        return [(record.action, record.outcome) for record in records if record.token_id == card.token_id]


def wrapped_key() -> WrappedKey:
    return WrappedKey("kek_1", secrets.token_bytes(60))


def sealed_card() -> SealedCard:
    return SealedCard(sealed_key=secrets.token_bytes(61), sealed_card=secrets.token_bytes(93))


def recognition(key_ids: list[str], number: str) -> Recognition:
    """Give what a number's HMACs under these keys would be, and a new id."""
    prints = tuple(hashlib.sha256(f"{key_id} {number}".encode()).digest() for key_id in key_ids)
    return Recognition(new_id("fpr"), tuple(key_ids), prints)


def request_for(card: CardToKeep, payment_id: str = "pay_1", **changes: Any) -> CardRequest:
    request = CardRequest(card.merchant_id, card.token_id, Purpose.AUTHORIZATION, payment_id, "psp_connectors", "req_2")
    return replace(request, **changes)


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "fake":
        keys = FakeKeyStore()
        cards = FakeCardStore(keys)
        yield Subject(cards, keys, FakeInsight(cards), cards)
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    database = Database(server.role_urls["vault_svc"], pool_size=8, name="test")
    await database.open()
    yield Subject(
        PostgresCardStore(database),
        PostgresKeyStore(database),
        PostgresInsight(server.admin_url),
        PostgresCustomerStore(database),
    )
    await database.close()
