"""Reads the heads of the audit's chains from PostgreSQL."""

from collections.abc import Sequence

from mesh.database import Database
from vault_svc.domain.audit import ChainHead


class PostgresAuditHeads:
    """The vault's audit. Raises Refusal(UNAVAILABLE) while the server is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> Sequence[ChainHead]:
        """Give the newest record of each chain, all as of one moment."""
        rows = await self._database.call_many("vault.audit_heads")
        return [ChainHead(row["chain"], row["sequence"], row["hash"]) for row in rows]
