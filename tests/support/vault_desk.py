"""A vault that serves operators over real gRPC and PostgreSQL, and the `payera` command as an operator's desk."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from click.testing import CliRunner, Result
from payera.vault.v1 import key_service_pb2_grpc as stubs

from devstack import cli
from devstack.names import DEFAULT_PORTS, PortName
from mesh.channels import open_channel
from mesh.context import KeyScope
from mesh.database import Database
from mesh.identifiers import new_id
from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics
from tests.fakes.authenticator import FakeAuthenticator
from tests.fakes.log import FakeLog
from tests.fakes.vault.clocks import FakeMonotonic
from tests.support.certificates import CertificateAuthority
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.adapters.grpc import operation_service, transfer_service
from vault_svc.adapters.jwe.card_envelopes import JweCardEnvelopes
from vault_svc.adapters.keyring.key_provider import create_keyring, load_keyring
from vault_svc.adapters.postgres.card_store import PostgresCardStore
from vault_svc.adapters.postgres.key_store import PostgresKeyStore
from vault_svc.adapters.postgres.operation_store import PostgresOperationStore
from vault_svc.adapters.postgres.transfer_store import PostgresTransferStore
from vault_svc.adapters.system_clock import SystemClock
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.controlled_operations import OPERATION_PREFIX, ControlledOperations
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.destroy_data_key import DestroyDataKey
from vault_svc.application.export_cards import ExportCards
from vault_svc.application.import_cards import ImportCards, ImportKeys
from vault_svc.application.keep_card import KeepCard
from vault_svc.domain.card import CardDetails, Expiry, accept_card
from vault_svc.domain.secret_values import SecretKey
from vault_svc.domain.token import Actor, MerchantId, Token, TokenId

OPERATOR_KEYS = ("ok_test_one", "ok_test_two", "ok_test_three")
TEST = Actor("key_test", "req_test")


class VaultParts:
    """The parts of a vault over one database, whose keys are wrapped by those of one keyring for good."""

    def __init__(self, database: Database, keyring: Path) -> None:
        if not keyring.exists():
            create_keyring(keyring)
        self.clock = SystemClock()
        self.provider = load_keyring(keyring, environment="dev")
        self.cards = PostgresCardStore(database)
        self.keys = DataKeys(
            store=PostgresKeyStore(database),
            provider=self.provider,
            cipher_of=AesGcmCardCipher,
            new_fingerprint_key_id=lambda: new_id("fpk"),
            monotonic=FakeMonotonic(),
        )
        self.sealer = CardSealer(AesGcmCardCipher, lambda: SecretKey(secrets.token_bytes(32)))
        self.keep_card = KeepCard(
            store=self.cards,
            keys=self.keys,
            sealer=self.sealer,
            new_token_id=lambda: TokenId(new_id("tok")),
            new_fingerprint_id=lambda: new_id("fpr"),
        )
        self.operations = PostgresOperationStore(database)
        self.transfers = PostgresTransferStore(database)
        self.envelopes = JweCardEnvelopes()

    def operation_service(self) -> operation_service.ControlledOperationService:
        """Make the service of operations."""
        return operation_service.ControlledOperationService(
            operation_service.OperationUseCases(
                ControlledOperations(self.operations, self.envelopes, lambda: new_id(OPERATION_PREFIX)),
                DestroyDataKey(self.operations, self.keys),
                self.clock,
            )
        )

    def transfer_service(self) -> transfer_service.CardTransferService:
        """Make the service of exports and imports."""
        import_keys = ImportKeys(self.operations, self.transfers, self.provider, self.envelopes, AesGcmCardCipher)
        return transfer_service.CardTransferService(
            transfer_service.TransferUseCases(
                ExportCards(self.operations, self.keys, self.sealer, self.envelopes),
                import_keys,
                ImportCards(
                    operations=self.operations,
                    store=self.transfers,
                    keys=import_keys,
                    keep_card=self.keep_card,
                    clock=self.clock,
                ),
            )
        )


@dataclass
class VaultDesk:
    """A running vault, and the commands of an operator of its stack."""

    home: Path
    parts: VaultParts
    server: MeshServer
    authority: CertificateAuthority
    log: FakeLog
    shown: list[str] = field(default_factory=list)

    async def payera(self, *arguments: str, key: str = OPERATOR_KEYS[0]) -> Result:
        """Run a command with an operator's key; whatever it shows is kept in `shown`."""
        environment = {"PAYERA_OPERATOR_KEY": key}
        command = ["--home", str(self.home), *arguments]
        result = await asyncio.to_thread(CliRunner().invoke, cli.main, command, env=environment)
        self.shown.append(result.output)
        return result

    async def good(self, *arguments: str, key: str = OPERATOR_KEYS[0]) -> str:
        """Run a command that succeeds, and give what it shows."""
        result = await self.payera(*arguments, key=key)
        assert result.exit_code == 0, result.output
        return result.output

    async def approved(self, kind: str, merchant_id: str, *options: str) -> str:
        """Request an operation and approve it with two keys; give its id."""
        asked = await self.good("operations", "request", kind, "--merchant", merchant_id, *options)
        operation_id = asked.split()[0]
        for key in OPERATOR_KEYS[:2]:
            await self.good("operations", "approve", operation_id, "--yes", key=key)
        return operation_id

    async def keep(self, merchant_id: str, number: str, customer_id: str = "") -> Token:
        """Keep a permanent card."""
        card = accept_card(
            number=number, expiry=Expiry(12, 2040), code="", holder_name="Ada Lovelace", now=self.parts.clock.now()
        )
        return await self.parts.keep_card(
            MerchantId(merchant_id), card, customer_id=customer_id, life_seconds=None, actor=TEST
        )

    async def details(self, merchant_id: str, token_id: str) -> CardDetails:
        """Open a card in the vault."""
        merchant, token = MerchantId(merchant_id), TokenId(token_id)
        loaded = await self.parts.cards.load_card(merchant, token)
        assert loaded is not None
        cipher = await self.parts.keys.for_opening(merchant, loaded.data_key)
        return self.parts.sealer.open(cipher, merchant, token, loaded.data_key.key_version, loaded.sealed)

    @asynccontextmanager
    async def channel(self, caller: str) -> AsyncIterator[grpc.aio.Channel]:
        """Open a channel as any identity."""
        tls = self.authority.write(self.home / "certificates" / caller, caller)
        channel = open_channel(f"127.0.0.1:{self.server.port}", service="vault_svc", tls_directory=tls)
        try:
            yield channel
        finally:
            await channel.close()


