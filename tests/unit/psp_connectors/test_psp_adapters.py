"""Adapters of accounts and webhooks: certificates, metrics, background work, the contract's names, settings."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from payera.connectors.v1 import connector_service_pb2 as connector_pb2
from payera.psp.v1 import psp_webhook_service_pb2 as contract
from prometheus_client import CollectorRegistry

from mesh.keyring import create_keyring, load_keyring
from mesh.settings import SettingsError, load
from psp_connectors.adapters import background
from psp_connectors.adapters.accounts import AccountsError, load_accounts, load_webhook_secrets
from psp_connectors.adapters.background import Bell, count_and_purge, dispatch_webhooks, refresh_accounts
from psp_connectors.adapters.certificates import BYTES_MAX, KEPT_MAX, KEPT_SECONDS, HttpCertificates
from psp_connectors.adapters.gateway.notifications import request_of
from psp_connectors.adapters.webhook_observation import MetricsWebhookObserver
from psp_connectors.application.webhook_ports import (
    Backlog,
    CertificateAbsent,
    CertificateUnavailable,
    Delivered,
    Disposition,
    DueEvent,
    EventState,
    Receipt,
    WebhookState,
)
from psp_connectors.bootstrap import ConnectorsSettings
from psp_connectors.domain.http import Delivery, HttpResponse, NotSent, NotSentReason
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from psp_connectors.domain.webhooks import Notification
from tests.fakes.connectors.inbox import Inbox
from tests.fakes.connectors.ports import FakeClock, FakeSender, account
from tests.fakes.connectors.signing_psp import CONNECTORS, item, items

URL = "https://api.paypal.com/certs/1"


@dataclass(slots=True)
class Log:
    """Remembers levels, events and fields."""

    lines: list[tuple[str, str, Mapping[str, object]]] = field(default_factory=list)

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(("error", event, fields))

    def exception(self, event: str, **fields: object) -> None:
        self.lines.append(("exception", event, fields))


def certificates(*deliveries: Delivery, clock: FakeClock | None = None) -> tuple[HttpCertificates, FakeSender]:
    sender = FakeSender(list(deliveries))
    accounts = {"acme": account("acme", "http://127.0.0.1:9")}
    return HttpCertificates(sender=sender, accounts=accounts, clock=clock or FakeClock()), sender


async def test_a_certificate_is_kept_for_hours_and_no_longer() -> None:
    clock = FakeClock()
    brought, sender = certificates(HttpResponse(status=200, body=b"pem"), clock=clock)
    assert brought.known() == {}
    await brought.bring("acme", URL)
    assert brought.known() == {URL: b"pem"}
    assert [(request.method, request.url) for request in sender.sent] == [("GET", URL)]
    clock.now += KEPT_SECONDS
    assert brought.known() == {}


async def test_a_certificate_that_is_known_is_renewed_before_its_end() -> None:
    clock = FakeClock()
    deliveries = [HttpResponse(status=200, body=body) for body in (b"old", b"new")]
    brought, sender = certificates(*deliveries, HttpResponse(status=503), clock=clock)
    await brought.bring("acme", URL)
    await brought.renew()
    assert len(sender.sent) == 1, "it is young"
    clock.now += KEPT_SECONDS / 2
    await brought.renew()
    clock.now += KEPT_SECONDS * 0.9
    assert brought.known() == {URL: b"new"}
    await brought.renew()
    assert brought.known() == {URL: b"new"}, "it serves on while the PSP is away"
    clock.now += KEPT_SECONDS
    await brought.renew()
    assert (brought.known(), len(sender.sent)) == ({}, 3)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_certificate_that_does_not_exist_is_told_apart(status: int) -> None:
    brought, _ = certificates(HttpResponse(status=status))
    with pytest.raises(CertificateAbsent):
        await brought.bring("acme", URL)


async def test_of_many_certificates_the_newest_are_kept() -> None:
    brought, _ = certificates(HttpResponse(status=200, body=b"pem"))
    for number in range(KEPT_MAX + 1):
        await brought.bring("acme", f"{URL}{number}")
    assert set(brought.known()) == {f"{URL}{number}" for number in range(1, KEPT_MAX + 1)}


@pytest.mark.parametrize(
    "delivery",
    [
        HttpResponse(status=404, body=b"pem"),
        HttpResponse(status=302, body=b"pem"),
        HttpResponse(status=200),
        HttpResponse(status=200, body=b"x" * (BYTES_MAX + 1)),
        NotSent(NotSentReason.CONNECT_FAILED),
    ],
)
async def test_what_is_no_certificate_is_not_kept(delivery: Delivery) -> None:
    brought, _ = certificates(delivery)
    with pytest.raises(CertificateUnavailable):
        await brought.bring("acme", URL)
    assert brought.known() == {}


async def test_certificates_come_over_tls_or_from_the_accounts_own_address() -> None:
    brought, sender = certificates(HttpResponse(status=200, body=b"pem"))
    for name, address in (("acme", "http://evil.example/1"), ("acme", "http://127.0.0.1:99/1"), ("nobody", URL)):
        with pytest.raises(CertificateUnavailable):
            await brought.bring(name, address)
    assert sender.sent == []
    await brought.bring("acme", "http://127.0.0.1:9/1")


def test_the_contract_has_the_applications_names() -> None:
    def names(enum: object) -> set[str]:
        values: list[str] = enum.keys()  # type: ignore[attr-defined]
        return {name for name in values if not name.endswith("_UNSPECIFIED")}

    assert names(contract.PspWebhook.State) == {state.value for state in WebhookState}
    assert names(contract.PspWebhookEvent.State) == {state.value for state in EventState}
    assert names(contract.PspWebhookEvent.Disposition) == {each.value for each in Disposition if each.value}


@pytest.mark.parametrize("kind", OperationKind)
def test_every_kind_of_operation_has_its_name_in_the_contract(kind: OperationKind) -> None:
    event = Notification(event_id="e", event_type="t" * 500, kind=kind, outcome=Outcome(kind=OutcomeKind.APPROVED))
    request = request_of("acme", event)
    assert connector_pb2.Operation.Name(request.operation) == f"OPERATION_{kind.name}"
    assert len(request.event_type) == 128


def test_an_event_about_nothing_of_ours_goes_nowhere() -> None:
    with pytest.raises(ValueError, match="for nobody"):
        request_of("acme", Notification(event_id="e", event_type="payout"))


def due_event() -> DueEvent:
    return DueEvent(
        account="acme",
        notification=Notification(event_id="evt_1", event_type="refund"),
        webhook_id="whk_1",
        attempts=2,
        given_up=False,
        request_id="req_1",
    )


def test_everything_is_counted_by_account_and_trouble_is_a_warning() -> None:
    log, registry = Log(), CollectorRegistry()
    observer = MetricsWebhookObserver(log, registry)
    observer.received("acme", Receipt.KEPT, 0)
    observer.received("acme", Receipt.FORGED, 3)
    observer.verified("acme", "whk_1", WebhookState.REFUSED)
    observer.delivered(due_event(), Delivered(state=EventState.DONE, disposition=Disposition.APPLIED))
    observer.delivered(due_event(), Delivered(state=EventState.DONE, disposition=Disposition.REVIEW))
    observer.delivered(due_event(), Delivered(state=EventState.PARKED))
    observer.misread("acme", ValueError("planted"))
    observer.backlog(Backlog(1, 2, 3))
    assert [level for level, _, _ in log.lines] == ["warning", "warning", "info", "warning", "warning", "error"]
    assert "planted" not in str(log.lines)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("payera_psp_webhooks_total", account="acme", receipt="forged") == 1
    assert value("payera_psp_webhook_items_refused_total", account="acme") == 3
    assert value("payera_psp_webhook_verifications_total", account="acme", state="REFUSED") == 1
    assert value("payera_psp_webhook_events_total", account="acme", disposition="APPLIED", state="DONE") == 1
    assert value("payera_psp_webhook_events_total", account="acme", disposition="NOT_TOLD", state="PARKED") == 1
    assert value("payera_psp_webhook_backlog", kind="parked") == 3


async def run_for_a_while(work: "asyncio.Task[None]", until: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(20):
            await until.wait()
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def test_accounts_are_taken_up_again_when_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox, log, seen = Inbox(), Log(), asyncio.Event()
    await inbox.open()
    inbox.accounts.down = True
    monkeypatch.setattr(inbox.registry_observer, "loads", Signal(seen))
    work = asyncio.create_task(refresh_accounts(inbox.registry, log, period_seconds=0.001))
    while not log.lines:  # noqa: ASYNC110 - nobody tells of a log line
        await asyncio.sleep(0.001)
    inbox.accounts.down = False
    inbox.accounts.changes += 1
    await run_for_a_while(work, seen)
    assert [level for level, _, _ in log.lines] == ["warning"], "once, not every two seconds"


async def test_the_dispatcher_wakes_at_once_and_survives_faults() -> None:
    inbox, log, bell, told = Inbox(), Log(), Bell(), asyncio.Event()
    await inbox.open()
    inbox.gateway.told = Signal(told)
    inbox.webhooks.down = True
    work = asyncio.create_task(dispatch_webhooks(inbox.dispatch, bell, log, idle_seconds=3600))
    while not log.lines:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    inbox.webhooks.down = False
    await inbox.post(items(item()))
    bell.ring()
    await run_for_a_while(work, told)
    assert [level for level, _, _ in log.lines] == ["warning"]


async def test_old_webhooks_are_purged_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox, log, purged = Inbox(), Log(), asyncio.Event()
    await inbox.open()
    for number in range(5):
        await inbox.post(items(item(f"evt_{number}")))
    inbox.webhooks.late += timedelta(days=91)
    await inbox.post(items(item("evt_new")))
    registry = CollectorRegistry()
    monkeypatch.setattr(background, "PURGE_BATCH", 2)
    log.lines = Signal(purged)
    observer = MetricsWebhookObserver(Log(), registry)
    await run_for_a_while(asyncio.create_task(count_and_purge(inbox.webhooks, observer, log)), purged)
    assert list(log.lines) == [("info", "old webhooks purged", {"deleted": 5})]
    assert len(inbox.webhooks.webhooks) == 1
    assert registry.get_sample_value("payera_psp_webhook_backlog", {"kind": "waiting"}) == 6


class Signal(list):  # type: ignore[type-arg]
    """A list that says when something is appended."""

    def __init__(self, event: asyncio.Event) -> None:
        super().__init__()
        self._event = event

    def append(self, value: object) -> None:
        super().append(value)
        self._event.set()


MANAGED = {
    "PAYERA_DATABASE_URL": "postgresql://x",
    "PAYERA_GATEWAY_ADDRESS": "127.0.0.1:1",
    "PAYERA_CONNECTORS_KEYRING": "/keyring.json",
}
FILE = {"PAYERA_PSP_ACCOUNTS": "/accounts.json"}


@pytest.mark.parametrize(
    ("environment", "given"),
    [
        ("dev", {}),
        ("prod", FILE),
        ("prod", MANAGED | FILE),
        *(("dev", {name: text for name, text in (MANAGED | FILE).items() if name != left_out}) for left_out in MANAGED),
    ],
)
def test_settings_that_would_lose_webhooks_or_keep_keys_in_the_clear_are_refused(
    environment: str, given: dict[str, str]
) -> None:
    with pytest.raises(SettingsError):
        load(ConnectorsSettings, given | {"PAYERA_ENVIRONMENT": environment, "PAYERA_VAULT_ADDRESS": "127.0.0.1:2"})


@pytest.mark.parametrize(
    ("environment", "given"), [("dev", FILE), ("dev", MANAGED), ("dev", MANAGED | FILE), ("prod", MANAGED)]
)
def test_settings_that_will_do(environment: str, given: dict[str, str]) -> None:
    settings = load(
        ConnectorsSettings, given | {"PAYERA_ENVIRONMENT": environment, "PAYERA_VAULT_ADDRESS": "127.0.0.1:2"}
    )
    assert settings.environment == environment


def test_webhook_secrets_of_the_file_are_read_and_redacted(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    entry = {"account": "a", "connector": "sandbox", "base_url": "https://psp", "api_key": "k"}
    path.write_text(json.dumps([entry | {"webhook_secrets": ["planted", "other"]}]), encoding="utf-8")
    [secret, _] = load_webhook_secrets(path)["a"]
    assert secret.reveal() == "planted"
    assert "planted" not in repr(load_webhook_secrets(path))
    assert load_accounts(path, CONNECTORS, "dev")["a"].name == "a"
    path.write_text(json.dumps([entry | {"webhook_secrets": "planted"}]), encoding="utf-8")
    with pytest.raises(AccountsError) as caught:
        load_webhook_secrets(path)
    assert "planted" not in str(caught.value)


def test_a_keyring_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "keyrings" / "connectors.json"
    create_keyring(path)
    keys = load_keyring(path).keys
    create_keyring(path)
    assert load_keyring(path).keys == keys
    assert path.stat().st_mode & 0o077 == 0
