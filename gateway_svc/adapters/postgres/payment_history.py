"""Reads the history of payments from PostgreSQL."""

from collections.abc import Sequence

from gateway_svc.application.page_tokens import Position
from gateway_svc.application.ports import View
from mesh.database import Database


class PostgresPaymentHistory:
    """The `PaymentHistory` port over the procedures of schema `gateway`."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_routed(
        self, merchant_id: str, begin_us: int, end_us: int, before: Position | None, limit: int
    ) -> Sequence[View]:
        """List payments that began from `begin_us` on and before `end_us`, newest first, from before a position."""
        position = (None, None) if before is None else (before.before_us, before.before_id)
        rows = await self._database.call_many(
            "gateway.list_routed_payments", merchant_id, limit, *position, begin_us, end_us
        )
        return [row["payment"] for row in rows]