@asynccontextmanager
async def running_desk(home: Path, database_url: str, keyring: Path) -> AsyncIterator[VaultDesk]:
    """Serve a vault, and make the home of a stack that has it."""
    authority = CertificateAuthority()
    for identity in ("vault_svc", "operator"):
        authority.write(home / "certificates" / identity, identity)
    keys = FakeAuthenticator()
    for key in OPERATOR_KEYS:
        keys.give(key, KeyScope.OPERATOR, merchant_id="")
    keys.give("sk_test_merchant", KeyScope.SECRET)
    log = FakeLog()
    settings = BaseSettings(environment="dev", listen="127.0.0.1:0", tls_directory=home / "certificates" / "vault_svc")
    server = MeshServer(settings, logger=log.logger, metrics=Metrics("vault_svc"), authenticator=keys)
    database = Database(database_url, pool_size=4, name="test")
    parts = VaultParts(database, keyring)
    operations, transfers = parts.operation_service(), parts.transfer_service()
    server.add(
        operation_service.SERVICE_NAME,
        lambda target: stubs.add_ControlledOperationServiceServicer_to_server(operations, target),
    )
    server.add(
        transfer_service.SERVICE_NAME, lambda target: stubs.add_CardTransferServiceServicer_to_server(transfers, target)
    )
    await database.open()
    await server.start()
    ports = {name.value: port for name, port in DEFAULT_PORTS.items()} | {PortName.VAULT.value: server.port}
    (home / "ports.json").write_text(json.dumps({"port_base": None, "ports": ports}), encoding="utf-8")
    try:
        yield VaultDesk(home, parts, server, authority, log)
    finally:
        await server.stop(0)
        await database.close()
