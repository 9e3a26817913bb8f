"""The router's composition root: names every part and how the parts depend on each other."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from payera.router.v1 import router_service_pb2_grpc as router_grpc

from mesh.channels import open_channel
from mesh.database import Database
from mesh.key_look_up import KeyLookUp
from mesh.server import MeshServer
from mesh.telemetry import Metrics, configure_logging, serve_metrics
from router_svc.adapters.cel.compiler import CelCompiler
from router_svc.adapters.connectors.accounts import ConnectorsAccounts
from router_svc.adapters.gateway.payment_history import GrpcPaymentHistory
from router_svc.adapters.grpc.router_service import SERVICE_NAME, RouterService
from router_svc.adapters.grpc.ruleset_service import add_ruleset_service
from router_svc.adapters.kafka.metrics import LearningMetrics
from router_svc.adapters.kafka.source import KafkaObservationSource
from router_svc.adapters.postgres.priority_store import PostgresPriorityStore
from router_svc.adapters.postgres.snapshot_store import PostgresSnapshotStore
from router_svc.application.learn import Knowledge
from router_svc.application.merchants_accounts import ListedAccounts
from router_svc.application.priority_lists import PriorityLists
from router_svc.application.route_payment import RoutePayment
from router_svc.application.simulate_ruleset import SimulateRuleset
from router_svc.domain.health import HealthSettings
from router_svc.domain.learning.settings import LearningSettings
from router_svc.domain.priorities import default_list
from router_svc.ruleset_parts import RulesetParts, build_rulesets
from router_svc.settings import RouterSettings

NAME: Final = "router_svc"


@dataclass(frozen=True, slots=True)
class _Parts:
    """What runs and has to be ended."""

    database: Database
    accounts: ConnectorsAccounts
    knowledge: Knowledge
    rulesets: RulesetParts
    server: MeshServer


async def serve(settings: RouterSettings, stop: asyncio.Event) -> None:
    """Run the router until `stop` is set.

    PostgreSQL, Kafka, the gateway and the connectors may be away at the start and come later. Raises SettingsError,
    IdentityError or OSError when the router can't be started as it was set up.
    """
    logger = configure_logging(NAME, settings.log_level)
    metrics = Metrics(NAME)
    async with AsyncExitStack() as channels:
        gateway, connectors = [
            await channels.enter_async_context(
                open_channel(address, service=name, tls_directory=settings.tls_directory)
            )
            for name, address in (
                ("gateway_svc", settings.gateway_address),
                ("psp_connectors", settings.connectors_address),
            )
        ]
        parts = _build(settings, logger, metrics, gateway, connectors)
        stop_metrics = serve_metrics(settings.metrics_listen, metrics)
        try:
            await _run(parts, stop, logger, settings.listen)
        finally:
            stop_metrics()
            logger.info("router stopped")


def _build(
    settings: RouterSettings,
    logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
    metrics: Metrics,
    gateway: Any,  # noqa: ANN401 - grpc has no types
    connectors: Any,  # noqa: ANN401
) -> _Parts:
    database = Database(settings.database_url, pool_size=settings.database_pool_size, name=NAME)
    lists = PriorityLists(
        store=PostgresPriorityStore(database),
        default=default_list(settings.default_accounts()),
        monotonic=time.monotonic,
    )
    accounts = ConnectorsAccounts(connectors, logger=logger)
    listed = ListedAccounts(lists, accounts)
    conditions = CelCompiler()
    rulesets = build_rulesets(database=database, accounts=listed, conditions=conditions, monotonic=time.monotonic)
    knowledge = Knowledge(
        KafkaObservationSource(settings.kafka_bootstrap, settings.events_topic),
        PostgresSnapshotStore(database, logger),
        LearningMetrics(metrics.registry),
        topic=settings.events_topic,
        learning=LearningSettings(),
        health=HealthSettings(errors_min=settings.breaker_errors_min),
        monotonic=time.monotonic,
        logger=logger,
    )
    server = MeshServer(
        settings, logger=logger, metrics=metrics, authenticator=KeyLookUp(gateway, monotonic=time.monotonic)
    )
    route = RoutePayment(listed, rulesets.active, knowledge)
    routing = RouterService(route_payment=route, lists=lists)
    server.add(SERVICE_NAME, lambda target: router_grpc.add_RouterServiceServicer_to_server(routing, target))
    simulate = SimulateRuleset(
        manage=rulesets.manage,
        route=route,
        history=GrpcPaymentHistory(gateway),
        conditions=conditions,
        threads=rulesets.checking,
        now=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
    )
    add_ruleset_service(server, rulesets.manage, simulate)
    return _Parts(database, accounts, knowledge, rulesets, server)


async def _run(
    parts: _Parts,
    stop: asyncio.Event,
    logger: Any,  # noqa: ANN401
    listen: str,
) -> None:
    await parts.database.open()
    parts.accounts.start()
    learning = asyncio.create_task(parts.knowledge.run(stop))
    try:
        await parts.server.start()
        logger.info("router started", listen=listen)
        await stop.wait()
    finally:
        await parts.server.stop()
        # `stop` may not be set when the start failed.
        stop.set()
        await asyncio.gather(learning, return_exceptions=True)
        await parts.accounts.stop()
        parts.rulesets.close()
        await parts.database.close()
