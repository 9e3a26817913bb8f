"""The door for webhooks: what is kept, what is refused, and what no stranger can bring about."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.application.receive_webhook import WEBHOOK_STORED
from psp_connectors.application.webhook_ports import Receipt, WebhookState
from psp_connectors.domain.cards import Secret
from tests.fakes.connectors.inbox import OPERATOR, WEBHOOK_SECRET, Inbox
from tests.fakes.connectors.ports import account
from tests.fakes.connectors.signing_psp import CERTIFICATE_URL, PEM, item, items, sign

CERTIFIED = {"webhook-signature": "certificate"}


@pytest.fixture
async def inbox() -> Inbox:
    made = Inbox()
    await made.open()
    return made


async def refused(inbox: Inbox, *arguments: Any, **more: Any) -> Reason:
    with pytest.raises(Refusal) as caught:
        await inbox.post(*arguments, **more)
    return caught.value.reason


async def test_a_genuine_webhook_is_kept_before_it_is_answered(inbox: Inbox) -> None:
    body = items(item("evt_1"), item("evt_2"))
    await inbox.post(body, sign(WEBHOOK_SECRET) | {"authorization": "Basic planted"})
    [kept] = inbox.webhooks.webhooks.values()
    assert (kept.given.body, kept.given.account, kept.given.request_id) == (body, "acme", "req_1")
    assert kept.given.headers == sign(WEBHOOK_SECRET), "a credential that came along is not kept"
    assert set(inbox.webhooks.events) == {("acme", "evt_1"), ("acme", "evt_2")}
    assert inbox.crash_points.reached == [WEBHOOK_STORED]
    assert inbox.observer.receipts == [("acme", Receipt.KEPT, 0)]
    assert inbox.rung == 1
    assert inbox.gateway.told == [], "the gateway is told afterwards"


@pytest.mark.parametrize(
    "headers",
    [{}, sign("wrong"), sign(""), {"webhook-signature": ""}, {"webhook-signature": "raise"}, {"other": "x"}],
)
async def test_a_forged_webhook_is_refused_counted_and_leaves_nothing(inbox: Inbox, headers: dict[str, str]) -> None:
    assert await refused(inbox, items(item()), headers) is Reason.WEBHOOK_REFUSED
    assert inbox.webhooks.webhooks == {}
    assert inbox.observer.receipts == [("acme", Receipt.FORGED, 0)]
    assert (inbox.rung, inbox.crash_points.reached) == (0, [])


async def test_a_connector_that_raises_is_told_of(inbox: Inbox) -> None:
    await refused(inbox, b"", {"webhook-signature": "raise"})
    assert [account for account, _ in inbox.observer.errors] == ["acme"]


async def test_an_account_without_secret_believes_nobody(inbox: Inbox) -> None:
    records = await inbox.manage.webhook_secrets("acme")
    await inbox.manage.retire_webhook_secret("acme", records[0].id, OPERATOR)
    assert await refused(inbox, items(item())) is Reason.WEBHOOK_REFUSED


async def test_an_unknown_account_is_not_found_and_not_counted(inbox: Inbox) -> None:
    assert await refused(inbox, items(item()), account="nobody") is Reason.PSP_ACCOUNT_NOT_FOUND
    assert inbox.observer.receipts == []


async def test_before_the_accounts_were_read_the_psp_is_to_send_again() -> None:
    assert await refused(Inbox(), items(item())) is Reason.UNAVAILABLE


async def test_a_connector_without_webhooks_refuses_them() -> None:
    inbox = Inbox({"sandbox_a": account()})
    await inbox.registry.refresh()
    assert await refused(inbox, items(item()), account="sandbox_a") is Reason.WEBHOOK_REFUSED


async def test_secrets_are_valid_side_by_side_until_the_overlap_is_over(inbox: Inbox) -> None:
    await inbox.manage.create_webhook_secret("acme", Secret("the new one"), 3600, OPERATOR)
    await inbox.post(items(item("evt_old")), sign(WEBHOOK_SECRET))
    await inbox.post(items(item("evt_new")), sign("the new one"))
    inbox.time += timedelta(seconds=3601)
    assert await refused(inbox, items(item("evt_late")), sign(WEBHOOK_SECRET)) is Reason.WEBHOOK_REFUSED
    await inbox.post(items(item("evt_newer")), sign("the new one"))
    assert {event_id for _, event_id in inbox.webhooks.events} == {"evt_old", "evt_new", "evt_newer"}


async def test_a_replayed_webhook_is_answered_and_changes_nothing(inbox: Inbox) -> None:
    for _ in range(3):
        await inbox.post(items(item()))
    assert len(inbox.webhooks.webhooks) == 1
    assert [receipt for _, receipt, _ in inbox.observer.receipts] == [Receipt.KEPT, Receipt.REPEATED, Receipt.REPEATED]


async def test_the_bad_item_of_a_batch_is_counted_and_the_good_ones_are_kept(inbox: Inbox) -> None:
    await inbox.post(items(item("evt_1"), {"nonsense": 1}, item("evt_2"), item("evt_huge", amount=10**30)))
    assert {event_id for _, event_id in inbox.webhooks.events} == {"evt_1", "evt_2"}
    assert inbox.observer.receipts == [("acme", Receipt.KEPT, 2)]
    [kept] = inbox.webhooks.webhooks.values()
    assert kept.refused_items == 2


@pytest.mark.parametrize("body", [b"", b"\x00" * 100, b"[" * 100_000, b"x" * 1024 * 1024, b'{"id"', b"null"])
async def test_garbage_is_harmless_even_when_it_is_signed(inbox: Inbox, body: bytes) -> None:
    assert await refused(inbox, body) is Reason.WEBHOOK_REFUSED
    assert inbox.webhooks.webhooks == {}


async def test_texts_that_no_database_takes_are_made_fit(inbox: Inbox) -> None:
    long = "e" * 5000
    await inbox.post(items(item("evt\0_1", kind="re\0fund", reference="ref_\0"), item(long), item(long), item("")))
    ids = [event_id for _, event_id in inbox.webhooks.events]
    assert ids[0] == "evt_1"
    assert all(len(event_id) <= 255 for event_id in ids)
    assert len(ids) == 3, "an id that is too long is the same one when it comes again, and none is one of its own"
    event = inbox.webhooks.events[("acme", "evt_1")].notification
    assert (event.event_type, event.reference) == ("refund", "ref_")


async def test_what_needs_a_certificate_is_kept_unverified_and_not_believed(inbox: Inbox) -> None:
    await inbox.post(items(item()), CERTIFIED)
    [kept] = inbox.webhooks.webhooks.values()
    assert kept.state is WebhookState.UNVERIFIED
    assert inbox.webhooks.events == {}
    assert inbox.observer.receipts == [("acme", Receipt.UNVERIFIED, 0)]


async def test_a_certificate_that_is_there_already_settles_it_at_the_door(inbox: Inbox) -> None:
    inbox.certificates.brought[CERTIFICATE_URL] = PEM
    await inbox.post(items(item()), CERTIFIED)
    assert list(inbox.webhooks.events) == [("acme", "evt_1")]
    inbox.certificates.brought[CERTIFICATE_URL] = b"another"
    assert await refused(inbox, items(item()), CERTIFIED) is Reason.WEBHOOK_REFUSED


async def test_a_thousand_unverified_ones_are_enough(inbox: Inbox) -> None:
    for number in range(1000):
        await inbox.post(items(item(f"evt_{number}")), CERTIFIED)
    assert await refused(inbox, items(item("evt_more")), CERTIFIED) is Reason.OVERLOADED
    await inbox.post(items(item("evt_genuine")))


async def test_without_the_database_the_psp_is_to_send_again(inbox: Inbox) -> None:
    inbox.webhooks.down = True
    assert await refused(inbox, items(item())) is Reason.UNAVAILABLE
    assert inbox.rung == 0


async def test_a_database_that_is_too_slow_counts_as_away(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> bool:
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr("psp_connectors.application.receive_webhook.KEEP_SECONDS", 0.01)
    monkeypatch.setattr(type(inbox.webhooks), "keep", never)
    assert await refused(inbox, items(item())) is Reason.UNAVAILABLE
