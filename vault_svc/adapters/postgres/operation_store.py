"""Keeps operations that need two approvers in PostgreSQL, one stored procedure per method."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from mesh.database import Database
from vault_svc.adapters.postgres.rows import data_key_of, present, sealed_of, utc
from vault_svc.application.ports.operation_store import CardToExport, ControlledOperation, NotReady, OperationKind
from vault_svc.domain.card import Expiry
from vault_svc.domain.token import Actor, MerchantId, TokenId

_APPROVE: Final = "vault.approve_operation"
_BEGIN: Final = "vault.begin_operation"
_FINISH: Final = "vault.finish_operation"
_DESTROY: Final = "vault.destroy_data_key"
_CANCEL: Final = "vault.cancel_operation"
_END: Final = "vault.end_operations"

#: What the procedures' verdicts are to people.
STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_approved": "it does not have two approvals yet",
        "expired": "it was not begun within a day and has expired",
        "lapsed": "it was begun more than seven days ago and has ended: request it again",
        "cancelled": "it was cancelled: request it again",
        "not_involved": "it was neither requested nor approved nor begun with this key: whoever did cancels it",
        "finished": "it is finished",
        "begun": "it was begun already",
        "begun_by_another": "it was begun with another key",
        "not_begun": "it was not begun with this key, or is over",
        "active": "new cards are sealed with this data key: rotate it first, then try again",
        "just_retired": "the data key was replaced less than a minute ago, and cards may still be on their way to it: "
        "try again in a minute",
        "key_not_found": "there is no such data key, or it was destroyed already",
    }
)


class PostgresOperationStore:
    """The tables of operations and approvals. Raises Refusal(UNAVAILABLE) while the server is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def request(
        self,
        operation_id: str,
        kind: OperationKind,
        merchant_id: MerchantId,
        parameters: Mapping[str, Any],
        actor: Actor,
    ) -> None:
        """Keep a request; it is good for a day."""
        await self._database.call(
            "vault.request_operation", operation_id, kind, merchant_id, dict(parameters), actor.name, actor.request_id
        )

    async def approve(self, operation_id: str, actor: Actor) -> bool:
        """Count an approval, once per actor; tell whether there is such an operation."""
        row = present(await self._database.call(_APPROVE, operation_id, actor.name, actor.request_id), _APPROVE)
        return _found(row["verdict"], "approved")

    async def get(self, operation_id: str) -> ControlledOperation | None:
        """Give an operation, None when there is none."""
        found = await self._list(operation_id, 1, "") if operation_id else []
        return found[0] if found else None

    async def list(self, limit: int, before: str) -> Sequence[ControlledOperation]:
        """List operations, newest first, from the one before `before` on (empty: from the newest)."""
        return await self._list("", limit, before)

    async def begin(self, operation_id: str, kind: OperationKind, actor: Actor) -> MerchantId | None:
        """Begin an approved operation, or go on with it; None when there is none of this kind."""
        row = present(await self._database.call(_BEGIN, operation_id, kind, actor.name, actor.request_id), _BEGIN)
        return MerchantId(row["merchant_id"]) if _found(row["verdict"], "begun") else None

    async def cancel(self, operation_id: str, actor: Actor) -> bool:
        """Take back what this actor requested, approved or began; tell whether there is such an operation."""
        row = present(await self._database.call(_CANCEL, operation_id, actor.name, actor.request_id), _CANCEL)
        return _found(row["verdict"], "cancelled")

    async def finish(self, operation_id: str, actor: Actor, detail: str) -> bool:
        """Close an operation that this actor began; tell whether it was open, and not over."""
        row = await self._database.call(_FINISH, operation_id, actor.name, actor.request_id, detail)
        return bool(present(row, _FINISH)["finished"])

    async def end_overdue(self, limit: int) -> int:
        """Close operations that were begun more than seven days ago, at most `limit`; give how many."""
        return int(present(await self._database.call(_END, limit), _END)["ended"])

    async def destroy_data_key(self, operation_id: str, actor: Actor) -> int | None:
        """Destroy the data key of an approved operation; give how many cards were under it, None for no operation."""
        row = present(await self._database.call(_DESTROY, operation_id, actor.name, actor.request_id), _DESTROY)
        return int(row["cards"]) if _found(row["verdict"], "destroyed") else None

    async def cards_to_export(
        self, operation_id: str, actor: Actor, after: str, limit: int
    ) -> Sequence[CardToExport] | None:
        """Begin or continue an export and give a page of cards after a token; None for no operation."""
        rows = await self._database.call_many(
            "vault.cards_to_export", operation_id, actor.name, actor.request_id, after, limit
        )
        if rows and not _found(rows[0]["verdict"], "begun"):
            return None
        return [
            CardToExport(
                TokenId(row["token_id"]),
                row["customer_id"],
                data_key_of(row),
                sealed_of(row),
                Expiry(row["exp_month"], row["exp_year"]),
            )
            for row in rows
        ]

    async def _list(self, operation_id: str, limit: int, before: str) -> Sequence[ControlledOperation]:
        rows = await self._database.call_many("vault.list_operations", operation_id, limit, before)
        return [_operation_of(row) for row in rows]


def _found(verdict: str, good: str) -> bool:
    """Tell whether there is such an operation; raises NotReady with the words for any verdict but the good one."""
    if verdict == good:
        return True
    if verdict == "not_found":
        return False
    raise NotReady(STATES[verdict])


def _operation_of(row: dict[str, Any]) -> ControlledOperation:
    return ControlledOperation(
        operation_id=row["operation_id"],
        kind=OperationKind(row["kind"]),
        merchant_id=MerchantId(row["merchant_id"]),
        parameters=row["parameters"],
        requested_by=row["requested_by"],
        requested_at=utc(row["requested_at"]),
        expires_at=utc(row["expires_at"]),
        begun_by=row["begun_by"] or "",
        finished_at=None if row["finished_at"] is None else utc(row["finished_at"]),
        approvers=tuple(row["approvers"]),
        cancelled_by=row["cancelled_by"] or "",
    )
