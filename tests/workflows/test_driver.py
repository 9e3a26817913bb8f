"""The durable driver as the gateway calls it: it starts, joins, waits, and never fails a request."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from gateway_svc.adapters.temporal.driver import TemporalDurableDriver
from gateway_svc.workflows.messages import TASK_QUEUE
from mesh.keyring import Keyring
from tests.fakes.durable.connectors import APPROVED, declined
from tests.workflows.rig import Rig, new_reference

LONG_MS = 20_000


@pytest.fixture
def rig(client: Client) -> Rig:
    return Rig(client, task_queue=TASK_QUEUE)


@pytest.fixture
def keyring_path(keyring: Keyring, tmp_path: Path) -> Path:
    path = tmp_path / "codec.json"
    keys = {key_id: base64.b64encode(key).decode() for key_id, key in keyring.keys.items()}
    path.write_text(json.dumps({"active": keyring.active, "keys": keys}), encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
async def driver(client: Client, keyring_path: Path) -> AsyncIterator[TemporalDurableDriver]:
    driver = TemporalDurableDriver(client.service_client.config.target_host, client.namespace, keyring_path)
    yield driver
    await driver.close()


async def test_caller_gets_control_back_when_the_payment_has_left_processing(
    rig: Rig, driver: TemporalDurableDriver
) -> None:
    payment_id = new_reference("pay")
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    rig.connectors.tell(f"{payment_id}_2", APPROVED)
    async with rig.worker():
        await driver.settle_payment(payment_id, wait_ms=LONG_MS)
        assert payment["status"] == "SUCCEEDED"


async def test_modification_is_settled(rig: Rig, driver: TemporalDurableDriver) -> None:
    reference = new_reference("ref")
    modification = rig.store.add_modification(reference)
    rig.connectors.tell(reference, declined("refund_refused"))
    async with rig.worker():
        await driver.settle_modification(reference, wait_ms=LONG_MS)
        assert modification["status"] == "FAILED"


async def test_callers_at_the_same_time_share_one_workflow(rig: Rig, driver: TemporalDurableDriver) -> None:
    payment_id = new_reference("pay")
    payment = rig.store.add_payment(payment_id, "psp_a", "psp_b", status="DECLINED", code="do_not_honor")
    rig.connectors.tell(f"{payment_id}_2", APPROVED)
    async with rig.worker():
        await asyncio.gather(*(driver.settle_payment(payment_id, wait_ms=LONG_MS) for _ in range(5)))
    assert payment["status"] == "SUCCEEDED"
    assert rig.connectors.sent == [f"{payment_id}_2"]


async def test_settled_payment_can_be_handed_over_again(rig: Rig, driver: TemporalDurableDriver) -> None:
    payment_id = new_reference("pay")
    payment = rig.store.add_payment(payment_id, "psp_a", status="UNKNOWN")
    rig.connectors.tell(f"{payment_id}_1", APPROVED)
    async with rig.worker():
        await driver.settle_payment(payment_id, wait_ms=LONG_MS)
        await driver.settle_payment(payment_id, wait_ms=LONG_MS)
    assert payment["status"] == "SUCCEEDED"
    assert rig.connectors.asked == [f"{payment_id}_1"]


async def test_without_a_worker_the_workflow_is_started_and_the_caller_goes_on(
    rig: Rig, driver: TemporalDurableDriver
) -> None:
    payment_id = new_reference("pay")
    payment = rig.store.add_payment(payment_id, "psp_a", status="UNKNOWN")
    rig.connectors.tell(f"{payment_id}_1", APPROVED)
    async with asyncio.timeout(10):
        await driver.settle_payment(payment_id, wait_ms=0)
    await _until_running(rig.client, payment_id)
    assert payment["status"] == "PROCESSING"
    async with rig.worker():
        await rig.client.get_workflow_handle(payment_id).result()
    assert payment["status"] == "SUCCEEDED"


async def test_caller_that_goes_away_does_not_take_the_start_with_it(rig: Rig, driver: TemporalDurableDriver) -> None:
    payment_id = new_reference("pay")
    rig.store.add_payment(payment_id, "psp_a", status="UNKNOWN")
    caller = asyncio.create_task(driver.settle_payment(payment_id, wait_ms=LONG_MS))
    await asyncio.sleep(0)
    caller.cancel()
    with suppress(asyncio.CancelledError):
        await caller
    await _until_running(rig.client, payment_id)
    await rig.client.get_workflow_handle(payment_id).terminate()


async def test_temporal_away_is_no_error(keyring_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        driver = TemporalDurableDriver(f"127.0.0.1:{held.getsockname()[1]}", "default", keyring_path)
        async with asyncio.timeout(15):
            await asyncio.gather(*(driver.settle_payment(f"pay_{number}", wait_ms=500) for number in range(20)))
            await driver.settle_modification("ref_1", wait_ms=500)
        await driver.close()


async def test_temporal_that_never_answers_is_no_error(keyring_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        driver = TemporalDurableDriver(f"127.0.0.1:{silent.getsockname()[1]}", "default", keyring_path)
        async with asyncio.timeout(15):
            await driver.settle_payment("pay_1", wait_ms=300)
            await driver.close()


async def test_missing_keyring_is_no_error_for_the_request(client: Client, tmp_path: Path) -> None:
    target = client.service_client.config.target_host
    driver = TemporalDurableDriver(target, client.namespace, tmp_path / "none.json")
    async with asyncio.timeout(10):
        await driver.settle_payment("pay_1", wait_ms=1000)
    await driver.close()


async def _until_running(client: Client, workflow_id: str) -> None:
    async with asyncio.timeout(10):
        while True:
            with suppress(Exception):
                description = await client.get_workflow_handle(workflow_id).describe()
                if description.status is WorkflowExecutionStatus.RUNNING:
                    return
            await asyncio.sleep(0.05)
