"""The mesh server over real mutual TLS: how failures are answered, and how it starts, sheds load and stops."""

import asyncio
import json
import socket
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2, reflection_pb2_grpc
from payera.gateway.v1 import payment_pb2, payment_service_pb2, payment_service_pb2_grpc

from mesh import context as calls
from mesh.channels import call_metadata, refusal_of
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.settings import SettingsError
from tests.support.certificates import CertificateAuthority
from tests.support.mesh_server import (
    CREATE,
    HEADERS,
    KEYS,
    PAYMENTS,
    SECRET_KEY,
    Running,
    create,
    detail_of,
    mesh,
    refused,
    request,
    running,
    status_of,
)

__all__ = ["mesh"]

pytestmark = pytest.mark.integration


async def test_broken_rules_are_told_field_by_field(mesh: Running) -> None:
    wrong = request(
        amount={"value": 1, "currency": "euro"}, token="", metadata={"a": "x" * 501, "4242424242424242": "y" * 501}
    )

    async with mesh.channel() as channel:
        error, refusal = await refused(create(channel, wrong))

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason is Reason.INVALID_FIELD
    assert {violation.field for violation in refusal.violations} == {
        "amount.currency",
        "token",
        'metadata["a"]',
        'metadata["[card number]"]',
    }
    assert all(violation.description for violation in refusal.violations)
    (told,) = detail_of(error, error_details_pb2.BadRequest)
    assert len(told.field_violations) == 4
    assert error.details() == f"{refusal.metadata['detail']}"
    assert mesh.payments.seen == []


@pytest.mark.parametrize("value", [0, -5])
async def test_an_amount_that_is_not_positive_has_its_own_reason(mesh: Running, value: int) -> None:
    async with mesh.channel() as channel:
        _, refusal = await refused(create(channel, request(amount={"value": value, "currency": "EUR"})))
        _, too_large = await refused(create(channel, request(amount={"value": 10**12, "currency": "EUR"})))

    assert refusal.reason is Reason.INVALID_AMOUNT
    assert refusal.metadata == {"amount": str(value)}
    assert [violation.field for violation in refusal.violations] == ["amount.value"]
    assert too_large.reason is Reason.INVALID_FIELD


async def test_many_broken_rules_still_fit_into_an_answer(mesh: Running) -> None:
    wrong = request(metadata={f"{'k' * 100}{number}": "x" * 501 for number in range(200)})

    async with mesh.channel() as channel:
        _, refusal = await refused(create(channel, wrong))

    assert refusal.reason is Reason.INVALID_FIELD
    assert len(refusal.violations) == 20


async def test_bytes_that_are_no_message_are_refused(mesh: Running) -> None:
    async with mesh.channel() as channel:
        send = channel.unary_unary(CREATE)
        _, refusal = await refused(send(b"\xff\xff\xff", timeout=20, metadata=tuple(HEADERS.items())))

    assert refusal.reason is Reason.MALFORMED_BODY


async def test_a_refusal_of_a_use_case_carries_everything_a_caller_needs(mesh: Running) -> None:
    async def refuse(_request: Any) -> Any:
        raise Refusal(Reason.IDEMPOTENCY_KEY_IN_FLIGHT, retry_after_seconds=2.5, detail="x")

    mesh.payments.behave = refuse
    async with mesh.channel() as channel:
        error, refusal = await refused(create(channel))

    assert error.code() is grpc.StatusCode.ABORTED
    (info,) = detail_of(error, error_details_pb2.ErrorInfo)
    assert info.reason == "IDEMPOTENCY_KEY_IN_FLIGHT"
    assert info.domain == "payera.dev"
    assert info.metadata["doc"] == "https://payera.dev/errors#idempotency-key-in-flight"
    assert info.metadata["request_id"] == "request-1"
    assert "same key" in info.metadata["remedy"]
    (retry,) = detail_of(error, error_details_pb2.RetryInfo)
    assert (retry.retry_delay.seconds, retry.retry_delay.nanos) == (2, 500_000_000)
    assert refusal.metadata == {"detail": "x"}
    assert dict(error.initial_metadata())["x-request-id"] == "request-1"
    assert mesh.log.calls()[0]["code"] == "ABORTED"
    assert mesh.log.calls()[0]["reason"] == "IDEMPOTENCY_KEY_IN_FLIGHT"


