"""The dispatcher: events reach the gateway, certificates are brought, and what can't be settled is parked."""

import itertools
from datetime import timedelta

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.application.dispatch_webhooks import WEBHOOK_DELIVERED, wait_seconds
from psp_connectors.application.webhook_ports import (
    Answer,
    Disposition,
    EventRefused,
    EventState,
    GatewayUnavailable,
    WebhookState,
)
from tests.fakes.connectors.inbox import WEBHOOK_SECRET, Inbox
from tests.fakes.connectors.signing_psp import item, items, sign

CERTIFIED = {"webhook-signature": "certificate"}


@pytest.fixture
async def inbox() -> Inbox:
    made = Inbox()
    await made.open()
    return made


def only_state(inbox: Inbox) -> WebhookState:
    [kept] = inbox.webhooks.webhooks.values()
    return kept.state


@pytest.mark.parametrize("disposition", [Disposition.APPLIED, Disposition.KNOWN, Disposition.REVIEW])
async def test_an_event_the_gateway_has_taken_is_done(inbox: Inbox, disposition: Disposition) -> None:
    inbox.gateway.answer = Answer(disposition, "pay_7")
    await inbox.post(items(item(reference="ref_7")))
    assert not await inbox.dispatch.round()
    [(account, event, request_id)] = inbox.gateway.told
    assert (account, event.event_id, event.reference, request_id) == ("acme", "evt_1", "ref_7", "req_1")
    kept = inbox.webhooks.events[("acme", "evt_1")]
    assert (kept.state, kept.disposition, kept.payment_id) == (EventState.DONE, disposition, "pay_7")
    assert inbox.crash_points.reached[-1] == WEBHOOK_DELIVERED
    await inbox.dispatch.round()
    assert len(inbox.gateway.told) == 1


async def test_what_is_not_about_an_operation_is_told_to_nobody(inbox: Inbox) -> None:
    await inbox.post(items(item(kind="payout")))
    await inbox.dispatch.round()
    assert inbox.gateway.told == []
    assert only_state(inbox) is WebhookState.DONE


@pytest.mark.parametrize("unmatched", [True, False])
async def test_an_event_that_can_not_be_settled_is_tried_for_a_day_and_parked(inbox: Inbox, unmatched: bool) -> None:
    inbox.gateway.answer = Answer(Disposition.UNMATCHED)
    inbox.gateway.error = None if unmatched else GatewayUnavailable()
    await inbox.post(items(item()))
    times = []
    for _ in range(100):
        if only_state(inbox) is not WebhookState.RECEIVED:
            break
        times.append(inbox.webhooks.late)
        await inbox.dispatch.round()
        due = inbox.webhooks.events[("acme", "evt_1")].due
        if due is not None:
            inbox.webhooks.late += due - inbox.webhooks.now()
    waits = [round((later - earlier).total_seconds()) for earlier, later in itertools.pairwise(times)]
    assert waits[:4] == [1, 2, 4, 8]
    assert set(waits[12:]) == {3600}
    assert timedelta(hours=24) <= times[-1] < timedelta(hours=25)
    assert only_state(inbox) is WebhookState.PARKED
    kept = inbox.webhooks.events[("acme", "evt_1")]
    assert kept.disposition is (Disposition.UNMATCHED if unmatched else Disposition.NOTHING)
    assert kept.last_error


async def test_an_event_the_gateway_will_never_take_is_parked_at_once(inbox: Inbox) -> None:
    inbox.gateway.error = EventRefused("the gateway refuses it: INVALID_FIELD")
    await inbox.post(items(item()))
    await inbox.dispatch.round()
    assert only_state(inbox) is WebhookState.PARKED
    assert inbox.webhooks.events[("acme", "evt_1")].last_error == "the gateway refuses it: INVALID_FIELD"


async def test_one_event_that_fails_keeps_no_other_from_being_told(inbox: Inbox) -> None:
    await inbox.post(items(*(item(f"evt_{number}") for number in range(5))))
    inbox.gateway.error = ZeroDivisionError("a fault nobody thought of")
    await inbox.dispatch.round()
    assert len(inbox.gateway.told) == 5
    assert {event.state for event in inbox.webhooks.events.values()} == {EventState.WAITING}
    assert len(inbox.observer.errors) == 5


async def test_a_full_batch_says_that_there_may_be_more(inbox: Inbox) -> None:
    await inbox.post(items(*(item(f"evt_{number}") for number in range(20))))
    assert await inbox.dispatch.round()
    assert not await inbox.dispatch.round()
    assert len(inbox.gateway.told) == 20


