"""Calls the vault's procedures as its roles do, and looks at its tables as nobody else may."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from mesh.identifiers import new_id
from mesh.migrate import LOGIN_ROLES
from tests.support.postgres import PostgresServer

Row = dict[str, Any]
Connection = psycopg.Connection[Row]

#: What each role may execute; every other routine of the schema is for the owner alone.
BOTH = {"active_data_key", "keep_data_key", "fingerprint_keys", "keep_fingerprint_key", "reseal_card"}
VAULT = BOTH | {
    *("keep_card", "describe_token", "list_tokens", "take_cards", "load_card", "make_permanent", "delete_token"),
    *("purge_card_codes", "purge_expired_tokens", "key_inventory", "cards_to_export", "destroy_data_key"),
    *("request_operation", "approve_operation", "begin_operation", "finish_operation", "list_operations"),
    *("keep_import_key", "keep_imported_card", "key_encryption_keys", "assign_customer"),
    *("cancel_operation", "end_operations"),
}
WORKER = BOTH | {
    *("merchants_to_rotate", "cards_to_reseal", "destroy_idle_data_keys", "keys_to_rewrap", "rewrap_key"),
    *("cards_to_fingerprint", "add_fingerprint", "finish_fingerprint_rotation", "forget_fingerprints", "audit_heads"),
}
AUDITOR = {"audit_heads", "audit_records", "audit_of_token"}
ALLOWED = {"vault_svc": VAULT, "vault_worker": WORKER, "vault_auditor": AUDITOR}
ROLES = tuple(role.name for role in LOGIN_ROLES)


def call(connection: Connection, procedure: str, *arguments: object) -> list[Row]:
    """Call a procedure of the vault; a list is an array, a dict jsonb."""
    query = sql.SQL("SELECT * FROM {}({})").format(
        sql.Identifier("vault", procedure), sql.SQL(", ").join([sql.Placeholder()] * len(arguments))
    )
    return connection.execute(query, [Jsonb(each) if isinstance(each, dict) else each for each in arguments]).fetchall()


def fingerprint(key_id: str, number: str) -> bytes:
    """Stand for a number's HMAC under a key."""
    return hashlib.sha256(f"{key_id} {number}".encode()).digest()


@dataclass(slots=True)
class VaultWorld:
    """One test's view of the vault's database: a connection of each role, and a merchant of its own with a key."""

    server: PostgresServer
    admin: Connection
    roles: dict[str, Connection]
    merchant_id: str = field(default_factory=lambda: new_id("mer"))

    def __post_init__(self) -> None:
        self.call("keep_data_key", self.merchant_id, 1, "kek_1", secrets.token_bytes(60), "vault_svc")
        self.replace_fingerprint_key("")

    def call(self, procedure: str, *arguments: object, role: str = "vault_svc") -> Row:
        """Call a procedure that gives one row, in a transaction of its own."""
        rows = call(self.roles[role], procedure, *arguments)
        assert len(rows) == 1
        return rows[0]

    def rows(self, query: str, *values: object) -> list[Row]:
        """Ask as the administrator."""
        return self.admin.execute(query.encode(), values).fetchall()

    def keep_arguments(self, token_id: str, number: str = "", **changes: Any) -> list[object]:
        """Give what keep_card needs; `number` stands for a card number, each its own when empty."""
        keys = self.fingerprint_keys()
        known = number or secrets.token_hex(8)
        values = {
            "merchant_id": self.merchant_id,
            "token_id": token_id,
            "key_version": 1,
            "sealed_key": secrets.token_bytes(61),
            "sealed_card": secrets.token_bytes(93),
            "sealed_code": secrets.token_bytes(37),
            "brand": "visa",
            "last4": "4242",
            "bin": "424242",
            "exp_month": 12,
            "exp_year": 2030,
            "networks": ["visa"],
            "funding": "credit",
            "issuer_country": "FR",
            "customer_id": "",
            "life_seconds": 86_400,
            "new_fingerprint_id": new_id("fpr"),
            "fingerprint_key_ids": keys,
            "fingerprints": [fingerprint(key, known) for key in keys],
            "actor": "key_1",
            "request_id": "req_1",
        }
        assert set(changes) <= set(values)
        return list((values | changes).values())

    def replace_fingerprint_key(self, active: str) -> None:
        """Make the next fingerprint key if this one is active; empty stands for none."""
        new = (new_id("fpk"), active, "kek_1", secrets.token_bytes(60), "vault_worker")
        call(self.roles["vault_worker"], "keep_fingerprint_key", *new)

    def fingerprint_keys(self) -> list[str]:
        """Give the fingerprint keys in use, the active one first."""
        rows = self.rows("SELECT key_id FROM vault.fingerprint_key WHERE state <> 'destroyed' ORDER BY state")
        return [row["key_id"] for row in rows]

    def keep(self, number: str = "", **changes: Any) -> str:
        """Keep a card and give its token."""
        token_id = new_id("tok")
        assert self.call("keep_card", *self.keep_arguments(token_id, number, **changes))["verdict"] == "kept"
        return token_id

    def take_arguments(self, token_id: str, payment_id: str = "pay_1") -> list[object]:
        return [[each] for each in (self.merchant_id, token_id, "authorization", payment_id, "psp_connectors", "req_2")]

    def take(self, token_id: str, payment_id: str = "pay_1") -> str:
        """Take a card and give the verdict."""
        return str(self.call("take_cards", *self.take_arguments(token_id, payment_id))["verdict"])

    def records(self) -> list[tuple[str, str]]:
        """Give what the audit has of this merchant, oldest first."""
        found = self.rows(
            "SELECT action, outcome FROM vault.audit_record WHERE merchant_id = %s ORDER BY recorded_at",
            self.merchant_id,
        )
        return [(row["action"], row["outcome"]) for row in found]


@contextmanager
def open_world(server: PostgresServer) -> Iterator[VaultWorld]:
    """Give a world with connections of its own."""
    with ExitStack() as stack:

        def connected(url: str) -> Connection:
            return stack.enter_context(psycopg.connect(url, autocommit=True, row_factory=dict_row))

        roles = {role: connected(server.role_urls[role]) for role in ("vault_svc", "vault_worker", "vault_auditor")}
        yield VaultWorld(server, connected(server.admin_url), roles)