async def test_a_refusal_that_is_not_retryable_says_nothing_of_retrying(mesh: Running) -> None:
    async def refuse(_request: Any) -> Any:
        raise Refusal(Reason.PAYMENT_NOT_FOUND, payment_id="pay_9")

    mesh.payments.behave = refuse
    async with mesh.channel() as channel:
        error, refusal = await refused(create(channel))

    assert error.details() == "There is no payment `pay_9`."
    assert refusal.metadata == {"payment_id": "pay_9"}
    assert detail_of(error, error_details_pb2.RetryInfo) == []
    assert detail_of(error, error_details_pb2.BadRequest) == []


async def test_an_unexpected_exception_tells_the_caller_nothing(mesh: Running) -> None:
    async def fail(_request: Any) -> Any:
        message = "relation gateway.payment does not exist"
        raise RuntimeError(message)

    mesh.payments.behave = fail
    async with mesh.channel() as channel:
        error, refusal = await refused(create(channel))

    assert error.code() is grpc.StatusCode.INTERNAL
    assert refusal.reason is Reason.INTERNAL
    assert "relation" not in str(status_of(error)) + str(error.details())
    (failed,) = [line for line in mesh.log.lines if line["event"] == "call failed"]
    assert "relation gateway.payment does not exist" in failed["exception"]
    assert failed["request_id"] == "request-1"


@pytest.mark.parametrize("answer", [None, payment_pb2.Refund(id="ref_1")])
async def test_an_answer_of_another_type_is_a_fault_of_ours(mesh: Running, answer: Any) -> None:
    async def wrong(_request: Any) -> Any:
        return answer

    mesh.payments.behave = wrong
    async with mesh.channel() as channel:
        error, _ = await refused(create(channel))

    assert error.code() is grpc.StatusCode.INTERNAL


async def test_a_handler_may_abort_by_itself(mesh: Running) -> None:
    mesh.payments.abort_with = grpc.StatusCode.DATA_LOSS
    async with mesh.channel() as channel:
        stub: Any = payment_service_pb2_grpc.PaymentServiceStub(channel)
        question = payment_service_pb2.GetPaymentRequest(payment_id="pay_7")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetPayment(question, timeout=20, metadata=(("authorization", f"Bearer {SECRET_KEY}"),))

    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    assert refusal_of(caught.value) is None
    assert mesh.log.calls()[0]["code"] == "DATA_LOSS"


