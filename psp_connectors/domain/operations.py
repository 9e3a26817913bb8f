"""The operations a PSP is asked for, with everything a connector needs to ask."""

from dataclasses import dataclass
from enum import StrEnum

from mesh.money import Money
from psp_connectors.domain.cards import Card


class OperationKind(StrEnum):
    """The kinds of operation a PSP performs."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """Hold an amount on a card; with `capture`, charge it at once."""

    reference: str
    idempotency_key: str
    amount: Money
    capture: bool
    card: Card
    statement_descriptor: str = ""


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
class Refund:
    """Give a captured amount or a part back."""

    reference: str
    idempotency_key: str
    psp_reference: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Ask what became of an operation; `amount` is what had been asked for, None for a void."""

    kind: OperationKind
    reference: str
    amount: Money | None


Action = Authorization | Capture | Void | Refund
"""An operation that changes something at the PSP."""

CardlessOperation = Capture | Void | Refund | Sync
"""An operation for which no card is needed."""

Operation = Action | Sync
"""Everything a connector can be asked to build."""


def kind_of(operation: Operation) -> OperationKind:
    """Give the kind of an operation; for a sync, the kind of what it asks about."""
    match operation:
        case Authorization():
            return OperationKind.AUTHORIZE
        case Capture():
            return OperationKind.CAPTURE
        case Void():
            return OperationKind.VOID
        case Refund():
            return OperationKind.REFUND
        case Sync():
            return operation.kind


def amount_of(operation: Operation) -> Money | None:
    """Give the amount asked for, None where there is none."""
    return None if isinstance(operation, Void) else operation.amount


def name_of(operation: Operation) -> str:
    """Give the operation's name for logs and metrics."""
    return "sync" if isinstance(operation, Sync) else kind_of(operation).value
