"""Payments that were made, for trying out rules: those that a test puts there."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.application.bounded_threads import BoundedThreads
from router_svc.application.manage_rulesets import ManageRulesets
from router_svc.application.simulate_ruleset import SimulateRuleset
from router_svc.domain.priorities import MerchantId
from router_svc.domain.simulation import PastPayment
from tests.fakes.router.routing import PAYMENT, Router

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@dataclass(slots=True)
class FakePaymentHistory:
    """Implements the router's `PaymentHistory` port; `asked` has the size of each page, `down` makes it unreachable."""

    payments: list[PastPayment] = field(default_factory=list)
    page_size: int = 500
    down: bool = False
    asked: list[int] = field(default_factory=list)

    async def page(
        self, merchant_id: MerchantId, begin: datetime, end: datetime, size: int, token: str
    ) -> tuple[Sequence[PastPayment], str]:
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)
        self.asked.append(size)
        found = [
            payment
            for payment in self.payments
            if payment.facts.merchant_id == merchant_id and begin <= payment.facts.at < end
        ]
        found.sort(key=lambda payment: payment.facts.at, reverse=True)
        first = int(token or 0)
        last = first + min(size, self.page_size)
        return found[first:last], str(last) if last < len(found) else ""


def past(number: int, *, tried: str = "a", approved: bool | None = True, **changes: object) -> PastPayment:
    """Make the payment of so many minutes ago."""
    facts = replace(PAYMENT, payment_id=f"pay_{number}", at=NOW - timedelta(minutes=number))
    return PastPayment(replace(facts, **changes), tried, approved)  # type: ignore[arg-type]


def simulating(
    router: Router, manage: ManageRulesets, history: FakePaymentHistory, now: datetime = NOW
) -> SimulateRuleset:
    """Give the use case over a router in memory."""
    return SimulateRuleset(
        manage=manage,
        route=router.decide,
        history=history,
        conditions=CelCompiler(),
        threads=BoundedThreads(at_once=1, waiting_max=4, name="test"),
        now=lambda: now,
        monotonic=router.monotonic,
    )
