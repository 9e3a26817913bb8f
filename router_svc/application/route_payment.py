"""Decides where a payment goes: the merchant's rules, its accounts, and what was learnt of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from router_svc.application.active_rulesets import ActiveRuleset, ActiveRulesets
from router_svc.application.merchants_accounts import ListedAccounts
from router_svc.domain.decision import Decision
from router_svc.domain.eligibility import obstacles
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.health import Admission, Verdict
from router_svc.domain.listed_accounts import list_obstacles, whose
from router_svc.domain.priorities import MerchantId, PriorityList
from router_svc.domain.ruleset import RouteTo, Ruleset
from router_svc.domain.selection import RulesetVersion, Scorer, select
from router_svc.domain.selection import Verdict as Holding

NO_RULESET_VERSION: Final = 0


class AccountHealth(Protocol):
    """Tells whether accounts are in technical trouble."""

    def verdict(self, account: str, payment_id: str, at_ms: int) -> Verdict:
        """Say whether a payment of the moment `at_ms` (milliseconds since 1970) may go to an account."""
        ...


class Knowledge(Protocol):
    """What was learnt from the outcomes of payments."""

    @property
    def scorer(self) -> Scorer:
        """Ranks by it."""

    @property
    def health(self) -> AccountHealth:
        """Knows the accounts in technical trouble."""

    def current(self) -> bool:
        """Tell whether everything was read that there was to learn from."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """The decision, the version of the priority list behind it, and whether what was learnt was up to date."""

    decision: Decision
    list_version: int
    learning_current: bool


@dataclass(frozen=True, slots=True)
class Situation:
    """What a merchant's decisions are made from, besides the payment and the ruleset."""

    priority_list: PriorityList
    accounts: tuple[AccountFacts, ...]
    knowledge: Knowledge

    def decide(self, facts: PaymentFacts, active: ActiveRuleset | None, at: datetime | None = None) -> Decision:
        """Decide for one payment by a ruleset; without one by the priority list, as it stands.

        Conditions see the payment's own moment. Health and learning are asked for the moment `at`, the same by default.
        """
        if active is None:
            everywhere = RouteTo(tuple(place.account for place in self.priority_list.priorities))
            version = RulesetVersion(Ruleset((), everywhere), NO_RULESET_VERSION)
            holding = Holding(None)
        else:
            version, holding = active.version, active.evaluator(facts)
        if at is not None:
            facts = replace(facts, at=at)
        decision = select(version, holding, facts, self.accounts, self._obstacles(facts), self.knowledge.scorer)
        if active is None and (suffix := whose(self.priority_list)):
            decision = replace(
                decision,
                candidates=tuple(
                    replace(each, reason=each.reason + suffix) if each.eligible else each
                    for each in decision.candidates
                ),
            )
        return decision

    def troubled(self, at: datetime) -> tuple[str, ...]:
        """Give the accounts in technical trouble at a moment: they get no payments, or only a few to probe them."""
        at_ms = _milliseconds(at)
        health = self.knowledge.health
        return tuple(
            each.account
            for each in self.accounts
            if health.verdict(each.account, "", at_ms).admission is not Admission.HEALTHY
        )

    def _obstacles(self, facts: PaymentFacts) -> Mapping[str, str]:
        """Say by account what keeps it from the payment: the list, what it takes, its health; the first of them."""
        at_ms = _milliseconds(facts.at)
        health = self.knowledge.health
        found: dict[str, str] = {}
        for account in self.accounts:
            verdict = health.verdict(account.account, facts.payment_id, at_ms)
            if verdict.admission is Admission.TURNED_AWAY:
                found[account.account] = verdict.reason
        return {**found, **obstacles(facts, self.accounts), **list_obstacles(self.priority_list, facts)}


@dataclass(frozen=True, slots=True)
class RoutePayment:
    """Routes by the merchant's active ruleset; without one by its priority list, as it stands.

    The list gives the accounts either way: a rule can't send to an account that is not on it, or is disabled there. An
    account in technical trouble is not eligible, whatever ranks: its payments go to the next one.
    """

    lists: ListedAccounts
    rulesets: ActiveRulesets
    knowledge: Knowledge

    async def __call__(self, facts: PaymentFacts) -> Route:
        """Decide for one payment.

        Raises Refusal(UNAVAILABLE) when the merchant's list or ruleset is neither at hand nor in reach.
        """
        merchant_id = MerchantId(facts.merchant_id)
        active = await self.rulesets.for_routing(merchant_id)
        priority_list, accounts = await self.lists.for_routing(merchant_id)
        decision = Situation(priority_list, accounts, self.knowledge).decide(facts, active)
        return Route(decision, priority_list.version, self.knowledge.current())


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000)
