"""Accounts and webhooks in real connectors processes over a real database: durable, shared, and without a leak."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
import psycopg
import pytest
from payera.connectors.v1 import connector_service_pb2 as connector_pb2
from payera.connectors.v1 import connector_service_pb2_grpc as connector_grpc
from payera.psp.v1 import psp_account_service_pb2 as accounts_pb2
from payera.psp.v1 import psp_webhook_service_pb2 as webhooks_pb2
from payera.types.v1 import money_pb2, outcome_pb2

from mesh.channels import refusal_of
from mesh.keyring import create_keyring
from mesh.reasons import Reason
from tests.support.mesh_services import CALL_SECONDS, free_port, write_identities
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture
from tests.support.psp_inbox import (
    API_KEY,
    APPLIED,
    MERCHANT_KEY,
    OPERATOR_KEY,
    UNMATCHED,
    WEBHOOK_SECRET,
    Connectors,
    GatewayBooks,
    body_of,
    key,
    new_reference,
    refund_item,
    running_connectors,
    running_gateway,
    settings_of,
)

pytestmark = pytest.mark.integration

PLANTED: Final = (API_KEY, WEBHOOK_SECRET, "planted_password_4714")
SECONDS: Final = 60


@dataclass(slots=True)
class Rig:
    identities: Path
    directory: Path
    settings: dict[str, str]
    books: GatewayBooks
    gateway_port: int
    server: PostgresServer
    connectors: Connectors

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.server.admin_url, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()

    def run(self, statement: str) -> None:
        with psycopg.connect(self.server.admin_url, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture(scope="module")
async def rig(
    postgres: PostgresServer,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Rig]:
    identities = write_identities(tmp_path_factory.mktemp("identities"))
    directory = tmp_path_factory.mktemp("connectors")
    create_keyring(directory / "keyring.json")
    port, books = free_port(), GatewayBooks()
    settings = settings_of(postgres.role_urls["psp_connectors"], port, directory / "keyring.json")
    async with (
        running_gateway(identities, books, port),
        running_connectors(identities, directory, settings) as connectors,
    ):
        yield Rig(identities, directory, settings, books, port, postgres, connectors)


@pytest.fixture(scope="module")
async def acme(rig: Rig) -> str:
    await rig.connectors.create("acme_adyen")
    return "acme_adyen"


@pytest.fixture(autouse=True)
def settling(rig: Rig) -> None:
    rig.books.disposition = APPLIED


async def refused(call: object) -> Reason:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    refusal = refusal_of(caught.value)
    assert refusal is not None, caught.value
    return refusal.reason


async def state_of(rig: Rig, account: str, event_id: str) -> str:
    for webhook in await rig.connectors.listed(account):
        if any(event_id in event.event_id for event in webhook.events):
            return webhooks_pb2.PspWebhook.State.Name(webhook.state)
    return ""


async def until(rig: Rig, account: str, event_id: str, state: str) -> None:
    async with asyncio.timeout(SECONDS):
        while await state_of(rig, account, event_id) != state:  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.05)


def event_of(rig: Rig, psp_reference: str) -> str:
    return next(event.event_id for event in rig.books.events if event.psp_reference == psp_reference)


async def told(rig: Rig, psp_reference: str) -> str:
    """Wait until the gateway was told of an operation, and give the event's id."""
    async with asyncio.timeout(SECONDS), rig.books.told:
        await rig.books.told.wait_for(lambda: any(event.psp_reference == psp_reference for event in rig.books.events))
    return event_of(rig, psp_reference)


async def test_an_account_is_managed_with_an_operators_key_alone(rig: Rig, acme: str) -> None:
    stub = rig.connectors.accounts
    request = accounts_pb2.GetPspAccountRequest(account=acme)
    made = await stub.GetPspAccount(request, timeout=CALL_SECONDS, metadata=key(OPERATOR_KEY))
    assert list(made.credential_names) == ["api_key", "webhook_login"]
    assert made.webhook_path == "/v1/psp-webhooks/acme_adyen"
    assert not any(planted in str(made) for planted in PLANTED)
    refusals = [
        await refused(stub.GetPspAccount(request, timeout=CALL_SECONDS, metadata=key(MERCHANT_KEY))),
        await refused(stub.GetPspAccount(request, timeout=CALL_SECONDS, metadata=key("ok_test_unknown"))),
        await refused(stub.GetPspAccount(request, timeout=CALL_SECONDS)),
    ]
    assert refusals == [Reason.API_KEY_SCOPE, Reason.API_KEY_INVALID, Reason.API_KEY_MISSING]
    listed = await stub.ListPspAccounts(
        accounts_pb2.ListPspAccountsRequest(), timeout=CALL_SECONDS, metadata=key(OPERATOR_KEY)
    )
    assert made in listed.psp_accounts


