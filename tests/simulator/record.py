"""What the simulated database holds: payments with all that hangs on them, keys, and the moves of attempts."""

from dataclasses import dataclass, field
from typing import Any

from gateway_svc.domain.cascade_policy import UNRESTRICTED, CascadeSettings, Decline
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.payment import (
    AttemptStatus,
    CaptureMethod,
    Modification,
    ModificationKind,
    ModificationStatus,
    Payment,
)

EPOCH_US = 1_795_680_000_000_000
"""2026-11-26, where the simulated time begins."""
OPEN_ATTEMPT = frozenset({AttemptStatus.SENDING, AttemptStatus.UNKNOWN, AttemptStatus.PENDING})
OPEN_MODIFICATION = frozenset({ModificationStatus.SENDING, ModificationStatus.UNKNOWN, ModificationStatus.PENDING})

NO_DECLINE = Decline("")


class Refused(Exception):  # noqa: N818
    """The books refuse an operation; nothing has changed."""


class IllegalTransition(Exception):  # noqa: N818
    """A driver asked for a transition that no rule allows: a fault of ours."""


@dataclass(slots=True)
class Row:
    """One payment with everything that hangs on it."""

    payment: Payment
    created_ms: int
    updated_ms: int
    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    modifications: list[Modification] = field(default_factory=list)
    begun_ms: dict[str, int] = field(default_factory=dict)
    key_of: dict[str, str] = field(default_factory=dict)
    events: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    store_card: bool = False
    by_merchant: bool = False
    card: str = ""
    aged: tuple[Payment, list[int], Payment] | None = None
    held: dict[str, AttemptVerdict] = field(default_factory=dict)
    reversed_ms: dict[str, int] = field(default_factory=dict)
    reviews: set[str] = field(default_factory=set)

    def pending(self, kind: ModificationKind) -> int:
        """Sum of what is under way of one kind, in minor units."""
        return sum(m.amount for m in self.modifications if m.kind is kind and m.status in OPEN_MODIFICATION)

    def under_way(self, kind: ModificationKind) -> list[Modification]:
        """List what is under way of one kind."""
        return [m for m in self.modifications if m.kind is kind and m.status in OPEN_MODIFICATION]

    def state(self) -> dict[str, Any]:
        """Return what an event carries of the payment."""
        return {
            "status": self.payment.status,
            "authorized": self.authorized,
            "captured": self.captured,
            "refunded": self.refunded,
        }


@dataclass(slots=True)
class KeyRow:
    """One idempotency key."""

    request_hash: str
    payment_id: str
    reference: str
    lease_until: int
    answer: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A card of a simulated world."""

    name: str
    brand: str


@dataclass(frozen=True, slots=True)
class Order:
    """A payment to begin; ``accounts`` in the router's order."""

    amount: int
    method: CaptureMethod
    accounts: tuple[str, ...]
    card: Card
    store_card: bool = False
    code_required: bool = False
    by_merchant: bool = False
    cascade: CascadeSettings = UNRESTRICTED


@dataclass(frozen=True, slots=True)
class Move:
    """One attempt that was begun (no status) or that ended, in the order of the record; for those who check."""

    payment_id: str
    attempt_id: str
    ordinal: int
    status: AttemptStatus | None
    decline: Decline
    at_ms: int


@dataclass(frozen=True, slots=True)
class Begun:
    """What a key made of a call."""

    disposition: str
    payment_id: str
    reference: str
    answer: dict[str, Any] | None = None
