"""A vault under rotation, over the fake store or the real one: keeps cards, drives rotations, looks at what is left."""

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, cast

import psycopg
from psycopg.rows import dict_row

from mesh.database import Database
from mesh.identifiers import new_id
from tests.fakes.vault.key_provider import FakeKeyProvider
from tests.fakes.vault.rotation_store import FakeRotationStore
from tests.fakes.vault.transfer_store import FakeTransferStore
from tests.support.postgres import PostgresServer, running_postgres
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.adapters.postgres.card_store import PostgresCardStore
from vault_svc.adapters.postgres.key_inventory import PostgresKeyInventory
from vault_svc.adapters.postgres.key_store import PostgresKeyStore
from vault_svc.adapters.postgres.operation_store import PostgresOperationStore
from vault_svc.adapters.postgres.rotation_store import PostgresRotationStore
from vault_svc.adapters.postgres.transfer_store import PostgresTransferStore
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.import_cards import import_key_context
from vault_svc.application.keep_card import KeepCard
from vault_svc.application.ports.card_envelopes import PublicKey
from vault_svc.application.ports.card_store import CardStore, CardToKeep, LoadedCard
from vault_svc.application.ports.key_inventory import KeyInventoryStore
from vault_svc.application.ports.key_provider import KeyProvider
from vault_svc.application.ports.key_store import KeyStore
from vault_svc.application.ports.operation_store import OperationKind, OperationStore
from vault_svc.application.ports.rotation_store import RotationStore
from vault_svc.application.ports.rotations import RotationCounts, RotationKind, RotationOrder
from vault_svc.application.ports.transfer_store import SealedImportKey, TransferStore
from vault_svc.application.rotate_data_keys import RotateDataKeys
from vault_svc.application.rotate_fingerprint_key import RotateFingerprintKey
from vault_svc.application.rotate_key_encryption_key import RotateKeyEncryptionKey
from vault_svc.application.rotate_keys import Pace, Position, Progress, Rotation, Step
from vault_svc.domain.card import Expiry, accept_card
from vault_svc.domain.secret_values import SecretKey
from vault_svc.domain.token import Actor, MerchantId, Token, TokenId

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NUMBERS = ("4242424242424242", "5555555555554444", "4000056655665556", "378282246310005")
KINDS = tuple(RotationKind)
STEPS_MAX = 2_000
IMPORTER = Actor("key_importer", "req_1")


class CardKeeper(Protocol):
    """The part of a card store that the vault's own processes use here."""

    async def keep_card(self, card: CardToKeep) -> Token: ...

    async def load_card(self, merchant_id: MerchantId, token_id: TokenId) -> LoadedCard | None: ...


@dataclass(frozen=True, slots=True)
class Held:
    """What the vault holds: cards by token with their key version and fingerprint, key states, and HMACs by key."""

    cards: dict[str, tuple[int, str]]
    data_keys: dict[tuple[str, int], str]
    key_encryption_keys: set[str]
    fingerprint_keys: dict[str, str]
    fingerprints: dict[str, int]

    def active(self, merchant_id: str) -> int:
        return next(key[1] for key, state in self.data_keys.items() if (key[0], state) == (merchant_id, "active"))


@dataclass(slots=True)
class Noticed:
    """A `RotationObserver` that remembers."""

    unreadable_names: list[str] = field(default_factory=list)

    def unreadable(self, kind: RotationKind, merchant_id: str, name: str) -> None:
        del kind, merchant_id
        self.unreadable_names.append(name)


