"""The gateway when peers, database, callers or itself go away in the middle; over the real PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from payera.gateway.v1 import payment_pb2
from payera.gateway.v1 import payment_service_pb2 as payments_pb2
from payera.gateway.v1 import payment_service_pb2_grpc as payments_grpc
from payera.types.v1 import outcome_pb2

from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.gateway.mesh import CALL_SECONDS, RunningMesh, reason_of, running_mesh
from tests.fakes.gateway.servers import APPROVED
from tests.support.mesh_services import running_service, write_identities
from tests.support.postgres import PostgresServer, postgres

__all__ = ["postgres"]

pytestmark = pytest.mark.integration

Payment = payment_pb2.Payment
BACKENDS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gateway_svc'"


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_identities(tmp_path_factory.mktemp("identities"))


@pytest.fixture
async def mesh(postgres: PostgresServer, identities: Path) -> AsyncIterator[RunningMesh]:
    async with running_mesh(postgres, identities) as running:
        yield running


@pytest.fixture
async def administrator(postgres: PostgresServer) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(postgres.admin_url, autocommit=True) as connection:
        yield connection


async def refusal_of(call: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return reason_of(caught.value)


async def unless_in_flight(call: Any) -> Any:
    """Give the answer, or None while the first call with the key runs."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        if reason_of(error) != "IDEMPOTENCY_KEY_IN_FLIGHT":
            raise
        return None


