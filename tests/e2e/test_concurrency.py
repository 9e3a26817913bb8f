"""Money operations race over two gateway processes, a thousand times each: never too much, no trace of refusals."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from payera.gateway.v1 import payment_pb2, payment_service_pb2, payment_service_pb2_grpc
from payera.types.v1 import money_pb2

from devstack.configuration import environment_of
from devstack.names import ComponentName, PortName
from devstack.ports import LOOPBACK, choose_ports, is_free, is_open
from mesh.channels import open_channel
from tests.e2e.support import Mesh, until

ROUNDS = int(os.environ.get("PAYERA_RACE_ROUNDS", "340"))
"""Of each kind: a thousand in all."""
AT_ONCE = 8
CALL_SECONDS = 30
Stub = payment_service_pb2_grpc.PaymentServiceStub
Payment = payment_pb2.Payment


@pytest.fixture(scope="module")
def second_gateway(mesh: Mesh) -> Iterator[str]:
    """A second gateway process over the same database."""
    configuration = mesh.stack.configuration
    ports = choose_ports(0, {}, {}, is_free)
    address = f"{LOOPBACK}:{ports[PortName.GATEWAY]}"
    settings = environment_of(ComponentName.GATEWAY, configuration) | {
        "PAYERA_LISTEN": address,
        "PAYERA_METRICS_LISTEN": "",
        "PYTHONPATH": os.pathsep.join((str(configuration.root / "gen"), str(configuration.root))),
    }
    log = (configuration.logs_directory / "second-gateway.log").open("wb")
    command = [sys.executable, "-m", "gateway_svc.entrypoints.server"]
    with (
        log,
        subprocess.Popen(
            command, cwd=configuration.root, env={**os.environ, **settings}, stdout=log, stderr=log
        ) as process,
    ):
        try:
            until(lambda: is_open(ports[PortName.GATEWAY]), bool, 20)
            yield address
        finally:
            process.terminate()


@asynccontextmanager
async def gateways(mesh: Mesh, second: str) -> AsyncIterator[tuple[Stub, Stub]]:
    configuration = mesh.stack.configuration
    first = configuration.address(PortName.GATEWAY)
    folder = configuration.tls_directory("operator")
    channels = [open_channel(address, service="gateway_svc", tls_directory=folder) for address in (first, second)]
    try:
        yield Stub(channels[0]), Stub(channels[1])
    finally:
        for channel in channels:
            await channel.close()


class Racer:
    """Makes calls with the merchant's key and counts what they come to; remembers the keys of refused calls."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.reasons: Counter[str] = Counter()
        self.refused_keys: list[str] = []

    async def call(self, method: Any, request: object) -> object | None:
        key = str(uuid.uuid4())
        metadata = (("authorization", f"Bearer {self._key}"), ("idempotency-key", key))
        try:
            answer: object = await method(request, metadata=metadata, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            reason = reason_of(error)
            self.reasons[reason] += 1
            self.refused_keys.append(key)
            return None
        return answer

    async def pay(self, stub: Stub, token: str, *, manual: bool) -> payment_pb2.Payment:
        request = payment_service_pb2.CreatePaymentRequest(
            amount=money_pb2.Money(value=100, currency="EUR"),
            token=token,
            capture_method=payment_pb2.CaptureMethod.MANUAL if manual else payment_pb2.CaptureMethod.AUTOMATIC,
        )
        payment = await self.call(stub.CreatePayment, request)
        assert isinstance(payment, payment_pb2.Payment)
        return payment


def reason_of(error: grpc.aio.AioRpcError) -> str:
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value if isinstance(value, bytes) else value.encode())
            for detail in status.details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return str(info.reason)
    return str(error.code())