@dataclass(frozen=True, slots=True)
class Imports:
    """Imports of the vault, and what the audit says of keys that were wrapped anew: action, actor, merchant, detail."""

    operations: OperationStore
    transfers: TransferStore
    rewrapped: Callable[[], list[tuple[str, str, str, str]]]

    async def begin(self, merchant_id: MerchantId, provider: KeyProvider) -> str:
        """Open an import that has its key; give its id."""
        operation_id = new_id("cop")
        await self.operations.request(operation_id, OperationKind.IMPORT_CARDS, merchant_id, {}, Actor("asker", ""))
        for approver in ("first", "second"):
            await self.operations.approve(operation_id, Actor(approver, ""))
        new = await provider.generate_data_key(import_key_context(operation_id, merchant_id))
        public = PublicKey({"kty": "EC", "kid": operation_id}, "ab" * 32)
        private = SealedImportKey(new.wrapped, secrets.token_bytes(170))
        assert await self.transfers.keep_import_key(operation_id, public, private, IMPORTER)
        return operation_id

    async def finish(self, operation_id: str) -> None:
        """Close an import."""
        assert await self.operations.finish(operation_id, IMPORTER, "")

    async def private(self, operation_id: str) -> SealedImportKey | None:
        """Give the sealed private key of an import; None when it is gone."""
        kept = await self.transfers.import_key(operation_id)
        return None if kept is None else kept.private


@dataclass(slots=True)
class RotationLab:
    """One vault. Each of `keys_of` and `rotation` is a process of its own: it shares nothing but store and provider."""

    store: RotationStore
    key_store: KeyStore
    cards: CardKeeper
    inventory: KeyInventoryStore
    age: Callable[[float], None]
    held: Callable[[], Held]
    provider: FakeKeyProvider = field(default_factory=FakeKeyProvider)
    noticed: Noticed = field(default_factory=Noticed)
    pace: Pace = field(default_factory=lambda: Pace(batch=3, per_second=1_000_000.0, idle_seconds=900, at_once=2))
    monotonic: Callable[[], float] = time.monotonic
    imports: Imports | None = None
    sealer: CardSealer = field(
        default_factory=lambda: CardSealer(AesGcmCardCipher, lambda: SecretKey(secrets.token_bytes(32)))
    )

    def keys_of(self, store: KeyStore | None = None, provider: KeyProvider | None = None) -> DataKeys:
        return DataKeys(
            store=store or self.key_store,
            provider=provider or self.provider,
            cipher_of=AesGcmCardCipher,
            new_fingerprint_key_id=lambda: new_id("fpk"),
            monotonic=self.monotonic,
            actor="test",
        )

    def keeper(self) -> KeepCard:
        return KeepCard(
            store=cast("CardStore", self.cards),
            keys=self.keys_of(),
            sealer=self.sealer,
            new_token_id=lambda: TokenId(new_id("tok")),
            new_fingerprint_id=lambda: new_id("fpr"),
        )

    async def keep(self, merchant_id: MerchantId, number: str, *, code: str = "", by: KeepCard | None = None) -> Token:
        card = accept_card(number=number, expiry=Expiry(12, 2030), code=code, holder_name="A B", now=NOW)
        return await (by or self.keeper())(
            merchant_id, card, customer_id="", life_seconds=None, actor=Actor("test", "req_1")
        )

    async def number_of(self, merchant_id: MerchantId, token_id: TokenId, keys: DataKeys | None = None) -> str:
        """Open a card as a process does that has just read it; raises when that can't be done."""
        loaded = await self.cards.load_card(merchant_id, token_id)
        assert loaded is not None, f"{token_id} is lost"
        cipher = await (keys or self.keys_of()).for_opening(merchant_id, loaded.data_key)
        details = self.sealer.open(cipher, merchant_id, token_id, loaded.data_key.key_version, loaded.sealed)
        return details.number.reveal()

    async def begin_import(self, merchant_id: MerchantId) -> str:
        assert self.imports is not None
        return await self.imports.begin(merchant_id, self.provider)

    def rewrapped(self) -> list[tuple[str, str, str, str]]:
        assert self.imports is not None
        return self.imports.rewrapped()

    async def open_import(self, operation_id: str, merchant_id: MerchantId) -> tuple[bytes, bytes]:
        """Give the key that an import's private key is sealed with, unwrapped, and the sealed key."""
        assert self.imports is not None
        private = await self.imports.private(operation_id)
        assert private is not None
        key = await self.provider.unwrap(private.wrapped, import_key_context(operation_id, merchant_id))
        return key.reveal(), private.sealed

    def rotation(self, kind: RotationKind, store: RotationStore | None = None) -> Rotation:
        used = store or self.store
        if kind is RotationKind.KEY_ENCRYPTION_KEY:
            return RotateKeyEncryptionKey(used, self.provider, self.pace, self.monotonic, self.noticed)
        keys = self.keys_of(used)
        if kind is RotationKind.DATA_KEY:
            return RotateDataKeys(used, keys, self.sealer, self.pace, self.monotonic, self.noticed)
        return RotateFingerprintKey(
            used, keys, self.sealer, self.pace, self.monotonic, self.noticed, lambda: new_id("fpr")
        )

    def order(self, kind: RotationKind, merchant_id: str = "") -> RotationOrder:
        """Order a rotation of all keys that are there now, and of none that it makes."""
        self.age(1)
        return RotationOrder(kind, merchant_id, int(self.now() * 1000), "key_1")

    def now(self) -> float:
        return self.store.time.timestamp() if isinstance(self.store, FakeRotationStore) else time.time()


