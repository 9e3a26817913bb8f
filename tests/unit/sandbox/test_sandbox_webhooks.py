"""The sender of webhooks: its bounds, and what it does when there is nobody to send to."""

import pytest

from devstack.sandbox import webhooks as module
from devstack.sandbox.dialects.contract import Notice, Signed
from devstack.sandbox.webhooks import DeliveryState, Release, WebhookMode, WebhookSender, WebhookSetting

NOWHERE = "http://127.0.0.1:9/webhooks"


def notice(number: int) -> Notice:
    return Notice(id=f"evt_{number}", type="thing.done", reference=f"pay_{number}_1", content={})


def sender(url: str = NOWHERE) -> WebhookSender:
    return WebhookSender(url, lambda one, _now: Signed(one.id.encode(), {}), lambda: 1_000.0)


async def test_without_an_address_nothing_is_noted() -> None:
    assert sender("").take([notice(1)]) == []


async def test_what_is_listed_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LISTED", 3)
    one = sender()
    one.setting = WebhookSetting(WebhookMode.MISSING)
    one.take([notice(number) for number in range(5)])
    assert [delivery.notice.id for delivery in one.deliveries] == ["evt_2", "evt_3", "evt_4"]


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_QUEUED", 2)
    one = sender()
    batch = one.take([notice(number) for number in range(4)])
    one.after_answer(batch)
    assert [delivery.state for delivery in batch][2:] == [DeliveryState.DROPPED] * 2
    assert one.dropped == 2
    await one.close()


async def test_attempts_are_bounded_and_the_last_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.0, 0.0))
    one = sender()
    batch = one.take([notice(1)])
    one.after_answer(batch)
    assert await one.settle()
    assert (batch[0].state, [attempt.status for attempt in batch[0].attempts]) == (DeliveryState.FAILED, [0, 0, 0])
    one.setting = WebhookSetting(WebhookMode.FIRST)
    first = one.take([notice(2)])
    await one.before_answer(first)
    assert (first[0].state, len(first[0].attempts)) == (DeliveryState.FAILED, 3)
    one.after_answer(first)
    assert len(first[0].attempts) == 3, "not sent again after the answer"
    await one.close()


async def test_settle_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(module, "RETRY_SECONDS", (60.0,))
    one = sender()
    one.after_answer(one.take([notice(1)]))
    assert not await one.settle()
    await one.close()


async def test_release_chooses_by_reference_and_type() -> None:
    one = sender()
    one.setting = WebhookSetting(WebhookMode.LATE)
    one.take([notice(1), notice(2)])
    assert await one.release(Release("pay_3")) == []
    assert await one.release(Release("pay_1", "other")) == []
    (released,) = await one.release(Release("pay_1", "thing"))
    assert (released.notice.id, released.state) == ("evt_1", DeliveryState.FAILED)
    assert [delivery.notice.id for delivery in await one.release(Release())] == ["evt_2"]
    assert len(await one.release(Release(again=True))) == 2
    await one.close()


async def test_a_webhook_that_can_not_be_signed_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", ())

    def sign(one: Notice, _now: int) -> Signed:
        if one.id == "evt_1":
            raise ValueError(one.id)
        return Signed(one.id.encode(), {})

    one = WebhookSender(NOWHERE, sign, lambda: 1_000.0)
    batch = one.take([notice(1), notice(2)])
    one.after_answer(batch)
    assert await one.settle()
    assert [delivery.state for delivery in batch] == [DeliveryState.FAILED] * 2
    assert [len(delivery.attempts) for delivery in batch] == [0, 1]
    await one.close()


async def test_what_was_held_and_is_forgotten_counts_as_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LISTED", 2)
    one = sender()
    one.setting = WebhookSetting(WebhookMode.LATE)
    one.take([notice(number) for number in range(5)])
    assert one.dropped == 3


async def test_after_its_end_nothing_is_sent_any_more() -> None:
    one = sender()
    batch = one.take([notice(1)])
    await one.close()
    one.after_answer(batch)
    assert batch[0].state is DeliveryState.DROPPED
    assert await one.settle()
