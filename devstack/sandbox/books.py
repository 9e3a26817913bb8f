"""The books of one account of the sandbox PSP: what really happened to money, and the rules it keeps."""

import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec

from devstack.sandbox.magic import Verdict

MOST_CHARGES: Final = 200_000
MOST_OPERATIONS: Final = 500_000
MOST_ENTRIES_OF_CHARGE: Final = 1000
"""Bounds of memory: beyond the first two the oldest are forgotten, beyond the last nothing is taken."""


class OperationType(StrEnum):
    """What can be done at this PSP."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class CardOnFile(msgspec.Struct, frozen=True, kw_only=True):
    """What the books keep of a card: never its number."""

    brand: str
    last4: str
    bin: str
    exp_month: int
    exp_year: int
    fingerprint: str


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One operation as it was decided; the journal is made of these and the books follow from them alone."""

    account: str
    id: str
    type: OperationType
    reference: str
    charge: str
    amount: int
    currency: str
    network_code: str = ""
    reason: str = ""
    network_transaction_id: str = ""
    capture: bool = False
    final: bool = False
    captured_amount: int = 0
    card: CardOnFile | None = None
    key: str = ""
    request_digest: str = ""

    @property
    def verdict(self) -> Verdict:
        """Give what the issuer said."""
        return Verdict(self.network_code, self.reason)


@dataclass(slots=True)
class Entry:
    """An operation in the books, with how often it really moved money: more than once would be a double charge."""

    record: Record
    money_moves: int = 0


