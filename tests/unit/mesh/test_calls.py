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
from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.telemetry import Metrics
from tests.fakes.authenticator import FakeAuthenticator
from tests.fakes.grpc_context import FakeContext
from tests.fakes.log import FakeLog
from tests.support.certificates import CertificateAuthority

HEADERS = {
    "authorization": "Bearer sk_test_secret",
    "idempotency-key": "k" * 255,
    "x-request-id": "request-1",
    "x-payera-body-fields": "",
}
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


async def test_nobody_gets_more_than_a_minute(guarded: Fixture) -> None:
    before = time.monotonic()
    seen: list[float] = []

    async def note(_request: Any, _context: Any) -> Any:
        seen.append(calls.current().deadline)
        return payment_pb2.Payment()

    await guarded.rpc(note).serve(BODY, FakeContext(HEADERS, remaining_seconds=86_400))  # type: ignore[arg-type]

    assert before + 60 <= seen[0] <= time.monotonic() + 60


async def test_a_call_that_came_too_late_is_not_begun(guarded: Fixture) -> None:
    context = FakeContext(HEADERS, remaining_seconds=0.0)

    with pytest.raises(grpc.aio.AbortError):
        await guarded.rpc(hang).serve(BODY, context)  # type: ignore[arg-type]

    assert reason_of(context) == "DEADLINE_EXCEEDED"


async def test_the_line_of_a_call_in_trouble_says_what_caused_it(guarded: Fixture) -> None:
    async def fail(_request: Any, _context: Any) -> Any:
        try:
            message = "the host db-7 is away"
            raise ConnectionResetError(message)
        except ConnectionResetError as error:
            raise Refusal(Reason.UNAVAILABLE) from error

    with pytest.raises(grpc.aio.AbortError):
        await guarded.rpc(fail).serve(BODY, FakeContext(HEADERS))  # type: ignore[arg-type]

    (line,) = guarded.log.calls()
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "call",
        "method": "/payera.gateway.v1.PaymentService/CreatePayment",
        "code": "UNAVAILABLE",
        "reason": "UNAVAILABLE",
        "cause": "ConnectionResetError",
        "caller": "envoy",
        "request_id": "request-1",
        "merchant_id": "mer_1",
    }


async def test_the_line_of_a_callers_mistake_names_no_cause(guarded: Fixture) -> None:
    async def refuse(_request: Any, _context: Any) -> Any:
        raise Refusal(Reason.PAYMENT_NOT_FOUND, payment_id="pay_1") from ValueError()

    with pytest.raises(grpc.aio.AbortError):
        await guarded.rpc(refuse).serve(BODY, FakeContext(HEADERS))  # type: ignore[arg-type]

    (line,) = guarded.log.calls()
    assert line["reason"] == "PAYMENT_NOT_FOUND"
    assert "cause" not in line


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
    assert "merchant_id" not in guarded.log.calls()[0]


async def test_the_callers_own_request_id_costs_no_extra_frame(guarded: Fixture) -> None:
    given = FakeContext(HEADERS)
    none = FakeContext({name: value for name, value in HEADERS.items() if name != "x-request-id"})

    await guarded.rpc(deadline).serve(BODY, given)  # type: ignore[arg-type]
    await guarded.rpc(deadline).serve(BODY, none)  # type: ignore[arg-type]

    assert given.initial_metadata == []
    assert none.initial_metadata == [{"x-request-id": guarded.log.calls()[1]["request_id"]}]


def without(name: str) -> dict[str, str]:
    return {other: value for other, value in HEADERS.items() if other != name}


async def test_a_body_that_the_edge_did_not_check_is_refused(guarded: Fixture) -> None:
    context = FakeContext(without("x-payera-body-fields"))

    with pytest.raises(grpc.aio.AbortError):
        await guarded.rpc(hang).serve(BODY, context)  # type: ignore[arg-type]

    assert reason_of(context) == "INTERNAL"
    (line,) = [line for line in guarded.log.lines if line["event"] != "call"]
    assert line == {
        "event": "the edge sent no list of body fields",
        "method": "/payera.gateway.v1.PaymentService/CreatePayment",
        "request_id": "request-1",
    }


async def test_an_rpc_without_a_body_needs_no_list_of_fields(guarded: Fixture) -> None:
    method = descriptor_pool.Default().FindMethodByName("payera.gateway.v1.PaymentService.GetPayment")
    body = payment_service_pb2.GetPaymentRequest(payment_id="pay_1").SerializeToString()
    context = FakeContext(without("x-payera-body-fields"))

    async def answer(_request: Any, _context: Any) -> Any:
        return payment_pb2.Payment(id="pay_1")

    assert await GuardedRpc(method, answer, guarded.around).serve(body, context)  # type: ignore[arg-type]


async def request_id_for(guarded: Fixture, given: str) -> str:
    await guarded.rpc(deadline).serve(BODY, FakeContext(HEADERS | {"x-request-id": given}))  # type: ignore[arg-type]
    return str(guarded.log.calls()[-1]["request_id"])


@pytest.mark.parametrize("given", ["a", "x" * 128, "-{}~!", "4111-", "0" * 12, "req_01JABCDEFGHJKMNPQRSTVWXYZ0"])
async def test_a_request_id_of_visible_characters_is_kept(guarded: Fixture, given: str) -> None:
    assert await request_id_for(guarded, given) == given


@pytest.mark.parametrize(
    "given",
    ["", "x" * 129, "a b", "a\t", "\u00e9", "4242424242424242", "order-4242-4242-4242-4242", "id4242424242424242"],
)
async def test_another_request_id_is_replaced(guarded: Fixture, given: str) -> None:
    made = await request_id_for(guarded, given)

    assert made.startswith("req_")
    assert len(made) == 30
