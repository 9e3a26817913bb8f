"""What the inbox of webhooks needs from outside: a store, the gateway that takes events, and someone who watches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from psp_connectors.domain.webhooks import Notification


class WebhookState(StrEnum):
    """Where a webhook stands."""

    UNVERIFIED = "UNVERIFIED"
    RECEIVED = "RECEIVED"
    DONE = "DONE"
    PARKED = "PARKED"
    REFUSED = "REFUSED"


class EventState(StrEnum):
    """Where an event stands."""

    WAITING = "WAITING"
    DONE = "DONE"
    PARKED = "PARKED"


class Disposition(StrEnum):
    """What became of an event at the gateway; NOTHING before it was told, or when it could not be."""

    NOTHING = ""
    APPLIED = "APPLIED"
    KNOWN = "KNOWN"
    UNMATCHED = "UNMATCHED"
    REVIEW = "REVIEW"
    NOT_AN_OPERATION = "NOT_AN_OPERATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookToKeep:
    """A webhook as it came. `events` is None when a certificate is needed before anything is believed.

    `headers` are those its authenticity rests on, without credentials.
    """

    id: str
    account: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    request_id: str
    refused_items: int = 0
    events: Sequence[Notification] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedWebhook:
    """A webhook handed out to be verified. `given_up` tells that its time is over: this attempt is the last."""

    id: str
    account: str
    received_at: datetime
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    attempts: int
    given_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What an attempt to verify came to.

    `state` is RECEIVED with `events`, REFUSED, PARKED, or UNVERIFIED to be tried again after `wait_seconds`. What is
    `dropped` is not even kept as refused: anybody can send any number of it.
    """

    state: WebhookState
    events: Sequence[Notification] = ()
    refused_items: int = 0
    error: str = ""
    wait_seconds: int = 0
    dropped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DueEvent:
    """An event handed out to be delivered. `given_up` tells that its time is over: this attempt is the last."""

    account: str
    notification: Notification
    webhook_id: str
    attempts: int
    given_up: bool
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What an attempt to deliver came to; `state` is WAITING to be tried again after `wait_seconds`."""

    state: EventState
    disposition: Disposition = Disposition.NOTHING
    payment_id: str = ""
    error: str = ""
    wait_seconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """An event as operators see it; times are UTC."""

    event_id: str
    event_type: str
    state: EventState
    disposition: Disposition
    payment_id: str
    attempts: int
    repetitions: int
    last_error: str
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRecord:
    """A webhook as operators see it in a list; times are UTC."""

    id: str
    account: str
    state: WebhookState
    received_at: datetime
    body_bytes: int
    refused_items: int
    attempts: int
    last_error: str
    next_attempt_at: datetime | None
    request_id: str
    events: tuple[EventRecord, ...]


@dataclass(frozen=True, slots=True)
class WholeWebhook:
    """A webhook with the names of its headers and its exact body."""

    record: WebhookRecord
    header_names: tuple[str, ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many webhooks wait to be verified, events to be delivered, and webhooks are parked; 10,000 means or more."""

    unverified: int
    waiting: int
    parked: int


class WebhookStore(Protocol):
    """Keeps webhooks and their events. Every method raises Refusal(UNAVAILABLE) while the store is out of reach."""

    async def keep(self, webhook: WebhookToKeep) -> bool:
        """Keep a webhook and its events durably; False when it holds nothing new, which is counted.

        Refuses with OVERLOADED when an account has 1000 webhooks that could not be verified yet.
        """

    async def take_unverified(self, limit: int, lease_seconds: int) -> Sequence[UnverifiedWebhook]:
        """Hand out webhooks that are due, each to one taker until its lease is over."""

    async def record_verification(self, webhook_id: str, attempts: int, verification: Verification) -> bool:
        """Record an attempt; False when it is not the last one handed out, and nothing changes."""

    async def take_events(self, limit: int, lease_seconds: int) -> Sequence[DueEvent]:
        """Hand out events that are due, each to one taker until its lease is over."""

    async def record_delivery(self, account: str, event_id: str, attempts: int, delivered: Delivered) -> bool:
        """Record an attempt; False when it is not the last one handed out, and nothing changes."""

    async def list(self, account: str, state: str, limit: int, before: str) -> Sequence[WebhookRecord]:
        """Give up to `limit` webhooks, newest first, those before the id `before`; empty texts are no filter."""

    async def get(self, webhook_id: str) -> WholeWebhook | None:
        """Give one webhook."""

    async def replay(self, webhook_id: str) -> bool:
        """Let a webhook be handled again from the start; False when there is none."""

    async def backlog(self) -> Backlog:
        """Count what waits."""

    async def purge(self, limit: int) -> int:
        """Delete up to `limit` webhooks that are older than 90 days; give how many were deleted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway did with an event, and the payment it was about."""

    disposition: Disposition
    payment_id: str = ""


class GatewayUnavailable(Exception):  # noqa: N818 - a state of the gateway
    """The gateway could not be asked, or gave no answer in time."""


class EventRefused(Exception):  # noqa: N818 - an answer of the gateway
    """The gateway will never take this event as it is; the text says why."""


class Gateway(Protocol):
    """Takes events of PSPs; may be told the same one again and again."""

    async def notify(self, account: str, notification: Notification, request_id: str) -> Answer:
        """Tell one event; raises GatewayUnavailable or EventRefused. Ends within ten seconds."""


class Certificates(Protocol):
    """Brings the certificates that some PSPs sign with."""

    def known(self) -> Mapping[str, bytes]:
        """Give those brought so far (PEM), by address."""

    async def bring(self, account: str, address: str) -> None:
        """Bring one from an address that the connector has checked; raises CertificateUnavailable."""


class CertificateUnavailable(Exception):  # noqa: N818 - a state of the PSP
    """The certificate could not be brought now; the text says why."""


class CertificateAbsent(CertificateUnavailable):
    """The PSP says that it has no such certificate: nobody can ever verify what is said to be signed with it."""


class Receipt(StrEnum):
    """What became of a webhook at the door."""

    KEPT = "kept"
    REPEATED = "repeated"
    UNVERIFIED = "unverified"
    FORGED = "forged"


class WebhookObserver(Protocol):
    """Is told what becomes of webhooks."""

    def received(self, account: str, receipt: Receipt, refused_items: int) -> None:
        """Count a webhook at the door, and the items of a batch that were refused."""

    def verified(self, account: str, webhook_id: str, state: WebhookState) -> None:
        """Count what an attempt to verify came to."""

    def delivered(self, event: DueEvent, delivered: Delivered) -> None:
        """Count and log what an attempt to deliver came to."""

    def misread(self, account: str, error: Exception) -> None:
        """Log that reading a webhook or telling an event raised what it should not: a fault of ours."""
