"""Where versions of rulesets are kept, and what was done with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from router_svc.domain.priorities import MerchantId
from router_svc.domain.ruleset import Ruleset

#: The version of a merchant without a ruleset.
NO_RULESET: Final = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: the id of the API key, and the request that it came with."""

    key_id: str
    request_id: str


class VersionState(StrEnum):
    """How far a version is."""

    DRAFT = "draft"
    APPROVED = "approved"
    ACTIVE = "active"
    RETIRED = "retired"


class ChangeKind(StrEnum):
    """What was done. Each change is written down once, with the change itself."""

    CREATED = "created"
    APPROVED = "approved"
    ACTIVATED = "activated"
    ROLLED_BACK = "rolled_back"
    APPROVAL_REQUIRED = "approval_required"
    APPROVAL_WAIVER_REQUESTED = "approval_waiver_requested"
    APPROVAL_WAIVED = "approval_waived"


@dataclass(frozen=True, slots=True)
class Change:
    """One change, as it is kept for good.

    `number` counts a merchant's changes from 1. `version` is the version that it is about, NO_RULESET where it is about
    none; `replaced_version` the one that was active before, for `ACTIVATED` and `ROLLED_BACK` alone.
    """

    number: int
    kind: ChangeKind
    version: int
    replaced_version: int
    actor: Actor
    at: datetime


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A version without its rules. `history` has all that was done with it, oldest first, the newest 100 at most."""

    version: int
    state: VersionState
    note: str
    rule_count: int
    created_by: str
    created_at: datetime
    approved_by: tuple[str, ...] = ()
    history: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredRuleset:
    """A version with its rules, which never change."""

    record: VersionRecord
    ruleset: Ruleset


@dataclass(frozen=True, slots=True)
class RoutingState:
    """What holds for a merchant. Versions are NO_RULESET where there is none.

    `previous_version` was active before the active one was activated first. `waiver_requested_by` is the key that wants
    approvals no more, empty when none does or its wish is older than a day.
    """

    active_version: int = NO_RULESET
    previous_version: int = NO_RULESET
    newest_version: int = NO_RULESET
    approval_required: bool = False
    waiver_requested_by: str = ""


class RulesetStore(Protocol):
    """Keeps every version of every ruleset and every change. Raises Refusal(UNAVAILABLE) while it is out of reach.

    What is refused has changed nothing. Calls for one merchant take effect one after the other.
    """

    async def create(self, merchant_id: MerchantId, ruleset: Ruleset, note: str, actor: Actor) -> VersionRecord:
        """Keep a new version, numbered one more than the last; refuses with RULESET_LIMIT.

        What the same key has saved last is not kept once more: a repeated call gives that version.
        """
        ...

    async def get(self, merchant_id: MerchantId, version: int) -> StoredRuleset | None:
        """Give a version, None when the merchant has none of this number."""
        ...

    async def list(self, merchant_id: MerchantId, limit: int, before: int) -> Sequence[VersionRecord]:
        """Give up to `limit` versions, newest first, those before `before` (0: from the newest on)."""
        ...

    async def state(self, merchant_id: MerchantId) -> RoutingState:
        """Give what holds for a merchant; cheap."""
        ...

    async def approve(self, merchant_id: MerchantId, version: int, actor: Actor) -> VersionRecord:
        """Count an approval, once per key; refuses with RULESET_NOT_FOUND or RULESET_OWN_APPROVAL."""
        ...

    async def activate(self, merchant_id: MerchantId, version: int, expected: int, actor: Actor) -> None:
        """Let a version decide from now on, in place of `expected`; one that is active already stays so.

        Refuses with RULESET_NOT_FOUND, RULESET_NOT_APPROVED, or RULESET_CONFLICT when another one than `expected` is
        active: of two activations at once, one wins.
        """
        ...

    async def roll_back(self, merchant_id: MerchantId, version: int, expected: int, actor: Actor) -> None:
        """As `activate`, with a version that was active before; it needs no approval. NO_RULESET leaves none active.

        Refuses with RULESET_NOT_FOUND, RULESET_NEVER_ACTIVE or RULESET_CONFLICT.
        """
        ...

    async def require_approval(self, merchant_id: MerchantId, actor: Actor, *, required: bool) -> RoutingState:
        """Ask for approvals from now on; or no more, for which two keys have to call within a day."""
        ...

    async def changes(self, merchant_id: MerchantId, limit: int, before: int) -> Sequence[Change]:
        """Give up to `limit` changes, newest first, those before the number `before` (0: from the newest on)."""
        ...
