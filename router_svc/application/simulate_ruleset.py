"""Tries a draft out on payments that were made, beside the ruleset that decides now; changes nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.application.active_rulesets import ActiveRuleset
from router_svc.application.bounded_threads import BoundedThreads
from router_svc.application.manage_rulesets import ManageRulesets, UnusableRulesetError
from router_svc.application.ports.conditions import ConditionCompiler
from router_svc.application.ports.payment_history import PAGE_SIZE_MAX, PaymentHistory
from router_svc.application.route_payment import RoutePayment, Situation
from router_svc.domain.decision import Decision, Scored
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.priorities import MerchantId
from router_svc.domain.problems import Severity
from router_svc.domain.ruleset import Ruleset, Strategy
from router_svc.domain.selection import RulesetVersion
from router_svc.domain.simulation import Comparison, Difference, PastPayment, place_of

DAYS_MAX: Final = 365
DAYS: Final = 30
PAYMENTS_MAX: Final = 10_000
PAYMENTS: Final = 2_000
SECONDS_MAX: Final = 20.0
SLICE_SECONDS: Final = 0.001
"""How long deciding goes on before payments that wait to be routed get their turn."""
UNSAVED: Final = 0
"""The version of a draft that is given in full."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Which payments to look at: the newest of the last `days` (1 to 365), `payments` at most (1 to 10,000).

    `seconds` is how long all of it may take, 20 at most; what was looked at by then is summed up.
    """

    days: int = DAYS
    payments: int = PAYMENTS
    seconds: float = SECONDS_MAX


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a draft would change.

    `active_version` is 0 without a ruleset, `version` for a draft that is not saved. `oldest` and `newest` are when the
    payments began, None without any. `complete` is False when time ran out before all of the sample were looked at.
    `troubled` are the accounts that technical errors keep from payments just now, which both sides suffer from.
    """

    difference: Difference
    active_version: int
    version: int
    oldest: datetime | None
    newest: datetime | None
    complete: bool
    learning_current: bool
    troubled: tuple[str, ...]


class SimulateRuleset:
    """Decides for stored payments by what is active and by a draft, and sums up the difference.

    Conditions see each payment with its own facts, its moment among them. The priority list, the accounts, their health
    and what was learnt are those of now, for both sides alike, so that chances and fees compare whatever the strategy.
    Splits and exploration pick by the payment's id, as they do when it is routed.

    One simulation at a time runs in a process, for 20 seconds at most, in slices of a millisecond.
    """

    def __init__(
        self,
        *,
        manage: ManageRulesets,
        route: RoutePayment,
        history: PaymentHistory,
        conditions: ConditionCompiler,
        threads: BoundedThreads,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._manage = manage
        self._route = route
        self._history = history
        self._conditions = conditions
        self._threads = threads
        self._now = now
        self._monotonic = monotonic
        self._running = False

    async def __call__(self, merchant_id: MerchantId, draft: Ruleset | int, sample: Sample) -> Simulation:
        """Try out a draft that is given in full, or a saved version by its number.

        Raises UnusableRulesetError when it has an error. Refuses with OVERLOADED while another one is tried out,
        RULESET_NOT_FOUND, CARD_NUMBER_IN_TEXT, INVALID_FIELD, or UNAVAILABLE when something it needs is out of reach.
        """
        if self._running:
            raise Refusal(Reason.OVERLOADED)
        self._running = True
        try:
            return await self._simulate(merchant_id, draft, sample)
        finally:
            self._running = False

    async def _simulate(self, merchant_id: MerchantId, draft: Ruleset | int, sample: Sample) -> Simulation:
        until = self._monotonic() + min(sample.seconds, SECONDS_MAX)
        tried_out = await self._usable(merchant_id, draft)
        active = await self._route.rulesets.for_routing(merchant_id)
        situation = Situation(*await self._route.lists.for_routing(merchant_id), self._route.knowledge)
        trial = _Trial(situation, active, tried_out, self._now())
        complete = await self._try_out(trial, merchant_id, sample, until)
        return Simulation(
            difference=trial.comparison.difference(),
            active_version=0 if active is None else active.version.version,
            version=tried_out.version.version,
            oldest=trial.oldest,
            newest=trial.newest,
            complete=complete,
            learning_current=self._route.knowledge.current(),
            troubled=situation.troubled(trial.now),
        )

    async def _usable(self, merchant_id: MerchantId, draft: Ruleset | int) -> ActiveRuleset:
        """Give a draft ready to decide, as if it were active."""
        version = UNSAVED
        if isinstance(draft, int):
            version, draft = draft, (await self._manage.get(merchant_id, draft)).ruleset
        problems = await self._manage.check(merchant_id, draft)
        errors = [problem for problem in problems if problem.severity is Severity.ERROR]
        if errors:
            raise UnusableRulesetError(draft, errors)
        rules = draft.rules
        evaluator = await self._threads.run(lambda: self._conditions.compile(rules))
        return ActiveRuleset(RulesetVersion(draft, version), evaluator)

    async def _try_out(self, trial: "_Trial", merchant_id: MerchantId, sample: Sample, until: float) -> bool:
        """Decide for the sample, page by page; False when time ran out before."""
        left = min(sample.payments, PAYMENTS_MAX)
        begin = trial.now - timedelta(days=min(sample.days, DAYS_MAX))
        token = ""
        began = perf_counter()
        # A page has one payment at least, so that there are never more pages than payments.
        while left > 0:
            page, token = await self._history.page(merchant_id, begin, trial.now, min(left, PAGE_SIZE_MAX), token)
            for payment in page:
                if self._monotonic() >= until:
                    return False
                trial.decide(payment)
                if perf_counter() - began > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    began = perf_counter()
            left -= len(page)
            if not token or not page:
                break
        return True


class _Trial:
    """Decides for payments by both rulesets at one moment, and sums up."""

    def __init__(self, situation: Situation, active: ActiveRuleset | None, draft: ActiveRuleset, now: datetime) -> None:
        self._situation = situation
        self._active = active
        self._draft = draft
        self._accounts = {account.account: account for account in situation.accounts}
        self.now = now
        self.oldest: datetime | None = None
        self.newest: datetime | None = None
        before = Ruleset(()) if active is None else active.version.ruleset
        self.comparison = Comparison(before, draft.version.ruleset)

    def decide(self, payment: PastPayment) -> None:
        facts = payment.facts
        before = self._situation.decide(facts, self._active, at=self.now)
        after = self._situation.decide(facts, self._draft, at=self.now)
        self.comparison.add(payment, before, after, self._rated(facts, before, after))
        self.newest = max(self.newest or facts.at, facts.at)
        self.oldest = min(self.oldest or facts.at, facts.at)

    def _rated(self, facts: PaymentFacts, *decisions: Decision) -> dict[str, Scored]:
        """Give chance and fee of the first accounts, also where a decision by priority or split asked for neither."""
        names = dict.fromkeys(place_of(decision).account for decision in decisions)
        firsts: list[AccountFacts] = [self._accounts[name] for name in names if name in self._accounts]
        if not firsts:
            return {}
        scored = self._situation.knowledge.scorer(replace(facts, at=self.now), firsts, Strategy())
        return {each.account: each for each in scored}
