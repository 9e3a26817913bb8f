"""The operations a PSP is asked for, with everything a connector needs to ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mesh.money import Money
from psp_connectors.domain.cards import Card
from psp_connectors.domain.details import NO_DETAILS, PaymentDetails


class OperationKind(StrEnum):
    """The kinds of operation a PSP performs."""

    VERIFY = "verify"
    AUTHORIZE = "authorize"
    INCREMENT = "increment"
    REVERSE = "reverse"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Ask the issuer whether a card is good, for no money: a zero-amount authorization (account verification)."""

    reference: str
    idempotency_key: str
    currency: str
    card: Card
    details: PaymentDetails = NO_DETAILS


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """Hold an amount on a card; with `capture`, charge it at once, in one operation."""

    reference: str
    idempotency_key: str
    amount: Money
    capture: bool
    card: Card
    statement_descriptor: str = ""
    details: PaymentDetails = NO_DETAILS


@dataclass(frozen=True, slots=True, kw_only=True)
class Increment:
    """Hold more on an authorization: `amount` on top, `total` when it succeeds."""

    reference: str
    idempotency_key: str
    psp_reference: str
    amount: Money
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Take an authorized amount or a part; `final` releases what is left."""

    reference: str
    idempotency_key: str
    psp_reference: str
    amount: Money
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Void:
    """Release an authorization before any capture."""

    reference: str
    idempotency_key: str
    psp_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """Take back an authorization of which nobody knows whether it came to be; `reference` is that of the authorization.

    APPROVED only when the PSP says that it has released it: it holds no money then, and never will. Its `psp_reference`
    is the authorization's where the PSP names it. DECLINED when this very request released nothing, for whatever
    reason.
    """

    reference: str
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Give a captured amount or a part back.

    `psp_reference` is the payment's, `capture_psp_reference` that of the capture the money was taken with, which some
    PSPs refund; it is the payment's own for one that was captured at once, and empty when no single capture has enough.
    """

    reference: str
    idempotency_key: str
    psp_reference: str
    amount: Money
    capture_psp_reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Ask what became of an operation; `amount` is what had been asked for, None for a void.

    `psp_reference` is the PSP's id of the operation itself where it is known, `payment_psp_reference` that of the
    payment it belongs to; for an authorization both are the same. `capture` tells of an authorization that it was to
    capture at once.
    """

    kind: OperationKind
    reference: str
    amount: Money | None
    psp_reference: str = ""
    payment_psp_reference: str = ""
    capture: bool = False


CardOperation = Verification | Authorization
"""An operation that carries a card."""

Action = Verification | Authorization | Increment | Reversal | Capture | Void | Refund
"""An operation that changes something at the PSP."""

CardlessOperation = Increment | Reversal | Capture | Void | Refund | Sync
"""An operation for which no card is needed."""

Operation = Action | Sync
"""Everything a connector can be asked to build."""


_KINDS: Final[Mapping[type[Action], OperationKind]] = MappingProxyType(
    {
        Verification: OperationKind.VERIFY,
        Authorization: OperationKind.AUTHORIZE,
        Increment: OperationKind.INCREMENT,
        Reversal: OperationKind.REVERSE,
        Capture: OperationKind.CAPTURE,
        Void: OperationKind.VOID,
        Refund: OperationKind.REFUND,
    }
)


def kind_of(operation: Operation) -> OperationKind:
    """Give the kind of an operation; for a sync, the kind of what it asks about."""
    return operation.kind if isinstance(operation, Sync) else _KINDS[type(operation)]


def amount_of(operation: Operation) -> Money | None:
    """Give the amount asked for, None where there is none; that of a verification is zero."""
    match operation:
        case Void() | Reversal():
            return None
        case Verification():
            return Money(0, operation.currency)
        case _:
            return operation.amount


def name_of(operation: Operation) -> str:
    """Give the operation's name for logs and metrics."""
    return "sync" if isinstance(operation, Sync) else kind_of(operation).value
