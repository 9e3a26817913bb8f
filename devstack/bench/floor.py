"""The floor: the product's hops with empty handlers and empty procedures, to know what the machine itself costs.

Each role is a process: ``python -m devstack.bench.floor ROLE``. Same contracts, same mutual TLS, same number of calls:
Envoy, gateway, vault (describe), router, a procedure, connectors, vault (detokenize), PSP over HTTP, a procedure.
Nothing is checked, decided or stored.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import grpc
import uvloop
from aiohttp import web
from payera.connectors.v1 import connector_service_pb2, connector_service_pb2_grpc
from payera.gateway.v1 import payment_pb2, payment_service_pb2, payment_service_pb2_grpc
from payera.router.v1 import router_service_pb2, router_service_pb2_grpc
from payera.types.v1 import card_pb2, outcome_pb2
from payera.vault.v1 import token_service_pb2, token_service_pb2_grpc

from devstack.bench import empty_workflow
from mesh.channels import open_channel
from mesh.database import Database
from mesh.identity import Identity

CALL_SECONDS = 15
CARD = card_pb2.CardSummary(brand="visa", last4="4242", bin="424242", exp_month=12, exp_year=2040)
APPROVED = outcome_pb2.Outcome(kind=outcome_pb2.OUTCOME_KIND_APPROVED, psp_reference="ch_1", amount=1000, card=CARD)
ANSWER = b'{"id":"ch_1","status":"approved","amount":1000,"currency":"EUR","reference":"floor"}'


class FloorGateway(payment_service_pb2_grpc.PaymentServiceServicer):
    """Makes the calls a payment makes and answers with a constant."""

    def __init__(
        self, database: Database, channels: dict[str, grpc.aio.Channel], settle: Callable[[str], Awaitable[None]] | None
    ) -> None:
        self._database = database
        self._vault = token_service_pb2_grpc.CardServiceStub(channels["vault"])
        self._router = router_service_pb2_grpc.RouterServiceStub(channels["router"])
        self._connectors = connector_service_pb2_grpc.ConnectorServiceStub(channels["connectors"])
        self._settle = settle
        self._count = 0

    async def CreatePayment(  # noqa: N802 - named by the contract
        self, request: payment_service_pb2.CreatePaymentRequest, _context: object
    ) -> payment_pb2.Payment:
        """Walk the hops."""
        self._count += 1
        reference = f"pay_floor_{os.getpid()}_{self._count}"
        await self._vault.DescribeToken(
            token_service_pb2.DescribeTokenRequest(merchant_id="mer_floor", token_id=request.token),
            timeout=CALL_SECONDS,
        )
        await self._router.Route(
            router_service_pb2.RouteRequest(
                merchant_id="mer_floor", payment_id=reference, amount=request.amount, card=CARD
            ),
            timeout=CALL_SECONDS,
        )
        card = {"brand": "visa", "last4": "4242"}
        candidates = [{"account": "sandbox_a", "reason": "priority 1 of 2"}]
        await self._database.call(
            "bench.begin", reference, "mer_floor", 1000, "EUR", "AUTOMATIC", request.token, card, "", "", {}, "",
            candidates, reference, b"0" * 32, 15000, False,
        )  # fmt: skip
        await self._connectors.Authorize(
            connector_service_pb2.AuthorizeRequest(
                account="sandbox_a",
                reference=reference,
                idempotency_key=reference,
                merchant_id="mer_floor",
                token=request.token,
                amount=request.amount,
                capture=True,
                payment_id=reference,
            ),
            timeout=CALL_SECONDS,
        )
        await self._database.call(
            "bench.record", reference, reference, "APPROVED", "SUCCEEDED", "ch_1", "", "", "", False, False
        )
        if self._settle is not None:
            await self._settle(reference)
        return payment_pb2.Payment(
            id=reference, status=payment_pb2.Payment.SUCCEEDED, amount=request.amount, card=CARD, token=request.token
        )


class FloorVault(token_service_pb2_grpc.CardServiceServicer):
    """Answers with one card."""

    async def DescribeToken(self, _request: object, _context: object) -> token_service_pb2.DescribeTokenResponse:  # noqa: N802
        """Answer at once."""
        return token_service_pb2.DescribeTokenResponse(card=CARD)

    async def Detokenize(self, _request: object, _context: object) -> token_service_pb2.DetokenizeResponse:  # noqa: N802
        """Answer at once."""
        card = token_service_pb2.Card(number="4242424242424242", exp_month=12, exp_year=2040)
        return token_service_pb2.DetokenizeResponse(card=card, summary=CARD)


class FloorRouter(router_service_pb2_grpc.RouterServiceServicer):
    """Answers with two accounts."""

    async def Route(self, _request: object, _context: object) -> router_service_pb2.RouteResponse:  # noqa: N802
        """Answer at once."""
        candidates = [
            router_service_pb2.Candidate(account=f"sandbox_{letter}", eligible=True, reason="priority")
            for letter in "ab"
        ]
        return router_service_pb2.RouteResponse(candidates=candidates, list_version=1)


class FloorConnectors(connector_service_pb2_grpc.ConnectorServiceServicer):
    """Fetches the card and posts to the PSP."""

    def __init__(self, vault: grpc.aio.Channel, session: aiohttp.ClientSession, url: str) -> None:
        self._vault = token_service_pb2_grpc.CardServiceStub(vault)
        self._session = session
        self._url = url

    async def Authorize(  # noqa: N802
        self, request: connector_service_pb2.AuthorizeRequest, _context: object
    ) -> connector_service_pb2.AuthorizeResponse:
        """Walk the hops."""
        await self._vault.Detokenize(
            token_service_pb2.DetokenizeRequest(
                merchant_id=request.merchant_id, token_id=request.token, payment_id=request.payment_id, purpose="floor"
            ),
            timeout=CALL_SECONDS,
        )
        async with self._session.post(self._url, json={"amount": 1000, "currency": "EUR"}) as answer:
            await answer.read()
        return connector_service_pb2.AuthorizeResponse(outcome=APPROVED)


def _peer(name: str, service: str) -> grpc.aio.Channel:
    return open_channel(
        os.environ[f"PAYERA_{name}_ADDRESS"], service=service, tls_directory=Path(os.environ["PAYERA_TLS_DIRECTORY"])
    )


async def _serve(register: Callable[[grpc.aio.Server], None], stop: asyncio.Event) -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    register(server)
    identity = Identity(Path(os.environ["PAYERA_TLS_DIRECTORY"]))
    server.add_secure_port(os.environ["PAYERA_LISTEN"], identity.server_credentials())
    await server.start()
    await stop.wait()
    await server.stop(1)


async def _gateway(stop: asyncio.Event) -> None:
    database = Database(os.environ["PAYERA_DATABASE_URL"], pool_size=8, name="floor")
    await database.open()
    channels = {
        "vault": _peer("VAULT", "vault_svc"),
        "router": _peer("ROUTER", "router_svc"),
        "connectors": _peer("CONNECTORS", "psp_connectors"),
    }
    settle = None
    if os.environ.get("FLOOR_WORKFLOW"):
        settle = await empty_workflow.connect(
            os.environ["PAYERA_TEMPORAL_ADDRESS"], os.environ["PAYERA_TEMPORAL_NAMESPACE"]
        )
    gateway = FloorGateway(database, channels, settle)  # type: ignore[abstract]
    await _serve(lambda server: payment_service_pb2_grpc.add_PaymentServiceServicer_to_server(gateway, server), stop)
    await database.close()


async def _vault(stop: asyncio.Event) -> None:
    vault = FloorVault()  # type: ignore[abstract]
    await _serve(lambda server: token_service_pb2_grpc.add_CardServiceServicer_to_server(vault, server), stop)


async def _router(stop: asyncio.Event) -> None:
    router = FloorRouter()  # type: ignore[abstract]
    await _serve(lambda server: router_service_pb2_grpc.add_RouterServiceServicer_to_server(router, server), stop)


async def _connectors(stop: asyncio.Event) -> None:
    url = f"http://{os.environ['FLOOR_PSP_ADDRESS']}/v1/charges"
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_SECONDS)) as session:
        servicer = FloorConnectors(_peer("VAULT", "vault_svc"), session, url)  # type: ignore[abstract]
        await _serve(
            lambda server: connector_service_pb2_grpc.add_ConnectorServiceServicer_to_server(servicer, server), stop
        )


async def _psp(stop: asyncio.Event) -> None:
    async def charge(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=ANSWER, content_type="application/json")

    application = web.Application()
    application.router.add_post("/v1/charges", charge)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, _, port = os.environ["PAYERA_LISTEN"].rpartition(":")
    await web.TCPSite(runner, host, int(port)).start()
    await stop.wait()
    await runner.cleanup()


async def _worker(stop: asyncio.Event) -> None:
    address, namespace = os.environ["PAYERA_TEMPORAL_ADDRESS"], os.environ["PAYERA_TEMPORAL_NAMESPACE"]
    await empty_workflow.work(address, namespace, stop)


async def _main(role: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    roles = {
        "gateway": _gateway,
        "vault": _vault,
        "router": _router,
        "connectors": _connectors,
        "psp": _psp,
        "worker": _worker,
    }
    await roles[role](stop)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner_:
        runner_.run(_main(sys.argv[1]))
