"""The router's use cases over stores in memory, as one process has them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.application.active_rulesets import ActiveRulesets
from router_svc.application.bounded_threads import BoundedThreads
from router_svc.application.merchants_accounts import ListedAccounts
from router_svc.application.ports.ruleset_store import NO_RULESET, Actor
from router_svc.application.priority_lists import PriorityLists
from router_svc.application.route_payment import Route, RoutePayment
from router_svc.domain.decision import Scored
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.health import Health, HealthSettings
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.learning.state import Learning
from router_svc.domain.priorities import MerchantId, default_list
from router_svc.domain.ruleset import Ruleset, Strategy
from router_svc.domain.scoring import LearningScorer
from tests.fakes.router.priority_store import FakePriorityStore
from tests.fakes.router.ruleset_store import FakeRulesetStore
from tests.fakes.vault.clocks import FakeMonotonic

MERCHANT = MerchantId("mer_1")
PAYMENT = PaymentFacts(MERCHANT, "pay_1", 1050, "EUR", datetime(2026, 11, 26, 12, tzinfo=UTC), brand="visa")
ACTOR = Actor("key_1", "req_1")


@dataclass(slots=True)
class FakeConnectors:
    """Knows the accounts that a test names; None: nothing is known yet."""

    accounts: tuple[AccountFacts, ...] | None = None
    #: Accounts that come to light when they are asked for anew.
    made: tuple[AccountFacts, ...] = ()

    async def look_again(self, _missing: Collection[str]) -> None:
        self.accounts = (*(self.accounts or ()), *self.made)
        self.made = ()

    def for_merchant(self, _merchant_id: str) -> tuple[AccountFacts, ...]:
        if self.accounts is None:
            raise Refusal(Reason.UNAVAILABLE)
        return self.accounts


class FakeKnowledge:
    """Learning and health that a test fills by hand."""

    def __init__(self) -> None:
        self.learning = Learning(LearningSettings())
        self.health = Health(HealthSettings())
        self.caught_up = True
        self._scorer = LearningScorer(self.learning, self.health)

    def scorer(self, facts: PaymentFacts, accounts: Sequence[AccountFacts], strategy: Strategy) -> Sequence[Scored]:
        return self._scorer(facts, accounts, strategy)

    def current(self) -> bool:
        return self.caught_up


@dataclass(slots=True)
class Router:
    """One router; another one over the same stores is made by naming them."""

    store: FakePriorityStore = field(default_factory=FakePriorityStore)
    rules: FakeRulesetStore = field(default_factory=FakeRulesetStore)
    connectors: FakeConnectors = field(default_factory=FakeConnectors)
    knowledge: FakeKnowledge = field(default_factory=FakeKnowledge)
    monotonic: FakeMonotonic = field(default_factory=FakeMonotonic)
    lists: PriorityLists = field(init=False)
    rulesets: ActiveRulesets = field(init=False)
    decide: RoutePayment = field(init=False)

    def __post_init__(self) -> None:
        self.lists = PriorityLists(store=self.store, default=default_list(("fallback",)), monotonic=self.monotonic)
        self.rulesets = ActiveRulesets(
            store=self.rules,
            conditions=CelCompiler(),
            threads=BoundedThreads(at_once=1, waiting_max=10, name="rulesets"),
            monotonic=self.monotonic,
        )
        self.decide = RoutePayment(ListedAccounts(self.lists, self.connectors), self.rulesets, self.knowledge)

    async def route(self, **changes: object) -> Route:
        """Route a payment of 10.50 EUR by Visa, with changes."""
        return await self.decide(replace(PAYMENT, **changes))  # type: ignore[arg-type]

    async def activate(self, ruleset: Ruleset) -> int:
        """Make a ruleset the merchant's active one, whatever checks would say of it."""
        active = (await self.rules.state(MERCHANT)).active_version
        created = await self.rules.create(MERCHANT, ruleset, f"after {active}", ACTOR)
        await self.rules.activate(MERCHANT, created.version, active, ACTOR)
        await self.rulesets.changed(MERCHANT)
        return created.version

    async def deactivate(self) -> None:
        """Leave the merchant without a ruleset."""
        active = (await self.rules.state(MERCHANT)).active_version
        await self.rules.roll_back(MERCHANT, NO_RULESET, active, ACTOR)
        await self.rulesets.changed(MERCHANT)
