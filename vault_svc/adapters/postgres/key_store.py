"""Keeps wrapped keys in PostgreSQL, one stored procedure per method."""

from collections.abc import Sequence
from typing import Any

from mesh.database import Database
from vault_svc.adapters.postgres.rows import data_key_of, present
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.application.ports.key_store import StoredDataKey, StoredFingerprintKey
from vault_svc.domain.token import MerchantId


class PostgresKeyStore:
    """The tables of keys. Raises Refusal(UNAVAILABLE) while the server is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active_data_key(self, merchant_id: MerchantId) -> StoredDataKey | int:
        """Give the key a merchant's new cards are sealed with; without one, the version that the next is to have."""
        row = present(await self._database.call("vault.active_data_key", merchant_id), "vault.active_data_key")
        return int(row["key_version"]) if row["wrapped_key"] is None else data_key_of(row)

    async def keep_data_key(
        self, merchant_id: MerchantId, key_version: int, wrapped: WrappedKey, actor: str
    ) -> StoredDataKey | None:
        """Make a key active if its version is the next, and give the active one, None when there is none."""
        row = await self._database.call(
            "vault.keep_data_key", merchant_id, key_version, wrapped.key_encryption_key_id, wrapped.wrapped, actor
        )
        return None if row is None else data_key_of(row)

    async def fingerprint_keys(self) -> Sequence[StoredFingerprintKey]:
        """Give the active fingerprint key, then the one that it replaces; empty before the first."""
        return _fingerprint_keys_of(await self._database.call_many("vault.fingerprint_keys"))

    async def keep_fingerprint_key(
        self, key_id: str, replaces: str, wrapped: WrappedKey, actor: str
    ) -> Sequence[StoredFingerprintKey]:
        """Make a fingerprint key active if `replaces` is the active one, and give those in use."""
        return _fingerprint_keys_of(
            await self._database.call_many(
                "vault.keep_fingerprint_key", key_id, replaces, wrapped.key_encryption_key_id, wrapped.wrapped, actor
            )
        )


def _fingerprint_keys_of(rows: Sequence[dict[str, Any]]) -> Sequence[StoredFingerprintKey]:
    return [
        StoredFingerprintKey(
            row["key_id"],
            active=row["state"] == "active",
            wrapped=WrappedKey(row["key_encryption_key_id"], row["wrapped_key"]),
        )
        for row in rows
    ]
