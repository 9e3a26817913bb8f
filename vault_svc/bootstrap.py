"""The vault's composition root: names every part and how the parts depend on each other."""

import asyncio
import secrets
import time
from dataclasses import dataclass
from typing import Final

from payera.vault.v1 import key_service_pb2_grpc as key_grpc
from payera.vault.v1 import token_service_pb2_grpc as vault_grpc

from mesh.channels import open_channel
from mesh.database import Database
from mesh.identifiers import new_id
from mesh.key_look_up import KeyLookUp
from mesh.server import MeshServer
from mesh.settings import SettingsError
from mesh.telemetry import Metrics, configure_logging, serve_metrics
from vault_svc.adapters.aes_gcm.card_cipher import DATA_KEY_BYTES, AesGcmCardCipher
from vault_svc.adapters.bin_table.csv_file import BinTableFileError, development_table, load_tables
from vault_svc.adapters.grpc import (
    card_service,
    key_service,
    operation_service,
    token_service,
    transfer_service,
)
from vault_svc.adapters.jwe.card_envelopes import JweCardEnvelopes
from vault_svc.adapters.periodic_purge import purge_every_minute
from vault_svc.adapters.postgres.card_store import PostgresCardStore
from vault_svc.adapters.postgres.customer_store import PostgresCustomerStore
from vault_svc.adapters.postgres.key_inventory import PostgresKeyInventory
from vault_svc.adapters.postgres.key_store import PostgresKeyStore
from vault_svc.adapters.postgres.operation_store import PostgresOperationStore
from vault_svc.adapters.postgres.transfer_store import PostgresTransferStore
from vault_svc.adapters.system_clock import SystemClock
from vault_svc.adapters.temporal.rotations import TemporalRotations
from vault_svc.application.access_rate import AccessRate
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.controlled_operations import OPERATION_PREFIX, ControlledOperations
from vault_svc.application.create_token import CreateToken
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.describe_token import DescribeToken, KnownTokens, known_tokens
from vault_svc.application.destroy_data_key import DestroyDataKey
from vault_svc.application.detokenize import Detokenize
from vault_svc.application.export_cards import ExportCards
from vault_svc.application.import_cards import ImportCards, ImportKeys
from vault_svc.application.keep_card import KeepCard
from vault_svc.application.key_inventory import ListKeys
from vault_svc.application.manage_tokens import AssignCustomer, DeleteToken, ListTokens, MakePermanent, UpdateToken
from vault_svc.application.ports.key_provider import KeyProvider
from vault_svc.application.purge import Purge
from vault_svc.application.rotate_keys import RotateKeys
from vault_svc.domain.bin_table import BinTables
from vault_svc.domain.secret_values import SecretKey
from vault_svc.domain.token import FINGERPRINT_PREFIX, TOKEN_PREFIX, TokenId
from vault_svc.key_providers import close_provider, key_provider
from vault_svc.settings import VaultSettings

NAME: Final = "vault_svc"
FINGERPRINT_KEY_PREFIX: Final = "fpk"


async def serve(settings: VaultSettings, stop: asyncio.Event) -> None:
    """Run the vault until `stop` is set.

    PostgreSQL and the gateway may be away at the start and come later. Raises SettingsError, IdentityError or OSError
    when the vault can't be started as it was set up.
    """
    logger = configure_logging(NAME, settings.log_level)
    provider = key_provider(settings)
    metrics = Metrics(NAME)
    database = Database(settings.database_url, pool_size=settings.database_pool_size, name=NAME)
    gateway = open_channel(settings.gateway_address, service="gateway_svc", tls_directory=settings.tls_directory)
    parts = _parts(settings, database, provider)
    server = MeshServer(
        settings, logger=logger, metrics=metrics, authenticator=KeyLookUp(gateway, monotonic=time.monotonic)
    )
    _add_services(server, parts)
    _add_operators_services(server, parts, settings)
    stop_metrics = serve_metrics(settings.metrics_listen, metrics)
    await database.open()
    purge = asyncio.create_task(
        purge_every_minute(Purge(parts.store, parts.keys, PostgresOperationStore(parts.database)), stop, logger)
    )
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
        close_provider(provider)
        stop_metrics()
        logger.info("vault stopped")


