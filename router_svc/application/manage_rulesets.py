"""What merchants do with their rulesets: check, save, approve, activate, go back, and read what was done."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.application import pages
from router_svc.application.bounded_threads import BoundedThreads
from router_svc.application.check_ruleset import CheckRuleset
from router_svc.application.ports.merchant_accounts import MerchantAccounts
from router_svc.application.ports.ruleset_store import (
    NO_RULESET,
    Actor,
    Change,
    RoutingState,
    RulesetStore,
    StoredRuleset,
    VersionRecord,
)
from router_svc.application.ruleset_texts import require_plain_texts
from router_svc.domain.priorities import MerchantId
from router_svc.domain.problems import Problem, Severity
from router_svc.domain.ruleset import Ruleset


class UnusableRulesetError(Exception):
    """A ruleset has errors, so that it is neither saved nor activated; `problems` has the errors alone."""

    def __init__(self, ruleset: Ruleset, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.why}" for problem in problems))
        self.ruleset = ruleset
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class CheckedRuleset:
    """A version as it is after a call, and what that call warns of."""

    stored: StoredRuleset
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class ActiveState:
    """What holds for a merchant, with the version that decides; None when there is none."""

    state: RoutingState
    active: CheckedRuleset | None


class ManageRulesets:
    """Changes rulesets and reads them. A change decides in this process at once, elsewhere within five seconds.

    A check takes up to two seconds of a processor; it runs in a thread, and OVERLOADED is the answer when many wait.
    """

    def __init__(
        self,
        *,
        store: RulesetStore,
        accounts: MerchantAccounts,
        check: CheckRuleset,
        threads: BoundedThreads,
        changed: Callable[[MerchantId], Awaitable[None]],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._check = check
        self._threads = threads
        self._changed = changed

    async def check(self, merchant_id: MerchantId, draft: Ruleset) -> tuple[Problem, ...]:
        """Give all that is wrong with a draft, by the accounts of now; saves nothing.

        Refuses with CARD_NUMBER_IN_TEXT or INVALID_FIELD.
        """
        require_plain_texts(draft)
        return await self._problems(merchant_id, draft)

    async def create(self, merchant_id: MerchantId, draft: Ruleset, note: str, actor: Actor) -> CheckedRuleset:
        """Save a draft as a new version. Raises UnusableRulesetError when it has an error; nothing is saved then.

        Refuses with RULESET_LIMIT, CARD_NUMBER_IN_TEXT or INVALID_FIELD.
        """
        require_plain_texts(draft, note)
        warnings = await self._warnings(merchant_id, draft)
        record = await self._store.create(merchant_id, draft, note, actor)
        return CheckedRuleset(StoredRuleset(record, draft), warnings)

    async def get(self, merchant_id: MerchantId, version: int) -> StoredRuleset:
        """Give a version; refuses with RULESET_NOT_FOUND."""
        stored = await self._store.get(merchant_id, version)
        if stored is None:
            raise Refusal(Reason.RULESET_NOT_FOUND, version=version)
        return stored

    async def list(self, merchant_id: MerchantId, page_size: int, token: str) -> tuple[Sequence[VersionRecord], str]:
        """Give a page of versions, newest first, and the token of the next; refuses with INVALID_PAGE_TOKEN."""
        scope = f"rulesets/{merchant_id}"
        size = pages.size_of(page_size)
        found = await self._store.list(merchant_id, size + 1, pages.decode(scope, token))
        return pages.cut(scope, found, size, lambda record: record.version)

    async def active(self, merchant_id: MerchantId) -> ActiveState:
        """Give what holds for a merchant."""
        return await self._active(merchant_id, ())

    async def approve(self, merchant_id: MerchantId, version: int, actor: Actor) -> StoredRuleset:
        """Approve a version; refuses with RULESET_NOT_FOUND or RULESET_OWN_APPROVAL."""
        record = await self._store.approve(merchant_id, version, actor)
        return replace(await self.get(merchant_id, version), record=record)

    async def activate(self, merchant_id: MerchantId, version: int, expected: int, actor: Actor) -> CheckedRuleset:
        """Let a version decide, in place of `expected`. Raises UnusableRulesetError when it has an error by now.

        One that is active already stays so, unchecked. Refuses with RULESET_NOT_FOUND, RULESET_NOT_APPROVED or
        RULESET_CONFLICT.
        """
        stored = await self.get(merchant_id, version)
        if (await self._store.state(merchant_id)).active_version == version:
            return CheckedRuleset(stored)
        warnings = await self._warnings(merchant_id, stored.ruleset)
        try:
            await self._store.activate(merchant_id, version, expected, actor)
        finally:
            # Also after an error: a broken connection does not tell what became of it.
            await self._changed(merchant_id)
        return CheckedRuleset(await self.get(merchant_id, version), warnings)

    async def roll_back(self, merchant_id: MerchantId, version: int | None, expected: int, actor: Actor) -> ActiveState:
        """Go back to a version that was active before, to the previous one when `version` is None.

        NO_RULESET leaves none active. Raises UnusableRulesetError, and refuses with RULESET_NOT_FOUND,
        RULESET_NEVER_ACTIVE or RULESET_CONFLICT.
        """
        state = await self._store.state(merchant_id)
        if version is None:
            if state.active_version != expected:
                raise Refusal(Reason.RULESET_CONFLICT, active_version=state.active_version, expected_version=expected)
            version = state.previous_version
        warnings: tuple[Problem, ...] = ()
        if version not in (NO_RULESET, state.active_version):
            warnings = await self._warnings(merchant_id, (await self.get(merchant_id, version)).ruleset)
        try:
            await self._store.roll_back(merchant_id, version, expected, actor)
        finally:
            await self._changed(merchant_id)
        return await self._active(merchant_id, warnings)

    async def require_approval(self, merchant_id: MerchantId, actor: Actor, *, required: bool) -> RoutingState:
        """Ask for approvals from now on; or no more, for which two keys have to call within a day."""
        return await self._store.require_approval(merchant_id, actor, required=required)

    async def changes(self, merchant_id: MerchantId, page_size: int, token: str) -> tuple[Sequence[Change], str]:
        """Give a page of changes, newest first, and the token of the next; refuses with INVALID_PAGE_TOKEN."""
        scope = f"changes/{merchant_id}"
        size = pages.size_of(page_size)
        found = await self._store.changes(merchant_id, size + 1, pages.decode(scope, token))
        return pages.cut(scope, found, size, lambda change: change.number)

    async def _active(self, merchant_id: MerchantId, warnings: tuple[Problem, ...]) -> ActiveState:
        state = await self._store.state(merchant_id)
        if state.active_version == NO_RULESET:
            return ActiveState(state, None)
        return ActiveState(state, CheckedRuleset(await self.get(merchant_id, state.active_version), warnings))

    async def _warnings(self, merchant_id: MerchantId, draft: Ruleset) -> tuple[Problem, ...]:
        problems = await self._problems(merchant_id, draft)
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        if errors:
            raise UnusableRulesetError(draft, errors)
        return problems

    async def _problems(self, merchant_id: MerchantId, draft: Ruleset) -> tuple[Problem, ...]:
        accounts = {account.account: account for account in await self._accounts.of(merchant_id)}
        return await self._threads.run(lambda: self._check(draft, accounts))
