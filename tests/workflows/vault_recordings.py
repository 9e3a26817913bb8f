"""Records histories of rotations for their replay tests: `python -m tests.workflows.vault_recordings` writes new ones.

A history is never recorded anew: it stands for a rotation that was under way when the code changed, maybe for days. A
change of the workflow adds histories under new names.
"""

import asyncio
import sysconfig
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.temporal_codec import encrypting_converter
from tests.support.vault_rotation import NUMBERS, fake_lab
from tests.workflows.recordings import KEYRING
from tests.workflows.vault_rig import VaultRig
from vault_svc.application.ports.rotations import RotationKind
from vault_svc.application.rotate_keys import Pace, Progress
from vault_svc.domain.token import MerchantId

HISTORIES = Path(__file__).parent / "vault_histories"

Handle = WorkflowHandle[Any, Any]
Scenario = Callable[[VaultRig], Awaitable[Handle]]


async def _real(rig: VaultRig, kind: RotationKind) -> Handle:
    lab = fake_lab()
    lab.pace = Pace(batch=3, per_second=100.0, idle_seconds=0)
    for merchant in ("mer_1", "mer_2"):
        for number in NUMBERS:
            await lab.keep(MerchantId(merchant), number)
    lab.provider.active_key_id = "kek_2"
    rig.rotations = {kind: lab.rotation(kind)}
    async with rig.worker():
        return (await rig.rotate(lab.order(kind)))[0]


async def key_encryption_key(rig: VaultRig) -> Handle:
    """Record a rotation of the key-encryption key."""
    return await _real(rig, RotationKind.KEY_ENCRYPTION_KEY)


async def data_keys(rig: VaultRig) -> Handle:
    """Record a rotation of data keys with pauses between its batches."""
    return await _real(rig, RotationKind.DATA_KEY)


async def fingerprint_key(rig: VaultRig) -> Handle:
    """Record a rotation of the fingerprint key."""
    return await _real(rig, RotationKind.FINGERPRINT_KEY)


async def retried(rig: VaultRig) -> Handle:
    """Record batches that failed and were tried again."""
    rig.script.errors = [Refusal(Reason.UNAVAILABLE)]
    async with rig.worker():
        return (await rig.rotate())[0]


async def incomplete(rig: VaultRig) -> Handle:
    """Record a rotation that left something."""
    rig.script.ending = Progress.INCOMPLETE
    async with rig.worker():
        handle = await rig.start()
        with suppress(WorkflowFailureError):
            await handle.result()
    return handle


async def continued(rig: VaultRig) -> Handle:
    """Record the first run of a long rotation."""
    rig.batches_max, rig.script.steps = 3, 4
    async with rig.worker():
        handle = (await rig.rotate())[0]
    return rig.client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)


SCENARIOS: dict[str, Scenario] = {
    "key_encryption_key": key_encryption_key,
    "data_keys": data_keys,
    "fingerprint_key": fingerprint_key,
    "retried": retried,
    "incomplete": incomplete,
    "continued": continued,
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
                handle = await scenario(VaultRig(environment.client, task_queue="recordings"))
                history = await handle.fetch_history()
                path.write_text(history.to_json() + "\n", encoding="utf-8")
                written.append(name)
    return written


if __name__ == "__main__":
    asyncio.run(record_missing())
