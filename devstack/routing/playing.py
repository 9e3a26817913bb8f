"""Plays a world: the same payments for the learner and for the references, each with the same luck at each account."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from time import perf_counter
from typing import Final

from devstack.routing.world import Segment, World, WorldAccount
from router_svc.domain.facts import AccountFacts, PaymentFacts
from router_svc.domain.fees import expected_fee
from router_svc.domain.health import Health, HealthSettings
from router_svc.domain.learning.settings import HOUR_MS, MILLION
from router_svc.domain.learning.state import Learning
from router_svc.domain.observation import Observation, Taught
from router_svc.domain.ruleset import Ranking
from router_svc.domain.scoring import LearningScorer

LEARNER: Final = "learner"
ORACLE: Final = "oracle"
STATIC: Final = "static priority"
EQUAL: Final = "equal split"
POLICIES: Final = (LEARNER, ORACLE, STATIC, EQUAL)
#: After a technical error the next account is tried, by every policy.
ATTEMPTS_MAX: Final = 3
#: Into how many stretches the time is cut for the plot.
STRETCHES: Final = 240
_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_MERCHANT: Final = "merchant"


@dataclass(slots=True)
class Tally:
    """What came of some payments. `expected` has no luck in it: the true chances of what was chosen, added up.

    `value` is what the strategy ranks by, expected too: approvals, or their mix with fees as shares of the amount, or
    for the least cost what is left of the amount after the fee, 0 where the guard-rail was broken.
    `fees` are those of approved payments, in minor units by currency.
    """

    payments: int = 0
    approved: int = 0
    expected: float = 0.0
    value: float = 0.0
    explored: int = 0
    fees: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Played:
    """What a policy made of a world: in all, after the warm-up, and expected approvals by stretch of time."""

    whole: Tally
    warm: Tally
    stretches: list[float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All policies on one world with one seed; `scoring_us` is the mean time of a decision, in microseconds."""

    world: World
    seed: int
    played: dict[str, Played]
    scoring_us: float


@dataclass(slots=True)
class _Option:
    """An account for one payment: true chances, fee, worth, and the luck that the payment would have there."""

    account: WorldAccount
    approval: float
    technical: float
    fee: int
    fee_share: float
    luck: float
    technical_luck: float
    worth: float = 0.0


@dataclass(frozen=True, slots=True)
class _Payment:
    facts: PaymentFacts
    hour: float
    options: dict[str, _Option]
    equal: float


