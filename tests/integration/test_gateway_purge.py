"""Idempotency keys are forgotten once their time is over, and only when their operation is final."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway_svc.adapters.postgres.payment_store import PostgresPaymentStore
from mesh.database import Database
from mesh.identifiers import new_id
from tests.contract.payment_stores import APPROVED, Subject, new_seal
from tests.support.postgres import PostgresServer, postgres

__all__ = ["postgres"]


async def nothing() -> None:
    """Stand for what this test has no use for."""


async def narrow(settings: dict[str, Any]) -> None:
    """Stand for narrowing, which is not needed here."""
    del settings


@pytest.mark.integration
async def test_the_worker_purges_what_is_expired_and_final(postgres: PostgresServer, tmp_path: Path) -> None:
    seal = new_seal(tmp_path)
    gateway = Database(postgres.role_urls["gateway_svc"], pool_size=2, name="test")
    worker = Database(postgres.role_urls["gateway_worker"], pool_size=1, name="test")
    await gateway.open()
    await worker.open()
    try:
        merchant_id = new_id("mer")
        await gateway.call("gateway.create_merchant", merchant_id, "Test")
        store = PostgresPaymentStore(gateway, seal)
        subject = Subject(store, PostgresPaymentStore(worker, seal), merchant_id, "", nothing, nothing, narrow)
        settled = await subject.begun(subject.operation("settled"))
        await store.record_attempt(settled["id"], f"{settled['id']}_1", APPROVED, asked=False)
        await subject.begun(subject.operation("open"))
        with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
            admin.execute(
                "UPDATE gateway.idempotency_key SET expires_at = expires_at - %s WHERE merchant_id = %s",
                (timedelta(days=31), merchant_id),
            )
        assert await PostgresPaymentStore(worker, seal).purge_idempotency_keys(1000) == 1
        assert (await store.find_operation(subject.operation("settled"))).disposition == "NONE"
        assert (await store.find_operation(subject.operation("open"))).disposition == "IN_FLIGHT"
    finally:
        await worker.close()
        await gateway.close()