async def test_a_certificate_is_brought_and_the_events_follow(inbox: Inbox) -> None:
    await inbox.post(items(item(), {"bad": 1}), CERTIFIED)
    assert await inbox.dispatch.round(), "its events come in the next round"
    assert only_state(inbox) is WebhookState.RECEIVED
    await inbox.dispatch.round()
    assert only_state(inbox) is WebhookState.DONE
    assert len(inbox.gateway.told) == 1
    [kept] = inbox.webhooks.webhooks.values()
    assert kept.refused_items == 1


async def test_without_the_certificate_it_is_tried_again_and_parked_at_last(inbox: Inbox) -> None:
    inbox.certificates.pem = None
    await inbox.post(items(item()), CERTIFIED)
    await inbox.dispatch.round()
    assert only_state(inbox) is WebhookState.UNVERIFIED
    inbox.webhooks.late += timedelta(days=1, seconds=1)
    await inbox.dispatch.round()
    assert only_state(inbox) is WebhookState.PARKED
    assert inbox.webhooks.events == {}
    assert inbox.gateway.told == []


async def test_what_names_a_certificate_that_does_not_exist_is_not_even_kept(inbox: Inbox) -> None:
    """Anybody can send any number of those: they must fill neither the queue nor the table."""
    inbox.certificates.absent = True
    await inbox.post(items(item()), CERTIFIED)
    await inbox.dispatch.round()
    assert inbox.webhooks.webhooks == {}
    assert inbox.observer.verifications[-1][1] is WebhookState.REFUSED


async def test_a_certificate_that_proves_nothing_refuses_the_webhook(inbox: Inbox) -> None:
    inbox.certificates.pem = b"another certificate"
    await inbox.post(items(item()), CERTIFIED)
    await inbox.dispatch.round()
    await inbox.dispatch.round()
    assert only_state(inbox) is WebhookState.REFUSED
    assert inbox.gateway.told == []


async def test_a_replay_verifies_a_refused_webhook_again(inbox: Inbox) -> None:
    inbox.certificates.pem = b"another certificate"
    await inbox.post(items(item()), CERTIFIED)
    await inbox.dispatch.round()
    [webhook_id] = inbox.webhooks.webhooks
    inbox.certificates.pem = inbox.certificates.brought["https://certificates.example/1"] = (
        b"-----BEGIN CERTIFICATE-----"
    )
    rung = inbox.rung
    await inbox.inspect.replay(webhook_id)
    assert inbox.rung == rung + 1
    await inbox.dispatch.round()
    await inbox.dispatch.round()
    assert len(inbox.gateway.told) == 1


async def test_a_replay_of_an_unknown_webhook_is_refused(inbox: Inbox) -> None:
    for call in (inbox.inspect.replay, inbox.inspect.get):
        with pytest.raises(Refusal) as caught:
            await call("whk_1")
        assert (caught.value.reason, caught.value.metadata) == (Reason.WEBHOOK_NOT_FOUND, {"webhook_id": "whk_1"})


async def test_events_in_any_order_are_all_told(inbox: Inbox) -> None:
    for event_id in ("evt_3", "evt_1", "evt_2", "evt_1"):
        await inbox.post(items(item(event_id)), sign(WEBHOOK_SECRET))
    await inbox.dispatch.round()
    assert sorted(event.event_id for _, event, _ in inbox.gateway.told) == ["evt_1", "evt_2", "evt_3"]


async def test_pages_of_webhooks_follow_each_other_with_their_filters(inbox: Inbox) -> None:
    for number in range(5):
        await inbox.post(items(item(f"evt_{number}")))
    first, token = await inbox.inspect.list("acme", "", 3, "")
    second, last = await inbox.inspect.list("acme", "", 3, token)
    assert ([len(first), len(second)], last) == ([3, 2], "")
    assert len({record.id for record in [*first, *second]}) == 5
    for account, state, wrong in (("other", "", token), ("acme", "DONE", token), ("acme", "", token + "A")):
        with pytest.raises(Refusal) as caught:
            await inbox.inspect.list(account, state, 3, wrong)
        assert caught.value.reason is Reason.INVALID_PAGE_TOKEN


def test_waits_grow_to_an_hour_and_spread() -> None:
    assert [wait_seconds(attempts, 0.0) for attempts in (0, 1, 2, 3, 12, 13, 10_000)] == [1, 1, 2, 4, 2048, 3600, 3600]
    assert wait_seconds(11, 1.0) == round(1024 * 1.2)
    assert wait_seconds(10_000, 1.0) == 3600
