"""The gateway's peers as gRPC servers over mutual TLS, answering what a test tells them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import structlog
from payera.connectors.v1 import connector_service_pb2 as connectors_pb2
from payera.connectors.v1 import connector_service_pb2_grpc as connectors_grpc
from payera.router.v1 import router_service_pb2 as router_pb2
from payera.router.v1 import router_service_pb2_grpc as router_grpc
from payera.types.v1 import outcome_pb2
from payera.vault.v1 import token_service_pb2 as vault_pb2
from payera.vault.v1 import token_service_pb2_grpc as vault_grpc

from mesh.reasons import Reason
from mesh.refusal import Refusal
from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics
from tests.fakes.capabilities import capabilities_of
from tests.fakes.gateway.peers import CARD

ACCOUNTS = ("psp_a", "psp_b", "psp_c")

Context = grpc.aio.ServicerContext[Any, Any]
APPROVED = outcome_pb2.Outcome(kind=outcome_pb2.OUTCOME_KIND_APPROVED, psp_reference="psp_1")
CONNECTORS = "payera.connectors.v1.ConnectorService"
ROUTER = "payera.router.v1.RouterService"
VAULT = "payera.vault.v1.CardService"


async def approve(request: Any) -> outcome_pb2.Outcome:  # noqa: ARG001 - whatever is asked
    return APPROVED


@dataclass
class ScriptedConnectors(connectors_grpc.ConnectorServiceServicer):
    """Answers with what `answer` makes of a request, and remembers the requests."""

    answer: Callable[[Any], Awaitable[outcome_pb2.Outcome]] = approve
    requests: list[Any] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def ListCapabilities(self, request: Any, context: Context) -> Any:  # noqa: ARG002, N802
        return capabilities_of(ACCOUNTS)

    async def Verify(self, request: Any, context: Context) -> Any:  # noqa: N802
        raise NotImplementedError

    async def Increment(self, request: Any, context: Context) -> Any:  # noqa: N802
        raise NotImplementedError

    async def Authorize(self, request: Any, context: Context) -> connectors_pb2.AuthorizeResponse:  # noqa: ARG002, N802
        return connectors_pb2.AuthorizeResponse(outcome=await self._outcome(request))

    async def Capture(self, request: Any, context: Context) -> connectors_pb2.CaptureResponse:  # noqa: ARG002, N802
        return connectors_pb2.CaptureResponse(outcome=await self._outcome(request))

    async def Void(self, request: Any, context: Context) -> connectors_pb2.VoidResponse:  # noqa: ARG002, N802
        return connectors_pb2.VoidResponse(outcome=await self._outcome(request))

    async def Reverse(self, request: Any, context: Context) -> connectors_pb2.ReverseResponse:  # noqa: ARG002, N802
        return connectors_pb2.ReverseResponse(outcome=await self._outcome(request))

    async def Refund(self, request: Any, context: Context) -> connectors_pb2.RefundResponse:  # noqa: ARG002, N802
        return connectors_pb2.RefundResponse(outcome=await self._outcome(request))

    async def Sync(self, request: Any, context: Context) -> connectors_pb2.SyncResponse:  # noqa: ARG002, N802
        return connectors_pb2.SyncResponse(outcome=await self._outcome(request))

    async def _outcome(self, request: Any) -> outcome_pb2.Outcome:
        self.requests.append(request)
        self.reached.set()
        return await self.answer(request)


@dataclass
class ScriptedRouter(router_grpc.RouterServiceServicer):
    """Ranks `candidates`, given as (account, eligible, reason), with what `more` adds; or refuses with `refusal`."""

    candidates: list[tuple[str, bool, str]] = field(
        default_factory=lambda: [("psp_a", True, "first"), ("psp_b", True, "second")]
    )
    refusal: Refusal | None = None
    more: dict[str, Any] = field(default_factory=dict)
    requests: list[router_pb2.RouteRequest] = field(default_factory=list)

    async def SetPriorities(self, request: Any, context: Context) -> Any:  # noqa: N802
        raise NotImplementedError

    async def GetPriorities(self, request: Any, context: Context) -> Any:  # noqa: N802
        raise NotImplementedError

    async def Route(self, request: router_pb2.RouteRequest, context: Context) -> router_pb2.RouteResponse:  # noqa: ARG002, N802
        self.requests.append(request)
        if self.refusal is not None:
            raise self.refusal
        return router_pb2.RouteResponse(
            candidates=[
                {"account": account, "eligible": eligible, "reason": reason}
                for account, eligible, reason in self.candidates
            ],
            **self.more,
        )


@dataclass
class ScriptedVault(vault_grpc.CardServiceServicer):
    """Knows `tokens`; those of `used` have another payment, those of `on_file` are permanent.

    Keeps tokens unless `keep` says otherwise.
    """

    tokens: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    on_file: set[str] = field(default_factory=set)
    fingerprint: str = "fpr_1"
    kept: list[vault_pb2.MakePermanentRequest] = field(default_factory=list)
    keep: Callable[[], Awaitable[None]] | None = None

    async def Detokenize(self, request: Any, context: Context) -> Any:  # noqa: N802
        raise NotImplementedError

    async def DescribeToken(  # noqa: N802
        self,
        request: vault_pb2.DescribeTokenRequest,
        context: Context,  # noqa: ARG002
    ) -> vault_pb2.DescribeTokenResponse:
        if request.token_id not in self.tokens:
            raise Refusal(Reason.TOKEN_NOT_FOUND, token_id=request.token_id)
        if request.token_id in self.used:
            raise Refusal(Reason.TOKEN_USED, token_id=request.token_id)
        permanent = request.token_id in self.on_file
        usage = vault_pb2.Token.PERMANENT if permanent else vault_pb2.Token.SINGLE_USE
        return vault_pb2.DescribeTokenResponse(card=CARD, usage=usage, fingerprint=self.fingerprint)

    async def MakePermanent(  # noqa: N802
        self,
        request: vault_pb2.MakePermanentRequest,
        context: Context,  # noqa: ARG002
    ) -> vault_pb2.MakePermanentResponse:
        self.kept.append(request)
        if self.keep is not None:
            await self.keep()
        return vault_pb2.MakePermanentResponse()


@asynccontextmanager
async def running_server(
    identities: Path, identity: str, service: str, register: Callable[[Any], None], port: int = 0
) -> AsyncIterator[str]:
    """Serve one service as `identity`, and give the address."""
    settings = BaseSettings(environment="dev", listen=f"127.0.0.1:{port}", tls_directory=identities / identity)
    server = MeshServer(settings, logger=structlog.get_logger(), metrics=Metrics(identity))
    server.add(service, register)
    await server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop(grace_seconds=0)


def connectors_server(identities: Path, connectors: ScriptedConnectors, port: int = 0) -> Any:
    """Serve `connectors` as psp_connectors would."""
    return running_server(
        identities,
        "psp_connectors",
        CONNECTORS,
        lambda target: connectors_grpc.add_ConnectorServiceServicer_to_server(connectors, target),
        port,
    )


def router_server(identities: Path, router: ScriptedRouter, port: int = 0) -> Any:
    """Serve `router` as router_svc would."""
    return running_server(
        identities,
        "router_svc",
        ROUTER,
        lambda target: router_grpc.add_RouterServiceServicer_to_server(router, target),
        port,
    )


def vault_server(identities: Path, vault: ScriptedVault, port: int = 0) -> Any:
    """Serve `vault` as vault_svc would."""
    return running_server(
        identities,
        "vault_svc",
        VAULT,
        lambda target: vault_grpc.add_CardServiceServicer_to_server(vault, target),
        port,
    )
