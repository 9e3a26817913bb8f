"""A step of a payment on its own: what it does with a record that has moved on meanwhile."""

import copy
from typing import Any

from gateway_svc.workflows.messages import Advance
from gateway_svc.workflows.payment_activities import PaymentActivities
from tests.fakes.durable.connectors import APPROVED, UNKNOWN, FakeConnectors
from tests.fakes.durable.observing import FakeCrashes, FakeObserver
from tests.fakes.durable.store import FakeStore


class StaleStore(FakeStore):
    """Shows a payment as it was before somebody else began the next attempt."""

    stale: Any = None

    async def load_payment(self, payment_id: str) -> dict[str, Any]:
        if self.stale is not None:
            view, self.stale = self.stale, None
            return dict(view)
        return await super().load_payment(payment_id)


def _activities(store: FakeStore, connectors: FakeConnectors) -> PaymentActivities:
    return PaymentActivities(store, connectors, FakeCrashes(), FakeObserver())


async def test_attempt_begun_by_somebody_else_is_asked_for_and_not_sent() -> None:
    store, connectors = StaleStore(), FakeConnectors()
    store.add_payment("pay_1", "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    stale = copy.deepcopy(await store.load_payment("pay_1"))
    begun, _ = await store.begin_attempt("pay_1", 2, "psp_b", "secret reason")
    assert begun
    store.stale = stale
    activities = _activities(store, connectors)
    plan = await activities.advance_payment(Advance("pay_1"))
    assert connectors.sent == []
    assert (plan.done, plan.marker) == (False, "pay_1_2#0")
    assert plan.delay_ms > 0


async def test_order_whose_wait_was_for_another_ask_only_plans() -> None:
    store, connectors = FakeStore(), FakeConnectors()
    store.add_payment("pay_1", "psp_a", status="UNKNOWN", asks=3)
    plan = await _activities(store, connectors).advance_payment(Advance("pay_1", waited_for="pay_1_1#2"))
    assert connectors.asked == []
    assert plan.marker == "pay_1_1#3"


async def test_same_order_twice_asks_once() -> None:
    store, connectors = FakeStore(), FakeConnectors()
    store.add_payment("pay_1", "psp_a", status="UNKNOWN")
    connectors.tell("pay_1_1", UNKNOWN, APPROVED)
    activities = _activities(store, connectors)
    order = Advance("pay_1", waited_for="pay_1_1#0")
    first = await activities.advance_payment(order)
    assert await activities.advance_payment(order) == first
    assert connectors.asked == ["pay_1_1"]