async def test_a_handler_that_outlives_its_deadline_is_cancelled(mesh: Running) -> None:
    ended = asyncio.Event()

    async def hang(_request: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    mesh.payments.behave = hang
    async with mesh.channel() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await create(channel, seconds=0.5)
        async with asyncio.timeout(20):
            await ended.wait()

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_request_ids_are_echoed_or_made(mesh: Running) -> None:
    stub: Any
    async with mesh.channel() as channel:
        stub = payment_service_pb2_grpc.PaymentServiceStub(channel)
        made = []
        for given in (None, "", "a b", "x" * 129, "4111-"):
            metadata = [(name, value) for name, value in HEADERS.items() if name != "x-request-id"]
            if given is not None:
                metadata.append(("x-request-id", given))
            call = stub.CreatePayment(request(), timeout=20, metadata=tuple(metadata))
            await call
            made.append(dict(await call.initial_metadata()).get("x-request-id"))

    assert [line["request_id"] for line in mesh.log.calls()][:4] == made[:4]
    assert all(str(request_id).startswith("req_") for request_id in made[:4])
    assert mesh.log.calls()[4]["request_id"] == "4111-"


async def test_the_request_id_can_be_passed_on(mesh: Running) -> None:
    passed: list[Any] = []

    async def note(_request: Any) -> Any:
        passed.append(call_metadata())
        return payment_pb2.Payment()

    mesh.payments.behave = note
    async with mesh.channel() as channel:
        await create(channel)

    assert passed == [(("x-request-id", "request-1"),)]
    assert call_metadata() == ()


async def test_a_replayed_answer_says_so(mesh: Running) -> None:
    async def replay(_request: Any) -> Any:
        calls.mark_replayed()
        return payment_pb2.Payment(id="pay_1")

    mesh.payments.behave = replay
    async with mesh.channel() as channel:
        stub: Any = payment_service_pb2_grpc.PaymentServiceStub(channel)
        call = stub.CreatePayment(request(), timeout=20, metadata=tuple(HEADERS.items()))
        await call
        metadata = dict(await call.initial_metadata())

    assert metadata["idempotent-replayed"] == "true"
    assert metadata["x-request-id"] == "request-1"


class Gate:
    """A behaviour that holds calls until it is opened."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, _request: Any) -> Any:
        self.entered.set()
        await self.opened.wait()
        return payment_pb2.Payment(id="pay_1")


def bounded(seconds: float = 30) -> AbstractAsyncContextManager[Any]:
    return asyncio.timeout(seconds)


async def test_calls_beyond_the_limit_are_refused_and_later_ones_served(tmp_path: Path) -> None:
    gate = Gate()
    async with bounded(), running(tmp_path, concurrency_limit=1) as mesh, mesh.channel() as channel:
        mesh.payments.behave = gate
        first = asyncio.create_task(create(channel))
        await gate.entered.wait()

        error, refusal = await refused(create(channel))
        in_flight = mesh.metrics.registry.get_sample_value("payera_rpc_in_flight")
        gate.opened.set()
        assert (await first).id == "pay_1"
        assert (await create(channel)).id == "pay_1"

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.reason is Reason.OVERLOADED
    assert detail_of(error, error_details_pb2.RetryInfo)[0].retry_delay.seconds == 1
    assert in_flight == 1


async def test_a_graceful_stop_lets_the_running_call_finish(tmp_path: Path) -> None:
    gate = Gate()
    mesh = Running(tmp_path)
    mesh.payments.behave = gate
    await mesh.server.start()
    async with bounded(), mesh.channel() as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        held = asyncio.create_task(create(channel))
        await gate.entered.wait()

        stopping = asyncio.create_task(mesh.server.stop(20))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        assert not stopping.done()
        gate.opened.set()

        assert (await held).id == "pay_1"
        await stopping
        await mesh.server.wait()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await create(channel)
        await mesh.server.stop(0)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_health_follows_the_service_for_any_known_certificate(mesh: Running) -> None:
    question = health_pb2.HealthCheckRequest(service=PAYMENTS)
    async with bounded(), mesh.channel("psp_connectors") as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        assert (await health.Check(question, timeout=20)).status == health_pb2.HealthCheckResponse.SERVING
        watch = health.Watch(question, timeout=20)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        mesh.server.set_serving(False)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        mesh.server.set_serving(True)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()


async def services_listed(channel: grpc.aio.Channel) -> set[str]:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))
    call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=20)
    return {service.name async for answer in call for service in answer.list_services_response.service}


async def test_reflection_lists_the_services_but_not_in_production(mesh: Running, tmp_path: Path) -> None:
    async with mesh.channel("operator") as channel:
        assert {PAYMENTS, KEYS} <= await services_listed(channel)

    authority = CertificateAuthority("prod")
    production = running(tmp_path / "prod", environment="prod", authority=authority)
    async with production as server, server.channel() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            # Sent as one message, since a stream may fail at sending before the answer is read.
            await channel.unary_unary(f"/{reflection.SERVICE_NAME}/ServerReflectionInfo")(b"", timeout=20)
        assert (await create(channel)).id == "pay_1"
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


START = """
from pathlib import Path
from mesh.process import run
from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics, configure_logging
async def main(stop):
    logger = configure_logging("gateway_svc", "info")
    settings = BaseSettings(environment="dev", listen={listen!r}, tls_directory=Path({tls!r}))
    await MeshServer(settings, logger=logger, metrics=Metrics("gateway_svc")).start()
run(main)
"""


@pytest.mark.parametrize(
    ("listen", "error"),
    [
        ("{taken}", "can't listen on {taken}, PAYERA_LISTEN: Address already in use"),
        ("192.0.2.1:0", "can't listen on 192.0.2.1:0, PAYERA_LISTEN: Cannot assign requested address"),
        ("nonsense", "can't listen on nonsense, PAYERA_LISTEN: it is not host:port"),
        ("", "PAYERA_LISTEN is not set"),
    ],
)
def test_a_server_that_can_not_listen_ends_with_one_clear_line(tmp_path: Path, listen: str, error: str) -> None:
    tls = str(CertificateAuthority().write(tmp_path, "gateway_svc"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        script = START.format(listen=listen.format(taken=taken), tls=tls)
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    (line,) = [json.loads(line) for line in ended.stdout.splitlines()]
    assert line.pop("timestamp")
    assert line == {
        "level": "error",
        "service": "gateway_svc",
        "event": "process failed",
        "error": error.format(taken=taken),
    }
    assert ended.returncode == 1
    assert ended.stderr == ""


async def test_a_name_or_all_addresses_may_be_served(tmp_path: Path) -> None:
    for number, listen in enumerate(("localhost:0", "0.0.0.0:0")):
        async with running(tmp_path / str(number), listen=listen) as server:
            assert server.server.port > 0


def test_a_server_needs_an_address(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="PAYERA_LISTEN"):
        Running(tmp_path, listen="")
