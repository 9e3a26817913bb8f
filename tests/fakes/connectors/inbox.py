"""Everything around accounts and webhooks in memory, put together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mesh.identifiers import new_id
from mesh.keyring import Keyring
from psp_connectors.adapters.sealing.aes_gcm import AesGcmSeal
from psp_connectors.application.account_ports import Configuration
from psp_connectors.application.account_registry import AccountRegistry
from psp_connectors.application.credentials import Credentials
from psp_connectors.application.dispatch_webhooks import DispatchWebhooks
from psp_connectors.application.inspect_webhooks import InspectWebhooks
from psp_connectors.application.manage_accounts import ManageAccounts, Order
from psp_connectors.application.receive_webhook import ReceiveWebhook, WebhookReader
from psp_connectors.application.webhook_ports import (
    Answer,
    CertificateAbsent,
    CertificateUnavailable,
    Delivered,
    Disposition,
    DueEvent,
    Receipt,
    WebhookState,
)
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Account
from psp_connectors.domain.webhooks import Notification, RawWebhook
from tests.fakes.connectors.account_store import FakeAccountStore
from tests.fakes.connectors.ports import FakeCrashPoints
from tests.fakes.connectors.signing_psp import CERTIFICATE_URL, CONNECTORS, PEM, sign
from tests.fakes.connectors.webhook_store import FakeWebhookStore

API_KEY = "planted_api_key_4711"
CLIENT_SECRET = "planted_client_secret_4712"
WEBHOOK_SECRET = "planted_webhook_secret_4713"
OPERATOR = "key_1"


@dataclass(slots=True)
class FakeGateway:
    """Answers every event with `answer`, or raises `error`."""

    answer: Answer = field(default_factory=lambda: Answer(Disposition.APPLIED, "pay_1"))
    error: Exception | None = None
    told: list[tuple[str, Notification, str]] = field(default_factory=list)

    async def notify(self, account: str, notification: Notification, request_id: str) -> Answer:
        self.told.append((account, notification, request_id))
        if self.error is not None:
            raise self.error
        return self.answer


@dataclass(slots=True)
class FakeCertificates:
    """Has `pem` for every address; None: it can't be brought, `absent`: there is none."""

    absent: bool = False
    pem: bytes | None = PEM
    brought: dict[str, bytes] = field(default_factory=dict)

    def known(self) -> Mapping[str, bytes]:
        return self.brought

    async def bring(self, account: str, address: str) -> None:
        assert account
        assert address == CERTIFICATE_URL
        if self.absent:
            message = "there is no such certificate"
            raise CertificateAbsent(message)
        if self.pem is None:
            message = "the PSP's server is away"
            raise CertificateUnavailable(message)
        self.brought[address] = self.pem


@dataclass(slots=True)
class FakeWebhookObserver:
    """Remembers what it was told."""

    receipts: list[tuple[str, Receipt, int]] = field(default_factory=list)
    verifications: list[tuple[str, WebhookState]] = field(default_factory=list)
    deliveries: list[tuple[DueEvent, Delivered]] = field(default_factory=list)
    errors: list[tuple[str, Exception]] = field(default_factory=list)

    def received(self, account: str, receipt: Receipt, refused_items: int) -> None:
        self.receipts.append((account, receipt, refused_items))

    def verified(self, account: str, webhook_id: str, state: WebhookState) -> None:
        assert webhook_id
        self.verifications.append((account, state))

    def delivered(self, event: DueEvent, delivered: Delivered) -> None:
        self.deliveries.append((event, delivered))

    def misread(self, account: str, error: Exception) -> None:
        self.errors.append((account, error))


@dataclass(slots=True)
class FakeRegistryObserver:
    """Remembers which accounts could not be used, and why."""

    loads: list[int] = field(default_factory=list)
    troubles: list[tuple[str, str]] = field(default_factory=list)

    def loaded(self, accounts: int, version: int) -> None:
        assert accounts >= 0
        self.loads.append(version)

    def unusable(self, account: str, why: str) -> None:
        self.troubles.append((account, why))


def a_seal(*keys: str) -> AesGcmSeal:
    """A seal whose keys are those named; the first one is active."""
    names = keys or ("k1",)
    return AesGcmSeal(Keyring(names[0], {name: name.encode().ljust(32, b"\1") for name in names}))


def a_configuration() -> Configuration:
    return Configuration(base_url="https://psp.example", settings={"merchant_account": "Acme"})


def credentials() -> Credentials:
    return Credentials(Secret(API_KEY), {"client_secret": Secret(CLIENT_SECRET)})


def an_order(name: str = "acme") -> Order:
    return Order(
        name=name, merchant_id="mer_1", connector="signing", configuration=a_configuration(), credentials=credentials()
    )


class Inbox:
    """The use cases over fakes. `rung` counts how often the dispatcher was woken."""

    def __init__(self, fixed: Mapping[str, Account] | None = None, *, only_https: bool = False) -> None:
        self.accounts = FakeAccountStore()
        self.webhooks = FakeWebhookStore()
        self.gateway = FakeGateway()
        self.certificates = FakeCertificates()
        self.observer = FakeWebhookObserver()
        self.registry_observer = FakeRegistryObserver()
        self.crash_points = FakeCrashPoints()
        self.seal = a_seal()
        self.rung = 0
        self.time = datetime.now(UTC)
        self.registry = AccountRegistry(
            connectors=CONNECTORS,
            observer=self.registry_observer,
            now=lambda: self.time,
            fixed=fixed,
            store=self.accounts,
            seal=self.seal,
        )
        self.manage = ManageAccounts(
            store=self.accounts,
            registry=self.registry,
            seal=self.seal,
            connectors=CONNECTORS,
            new_secret_id=lambda: new_id("whs"),
            only_https=only_https,
        )
        self.reader = WebhookReader(
            registry=self.registry, connectors=CONNECTORS, certificates=self.certificates, observer=self.observer
        )
        self.receive = ReceiveWebhook(
            registry=self.registry,
            reader=self.reader,
            store=self.webhooks,
            observer=self.observer,
            crash_points=self.crash_points,
            wake=self._ring,
            new_id=lambda: new_id("whk"),
            now=lambda: self.time,
        )
        self.dispatch = DispatchWebhooks(
            registry=self.registry,
            reader=self.reader,
            store=self.webhooks,
            gateway=self.gateway,
            certificates=self.certificates,
            observer=self.observer,
            crash_points=self.crash_points,
            chance=lambda: 0.0,
        )
        self.inspect = InspectWebhooks(self.webhooks, self._ring)

    async def open(self) -> None:
        """Set up the account `acme` with a webhook secret."""
        await self.manage.create(an_order(), OPERATOR)
        await self.manage.create_webhook_secret("acme", Secret(WEBHOOK_SECRET), 3600, OPERATOR)

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None, account: str = "acme") -> None:
        """Send a webhook, well signed unless other headers are given."""
        signed = sign(WEBHOOK_SECRET) if headers is None else headers
        await self.receive(account, RawWebhook(headers=signed, body=body), "req_1")

    def _ring(self) -> None:
        self.rung += 1
