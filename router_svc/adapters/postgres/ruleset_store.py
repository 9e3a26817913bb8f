"""Keeps rulesets in PostgreSQL, one stored procedure per method."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mesh.database import Database, Row
from router_svc.adapters.postgres.priority_store import NoRowError
from router_svc.adapters.postgres.stored_rulesets import from_stored, to_stored
from router_svc.application.ports.ruleset_store import (
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

_CREATE: Final = "router.create_ruleset"
_GET: Final = "router.get_ruleset"
_LIST: Final = "router.list_rulesets"
_STATE: Final = "router.routing_state"
_APPROVE: Final = "router.approve_ruleset"
_ACTIVATE: Final = "router.activate_ruleset"
_REQUIRE: Final = "router.require_ruleset_approval"
_CHANGES: Final = "router.list_ruleset_changes"


class PostgresRulesetStore:
    """The tables of rulesets. Raises Refusal(UNAVAILABLE) while the server is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, merchant_id: MerchantId, ruleset: Ruleset, note: str, actor: Actor) -> VersionRecord:
        """Keep a new version, numbered one more than the last; refuses with RULESET_LIMIT."""
        row = await self._database.call(_CREATE, merchant_id, to_stored(ruleset), note, actor.key_id, actor.request_id)
        return _record_of(_present(row, _CREATE)["view"])

    async def get(self, merchant_id: MerchantId, version: int) -> StoredRuleset | None:
        """Give a version, None when the merchant has none of this number."""
        row = await self._database.call(_GET, merchant_id, version)
        return None if row is None else StoredRuleset(_record_of(row["view"]), from_stored(row["ruleset"]))

    async def list(self, merchant_id: MerchantId, limit: int, before: int) -> Sequence[VersionRecord]:
        """Give up to `limit` versions, newest first, those before `before` (0: from the newest on)."""
        rows = await self._database.call_many(_LIST, merchant_id, limit, before)
        return [_record_of(row["view"]) for row in rows]

    async def state(self, merchant_id: MerchantId) -> RoutingState:
        """Give what holds for a merchant; cheap."""
        row = _present(await self._database.call(_STATE, merchant_id), _STATE)
        return RoutingState(
            active_version=row["active_version"],
            previous_version=row["previous_version"],
            newest_version=row["newest_version"],
            approval_required=row["approval_required"],
            waiver_requested_by=row["waiver_requested_by"],
        )

    async def approve(self, merchant_id: MerchantId, version: int, actor: Actor) -> VersionRecord:
        """Count an approval, once per key; refuses with RULESET_NOT_FOUND or RULESET_OWN_APPROVAL."""
        row = await self._database.call(_APPROVE, merchant_id, version, actor.key_id, actor.request_id)
        return _record_of(_present(row, _APPROVE)["view"])

    async def activate(self, merchant_id: MerchantId, version: int, expected: int, actor: Actor) -> None:
        """Let a version decide; refuses with RULESET_NOT_FOUND, RULESET_NOT_APPROVED or RULESET_CONFLICT."""
        await self._database.call(_ACTIVATE, merchant_id, version, expected, False, actor.key_id, actor.request_id)  # noqa: FBT003 - the procedure's signature

    async def roll_back(self, merchant_id: MerchantId, version: int, expected: int, actor: Actor) -> None:
        """Go back to a version; refuses with RULESET_NOT_FOUND, RULESET_NEVER_ACTIVE or RULESET_CONFLICT."""
        await self._database.call(_ACTIVATE, merchant_id, version, expected, True, actor.key_id, actor.request_id)  # noqa: FBT003 - as above

    async def require_approval(self, merchant_id: MerchantId, actor: Actor, *, required: bool) -> RoutingState:
        """Ask for approvals from now on; or no more, for which two keys have to call within a day."""
        await self._database.call(_REQUIRE, merchant_id, required, actor.key_id, actor.request_id)
        return await self.state(merchant_id)

    async def changes(self, merchant_id: MerchantId, limit: int, before: int) -> Sequence[Change]:
        """Give up to `limit` changes, newest first, those before the number `before` (0: from the newest on)."""
        rows = await self._database.call_many(_CHANGES, merchant_id, limit, before)
        return [_change_of(row["view"]) for row in rows]


def _present(row: Row | None, procedure: str) -> Row:
    if row is None:
        message = f"{procedure} gave no row"
        raise NoRowError(message)
    return row


def _record_of(view: Mapping[str, Any]) -> VersionRecord:
    return VersionRecord(
        version=view["version"],
        state=VersionState(view["state"]),
        note=view["note"],
        rule_count=view["rule_count"],
        created_by=view["created_by"],
        created_at=_time_of(view["created_at"]),
        approved_by=tuple(view["approved_by"]),
        history=tuple(_change_of(change) for change in view["history"]),
    )


def _change_of(view: Mapping[str, Any]) -> Change:
    return Change(
        number=view["number"],
        kind=ChangeKind(view["kind"]),
        version=view["version"],
        replaced_version=view["replaced_version"],
        actor=Actor(view["key_id"], view["request_id"]),
        at=_time_of(view["at"]),
    )


def _time_of(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
