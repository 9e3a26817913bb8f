"""A guarded rpc's deadlines, cancellation and cost, seen from inside."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from google.rpc import error_details_pb2
from payera.gateway.v1 import payment_pb2, payment_service_pb2

from mesh import context as calls
from mesh.calls import GuardedRpc, Surroundings
from mesh.context import KeyScope
from mesh.identity import Identity
from mesh.telemetry import Metrics
from tests.fakes.authenticator import FakeAuthenticator
from tests.fakes.grpc_context import FakeContext
from tests.fakes.log import FakeLog
from tests.support.certificates import CertificateAuthority

HEADERS = {"authorization": "Bearer sk_test_secret", "idempotency-key": "k" * 255, "x-request-id": "request-1"}
BODY = payment_service_pb2.CreatePaymentRequest(
    amount={"value": 1, "currency": "EUR"}, token="tok_1"
).SerializeToString()
Handler = Callable[[Any, Any], Awaitable[Any]]


class Fixture:
    def __init__(self, directory: Path) -> None:
        self.log = FakeLog()
        self.keys = FakeAuthenticator()
        self.keys.give("sk_test_secret", KeyScope.SECRET)
        identity = Identity(CertificateAuthority().write(directory, "gateway_svc"))
        self.around = Surroundings(identity, self.log.logger, Metrics("gateway_svc"), self.keys, 2)

    def rpc(self, handler: Handler) -> GuardedRpc:
        method = descriptor_pool.Default().FindMethodByName("payera.gateway.v1.PaymentService.CreatePayment")
        return GuardedRpc(method, handler, self.around)


@pytest.fixture
def guarded(tmp_path: Path) -> Fixture:
    return Fixture(tmp_path)


def reason_of(context: FakeContext) -> str:
    assert context.status is not None
    info = error_details_pb2.ErrorInfo()
    assert context.status.details[0].Unpack(info)
    return str(info.reason)


async def hang(_request: Any, _context: Any) -> Any:
    await asyncio.Event().wait()


async def deadline(_request: Any, _context: Any) -> Any:
    return payment_pb2.Payment(id=str(calls.remaining_ms(calls.current())))


async def test_the_deadline_is_answered_before_the_caller_gives_up(guarded: Fixture) -> None:
    context = FakeContext(HEADERS, remaining_seconds=0.05)

    with pytest.raises(grpc.aio.AbortError):
        await guarded.rpc(hang).serve(BODY, context)  # type: ignore[arg-type]

    assert reason_of(context) == "DEADLINE_EXCEEDED"
    assert guarded.log.calls()[0]["code"] == "DEADLINE_EXCEEDED"
    assert guarded.around.in_flight == 0


async def test_the_handler_is_told_less_time_than_the_caller_gave(guarded: Fixture) -> None:
    answer = await guarded.rpc(deadline).serve(BODY, FakeContext(HEADERS, remaining_seconds=100))  # type: ignore[arg-type]

    assert int(payment_pb2.Payment.FromString(answer).id) <= 99_980


async def test_a_call_without_a_deadline_gets_one(guarded: Fixture) -> None:
    before = time.monotonic()
    seen: list[float] = []

    async def note(_request: Any, _context: Any) -> Any:
        seen.append(calls.current().deadline)
        return payment_pb2.Payment()

    await guarded.rpc(note).serve(BODY, FakeContext(HEADERS))  # type: ignore[arg-type]

    assert before + 15 <= seen[0] <= time.monotonic() + 15


async def test_a_call_that_came_too_late_is_not_begun(guarded: Fixture) -> None:
    context = FakeContext(HEADERS, remaining_seconds=0.0)

    with pytest.raises(grpc.aio.AbortError):
        await guarded.rpc(hang).serve(BODY, context)  # type: ignore[arg-type]

    assert reason_of(context) == "DEADLINE_EXCEEDED"


async def test_a_timeout_of_the_handlers_own_is_a_fault_of_ours(guarded: Fixture) -> None:
    async def fail(_request: Any, _context: Any) -> Any:
        raise TimeoutError

    context = FakeContext(HEADERS, remaining_seconds=100)
    with pytest.raises(grpc.aio.AbortError):
        await guarded.rpc(fail).serve(BODY, context)  # type: ignore[arg-type]

    assert reason_of(context) == "INTERNAL"


async def test_a_caller_that_went_away_is_logged_as_cancelled(guarded: Fixture) -> None:
    entered = asyncio.Event()

    async def enter(_request: Any, _context: Any) -> Any:
        entered.set()
        await asyncio.Event().wait()

    served = asyncio.create_task(guarded.rpc(enter).serve(BODY, FakeContext(HEADERS)))  # type: ignore[arg-type]
    await entered.wait()
    served.cancel()
    with pytest.raises(asyncio.CancelledError):
        await served

    assert guarded.log.calls()[0]["code"] == "CANCELLED"
    assert guarded.around.in_flight == 0


async def test_nothing_of_a_strangers_call_is_looked_at(guarded: Fixture) -> None:
    guarded.keys.failure = AssertionError("the key was looked up")
    context = FakeContext(HEADERS, caller="stranger")

    with pytest.raises(grpc.aio.AbortError):
        await guarded.rpc(hang).serve(b"\xff", context)  # type: ignore[arg-type]

    assert reason_of(context) == "CALLER_NOT_ALLOWED"
    assert guarded.log.calls()[0]["merchant_id"] == ""


async def test_the_callers_own_request_id_costs_no_extra_frame(guarded: Fixture) -> None:
    given = FakeContext(HEADERS)
    none = FakeContext({name: value for name, value in HEADERS.items() if name != "x-request-id"})

    await guarded.rpc(deadline).serve(BODY, given)  # type: ignore[arg-type]
    await guarded.rpc(deadline).serve(BODY, none)  # type: ignore[arg-type]

    assert given.initial_metadata == []
    assert none.initial_metadata == [{"x-request-id": guarded.log.calls()[1]["request_id"]}]
