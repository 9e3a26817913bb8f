"""Steps of payments whose shopper must act: they are watched, ended in time, and cancelled where nobody came."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from gateway_svc.application.keep_tokens import KeepToken
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.resolution import Means
from gateway_svc.domain.shopper_action import ACTING_ASK_DELAYS_MS, CANCEL_DELAYS_MS, LATE_ASK_DELAYS_MS
from gateway_svc.workflows.messages import PAYMENT_WORKFLOW, SETTLED_UPDATE, Advance, Plan
from gateway_svc.workflows.payment_activities import PaymentActivities
from gateway_svc.workflows.recording import AFTER_SEND, BEFORE_SEND
from tests.fakes.durable.connectors import APPROVED, UNKNOWN, WAITS, FakeConnectors, declined
from tests.fakes.durable.observing import FakeCrashes, FakeObserver, SimulatedDeathError
from tests.fakes.durable.store import FakeStore
from tests.fakes.gateway.peers import FakeLogger, FakeTokenVault
from tests.workflows.rig import TASK_TIMEOUT, Rig, new_reference

CANCELLED = declined("customer_canceled")
REFUSED = Outcome(OutcomeKind.DECLINED, psp_reference="psp-secret-3ds", code="invalid_transaction")
OFFERED = Means(ask_by_psp_reference=True, webhook=True, cancel=True)
STEPS_MAX = 60


class Stage:
    """A payment that waits for its shopper, and a worker."""

    def __init__(self, *accounts: str, offered: Means = OFFERED) -> None:
        self.store, self.connectors = FakeStore(), FakeConnectors(offered=offered)
        self.crashes, self.observer = FakeCrashes(), FakeObserver()
        self.payment = self.store.add_payment(
            "pay_1", *(accounts or ("psp_a",)), status="ACTION_REQUIRED", psp_reference="psp-secret-3ds"
        )
        self.payment |= {
            "status": "REQUIRES_ACTION",
            "return_url": "https://shop.example/back",
            "next_action": {"left_seconds": 60},
        }

        async def nothing() -> None:
            """Stand for a crash point that is not armed."""

        keep = KeepToken(vault=FakeTokenVault(), store=self.store, after_keep=nothing, logger=FakeLogger())
        self.activities = PaymentActivities(self.store, self.connectors, self.crashes, self.observer, keep)

    @property
    def attempt(self) -> dict[str, object]:
        return self.payment["attempts"][0]  # type: ignore[no-any-return]

    async def play(self, *, left: int = 0) -> list[int]:
        """Carry the payment on to its end without waiting; gives the waits in milliseconds.

        The shopper has so many asks' time left.
        """
        waits: list[int] = []
        order = Advance("pay_1")
        for _ in range(STEPS_MAX):
            if len(self.connectors.asked) >= left and self.payment["status"] == "REQUIRES_ACTION":
                self.payment["next_action"]["left_seconds"] = 0
            plan = await self.activities.advance_payment(order)
            if plan.done:
                return waits
            if plan.delay_ms:
                waits.append(plan.delay_ms)
            order = Advance("pay_1", plan.marker)
        raise AssertionError("never done")


async def test_a_shopper_who_acts_is_found_by_asking_where_no_webhook_came() -> None:
    stage = Stage()
    stage.connectors.tell("pay_1_1", WAITS, WAITS, APPROVED)
    assert await stage.play(left=9) == list(ACTING_ASK_DELAYS_MS[:3])
    assert (stage.payment["status"], stage.connectors.cancelled) == ("SUCCEEDED", [])


async def test_a_shopper_who_fails_ends_the_payment_by_the_policy() -> None:
    stage = Stage("psp_a", "psp_b")
    stage.connectors.tell("pay_1_1", declined("authentication_failed"))
    await stage.play(left=9)
    assert (stage.payment["status"], len(stage.payment["attempts"])) == ("DECLINED", 1)


async def test_an_issuer_who_declines_after_the_challenge_lets_the_payment_go_on_by_the_policy() -> None:
    stage = Stage("psp_a", "psp_b")
    stage.connectors.tell("pay_1_1", declined("issuer_unavailable"))
    stage.connectors.tell("pay_1_2", APPROVED)
    await stage.play(left=9)
    assert (stage.payment["status"], stage.connectors.sent) == ("SUCCEEDED", ["pay_1_2"])


async def test_nobody_comes_and_the_psp_is_asked_told_to_cancel_and_asked_again() -> None:
    stage = Stage("psp_a", "psp_b")
    stage.connectors.tell("pay_1_1", WAITS, CANCELLED)
    stage.connectors.tell("pay_1_1_cancel", APPROVED)
    await stage.play()
    assert (stage.payment["status"], stage.attempt["code"]) == ("DECLINED", "authentication_abandoned")
    assert stage.connectors.cancelled == [("pay_1_1", 1)]
    assert stage.connectors.asked == ["pay_1_1", "pay_1_1"]
    assert stage.connectors.sent == [], "no other PSP is asked"
    assert [text for _, text in stage.store.records] == [
        "ACTION_EXPIRED",
        "ACTION_REQUIRED",
        "CANCEL SENT",
        "CANCEL DONE",
        "DECLINED",
    ]
    assert stage.observer.steps["payment", "cancel"] == 1


async def test_a_shopper_who_comes_in_the_last_moment_has_paid() -> None:
    stage = Stage()
    stage.connectors.tell("pay_1_1", WAITS, APPROVED)
    stage.connectors.tell("pay_1_1_cancel", REFUSED)
    await stage.play()
    assert (stage.payment["status"], stage.attempt["cancel"]) == ("SUCCEEDED", "REFUSED")


async def test_an_unanswered_cancelling_is_repeated_before_anything_is_believed() -> None:
    stage = Stage()
    stage.connectors.tell("pay_1_1", WAITS, APPROVED, CANCELLED)
    stage.connectors.tell("pay_1_1_cancel", UNKNOWN, APPROVED)
    waits = await stage.play()
    assert stage.connectors.cancelled == [("pay_1_1", 1), ("pay_1_1", 2)]
    assert stage.payment["status"] == "DECLINED"
    assert set(waits) <= {*LATE_ASK_DELAYS_MS, *CANCEL_DELAYS_MS}


async def test_a_psp_that_never_answers_is_for_an_operator_at_last() -> None:
    stage = Stage()
    stage.connectors.tell("pay_1_1", *[UNKNOWN] * STEPS_MAX)
    stage.connectors.tell("pay_1_1_cancel", *[UNKNOWN] * STEPS_MAX)
    with pytest.raises(AssertionError, match="never done"):
        await stage.play()
    assert len(stage.connectors.cancelled) == len(CANCEL_DELAYS_MS)
    stage.store.begun_at["pay_1_1"] -= 4 * 86_400
    await stage.play()
    assert stage.payment["under_review"]


@pytest.mark.parametrize("point", [BEFORE_SEND, AFTER_SEND])
async def test_a_crash_while_cancelling_lets_nothing_be_believed_too_early(point: str) -> None:
    stage = Stage()
    stage.crashes.armed.add(point)
    stage.connectors.tell("pay_1_1", WAITS, APPROVED, CANCELLED)
    stage.connectors.tell("pay_1_1_cancel", *([APPROVED] if point == BEFORE_SEND else [UNKNOWN, APPROVED]))
    with pytest.raises(SimulatedDeathError):
        await stage.play()
    assert stage.attempt["cancel"] == "SENT"
    await stage.play()
    assert stage.payment["status"] == "DECLINED"


async def test_while_the_shopper_acts_callers_need_not_wait() -> None:
    stage = Stage()
    plan = await stage.activities.advance_payment(Advance("pay_1"))
    assert plan == Plan(done=False, delay_ms=ACTING_ASK_DELAYS_MS[0], marker="pay_1_1#0", told=True)


async def test_a_caller_is_answered_when_the_payment_waits_for_the_shopper(client: Client) -> None:
    rig, payment_id = Rig(client), new_reference("pay")
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    payment["return_url"] = "https://shop.example/back"
    rig.connectors.tell(f"{payment_id}_2", WAITS, APPROVED)
    start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        PAYMENT_WORKFLOW,
        payment_id,
        id=payment_id,
        task_queue=rig.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        task_timeout=TASK_TIMEOUT,
    )
    async with rig.worker():
        async with asyncio.timeout(30):
            await client.execute_update_with_start_workflow(SETTLED_UPDATE, start_workflow_operation=start)
        assert payment["status"] == "REQUIRES_ACTION"
        await (await start.workflow_handle()).result()
    assert payment["status"] == "SUCCEEDED"
