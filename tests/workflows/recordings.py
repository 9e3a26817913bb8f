"""Records histories for the replay tests: `python -m tests.workflows.recordings` writes those not there yet.

A history is never recorded anew: it stands for workflows that were under way when the code changed. A change of a
workflow adds histories under new names.
"""

import asyncio
import hashlib
import sysconfig
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from temporalio.client import WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.testing import WorkflowEnvironment

from gateway_svc.application.ports import TokenToKeep
from gateway_svc.domain.resolution import ASK_DELAYS_MS
from gateway_svc.workflows.messages import PAYMENT_WORKFLOW, SETTLED_UPDATE, SWEEP_WORKFLOW, SweepOrder
from mesh.keyring import Keyring
from mesh.temporal_codec import encrypting_converter
from tests.fakes.durable.connectors import APPROVED, NOT_FOUND, NOT_SENT, UNKNOWN, declined
from tests.workflows.rig import Rig

HISTORIES = Path(__file__).parent / "histories"
# For these files only, which hold nothing of anybody.
KEYRING = Keyring("recordings", {"recordings": hashlib.sha256(b"the replay tests of payera").digest()})

Handle = WorkflowHandle[Any, Any]
Scenario = Callable[[Rig, str], Awaitable[Handle]]


async def payment_cascade(rig: Rig, reference: str) -> Handle:
    """Record a soft decline, then two accounts more, with a caller waiting."""
    rig.store.add_payment(reference, "psp_a", "psp_b", "psp_c", status="DECLINED", code="do_not_honor")
    rig.connectors.tell(f"{reference}_2", NOT_SENT)
    rig.connectors.tell(f"{reference}_3", APPROVED)
    operation: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        PAYMENT_WORKFLOW,
        reference,
        id=reference,
        task_queue=rig.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )
    await rig.client.execute_update_with_start_workflow(SETTLED_UPDATE, start_workflow_operation=operation)
    handle = await operation.workflow_handle()
    await handle.result()
    return handle


async def payment_unknown_then_approved(rig: Rig, reference: str) -> Handle:
    """Record asks until the PSP answers."""
    rig.store.add_payment(reference, "psp_a", status="UNKNOWN")
    rig.connectors.tell(f"{reference}_1", UNKNOWN, APPROVED)
    return await rig.settle_payment(reference)


async def payment_repeated(rig: Rig, reference: str) -> Handle:
    """Record two answers of not found and a repetition."""
    rig.store.add_payment(reference, "psp_a", status="UNKNOWN")
    rig.connectors.tell(f"{reference}_1", NOT_FOUND, NOT_FOUND, declined("stolen_card"))
    return await rig.settle_payment(reference)


async def payment_reviewed(rig: Rig, reference: str) -> Handle:
    """Record the end of the asks."""
    rig.store.add_payment(reference, "psp_a", status="UNKNOWN", asks=len(ASK_DELAYS_MS))
    return await rig.settle_payment(reference)


async def modification_unknown_then_succeeded(rig: Rig, reference: str) -> Handle:
    """Record a refund that was left sending."""
    rig.store.add_modification(reference)
    rig.connectors.tell(reference, UNKNOWN, APPROVED)
    return await rig.settle_modification(reference)


async def sweep(rig: Rig, reference: str) -> Handle:
    """Record a sweep."""
    rig.store.stalled = [("PAYMENT", "pay_1")]
    order = SweepOrder(grace_ms=20_000, limit=200)
    handle = await rig.client.start_workflow(SWEEP_WORKFLOW, order, id=reference, task_queue=rig.task_queue)
    await handle.result()
    return handle


async def sweep_and_tokens(rig: Rig, reference: str) -> Handle:
    """Record a sweep that also tells the vault of a stored card."""
    rig.store.tokens.note(TokenToKeep("pay_2", "mer_secretmerchant", "tok_secrettoken"))
    rig.store.tokens.make_due()
    return await sweep(rig, reference)


SCENARIOS: dict[str, Scenario] = {
    "payment_cascade": payment_cascade,
    "payment_unknown_then_approved": payment_unknown_then_approved,
    "payment_repeated": payment_repeated,
    "payment_reviewed": payment_reviewed,
    "modification_unknown_then_succeeded": modification_unknown_then_succeeded,
    "sweep": sweep,
    "sweep_and_tokens": sweep_and_tokens,
}


async def record_missing() -> list[str]:
    """Record every scenario that has no history file; return what was written."""
    written = []
    with tempfile.TemporaryDirectory() as folder:
        environment = await WorkflowEnvironment.start_local(
            data_converter=encrypting_converter(KEYRING),
            dev_server_existing_path=str(Path(sysconfig.get_path("scripts")) / "temporal"),
            dev_server_database_filename=str(Path(folder) / "temporal.db"),
            dev_server_log_level="error",
        )
        async with environment:
            for name, scenario in SCENARIOS.items():
                path = HISTORIES / f"{name}.json"
                if path.exists():
                    continue
                rig = Rig(environment.client, task_queue="recordings")
                async with rig.worker():
                    handle = await scenario(rig, name)
                history = await handle.fetch_history()
                path.write_text(history.to_json() + "\n", encoding="utf-8")
                written.append(name)
    return written


if __name__ == "__main__":
    asyncio.run(record_missing())
