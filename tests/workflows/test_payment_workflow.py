"""A payment's workflow on a real Temporal server: cascades, unknown outcomes, crashes, review."""

from typing import Any

import pytest
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from gateway_svc.domain.resolution import ASK_DELAYS_MS
from gateway_svc.workflows.messages import PAYMENT_WORKFLOW, SETTLED_UPDATE
from tests.fakes.durable.connectors import APPROVED, NOT_FOUND, NOT_SENT, UNKNOWN, declined
from tests.workflows.rig import TASK_TIMEOUT, Rig, events_of, new_reference


@pytest.fixture
def rig(client: Client) -> Rig:
    return Rig(client)


@pytest.fixture
def payment_id() -> str:
    return new_reference("pay")


async def test_soft_decline_cascades_to_the_next_account(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    rig.connectors.tell(f"{payment_id}_2", APPROVED)
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert payment["status"] == "SUCCEEDED"
    assert [attempt["account"] for attempt in payment["attempts"]] == ["psp_a", "psp_b"]
    assert rig.connectors.sent == [f"{payment_id}_2"]
    assert rig.connectors.asked == []


async def test_not_sent_cascades_until_no_account_is_left(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", "psp_c", status="NOT_SENT", code="psp_unavailable")
    rig.connectors.tell(f"{payment_id}_2", NOT_SENT)
    rig.connectors.tell(f"{payment_id}_3", NOT_SENT)
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert payment["status"] == "FAILED"
    assert rig.connectors.sent == [f"{payment_id}_2", f"{payment_id}_3"]


async def test_hard_decline_at_the_second_account_ends_the_payment(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", "psp_c", status="NOT_SENT", code="psp_unavailable")
    rig.connectors.tell(f"{payment_id}_2", declined("stolen_card"))
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert payment["status"] == "DECLINED"
    assert len(payment["attempts"]) == 2


async def test_unknown_outcome_is_asked_for_until_the_psp_answers(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="UNKNOWN")
    rig.connectors.tell(f"{payment_id}_1", UNKNOWN, APPROVED)
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert payment["status"] == "SUCCEEDED"
    assert rig.connectors.asked == [f"{payment_id}_1"] * 2
    assert rig.connectors.sent == []


async def test_twice_not_found_repeats_the_same_attempt(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="UNKNOWN")
    rig.connectors.tell(f"{payment_id}_1", NOT_FOUND, NOT_FOUND, APPROVED)
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert payment["status"] == "SUCCEEDED"
    assert rig.connectors.asked == [f"{payment_id}_1"] * 2
    # The same attempt means the same idempotency key, which the connectors derive from its id.
    assert rig.connectors.sent == [f"{payment_id}_1"]
    assert len(payment["attempts"]) == 1


async def test_unknown_in_a_cascade_never_goes_to_another_account(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", "psp_c", status="NOT_SENT", code="psp_unavailable")
    rig.connectors.tell(f"{payment_id}_2", UNKNOWN, NOT_SENT, APPROVED)
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert payment["status"] == "SUCCEEDED"
    assert [attempt["account"] for attempt in payment["attempts"]] == ["psp_a", "psp_b"]


@pytest.mark.parametrize("point", ["worker.before_send", "worker.after_send"])
async def test_death_around_the_send_leads_to_an_ask_and_never_to_a_second_send(
    rig: Rig, payment_id: str, point: str
) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    sends = 1 if point == "worker.after_send" else 0
    rig.connectors.tell(f"{payment_id}_2", *[APPROVED] * (sends + 1))
    rig.crashes.armed.add(point)
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert rig.crashes.hit == [point]
    assert rig.connectors.sent == [f"{payment_id}_2"] * sends
    assert rig.connectors.asked == [f"{payment_id}_2"]
    assert payment["status"] == "SUCCEEDED"


async def test_death_after_the_record_repeats_nothing(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="UNKNOWN")
    rig.connectors.tell(f"{payment_id}_1", UNKNOWN, declined("stolen_card"))
    rig.crashes.armed.add("worker.after_record")
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert rig.connectors.asked == [f"{payment_id}_1"] * 2
    assert payment["attempts"][0]["asks"] == 2
    assert payment["status"] == "DECLINED"


async def test_death_after_the_vault_was_told_of_a_stored_card_leaves_the_rest_to_the_sweep(
    rig: Rig, payment_id: str
) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", store_card=True, status="UNKNOWN")
    rig.connectors.tell(f"{payment_id}_1", APPROVED)
    rig.crashes.armed.add("worker.after_keep")
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert rig.crashes.hit == ["worker.after_keep"]
    assert payment["status"] == "SUCCEEDED"
    assert rig.connectors.asked == [f"{payment_id}_1"]
    assert [wanted.payment_id for wanted in rig.vault.told] == [payment_id]
    assert set(rig.store.tokens.waiting) == {payment_id}


async def test_database_away_while_recording_does_not_lose_the_outcome(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="NOT_SENT", code="psp_unavailable")
    rig.connectors.tell(f"{payment_id}_2", APPROVED)
    rig.store.record_away = 3
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert payment["status"] == "SUCCEEDED"
    assert rig.connectors.sent == [f"{payment_id}_2"]
    assert rig.connectors.asked == []


async def test_database_away_at_the_start_is_waited_for(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", status="UNKNOWN")
    rig.connectors.tell(f"{payment_id}_1", APPROVED)
    rig.store.away = 4
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert payment["status"] == "SUCCEEDED"


async def test_psp_slower_than_a_workflow_task_is_waited_for_and_sent_to_once(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    rig.connectors.tell(f"{payment_id}_2", APPROVED)
    rig.connectors.slow_seconds = TASK_TIMEOUT.total_seconds() * 1.5
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert payment["status"] == "SUCCEEDED"
    assert rig.connectors.sent == [f"{payment_id}_2"]
    assert rig.connectors.asked == []


async def test_last_ask_without_an_answer_leads_to_review(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="UNKNOWN", asks=len(ASK_DELAYS_MS))
    async with rig.worker():
        await rig.settle_payment(payment_id)
    assert payment["under_review"]
    assert payment["status"] == "PROCESSING"
    assert rig.connectors.sent == rig.connectors.asked == []


async def test_rerun_of_a_settled_payment_ends_at_once(rig: Rig, payment_id: str) -> None:
    rig.store.add_payment(payment_id, "psp_a", status="UNKNOWN")
    rig.connectors.tell(f"{payment_id}_1", APPROVED)
    async with rig.worker():
        first = await rig.settle_payment(payment_id)
        second = await rig.settle_payment(payment_id)
    assert first.first_execution_run_id != second.first_execution_run_id
    assert rig.connectors.asked == [f"{payment_id}_1"]


async def test_payment_that_is_not_there_fails_its_workflow_without_retries(rig: Rig, payment_id: str) -> None:
    async with rig.worker():
        with pytest.raises(WorkflowFailureError) as raised:
            await rig.settle_payment(payment_id)
    cause = raised.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "PAYMENT_NOT_FOUND"


async def test_cascade_with_a_waiting_caller_is_one_workflow_task(rig: Rig, payment_id: str) -> None:
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    rig.connectors.tell(f"{payment_id}_2", APPROVED)
    operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        PAYMENT_WORKFLOW,
        payment_id,
        id=payment_id,
        task_queue=rig.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    async with rig.worker():
        await rig.client.execute_update_with_start_workflow(SETTLED_UPDATE, start_workflow_operation=operation)
        # The update is answered when the payment has left PROCESSING, not before.
        assert payment["status"] == "SUCCEEDED"
        handle = await operation.workflow_handle()
        await handle.result()
    events = await events_of(handle)
    assert len(events) <= 9
