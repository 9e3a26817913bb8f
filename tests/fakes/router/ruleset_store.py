"""The router's store of rulesets in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.application.ports.ruleset_store import (
    NO_RULESET,
    Actor,
    Change,
    ChangeKind,
    RoutingState,
    StoredRuleset,
    VersionRecord,
    VersionState,
)
from router_svc.domain.priorities import MerchantId
from router_svc.domain.ruleset import Ruleset

VERSIONS_MAX = 10_000
HISTORY_MAX = 100


@dataclass(frozen=True, slots=True)
class _Version:
    ruleset: Ruleset
    note: str
    actor: Actor
    at: datetime


@dataclass(slots=True)
class _Merchant:
    versions: list[_Version] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    active: int = NO_RULESET
    approval_required: bool = False
    wish: tuple[str, datetime] | None = None


@dataclass(slots=True)
class FakeRulesetStore:
    """Does what the stored procedures do; `down` makes it unreachable, `later` lets the clock go forward."""

    down: bool = False
    later: timedelta = timedelta()
    reads: int = 0
    merchants: dict[MerchantId, _Merchant] = field(default_factory=dict)

    async def create(self, merchant_id: MerchantId, ruleset: Ruleset, note: str, actor: Actor) -> VersionRecord:
        merchant = await self._merchant(merchant_id)
        last = merchant.versions[-1] if merchant.versions else None
        new = last is None or (last.ruleset, last.note, last.actor.key_id) != (ruleset, note, actor.key_id)
        if new:
            if len(merchant.versions) >= VERSIONS_MAX:
                raise Refusal(Reason.RULESET_LIMIT, limit=VERSIONS_MAX)
            merchant.versions.append(_Version(ruleset, note, actor, self._now()))
            self._write(merchant, ChangeKind.CREATED, len(merchant.versions), actor)
        return _record(merchant, len(merchant.versions))

    async def get(self, merchant_id: MerchantId, version: int) -> StoredRuleset | None:
        self.reads += 1
        merchant = await self._merchant(merchant_id)
        if not 1 <= version <= len(merchant.versions):
            return None
        return StoredRuleset(_record(merchant, version), merchant.versions[version - 1].ruleset)

    async def list(self, merchant_id: MerchantId, limit: int, before: int) -> Sequence[VersionRecord]:
        merchant = await self._merchant(merchant_id)
        last = min(before - 1, len(merchant.versions)) if before else len(merchant.versions)
        return [
            replace(_record(merchant, version), history=()) for version in range(last, max(last - max(limit, 1), 0), -1)
        ]

    async def state(self, merchant_id: MerchantId) -> RoutingState:
        merchant = await self._merchant(merchant_id)
        activations = [
            change
            for change in merchant.changes
            if change.kind is ChangeKind.ACTIVATED and change.version == merchant.active
        ]
        return RoutingState(
            active_version=merchant.active,
            previous_version=activations[-1].replaced_version if activations else NO_RULESET,
            newest_version=len(merchant.versions),
            approval_required=merchant.approval_required,
            waiver_requested_by=self._wished_by(merchant),
        )

    async def approve(self, merchant_id: MerchantId, version: int, actor: Actor) -> VersionRecord:
        merchant = await self._merchant(merchant_id)
        if not 1 <= version <= len(merchant.versions):
            raise Refusal(Reason.RULESET_NOT_FOUND, version=version)
        if merchant.versions[version - 1].actor.key_id == actor.key_id:
            raise Refusal(Reason.RULESET_OWN_APPROVAL, version=version)
        if actor.key_id not in _record(merchant, version).approved_by:
            self._write(merchant, ChangeKind.APPROVED, version, actor)
        return _record(merchant, version)

    async def activate(self, merchant_id: MerchantId, version: int, expected: int, actor: Actor) -> None:
        await self._activate(merchant_id, version, expected, actor, ChangeKind.ACTIVATED)

    async def roll_back(self, merchant_id: MerchantId, version: int, expected: int, actor: Actor) -> None:
        await self._activate(merchant_id, version, expected, actor, ChangeKind.ROLLED_BACK)

    async def require_approval(self, merchant_id: MerchantId, actor: Actor, *, required: bool) -> RoutingState:
        merchant = await self._merchant(merchant_id)
        wished_by = self._wished_by(merchant)
        if required and (not merchant.approval_required or wished_by):
            merchant.approval_required, merchant.wish = True, None
            self._write(merchant, ChangeKind.APPROVAL_REQUIRED, NO_RULESET, actor)
        elif not required and merchant.approval_required and not wished_by:
            merchant.wish = (actor.key_id, self._now())
            self._write(merchant, ChangeKind.APPROVAL_WAIVER_REQUESTED, NO_RULESET, actor)
        elif not required and merchant.approval_required and wished_by != actor.key_id:
            merchant.approval_required, merchant.wish = False, None
            self._write(merchant, ChangeKind.APPROVAL_WAIVED, NO_RULESET, actor)
        return await self.state(merchant_id)

    async def changes(self, merchant_id: MerchantId, limit: int, before: int) -> Sequence[Change]:
        merchant = await self._merchant(merchant_id)
        found = [change for change in reversed(merchant.changes) if not before or change.number < before]
        return found[: max(limit, 1)]

    async def _activate(
        self, merchant_id: MerchantId, version: int, expected: int, actor: Actor, kind: ChangeKind
    ) -> None:
        merchant = await self._merchant(merchant_id)
        back = kind is ChangeKind.ROLLED_BACK
        if not 1 <= version <= len(merchant.versions) and not (back and version == NO_RULESET):
            raise Refusal(Reason.RULESET_NOT_FOUND, version=version)
        if merchant.active == version:
            return
        if merchant.active != expected:
            raise Refusal(Reason.RULESET_CONFLICT, active_version=merchant.active, expected_version=expected)
        kinds = {change.kind for change in merchant.changes if change.version == version}
        if back and version != NO_RULESET and ChangeKind.ACTIVATED not in kinds:
            raise Refusal(Reason.RULESET_NEVER_ACTIVE, version=version)
        if not back and merchant.approval_required and ChangeKind.APPROVED not in kinds:
            raise Refusal(Reason.RULESET_NOT_APPROVED, version=version)
        replaced, merchant.active = merchant.active, version
        self._write(merchant, kind, version, actor, replaced)

    def _write(
        self, merchant: _Merchant, kind: ChangeKind, version: int, actor: Actor, replaced: int = NO_RULESET
    ) -> None:
        merchant.changes.append(Change(len(merchant.changes) + 1, kind, version, replaced, actor, self._now()))

    def _wished_by(self, merchant: _Merchant) -> str:
        if merchant.wish is None or merchant.wish[1] <= self._now() - timedelta(days=1):
            return ""
        return merchant.wish[0]

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.later

    async def _merchant(self, merchant_id: MerchantId) -> _Merchant:
        # Every real store makes its caller wait, so that others get their turn.
        await asyncio.sleep(0)
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)
        return self.merchants.setdefault(merchant_id, _Merchant())


def _record(merchant: _Merchant, version: int) -> VersionRecord:
    kept = merchant.versions[version - 1]
    history = [change for change in merchant.changes if change.version == version]
    kinds = {change.kind for change in history}
    state = VersionState.DRAFT
    if merchant.active == version:
        state = VersionState.ACTIVE
    elif ChangeKind.ACTIVATED in kinds:
        state = VersionState.RETIRED
    elif ChangeKind.APPROVED in kinds:
        state = VersionState.APPROVED
    return VersionRecord(
        version=version,
        state=state,
        note=kept.note,
        rule_count=len(kept.ruleset.rules),
        created_by=kept.actor.key_id,
        created_at=kept.at,
        approved_by=tuple(change.actor.key_id for change in history if change.kind is ChangeKind.APPROVED),
        history=tuple(history[-HISTORY_MAX:]),
    )
