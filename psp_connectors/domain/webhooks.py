"""Webhooks of PSPs as values: what came in, whether it is genuine, and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from psp_connectors.domain.cards import Secret
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RawWebhook:
    """A webhook as it came: headers by lower-case name, and the exact bytes of the body."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Authenticity(StrEnum):
    """Whether a webhook comes from the PSP."""

    GENUINE = "genuine"
    FORGED = "forged"  # wrong or missing signature, or one that is too old
    UNDECIDED = "undecided"  # a certificate is needed first, see `evidence_wanted`


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One event, understood.

    `event_id` is unique at the account, and the same when the PSP sends the event again. `kind` and `outcome` are None
    for an event that says nothing of an operation of ours, such as a payout. `reference` is our reference of the
    operation, empty where the event does not carry it; `payment_reference` ours of the authorization it belongs to,
    `psp_reference` and `payment_psp_reference` the PSP's. At least one of the four is there when `kind` is. `outcome`
    reads like a sync's answer: its `amount` is what the PSP says it acted on, in ISO 4217 minor units of `currency`.
    `reversal` tells that an operation which the PSP had reported as successful has failed after all, such as a refund
    that the bank sent back. `occurred_at` is in seconds since the epoch, 0 when the event has no time.
    """

    event_id: str
    event_type: str
    occurred_at: int = 0
    kind: OperationKind | None = None
    reference: str = ""
    payment_reference: str = ""
    psp_reference: str = ""
    payment_psp_reference: str = ""
    currency: str = ""
    outcome: Outcome | None = None
    reversal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReading:
    """What a webhook turned out to be.

    `refused` counts the items of a batch that are forged or unreadable; the genuine ones are in `notifications`. A
    webhook with no genuine item is FORGED. `evidence_wanted` is the address of the certificate without which nothing
    can be said: the runtime brings it, from hosts the connector has checked, and reads again.
    """

    authenticity: Authenticity
    notifications: tuple[Notification, ...] = ()
    refused: int = 0
    evidence_wanted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookContext:
    """What reading a webhook needs beside it.

    The secrets in force (several while one is being replaced), the time in seconds since the epoch, and the
    certificates (PEM) brought so far by address.
    """

    secrets: Sequence[Secret]
    now: int
    evidence: Mapping[str, bytes] = field(default_factory=dict, repr=False)


FORGED = WebhookReading(authenticity=Authenticity.FORGED)
