"""The router's composition root: names every part and how the parts depend on each other."""

import asyncio
import time
from typing import Final

from payera.router.v1 import router_service_pb2_grpc as router_grpc

from mesh.database import Database
from mesh.server import MeshServer
from mesh.telemetry import Metrics, configure_logging, serve_metrics
from router_svc.adapters.grpc.router_service import SERVICE_NAME, RouterService
from router_svc.adapters.postgres.priority_store import PostgresPriorityStore
from router_svc.application.priority_lists import PriorityLists
from router_svc.application.route_payment import RoutePayment
from router_svc.domain.priorities import default_list
from router_svc.settings import RouterSettings

NAME: Final = "router_svc"


async def serve(settings: RouterSettings, stop: asyncio.Event) -> None:
    """Run the router until `stop` is set.

    PostgreSQL may be away at the start and come later. Raises SettingsError, IdentityError or OSError when the router
    can't be started as it was set up.
    """
    logger = configure_logging(NAME, settings.log_level)
    default = default_list(settings.default_accounts())
    metrics = Metrics(NAME)
    database = Database(settings.database_url, pool_size=settings.database_pool_size, name=NAME)
    lists = PriorityLists(store=PostgresPriorityStore(database), default=default, monotonic=time.monotonic)
    service = RouterService(route_payment=RoutePayment(lists), lists=lists)
    server = MeshServer(settings, logger=logger, metrics=metrics)
    server.add(SERVICE_NAME, lambda target: router_grpc.add_RouterServiceServicer_to_server(service, target))
    stop_metrics = serve_metrics(settings.metrics_listen, metrics)
    await database.open()
    try:
        await server.start()
        logger.info("router started", listen=settings.listen)
        await stop.wait()
    finally:
        await server.stop()
        await database.close()
        stop_metrics()
        logger.info("router stopped")
