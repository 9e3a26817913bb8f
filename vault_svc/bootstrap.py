"""The vault's composition root: names every part and how the parts depend on each other."""

import asyncio
import time
from typing import Final

from payera.vault.v1 import token_service_pb2_grpc as vault_grpc

from mesh.channels import open_channel
from mesh.database import Database
from mesh.identifiers import new_id
from mesh.key_look_up import KeyLookUp
from mesh.server import MeshServer
from mesh.settings import SettingsError
from mesh.telemetry import Metrics, configure_logging, serve_metrics
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.adapters.grpc import card_service, token_service
from vault_svc.adapters.keyring.key_provider import FileKeyProvider, KeyringError, load_keyring
from vault_svc.adapters.periodic_purge import purge_every_minute
from vault_svc.adapters.postgres.card_store import PostgresCardStore
from vault_svc.adapters.system_clock import SystemClock
from vault_svc.application.create_token import CreateToken
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.describe_token import DescribeToken, known_tokens
from vault_svc.application.detokenize import Detokenize
from vault_svc.application.purge_codes import PurgeCodes
from vault_svc.domain.token import TOKEN_PREFIX, TokenId
from vault_svc.settings import VaultSettings

NAME: Final = "vault_svc"


async def serve(settings: VaultSettings, stop: asyncio.Event) -> None:
    """Run the vault until `stop` is set.

    PostgreSQL and the gateway may be away at the start and come later. Raises SettingsError, IdentityError or OSError
    when the vault can't be started as it was set up.
    """
    logger = configure_logging(NAME, settings.log_level)
    provider = _key_provider(settings)
    metrics = Metrics(NAME)
    database = Database(settings.database_url, pool_size=settings.database_pool_size, name=NAME)
    gateway = open_channel(settings.gateway_address, service="gateway_svc", tls_directory=settings.tls_directory)
    store = PostgresCardStore(database)
    keys = DataKeys(store=store, provider=provider, cipher_of=AesGcmCardCipher, monotonic=time.monotonic)
    server = MeshServer(
        settings, logger=logger, metrics=metrics, authenticator=KeyLookUp(gateway, monotonic=time.monotonic)
    )
    _add_services(server, store, keys)
    stop_metrics = serve_metrics(settings.metrics_listen, metrics)
    await database.open()
    purge = asyncio.create_task(purge_every_minute(PurgeCodes(store), stop, logger))
    try:
        await server.start()
        logger.info("vault started", listen=settings.listen)
        await stop.wait()
    finally:
        await server.stop()
        purge.cancel()
        await asyncio.gather(purge, return_exceptions=True)
        await gateway.close()
        await database.close()
        stop_metrics()
        logger.info("vault stopped")


def _key_provider(settings: VaultSettings) -> FileKeyProvider:
    try:
        return load_keyring(settings.vault_keyring, environment=settings.environment)
    except KeyringError as error:
        message = f"PAYERA_VAULT_KEYRING can't be used: {error}"
        raise SettingsError(message) from None


def _add_services(server: MeshServer, store: PostgresCardStore, keys: DataKeys) -> None:
    known = known_tokens(time.monotonic)
    describe_token = DescribeToken(store, known)
    create_token = CreateToken(store, keys, new_token_id=lambda: TokenId(new_id(TOKEN_PREFIX)), known=known)
    tokens = token_service.TokenService(create_token=create_token, describe_token=describe_token, clock=SystemClock())
    cards = card_service.CardService(describe_token=describe_token, detokenize=Detokenize(store, keys))
    server.add(token_service.SERVICE_NAME, lambda target: vault_grpc.add_TokenServiceServicer_to_server(tokens, target))
    server.add(card_service.SERVICE_NAME, lambda target: vault_grpc.add_CardServiceServicer_to_server(cards, target))
