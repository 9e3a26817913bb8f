"""The connectors as processes with a real database, and a gateway that remembers what it was told."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
import structlog
from google.api import httpbody_pb2
from payera.keys.v1 import key_service_pb2 as keys_pb2
from payera.keys.v1 import key_service_pb2_grpc as keys_grpc
from payera.notifications.v1 import notification_service_pb2 as notifications_pb2
from payera.notifications.v1 import notification_service_pb2_grpc as notifications_grpc
from payera.options.v1 import options_pb2
from payera.psp.v1 import psp_account_service_pb2 as accounts_pb2
from payera.psp.v1 import psp_account_service_pb2_grpc as accounts_grpc
from payera.psp.v1 import psp_webhook_service_pb2 as webhooks_pb2
from payera.psp.v1 import psp_webhook_service_pb2_grpc as webhooks_grpc

from mesh.server import MeshServer
from mesh.settings import BaseSettings
from mesh.telemetry import Metrics
from tests.support.mesh_services import CALL_SECONDS, KnownKeys, ServiceProcess, free_port, running_service

OPERATOR_KEY: Final = "ok_test_of_the_operator"
MERCHANT_KEY: Final = "sk_test_of_a_merchant"
API_KEY: Final = "planted_api_key_4711"
WEBHOOK_SECRET: Final = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
MERCHANT_ACCOUNT: Final = "AcmeECOM"
SETTINGS: Final = {"merchant_account": MERCHANT_ACCOUNT, "return_url": "https://shop.example/back"}
UNMATCHED: Final = notifications_pb2.NotifyResponse.DISPOSITION_UNMATCHED
APPLIED: Final = notifications_pb2.NotifyResponse.DISPOSITION_APPLIED
_Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(slots=True)
class GatewayBooks(notifications_grpc.NotificationServiceServicer):
    """A gateway that answers every event with `disposition`, and rings `told` when it was told one."""

    disposition: Any = APPLIED
    events: list[notifications_pb2.NotifyRequest] = field(default_factory=list)
    told: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def Notify(  # noqa: N802
        self, request: notifications_pb2.NotifyRequest, context: _Context
    ) -> notifications_pb2.NotifyResponse:
        assert context is not None
        async with self.told:
            self.events.append(request)
            self.told.notify_all()
        return notifications_pb2.NotifyResponse(disposition=self.disposition, payment_id="pay_1")

    def times_told(self, event_id: str) -> int:
        return sum(event.event_id == event_id for event in self.events)

    async def wait_for(self, event_id: str, times: int = 1) -> notifications_pb2.NotifyRequest:
        """Wait until an event was told so many times."""
        async with asyncio.timeout(60), self.told:
            await self.told.wait_for(lambda: self.times_told(event_id) >= times)
        return next(event for event in self.events if event.event_id == event_id)


def known_keys() -> KnownKeys:
    active = keys_pb2.LookUpKeyResponse.STATE_ACTIVE
    scopes = {OPERATOR_KEY: options_pb2.KEY_SCOPE_OPERATOR, MERCHANT_KEY: options_pb2.KEY_SCOPE_SECRET}
    return KnownKeys(
        {
            hashlib.sha256(key.encode()).digest(): keys_pb2.LookUpKeyResponse(
                state=active, scope=scope, key_id=f"key_{scope}", merchant_id="mer_1" if key == MERCHANT_KEY else ""
            )
            for key, scope in scopes.items()
        }
    )


@asynccontextmanager
async def running_gateway(identities: Path, books: GatewayBooks, port: int) -> AsyncIterator[None]:
    """Serve API keys and take events, as the gateway would."""
    settings = BaseSettings(environment="dev", listen=f"127.0.0.1:{port}", tls_directory=identities / "gateway_svc")
    server = MeshServer(settings, logger=structlog.get_logger(), metrics=Metrics("gateway_svc"))
    keys = known_keys()
    server.add("payera.keys.v1.KeyService", lambda target: keys_grpc.add_KeyServiceServicer_to_server(keys, target))
    server.add(
        "payera.notifications.v1.NotificationService",
        lambda target: notifications_grpc.add_NotificationServiceServicer_to_server(books, target),
    )
    await server.start()
    try:
        yield
    finally:
        await server.stop(grace_seconds=0)


@dataclass(slots=True)
class Connectors:
    """One connectors process, and stubs for it as the edge."""

    process: ServiceProcess
    accounts: "accounts_grpc.PspAccountServiceAsyncStub"
    webhooks: "webhooks_grpc.PspWebhookServiceAsyncStub"
    gateway_channel: grpc.aio.Channel

    async def create(self, name: str) -> accounts_pb2.PspAccount:
        """Set up an account with a webhook secret."""
        request = accounts_pb2.CreatePspAccountRequest(
            account=name,
            connector="adyen",
            base_url="http://127.0.0.1:1/v72",
            api_key=API_KEY,
            settings=SETTINGS,
            secrets={"webhook_login": "planted_user:planted_password_4714"},
        )
        made = await self.accounts.CreatePspAccount(request, timeout=CALL_SECONDS, metadata=key(OPERATOR_KEY))
        secret = accounts_pb2.CreateWebhookSecretRequest(account=name, secret=WEBHOOK_SECRET)
        await self.accounts.CreateWebhookSecret(secret, timeout=CALL_SECONDS, metadata=key(OPERATOR_KEY))
        return made

    async def post(self, account: str, body: bytes, *, login: str = "planted_user:planted_password_4714") -> bytes:
        """Send a webhook of Adyen's."""
        return await self.send(account, body, {"authorization": f"Basic {b64encode(login.encode()).decode()}"})

    async def send(self, account: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Send a webhook as the edge passes it on."""
        request = webhooks_pb2.ReceiveWebhookRequest(account=account, body=httpbody_pb2.HttpBody(data=body))
        metadata = (*headers.items(), ("x-payera-body-fields", ""), ("x-request-id", "req_of_psp"))
        answer = await self.webhooks.ReceiveWebhook(request, timeout=CALL_SECONDS, metadata=metadata)
        return bytes(answer.data)

    async def listed(self, account: str) -> list[webhooks_pb2.PspWebhook]:
        """List an account's webhooks."""
        request = webhooks_pb2.ListPspWebhooksRequest(account=account)
        answer = await self.webhooks.ListPspWebhooks(request, timeout=CALL_SECONDS, metadata=key(OPERATOR_KEY))
        return list(answer.psp_webhooks)


@asynccontextmanager
async def running_connectors(identities: Path, directory: Path, settings: dict[str, str]) -> AsyncIterator[Connectors]:
    """Run one connectors process."""
    async with contextlib.AsyncExitStack() as stack:
        process = await stack.enter_async_context(running_service("psp_connectors", identities, directory, settings))
        envoy = await stack.enter_async_context(process.channel("envoy"))
        gateway = await stack.enter_async_context(process.channel("gateway_svc"))
        yield Connectors(
            process,
            accounts_grpc.PspAccountServiceStub(envoy),
            webhooks_grpc.PspWebhookServiceStub(envoy),
            gateway,
        )


def settings_of(database_url: str, gateway_port: int, keyring: Path) -> dict[str, str]:
    """Give the settings of a connectors process; the vault is nowhere."""
    return {
        "PAYERA_DATABASE_URL": database_url,
        "PAYERA_GATEWAY_ADDRESS": f"127.0.0.1:{gateway_port}",
        "PAYERA_VAULT_ADDRESS": f"127.0.0.1:{free_port()}",
        "PAYERA_CONNECTORS_KEYRING": str(keyring),
        "PAYERA_LOG_LEVEL": "debug",
    }


def key(text: str) -> tuple[tuple[str, str], ...]:
    """Give the metadata of a call with an API key, as the edge passes it on."""
    return (("authorization", f"Bearer {text}"), ("x-payera-body-fields", ""))


def new_reference() -> str:
    """Give a PSP reference that no other test uses."""
    return f"ADY{secrets.token_hex(8).upper()}"


def refund_item(psp_reference: str, *, secret: str = WEBHOOK_SECRET, filling: str = "") -> dict[str, Any]:
    """Give an Adyen item that tells of a refund, signed with `secret`."""
    signed = f"{psp_reference}:PAYMENT1:{MERCHANT_ACCOUNT}:ref_1:1050:EUR:REFUND:true"
    digest = hmac.new(bytes.fromhex(secret), signed.encode(), hashlib.sha256).digest()
    item = {
        "additionalData": {"hmacSignature": b64encode(digest).decode(), "filling": filling},
        "amount": {"currency": "EUR", "value": 1050},
        "eventCode": "REFUND",
        "eventDate": "2026-11-20T13:51:40+01:00",
        "merchantAccountCode": MERCHANT_ACCOUNT,
        "merchantReference": "ref_1",
        "originalReference": "PAYMENT1",
        "pspReference": psp_reference,
        "reason": "",
        "success": "true",
    }
    return {"NotificationRequestItem": item}


def body_of(*items: dict[str, Any]) -> bytes:
    """Give an Adyen webhook with these items."""
    return json.dumps({"live": "false", "notificationItems": list(items)}).encode()
