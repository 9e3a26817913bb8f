"""Runs services of the mesh as processes, opens channels to them as any identity, and stands in for the key service."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from payera.keys.v1 import key_service_pb2 as keys_pb2
from payera.keys.v1 import key_service_pb2_grpc as keys_grpc

from mesh.channels import open_channel
from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics
from tests.support.certificates import CertificateAuthority

ROOT: Final = Path(__file__).resolve().parents[2]
IDENTITIES: Final = ("envoy", "gateway_svc", "gateway_worker", "router_svc", "vault_svc", "psp_connectors", "operator")
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0
CALL_SECONDS: Final = 10.0


def write_identities(directory: Path) -> Path:
    """Write a folder of certificates for each identity below `directory`, and give it back."""
    authority = CertificateAuthority()
    for identity in IDENTITIES:
        authority.write(directory / identity, identity)
    return directory


def free_port() -> int:
    """Give a port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@dataclass(slots=True)
class ServiceProcess:
    """A service that runs: its address, its log, and its process."""

    service: str
    address: str
    identities: Path
    log_path: Path
    process: subprocess.Popen[bytes]

    def channel(self, identity: str) -> grpc.aio.Channel:
        """Open a channel to the service as `identity`; the caller closes it."""
        return open_channel(self.address, service=self.service, tls_directory=self.identities / identity)

    def log(self) -> str:
        """Give what the service has written so far."""
        return self.log_path.read_text(encoding="utf-8")

    async def stop(self) -> int:
        """Ask the process to end and give its exit code."""
        self.process.terminate()
        return await asyncio.to_thread(self.process.wait, STOP_SECONDS)


@asynccontextmanager
async def running_service(
    service: str, identities: Path, directory: Path, settings: Mapping[str, str]
) -> AsyncIterator[ServiceProcess]:
    """Run `python -m <service>.entrypoints.server` until it serves; it is ended at the end, always."""
    address = f"127.0.0.1:{free_port()}"
    log_path = directory / f"{service}.log"
    process = start_process(
        service, log_path, {"PAYERA_LISTEN": address, "PAYERA_TLS_DIRECTORY": str(identities / service), **settings}
    )
    running = ServiceProcess(service, address, identities, log_path, process)
    try:
        await _wait_until_serving(running)
        yield running
    finally:
        process.kill()
        process.wait(STOP_SECONDS)


def start_process(service: str, log_path: Path, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a service's server with these settings and no others; its output goes to `log_path`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PAYERA_")}
    environment = inherited | {"PAYERA_ENVIRONMENT": "dev", "PYTHONPATH": f"{ROOT / 'gen'}:{ROOT}"} | dict(settings)
    with log_path.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", f"{service}.entrypoints.server"],
            stdout=log,
            stderr=log,
            env=environment,
            cwd=ROOT,
        )


async def _wait_until_serving(running: ServiceProcess) -> None:
    deadline = time.monotonic() + START_SECONDS
    async with running.channel("operator") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() < deadline and running.process.poll() is None:
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=1)
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.05)
            else:
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
    message = f"{running.service} did not start:\n{running.log()[-4000:]}"
    raise RuntimeError(message)


@dataclass(slots=True)
class KnownKeys(keys_grpc.KeyServiceServicer):
    """Stands in for the gateway's key service: knows what a test puts into `answers`, and counts what it was asked."""

    answers: dict[bytes, keys_pb2.LookUpKeyResponse] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)

    async def LookUpKey(  # noqa: N802
        self,
        request: keys_pb2.LookUpKeyRequest,
        context: grpc.aio.ServicerContext[keys_pb2.LookUpKeyRequest, keys_pb2.LookUpKeyResponse],  # noqa: ARG002
    ) -> keys_pb2.LookUpKeyResponse:
        self.asked.append(request.key_sha256)
        return self.answers.get(request.key_sha256, keys_pb2.LookUpKeyResponse())


@asynccontextmanager
async def running_key_service(identities: Path, keys: KnownKeys, port: int = 0) -> AsyncIterator[str]:
    """Serve `keys` as the gateway would, and give the address."""
    settings = BaseSettings(environment="dev", listen=f"127.0.0.1:{port}", tls_directory=identities / "gateway_svc")
    server = MeshServer(settings, logger=structlog.get_logger(), metrics=Metrics("gateway_svc"))
    server.add("payera.keys.v1.KeyService", lambda target: keys_grpc.add_KeyServiceServicer_to_server(keys, target))
    await server.start()
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop(grace_seconds=0)
