"""The composition root of the connectors service."""

import asyncio
import functools
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc
from payera.connectors.v1 import connector_service_pb2_grpc as stubs
from payera.psp.v1 import psp_account_service_pb2_grpc as account_stubs
from payera.psp.v1 import psp_webhook_service_pb2_grpc as webhook_stubs

from mesh.channels import open_channel
from mesh.crashpoints import CrashPoints
from mesh.database import Database
from mesh.identifiers import new_id
from mesh.key_look_up import KeyLookUp
from mesh.keyring import KeyringError, create_keyring, load_keyring
from mesh.refusal import Refusal
from mesh.server import MeshServer
from mesh.settings import BaseSettings, SettingsError, load
from mesh.telemetry import Metrics, configure_logging, serve_metrics
from psp_connectors.adapters.accounts import load_accounts, load_webhook_secrets
from psp_connectors.adapters.background import (
    Bell,
    count_and_purge,
    dispatch_webhooks,
    refresh_accounts,
    renew_certificates,
)
from psp_connectors.adapters.certificates import HttpCertificates
from psp_connectors.adapters.gateway.notifications import GrpcGateway
from psp_connectors.adapters.grpc import account_service, webhook_service
from psp_connectors.adapters.grpc.service import SERVICE_NAME, ConnectorService
from psp_connectors.adapters.http.limits import SenderLimits
from psp_connectors.adapters.http.negotiation import NegotiatingSender
from psp_connectors.adapters.observation import LoggingObserver
from psp_connectors.adapters.postgres.account_store import PostgresAccountStore
from psp_connectors.adapters.postgres.webhook_store import PostgresWebhookStore
from psp_connectors.adapters.sealing.aes_gcm import AesGcmSeal
from psp_connectors.adapters.vault.client import GrpcVault
from psp_connectors.adapters.webhook_observation import LoggingRegistryObserver, MetricsWebhookObserver
from psp_connectors.application.account_registry import AccountRegistry
from psp_connectors.application.check_account import CheckAccount
from psp_connectors.application.dispatch_webhooks import DispatchWebhooks
from psp_connectors.application.inspect_webhooks import InspectWebhooks
from psp_connectors.application.manage_accounts import SECRET_PREFIX, ManageAccounts
from psp_connectors.application.perform_operation import PerformOperation, Runtime
from psp_connectors.application.receive_webhook import ReceiveWebhook, WebhookReader
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.breaker import BreakerLimits

SERVICE: Final = "psp_connectors"
VAULT_SERVICE: Final = "vault_svc"
GATEWAY_SERVICE: Final = "gateway_svc"
RESERVE_SECONDS: Final = 0.15
"""Kept back of every call's time, so that an outcome still reaches the caller."""
STOP_SECONDS: Final = 5.0
FIRST_LOOK_SECONDS: Final = 5.0
FORGET_SECONDS: Final = 15.0
CONCURRENCY_LIMIT: Final = 256
"""Higher than elsewhere: calls wait for PSPs, and a slow PSP must not lock the others out."""


class ConnectorsSettings(BaseSettings, frozen=True, kw_only=True):
    """The settings of this service.

    Without a database there are the file's accounts alone, no management and no webhooks: for development and tests.
    """

    vault_address: str
    psp_accounts: Path | None = None
    database_url: str = ""
    database_pool_size: int = 8
    gateway_address: str = ""
    connectors_keyring: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what would lose webhooks or keep credentials in the clear."""
        super().__post_init__()
        managed = (bool(self.database_url), bool(self.gateway_address), self.connectors_keyring is not None)
        if any(managed) != all(managed):
            message = "PAYERA_DATABASE_URL, PAYERA_GATEWAY_ADDRESS and PAYERA_CONNECTORS_KEYRING go together"
            raise ValueError(message)
        if self.environment == "prod" and (not all(managed) or self.psp_accounts is not None):
            message = "in prod PSP accounts are kept in the database: set PAYERA_DATABASE_URL, not PAYERA_PSP_ACCOUNTS"
            raise ValueError(message)
        if not all(managed) and self.psp_accounts is None:
            message = "neither PAYERA_DATABASE_URL nor PAYERA_PSP_ACCOUNTS is set"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What the parts share."""

    settings: ConnectorsSettings
    logger: Any
    metrics: Metrics
    crash_points: CrashPoints
    sender: NegotiatingSender