async def rounds(one: Callable[[int], Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def bounded(number: int) -> None:
        async with gate:
            await one(number)

    async with asyncio.TaskGroup() as group:
        for number in range(ROUNDS):
            group.create_task(bounded(number))


def assert_no_trace(mesh: Mesh, racer: Racer) -> None:
    left = mesh.rows("SELECT count(*) AS n FROM gateway.idempotency_key WHERE key = ANY(%s)", racer.refused_keys)
    assert left[0]["n"] == 0, "a refused operation leaves no key behind"


def assert_books(mesh: Mesh) -> None:
    """The ledger sums to zero, per journal and over all, and agrees with the payments."""
    assert all(row["imbalance"] == 0 for row in mesh.rows("SELECT * FROM gateway.ledger_check()"))
    broken = mesh.rows(
        "SELECT id FROM gateway.payment WHERE amount_refunded + amount_refund_pending > amount_captured"
        " OR amount_captured + amount_capture_pending > amount_authorized OR amount_authorized > amount"
    )
    assert broken == []


async def test_two_refunds_of_60_race_for_100(mesh: Mesh, second_gateway: str) -> None:
    racer, token = Racer(mesh.merchant.secret_key), mesh.stored_token()
    won: Counter[int] = Counter()
    async with gateways(mesh, second_gateway) as stubs:

        async def one(_: int) -> None:
            payment = await racer.pay(stubs[0], token, manual=False)
            request = payment_service_pb2.CreateRefundRequest(payment_id=payment.id, amount=60)
            refunds = await asyncio.gather(*(racer.call(stub.CreateRefund, request) for stub in stubs))
            won[sum(refund is not None for refund in refunds)] += 1

        await rounds(one)
    assert won == {1: ROUNDS}
    assert racer.reasons == {"REFUND_EXCEEDS_CAPTURED": ROUNDS}
    assert_no_trace(mesh, racer)
    assert_books(mesh)


async def test_two_captures_of_60_race_for_100(mesh: Mesh, second_gateway: str) -> None:
    racer, token = Racer(mesh.merchant.secret_key), mesh.stored_token()
    won: Counter[int] = Counter()
    async with gateways(mesh, second_gateway) as stubs:

        async def one(_: int) -> None:
            payment = await racer.pay(stubs[0], token, manual=True)
            request = payment_service_pb2.CapturePaymentRequest(payment_id=payment.id, amount=60, final=False)
            captures = await asyncio.gather(*(racer.call(stub.CapturePayment, request) for stub in stubs))
            won[sum(capture is not None for capture in captures)] += 1

        await rounds(one)
    assert won == {1: ROUNDS}
    assert racer.reasons == {"CAPTURE_EXCEEDS_AUTHORIZED": ROUNDS}
    assert_no_trace(mesh, racer)
    assert_books(mesh)


async def test_a_capture_races_a_void(mesh: Mesh, second_gateway: str) -> None:
    racer, token = Racer(mesh.merchant.secret_key), mesh.stored_token()
    ended: Counter[str] = Counter()
    async with gateways(mesh, second_gateway) as stubs:

        async def one(number: int) -> None:
            payment = await racer.pay(stubs[0], token, manual=True)
            capture = payment_service_pb2.CapturePaymentRequest(payment_id=payment.id, amount=60)
            void = payment_service_pb2.VoidPaymentRequest(payment_id=payment.id)
            calls: list[tuple[Any, Any]] = [(stubs[0].CapturePayment, capture), (stubs[1].VoidPayment, void)]
            ordered = calls if number % 2 else calls[::-1]
            answers = await asyncio.gather(*(racer.call(method, request) for method, request in ordered))
            assert sum(answer is not None for answer in answers) == 1
            winner = next(answer for answer in answers if isinstance(answer, payment_pb2.Payment))
            ended[payment_pb2.Payment.Status.Name(winner.status)] += 1

        await rounds(one)
    assert sum(ended.values()) == ROUNDS
    assert set(ended) <= {"SUCCEEDED", "VOIDED"}
    refusals = {"MODIFICATION_IN_PROGRESS", "PAYMENT_NOT_CAPTURABLE", "PAYMENT_NOT_VOIDABLE"}
    assert set(racer.reasons) <= refusals
    assert_no_trace(mesh, racer)
    assert_books(mesh)