def _bin_tables(settings: VaultSettings) -> BinTables | None:
    """Load the tables of issuers' ranges; without a setting those of the public test cards, and none in production."""
    if settings.vault_bin_table is None:
        return None if settings.environment == "prod" else BinTables([development_table()])
    try:
        return load_tables(settings.vault_bin_table)
    except BinTableFileError as error:
        message = f"PAYERA_VAULT_BIN_TABLE can't be used: {error}"
        raise SettingsError(message) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the services are made of."""

    database: Database
    provider: KeyProvider
    store: PostgresCardStore
    keys: DataKeys
    sealer: CardSealer
    keep_card: KeepCard
    known: KnownTokens
    clock: SystemClock
    rate: AccessRate
    bin_tables: BinTables | None


def _parts(settings: VaultSettings, database: Database, provider: KeyProvider) -> Parts:
    store = PostgresCardStore(database)
    keys = DataKeys(
        store=PostgresKeyStore(database),
        provider=provider,
        cipher_of=AesGcmCardCipher,
        new_fingerprint_key_id=lambda: new_id(FINGERPRINT_KEY_PREFIX),
        monotonic=time.monotonic,
    )
    sealer = CardSealer(AesGcmCardCipher, new_card_key)
    return Parts(
        database=database,
        provider=provider,
        store=store,
        keys=keys,
        sealer=sealer,
        keep_card=KeepCard(
            store=store,
            keys=keys,
            sealer=sealer,
            new_token_id=lambda: TokenId(new_id(TOKEN_PREFIX)),
            new_fingerprint_id=lambda: new_id(FINGERPRINT_PREFIX),
        ),
        known=known_tokens(time.monotonic),
        clock=SystemClock(),
        rate=AccessRate(per_second=settings.vault_accesses_per_second, monotonic=time.monotonic),
        bin_tables=_bin_tables(settings),
    )


def new_card_key() -> SecretKey:
    """Make the key of one card."""
    return SecretKey(secrets.token_bytes(DATA_KEY_BYTES))


def _add_services(server: MeshServer, parts: Parts) -> None:
    describe = DescribeToken(parts.store, parts.known, parts.clock)
    tokens = token_service.TokenService(
        token_service.TokenUseCases(
            create=CreateToken(parts.keep_card, parts.known),
            describe=describe,
            list=ListTokens(parts.store),
            update=UpdateToken(parts.store, parts.keys, parts.sealer, describe, parts.known, parts.clock),
            assign=AssignCustomer(PostgresCustomerStore(parts.database), describe, parts.known),
            delete=DeleteToken(parts.store, parts.known),
            clock=parts.clock,
            bin_tables=parts.bin_tables,
        )
    )
    cards = card_service.CardService(
        describe_token=describe,
        detokenize=Detokenize(parts.store, parts.keys, parts.sealer, parts.known, parts.rate),
        make_permanent=MakePermanent(parts.store, parts.known),
    )
    server.add(token_service.SERVICE_NAME, lambda target: vault_grpc.add_TokenServiceServicer_to_server(tokens, target))
    server.add(card_service.SERVICE_NAME, lambda target: vault_grpc.add_CardServiceServicer_to_server(cards, target))


def _add_operators_services(server: MeshServer, parts: Parts, settings: VaultSettings) -> None:
    envelopes = JweCardEnvelopes()
    operations = PostgresOperationStore(parts.database)
    transfers = PostgresTransferStore(parts.database)
    rotations = TemporalRotations(settings.temporal_address, settings.temporal_namespace, settings.codec_keyring)
    import_keys = ImportKeys(operations, transfers, parts.provider, envelopes, AesGcmCardCipher)
    keys = key_service.KeyManagementService(
        key_service.KeyUseCases(
            ListKeys(parts.provider, PostgresKeyInventory(parts.database)),
            RotateKeys(rotations, parts.clock),
            rotations,
        )
    )
    controlled = operation_service.ControlledOperationService(
        operation_service.OperationUseCases(
            ControlledOperations(operations, envelopes, lambda: new_id(OPERATION_PREFIX)),
            DestroyDataKey(operations, parts.keys),
            parts.clock,
        )
    )
    cards = transfer_service.CardTransferService(
        transfer_service.TransferUseCases(
            export_cards=ExportCards(operations, parts.keys, parts.sealer, envelopes),
            import_keys=import_keys,
            import_cards=ImportCards(
                operations=operations,
                store=transfers,
                keys=import_keys,
                keep_card=parts.keep_card,
                clock=parts.clock,
                bin_tables=parts.bin_tables,
            ),
        )
    )
    server.add(
        key_service.SERVICE_NAME,
        lambda target: key_grpc.add_KeyManagementServiceServicer_to_server(keys, target),
    )
    server.add(
        operation_service.SERVICE_NAME,
        lambda target: key_grpc.add_ControlledOperationServiceServicer_to_server(controlled, target),
    )
    server.add(
        transfer_service.SERVICE_NAME,
        lambda target: key_grpc.add_CardTransferServiceServicer_to_server(cards, target),
    )
