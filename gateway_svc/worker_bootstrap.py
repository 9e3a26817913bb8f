"""Composition root of the worker process: the durable driver's side of Temporal."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client

from gateway_svc.adapters.connectors.psp_connectors import GrpcPspConnectors
from gateway_svc.adapters.postgres.cryptogram_seal import CryptogramSeal
from gateway_svc.adapters.postgres.payment_store import PostgresPaymentStore
from gateway_svc.adapters.temporal.metrics import DurableMetrics
from gateway_svc.adapters.temporal.starting import TemporalWorkStarter
from gateway_svc.adapters.temporal.worker import TemporalWorker, WorkerSettings
from gateway_svc.adapters.vault.card_tokens import GrpcCardTokens
from gateway_svc.application.keep_tokens import KeepToken
from gateway_svc.workflows.messages import SweepOrder
from gateway_svc.workflows.modification_activities import ModificationActivities
from gateway_svc.workflows.payment_activities import PaymentActivities
from gateway_svc.workflows.recording import AFTER_KEEP
from gateway_svc.workflows.sweep_activities import SweepActivities
from gateway_svc.workflows.token_activities import TokenActivities
from mesh.channels import open_channel
from mesh.crashpoints import CrashPoints
from mesh.database import Database
from mesh.keyring import create_keyring, load_keyring
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics, configure_logging, serve_metrics

SERVICE = "gateway_worker"
SWEEP_LIMIT = 200


class Settings(BaseSettings, frozen=True, kw_only=True):
    """Settings of the worker process; times in milliseconds."""

    database_url: str
    connectors_address: str
    vault_address: str
    temporal_address: str
    codec_keyring: Path
    temporal_namespace: str = "default"
    database_pool_size: int = 8
    sweep_interval_ms: int = 10_000
    sweep_grace_ms: int = 20_000


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the worker until ``stop`` is set, whatever of Temporal, PostgreSQL and connectors is away meanwhile."""
    logger = configure_logging(SERVICE, settings.log_level)
    if settings.environment == "dev":
        create_keyring(settings.codec_keyring)
    keyring = load_keyring(settings.codec_keyring)
    metrics = Metrics(SERVICE)
    durable_metrics = DurableMetrics(metrics.registry)
    database = Database(settings.database_url, pool_size=settings.database_pool_size, name=SERVICE)
    channel = open_channel(settings.connectors_address, service="psp_connectors", tls_directory=settings.tls_directory)
    vault = open_channel(settings.vault_address, service="vault_svc", tls_directory=settings.tls_directory)
    store = PostgresPaymentStore(database, CryptogramSeal(settings.codec_keyring))
    connectors = GrpcPspConnectors(channel)
    crashes = CrashPoints(settings.crash_directory, environment=settings.environment)
    keep = KeepToken(
        vault=GrpcCardTokens(vault), store=store, after_keep=lambda: crashes.reach(AFTER_KEEP), logger=logger
    )

    def activities(client: Client) -> list[Callable[..., Any]]:
        return [
            PaymentActivities(store, connectors, crashes, durable_metrics, keep).advance_payment,
            ModificationActivities(store, connectors, crashes, durable_metrics).advance_modification,
            SweepActivities(store, TemporalWorkStarter(client), durable_metrics).start_stalled_work,
            TokenActivities(store, keep, durable_metrics).keep_tokens,
        ]

    worker = TemporalWorker(
        WorkerSettings(
            address=settings.temporal_address,
            namespace=settings.temporal_namespace,
            keyring=keyring,
            sweep_interval=timedelta(milliseconds=settings.sweep_interval_ms),
            sweep_order=SweepOrder(grace_ms=settings.sweep_grace_ms, limit=SWEEP_LIMIT),
        ),
        activities,
        durable_metrics.connected.set,
    )
    stop_metrics = serve_metrics(settings.metrics_listen, metrics)
    await database.open()
    logger.info("worker started")
    try:
        await worker.run(stop)
    finally:
        await channel.close()
        await vault.close()
        await database.close()
        stop_metrics()
        logger.info("worker stopped")