@dataclass(frozen=True, slots=True)
class _Inbox:
    """What is there with a database only: where accounts are kept and webhooks come in."""

    database: Database
    gateway: grpc.aio.Channel
    seal: AesGcmSeal
    accounts: PostgresAccountStore
    webhooks: PostgresWebhookStore


async def serve(stop: asyncio.Event, environment: Mapping[str, str]) -> None:
    """Run the service until `stop` is set; calls under way are given time to end.

    PostgreSQL, the gateway and the vault may be away at the start and come later. Raises SettingsError, IdentityError
    or OSError when the service can't be started as it was set up.
    """
    settings = load(ConnectorsSettings, environment)
    logger = configure_logging(SERVICE, settings.log_level)
    around = _Surroundings(
        settings,
        logger,
        Metrics(SERVICE),
        CrashPoints(settings.crash_directory, environment=settings.environment),
        NegotiatingSender(SenderLimits()),
    )
    inbox = _inbox(settings)
    registry = _registry(around, inbox)
    vault_channel = open_channel(settings.vault_address, service=VAULT_SERVICE, tls_directory=settings.tls_directory)
    perform_operation = _perform_operation(around, registry, vault_channel)
    authenticator = None if inbox is None else KeyLookUp(inbox.gateway, monotonic=time.monotonic)
    server = MeshServer(
        settings,
        logger=logger,
        metrics=around.metrics,
        authenticator=authenticator,
        concurrency_limit=CONCURRENCY_LIMIT,
    )
    server.add(SERVICE_NAME, functools.partial(_register, ConnectorService(perform_operation, registry, CONNECTORS)))
    tasks = [asyncio.create_task(_forget_now_and_then(perform_operation))]
    stop_metrics = serve_metrics(settings.metrics_listen, around.metrics)
    try:
        if inbox is not None:
            await inbox.database.open()
            await first_look(registry, logger)
            tasks += _serve_inbox(around, registry, inbox, server)
        await server.start()
        logger.info("accounts", accounts=[account.name for account in registry.values()])
        await stop.wait()
        await server.stop(grace_seconds=STOP_SECONDS)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await perform_operation.close()
        await around.sender.close()
        await vault_channel.close()
        if inbox is not None:
            await inbox.gateway.close()
            await inbox.database.close()
        stop_metrics()


async def first_look(registry: AccountRegistry, logger: Any) -> None:  # noqa: ANN401 - structlog's loggers
    """Read the accounts before the first call comes; without the database the service starts all the same."""
    try:
        async with asyncio.timeout(FIRST_LOOK_SECONDS):
            await registry.refresh()
    except (Refusal, TimeoutError):
        logger.warning("the accounts can't be read yet")
    except Exception:
        # Such as a database that is just being migrated: the procedure is there, the right to call it not yet.
        logger.exception("the accounts can't be read yet")


def _inbox(settings: ConnectorsSettings) -> _Inbox | None:
    if settings.connectors_keyring is None:
        return None
    database = Database(settings.database_url, pool_size=settings.database_pool_size, name=SERVICE)
    gateway = open_channel(settings.gateway_address, service=GATEWAY_SERVICE, tls_directory=settings.tls_directory)
    seal = _seal(settings.connectors_keyring, create=settings.environment == "dev")
    return _Inbox(database, gateway, seal, PostgresAccountStore(database), PostgresWebhookStore(database))


def _seal(path: Path, *, create: bool) -> AesGcmSeal:
    if create and not path.exists():
        create_keyring(path)
    try:
        return AesGcmSeal(load_keyring(path))
    except KeyringError as error:
        message = f"PAYERA_CONNECTORS_KEYRING can't be used: {error}"
        raise SettingsError(message) from None


