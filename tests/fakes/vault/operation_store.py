"""Operations that need two approvers, in memory, over the cards and keys of the other fakes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.card_store import FakeCardStore
from tests.fakes.vault.key_store import AuditRecord
from vault_svc.application.ports.operation_store import (
    CardToExport,
    ControlledOperation,
    NotReady,
    OperationKind,
)
from vault_svc.domain.token import Actor, MerchantId, Usage

LIFE = timedelta(days=1)
RUN = timedelta(days=7)


@dataclass(slots=True, kw_only=True)
class KeptOperation:
    """A row of the operations; tests may tamper with any of it."""

    operation_id: str
    kind: OperationKind
    merchant_id: MerchantId
    parameters: dict[str, Any]
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    begun_by: str = ""
    finished_at: datetime | None = None
    approvers: list[str] = field(default_factory=list)
    cancelled_by: str = ""


@dataclass(slots=True)
class FakeOperationStore:
    """Keeps operations by id; `down` makes it unreachable."""

    cards: FakeCardStore = field(default_factory=FakeCardStore)
    down: bool = False
    operations: dict[str, KeptOperation] = field(default_factory=dict)

    async def request(
        self,
        operation_id: str,
        kind: OperationKind,
        merchant_id: MerchantId,
        parameters: Mapping[str, Any],
        actor: Actor,
    ) -> None:
        await self._reach()
        now = self.cards.clock.now()
        self.operations[operation_id] = KeptOperation(
            operation_id=operation_id,
            kind=kind,
            merchant_id=merchant_id,
            parameters=dict(parameters),
            requested_by=actor.name,
            requested_at=now,
            expires_at=now + LIFE,
        )
        self.record("request_operation", "done", actor, merchant_id, f"{operation_id} {kind}")

    async def approve(self, operation_id: str, actor: Actor) -> bool:
        await self._reach()
        kept = self.operations.get(operation_id)
        if kept is None:
            return False
        if kept.cancelled_by:
            raise NotReady("cancelled")
        if kept.begun_by:
            raise NotReady("begun already")
        if kept.expires_at <= self.cards.clock.now():
            raise NotReady("expired")
        if actor.name not in kept.approvers:
            kept.approvers.append(actor.name)
        self.record("approve_operation", "approved", actor, kept.merchant_id, operation_id)
        return True

    async def get(self, operation_id: str) -> ControlledOperation | None:
        await self._reach()
        kept = self.operations.get(operation_id)
        return None if kept is None else _as_told(kept)

    async def list(self, limit: int, before: str) -> Sequence[ControlledOperation]:
        await self._reach()
        ids = [each for each in sorted(self.operations, reverse=True) if not before or each < before]
        return [_as_told(self.operations[each]) for each in ids[:limit]]

    async def begin(self, operation_id: str, kind: OperationKind, actor: Actor) -> MerchantId | None:
        await self._reach()
        before = self.operations.get(operation_id)
        was_begun = before is not None and before.begun_by
        kept = self.begun(operation_id, kind, actor)
        if kept is None:
            return None
        if not was_begun:
            self.record(kind, "begun", actor, kept.merchant_id, operation_id)
        return kept.merchant_id

    async def cancel(self, operation_id: str, actor: Actor) -> bool:
        await self._reach()
        kept, now = self.operations.get(operation_id), self.cards.clock.now()
        if kept is None:
            return False
        if actor.name not in (kept.requested_by, kept.begun_by, *kept.approvers):
            raise NotReady("not involved")
        if kept.cancelled_by:
            return True
        if kept.finished_at is not None or kept.expires_at <= now:
            raise NotReady("over")
        kept.cancelled_by, kept.finished_at = actor.name, now
        kept.parameters.pop("private_key", None)
        self.record("cancel_operation", "cancelled", actor, kept.merchant_id, operation_id)
        return True

    async def finish(self, operation_id: str, actor: Actor, detail: str) -> bool:
        await self._reach()
        kept = self.operations.get(operation_id)
        now = self.cards.clock.now()
        if kept is None or kept.begun_by != actor.name or kept.finished_at is not None or kept.expires_at <= now:
            return False
        kept.finished_at = now
        kept.parameters.pop("private_key", None)
        self.record(kept.kind, "done", actor, kept.merchant_id, f"{operation_id} {detail}")
        return True

    async def end_overdue(self, limit: int) -> int:
        await self._reach()
        now = self.cards.clock.now()
        open_ones = [kept for kept in self.operations.values() if kept.begun_by and kept.finished_at is None]
        overdue = [kept for kept in open_ones if kept.expires_at <= now][:limit]
        for kept in overdue:
            kept.finished_at = now
            kept.parameters.pop("private_key", None)
            self.record(kept.kind, "lapsed", Actor("vault_svc", ""), kept.merchant_id, kept.operation_id)
        return len(overdue)

    async def destroy_data_key(self, operation_id: str, actor: Actor) -> int | None:
        await self._reach()
        kept = self.begun(operation_id, OperationKind.DESTROY_DATA_KEY, actor)
        if kept is None:
            return None
        keys, version = self.cards.keys, int(kept.parameters["key_version"])
        if keys.is_active(kept.merchant_id, version):
            raise NotReady("new cards are sealed with it")
        if (kept.merchant_id, version) in keys.just_retired:
            raise NotReady("replaced less than a minute ago")
        kept.finished_at = self.cards.clock.now()
        if keys.data_key(kept.merchant_id, version) is None:
            raise NotReady("there is no such data key")
        keys.destroy_data_key(kept.merchant_id, version)
        self.record("destroy_data_key", "destroyed", actor, kept.merchant_id, f"{operation_id} version {version}")
        return sum(
            card.merchant_id == kept.merchant_id and card.key_version == version for card in self.cards.cards.values()
        )

    async def cards_to_export(
        self, operation_id: str, actor: Actor, after: str, limit: int
    ) -> Sequence[CardToExport] | None:
        await self._reach()
        kept = self.begun(operation_id, OperationKind.EXPORT_CARDS, actor)
        if kept is None:
            return None
        found = []
        for token_id in sorted(self.cards.cards):
            card = self.cards.cards[token_id]
            key = self.cards.keys.data_key(card.merchant_id, card.key_version)
            permanent = card.token.usage is Usage.PERMANENT
            if card.merchant_id == kept.merchant_id and permanent and token_id > after and key is not None:
                expiry = card.token.summary.expiry
                found.append(CardToExport(token_id, card.token.customer_id, key, card.sealed, expiry))
        self.record("export_cards", "begun", actor, kept.merchant_id, f"{operation_id} {len(found[:limit])} cards")
        return found[:limit]

    def begun(self, operation_id: str, kind: OperationKind, actor: Actor) -> KeptOperation | None:
        """Begin an operation, or go on with it, as the procedure does."""
        kept = self.operations.get(operation_id)
        if kept is None or kept.kind is not kind:
            return None
        if kept.finished_at is not None and kept.finished_at < kept.expires_at:
            raise NotReady("finished or cancelled")
        if kept.begun_by not in ("", actor.name):
            raise NotReady("begun with another key")
        if len(kept.approvers) < 2:
            raise NotReady("not two approvals")
        now = self.cards.clock.now()
        if kept.expires_at <= now:
            raise NotReady("lapsed" if kept.begun_by else "expired")
        if not kept.begun_by:
            kept.begun_by, kept.expires_at = actor.name, now + RUN
        return kept

    def record(self, action: str, outcome: str, actor: Actor, merchant_id: MerchantId, detail: str) -> None:
        """Write into the audit that cards and keys share."""
        self.cards.audit.append(
            AuditRecord(
                action=action,
                outcome=outcome,
                actor=actor.name,
                request_id=actor.request_id,
                merchant_id=merchant_id,
                detail=detail,
            )
        )

    async def _reach(self) -> None:
        # Every real store makes its caller wait, so that others get their turn.
        await asyncio.sleep(0)
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)


def _as_told(kept: KeptOperation) -> ControlledOperation:
    return ControlledOperation(
        operation_id=kept.operation_id,
        kind=kept.kind,
        merchant_id=kept.merchant_id,
        parameters=dict(kept.parameters),
        requested_by=kept.requested_by,
        requested_at=kept.requested_at,
        expires_at=kept.expires_at,
        begun_by=kept.begun_by,
        finished_at=kept.finished_at,
        approvers=tuple(kept.approvers),
        cancelled_by=kept.cancelled_by,
    )
