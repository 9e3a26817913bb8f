"""The real gateway over mutual TLS and PostgreSQL, among scripted peers, with merchants and keys to call it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from payera.gateway.v1 import merchant_service_pb2 as merchants_pb2
from payera.gateway.v1 import merchant_service_pb2_grpc as merchants_grpc
from payera.gateway.v1 import payment_service_pb2 as payments_pb2
from payera.gateway.v1 import payment_service_pb2_grpc as payments_grpc

from gateway_svc.application.api_keys import new_key
from gateway_svc.bootstrap import Gateway
from gateway_svc.settings import GatewaySettings
from mesh.channels import open_channel
from mesh.context import KeyScope
from mesh.database import Database
from mesh.identifiers import new_id
from tests.fakes.gateway.peers import FakeDurableDriver, FakeLogger
from tests.fakes.gateway.servers import (
    ScriptedConnectors,
    ScriptedRouter,
    ScriptedVault,
    connectors_server,
    router_server,
    vault_server,
)
from tests.support.postgres import PostgresServer

CALL_SECONDS = 30.0


@dataclass
class RunningMesh:
    """A gateway and its peers, and a merchant with a secret key."""

    gateway: Gateway
    settings: GatewaySettings
    identities: Path
    connectors: ScriptedConnectors
    router: ScriptedRouter
    vault: ScriptedVault
    durable: FakeDurableDriver
    logger: FakeLogger
    token: str
    peers: dict[str, contextlib.AsyncExitStack] = field(default_factory=dict)
    channels: dict[str, grpc.aio.Channel] = field(default_factory=dict)
    operator_key: str = ""
    merchant_id: str = ""
    secret_key: str = ""

    def channel(self, identity: str) -> grpc.aio.Channel:
        """Give the channel to the gateway as `identity`."""
        if identity not in self.channels:
            self.channels[identity] = open_channel(
                f"127.0.0.1:{self.gateway.port}",
                service="gateway_svc",
                tls_directory=self.identities / identity,
            )
        return self.channels[identity]

    @property
    def payments(self) -> "payments_grpc.PaymentServiceAsyncStub":
        return payments_grpc.PaymentServiceStub(self.channel("envoy"))

    @property
    def merchants(self) -> "merchants_grpc.MerchantServiceAsyncStub":
        return merchants_grpc.MerchantServiceStub(self.channel("operator"))

    def metadata(self, key: str = "", *, api_key: str = "") -> tuple[tuple[str, str], ...]:
        """Give the metadata of a call as the edge sends it, with a new idempotency key when none is given."""
        return (
            ("authorization", f"Bearer {api_key or self.secret_key}"),
            ("idempotency-key", key or new_id("key")),
            ("x-payera-body-fields", ""),
        )

    def request(self, **changes: Any) -> payments_pb2.CreatePaymentRequest:
        """Give the request for a payment of EUR 10.50."""
        values: dict[str, Any] = {"amount": {"value": 1050, "currency": "EUR"}, "token": self.token}
        return payments_pb2.CreatePaymentRequest(**values | changes)

    async def pay(self, key: str = "", **changes: Any) -> Any:
        """Make a payment and give it."""
        return await self.payments.CreatePayment(
            self.request(**changes), metadata=self.metadata(key), timeout=CALL_SECONDS
        )

    async def new_merchant(self) -> tuple[str, str]:
        """Create a merchant with a secret key through the API, and give id and key."""
        metadata = self.metadata(api_key=self.operator_key)
        merchant = await self.merchants.CreateMerchant(
            merchants_pb2.CreateMerchantRequest(name="Shop"), metadata=metadata, timeout=CALL_SECONDS
        )
        key = await self.merchants.CreateApiKey(
            merchants_pb2.CreateApiKeyRequest(merchant_id=merchant.id, scope=merchants_pb2.ApiKey.SECRET),
            metadata=metadata,
            timeout=CALL_SECONDS,
        )
        return merchant.id, key.key

    async def stop_peer(self, name: str) -> None:
        """Stop a peer: `connectors`, `router` or `vault`."""
        await self.peers.pop(name).aclose()


@contextlib.asynccontextmanager
async def running_mesh(postgres: PostgresServer, identities: Path) -> AsyncIterator[RunningMesh]:
    """Run a gateway on a random port among its peers."""
    token = new_id("tok")
    connectors, router, vault = ScriptedConnectors(), ScriptedRouter(), ScriptedVault({token})
    peers: dict[str, contextlib.AsyncExitStack] = {}
    addresses: dict[str, str] = {}
    servers = {
        "connectors": connectors_server(identities, connectors),
        "router": router_server(identities, router),
        "vault": vault_server(identities, vault),
    }
    for name, server in servers.items():
        peers[name] = contextlib.AsyncExitStack()
        addresses[name] = await peers[name].enter_async_context(server)
    gateway_settings = GatewaySettings(
        environment="dev",
        listen="127.0.0.1:0",
        tls_directory=identities / "gateway_svc",
        database_url=postgres.role_urls["gateway_svc"],
        temporal_address="127.0.0.1:1",
        codec_keyring=identities / "none",
        router_address=addresses["router"],
        vault_address=addresses["vault"],
        connectors_address=addresses["connectors"],
    )
    durable, logger = FakeDurableDriver(), FakeLogger()
    gateway = Gateway(gateway_settings, durable, logger)
    await gateway.start()
    mesh = RunningMesh(gateway, gateway_settings, identities, connectors, router, vault, durable, logger, token, peers)
    try:
        mesh.operator_key = await operator_key(postgres)
        mesh.merchant_id, mesh.secret_key = await mesh.new_merchant()
        yield mesh
    finally:
        for channel in mesh.channels.values():
            await channel.close()
        await gateway.stop()
        for peer in peers.values():
            await peer.aclose()


async def operator_key(postgres: PostgresServer) -> str:
    """Put an operator's key into the database, as its administrator does, and give it."""
    database = Database(postgres.admin_url, pool_size=1, name="test")
    await database.open()
    key = new_key(KeyScope.OPERATOR, live=False)
    await database.call("gateway.ensure_operator_key", new_id("key"), key.prefix, key.sha256)
    await database.close()
    return key.text


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Give the reason in the error's one ErrorInfo."""
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            infos = []
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    infos.append(info)
            [only] = infos
            return str(only.reason)
    return ""
