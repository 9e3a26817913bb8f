"""A database with an audit of its own for each test, so that it can be tampered with; and procedures that fill it."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from devstack.audit.database import AuditDatabase, open_audit
from mesh.database import Database
from mesh.identifiers import new_id
from mesh.migrate import DATABASE
from tests.support.postgres import PostgresServer, running_postgres
from vault_svc.domain.audit import ChainHead

KEY_ID = "fpk_01JD3V7C4G6H8J0K2M4N6P8Q0R"
TAMPER = "SET LOCAL session_replication_role = replica"

#: So many sessions the role may have.
AUDITORS_MAX = 2


@dataclass(frozen=True, slots=True)
class AuditedVault:
    """One database: the administrator's URL, and those of the roles."""

    server: PostgresServer
    name: str

    @property
    def admin_url(self) -> str:
        """Return the superuser's URL."""
        return make_conninfo(self.server.admin_url, dbname=self.name)

    def url(self, role: str) -> str:
        """Return the URL of a login role."""
        return make_conninfo(self.server.role_urls[role], dbname=self.name)

    def execute(self, *statements: str, arguments: Any = None) -> list[tuple[Any, ...]]:
        """Run statements as the superuser in one transaction; the arguments are the last one's, and so are the rows."""
        with psycopg.connect(self.admin_url) as connection:
            for statement in statements[:-1]:
                connection.execute(statement.encode())
            cursor = connection.execute(statements[-1].encode(), arguments)
            return cursor.fetchall() if cursor.description else []

    def tamper(self, *statements: str, arguments: Any = None) -> None:
        """Run statements as a superuser who silences the triggers first."""
        self.execute(TAMPER, *statements, arguments=arguments)

    def append(self, count: int = 1, chain: int | None = None) -> None:
        """Append records by the procedure, each in a transaction of its own; of one chain when told."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            done = 0
            while done < count:
                with connection.transaction() as transaction:
                    (number,) = connection.execute(
                        "SELECT (pg_current_xact_id()::text::numeric % 32)::integer"
                    ).fetchone() or (None,)
                    if chain not in {None, number}:
                        raise psycopg.Rollback(transaction)
                    connection.execute(
                        "SELECT vault.append_audit('detokenize', 'taken', 'connectors', %s, 'mer_1', 'tok_1', '', '')",
                        (f"req_{done}",),
                    )
                    done += 1

    def heads(self) -> tuple[ChainHead, ...]:
        """Give the head rows."""
        with self.audit() as audit:
            return tuple(audit.heads())

    def _auditors(self) -> int:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'vault_auditor'").fetchone()
        return 0 if row is None else int(row[0])

    @contextmanager
    def audit(self) -> Iterator[AuditDatabase]:
        """Open the audit as the auditor, once there is room: sessions of earlier tests may be ending yet."""
        deadline = time.monotonic() + 60
        while self._auditors() >= AUDITORS_MAX and time.monotonic() < deadline:
            time.sleep(0.02)
        with open_audit(self.url("vault_auditor")) as audit:
            yield audit


@pytest.fixture(scope="session")
def audit_server() -> Iterator[PostgresServer]:
    """Give a server whose database `payera` serves as a template: nobody may stay connected to it."""
    with running_postgres() as server:
        server.migrate()
        yield server


@pytest.fixture
def audited(audit_server: PostgresServer) -> Iterator[AuditedVault]:
    """Give a fresh copy of the database."""
    with copied(audit_server) as vault:
        yield vault


@pytest.fixture(scope="module")
def shared(audit_server: PostgresServer) -> Iterator[AuditedVault]:
    """Give a copy of the database for all tests of a module that leave the audit intact."""
    with copied(audit_server) as vault:
        yield vault


@contextmanager
def copied(audit_server: PostgresServer, template: str = DATABASE) -> Iterator[AuditedVault]:
    """Copy a database for a time; nobody may be connected to it meanwhile."""
    vault = AuditedVault(audit_server, f"audit_{secrets.token_hex(6)}")
    server = make_conninfo(audit_server.admin_url, dbname="postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {vault.name} TEMPLATE {template}".encode())
    yield vault
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {vault.name} WITH (FORCE)".encode())


async def use_vault(vault: Database, worker: Database, step: int) -> int:
    """Do with a merchant of its own what the vault and its worker do; give how many records that adds at least."""
    merchant, token = new_id("mer"), new_id("tok")
    request = f"req_{step} żądanie"
    await vault.call("vault.keep_data_key", merchant, 1, "kek_1", secrets.token_bytes(60), "vault_svc")
    # A life that is over at once: a purge may come and take it before the rest does.
    life = 0 if step % 4 == 0 else 3600
    row = await vault.call(
        "vault.keep_card", merchant, token, 1, secrets.token_bytes(64), secrets.token_bytes(100), None,
        "visa", "4242", "424242", 12, 2030, ("visa",), "credit", "PL", "", life, new_id("fpr"), (KEY_ID,),
        (secrets.token_bytes(32),), "key_1", request,
    )  # fmt: skip
    assert row is not None
    assert row["verdict"] == "kept"
    taken = await vault.call(
        "vault.take_cards", (merchant,), (token,), ("authorization",), (f"pay_{step}",), ("psp_connectors",), (request,)
    )
    missed = await vault.call(
        "vault.take_cards", (merchant,), (new_id("tok"),), ("authorization",), ("",), ("psp_connectors",), (request,)
    )
    assert taken is not None
    assert missed is not None
    assert (taken["verdict"], missed["verdict"]) == ("taken" if life else "not_found", "not_found")
    operation = new_id("cop")
    await vault.call(
        "vault.request_operation", operation, "destroy_data_key", merchant, Jsonb({"key_version": 1}), "key_1", request
    )
    await vault.call("vault.approve_operation", operation, "key_2", request)
    await worker.call("vault.keep_data_key", merchant, 2, "kek_1", secrets.token_bytes(60), "vault_worker")
    if life:
        await vault.call("vault.delete_token", merchant, token, "key_1", request)
    else:
        await vault.call("vault.purge_expired_tokens", 100)
    return 8


async def use_fingerprint_key(vault: Database) -> None:
    """Make the fingerprint key that cards are kept with."""
    await vault.call("vault.keep_fingerprint_key", KEY_ID, "", "kek_1", secrets.token_bytes(60), "vault_svc")
