"""The gateway's composition root: names every part and how the parts depend on each other."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from payera.gateway.v1 import merchant_service_pb2_grpc, payment_service_pb2_grpc, review_service_pb2_grpc
from payera.history.v1 import history_service_pb2_grpc
from payera.keys.v1 import key_service_pb2_grpc
from payera.notifications.v1 import notification_service_pb2_grpc

from gateway_svc.adapters.connectors.psp_connectors import GrpcPspConnectors
from gateway_svc.adapters.grpc import (
    history_service,
    key_service,
    merchant_service,
    notification_service,
    payment_service,
    review_service,
)
from gateway_svc.adapters.keys.authenticator import CachingAuthenticator
from gateway_svc.adapters.postgres.cryptogram_seal import CryptogramSeal
from gateway_svc.adapters.postgres.merchant_store import PostgresMerchantStore
from gateway_svc.adapters.postgres.payment_history import PostgresPaymentHistory
from gateway_svc.adapters.postgres.payment_store import PostgresPaymentStore
from gateway_svc.adapters.postgres.review_store import PostgresReviewStore
from gateway_svc.adapters.router.router import GrpcRouter
from gateway_svc.adapters.temporal.driver import TemporalDurableDriver
from gateway_svc.adapters.vault.card_tokens import GrpcCardTokens
from gateway_svc.application.apply_notification import ApplyNotification
from gateway_svc.application.create_payment import CreatePayment
from gateway_svc.application.inline_driver import Environment, InlineDriver
from gateway_svc.application.keep_tokens import KeepToken, TellAtOnce
from gateway_svc.application.manage_merchants import ManageMerchants
from gateway_svc.application.modify_payment import ModifyPayment
from gateway_svc.application.payment_history import ReadHistory
from gateway_svc.application.ports import DurableDriver
from gateway_svc.application.read_payments import ReadPayments
from gateway_svc.application.reviews import ManageReviews
from gateway_svc.application.sections import CriticalSections
from gateway_svc.settings import GatewaySettings
from mesh.channels import open_channel
from mesh.crashpoints import CrashPoints
from mesh.database import Database
from mesh.server import MeshServer
from mesh.telemetry import Metrics, configure_logging, serve_metrics

NAME: Final = "gateway_svc"
AFTER_KEEP: Final = "gateway.after_keep"
GRACE_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 5.0


class Gateway:
    """One gateway process, made of its settings; `durable` takes over what requests could not finish.

    Nothing connects before `start`. PostgreSQL, Temporal and the other services may be away then and come later.
    Raises IdentityError when the TLS directory is not complete.
    """

    def __init__(self, settings: GatewaySettings, durable: DurableDriver, logger: Any) -> None:  # noqa: ANN401
        self._settings = settings
        self._metrics = Metrics(NAME)
        self._database = Database(settings.database_url, pool_size=settings.database_pool_size, name=NAME)
        self._sections = CriticalSections(logger)
        self._logger = logger
        self._channels = {
            service: open_channel(address, service=service, tls_directory=settings.tls_directory)
            for service, address in (
                ("router_svc", settings.router_address),
                ("vault_svc", settings.vault_address),
                ("psp_connectors", settings.connectors_address),
            )
        }
        merchants = PostgresMerchantStore(self._database)
        self._server = MeshServer(
            settings,
            logger=logger,
            metrics=self._metrics,
            authenticator=CachingAuthenticator(merchants),
            concurrency_limit=settings.concurrency_limit,
        )
        self._add_services(merchants, durable)
        self._stop_metrics: Callable[[], None] = lambda: None

    @property
    def port(self) -> int:
        """Give the port that is served, once started."""
        return self._server.port

    async def start(self) -> None:
        """Serve. Raises RuntimeError or OSError when a port can't be bound."""
        self._stop_metrics = serve_metrics(self._settings.metrics_listen, self._metrics)
        await self._database.open()
        # Connected before the first payment: a call waits for this channel only a little.
        self._channels["psp_connectors"].get_state(try_to_connect=True)
        await self._server.start()

    async def stop(self) -> None:
        """Take no more calls, let those under way end, then what they have begun, then close everything."""
        await self._server.stop(GRACE_SECONDS)
        broken_off = await self._sections.drain(DRAIN_SECONDS)
        if broken_off:
            self._logger.warning("operations left to the sweep", count=broken_off)
        for channel in self._channels.values():
            await channel.close()
        await self._database.close()
        self._stop_metrics()

    def _add_services(self, merchants: PostgresMerchantStore, durable: DurableDriver) -> None:
        settings = self._settings
        store = PostgresPaymentStore(self._database, CryptogramSeal(settings.codec_keyring))
        connectors = GrpcPspConnectors(self._channels["psp_connectors"])
        crash_points = CrashPoints(settings.crash_directory, environment=settings.environment)
        environment = Environment(settings.timing(), crash_points, self._logger, time.monotonic)
        driver = InlineDriver(store, self._sections, environment)
        tokens = GrpcCardTokens(self._channels["vault_svc"])
        keep = KeepToken(
            vault=tokens, store=store, after_keep=lambda: crash_points.reach(AFTER_KEEP), logger=self._logger
        )
        tell = TellAtOnce(keep, self._sections)
        create = CreatePayment(
            driver=driver,
            store=store,
            tokens=tokens,
            router=GrpcRouter(self._channels["router_svc"]),
            connectors=connectors,
            durable=durable,
            tell=tell,
            action_seconds=self._settings.shopper_action_seconds,
        )
        modify = ModifyPayment(driver=driver, store=store, connectors=connectors, durable=durable)
        payments = payment_service.PaymentServicer(create, modify, ReadPayments(store))
        operators = merchant_service.MerchantServicer(ManageMerchants(merchants, merchants, self._logger))
        keys = key_service.KeyServicer(merchants)
        notifications = notification_service.NotificationServicer(ApplyNotification(store, self._logger, tell))

        reviews = review_service.ReviewServicer(
            ManageReviews(store=PostgresReviewStore(self._database), durable=durable, tell=tell, logger=self._logger)
        )

        def register(service: str, add: Callable[[Any, Any], None], servicer: object) -> None:
            self._server.add(service, lambda target: add(servicer, target))

        register(payment_service.SERVICE, payment_service_pb2_grpc.add_PaymentServiceServicer_to_server, payments)
        register(merchant_service.SERVICE, merchant_service_pb2_grpc.add_MerchantServiceServicer_to_server, operators)
        register(review_service.SERVICE, review_service_pb2_grpc.add_ReviewServiceServicer_to_server, reviews)
        register(key_service.SERVICE, key_service_pb2_grpc.add_KeyServiceServicer_to_server, keys)
        history = history_service.HistoryServicer(ReadHistory(PostgresPaymentHistory(self._database)))
        register(history_service.SERVICE, history_service_pb2_grpc.add_HistoryServiceServicer_to_server, history)
        add_notifications = notification_service_pb2_grpc.add_NotificationServiceServicer_to_server
        register(notification_service.SERVICE, add_notifications, notifications)


async def serve(settings: GatewaySettings, stop: asyncio.Event) -> None:
    """Run the gateway until `stop` is set.

    Raises SettingsError, IdentityError or OSError when it can't be started as it was set up.
    """
    logger = configure_logging(NAME, settings.log_level)
    durable = TemporalDurableDriver(settings.temporal_address, settings.temporal_namespace, settings.codec_keyring)
    gateway = Gateway(settings, durable, logger)
    try:
        await gateway.start()
        logger.info("gateway started", listen=settings.listen)
        await stop.wait()
    finally:
        await gateway.stop()
        await durable.close()
        logger.info("gateway stopped")
