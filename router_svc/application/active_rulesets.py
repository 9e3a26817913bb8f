"""Gives each payment its merchant's active ruleset, compiled, and keeps those of recent payments at hand."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from mesh.expiring_cache import ExpiringCache
from router_svc.application.bounded_threads import BoundedThreads
from router_svc.application.ports.conditions import ConditionCompiler, Evaluator
from router_svc.application.ports.ruleset_store import NO_RULESET, RulesetStore
from router_svc.domain.priorities import MerchantId
from router_svc.domain.selection import RulesetVersion

ACTIVE_LIFE_SECONDS: Final = 5.0
AHEAD_SECONDS: Final = 1.0
"""So long before its life ends, what is active is looked up anew, and the old version decides until that is done."""
RENEW_SECONDS: Final = 2.0
ENTRIES_MAX: Final = 10_000
#: A hundred compiled rules take about two megabytes.
RULES_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class ActiveRuleset:
    """The version that decides for a merchant, and its conditions ready to be asked."""

    version: RulesetVersion
    evaluator: Evaluator


class ActiveRulesets:
    """Merchants' active rulesets, at most five seconds old; a version is compiled once, in a thread.

    While a version is compiled, the one before it decides, up to those five seconds.

    Up to 20,000 rules are kept compiled; beyond that, the rulesets go that were looked at longest ago.
    """

    def __init__(
        self,
        *,
        store: RulesetStore,
        conditions: ConditionCompiler,
        threads: BoundedThreads,
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._conditions = conditions
        self._threads = threads
        self._recent: ExpiringCache[MerchantId, ActiveRuleset | None] = ExpiringCache(
            life_seconds=ACTIVE_LIFE_SECONDS, entries_max=ENTRIES_MAX, monotonic=monotonic
        )
        # Outlives the entries above: a version never changes, so that finding it active again compiles nothing.
        self._compiled: OrderedDict[MerchantId, ActiveRuleset] = OrderedDict()
        self._rules = 0

    async def for_routing(self, merchant_id: MerchantId) -> ActiveRuleset | None:
        """Give the ruleset that decides for a merchant, None when it has none.

        Raises Refusal(UNAVAILABLE) when it is neither at hand nor in reach, Refusal(OVERLOADED) when too many wait to
        be compiled, and ConditionsError when it does not compile in this process.
        """

        def load() -> Awaitable[ActiveRuleset | None]:
            return self._load(merchant_id)

        recent = self._recent.get_ahead(merchant_id, load, ahead_seconds=AHEAD_SECONDS)
        if recent is not None:
            return recent
        return await self._recent.get_or_load(merchant_id, load)

    async def changed(self, merchant_id: MerchantId) -> None:
        """Take note that another version may be active: it decides when this comes back, and the old one until then.

        Never raises: where the version can't be had within two seconds, the next payment looks.
        """
        try:
            async with asyncio.timeout(RENEW_SECONDS):
                await self._recent.renew(merchant_id, lambda: self._load(merchant_id))
        except Exception:  # noqa: BLE001 - the next payment meets the same error, and is told of it
            self._recent.drop(merchant_id)

    async def _load(self, merchant_id: MerchantId) -> ActiveRuleset | None:
        active = (await self._store.state(merchant_id)).active_version
        if active == NO_RULESET:
            self._forget(merchant_id)
            return None
        kept = self._compiled.get(merchant_id)
        if kept is None or kept.version.version != active:
            kept = await self._compile(merchant_id, active)
            self._keep(merchant_id, kept)
        if merchant_id in self._compiled:
            self._compiled.move_to_end(merchant_id)
        return kept

    def _keep(self, merchant_id: MerchantId, compiled: ActiveRuleset) -> None:
        self._forget(merchant_id)
        self._compiled[merchant_id] = compiled
        self._rules += len(compiled.version.ruleset.rules)
        while self._rules > RULES_MAX:
            oldest = next(iter(self._compiled))
            self._forget(oldest)
            if oldest != merchant_id:
                self._recent.drop(oldest)

    def _forget(self, merchant_id: MerchantId) -> None:
        forgotten = self._compiled.pop(merchant_id, None)
        if forgotten is not None:
            self._rules -= len(forgotten.version.ruleset.rules)

    async def _compile(self, merchant_id: MerchantId, version: int) -> ActiveRuleset:
        stored = await self._store.get(merchant_id, version)
        if stored is None:
            message = f"version {version} of a ruleset is active and not kept"
            raise LookupError(message)
        evaluator = await self._threads.run(lambda: self._conditions.compile(stored.ruleset.rules))
        return ActiveRuleset(RulesetVersion(stored.ruleset, version), evaluator)
