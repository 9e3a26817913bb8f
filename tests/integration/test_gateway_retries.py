"""Over the wire and PostgreSQL: cards that a network forbids to try again, and merchants who narrow their cascades."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from payera.gateway.v1 import merchant_service_pb2 as merchants_pb2
from payera.gateway.v1 import payment_pb2
from payera.gateway.v1 import payment_service_pb2 as payments_pb2
from payera.types.v1 import outcome_pb2

from mesh.identifiers import new_id
from tests.fakes.gateway.mesh import CALL_SECONDS, RunningMesh, reason_of, running_mesh
from tests.support.mesh_services import write_identities
from tests.support.postgres import PostgresServer, postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.integration

Payment = payment_pb2.Payment
VISA_REATTEMPTS = 20
ANOTHER_TOKEN = new_id("tok")


@pytest.fixture(scope="module")
async def mesh(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningMesh]:
    identities = write_identities(tmp_path_factory.mktemp("identities"))
    async with running_mesh(postgres, identities) as running:
        yield running


@pytest.fixture(autouse=True)
async def _clean(mesh: RunningMesh) -> None:
    mesh.connectors.__init__()  # type: ignore[misc]
    mesh.durable.__init__()  # type: ignore[misc]
    mesh.vault.__init__({mesh.token, ANOTHER_TOKEN})  # type: ignore[misc]
    mesh.merchant_id, mesh.secret_key = await mesh.new_merchant()


def decline_with(mesh: RunningMesh, code: str, network_code: str) -> None:
    """Let every PSP decline."""

    async def decline(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001 - whatever is asked
        return outcome_pb2.Outcome(
            kind=outcome_pb2.OUTCOME_KIND_DECLINED,
            psp_reference="psp_1",
            code=code,
            raw_code=network_code,
            network_code=network_code,
        )

    mesh.connectors.answer = decline


async def configure(mesh: RunningMesh, **cascade: Any) -> Any:
    request = merchants_pb2.ConfigureMerchantRequest(merchant_id=mesh.merchant_id, cascade=cascade)
    metadata = mesh.metadata(api_key=mesh.operator_key)
    return await mesh.merchants.ConfigureMerchant(request, metadata=metadata, timeout=CALL_SECONDS)


async def test_a_card_that_must_never_be_tried_again_is_sent_nowhere_whatever_its_token(mesh: RunningMesh) -> None:
    decline_with(mesh, "stolen_card", "43")
    assert (await mesh.pay()).decline.code == "stolen_card"
    key = new_id("key")
    call = mesh.payments.CreatePayment(
        mesh.request(token=ANOTHER_TOKEN), metadata=mesh.metadata(key), timeout=CALL_SECONDS
    )
    payment = await call
    assert "idempotent-replayed" not in dict(await call.initial_metadata())
    assert (payment.status, payment.decline.code, len(payment.attempts)) == (Payment.DECLINED, "do_not_retry", 0)
    assert payment.decline.message
    assert len(mesh.connectors.requests) == 1
    assert mesh.durable.handed_over == []
    read = payments_pb2.GetPaymentRequest(payment_id=payment.id)
    assert await mesh.payments.GetPayment(read, metadata=mesh.metadata(), timeout=CALL_SECONDS) == payment
    assert await mesh.pay(key, token=ANOTHER_TOKEN) == payment
    mesh.vault.fingerprint = "fpr_of_another_card"
    assert (await mesh.pay()).decline.code == "stolen_card"


async def test_payments_at_once_with_one_card_are_counted_right(mesh: RunningMesh) -> None:
    decline_with(mesh, "insufficient_funds", "51")
    await mesh.pay()
    payments = await asyncio.gather(*(mesh.pay() for _ in range(50)))
    codes = Counter(payment.decline.code for payment in payments)
    assert codes == {"insufficient_funds": VISA_REATTEMPTS, "retry_limit_reached": 50 - VISA_REATTEMPTS}
    assert len(mesh.connectors.requests) == 1 + VISA_REATTEMPTS


async def test_a_merchant_decides_how_far_its_declined_payments_move_on(mesh: RunningMesh) -> None:
    decline_with(mesh, "do_not_honor", "05")
    assert (await mesh.pay()).status == Payment.PROCESSING
    merchant = await configure(mesh, off=True)
    assert (merchant.cascade.off, merchant.cascade.max_attempts) == (True, 0)
    assert (await mesh.pay()).status == Payment.DECLINED
    merchant = await configure(mesh, classes=["T"], max_attempts=2)
    assert (list(merchant.cascade.classes), merchant.cascade.max_attempts) == (["T"], 2)
    assert (await mesh.pay()).status == Payment.DECLINED
    await configure(mesh, codes=["do_not_honor"])
    assert (await mesh.pay()).status == Payment.PROCESSING
    assert len(mesh.durable.handed_over) == 2
    assert not (await configure(mesh)).cascade.codes


@pytest.mark.parametrize(
    "useless",
    [
        {"codes": ["stolen_card"]},
        {"codes": ["Do not honor"]},
        {"codes": ["do_not_honor", "do_not_honor"]},
        {"classes": ["X"]},
        {"classes": ["A"]},
        {"max_attempts": 5},
        {"max_attempts": -1},
    ],
)
async def test_settings_that_can_not_be_meant_are_refused(mesh: RunningMesh, useless: dict[str, Any]) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await configure(mesh, **useless)
    assert (caught.value.code(), reason_of(caught.value)) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
