"""The workflow of a capture, void or refund on a real Temporal server."""

import pytest
from temporalio.client import Client

from gateway_svc.domain.resolution import ASK_DELAYS_MS
from tests.fakes.durable.connectors import APPROVED, NOT_FOUND, NOT_SENT, declined
from tests.workflows.rig import Rig, new_reference


@pytest.fixture
def rig(client: Client) -> Rig:
    return Rig(client)


@pytest.mark.parametrize("kind", ["CAPTURE", "VOID", "REFUND"])
async def test_modification_left_sending_is_asked_for(rig: Rig, kind: str) -> None:
    reference = new_reference(kind.lower())
    modification = rig.store.add_modification(reference, kind)
    rig.connectors.tell(reference, APPROVED)
    async with rig.worker():
        await rig.settle_modification(reference)
    assert modification["status"] == "SUCCEEDED"
    assert rig.connectors.asked == [reference]
    assert rig.connectors.sent == []


async def test_twice_not_found_repeats_the_same_refund(rig: Rig) -> None:
    reference = new_reference("ref")
    modification = rig.store.add_modification(reference)
    rig.connectors.tell(reference, NOT_FOUND, NOT_FOUND, APPROVED)
    async with rig.worker():
        await rig.settle_modification(reference)
    assert modification["status"] == "SUCCEEDED"
    assert rig.connectors.asked == [reference] * 2
    assert rig.connectors.sent == [reference]


async def test_repetition_that_was_not_sent_does_not_fail_the_refund(rig: Rig) -> None:
    reference = new_reference("ref")
    modification = rig.store.add_modification(reference, status="UNKNOWN", asks=1, not_founds=2)
    rig.connectors.tell(reference, NOT_SENT, declined("refund_refused"))
    async with rig.worker():
        await rig.settle_modification(reference)
    assert [status for _, status in rig.store.records] == ["UNKNOWN", "FAILED"]
    assert modification["status"] == "FAILED"


async def test_death_after_a_repetition_asks_again(rig: Rig) -> None:
    reference = new_reference("cap")
    modification = rig.store.add_modification(reference, "CAPTURE", status="UNKNOWN", asks=1, not_founds=2)
    rig.crashes.armed.add("worker.after_send")
    rig.connectors.tell(reference, APPROVED, APPROVED)
    async with rig.worker():
        await rig.settle_modification(reference)
    # Not recorded, so still twice not found: the repetition itself is repeated, with the same idempotency key.
    assert rig.connectors.sent == [reference] * 2
    assert modification["status"] == "SUCCEEDED"


async def test_last_ask_without_an_answer_leads_to_review(rig: Rig) -> None:
    reference = new_reference("void")
    modification = rig.store.add_modification(reference, "VOID", status="UNKNOWN", asks=len(ASK_DELAYS_MS))
    async with rig.worker():
        await rig.settle_modification(reference)
    assert modification["under_review"]
    assert modification["status"] == "UNKNOWN"
    assert rig.connectors.asked == []