async def test_a_wrong_account_is_refused_by_field(rig: Rig) -> None:
    request = accounts_pb2.CreatePspAccountRequest(account="wrong", connector="adyen", api_key=API_KEY)
    call = rig.connectors.accounts.CreatePspAccount(request, timeout=CALL_SECONDS, metadata=key(OPERATOR_KEY))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    refusal = refusal_of(caught.value)
    assert refusal is not None
    fields = [violation.field for violation in refusal.violations]
    assert fields == ["base_url", "settings.merchant_account", "settings.return_url"]
    assert API_KEY not in str(caught.value)


async def test_a_check_says_that_the_psp_is_out_of_reach(rig: Rig, acme: str) -> None:
    answer = await rig.connectors.accounts.CheckPspAccount(
        accounts_pb2.CheckPspAccountRequest(account=acme), timeout=20, metadata=key(OPERATOR_KEY)
    )
    assert answer.result == accounts_pb2.CheckPspAccountResponse.UNREACHABLE
    assert list(answer.tried) == ["POST http://127.0.0.1:1/v72/paymentMethods"]


async def test_a_webhook_reaches_the_gateway_as_what_it_says(rig: Rig, acme: str) -> None:
    reference = new_reference()
    assert await rig.connectors.post(acme, body_of(refund_item(reference))) == b"[accepted]"
    event_id = await told(rig, reference)
    event = next(event for event in rig.books.events if event.event_id == event_id)
    assert (event.account, event.operation) == (acme, connector_pb2.OPERATION_REFUND)
    assert (event.reference, event.payment_psp_reference) == ("ref_1", "PAYMENT1")
    assert (event.outcome.kind, event.outcome.amount) == (outcome_pb2.OUTCOME_KIND_APPROVED, 1050)
    await until(rig, acme, event_id, "DONE")
    assert await rig.connectors.post(acme, body_of(refund_item(reference))) == b"[accepted]"
    [webhook] = [each for each in await rig.connectors.listed(acme) if each.events[0].event_id == event_id]
    assert (webhook.events[0].repetitions, webhook.events[0].payment_id) == (1, "pay_1")
    assert webhook.request_id == "req_of_psp"
    assert rig.books.times_told(event_id) == 1


async def test_a_forged_webhook_changes_nothing(rig: Rig, acme: str) -> None:
    before = (await rig.connectors.listed(acme), list(rig.books.events))
    reference = new_reference()
    forged = [
        (body_of(refund_item(reference, secret="AA" * 32)), {}),
        (body_of(refund_item(reference)), {"login": "planted_user:wrong"}),
        (body_of(refund_item(reference)).replace(b"1050", b"9050"), {}),
        (b"\x00" * 1000, {}),
        (b"", {}),
        (b"[" * 1024 * 1024, {}),
    ]
    for body, more in forged:
        assert await refused(rig.connectors.post(acme, body, **more)) is Reason.WEBHOOK_REFUSED
    assert await refused(rig.connectors.post("nobody", forged[0][0])) is Reason.PSP_ACCOUNT_NOT_FOUND
    assert (await rig.connectors.listed(acme), list(rig.books.events)) == before


async def test_the_good_items_of_a_batch_count(rig: Rig, acme: str) -> None:
    good, bad = new_reference(), new_reference()
    await rig.connectors.post(acme, body_of(refund_item(bad, secret="BB" * 32), refund_item(good)))
    event_id = await told(rig, good)
    await until(rig, acme, event_id, "DONE")
    [webhook] = [each for each in await rig.connectors.listed(acme) if each.events[0].event_id == event_id]
    assert webhook.refused_items == 1
    assert not any(event.psp_reference == bad for event in rig.books.events)


