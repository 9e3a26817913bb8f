"""Keeps snapshots of what was learnt in PostgreSQL, one stored procedure per method."""

import asyncio
from typing import Any, Final

from mesh.database import Database
from router_svc.adapters.postgres.learning_snapshots import UnreadableSnapshotError, decoded, encoded
from router_svc.application.ports.snapshot_store import SNAPSHOTS_MAX, KnowledgeSnapshot

_ADD: Final = "router.add_learning_snapshot"
_NEWEST: Final = "router.newest_learning_snapshot"


class PostgresSnapshotStore:
    """The router's table of snapshots. Raises Refusal(UNAVAILABLE) while the server is out of reach.

    Packing and unpacking is done in threads.
    """

    def __init__(self, database: Database, logger: Any) -> None:  # noqa: ANN401 - structlog's loggers have no common type
        self._database = database
        self._logger = logger

    async def add(self, layout: str, snapshot: KnowledgeSnapshot) -> None:
        """Keep a snapshot, and forget all but the newest of its layout. Raises SnapshotTooLargeError."""
        await self._database.call(_ADD, layout, await asyncio.to_thread(encoded, snapshot), SNAPSHOTS_MAX)

    async def newest(self, layout: str) -> KnowledgeSnapshot | None:
        """Give the newest snapshot of a layout that can be read, None when there is none."""
        before = None
        for _ in range(SNAPSHOTS_MAX):
            row = await self._database.call(_NEWEST, layout, before)
            if row is None:
                return None
            try:
                return await asyncio.to_thread(decoded, row["state"])
            except UnreadableSnapshotError as error:
                before = row["id"]
                self._logger.warning("snapshot of the learning can't be read", snapshot=before, error=str(error))
        return None
