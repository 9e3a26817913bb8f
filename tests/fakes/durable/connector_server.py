"""PSP connectors as a gRPC server that answers as told, for workers that run as processes of their own."""

from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from payera.connectors.v1 import connector_service_pb2 as messages
from payera.connectors.v1 import connector_service_pb2_grpc as stubs
from payera.types.v1 import outcome_pb2

from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics
from tests.fakes.capabilities import capabilities_of

ACCOUNTS = ("psp_a", "psp_b")

APPROVED = outcome_pb2.OUTCOME_KIND_APPROVED
UNKNOWN = outcome_pb2.OUTCOME_KIND_UNKNOWN


@dataclass
class ScriptedConnectors(stubs.ConnectorServiceServicer):
    """Answers calls about a reference with the next kind told for it, with APPROVED when none is told."""

    kinds: dict[str, deque[int]] = field(default_factory=lambda: defaultdict(deque))
    sent: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def Authorize(self, request: Any, _context: Any) -> messages.AuthorizeResponse:  # noqa: N802
        self.sent.append(request.reference)
        return messages.AuthorizeResponse(outcome=self._next(request.reference))

    async def Sync(self, request: Any, _context: Any) -> messages.SyncResponse:  # noqa: N802
        self.asked.append(request.reference)
        outcome = self._next(request.reference)
        # These tests pay with immediate capture.
        outcome.captured_amount = request.amount.value
        return messages.SyncResponse(outcome=outcome)

    async def Capture(self, request: Any, _context: Any) -> messages.CaptureResponse:  # noqa: N802
        self.sent.append(request.reference)
        return messages.CaptureResponse(outcome=self._next(request.reference))

    async def Void(self, request: Any, _context: Any) -> messages.VoidResponse:  # noqa: N802
        self.sent.append(request.reference)
        return messages.VoidResponse(outcome=self._next(request.reference))

    async def Reverse(self, request: Any, _context: Any) -> messages.ReverseResponse:  # noqa: N802
        self.sent.append(request.reference)
        return messages.ReverseResponse(outcome=self._next(request.reference))

    async def Refund(self, request: Any, _context: Any) -> messages.RefundResponse:  # noqa: N802
        self.sent.append(request.reference)
        return messages.RefundResponse(outcome=self._next(request.reference))

    async def Verify(self, request: Any, _context: Any) -> messages.VerifyResponse:  # noqa: N802
        raise NotImplementedError

    async def Increment(self, request: Any, _context: Any) -> messages.IncrementResponse:  # noqa: N802
        raise NotImplementedError

    async def ListCapabilities(self, _request: Any, _context: Any) -> messages.ListCapabilitiesResponse:  # noqa: N802
        return capabilities_of(ACCOUNTS)

    def _next(self, reference: str) -> outcome_pb2.Outcome:
        kind = self.kinds[reference].popleft() if self.kinds[reference] else APPROVED
        return outcome_pb2.Outcome(kind=kind, psp_reference=f"psp-{reference}")  # type: ignore[arg-type]


@asynccontextmanager
async def running_connectors(connectors: ScriptedConnectors, identities: Path, port: int = 0) -> AsyncIterator[str]:
    """Serve as the psp_connectors service would, and give the address."""
    settings = BaseSettings(environment="dev", listen=f"127.0.0.1:{port}", tls_directory=identities / "psp_connectors")
    server = MeshServer(settings, logger=structlog.get_logger(), metrics=Metrics("psp_connectors"))
    server.add(
        "payera.connectors.v1.ConnectorService",
        lambda target: stubs.add_ConnectorServiceServicer_to_server(connectors, target),
    )
    await server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop(grace_seconds=0)