@dataclass(slots=True)
class Drive:
    """A rotation on its way, as its workflow drives it: it goes on from the last step that came to its end."""

    lab: RotationLab
    order: RotationOrder
    position: Position = field(default_factory=Position)
    counts: RotationCounts = field(default_factory=RotationCounts)
    steps: list[Step] = field(default_factory=list)
    wait: Callable[[float], Awaitable[None]] | None = None

    async def to_the_end(self, rotation: Rotation, tick: Callable[[], Awaitable[None]] | None = None) -> Progress:
        for _ in range(STEPS_MAX):
            step = await rotation.advance(self.order, self.position, tick or no_tick)
            self.steps.append(step)
            self.position, self.counts = step.position, self.counts.plus(step.counts)
            if step.progress is not Progress.GOING:
                return step.progress
            if self.wait is not None:
                await self.wait(step.delay_seconds)
            else:
                self.lab.age(step.delay_seconds)
        message = f"not at its end after {STEPS_MAX} steps: {self.position}"
        raise AssertionError(message)


async def no_tick() -> None:
    return


def fake_lab() -> RotationLab:
    store = FakeRotationStore()

    def held() -> Held:
        keys = [*store.fingerprint_rows.values(), *(row for rows in store.data_keys.values() for row in rows.values())]
        by_key = [place[1] for place in store.fingerprints]
        return Held(
            cards={token: (card.key_version, card.fingerprint_id or "") for token, card in store.cards.items()},
            data_keys={(m, v): row.state for m, rows in store.data_keys.items() for v, row in rows.items()},
            key_encryption_keys={key.wrapped.key_encryption_key_id for key in keys if key.wrapped is not None}
            | {
                kept.parameters["private_key"].wrapped.key_encryption_key_id
                for kept in store.operations.operations.values()
                if "private_key" in kept.parameters
            },
            fingerprint_keys={key_id: row.state for key_id, row in store.fingerprint_rows.items()},
            fingerprints={key_id: by_key.count(key_id) for key_id in by_key},
        )

    def rewrapped() -> list[tuple[str, str, str, str]]:
        records = [each for each in store.operations.cards.audit if each.action.startswith("rewrap_")]
        return [(each.action, each.actor, each.merchant_id, each.detail) for each in records]

    return RotationLab(
        store=store,
        key_store=store,
        cards=store,
        inventory=store,
        age=store.age,
        held=held,
        imports=Imports(store.operations, FakeTransferStore(store.operations), rewrapped),
    )


@contextmanager
def vault_database() -> Iterator[PostgresServer]:
    """Run a server of its own: fingerprint keys belong to the whole vault, and other tests have theirs."""
    with running_postgres() as server:
        server.migrate()
        yield server


