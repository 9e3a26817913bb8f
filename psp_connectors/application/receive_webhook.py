"""The door for webhooks: nothing is believed without a signature, and nothing is answered before it is kept."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.application.account_registry import AccountRegistry
from psp_connectors.application.notifications import fit
from psp_connectors.application.ports import CrashPoints
from psp_connectors.application.webhook_ports import (
    Certificates,
    Receipt,
    WebhookObserver,
    WebhookStore,
    WebhookToKeep,
)
from psp_connectors.domain.connector import Account, Connector
from psp_connectors.domain.webhooks import FORGED, Authenticity, RawWebhook, WebhookContext, WebhookReading

WEBHOOK_STORED: Final = "connectors.webhook_stored"
KEEP_SECONDS: Final = 0.8
"""How long keeping may take, so that the answer is out within a second."""
#: Credentials that a PSP sends along: they are looked at and never kept.
CREDENTIAL_HEADERS: Final = frozenset({"authorization"})


class WebhookReader:
    """Reads webhooks with the connectors' pure functions, and survives a connector that raises."""

    def __init__(
        self,
        *,
        registry: AccountRegistry,
        connectors: Mapping[str, Connector],
        certificates: Certificates,
        observer: WebhookObserver,
    ) -> None:
        self._registry = registry
        self._connectors = connectors
        self._certificates = certificates
        self._observer = observer

    def read(self, account: Account, raw: RawWebhook, at: datetime) -> WebhookReading:
        """Say whether a webhook that came `at` this time is genuine, and what it says. Never raises."""
        read_webhook = self._connectors[account.connector].read_webhook
        if read_webhook is None:
            return FORGED
        context = WebhookContext(
            secrets=self._registry.webhook_secrets(account.name, at),
            now=int(at.timestamp()),
            evidence=self._certificates.known(),
        )
        try:
            return read_webhook(raw, account, context)
        except Exception as error:  # noqa: BLE001 - whatever a stranger sent, it is no more than refused
            self._observer.misread(account.name, error)
            return FORGED


class ReceiveWebhook:
    """Takes webhooks in. `wake` tells the dispatcher that there is work."""

    def __init__(
        self,
        *,
        registry: AccountRegistry,
        reader: WebhookReader,
        store: WebhookStore,
        observer: WebhookObserver,
        crash_points: CrashPoints,
        wake: Callable[[], None],
        new_id: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        self._registry = registry
        self._reader = reader
        self._store = store
        self._observer = observer
        self._crash_points = crash_points
        self._wake = wake
        self._new_id = new_id
        self._now = now

    async def __call__(self, account_name: str, raw: RawWebhook, request_id: str) -> None:
        """Keep a webhook durably; what it says is handled afterwards.

        Refuses with PSP_ACCOUNT_NOT_FOUND, with WEBHOOK_REFUSED what is not proven to come from the PSP (nothing is
        kept of it), with OVERLOADED when too much waits for a certificate, and with UNAVAILABLE when it could not be
        kept in time: the PSP sends it again then.
        """
        account = self._registry.get(account_name)
        if account is None:
            if not self._registry.is_complete:
                raise Refusal(Reason.UNAVAILABLE)
            raise Refusal(Reason.PSP_ACCOUNT_NOT_FOUND, account=account_name[:64])
        reading = self._reader.read(account, raw, self._now())
        if reading.authenticity is Authenticity.FORGED:
            self._observer.received(account.name, Receipt.FORGED, reading.refused)
            raise Refusal(Reason.WEBHOOK_REFUSED)
        genuine = reading.authenticity is Authenticity.GENUINE
        events, unfit = fit(reading.notifications)
        refused = reading.refused + unfit
        webhook = WebhookToKeep(
            id=self._new_id(),
            account=account.name,
            headers={name: text for name, text in raw.headers.items() if name not in CREDENTIAL_HEADERS},
            body=raw.body,
            request_id=request_id,
            refused_items=refused,
            events=events if genuine else None,
        )
        kept = await self._keep(webhook)
        await self._crash_points.reach(WEBHOOK_STORED)
        receipt = Receipt.KEPT if genuine else Receipt.UNVERIFIED
        self._observer.received(account.name, receipt if kept else Receipt.REPEATED, refused)
        self._wake()

    async def _keep(self, webhook: WebhookToKeep) -> bool:
        try:
            async with asyncio.timeout(KEEP_SECONDS):
                return await self._store.keep(webhook)
        except TimeoutError:
            raise Refusal(Reason.UNAVAILABLE) from None
