"""What a call to a PSP can come to, as the core sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class OutcomeKind(StrEnum):
    """The exact set of outcomes; docs/architecture.md tells what each means."""

    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    PENDING = "PENDING"
    NOT_SENT = "NOT_SENT"
    UNKNOWN = "UNKNOWN"
    NOT_FOUND = "NOT_FOUND"


class Check(StrEnum):
    """What the issuer said of one piece of data that was sent with the card."""

    MATCH = "MATCH"
    NO_MATCH = "NO_MATCH"
    UNAVAILABLE = "UNAVAILABLE"
    NOT_CHECKED = "NOT_CHECKED"


@dataclass(frozen=True, slots=True)
class Checks:
    """The issuer's checks of street, postal code and card code."""

    street: Check = Check.NOT_CHECKED
    postal_code: Check = Check.NOT_CHECKED
    card_code: Check = Check.NOT_CHECKED


@dataclass(frozen=True, slots=True)
class NextAction:
    """What the shopper must do before the PSP goes on; ``fields`` are for the shopper's browser only."""

    kind: str
    url: str
    method: str
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call came to: Payera's normalised ``code`` (lower snake case) beside the PSP's ``raw_code``.

    ``amount`` is what the PSP says it acted on, in minor units, 0 when it said none. ``expires_at`` is until when an
    authorization can be captured, in seconds since the epoch, 0 when the PSP does not say. ``expected_within_seconds``
    tells of an acknowledged operation when its result is expected, 0 when nobody knows.
    """

    kind: OutcomeKind
    psp_reference: str = ""
    code: str = ""
    raw_code: str = ""
    network_transaction_id: str = ""
    network_code: str = ""
    advice_code: str = ""
    checks: Checks = Checks()
    next_action: NextAction | None = None
    expires_at: int = 0
    expected_within_seconds: int = 0
    amount: int = 0


def details_of(outcome: Outcome) -> dict[str, Any]:
    """Give what is recorded of an outcome beside its codes, as JSON; what the PSP did not say is left out.

    ``expected_within_seconds`` is relative: the record makes a time of it, as it alone has a clock.
    """
    checks = outcome.checks
    checked = {
        name: check.value
        for name, check in (
            ("street", checks.street),
            ("postal_code", checks.postal_code),
            ("card_code", checks.card_code),
        )
        if check is not Check.NOT_CHECKED
    }
    action = outcome.next_action
    details: dict[str, Any] = {
        "network_code": outcome.network_code,
        "advice_code": outcome.advice_code,
        "checks": checked,
        "capture_before": outcome.expires_at,
        "expected_within_seconds": outcome.expected_within_seconds if outcome.kind is OutcomeKind.PENDING else 0,
        "next_action": None
        if action is None
        else {"kind": action.kind, "url": action.url, "method": action.method, "fields": dict(action.fields)},
    }
    return {name: value for name, value in details.items() if value}