def _registry(around: _Surroundings, inbox: _Inbox | None) -> AccountRegistry:
    path = around.settings.psp_accounts
    return AccountRegistry(
        connectors=CONNECTORS,
        observer=LoggingRegistryObserver(around.logger),
        now=_now,
        fixed=None if path is None else load_accounts(path, CONNECTORS, around.settings.environment),
        fixed_secrets=None if path is None else load_webhook_secrets(path),
        store=None if inbox is None else inbox.accounts,
        seal=None if inbox is None else inbox.seal,
    )


def _perform_operation(
    around: _Surroundings, registry: AccountRegistry, vault_channel: grpc.aio.Channel
) -> PerformOperation:
    return PerformOperation(
        accounts=registry,
        connectors=CONNECTORS,
        vault=GrpcVault(vault_channel),
        runtime=Runtime(
            sender=around.sender,
            crash_points=around.crash_points,
            observer=LoggingObserver(around.logger, around.metrics.registry),
            clock=time.monotonic,
            breaker_limits=BreakerLimits(),
            reserve_seconds=RESERVE_SECONDS,
        ),
    )


def _serve_inbox(
    around: _Surroundings, registry: AccountRegistry, inbox: _Inbox, server: MeshServer
) -> list[asyncio.Task[None]]:
    """Add the services that need the database, and start what goes on between calls."""
    bell = Bell()
    observer = MetricsWebhookObserver(around.logger, around.metrics.registry)
    certificates = HttpCertificates(sender=around.sender, accounts=registry)
    reader = WebhookReader(registry=registry, connectors=CONNECTORS, certificates=certificates, observer=observer)
    receive = ReceiveWebhook(
        registry=registry,
        reader=reader,
        store=inbox.webhooks,
        observer=observer,
        crash_points=around.crash_points,
        wake=bell.ring,
        new_id=functools.partial(new_id, "whk"),
        now=_now,
    )
    dispatch = DispatchWebhooks(
        registry=registry,
        reader=reader,
        store=inbox.webhooks,
        gateway=GrpcGateway(inbox.gateway),
        certificates=certificates,
        observer=observer,
        crash_points=around.crash_points,
        chance=random.random,
    )
    manage = ManageAccounts(
        store=inbox.accounts,
        registry=registry,
        seal=inbox.seal,
        connectors=CONNECTORS,
        new_secret_id=functools.partial(new_id, SECRET_PREFIX),
        only_https=around.settings.environment == "prod",
    )
    check = CheckAccount(accounts=registry, connectors=CONNECTORS, sender=around.sender, clock=time.monotonic)
    accounts = account_service.AccountService(manage, check, CONNECTORS)
    webhooks = webhook_service.WebhookService(receive, InspectWebhooks(inbox.webhooks, bell.ring))
    server.add(
        account_service.SERVICE_NAME,
        lambda target: account_stubs.add_PspAccountServiceServicer_to_server(accounts, target),
    )
    server.add(
        webhook_service.SERVICE_NAME,
        lambda target: webhook_stubs.add_PspWebhookServiceServicer_to_server(webhooks, target),
    )
    return [
        asyncio.create_task(refresh_accounts(registry, around.logger)),
        asyncio.create_task(dispatch_webhooks(dispatch, bell, around.logger)),
        asyncio.create_task(count_and_purge(inbox.webhooks, observer, around.logger)),
        asyncio.create_task(renew_certificates(certificates, around.logger)),
    ]


def _now() -> datetime:
    return datetime.now(UTC)


async def _forget_now_and_then(perform_operation: PerformOperation) -> None:
    """Drop remembered card operations in time also when no call comes that would."""
    while True:
        await asyncio.sleep(FORGET_SECONDS)
        perform_operation.forget_expired()


def _register(service: ConnectorService, server: grpc.aio.Server) -> None:
    stubs.add_ConnectorServiceServicer_to_server(service, server)
