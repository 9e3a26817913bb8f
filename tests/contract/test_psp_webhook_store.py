"""What every inbox of webhooks does."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

import psycopg
import pytest

from mesh.database import Database
from mesh.identifiers import new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.adapters.postgres.webhook_store import PostgresWebhookStore
from psp_connectors.application.webhook_ports import (
    Delivered,
    Disposition,
    DueEvent,
    EventState,
    UnverifiedWebhook,
    Verification,
    WebhookState,
    WebhookStore,
    WebhookToKeep,
)
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import NextAction, NextActionKind, Outcome, OutcomeKind
from psp_connectors.domain.webhooks import Notification
from tests.fakes.connectors.webhook_store import FakeWebhookStore
from tests.support.postgres import PostgresServer, postgres  # noqa: F401 - a fixture

LEASE = 30
BODY = b'\x00\xff{"id": "evt"} \r\n'


@dataclass(frozen=True, slots=True)
class Subject:
    """A store, and the way to let time pass for what it keeps."""

    store: WebhookStore
    pass_time: Callable[[timedelta], None]


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.integration)])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "fake":
        fake = FakeWebhookStore()

        def pass_in_memory(time: timedelta) -> None:
            fake.late += time

        yield Subject(fake, pass_in_memory)
        return
    server: PostgresServer = request.getfixturevalue("postgres")

    def execute(statement: str, *values: object) -> None:
        with psycopg.connect(server.admin_url) as connection:
            connection.execute(statement.encode(), values)

    def pass_in_database(time: timedelta) -> None:
        execute(
            "UPDATE connectors.webhook SET received_at = received_at - %s, next_attempt_at = next_attempt_at - %s,"
            " give_up_at = give_up_at - %s",
            *[time] * 3,
        )
        execute(
            "UPDATE connectors.webhook_event SET next_attempt_at = next_attempt_at - %s, give_up_at = give_up_at - %s",
            *[time] * 2,
        )

    execute("TRUNCATE connectors.webhook CASCADE")
    database = Database(server.role_urls["psp_connectors"], pool_size=6, name="test")
    await database.open()
    yield Subject(PostgresWebhookStore(database), pass_in_database)
    await database.close()


def event(event_id: str = "", *, kind: OperationKind | None = OperationKind.REFUND) -> Notification:
    outcome = Outcome(
        kind=OutcomeKind.APPROVED,
        psp_reference="re_1",
        amount=1050,
        next_action=NextAction(kind=NextActionKind.REDIRECT, url="https://psp", fields={"a": "b"}),
    )
    return Notification(
        event_id=event_id or f"evt_{secrets.token_hex(6)}",
        event_type="refund.updated",
        occurred_at=1_700_000_000,
        kind=kind,
        reference="ref_1",
        psp_reference="re_1",
        currency="EUR",
        outcome=None if kind is None else outcome,
        reversal=True,
    )


def webhook(
    *events: Notification, unverified: bool = False, account: str = "acme", body: bytes = BODY
) -> WebhookToKeep:
    return WebhookToKeep(
        id=new_id("whk"),
        account=account,
        headers={"stripe-signature": "t=1,v1=abc"},
        body=body,
        request_id="req_1",
        refused_items=2,
        events=None if unverified else events,
    )


async def only_event(store: WebhookStore) -> DueEvent:
    [due] = await store.take_events(16, LEASE)
    return due


async def only_unverified(store: WebhookStore) -> UnverifiedWebhook:
    [due] = await store.take_unverified(16, LEASE)
    return due


async def test_a_webhook_is_given_back_to_the_last_byte(subject: Subject) -> None:
    first, second = event(), event(kind=None)
    given = webhook(first, second)
    assert await subject.store.keep(given)
    whole = await subject.store.get(given.id)
    assert whole is not None
    assert (whole.body, whole.header_names) == (BODY, ("stripe-signature",))
    record = whole.record
    assert (record.account, record.state, record.body_bytes) == ("acme", WebhookState.RECEIVED, len(BODY))
    assert (record.refused_items, record.request_id, record.attempts) == (2, "req_1", 0)
    assert record.received_at.utcoffset() == timedelta(0)
    assert [(each.event_id, each.state, each.disposition) for each in record.events] == [
        (first.event_id, EventState.WAITING, Disposition.NOTHING),
        (second.event_id, EventState.DONE, Disposition.NOT_AN_OPERATION),
    ]
    assert await subject.store.get(new_id("whk")) is None


async def test_an_event_is_handed_out_as_it_was_understood_and_to_one_taker(subject: Subject) -> None:
    given = event()
    await subject.store.keep(webhook(given))
    taken = await asyncio.gather(*(subject.store.take_events(16, LEASE) for _ in range(6)))
    [due] = [each for batch in taken for each in batch]
    assert (due.account, due.notification, due.attempts, due.given_up) == ("acme", given, 1, False)
    assert due.request_id == "req_1"


async def test_an_event_whose_taker_died_is_handed_out_again_after_its_lease(subject: Subject) -> None:
    await subject.store.keep(webhook(event()))
    dead = await only_event(subject.store)
    assert await subject.store.take_events(16, LEASE) == []
    subject.pass_time(timedelta(seconds=LEASE + 1))
    due = await only_event(subject.store)
    assert due.attempts == 2
    # The one thought dead was only slow: it must not end what another has taken up.
    late = Delivered(state=EventState.PARKED)
    assert not await subject.store.record_delivery("acme", dead.notification.event_id, dead.attempts, late)
    assert await subject.store.record_delivery(
        "acme", due.notification.event_id, due.attempts, Delivered(state=EventState.DONE)
    )


async def test_a_delivered_event_is_never_handed_out_again(subject: Subject) -> None:
    given = webhook(event())
    await subject.store.keep(given)
    due = await only_event(subject.store)
    done = Delivered(state=EventState.DONE, disposition=Disposition.APPLIED, payment_id="pay_1")
    assert await subject.store.record_delivery("acme", due.notification.event_id, due.attempts, done)
    assert not await subject.store.record_delivery("acme", due.notification.event_id, due.attempts, done)
    subject.pass_time(timedelta(days=2))
    assert await subject.store.take_events(16, LEASE) == []
    whole = await subject.store.get(given.id)
    assert whole is not None
    assert whole.record.state is WebhookState.DONE
    assert (whole.record.events[0].disposition, whole.record.events[0].payment_id) == (Disposition.APPLIED, "pay_1")


async def test_an_event_waits_as_long_as_it_was_told_and_then_its_time_is_over(subject: Subject) -> None:
    given = webhook(event())
    await subject.store.keep(given)
    due = await only_event(subject.store)
    later = Delivered(
        state=EventState.WAITING, disposition=Disposition.UNMATCHED, error="no operation fits", wait_seconds=60
    )
    await subject.store.record_delivery("acme", due.notification.event_id, due.attempts, later)
    subject.pass_time(timedelta(seconds=50))
    assert await subject.store.take_events(16, LEASE) == []
    subject.pass_time(timedelta(days=1))
    due = await only_event(subject.store)
    assert (due.attempts, due.given_up) == (2, True)
    parked = Delivered(state=EventState.PARKED, disposition=Disposition.UNMATCHED, error="no operation fits")
    await subject.store.record_delivery("acme", due.notification.event_id, due.attempts, parked)
    whole = await subject.store.get(given.id)
    assert whole is not None
    assert (whole.record.state, whole.record.events[0].last_error) == (WebhookState.PARKED, "no operation fits")


async def test_the_same_event_again_is_counted_and_not_kept(subject: Subject) -> None:
    given = event()
    first = webhook(given)
    assert await subject.store.keep(first)
    results = await asyncio.gather(*(subject.store.keep(webhook(given)) for _ in range(5)))
    assert results == [False] * 5
    assert [record.id for record in await subject.store.list("acme", "", 10, "")] == [first.id]
    whole = await subject.store.get(first.id)
    assert whole is not None
    assert whole.record.events[0].repetitions == 5


async def test_of_many_equal_webhooks_at_once_one_is_kept(subject: Subject) -> None:
    given = [event(), event()]
    results = await asyncio.gather(
        *(subject.store.keep(webhook(*(given if number % 2 else reversed(given)))) for number in range(6))
    )
    assert sorted(results) == [False] * 5 + [True]
    assert len(await subject.store.take_events(16, LEASE)) == 2


async def test_a_batch_with_something_new_is_kept_for_that(subject: Subject) -> None:
    known, new = event(), event()
    await subject.store.keep(webhook(known))
    second = webhook(known, new)
    assert await subject.store.keep(second)
    whole = await subject.store.get(second.id)
    assert whole is not None
    assert [each.event_id for each in whole.record.events] == [new.event_id]


async def test_the_same_event_id_at_another_account_is_another_event(subject: Subject) -> None:
    given = event()
    assert await subject.store.keep(webhook(given))
    assert await subject.store.keep(webhook(given, account="other"))
    assert len(await subject.store.take_events(16, LEASE)) == 2


async def test_a_webhook_about_nothing_of_ours_is_done_at_once(subject: Subject) -> None:
    for given in (webhook(event(kind=None)), webhook()):
        assert await subject.store.keep(given)
        whole = await subject.store.get(given.id)
        assert whole is not None
        assert whole.record.state is WebhookState.DONE
    assert await subject.store.take_events(16, LEASE) == []


async def test_a_webhook_without_its_certificate_waits_and_is_kept_once(subject: Subject) -> None:
    given = webhook(unverified=True)
    assert await subject.store.keep(given)
    assert not await subject.store.keep(webhook(unverified=True))
    due = await only_unverified(subject.store)
    assert (due.id, due.account, due.body, due.attempts, due.given_up) == (given.id, "acme", BODY, 1, False)
    assert due.headers == {"stripe-signature": "t=1,v1=abc"}
    assert await subject.store.take_unverified(16, LEASE) == []
    later = Verification(state=WebhookState.UNVERIFIED, error="no certificate", wait_seconds=5)
    assert await subject.store.record_verification(given.id, 1, later)
    subject.pass_time(timedelta(seconds=6))
    due = await only_unverified(subject.store)
    assert due.attempts == 2
    assert not await subject.store.record_verification(given.id, 1, Verification(state=WebhookState.REFUSED))
    known = event()
    verified = Verification(state=WebhookState.RECEIVED, events=[known], refused_items=1)
    assert await subject.store.record_verification(given.id, 2, verified)
    assert (await only_event(subject.store)).notification == known


@pytest.mark.parametrize("state", [WebhookState.REFUSED, WebhookState.PARKED])
async def test_what_can_not_be_verified_changes_nothing(subject: Subject, state: WebhookState) -> None:
    given = webhook(unverified=True)
    await subject.store.keep(given)
    await only_unverified(subject.store)
    assert await subject.store.record_verification(given.id, 1, Verification(state=state, error="why"))
    subject.pass_time(timedelta(days=2))
    assert await subject.store.take_unverified(16, LEASE) == []
    assert await subject.store.take_events(16, LEASE) == []
    whole = await subject.store.get(given.id)
    assert whole is not None
    assert (whole.record.state, whole.record.last_error, whole.record.events) == (state, "why", ())


async def test_a_thousand_unverified_webhooks_of_an_account_are_enough(subject: Subject) -> None:
    for number in range(1000):
        await subject.store.keep(webhook(unverified=True, body=b"%d" % number))
    with pytest.raises(Refusal) as caught:
        await subject.store.keep(webhook(unverified=True, body=b"one more"))
    assert caught.value.reason is Reason.OVERLOADED
    assert await subject.store.keep(webhook(unverified=True, account="other"))
    assert await subject.store.keep(webhook(event())), "what is genuine is taken all the same"
    assert (await subject.store.backlog()).unverified == 1001


async def test_lists_are_newest_first_and_filtered(subject: Subject) -> None:
    done, waiting, other = webhook(event(kind=None)), webhook(event()), webhook(event(), account="other")
    for given in (done, waiting, other):
        await subject.store.keep(given)
    newest_first = sorted([done.id, waiting.id, other.id], reverse=True)

    async def ids(account: str, state: str, limit: int = 10, before: str = "") -> list[str]:
        return [record.id for record in await subject.store.list(account, state, limit, before)]

    assert await ids("", "") == newest_first
    assert await ids("", "", 2) == newest_first[:2]
    assert await ids("", "", 10, newest_first[1]) == newest_first[2:]
    assert await ids("other", "") == [other.id]
    assert await ids("acme", "DONE") == [done.id]


async def test_a_replay_begins_anew(subject: Subject) -> None:
    given = webhook(event(), event(kind=None))
    await subject.store.keep(given)
    due = await only_event(subject.store)
    parked = Delivered(state=EventState.PARKED, error="why")
    await subject.store.record_delivery("acme", due.notification.event_id, due.attempts, parked)
    subject.pass_time(timedelta(days=3))
    assert await subject.store.replay(given.id)
    again = await only_event(subject.store)
    assert (again.notification, again.given_up) == (due.notification, False)
    assert again.attempts > due.attempts
    whole = await subject.store.get(given.id)
    assert whole is not None
    assert whole.record.state is WebhookState.RECEIVED
    assert not await subject.store.replay(new_id("whk"))


async def test_a_delivery_under_way_can_not_end_a_replay(subject: Subject) -> None:
    given = webhook(event())
    await subject.store.keep(given)
    due = await only_event(subject.store)
    await subject.store.replay(given.id)
    done = Delivered(state=EventState.DONE)
    assert not await subject.store.record_delivery("acme", due.notification.event_id, due.attempts, done)


async def test_a_refused_webhook_is_verified_again_when_replayed(subject: Subject) -> None:
    given = webhook(unverified=True)
    await subject.store.keep(given)
    await only_unverified(subject.store)
    await subject.store.record_verification(given.id, 1, Verification(state=WebhookState.REFUSED))
    assert await subject.store.replay(given.id)
    assert (await only_unverified(subject.store)).id == given.id


async def test_a_replay_of_what_came_again_and_waits_already_leaves_both(subject: Subject) -> None:
    first, second = webhook(unverified=True), webhook(unverified=True)
    await subject.store.keep(first)
    await only_unverified(subject.store)
    await subject.store.record_verification(first.id, 1, Verification(state=WebhookState.PARKED))
    await subject.store.keep(second)
    assert await subject.store.replay(first.id)
    assert (await only_unverified(subject.store)).id == second.id


async def test_what_nobody_can_ever_verify_is_dropped(subject: Subject) -> None:
    given = webhook(unverified=True)
    await subject.store.keep(given)
    await only_unverified(subject.store)
    dropped = Verification(state=WebhookState.REFUSED, dropped=True)
    assert not await subject.store.record_verification(given.id, 2, dropped)
    assert await subject.store.record_verification(given.id, 1, dropped)
    assert await subject.store.get(given.id) is None


async def test_what_waits_is_counted(subject: Subject) -> None:
    await subject.store.keep(webhook(unverified=True))
    await subject.store.keep(webhook(event(), event()))
    backlog = await subject.store.backlog()
    assert (backlog.unverified, backlog.waiting, backlog.parked) == (1, 2, 0)


async def test_old_webhooks_are_purged_up_to_the_limit_with_their_events(subject: Subject) -> None:
    old = [webhook(event()) for _ in range(3)]
    for given in old:
        await subject.store.keep(given)
    assert await subject.store.purge(10) == 0
    subject.pass_time(timedelta(days=91))
    fresh = webhook(event())
    await subject.store.keep(fresh)
    assert await subject.store.purge(2) == 2
    assert await subject.store.purge(2) == 1
    assert [record.id for record in await subject.store.list("", "", 10, "")] == [fresh.id]
    assert len(await subject.store.take_events(16, LEASE)) == 1
