"""The composition root of the connectors service."""

import asyncio
import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import grpc
from payera.connectors.v1 import connector_service_pb2_grpc as stubs

from mesh.channels import open_channel
from mesh.crashpoints import CrashPoints
from mesh.server import MeshServer
from mesh.settings import BaseSettings, load
from mesh.telemetry import Metrics, configure_logging, serve_metrics
from psp_connectors.adapters.accounts import load_accounts
from psp_connectors.adapters.grpc.service import SERVICE_NAME, ConnectorService
from psp_connectors.adapters.http.limits import SenderLimits
from psp_connectors.adapters.http.negotiation import NegotiatingSender
from psp_connectors.adapters.observation import LoggingObserver
from psp_connectors.adapters.vault.client import GrpcVault
from psp_connectors.application.perform_operation import PerformOperation, Runtime
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.breaker import BreakerLimits

SERVICE: Final = "psp_connectors"
VAULT_SERVICE: Final = "vault_svc"
RESERVE_SECONDS: Final = 0.15
"""Kept back of every call's time, so that an outcome still reaches the caller."""
STOP_SECONDS: Final = 5.0
FORGET_SECONDS: Final = 15.0
CONCURRENCY_LIMIT: Final = 256
"""Higher than elsewhere: calls wait for PSPs, and a slow PSP must not lock the others out."""


class ConnectorsSettings(BaseSettings, frozen=True, kw_only=True):
    """The settings of this service."""

    psp_accounts: Path
    vault_address: str


async def serve(stop: asyncio.Event, environment: Mapping[str, str]) -> None:
    """Run the service until `stop` is set; calls under way are given time to end."""
    settings = load(ConnectorsSettings, environment)
    logger = configure_logging(SERVICE, settings.log_level)
    metrics = Metrics(SERVICE)
    accounts = load_accounts(settings.psp_accounts, CONNECTORS, settings.environment)
    crash_points = CrashPoints(settings.crash_directory, environment=settings.environment)
    sender = NegotiatingSender(SenderLimits())
    vault_channel = open_channel(settings.vault_address, service=VAULT_SERVICE, tls_directory=settings.tls_directory)
    perform_operation = PerformOperation(
        accounts=accounts,
        connectors=CONNECTORS,
        vault=GrpcVault(vault_channel),
        runtime=Runtime(
            sender=sender,
            crash_points=crash_points,
            observer=LoggingObserver(logger, metrics.registry),
            clock=time.monotonic,
            breaker_limits=BreakerLimits(),
            reserve_seconds=RESERVE_SECONDS,
        ),
    )
    service = ConnectorService(perform_operation, accounts, CONNECTORS)
    server = MeshServer(settings, logger=logger, metrics=metrics, concurrency_limit=CONCURRENCY_LIMIT)
    server.add(SERVICE_NAME, functools.partial(_register, service))
    stop_metrics = serve_metrics(settings.metrics_listen, metrics)
    forgetting = asyncio.create_task(_forget_now_and_then(perform_operation))
    try:
        await server.start()
        logger.info("accounts", accounts=sorted(accounts))
        await stop.wait()
        await server.stop(grace_seconds=STOP_SECONDS)
    finally:
        forgetting.cancel()
        await asyncio.gather(forgetting, return_exceptions=True)
        await perform_operation.close()
        await sender.close()
        await vault_channel.close()
        stop_metrics()


async def _forget_now_and_then(perform_operation: PerformOperation) -> None:
    """Drop remembered card operations in time also when no call comes that would."""
    while True:
        await asyncio.sleep(FORGET_SECONDS)
        perform_operation.forget_expired()


def _register(service: ConnectorService, server: grpc.aio.Server) -> None:
    stubs.add_ConnectorServiceServicer_to_server(service, server)
