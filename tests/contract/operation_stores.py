"""The vault's stores of operations and imports, in memory and in PostgreSQL, for the suites that both pass."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest

from mesh.database import Database
from mesh.identifiers import new_id
from tests.fakes.vault.card_store import FakeCardStore
from tests.fakes.vault.key_store import FakeKeyStore
from tests.fakes.vault.operation_store import FakeOperationStore
from tests.fakes.vault.transfer_store import FakeTransferStore
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture
from vault_svc.adapters.postgres.card_store import PostgresCardStore
from vault_svc.adapters.postgres.key_store import PostgresKeyStore
from vault_svc.adapters.postgres.operation_store import PostgresOperationStore
from vault_svc.adapters.postgres.transfer_store import PostgresTransferStore
from vault_svc.application.ports.card_envelopes import PublicKey
from vault_svc.application.ports.card_store import CardStore, CardToKeep, Recognition, SealedCard
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.application.ports.key_store import KeyStore
from vault_svc.application.ports.operation_store import OperationKind, OperationStore
from vault_svc.application.ports.transfer_store import SealedImportKey, TransferStore
from vault_svc.domain.card import CardSummary, Expiry
from vault_svc.domain.token import Actor, MerchantId, TokenId

ASKER = Actor("key_asker", "req_1")
FIRST = Actor("key_first", "req_2")
SECOND = Actor("key_second", "req_3")
WORKER = Actor("key_worker", "req_4")
EXPORT, IMPORT, DESTROY = OperationKind.EXPORT_CARDS, OperationKind.IMPORT_CARDS, OperationKind.DESTROY_DATA_KEY
KEY = PublicKey({"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "kid": "k"}, "ab" * 32)
PRIVATE = SealedImportKey(WrappedKey("kek_1", secrets.token_bytes(60)), secrets.token_bytes(170))


@dataclass(frozen=True, slots=True)
class Subject:
    """The stores, the ways to let an operation's time and a data key's minute pass, and what the audit has of one."""

    operations: OperationStore
    transfers: TransferStore
    cards: CardStore
    keys: KeyStore
    expire: Callable[[str], None]
    settle_keys: Callable[[MerchantId], None]
    audit: Callable[[str], Sequence[tuple[str, str, str]]]
    parameters: Callable[[str], dict[str, Any]]

    async def requested(
        self, kind: OperationKind, merchant_id: MerchantId | None = None, **parameters: object
    ) -> tuple[str, MerchantId]:
        """Request an operation."""
        merchant = merchant_id or MerchantId(new_id("mer"))
        operation_id = new_id("cop")
        await self.operations.request(operation_id, kind, merchant, parameters, ASKER)
        return operation_id, merchant

    async def approved(
        self, kind: OperationKind, merchant_id: MerchantId | None = None, **parameters: object
    ) -> tuple[str, MerchantId]:
        """Request an operation and approve it twice."""
        operation_id, merchant = await self.requested(kind, merchant_id, **parameters)
        for approver in (FIRST, SECOND):
            assert await self.operations.approve(operation_id, approver)
        return operation_id, merchant

    async def card(self, merchant_id: MerchantId, **changes: Any) -> CardToKeep:
        """Make a card of a merchant, under its active key and the active fingerprint keys."""
        stored = await self.keys.active_data_key(merchant_id)
        if isinstance(stored, int):
            kept = await self.keys.keep_data_key(merchant_id, stored, wrapped_key(), "test")
            assert kept is not None
            stored = kept
        fingerprint_keys = await self.keys.fingerprint_keys()
        if not fingerprint_keys:
            fingerprint_keys = await self.keys.keep_fingerprint_key(new_id("fpk"), "", wrapped_key(), "test")
        card = CardToKeep(
            merchant_id=merchant_id,
            token_id=TokenId(new_id("tok")),
            key_version=stored.key_version,
            sealed=SealedCard(secrets.token_bytes(61), secrets.token_bytes(93)),
            sealed_code=None,
            summary=CardSummary("visa", "4242", "424242", Expiry(12, 2030), ("visa",), "debit", "FR"),
            recognition=Recognition(
                new_id("fpr"),
                tuple(key.key_id for key in fingerprint_keys),
                tuple(secrets.token_bytes(32) for _ in fingerprint_keys),
            ),
            customer_id="cus_1",
            life_seconds=None,
            actor=WORKER,
        )
        return replace(card, **changes)


def wrapped_key() -> WrappedKey:
    return WrappedKey("kek_1", secrets.token_bytes(60))


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "fake":
        yield fake_subject()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    database = Database(server.role_urls["vault_svc"], pool_size=6, name="test")
    await database.open()

    def ask(query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(server.admin_url, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def expire(operation_id: str) -> None:
        ask("UPDATE vault.controlled_operation SET expires_at = now() WHERE operation_id = %s", operation_id)

    def settle_keys(merchant_id: MerchantId) -> None:
        ask(
            "UPDATE vault.data_key SET state_changed_at = now() - interval '1 minute' WHERE merchant_id = %s",
            merchant_id,
        )

    yield Subject(
        PostgresOperationStore(database),
        PostgresTransferStore(database),
        PostgresCardStore(database),
        PostgresKeyStore(database),
        expire,
        settle_keys,
        lambda operation_id: [
            (action, outcome, actor)
            for action, outcome, actor in ask(
                "SELECT action, outcome, actor FROM vault.audit_record WHERE detail LIKE %s || '%%'"
                " ORDER BY recorded_at",
                operation_id,
            )
        ],
        lambda operation_id: dict(
            ask("SELECT parameters FROM vault.controlled_operation WHERE operation_id = %s", operation_id)[0][0]
        ),
    )
    await database.close()


def fake_subject() -> Subject:
    cards = FakeCardStore(keys=FakeKeyStore())
    operations = FakeOperationStore(cards)

    def expire(operation_id: str) -> None:
        operations.operations[operation_id].expires_at = cards.clock.now()

    return Subject(
        operations,
        FakeTransferStore(operations),
        cards,
        cards.keys,
        expire,
        lambda _merchant_id: cards.keys.just_retired.clear(),
        lambda operation_id: [
            (record.action, record.outcome, record.actor)
            for record in cards.audit
            if record.detail.startswith(operation_id)
        ],
        lambda operation_id: operations.operations[operation_id].parameters,
    )
