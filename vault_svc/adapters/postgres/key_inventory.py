"""Lists the keys that PostgreSQL has on record."""

from collections.abc import Mapping, Sequence

from mesh.database import Database
from vault_svc.adapters.postgres.rows import utc
from vault_svc.application.ports.key_inventory import KeptKind, KeyRecord


class PostgresKeyInventory:
    """The keys' tables, without the keys. Raises Refusal(UNAVAILABLE) while the server is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def key_inventory(self, after: str, limit: int) -> Sequence[KeyRecord]:
        """List every key, destroyed ones too, after a position."""
        rows = await self._database.call_many("vault.key_inventory", after, limit)
        return [
            KeyRecord(
                position=row["place"],
                kind=KeptKind(row["kind"]),
                key_id=row["key_id"],
                merchant_id=row["merchant_id"],
                state=row["state"],
                key_encryption_key_id=row["key_encryption_key_id"],
                created_at=utc(row["created_at"]),
                state_changed_at=utc(row["state_changed_at"]),
                rows=row["rows_under"],
            )
            for row in rows
        ]

    async def key_encryption_keys(self) -> Mapping[str, int]:
        """Count by key-encryption key what it wraps: keys of every kind, without destroyed ones."""
        rows = await self._database.call_many("vault.key_encryption_keys")
        return {row["key_encryption_key_id"]: row["keys_under"] for row in rows}
