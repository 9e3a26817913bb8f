"""PayPal's webhooks in a real connectors process: believed only when the certificate has come, whenever that is."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import web
from payera.psp.v1 import psp_account_service_pb2 as accounts_pb2
from payera.psp.v1 import psp_webhook_service_pb2 as webhooks_pb2

from mesh.keyring import create_keyring
from mesh.money import Money
from tests.fakes.connectors.paypal import CLIENT_ID, WEBHOOK_ID, capture_answer
from tests.fakes.connectors.paypal_signer import SIGNER_NAME, chain, issued, root, signed
from tests.support.mesh_services import CALL_SECONDS, free_port, write_identities
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture
from tests.support.psp_inbox import (
    OPERATOR_KEY,
    Connectors,
    GatewayBooks,
    key,
    running_connectors,
    running_gateway,
    settings_of,
)

pytestmark = pytest.mark.integration

SECONDS: Final = 60
PATH: Final = "/v1/notifications/certs/"
#: Headers that belong to HTTP itself; the edge passes the rest.
NOT_PASSED: Final = frozenset({"content-type"})


@dataclass(slots=True)
class CertificateServer:
    """PayPal's certificate addresses; `away` makes them fail."""

    url: str
    away: bool = False
    asked: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        assert request.path.startswith(PATH)
        self.asked += 1
        if self.away:
            return web.Response(status=503)
        return web.Response(body=chain(), content_type="text/plain")


@dataclass(slots=True)
class Rig:
    connectors: Connectors
    books: GatewayBooks
    certificates: CertificateServer
    number: int = 0

    async def send(self, *, url: str = "", **changes: Any) -> str:
        """Send a webhook about a capture, and give its event's id."""
        self.number += 1
        event_id = f"WH-{self.number}-{time.time_ns()}"
        event = {
            "id": event_id,
            "event_version": "1.0",
            "create_time": "2026-11-25T10:00:00.000Z",
            "resource_type": "capture",
            "resource_version": "2.0",
            "event_type": "PAYMENT.CAPTURE.COMPLETED",
            "summary": "as PayPal words it",
            "resource": capture_answer(Money(1050, "EUR")),
            "links": [],
        }
        address = url or f"{self.certificates.url}{PATH}CERT-{self.number}"
        raw = signed(json.dumps(event).encode(), sent_at=int(time.time()), certificate_url=address, **changes)
        headers = {name: text for name, text in raw.headers.items() if name not in NOT_PASSED}
        assert await self.connectors.send("paypal", raw.body, headers) == b"[accepted]"
        return event_id

    async def newest(self) -> webhooks_pb2.PspWebhook:
        return (await self.connectors.listed("paypal"))[0]

    async def until(self, state: str) -> webhooks_pb2.PspWebhook:
        async with asyncio.timeout(SECONDS):
            while True:
                webhook = await self.newest()
                if webhooks_pb2.PspWebhook.State.Name(webhook.state) == state:
                    return webhook
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
async def certificates() -> AsyncIterator[CertificateServer]:
    port = free_port()
    server = CertificateServer(f"http://127.0.0.1:{port}")
    application = web.Application()
    application.router.add_get(PATH + "{name}", server.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield server
    await runner.cleanup()


@pytest.fixture(scope="module")
async def rig(
    postgres: PostgresServer,  # noqa: F811
    certificates: CertificateServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Rig]:
    identities = write_identities(tmp_path_factory.mktemp("identities"))
    directory: Path = tmp_path_factory.mktemp("connectors")
    create_keyring(directory / "keyring.json")
    port, books = free_port(), GatewayBooks()
    settings = settings_of(postgres.role_urls["psp_connectors"], port, directory / "keyring.json")
    async with (
        running_gateway(identities, books, port),
        running_connectors(identities, directory, settings) as connectors,
    ):
        request = accounts_pb2.CreatePspAccountRequest(
            account="paypal",
            connector="paypal",
            base_url=certificates.url,
            api_key="client_secret",
            settings={"client_id": CLIENT_ID},
            secrets={"webhook_roots": root().pem.strip()},
        )
        await connectors.accounts.CreatePspAccount(request, timeout=CALL_SECONDS, metadata=key(OPERATOR_KEY))
        secret = accounts_pb2.CreateWebhookSecretRequest(account="paypal", secret=WEBHOOK_ID)
        await connectors.accounts.CreateWebhookSecret(secret, timeout=CALL_SECONDS, metadata=key(OPERATOR_KEY))
        yield Rig(connectors, books, certificates)


@pytest.fixture(autouse=True)
def there(rig: Rig) -> None:
    rig.certificates.away = False


async def test_the_certificate_is_brought_once_and_the_event_follows(rig: Rig) -> None:
    address = f"{rig.certificates.url}{PATH}CERT-SHARED"
    before = rig.certificates.asked
    for _ in range(3):
        event_id = await rig.send(url=address)
        event = await rig.books.wait_for(event_id)
        assert event.outcome.amount == 1050
    assert rig.certificates.asked == before + 1
    webhook = await rig.until("DONE")
    assert webhook.attempts == 0, "the later ones were verified at the door"


async def test_without_the_certificate_it_waits_unbelieved_until_it_comes(rig: Rig) -> None:
    rig.certificates.away = True
    before = rig.certificates.asked
    event_id = await rig.send()
    async with asyncio.timeout(SECONDS):
        while rig.certificates.asked < before + 2:  # noqa: ASYNC110 - the dispatcher asks, nobody tells
            await asyncio.sleep(0.05)
    waiting = await rig.until("UNVERIFIED")
    assert "503" in waiting.last_error
    assert list(waiting.events) == []
    assert rig.books.times_told(event_id) == 0
    rig.certificates.away = False
    await rig.books.wait_for(event_id)
    await rig.until("DONE")


async def test_a_signature_of_anybody_else_is_refused_when_the_certificate_comes(rig: Rig) -> None:
    stranger = issued(SIGNER_NAME, None, authority=False, names=(SIGNER_NAME,))
    event_id = await rig.send(by=stranger)
    refused = await rig.until("REFUSED")
    assert list(refused.events) == []
    assert rig.books.times_told(event_id) == 0