async def test_a_webhook_of_the_largest_size_is_taken_and_shown(rig: Rig, acme: str) -> None:
    reference = new_reference()
    size = len(body_of(refund_item(reference)))
    body = body_of(refund_item(reference, filling="x" * (1024 * 1024 - size)))
    assert len(body) == 1024 * 1024
    await rig.connectors.post(acme, body)
    await told(rig, reference)
    newest = (await rig.connectors.listed(acme))[0]
    whole = await rig.connectors.webhooks.GetPspWebhook(
        webhooks_pb2.GetPspWebhookRequest(webhook_id=newest.id), timeout=CALL_SECONDS, metadata=key(OPERATOR_KEY)
    )
    assert whole.body_text.encode() == body


async def test_what_fits_no_operation_waits_and_a_replay_settles_it(rig: Rig, acme: str) -> None:
    rig.books.disposition = UNMATCHED
    reference = new_reference()
    await rig.connectors.post(acme, body_of(refund_item(reference)))
    event_id = await told(rig, reference)
    await rig.books.wait_for(event_id, times=2)
    assert await state_of(rig, acme, event_id) == "RECEIVED"
    rig.books.disposition = APPLIED
    [webhook] = [each for each in await rig.connectors.listed(acme) if each.events[0].event_id == event_id]
    await rig.connectors.webhooks.ReplayPspWebhook(
        webhooks_pb2.ReplayPspWebhookRequest(webhook_id=webhook.id), timeout=CALL_SECONDS, metadata=key(OPERATOR_KEY)
    )
    await until(rig, acme, event_id, "DONE")


@pytest.mark.parametrize("point", ["connectors.webhook_stored", "connectors.webhook_delivered"])
async def test_a_process_that_is_killed_loses_no_webhook(rig: Rig, acme: str, tmp_path: Path, point: str) -> None:
    crashes = tmp_path / "crashes"
    crashes.mkdir()
    settings = rig.settings | {"PAYERA_CRASH_DIRECTORY": str(crashes)}
    reference = new_reference()
    (crashes / point).write_text("kill")
    async with running_connectors(rig.identities, tmp_path, settings) as doomed:
        # The other process would take the work away: it is held still meanwhile.
        rig.connectors.process.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(grpc.aio.AioRpcError) if "stored" in point else _Nothing():
                await doomed.post(acme, body_of(refund_item(reference)))
            status = await asyncio.to_thread(doomed.process.process.wait, SECONDS)
        finally:
            rig.connectors.process.process.send_signal(signal.SIGCONT)
    assert status == -signal.SIGKILL
    # Sooner than its lease would end.
    rig.run("UPDATE connectors.webhook_event SET next_attempt_at = now() WHERE state = 'WAITING'")
    event_id = await told(rig, reference)
    await until(rig, acme, event_id, "DONE")
    assert rig.books.times_told(event_id) == (1 if "stored" in point else 2)


async def test_two_processes_share_the_work_and_no_event_is_told_twice(rig: Rig, acme: str, tmp_path: Path) -> None:
    references = [new_reference() for _ in range(60)]
    async with running_connectors(rig.identities, tmp_path, rig.settings) as second:
        both = (rig.connectors, second)
        await asyncio.gather(
            *(both[number % 2].post(acme, body_of(refund_item(name))) for number, name in enumerate(references))
        )
        events = [await told(rig, reference) for reference in references]
        for event_id in events:
            await until_done(rig, event_id)
    assert [rig.books.times_told(event_id) for event_id in events] == [1] * 60


async def until_done(rig: Rig, event_id: str) -> None:
    statement = f"SELECT state FROM connectors.webhook_event WHERE event_id = '{event_id}'"
    async with asyncio.timeout(SECONDS):
        while rig.rows(statement) != [("DONE",)]:  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.05)


async def test_a_gateway_that_is_away_is_told_when_it_is_back(rig: Rig, acme: str, tmp_path: Path) -> None:
    port, books = free_port(), GatewayBooks()
    settings = rig.settings | {"PAYERA_GATEWAY_ADDRESS": f"127.0.0.1:{port}"}
    reference = new_reference()
    rig.connectors.process.process.send_signal(signal.SIGSTOP)
    try:
        async with running_connectors(rig.identities, tmp_path, settings) as lonely:
            await lonely.post(acme, body_of(refund_item(reference)))
            statement = "SELECT attempts FROM connectors.webhook_event WHERE event_id LIKE '%{}%'"
            async with asyncio.timeout(SECONDS):
                while rig.rows(statement.format(reference)) == [(0,)]:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            async with running_gateway(rig.identities, books, port), asyncio.timeout(SECONDS), books.told:
                await books.told.wait_for(lambda: any(each.psp_reference == reference for each in books.events))
    finally:
        rig.connectors.process.process.send_signal(signal.SIGCONT)