def empty_vault(server: PostgresServer) -> None:
    """Delete every card and key, but not the audit."""
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("TRUNCATE vault.card, vault.card_code, vault.data_key CASCADE")
        connection.execute("TRUNCATE vault.fingerprint, vault.fingerprint_key CASCADE")
        # Approvals stay for good, and so operations do.
        connection.execute(
            "UPDATE vault.controlled_operation SET parameters = parameters - '{private_key,public_key}'::text[]"
        )


def age_in(server: PostgresServer) -> Callable[[float], None]:
    """Give what lets time pass for every key of the database."""

    def age(seconds: float) -> None:
        if seconds <= 0:
            return
        with psycopg.connect(server.admin_url, autocommit=True) as connection:
            for table in ("data_key", "fingerprint_key"):
                connection.execute(
                    f"UPDATE vault.{table} SET created_at = created_at - make_interval(secs => %s),"
                    " state_changed_at = state_changed_at - make_interval(secs => %s)".encode(),
                    (seconds, seconds),
                )

    return age


def held_in(server: PostgresServer) -> Callable[[], Held]:
    """Give what looks into the database."""

    def held() -> Held:
        with psycopg.connect(server.admin_url, autocommit=True, row_factory=dict_row) as connection:

            def rows(query: str) -> list[dict[str, Any]]:
                return connection.execute(query.encode()).fetchall()

            cards = rows("SELECT token_id, key_version, fingerprint_id FROM vault.card")
            keys = rows("SELECT merchant_id, key_version, state FROM vault.data_key")
            wrapping = rows(
                "SELECT key_encryption_key_id AS id FROM vault.data_key WHERE state <> 'destroyed'"
                " UNION SELECT key_encryption_key_id FROM vault.fingerprint_key WHERE state <> 'destroyed'"
                " UNION SELECT parameters -> 'private_key' ->> 'key_encryption_key_id' FROM vault.controlled_operation"
                " WHERE parameters ? 'private_key'"
            )
            known = rows("SELECT key_id, count(*) AS n FROM vault.fingerprint GROUP BY key_id")
            return Held(
                cards={row["token_id"]: (row["key_version"], row["fingerprint_id"] or "") for row in cards},
                data_keys={(row["merchant_id"], row["key_version"]): row["state"] for row in keys},
                key_encryption_keys={row["id"] for row in wrapping},
                fingerprint_keys={
                    row["key_id"]: row["state"] for row in rows("SELECT key_id, state FROM vault.fingerprint_key")
                },
                fingerprints={row["key_id"]: row["n"] for row in known},
            )

    return held


def rewrapped_in(server: PostgresServer) -> Callable[[], list[tuple[str, str, str, str]]]:
    """Give what reads the records of keys that were wrapped anew from now on."""
    query = (
        "SELECT action, actor, merchant_id, detail FROM vault.audit_record"
        " WHERE action LIKE 'rewrap%%' AND recorded_at > %s ORDER BY recorded_at, chain, sequence"
    )
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        since = connection.execute("SELECT clock_timestamp()").fetchone()

    def rewrapped() -> list[tuple[str, str, str, str]]:
        with psycopg.connect(server.admin_url, autocommit=True) as connection:
            return connection.execute(query.encode(), since).fetchall()

    return rewrapped


@asynccontextmanager
async def postgres_lab(server: PostgresServer, *, pool_size: int = 4) -> AsyncIterator[RotationLab]:
    """Give an empty vault in the database: rotations with the worker's rights, all else with the vault's."""
    empty_vault(server)
    worker = Database(server.role_urls["vault_worker"], pool_size=pool_size, name="test")
    vault = Database(server.role_urls["vault_svc"], pool_size=pool_size, name="test")
    await worker.open()
    await vault.open()
    try:
        yield RotationLab(
            store=PostgresRotationStore(worker),
            key_store=PostgresKeyStore(vault),
            cards=PostgresCardStore(vault),
            inventory=PostgresKeyInventory(vault),
            age=age_in(server),
            held=held_in(server),
            imports=Imports(PostgresOperationStore(vault), PostgresTransferStore(vault), rewrapped_in(server)),
        )
    finally:
        await worker.close()
        await vault.close()
