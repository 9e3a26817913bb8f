"""Composition root of the relay process: from the outbox to Kafka."""

import asyncio

from gateway_svc.adapters.kafka.metrics import RelayMetrics
from gateway_svc.adapters.kafka.outbox import OutboxSession
from gateway_svc.adapters.kafka.publisher import KafkaPublisher
from gateway_svc.adapters.kafka.relay import Relay
from mesh.crashpoints import CrashPoints
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics, configure_logging, serve_metrics
from mesh.topics import PAYMENTS

SERVICE = "gateway_relay"


class Settings(BaseSettings, frozen=True, kw_only=True):
    """Settings of the relay process. All relays of one outbox must be given the same number of slots."""

    database_url: str
    kafka_bootstrap: str
    relay_slots: int = 8

    def __post_init__(self) -> None:
        """Refuse a number of slots that shares nothing out."""
        super().__post_init__()
        if self.relay_slots < 1:
            message = "PAYERA_RELAY_SLOTS must be at least 1"
            raise ValueError(message)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Relay until ``stop`` is set, whatever of PostgreSQL and Kafka is away meanwhile."""
    logger = configure_logging(SERVICE, settings.log_level)
    metrics = Metrics(SERVICE)

    async def open_session() -> OutboxSession:
        return await OutboxSession.open(settings.database_url, slots=settings.relay_slots, name=SERVICE)

    relay = Relay(
        open_session,
        KafkaPublisher(settings.kafka_bootstrap, PAYMENTS.name),
        CrashPoints(settings.crash_directory, environment=settings.environment),
        RelayMetrics(metrics.registry),
        logger,
    )
    stop_metrics = serve_metrics(settings.metrics_listen, metrics)
    logger.info("relay started")
    try:
        await relay.run(stop)
    finally:
        stop_metrics()
        logger.info("relay stopped")
