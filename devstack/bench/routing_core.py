"""Decisions of the router's core in this process: conditions, eligibility, learning, without a service around it."""

import itertools
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from devstack.bench.calls import percentile
from devstack.bench.routing_world import ACCOUNTS, payments, ruleset, taught
from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.adapters.grpc.route_messages import facts_of
from router_svc.adapters.kafka.payment_events import observation_in
from router_svc.domain.eligibility import obstacles
from router_svc.domain.facts import AccountFacts
from router_svc.domain.health import Health, HealthSettings
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.learning.state import Learning
from router_svc.domain.scoring import LearningScorer
from router_svc.domain.selection import RulesetVersion, select

_MERCHANT = "mer_bench"
_PAYMENTS = 1_000


@dataclass(frozen=True, slots=True)
class CoreResult:
    """Decisions a second on one processor, and how long one takes."""

    per_second: float
    p50_us: float
    p99_us: float


def measure_core(seconds: float) -> CoreResult:
    """Decide again and again about the same thousand payments for so long."""
    learning, health = Learning(LearningSettings()), Health(HealthSettings())
    for event in taught(_MERCHANT):
        seen = observation_in(event.SerializeToString())
        if seen is not None:
            learning.observe(seen)
            health.observe(seen)
    rules = ruleset()
    evaluator = CelCompiler().compile(rules.rules)
    scorer = LearningScorer(learning, health)
    accounts = [AccountFacts(account, "sandbox") for account in ACCOUNTS]
    version = RulesetVersion(rules, 1)
    facts = [
        facts_of(request, lambda: datetime.now(UTC)) for request in itertools.islice(payments(_MERCHANT), _PAYMENTS)
    ]
    took: list[float] = []
    began = time.perf_counter()
    for payment in itertools.cycle(facts):
        before = time.perf_counter()
        select(version, evaluator(payment), payment, accounts, obstacles(payment, accounts), scorer)
        after = time.perf_counter()
        took.append((after - before) * 1_000_000)
        if after - began >= seconds:
            break
    ordered = sorted(took)
    return CoreResult(
        round(len(took) / (after - began), 1), round(percentile(ordered, 0.5), 1), round(percentile(ordered, 0.99), 1)
    )