async def test_a_disabled_account_takes_no_authorization_anywhere_and_settles_the_rest(
    rig: Rig, tmp_path: Path
) -> None:
    await rig.connectors.create("soon_disabled")
    async with running_connectors(rig.identities, tmp_path, rig.settings) as second:
        await rig.connectors.accounts.DisablePspAccount(
            accounts_pb2.DisablePspAccountRequest(account="soon_disabled"),
            timeout=CALL_SECONDS,
            metadata=key(OPERATOR_KEY),
        )
        stub = connector_grpc.ConnectorServiceStub(second.gateway_channel)
        request = connector_pb2.AuthorizeRequest(
            account="soon_disabled",
            reference="pay_1_1",
            idempotency_key="0123456789abcdef",
            merchant_id="mer_1",
            token="tok_1",
            amount=money_pb2.Money(value=1050, currency="EUR"),
            payment_id="pay_1",
        )
        async with asyncio.timeout(10):
            while True:
                outcome = (await stub.Authorize(request, timeout=CALL_SECONDS)).outcome
                if outcome.code == "account_disabled":
                    break
                await asyncio.sleep(0.1)
        assert outcome.kind == outcome_pb2.OUTCOME_KIND_NOT_SENT
        capture = connector_pb2.CaptureRequest(
            account="soon_disabled",
            reference="cap_1",
            idempotency_key="0123456789abcdef",
            psp_reference="PAYMENT1",
            amount=money_pb2.Money(value=1050, currency="EUR"),
            final=True,
        )
        captured = (await stub.Capture(capture, timeout=CALL_SECONDS)).outcome
        assert captured.code == "psp_unavailable", "it was tried: nobody listens at this address"
        reference = new_reference()
        await second.post("soon_disabled", body_of(refund_item(reference)))
        await told(rig, reference)


async def test_while_the_database_is_away_accounts_serve_on_and_psps_send_again(rig: Rig, acme: str) -> None:
    reference = new_reference()
    rig.run("ALTER ROLE psp_connectors NOLOGIN")
    try:
        rig.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'psp_connectors'")
        assert await refused(rig.connectors.post(acme, body_of(refund_item(reference)))) is Reason.UNAVAILABLE
        stub = connector_grpc.ConnectorServiceStub(rig.connectors.gateway_channel)
        listed = await stub.ListCapabilities(connector_pb2.ListCapabilitiesRequest(), timeout=CALL_SECONDS)
        assert acme in [each.account for each in listed.accounts]
        # What is forged is told from what is genuine all the same.
        assert await refused(rig.connectors.post(acme, b"{}")) is Reason.WEBHOOK_REFUSED
    finally:
        rig.run("ALTER ROLE psp_connectors LOGIN")
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await rig.connectors.post(acme, body_of(refund_item(reference)))
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.1)
            else:
                break
    await told(rig, reference)


async def test_planted_credentials_are_in_no_table_and_no_log(rig: Rig, acme: str) -> None:
    await rig.connectors.accounts.SetPspCredentials(
        accounts_pb2.SetPspCredentialsRequest(
            account=acme, api_key=API_KEY, secrets={"webhook_login": "planted_user:planted_password_4714"}
        ),
        timeout=CALL_SECONDS,
        metadata=key(OPERATOR_KEY),
    )
    tables = rig.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'connectors'")
    assert len(tables) == 6
    content = "".join(str(rig.rows(f"SELECT row_to_json(t)::text FROM connectors.{name} AS t")) for [name] in tables)
    assert acme in content
    texts = [content, *(path.read_text(encoding="utf-8") for path in rig.directory.glob("*.log"))]
    for planted in PLANTED:
        hexadecimal = planted.encode().hex()
        assert not any(planted in text or hexadecimal in text for text in texts), planted


class _Nothing:
    def __enter__(self) -> None:
        """Expect nothing."""

    def __exit__(self, *_: object) -> None:
        """Let everything through."""
