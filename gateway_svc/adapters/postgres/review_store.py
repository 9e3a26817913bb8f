"""Keeps the operators' queue in PostgreSQL: one stored procedure per method, no rule of its own."""

from collections.abc import Mapping
from typing import Any

from gateway_svc.application.ports import View
from gateway_svc.application.review_ports import Evidence, NewDecision
from mesh.database import Database


class PostgresReviewStore:
    """The `ReviewStore` port over the procedures of schema `gateway`."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_reviews(self, filters: Mapping[str, str | int | None], limit: int) -> list[View]:
        """List what waits for an operator, oldest first, from after `after_us` and `after_id`."""
        values = [filters.get(name) for name in ("after_us", "after_id", "merchant_id", "account", "kind")]
        rows = await self._database.call_many("gateway.list_reviews", limit, *values)
        return [row["review"] for row in rows]

    async def get_review(self, reference: str) -> Evidence:
        """Read a review, decided or not, with its evidence."""
        row = await self._row("gateway.get_review", reference)
        return Evidence(row["review"], row["payment"], row["modification"])

    async def resolve_review(self, new: NewDecision) -> View:
        """Record a decision and what the core makes of it, all or nothing; gives the payment as it stands."""
        decision = new.decision
        row = await self._row(
            "gateway.resolve_review",
            new.reference,
            new.version,
            new.action.value,
            decision.effect.value,
            new.seen,
            new.seen_payment,
            decision.status,
            decision.payment_status,
            new.psp_reference,
            decision.code,
            new.note,
            new.decided_by,
            new.request_id,
        )
        payment: View = row["payment"]
        return payment

    async def _row(self, procedure: str, *arguments: object) -> Mapping[str, Any]:
        row = await self._database.call(procedure, *arguments)
        if row is None:
            message = f"{procedure} answered without a row"
            raise LookupError(message)
        return row
