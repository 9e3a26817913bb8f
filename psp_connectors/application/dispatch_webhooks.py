"""Brings what webhooks say to the gateway: verifies what could not be verified at the door, and delivers events."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from psp_connectors.application.account_registry import AccountRegistry
from psp_connectors.application.notifications import fit
from psp_connectors.application.ports import CrashPoints
from psp_connectors.application.receive_webhook import WebhookReader
from psp_connectors.application.webhook_ports import (
    CertificateAbsent,
    Certificates,
    CertificateUnavailable,
    Delivered,
    Disposition,
    DueEvent,
    EventRefused,
    EventState,
    Gateway,
    GatewayUnavailable,
    UnverifiedWebhook,
    Verification,
    WebhookObserver,
    WebhookState,
    WebhookStore,
)
from psp_connectors.domain.webhooks import Authenticity, RawWebhook, WebhookReading

WEBHOOK_DELIVERED: Final = "connectors.webhook_delivered"
LEASE_SECONDS: Final = 30
"""Longer than any attempt: a webhook whose process died is taken up by another after this."""
BATCH: Final = 16
LONGEST_WAIT_SECONDS: Final = 3600
_DOUBLINGS_MAX: Final = 12

_SETTLED: Final = frozenset({Disposition.APPLIED, Disposition.KNOWN, Disposition.REVIEW})


def wait_seconds(attempts: int, chance: float) -> int:
    """Give the wait after so many attempts: 1 s, doubled each time up to an hour, and up to a fifth more by chance.

    `chance` from 0 to 1 keeps events that failed together from coming back together.
    """
    base = min(LONGEST_WAIT_SECONDS, 1 << min(max(attempts, 1) - 1, _DOUBLINGS_MAX))
    return min(LONGEST_WAIT_SECONDS, round(base * (1 + chance / 5)))


class DispatchWebhooks:
    """Handles what is due. Several processes share the work: each webhook and event has one taker at a time.

    An event is delivered at least once; the gateway bears being told again. What can't be settled is tried for a day
    and then parked for an operator. `chance` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        *,
        registry: AccountRegistry,
        reader: WebhookReader,
        store: WebhookStore,
        gateway: Gateway,
        certificates: Certificates,
        observer: WebhookObserver,
        crash_points: CrashPoints,
        chance: Callable[[], float],
    ) -> None:
        self._registry = registry
        self._reader = reader
        self._store = store
        self._gateway = gateway
        self._certificates = certificates
        self._observer = observer
        self._crash_points = crash_points
        self._chance = chance

    async def round(self) -> bool:
        """Handle up to sixteen webhooks and events that are due; tell whether there may be more.

        Raises Refusal(UNAVAILABLE) while the store is out of reach: what was taken is taken again after its lease.
        """
        unverified = await self._store.take_unverified(BATCH, LEASE_SECONDS)
        events = await self._store.take_events(BATCH, LEASE_SECONDS)
        # Side by side: a certificate that is slow to come holds up no event.
        await _all([*map(self._verify, unverified), *map(self._deliver, events)])
        return bool(unverified) or len(events) == BATCH

    async def _verify(self, webhook: UnverifiedWebhook) -> None:
        verification = await self._verification_of(webhook)
        if verification.state is WebhookState.UNVERIFIED and webhook.given_up:
            verification = Verification(state=WebhookState.PARKED, error=verification.error)
        await self._store.record_verification(webhook.id, webhook.attempts, verification)
        self._observer.verified(webhook.account, webhook.id, verification.state)

    async def _verification_of(self, webhook: UnverifiedWebhook) -> Verification:
        account = self._registry.get(webhook.account)
        if account is None:
            return self._again(webhook, "the account is not there")
        # As of when it came: what the certificate took to come does not make its time stamp too old.
        raw = RawWebhook(headers=webhook.headers, body=webhook.body)
        reading = self._reader.read(account, raw, webhook.received_at)
        if reading.authenticity is Authenticity.UNDECIDED:
            try:
                await self._certificates.bring(webhook.account, reading.evidence_wanted)
            except CertificateAbsent as error:
                return Verification(state=WebhookState.REFUSED, error=str(error), dropped=True)
            except CertificateUnavailable as error:
                return self._again(webhook, str(error))
            reading = self._reader.read(account, raw, webhook.received_at)
        if reading.authenticity is Authenticity.FORGED and await self._registry.refresh():
            # This process may not have known the newest secret yet, which the door of another one knew.
            reading = self._reader.read(self._registry.get(webhook.account) or account, raw, webhook.received_at)
        return self._meaning(webhook, reading)

    def _meaning(self, webhook: UnverifiedWebhook, reading: WebhookReading) -> Verification:
        if reading.authenticity is Authenticity.UNDECIDED:
            return self._again(webhook, "the certificate settles nothing")
        if reading.authenticity is Authenticity.FORGED:
            error = "not signed as the account's PSP signs"
            return Verification(state=WebhookState.REFUSED, refused_items=reading.refused, error=error)
        events, unfit = fit(reading.notifications)
        return Verification(state=WebhookState.RECEIVED, events=events, refused_items=reading.refused + unfit)

    def _again(self, webhook: UnverifiedWebhook, error: str) -> Verification:
        seconds = wait_seconds(webhook.attempts, self._chance())
        return Verification(state=WebhookState.UNVERIFIED, error=error, wait_seconds=seconds)

    async def _deliver(self, event: DueEvent) -> None:
        delivered = await self._delivery_of(event)
        await self._crash_points.reach(WEBHOOK_DELIVERED)
        await self._store.record_delivery(event.account, event.notification.event_id, event.attempts, delivered)
        self._observer.delivered(event, delivered)

    async def _delivery_of(self, event: DueEvent) -> Delivered:
        try:
            answer = await self._gateway.notify(event.account, event.notification, event.request_id)
        except EventRefused as error:
            # Trying again is no use: somebody must look.
            return Delivered(state=EventState.PARKED, error=str(error))
        except GatewayUnavailable:
            disposition, error_text = Disposition.NOTHING, "the gateway was out of reach"
        except Exception as error:  # noqa: BLE001 - one event that nobody thought of must not hold up the others
            self._observer.misread(event.account, error)
            disposition, error_text = Disposition.NOTHING, f"a fault of ours: {type(error).__name__}"
        else:
            if answer.disposition in _SETTLED:
                return Delivered(state=EventState.DONE, disposition=answer.disposition, payment_id=answer.payment_id)
            disposition, error_text = Disposition.UNMATCHED, "no operation fits"
        if event.given_up:
            return Delivered(state=EventState.PARKED, disposition=disposition, error=error_text)
        seconds = wait_seconds(event.attempts, self._chance())
        return Delivered(state=EventState.WAITING, disposition=disposition, error=error_text, wait_seconds=seconds)


async def _all(tasks: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all to their end, then raise the first error: one that failed does not break the others off."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