def hold(mesh: RunningMesh) -> asyncio.Event:
    """Make the connectors wait for the event that is given back."""
    go = asyncio.Event()

    async def answer(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001
        await go.wait()
        return APPROVED

    mesh.connectors.answer = answer
    return go


def gateway_environment(mesh: RunningMesh, crash_directory: Path) -> dict[str, str]:
    """Give the settings of a gateway process among the same peers."""
    return {
        "PAYERA_DATABASE_URL": mesh.settings.database_url,
        "PAYERA_ROUTER_ADDRESS": mesh.settings.router_address,
        "PAYERA_VAULT_ADDRESS": mesh.settings.vault_address,
        "PAYERA_CONNECTORS_ADDRESS": mesh.settings.connectors_address,
        "PAYERA_TEMPORAL_ADDRESS": "127.0.0.1:1",
        "PAYERA_CODEC_KEYRING": str(crash_directory / "none"),
        "PAYERA_CRASH_DIRECTORY": str(crash_directory),
    }


async def status_of(administrator: psycopg.AsyncConnection[Any], merchant_id: str) -> list[tuple[str, str]]:
    cursor = await administrator.execute(
        "SELECT p.status, a.status FROM gateway.payment AS p JOIN gateway.attempt AS a ON a.payment_id = p.id "
        "WHERE p.merchant_id = %s",
        (merchant_id,),
    )
    return await cursor.fetchall()


@pytest.mark.parametrize("peer", ["router", "vault"])
async def test_without_router_or_vault_nothing_begins_but_replays_are_answered(
    mesh: RunningMesh, administrator: psycopg.AsyncConnection[Any], peer: str
) -> None:
    first = await mesh.pay("key-1")
    await mesh.stop_peer(peer)
    assert await refusal_of(mesh.pay("key-2")) == "UNAVAILABLE"
    assert await mesh.pay("key-1") == first
    assert await status_of(administrator, mesh.merchant_id) == [("SUCCEEDED", "APPROVED")]


async def test_without_connectors_the_attempt_is_not_sent_and_handed_over(mesh: RunningMesh) -> None:
    await mesh.stop_peer("connectors")
    payment = await mesh.pay()
    assert (payment.status, payment.attempts[0].status) == (Payment.PROCESSING, payment_pb2.Attempt.NOT_SENT)
    assert payment.attempts[0].decline.code == "connectors_unavailable"
    assert [(kind, reference) for kind, reference, _ in mesh.durable.handed_over] == [("PAYMENT", payment.id)]


async def test_an_outcome_that_is_lost_is_unknown_and_handed_over(mesh: RunningMesh) -> None:
    async def fail(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001
        raise ValueError

    mesh.connectors.answer = fail
    payment = await mesh.pay("key")
    assert (payment.status, payment.attempts[0].status) == (Payment.PROCESSING, payment_pb2.Attempt.UNKNOWN)
    [(_, reference, wait_ms)] = mesh.durable.handed_over
    assert reference == payment.id
    assert 0 < wait_ms <= 10_000
    again = await mesh.pay("key")
    assert (again.id, again.status) == (payment.id, Payment.PROCESSING)
    assert len(mesh.connectors.requests) == 1


async def test_a_caller_who_hangs_up_does_not_break_off_the_recording(mesh: RunningMesh) -> None:
    go = hold(mesh)
    call = mesh.payments.CreatePayment(mesh.request(), metadata=mesh.metadata("key"), timeout=CALL_SECONDS)
    pending = asyncio.ensure_future(call)
    await mesh.connectors.reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pending
    assert await refusal_of(mesh.pay("key")) == "IDEMPOTENCY_KEY_IN_FLIGHT"
    go.set()
    payment = None
    async with asyncio.timeout(CALL_SECONDS):
        while payment is None:
            payment = await unless_in_flight(mesh.pay("key"))
    assert payment.status == Payment.SUCCEEDED
    assert len(mesh.connectors.requests) == 1


async def test_a_psp_that_is_slower_than_the_caller_waits_is_answered_with_processing(mesh: RunningMesh) -> None:
    hold(mesh)
    payment = await mesh.payments.CreatePayment(mesh.request(), metadata=mesh.metadata(), timeout=2)
    assert (payment.status, payment.attempts[0].status) == (Payment.PROCESSING, payment_pb2.Attempt.UNKNOWN)


async def test_a_stop_waits_for_what_was_sent(mesh: RunningMesh, administrator: psycopg.AsyncConnection[Any]) -> None:
    go = hold(mesh)
    call = mesh.payments.CreatePayment(mesh.request(), metadata=mesh.metadata(), timeout=CALL_SECONDS)
    pending = asyncio.ensure_future(call)
    await mesh.connectors.reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pending
    stop = asyncio.create_task(mesh.gateway.stop())
    await asyncio.sleep(0)
    go.set()
    await stop
    assert await status_of(administrator, mesh.merchant_id) == [("SUCCEEDED", "APPROVED")]


async def test_connections_that_break_during_the_psp_call_do_not_lose_the_outcome(
    mesh: RunningMesh, administrator: psycopg.AsyncConnection[Any]
) -> None:
    go = hold(mesh)
    call = asyncio.create_task(mesh.pay())
    await mesh.connectors.reached.wait()
    await administrator.execute(BACKENDS)
    go.set()
    assert (await call).status == Payment.SUCCEEDED
    assert await status_of(administrator, mesh.merchant_id) == [("SUCCEEDED", "APPROVED")]


async def test_a_connection_that_breaks_while_recording_does_not_lose_the_outcome(
    mesh: RunningMesh, administrator: psycopg.AsyncConnection[Any], postgres: PostgresServer
) -> None:
    go = hold(mesh)
    call = asyncio.create_task(mesh.pay())
    await mesh.connectors.reached.wait()
    async with await psycopg.AsyncConnection.connect(postgres.admin_url) as locker:
        await locker.execute("SELECT FROM gateway.payment WHERE merchant_id = %s FOR UPDATE", (mesh.merchant_id,))
        go.set()
        async with asyncio.timeout(CALL_SECONDS):
            while True:
                cursor = await administrator.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE usename = 'gateway_svc' AND wait_event_type = 'Lock'"
                )
                if await cursor.fetchall():
                    break
        await locker.rollback()
    assert (await call).status == Payment.SUCCEEDED
    assert await status_of(administrator, mesh.merchant_id) == [("SUCCEEDED", "APPROVED")]


async def test_a_killed_gateway_leaves_what_it_had_begun_and_repeats_send_nothing(
    mesh: RunningMesh, administrator: psycopg.AsyncConnection[Any], identities: Path, tmp_path: Path
) -> None:
    crash = tmp_path / "crash"
    crash.mkdir()
    environment = gateway_environment(mesh, crash)
    metadata = mesh.metadata("key")
    (crash / "gateway.after_send").write_text("kill", encoding="utf-8")
    async with (
        running_service("gateway_svc", identities, tmp_path, environment) as killed,
        killed.channel("envoy") as channel,
    ):
        stub = payments_grpc.PaymentServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.CreatePayment(mesh.request(), metadata=metadata, timeout=CALL_SECONDS)
        await asyncio.to_thread(killed.process.wait, CALL_SECONDS)
    assert (crash / "gateway.after_send.hit").exists()
    assert await status_of(administrator, mesh.merchant_id) == [("PROCESSING", "SENDING")]
    await administrator.execute(
        "UPDATE gateway.idempotency_key SET lease_until = NULL WHERE merchant_id = %s", (mesh.merchant_id,)
    )
    async with (
        running_service("gateway_svc", identities, tmp_path, environment) as again,
        again.channel("envoy") as channel,
    ):
        stub = payments_grpc.PaymentServiceStub(channel)
        payment = await stub.CreatePayment(mesh.request(), metadata=metadata, timeout=CALL_SECONDS)
        assert payment.status == Payment.PROCESSING
        fresh = await stub.CreatePayment(mesh.request(), metadata=mesh.metadata(), timeout=CALL_SECONDS)
        assert fresh.status == Payment.SUCCEEDED
        assert await again.stop() == 0
    lines = [json.loads(line) for line in again.log().splitlines()]
    assert [line["event"] for line in lines][-1] == "gateway stopped"
    assert mesh.secret_key not in again.log()
    assert [request.reference for request in mesh.connectors.requests] == [f"{payment.id}_1", f"{fresh.id}_1"]


async def tokens_to_keep(administrator: psycopg.AsyncConnection[Any], merchant_id: str) -> list[str]:
    cursor = await administrator.execute(
        "SELECT payment_id FROM gateway.token_to_keep WHERE merchant_id = %s", (merchant_id,)
    )
    return [payment_id for (payment_id,) in await cursor.fetchall()]


@pytest.mark.parametrize(("point", "told"), [("gateway.after_record", 0), ("gateway.after_keep", 1)])
async def test_a_gateway_killed_before_or_after_it_told_the_vault_leaves_the_token_to_the_sweep(
    mesh: RunningMesh,
    administrator: psycopg.AsyncConnection[Any],
    identities: Path,
    tmp_path: Path,
    point: str,
    told: int,
) -> None:
    (tmp_path / point).write_text("kill", encoding="utf-8")
    environment = gateway_environment(mesh, tmp_path)
    metadata = mesh.metadata("key")
    async with (
        running_service("gateway_svc", identities, tmp_path, environment) as killed,
        killed.channel("envoy") as channel,
    ):
        stub = payments_grpc.PaymentServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.CreatePayment(mesh.request(store_card=True), metadata=metadata, timeout=CALL_SECONDS)
        await asyncio.to_thread(killed.process.wait, CALL_SECONDS)
    assert await status_of(administrator, mesh.merchant_id) == [("SUCCEEDED", "APPROVED")]
    [payment_id] = await tokens_to_keep(administrator, mesh.merchant_id)
    assert [request.payment_id for request in mesh.vault.kept] == [payment_id] * told
    # The repetition gets its answer, and what the vault is to be told stays the sweep's.
    payment = await mesh.pay("key", store_card=True)
    assert (payment.id, payment.status) == (payment_id, Payment.SUCCEEDED)
    assert await tokens_to_keep(administrator, mesh.merchant_id) == [payment_id]
    assert len(mesh.connectors.requests) == 1


async def test_a_vault_that_hangs_delays_the_answer_by_a_moment_and_is_heard_later(
    mesh: RunningMesh, administrator: psycopg.AsyncConnection[Any]
) -> None:
    await mesh.pay(store_card=True)
    go = asyncio.Event()

    async def hang() -> None:
        await go.wait()

    mesh.vault.keep = hang
    loop = asyncio.get_running_loop()
    began = loop.time()
    payment = await mesh.pay(store_card=True)
    assert payment.status == Payment.SUCCEEDED
    assert loop.time() - began < CALL_SECONDS / 3
    assert await tokens_to_keep(administrator, mesh.merchant_id) == [payment.id]
    go.set()


@pytest.mark.parametrize("reason", [Reason.TOKEN_USED, Reason.UNAVAILABLE])
async def test_what_the_vault_says_of_a_stored_card_is_not_the_payments_answer(
    mesh: RunningMesh, administrator: psycopg.AsyncConnection[Any], reason: Reason
) -> None:
    async def refuse_to_keep() -> None:
        raise Refusal(reason)

    mesh.vault.keep = refuse_to_keep
    payment = await mesh.pay(store_card=True)
    assert payment.status == Payment.SUCCEEDED
    last_word = reason is Reason.TOKEN_USED
    assert await tokens_to_keep(administrator, mesh.merchant_id) == ([] if last_word else [payment.id])
    warned = [values for level, event, values in mesh.logger.events if level == "warning" and "stored card" in event]
    assert warned == ([{"payment_id": payment.id, "reason": "TOKEN_USED"}] if last_word else [])


async def test_a_gateway_starts_while_everything_it_needs_is_away(identities: Path, tmp_path: Path) -> None:
    away = "127.0.0.1:1"
    environment = {
        "PAYERA_DATABASE_URL": f"postgresql://gateway_svc:x@{away}/payera",
        "PAYERA_ROUTER_ADDRESS": away,
        "PAYERA_VAULT_ADDRESS": away,
        "PAYERA_CONNECTORS_ADDRESS": away,
        "PAYERA_TEMPORAL_ADDRESS": away,
        "PAYERA_CODEC_KEYRING": str(tmp_path / "none"),
    }
    async with (
        running_service("gateway_svc", identities, tmp_path, environment) as running,
        running.channel("envoy") as channel,
    ):
        metadata = (("authorization", "Bearer sk_test_x"), ("idempotency-key", new_id("key")))
        read = payments_pb2.GetPaymentRequest(payment_id=new_id("pay"))
        call = payments_grpc.PaymentServiceStub(channel).GetPayment(read, metadata=metadata, timeout=CALL_SECONDS)
        assert await refusal_of(call) == "UNAVAILABLE"
        assert await running.stop() == 0
