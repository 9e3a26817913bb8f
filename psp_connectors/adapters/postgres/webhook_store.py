"""Keeps webhooks and their events in PostgreSQL, one stored procedure per method."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any, Final

import msgspec

from mesh.database import Database
from psp_connectors.adapters.postgres.account_store import present, time_of, time_or_none
from psp_connectors.application.notifications import from_plain, to_plain
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

_RESULTS: Final = {
    WebhookState.RECEIVED: "VERIFIED",
    WebhookState.REFUSED: "REFUSED",
    WebhookState.PARKED: "PARKED",
    WebhookState.UNVERIFIED: "LATER",
}


class PostgresWebhookStore:
    """The tables of webhooks. Raises Refusal(UNAVAILABLE) while the server is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, webhook: WebhookToKeep) -> bool:
        """Keep a webhook and its events durably; False when it holds nothing new. Refuses with OVERLOADED."""
        row = await self._database.call(
            "connectors.keep_webhook",
            webhook.id,
            webhook.account,
            dict(webhook.headers),
            webhook.body,
            webhook.request_id,
            webhook.refused_items,
            None if webhook.events is None else _events_rows(webhook.events),
        )
        return row is not None

    async def take_unverified(self, limit: int, lease_seconds: int) -> Sequence[UnverifiedWebhook]:
        """Hand out webhooks that are due, each to one taker until its lease is over."""
        rows = await self._database.call_many("connectors.take_unverified_webhooks", limit, lease_seconds)
        return [
            UnverifiedWebhook(
                id=row["webhook_id"],
                account=row["account"],
                received_at=row["received_at"].astimezone(UTC),
                headers=row["headers"],
                body=row["body"],
                attempts=row["attempts"],
                given_up=row["given_up"],
            )
            for row in rows
        ]

    async def record_verification(self, webhook_id: str, attempts: int, verification: Verification) -> bool:
        """Record an attempt; False when it is not the last one handed out, and nothing changes."""
        row = await self._database.call(
            "connectors.record_verification",
            webhook_id,
            attempts,
            "DROPPED" if verification.dropped else _RESULTS[verification.state],
            verification.refused_items,
            _events_rows(verification.events),
            verification.error,
            verification.wait_seconds,
        )
        return row is not None and bool(row["recorded"])

    async def take_events(self, limit: int, lease_seconds: int) -> Sequence[DueEvent]:
        """Hand out events that are due, each to one taker until its lease is over."""
        rows = await self._database.call_many("connectors.take_webhook_events", limit, lease_seconds)
        due = []
        for row in rows:
            try:
                notification = from_plain(row["notification"])
            except msgspec.ValidationError:
                # Kept by a version that understood more or less: a replay after an update may help.
                unreadable = Delivered(state=EventState.PARKED, error="this version can't read what was kept")
                await self.record_delivery(row["account"], row["event_id"], row["attempts"], unreadable)
                continue
            due.append(
                DueEvent(
                    account=row["account"],
                    notification=notification,
                    webhook_id=row["webhook_id"],
                    attempts=row["attempts"],
                    given_up=row["given_up"],
                    request_id=row["request_id"],
                )
            )
        return due

    async def record_delivery(self, account: str, event_id: str, attempts: int, delivered: Delivered) -> bool:
        """Record an attempt; False when it is not the last one handed out, and nothing changes."""
        row = await self._database.call(
            "connectors.record_delivery",
            account,
            event_id,
            attempts,
            delivered.state,
            delivered.disposition,
            delivered.payment_id,
            delivered.error,
            delivered.wait_seconds,
        )
        return row is not None and bool(row["recorded"])

    async def list(self, account: str, state: str, limit: int, before: str) -> Sequence[WebhookRecord]:
        """Give up to `limit` webhooks, newest first, those before the id `before`; empty texts are no filter."""
        rows = await self._database.call_many("connectors.list_webhooks", account, state, limit, before)
        return [_record_of(row["webhook"]) for row in rows]

    async def get(self, webhook_id: str) -> WholeWebhook | None:
        """Give one webhook."""
        row = await self._database.call("connectors.get_webhook", webhook_id)
        return (
            None if row is None else WholeWebhook(_record_of(row["webhook"]), tuple(row["header_names"]), row["body"])
        )

    async def replay(self, webhook_id: str) -> bool:
        """Let a webhook be handled again from the start; False when there is none."""
        row = await self._database.call("connectors.replay_webhook", webhook_id)
        return row is not None and bool(row["found"])

    async def backlog(self) -> Backlog:
        """Count what waits."""
        row = present(await self._database.call("connectors.webhook_backlog"))
        return Backlog(row["unverified"], row["waiting"], row["parked"])

    async def purge(self, limit: int) -> int:
        """Delete up to `limit` webhooks that are older than 90 days; give how many were deleted."""
        row = await self._database.call("connectors.purge_webhooks", limit)
        return 0 if row is None else int(row["deleted"])


def _events_rows(events: Iterable[Notification]) -> list[dict[str, Any]]:
    return [
        {
            "event_id": event.event_id,
            "event_type": event.event_type,
            # What says nothing of an operation of ours goes nowhere.
            "notification": None if event.kind is None or event.outcome is None else to_plain(event),
        }
        for event in events
    ]


def _record_of(view: Mapping[str, Any]) -> WebhookRecord:
    return WebhookRecord(
        id=view["id"],
        account=view["account"],
        state=WebhookState(view["state"]),
        received_at=time_of(view["received_at"]),
        body_bytes=view["body_bytes"],
        refused_items=view["refused_items"],
        attempts=view["attempts"],
        last_error=view["last_error"],
        next_attempt_at=time_or_none(view["next_attempt_at"]),
        request_id=view["request_id"],
        events=tuple(
            EventRecord(
                event_id=event["event_id"],
                event_type=event["event_type"],
                state=EventState(event["state"]),
                disposition=Disposition(event["disposition"]),
                payment_id=event["payment_id"],
                attempts=event["attempts"],
                repetitions=event["repetitions"],
                last_error=event["last_error"],
                next_attempt_at=time_or_none(event["next_attempt_at"]),
            )
            for event in view["events"]
        ),
    )
