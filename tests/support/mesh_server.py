"""A mesh server with a payment service that answers what the test says, and callers with certificates."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import status_pb2
from payera.gateway.v1 import payment_pb2, payment_service_pb2, payment_service_pb2_grpc
from payera.keys.v1 import key_service_pb2, key_service_pb2_grpc

from mesh import context as calls
from mesh.channels import open_channel, refusal_of
from mesh.context import KeyScope
from mesh.refusal import Refusal
from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics
from tests.fakes.authenticator import FakeAuthenticator
from tests.fakes.log import FakeLog
from tests.support.certificates import CertificateAuthority

PAYMENTS = "payera.gateway.v1.PaymentService"
KEYS = "payera.keys.v1.KeyService"
SECRET_KEY = "sk_test_secret"
CREATE = f"/{PAYMENTS}/CreatePayment"
Behaviour = Callable[[Any], Awaitable[Any]]


class Payments:
    """Answers two rpcs with what the test says; the others are not called."""

    def __init__(self) -> None:
        self.behave: Behaviour = self.approve
        self.abort_with: grpc.StatusCode | None = None
        self.seen: list[calls.CallContext] = []

    async def approve(self, _request: Any) -> payment_pb2.Payment:
        return payment_pb2.Payment(id="pay_1")

    async def CreatePayment(self, request: Any, _context: Any) -> Any:  # noqa: N802 - named by the contract
        self.seen.append(calls.current())
        return await self.behave(request)

    async def GetPayment(self, request: Any, context: Any) -> Any:  # noqa: N802
        if self.abort_with is not None:
            await context.abort(self.abort_with, "said by the handler")
        return payment_pb2.Payment(id=request.payment_id)


def register(payments: Payments) -> Callable[[grpc.aio.Server], None]:
    """Give what registers the two rpcs, as the generated function would register all."""
    handlers: Any = {
        name: grpc.unary_unary_rpc_method_handler(getattr(payments, name)) for name in ("CreatePayment", "GetPayment")
    }
    return lambda server: server.add_registered_method_handlers(PAYMENTS, handlers)


class Keys(key_service_pb2_grpc.KeyServiceServicer):
    async def LookUpKey(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        return key_service_pb2.LookUpKeyResponse(merchant_id=calls.current().caller)


class Running:
    """A server with what it was built from."""

    def __init__(self, directory: Path, **changes: Any) -> None:
        self.directory = directory
        self.authority: CertificateAuthority = changes.pop("authority", None) or CertificateAuthority()
        self.log = FakeLog()
        self.metrics = Metrics("gateway_svc")
        self.keys = FakeAuthenticator()
        self.keys.give(SECRET_KEY, KeyScope.SECRET)
        self.payments = Payments()
        settings: dict[str, Any] = {
            "environment": "dev",
            "listen": "127.0.0.1:0",
            "tls_directory": self.authority.write(directory / "server", "gateway_svc"),
        }
        limit = changes.pop("concurrency_limit", 64)
        self.settings = BaseSettings(**(settings | changes))
        self.server = MeshServer(
            self.settings,
            logger=self.log.logger,
            metrics=self.metrics,
            authenticator=self.keys,
            concurrency_limit=limit,
        )
        self.server.add(
            PAYMENTS,
            register(self.payments),
        )
        self.server.add(KEYS, lambda server: key_service_pb2_grpc.add_KeyServiceServicer_to_server(Keys(), server))

    @asynccontextmanager
    async def channel(self, caller: str = "envoy", tls: Path | None = None, service: str = "gateway_svc") -> Any:
        """Open a channel; one that has its own identity and a peer by the right name is connected already."""
        connects = tls is None and service == "gateway_svc"
        if tls is None:
            tls = self.authority.write(self.directory / f"client-{caller}", caller)
        channel = open_channel(f"127.0.0.1:{self.server.port}", service=service, tls_directory=tls)
        try:
            if connects:
                # On a busy machine a handshake may be given up, which the channel makes good.
                async with asyncio.timeout(60):
                    await channel.channel_ready()
            yield channel
        finally:
            await channel.close()


@asynccontextmanager
async def running(directory: Path, **changes: Any) -> AsyncIterator[Running]:
    server = Running(directory, **changes)
    await server.server.start()
    try:
        yield server
    finally:
        await server.server.stop(0)


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as server:
        yield server


def request(**changes: Any) -> payment_service_pb2.CreatePaymentRequest:
    fields: dict[str, Any] = {"amount": {"value": 1050, "currency": "EUR"}, "token": "tok_1"}
    return payment_service_pb2.CreatePaymentRequest(**(fields | changes))


HEADERS = {
    "authorization": f"Bearer {SECRET_KEY}",
    "idempotency-key": "key-1",
    "x-request-id": "request-1",
    "x-payera-body-fields": "",
}


async def create(channel: grpc.aio.Channel, message: Any = None, seconds: float = 20, **headers: str | None) -> Any:
    metadata = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    stub: Any = payment_service_pb2_grpc.PaymentServiceStub(channel)
    sent = tuple((name, value) for name, value in metadata.items() if value is not None)
    return await stub.CreatePayment(request() if message is None else message, timeout=seconds, metadata=sent)


async def refused(call: Awaitable[Any]) -> tuple[grpc.aio.AioRpcError, Refusal]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    refusal = refusal_of(caught.value)
    assert refusal is not None, caught.value
    return caught.value, refusal


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            return status_pb2.Status.FromString(value)
    raise AssertionError(error)


def detail_of(error: grpc.aio.AioRpcError, kind: Any) -> list[Any]:
    found = []
    for packed in status_of(error).details:
        detail = kind()
        if packed.Unpack(detail):
            found.append(detail)
    return found