@dataclass(slots=True)
class Charge:
    """A charge: amounts in minor units of its currency. A declined one has nothing authorized."""

    record: Record
    authorized: int = 0
    captured: int = 0
    refunded: int = 0
    voided: bool = False
    closed: bool = False
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An operation asked for; `verdict` is what the issuer would say to it."""

    type: OperationType
    reference: str
    key: str
    request_digest: str
    verdict: Verdict
    amount: int = 0
    currency: str = ""
    capture: bool = False
    final: bool = False
    charge: str = ""
    card: CardOnFile | None = None


class ChargeUnknown(Exception):  # noqa: N818 - an answer, not a failure
    """No charge has this id."""


class KeyReused(Exception):  # noqa: N818
    """The idempotency key was used for another request."""


class ReferenceInUse(Exception):  # noqa: N818
    """Another operation of this type has this reference."""


class TooManyOperations(Exception):  # noqa: N818
    """The charge has as many operations as it may have."""


class Books:
    """The books of one account. `write` puts a record where it survives, before it takes effect."""

    def __init__(self, account: str, write: Callable[[Record], None]) -> None:
        self.account = account
        self.forgotten = 0
        self._write = write
        self._charges: dict[str, Charge] = {}
        self._entries: dict[tuple[OperationType, str], Entry] = {}
        self._by_key: dict[str, Record] = {}
        self._requests: dict[tuple[str, str], int] = {}

    def restore(self, record: Record) -> None:
        """Apply a record that was written earlier."""
        self._apply(record)

    def request_came(self, operation: str, reference: str) -> int:
        """Count a request, acted upon or not, and give how many came for this operation and reference."""
        count = self._requests.get((operation, reference), 0) + 1
        self._requests[(operation, reference)] = count
        if len(self._requests) > MOST_OPERATIONS:
            del self._requests[next(iter(self._requests))]
        return count

    def requests_of(self, operation: str, reference: str) -> int:
        """Give how many requests came for an operation and reference."""
        return self._requests.get((operation, reference), 0)

    def replay(self, key: str, request_digest: str) -> Record | None:
        """Give the record made with this key, None when there is none; raises KeyReused for another request."""
        record = self._by_key.get(key)
        if record is not None and not hmac.compare_digest(record.request_digest, request_digest):
            raise KeyReused
        return record

    def perform(self, order: Order) -> Record:
        """Perform an order exactly once; a refusal by the books' rules is a declined operation.

        Raises ReferenceInUse, ChargeUnknown and TooManyOperations, upon which nothing was recorded.
        """
        if (order.type, order.reference) in self._entries:
            raise ReferenceInUse
        record = self._authorization(order) if order.type is OperationType.AUTHORIZE else self._modification(order)
        self._write(record)
        self._apply(record)
        return record

    def find(self, type_: OperationType, reference: str) -> Entry | None:
        """Give the operation of this type and reference."""
        return self._entries.get((type_, reference))

    def charge(self, charge_id: str) -> Charge:
        """Give a charge; raises ChargeUnknown."""
        charge = self._charges.get(charge_id)
        if charge is None:
            raise ChargeUnknown
        return charge

    def charges(self) -> Iterable[Charge]:
        """Give all charges, oldest first."""
        return self._charges.values()

    def _authorization(self, order: Order) -> Record:
        charge_id = f"ch_{secrets.token_hex(12)}"
        approved = order.verdict.approved
        return Record(
            account=self.account,
            id=charge_id,
            type=order.type,
            reference=order.reference,
            charge=charge_id,
            amount=order.amount,
            currency=order.currency,
            network_code=order.verdict.network_code,
            reason=order.verdict.reason,
            network_transaction_id=f"nti{secrets.token_hex(6)}" if approved else "",
            capture=order.capture,
            captured_amount=order.amount if approved and order.capture else 0,
            card=order.card,
            key=order.key,
            request_digest=order.request_digest,
        )

    def _modification(self, order: Order) -> Record:
        charge = self.charge(order.charge)
        if len(charge.entries) >= MOST_ENTRIES_OF_CHARGE:
            raise TooManyOperations
        is_void = order.type is OperationType.VOID
        amount = charge.record.amount if is_void else order.amount
        currency = charge.record.currency if is_void else order.currency
        refusal = _refusal(charge, order.type, amount, currency)
        verdict = Verdict(reason=refusal) if refusal else order.verdict
        moved = amount if verdict.approved and order.type is OperationType.CAPTURE else 0
        return Record(
            account=self.account,
            id=f"{order.type.value[:3]}_{secrets.token_hex(12)}",
            type=order.type,
            reference=order.reference,
            charge=order.charge,
            amount=amount,
            currency=currency,
            network_code=verdict.network_code,
            reason=verdict.reason,
            final=order.final,
            captured_amount=charge.captured + moved,
            key=order.key,
            request_digest=order.request_digest,
        )

    def _apply(self, record: Record) -> None:
        if record.type is OperationType.AUTHORIZE:
            charge = Charge(record)
            self._charges[record.id] = charge
        else:
            charge = self._charges[record.charge]
        entry = Entry(record)
        charge.entries.append(entry)
        self._entries[(record.type, record.reference)] = entry
        self._by_key[record.key] = record
        if record.verdict.approved:
            _move(charge, entry)
        if len(self._charges) > MOST_CHARGES:
            self._forget(next(iter(self._charges)))

    def _forget(self, charge_id: str) -> None:
        for entry in self._charges.pop(charge_id).entries:
            record = entry.record
            del self._entries[(record.type, record.reference)]
            self._by_key.pop(record.key, None)
        self.forgotten += 1


def _move(charge: Charge, entry: Entry) -> None:
    record = entry.record
    entry.money_moves += 1
    match record.type:
        case OperationType.AUTHORIZE:
            charge.authorized += record.amount
            if record.capture:
                charge.captured += record.amount
                charge.closed = True
        case OperationType.CAPTURE:
            charge.captured += record.amount
            charge.closed = charge.closed or record.final
        case OperationType.VOID:
            charge.voided = True
            charge.closed = True
        case OperationType.REFUND:
            charge.refunded += record.amount


def _refusal(charge: Charge, type_: OperationType, amount: int, currency: str) -> str:
    """Give the reason why the books refuse, empty when they do not."""
    if not charge.record.verdict.approved:
        return "charge_declined"
    if currency != charge.record.currency:
        return "currency_mismatch"
    match type_:
        case OperationType.CAPTURE:
            return _capture_refusal(charge, amount)
        case OperationType.VOID:
            if charge.voided:
                return "already_voided"
            return "already_captured" if charge.captured else ""
        case _:
            return "amount_exceeds_captured" if charge.refunded + amount > charge.captured else ""


def _capture_refusal(charge: Charge, amount: int) -> str:
    if charge.voided:
        return "already_voided"
    if charge.closed:
        return "charge_closed"
    return "amount_exceeds_authorized" if charge.captured + amount > charge.authorized else ""
