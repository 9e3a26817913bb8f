"""The steps that take an attempt back: recorded before they are sent, sent once, believed when the PSP says so."""

import pytest

from gateway_svc.application.keep_tokens import KeepToken
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.resolution import REVERSE_DELAYS_MS, Confirms, Means
from gateway_svc.domain.reversal import REVERSED_CODE
from gateway_svc.workflows.messages import Advance, Plan
from gateway_svc.workflows.payment_activities import PaymentActivities
from gateway_svc.workflows.recording import AFTER_SEND, BEFORE_SEND
from tests.fakes.durable.connectors import APPROVED, NOT_SENT, UNKNOWN, FakeConnectors
from tests.fakes.durable.observing import FakeCrashes, FakeObserver, SimulatedDeathError
from tests.fakes.durable.store import FakeStore
from tests.fakes.gateway.peers import FakeLogger, FakeTokenVault

RELEASED = Outcome(OutcomeKind.APPROVED, psp_reference="psp-secret-ok")
REFUSED = Outcome(OutcomeKind.DECLINED, psp_reference="psp-secret-rev", code="invalid_transaction")
RECEIVED = Outcome(OutcomeKind.PENDING, psp_reference="psp-secret-rev")
REVERSIBLE = Means(webhook=True, reverse=Confirms.WEBHOOK)
FIRST = Advance("pay_1", waited_for="pay_1_1#3!1")


class Bench:
    """One payment of which nobody knows what became, and the activity that settles it."""

    def __init__(self) -> None:
        self.store, self.connectors, self.crashes = FakeStore(), FakeConnectors(offered=REVERSIBLE), FakeCrashes()
        self.vault = FakeTokenVault()
        self.observer = FakeObserver()
        self.store.add_payment("pay_1", "psp_a", "psp_b", status="UNKNOWN", asks=3, store_card=True)
        keep = KeepToken(vault=self.vault, store=self.store, after_keep=_nothing, logger=FakeLogger())
        self.activities = PaymentActivities(self.store, self.connectors, self.crashes, self.observer, keep)

    async def advance(self, order: Advance) -> Plan:
        return await self.activities.advance_payment(order)

    @property
    def states(self) -> tuple[str, str, int, str]:
        payment = self.store.payments["pay_1"]
        attempt = payment["attempts"][0]
        return payment["status"], attempt["status"], attempt["reversals"], attempt["reversal"]


async def _nothing() -> None:
    """Stand for a crash point that is not armed."""


async def test_a_reversal_is_planned_and_waits_before_it_is_sent() -> None:
    bench = Bench()
    # A wait that was planned for an ask does not serve for it.
    for waited_for in ("", "pay_1_1#3"):
        plan = await bench.advance(Advance("pay_1", waited_for=waited_for))
        assert plan == Plan(done=False, delay_ms=REVERSE_DELAYS_MS[0], marker="pay_1_1#3!1")
    assert bench.connectors.reversed == []
    assert bench.states == ("PROCESSING", "UNKNOWN", 0, "NONE")


async def test_confirmed_in_the_answer_it_ends_the_payment() -> None:
    bench = Bench()
    bench.connectors.tell("pay_1_1", RELEASED)
    assert (await bench.advance(FIRST)).done
    assert bench.connectors.reversed == [("pay_1_1", 1)]
    assert bench.states == ("DECLINED", "DECLINED", 1, "SENT")
    assert bench.store.payments["pay_1"]["attempts"][0]["code"] == REVERSED_CODE
    assert bench.observer.steps["payment", "reverse"] == 1


async def test_acknowledged_it_waits_for_the_webhook() -> None:
    bench = Bench()
    bench.connectors.tell("pay_1_1", RECEIVED)
    plan = await bench.advance(FIRST)
    assert not plan.done
    assert bench.states == ("PROCESSING", "UNKNOWN", 1, "ACKNOWLEDGED")
    # What was served before is not served again.
    assert (await bench.advance(FIRST)).marker == "pay_1_1#4"
    assert bench.connectors.reversed == [("pay_1_1", 1)]


@pytest.mark.parametrize("outcome", [UNKNOWN, NOT_SENT], ids=["unclear", "not sent"])
async def test_without_a_clear_answer_another_follows_later_with_a_number_of_its_own(outcome: Outcome) -> None:
    bench = Bench()
    bench.connectors.tell("pay_1_1", outcome, RELEASED)
    plan = await bench.advance(FIRST)
    assert (plan.delay_ms, plan.marker) == (REVERSE_DELAYS_MS[1], "pay_1_1#4!2")
    assert (await bench.advance(Advance("pay_1", waited_for=plan.marker))).done
    assert bench.connectors.reversed == [("pay_1_1", 1), ("pay_1_1", 2)]


async def test_refused_it_lets_an_approval_stand_that_was_held_back() -> None:
    bench = Bench()
    bench.connectors.tell("pay_1_1", RECEIVED)
    await bench.advance(FIRST)
    payment = await bench.store.load_payment("pay_1")
    assert payment["status"] == "PROCESSING"
    bench.store.payments["pay_1"]["attempts"][0]["reversal"] = "REFUSED"
    bench.connectors.offered = Means(ask_by_reference=True)
    bench.connectors.tell("pay_1_1", APPROVED)
    plan = await bench.advance(Advance("pay_1"))
    assert (await bench.advance(Advance("pay_1", waited_for=plan.marker))).done
    assert bench.states[:2] == ("SUCCEEDED", "APPROVED")
    assert bench.vault.told


@pytest.mark.parametrize("point", [BEFORE_SEND, AFTER_SEND])
async def test_a_death_around_the_call_leads_to_another_reversal_after_another_wait(point: str) -> None:
    bench = Bench()
    bench.crashes.armed.add(point)
    bench.connectors.tell("pay_1_1", RELEASED, RELEASED)
    with pytest.raises(SimulatedDeathError):
        await bench.advance(FIRST)
    assert bench.states == ("PROCESSING", "UNKNOWN", 1, "SENT")
    plan = await bench.advance(FIRST)
    assert (plan.delay_ms, plan.marker) == (REVERSE_DELAYS_MS[1], "pay_1_1#3!2")
    assert (await bench.advance(Advance("pay_1", waited_for=plan.marker))).done


async def test_what_somebody_else_has_begun_is_not_sent() -> None:
    bench = Bench()
    bench.store.payments["pay_1"]["attempts"][0]["status"] = "PENDING"
    before = bench.store.load_payment

    async def stale(payment_id: str) -> dict[str, object]:
        view = await before(payment_id)
        view["attempts"][0]["status"] = "UNKNOWN"
        return view

    bench.store.load_payment = stale  # type: ignore[method-assign]
    plan = await bench.advance(FIRST)
    assert bench.connectors.reversed == []
    assert not plan.done
