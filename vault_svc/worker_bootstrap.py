"""Composition root of the vault's worker: rotations of keys, and what else goes on beside the vault."""

import asyncio
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from mesh.crashpoints import CrashPoints
from mesh.database import Database
from mesh.identifiers import new_id
from mesh.keyring import KeyringError as CodecKeyringError
from mesh.keyring import create_keyring
from mesh.keyring import load_keyring as load_codec_keyring
from mesh.settings import SettingsError
from mesh.telemetry import Metrics, configure_logging, serve_metrics
from mesh.topics import AUDIT_HEADS
from vault_svc.adapters.aes_gcm.card_cipher import DATA_KEY_BYTES, AesGcmCardCipher
from vault_svc.adapters.kafka.heads_publisher import KafkaAuditHeads
from vault_svc.adapters.kafka.metrics import AuditHeadMetrics
from vault_svc.adapters.periodic_purge import purge_every_minute
from vault_svc.adapters.postgres.audit_heads import PostgresAuditHeads
from vault_svc.adapters.postgres.rotation_store import PostgresRotationStore
from vault_svc.adapters.system_clock import SystemClock
from vault_svc.adapters.temporal.metrics import RotationMetrics
from vault_svc.adapters.temporal.worker import TemporalWorker, WorkerSettings
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.ports.key_provider import KeyProvider
from vault_svc.application.ports.rotations import RotationKind
from vault_svc.application.publish_audit_heads import PublishAuditHeads, publish_audit_heads
from vault_svc.application.purge import PurgeKeys
from vault_svc.application.rotate_data_keys import RotateDataKeys
from vault_svc.application.rotate_fingerprint_key import RotateFingerprintKey
from vault_svc.application.rotate_key_encryption_key import RotateKeyEncryptionKey
from vault_svc.application.rotate_keys import ACTOR, Pace, Rotation, RotationObserver
from vault_svc.domain.secret_values import SecretKey
from vault_svc.domain.token import FINGERPRINT_PREFIX
from vault_svc.key_providers import close_provider, key_provider
from vault_svc.settings import VaultWorkerSettings
from vault_svc.workflows.rotation_activities import RotationActivities

NAME: Final = "vault_worker"
FINGERPRINT_KEY_PREFIX: Final = "fpk"
#: Listing what is left of a rotation goes through every card.
STATEMENT_SECONDS: Final = 30.0
LAST_SECONDS: Final = 8.0


async def serve(settings: VaultWorkerSettings, stop: asyncio.Event) -> None:
    """Run the worker until `stop` is set, whatever of Temporal, PostgreSQL and the key provider is away meanwhile.

    Raises SettingsError or OSError when it can't be started as it was set up.
    """
    logger = configure_logging(NAME, settings.log_level)
    provider = key_provider(settings)
    metrics = Metrics(NAME)
    observer = RotationMetrics(metrics.registry, logger)
    database = Database(
        settings.database_url, pool_size=settings.database_pool_size, name=NAME, statement_seconds=STATEMENT_SECONDS
    )
    crashes = CrashPoints(settings.crash_directory, environment=settings.environment)
    store = PostgresRotationStore(database)
    keys = _data_keys(store, provider)
    rotations = _rotations(settings, store, keys, provider, observer)
    activities = RotationActivities(rotations, crashes, observer, logger)
    worker = TemporalWorker(_temporal(settings), [activities.rotate_batch], observer.connected.set)
    stop_metrics = serve_metrics(settings.metrics_listen, metrics)
    await database.open()
    background = asyncio.create_task(_publish_heads(settings, database, metrics, stop, logger))
    purge = asyncio.create_task(purge_every_minute(PurgeKeys(keys), stop, logger))
    logger.info("worker started")
    try:
        await worker.run(stop)
    finally:
        # When all goes well it ends by itself within seconds, with the last heads.
        await asyncio.wait({background}, timeout=LAST_SECONDS if stop.is_set() else 0)
        for task in (background, purge):
            task.cancel()
        await asyncio.gather(background, purge, return_exceptions=True)
        await database.close()
        close_provider(provider)
        stop_metrics()
        logger.info("worker stopped")


async def _publish_heads(
    settings: VaultWorkerSettings,
    database: Database,
    metrics: Metrics,
    stop: asyncio.Event,
    logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
) -> None:
    """Publish the heads of the audit until `stop` is set, and once more then."""
    heads = KafkaAuditHeads(settings.kafka_bootstrap, AUDIT_HEADS.name)
    watch = AuditHeadMetrics(metrics.registry)
    publish = PublishAuditHeads(
        PostgresAuditHeads(database), heads, watch, clock=SystemClock(), monotonic=time.monotonic, logger=logger
    )
    try:
        await publish_audit_heads(stop, publish, watch, logger)
    finally:
        await heads.close()


def _data_keys(store: PostgresRotationStore, provider: KeyProvider) -> DataKeys:
    return DataKeys(
        store=store,
        provider=provider,
        cipher_of=AesGcmCardCipher,
        new_fingerprint_key_id=lambda: new_id(FINGERPRINT_KEY_PREFIX),
        monotonic=time.monotonic,
        actor=ACTOR,
    )


def _rotations(
    settings: VaultWorkerSettings,
    store: PostgresRotationStore,
    keys: DataKeys,
    provider: KeyProvider,
    observer: RotationObserver,
) -> Mapping[RotationKind, Rotation]:
    pace = Pace(per_second=settings.rotation_cards_per_second, idle_seconds=settings.rotation_idle_seconds)
    sealer = CardSealer(AesGcmCardCipher, _new_card_key)
    return {
        RotationKind.KEY_ENCRYPTION_KEY: RotateKeyEncryptionKey(store, provider, pace, time.monotonic, observer),
        RotationKind.DATA_KEY: RotateDataKeys(store, keys, sealer, pace, time.monotonic, observer),
        RotationKind.FINGERPRINT_KEY: RotateFingerprintKey(
            store, keys, sealer, pace, time.monotonic, observer, lambda: new_id(FINGERPRINT_PREFIX)
        ),
    }


def _new_card_key() -> SecretKey:
    return SecretKey(secrets.token_bytes(DATA_KEY_BYTES))


def _temporal(settings: VaultWorkerSettings) -> WorkerSettings:
    if settings.environment == "dev":
        create_keyring(settings.codec_keyring)
    try:
        keyring = load_codec_keyring(settings.codec_keyring)
    except CodecKeyringError as error:
        message = f"PAYERA_CODEC_KEYRING can't be used: {error}"
        raise SettingsError(message) from None
    return WorkerSettings(settings.temporal_address, settings.temporal_namespace, keyring)