class _Learner:
    """The router's pure core, fed with outcomes when they would have arrived."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._learning = Learning(world.learning)
        self._health = Health(HealthSettings())
        self._scorer = LearningScorer(self._learning, self._health)
        self._accounts = {
            each.account: AccountFacts(each.account, each.connector, fees=each.fees) for each in world.accounts
        }
        self._pending: list[tuple[datetime, int, Observation]] = []
        self._count = 0
        self.seconds = 0.0
        self.explored = False

    def order(self, payment: _Payment) -> list[str]:
        while self._pending and self._pending[0][0] <= payment.facts.at:
            observation = heapq.heappop(self._pending)[2]
            self._learning.observe(observation)
            self._health.observe(observation)
        accounts = [self._accounts[name] for name in payment.options]
        began = perf_counter()
        scored = self._scorer(payment.facts, accounts, self._world.strategy)
        self.seconds += perf_counter() - began
        self.explored = scored[0].explored
        return [each.account for each in scored if each.eligible]

    def tell(self, payment: _Payment, ordinal: int, option: _Option, taught: Taught) -> None:
        facts = payment.facts
        at = facts.at + timedelta(milliseconds=option.account.latency_ms * ordinal)
        observation = Observation(
            facts.merchant_id,
            option.account.account,
            facts.payment_id,
            ordinal,
            taught,
            at,
            facts.currency,
            facts.brand,
            facts.funding,
            facts.issuer_country,
            facts.bin,
        )
        self._count += 1
        arrival = at + timedelta(milliseconds=self._world.lag_ms)
        heapq.heappush(self._pending, (arrival, self._count, observation))


def play(world: World, seed: int | None = None) -> Outcome:
    """Play a world from its beginning to its end; the same world and seed always play the same way."""
    seed = world.seed if seed is None else seed
    played = {name: Played(Tally(), Tally(), [0.0] * STRETCHES) for name in POLICIES}
    learner = _Learner(world)
    count = int(world.hours * world.payments_per_hour)
    chance = Random(seed)  # the lab's luck, not a secret
    weights = [segment.parts for segment in world.segments]
    for index in range(count):
        hour = index * world.hours / count
        segment = chance.choices(world.segments, weights)[0]
        payment = _payment(world, segment, hour, f"{seed}-{index}", chance)
        orders = {
            LEARNER: learner.order(payment),
            ORACLE: _best_first(payment),
            STATIC: list(payment.options),
            EQUAL: _turned(list(payment.options), payment.equal),
        }
        for name, order in orders.items():
            _record(world, payment, order, played[name], learner if name == LEARNER else None)
    return Outcome(world, seed, played, learner.seconds * MILLION / max(count, 1))


def _payment(world: World, segment: Segment, hour: float, payment_id: str, chance: Random) -> _Payment:
    facts = PaymentFacts(
        merchant_id=_MERCHANT,
        payment_id=payment_id,
        amount=chance.randint(*segment.amount),
        currency=segment.currency,
        at=_BEGIN + timedelta(milliseconds=int(hour * HOUR_MS)),
        brand=segment.brand,
        bin=chance.choice(segment.bins) if segment.bins else "",
        funding=segment.funding,
        issuer_country=segment.issuer_country,
    )
    options = {}
    for account in world.accounts:
        # Drawn for accounts that are not there yet, too, so that a payment's luck does not depend on them.
        luck, technical_luck = chance.random(), chance.random()
        if account.from_hour <= hour:
            fee = expected_fee(account.fees, facts)
            options[account.account] = _Option(
                account,
                account.approval_at(segment.name, hour),
                account.technical.at(hour),
                fee,
                min(1.0, fee / max(facts.amount, 1)),
                luck,
                technical_luck,
            )
    _weigh(world, options)
    return _Payment(facts, hour, options, chance.random())


def _best_first(payment: _Payment) -> list[str]:
    """Rank with the true chances: what nobody can know."""
    options = sorted(payment.options.values(), key=lambda option: -(1 - option.technical) * option.worth)
    return [option.account.account for option in options]


def _weigh(world: World, options: dict[str, _Option]) -> None:
    """Set what an attempt at each account is worth to the strategy, if it is not lost to a technical error."""
    strategy = world.strategy
    best = max((option.approval for option in options.values()), default=0.0)
    for option in options.values():
        if strategy.ranking is Ranking.WEIGHTED:
            weight = strategy.success_weight / 100
            option.worth = weight * option.approval - (1 - weight) * option.fee_share
        elif strategy.ranking is Ranking.LEAST_COST:
            kept_back = best - option.approval > world.learning.guard_ppm / MILLION
            option.worth = 0.0 if kept_back else 1 - option.fee_share
        else:
            option.worth = option.approval


def _turned(names: Sequence[str], share: float) -> list[str]:
    first = int(share * len(names))
    return [*names[first:], *names[:first]]


def _record(world: World, payment: _Payment, order: Sequence[str], played: Played, learner: _Learner | None) -> None:
    expected = value = 0.0
    reached = 1.0
    fee = 0
    approved = decided = False
    for ordinal, name in enumerate(order[:ATTEMPTS_MAX], 1):
        option = payment.options[name]
        answered = reached * (1 - option.technical)
        expected += answered * option.approval
        value += answered * option.worth
        reached *= option.technical
        if decided:
            continue
        failed = option.technical_luck < option.technical
        decided = not failed
        approved = decided and option.luck < option.approval
        fee = option.fee if approved else 0
        if learner is not None:
            taught = Taught.TECHNICAL if failed else Taught.APPROVED if approved else Taught.DECLINED
            learner.tell(payment, ordinal, option, taught)
    tallies = (played.whole, played.warm) if payment.hour >= world.warm_up_hours else (played.whole,)
    for tally in tallies:
        tally.payments += 1
        tally.approved += approved
        tally.expected += expected
        tally.value += value
        tally.explored += learner is not None and learner.explored
        if fee:
            tally.fees[payment.facts.currency] = tally.fees.get(payment.facts.currency, 0) + fee
    played.stretches[int(payment.hour / world.hours * STRETCHES)] += expected
