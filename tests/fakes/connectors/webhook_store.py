"""The inbox of webhooks in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.application.webhook_ports import (
    Backlog,
    Delivered,
    Disposition,
    DueEvent,
    EventRecord,
    EventState,
    UnverifiedWebhook,
    Verification,
    WebhookRecord,
    WebhookState,
    WebhookToKeep,
    WholeWebhook,
)
from psp_connectors.domain.webhooks import Notification

UNVERIFIED_MAX = 1000
GIVE_UP = timedelta(hours=24)
KEPT = timedelta(days=90)


@dataclass(slots=True)
class KeptEvent:
    notification: Notification
    account: str
    webhook_id: str
    state: EventState
    disposition: Disposition
    due: datetime | None
    give_up: datetime
    payment_id: str = ""
    attempts: int = 0
    repetitions: int = 0
    last_error: str = ""


@dataclass(slots=True)
class KeptWebhook:
    given: WebhookToKeep
    received_at: datetime
    state: WebhookState
    due: datetime | None
    give_up: datetime
    refused_items: int
    attempts: int = 0
    last_error: str = ""


@dataclass(slots=True)
class FakeWebhookStore:
    """Keeps everything in dictionaries; `down` makes it unreachable, `late` shifts its clock."""

    down: bool = False
    late: timedelta = timedelta(0)
    webhooks: dict[str, KeptWebhook] = field(default_factory=dict)
    events: dict[tuple[str, str], KeptEvent] = field(default_factory=dict)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.late

    async def keep(self, webhook: WebhookToKeep) -> bool:
        await self._reach()
        now = self.now()
        if webhook.events is None:
            waiting = [
                kept
                for kept in self.webhooks.values()
                if kept.state is WebhookState.UNVERIFIED and kept.given.account == webhook.account
            ]
            if any(kept.given.body == webhook.body for kept in waiting):
                return False
            if len(waiting) >= UNVERIFIED_MAX:
                raise Refusal(Reason.OVERLOADED)
        else:
            known = [self.events.get((webhook.account, event.event_id)) for event in webhook.events]
            if known and all(known):
                for event in known:
                    assert event is not None
                    event.repetitions += 1
                return False
        self.webhooks[webhook.id] = KeptWebhook(
            webhook,
            now,
            WebhookState.UNVERIFIED if webhook.events is None else WebhookState.RECEIVED,
            now if webhook.events is None else None,
            now + GIVE_UP,
            webhook.refused_items,
        )
        if webhook.events is not None:
            self._add(webhook.account, webhook.id, webhook.events)
            self._settle(webhook.id)
        return True

    async def take_unverified(self, limit: int, lease_seconds: int) -> Sequence[UnverifiedWebhook]:
        await self._reach()
        now = self.now()
        due = [kept for kept in self.webhooks.values() if kept.due is not None and kept.due <= now][:limit]
        for kept in due:
            kept.due = now + timedelta(seconds=lease_seconds)
            kept.attempts += 1
        return [
            UnverifiedWebhook(
                id=kept.given.id,
                account=kept.given.account,
                received_at=kept.received_at,
                headers=kept.given.headers,
                body=kept.given.body,
                attempts=kept.attempts,
                given_up=kept.give_up <= now,
            )
            for kept in due
        ]

    async def record_verification(self, webhook_id: str, attempts: int, verification: Verification) -> bool:
        await self._reach()
        kept = self.webhooks[webhook_id]
        if kept.state is not WebhookState.UNVERIFIED or kept.attempts != attempts:
            return False
        if verification.dropped:
            del self.webhooks[webhook_id]
            return True
        again = verification.state is WebhookState.UNVERIFIED
        kept.state = verification.state
        kept.due = self.now() + timedelta(seconds=verification.wait_seconds) if again else None
        kept.refused_items = verification.refused_items
        kept.last_error = verification.error
        if verification.state is WebhookState.RECEIVED:
            self._add(kept.given.account, webhook_id, verification.events)
            self._settle(webhook_id)
        return True

    async def take_events(self, limit: int, lease_seconds: int) -> Sequence[DueEvent]:
        await self._reach()
        now = self.now()
        due = [event for event in self.events.values() if event.due is not None and event.due <= now][:limit]
        for event in due:
            event.due = now + timedelta(seconds=lease_seconds)
            event.attempts += 1
        return [
            DueEvent(
                account=event.account,
                notification=event.notification,
                webhook_id=event.webhook_id,
                attempts=event.attempts,
                given_up=event.give_up <= now,
                request_id=self.webhooks[event.webhook_id].given.request_id,
            )
            for event in due
        ]

    async def record_delivery(self, account: str, event_id: str, attempts: int, delivered: Delivered) -> bool:
        await self._reach()
        event = self.events[(account, event_id)]
        if event.state is not EventState.WAITING or event.attempts != attempts:
            return False
        event.state, event.disposition = delivered.state, delivered.disposition
        event.payment_id, event.last_error = delivered.payment_id, delivered.error
        again = delivered.state is EventState.WAITING
        event.due = self.now() + timedelta(seconds=delivered.wait_seconds) if again else None
        self._settle(event.webhook_id)
        return True

    async def list(self, account: str, state: str, limit: int, before: str) -> Sequence[WebhookRecord]:
        await self._reach()
        found = [
            self._record(webhook_id)
            for webhook_id, kept in sorted(self.webhooks.items(), reverse=True)
            if account in ("", kept.given.account) and state in ("", kept.state) and (not before or webhook_id < before)
        ]
        return found[:limit]

    async def get(self, webhook_id: str) -> WholeWebhook | None:
        await self._reach()
        kept = self.webhooks.get(webhook_id)
        if kept is None:
            return None
        return WholeWebhook(self._record(webhook_id), tuple(sorted(kept.given.headers)), kept.given.body)

    async def replay(self, webhook_id: str) -> bool:
        await self._reach()
        kept = self.webhooks.get(webhook_id)
        if kept is None:
            return False
        now = self.now()
        events = [event for event in self.events.values() if event.webhook_id == webhook_id]
        if kept.state is not WebhookState.UNVERIFIED and events:
            for event in events:
                if event.notification.kind is not None:
                    event.state, event.due, event.give_up = EventState.WAITING, now, now + GIVE_UP
                    event.attempts += 1
            self._settle(webhook_id)
        elif kept.state is not WebhookState.DONE and not any(
            other is not kept
            and other.state is WebhookState.UNVERIFIED
            and (other.given.account, other.given.body) == (kept.given.account, kept.given.body)
            for other in self.webhooks.values()
        ):
            kept.state, kept.due, kept.give_up = WebhookState.UNVERIFIED, now, now + GIVE_UP
            kept.attempts += 1
        return True

    async def backlog(self) -> Backlog:
        await self._reach()
        states = [kept.state for kept in self.webhooks.values()]
        waiting = sum(event.state is EventState.WAITING for event in self.events.values())
        return Backlog(states.count(WebhookState.UNVERIFIED), waiting, states.count(WebhookState.PARKED))

    async def purge(self, limit: int) -> int:
        await self._reach()
        old = [key for key, kept in self.webhooks.items() if kept.received_at <= self.now() - KEPT][:limit]
        for webhook_id in old:
            del self.webhooks[webhook_id]
            for key in [key for key, event in self.events.items() if event.webhook_id == webhook_id]:
                del self.events[key]
        return len(old)

    def _add(self, account: str, webhook_id: str, events: Sequence[Notification]) -> None:
        now = self.now()
        for notification in events:
            known = self.events.get((account, notification.event_id))
            if known is not None:
                known.repetitions += 1
                continue
            tells = notification.kind is not None and notification.outcome is not None
            self.events[(account, notification.event_id)] = KeptEvent(
                notification,
                account,
                webhook_id,
                EventState.WAITING if tells else EventState.DONE,
                Disposition.NOTHING if tells else Disposition.NOT_AN_OPERATION,
                now if tells else None,
                now + GIVE_UP,
            )

    def _settle(self, webhook_id: str) -> None:
        kept = self.webhooks[webhook_id]
        states = {event.state for event in self.events.values() if event.webhook_id == webhook_id}
        if EventState.WAITING in states:
            kept.state = WebhookState.RECEIVED
        else:
            kept.state = WebhookState.PARKED if EventState.PARKED in states else WebhookState.DONE
        kept.due = None

    def _record(self, webhook_id: str) -> WebhookRecord:
        kept = self.webhooks[webhook_id]
        return WebhookRecord(
            id=webhook_id,
            account=kept.given.account,
            state=kept.state,
            received_at=kept.received_at,
            body_bytes=len(kept.given.body),
            refused_items=kept.refused_items,
            attempts=kept.attempts,
            last_error=kept.last_error,
            next_attempt_at=kept.due,
            request_id=kept.given.request_id,
            events=tuple(_event_record(event) for event in self.events.values() if event.webhook_id == webhook_id),
        )

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)


def _event_record(event: KeptEvent) -> EventRecord:
    return EventRecord(
        event_id=event.notification.event_id,
        event_type=event.notification.event_type,
        state=event.state,
        disposition=event.disposition,
        payment_id=event.payment_id,
        attempts=event.attempts,
        repetitions=event.repetitions,
        last_error=event.last_error,
        next_attempt_at=event.due,
    )
