"""The books of one account of the sandbox PSP: what really happened to money, and the rules it keeps."""

import hmac
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from devstack.sandbox.ledger import (
    CardOnFile,
    Charge,
    Decision,
    Entry,
    Line,
    OperationType,
    Record,
    State,
    Waiting,
    fold,
)
from devstack.sandbox.magic import Verdict

__all__ = ["CardOnFile", "Charge", "Decision", "Entry", "OperationType", "Record", "State", "Waiting"]

REFUSALS: Final = frozenset(
    {
        "already_captured",
        "already_voided",
        "amount_exceeds_authorized",
        "amount_exceeds_captured",
        "amount_not_higher",
        "charge_closed",
        "charge_declined",
        "charge_pending",
        "currency_mismatch",
    }
)
"""The reasons for which the books refuse an operation; an issuer's refusal has a network code or another reason."""

MOST_CHARGES: Final = 200_000
MOST_OPERATIONS: Final = 500_000
MOST_ENTRIES_OF_CHARGE: Final = 1000
"""Bounds of memory: beyond the first two the oldest are forgotten, beyond the last nothing is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An operation asked for; `verdict` is what the issuer would say to it.

    Without an `id` one is made. `unique` says that its reference may not be used by two operations of one type,
    `refused_at_once` that what the books refuse is not acknowledged first.
    """

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
    id: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    waiting: Waiting = Waiting.NOTHING
    fails_later: str = ""
    unique: bool = True
    refused_at_once: bool = False


class ChargeUnknown(Exception):  # noqa: N818 - an answer, not a failure
    """No charge has this id."""


class KeyReused(Exception):  # noqa: N818
    """The idempotency key was used for another request."""


class ReferenceInUse(Exception):  # noqa: N818
    """Another operation of this type has this reference."""


class TooManyOperations(Exception):  # noqa: N818
    """The charge has as many operations as it may have."""


class DecisionRefused(Exception):  # noqa: N818
    """The operation is decided already, and this would not be a reversal."""


class Books:
    """The books of one account. `write` puts a line where it survives, before it takes effect; `clock` in seconds."""

    def __init__(self, account: str, write: Callable[[Line], None], clock: Callable[[], float] = time.time) -> None:
        self.account = account
        self.forgotten = 0
        self._write = write
        self._clock = clock
        self._charges: dict[str, Charge] = {}
        self._entries: dict[tuple[OperationType, str], list[Entry]] = {}
        self._by_id: dict[str, Entry] = {}
        self._by_key: dict[str, Record] = {}
        self._requests: dict[tuple[str, str], int] = {}

    def restore(self, line: Line) -> None:
        """Apply a line that was written earlier."""
        self._apply(line)

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

    def replay(self, key: str, request_digest: str, *, not_before: int = 0) -> Record | None:
        """Give the record made with this key since `not_before`; raises KeyReused for another request."""
        record = self._by_key.get(key)
        if record is None or record.at < not_before:
            return None
        if not hmac.compare_digest(record.request_digest, request_digest):
            raise KeyReused
        return record

    def forget_keys(self) -> int:
        """Forget all idempotency keys, as if their time had passed; give how many there were."""
        count = len(self._by_key)
        self._by_key.clear()
        return count

    def perform(self, order: Order) -> Record:
        """Perform an order exactly once; a refusal by the books' rules is a declined operation.

        Raises ReferenceInUse, ChargeUnknown and TooManyOperations, upon which nothing was recorded.
        """
        if order.unique and (order.type, order.reference) in self._entries:
            raise ReferenceInUse
        record = self._opening(order) if order.type.opens else self._modification(order)
        self._write(record)
        self._apply(record)
        return record

    def decide(self, operation_id: str, verdict: Verdict) -> Decision:
        """Decide an operation that waits, or let one that succeeded fail. Raises ChargeUnknown, DecisionRefused."""
        entry = self._by_id.get(operation_id)
        if entry is None:
            raise ChargeUnknown
        charge = self._charges[entry.record.charge]
        reversal = entry.state is State.APPROVED and not verdict.approved
        gone = entry.record.type is OperationType.AUTHORIZE and charge.voided
        if gone or not (reversal or entry.state is State.PENDING):
            raise DecisionRefused
        decision = Decision(
            decides=entry.record.id,
            account=self.account,
            charge=entry.record.charge,
            network_code=verdict.network_code,
            reason=verdict.reason,
            at=int(self._clock()),
        )
        self._write(decision)
        self._apply(decision)
        return decision

    def find(self, type_: OperationType, reference: str) -> Entry | None:
        """Give the operation of this type and reference, the first where there are several."""
        return next(iter(self._entries.get((type_, reference), ())), None)

    def find_all(self, type_: OperationType, reference: str) -> Sequence[Entry]:
        """Give all operations of this type and reference: more than one where a PSP does not keep references unique."""
        return tuple(self._entries.get((type_, reference), ()))

    def find_id(self, operation_id: str) -> Entry | None:
        """Give the operation that has this id, or this one among its further ids."""
        return self._by_id.get(operation_id)

    def charge(self, charge_id: str) -> Charge:
        """Give a charge by its id; raises ChargeUnknown."""
        charge = self._charges.get(charge_id)
        if charge is None:
            raise ChargeUnknown
        return charge

    def as_of(self, record: Record, *, more: int = 0, denied: bool = False) -> Charge:
        """Give a charge as it stood when this record was made; `more` and `denied` are the errors of `fold`."""
        history = self.charge(record.charge).history
        return fold(history, through=record.id, more=more, denied=record.id if denied else "")

    def charges(self) -> Iterable[Charge]:
        """Give all charges, oldest first."""
        return self._charges.values()

    def pending(self) -> list[Entry]:
        """Give the operations that wait for a decision, oldest charge first."""
        return [entry for charge in self._charges.values() for entry in charge.entries if entry.state is State.PENDING]

    def _opening(self, order: Order) -> Record:
        charge_id = order.id or f"ch_{secrets.token_hex(12)}"
        approved = order.verdict.approved and not order.waiting
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
            network_transaction_id=f"nti{secrets.token_hex(6)}" if order.verdict.approved else "",
            capture=order.capture,
            captured_amount=order.amount if approved and order.capture else 0,
            card=order.card,
            key=order.key,
            request_digest=order.request_digest,
            at=int(self._clock()),
            waiting=order.waiting,
            ids=order.ids,
            facts=order.facts,
        )

    def _modification(self, order: Order) -> Record:
        charge = self.charge(order.charge)
        if len(charge.entries) >= MOST_ENTRIES_OF_CHARGE:
            raise TooManyOperations
        is_void = order.type is OperationType.VOID
        amount = charge.record.amount if is_void else order.amount
        currency = charge.record.currency if is_void or not order.currency else order.currency
        refusal = _refusal(charge, order.type, amount, currency)
        verdict = Verdict(reason=refusal) if refusal else order.verdict
        waiting = Waiting.NOTHING if refusal and order.refused_at_once else order.waiting
        moved = amount if verdict.approved and not waiting and order.type is OperationType.CAPTURE else 0
        return Record(
            account=self.account,
            id=order.id or f"{order.type.value[:3]}_{secrets.token_hex(12)}",
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
            at=int(self._clock()),
            waiting=waiting,
            fails_later=order.fails_later if verdict.approved else "",
            ids=order.ids,
            facts=order.facts,
        )

    def _apply(self, line: Line) -> None:
        if isinstance(line, Decision):
            self._charges[line.charge].apply(line)
            return
        charge = Charge(line) if line.type.opens else self._charges[line.charge]
        self._charges.setdefault(line.charge, charge)
        entry = charge.apply(line)
        self._entries.setdefault((line.type, line.reference), []).append(entry)
        for name in (line.id, *line.ids.values()):
            self._by_id[name] = entry
        self._by_key[line.key] = line
        if len(self._charges) > MOST_CHARGES:
            self._forget(next(iter(self._charges)))

    def _forget(self, charge_id: str) -> None:
        for entry in self._charges.pop(charge_id).entries:
            record = entry.record
            of_reference = self._entries[(record.type, record.reference)]
            of_reference.remove(entry)
            if not of_reference:
                del self._entries[(record.type, record.reference)]
            for name in (record.id, *record.ids.values()):
                self._by_id.pop(name, None)
            self._by_key.pop(record.key, None)
        self.forgotten += 1


def _refusal(charge: Charge, type_: OperationType, amount: int, currency: str) -> str:
    """Give the reason why the books refuse, empty when they do not."""
    state = charge.first.state
    if state is State.PENDING and type_ is not OperationType.VOID:
        return "charge_pending"
    if state is State.DECLINED:
        return "charge_declined"
    if currency != charge.record.currency:
        return "currency_mismatch"
    match type_:
        case OperationType.CAPTURE | OperationType.INCREMENT:
            return _holding_refusal(charge, type_, amount)
        case OperationType.VOID:
            return _void_refusal(charge)
        case _:
            return "" if 0 < amount <= charge.rest(OperationType.REFUND) else "amount_exceeds_captured"


def _void_refusal(charge: Charge) -> str:
    if charge.voided or charge.waits(OperationType.VOID):
        return "already_voided"
    return "already_captured" if charge.captured or charge.waits(OperationType.CAPTURE) else ""


def _holding_refusal(charge: Charge, type_: OperationType, amount: int) -> str:
    if charge.voided or charge.waits(OperationType.VOID):
        return "already_voided"
    closing = any(entry.record.final and entry.hopeful for entry in charge.entries_of(OperationType.CAPTURE))
    if charge.closed or closing:
        return "charge_closed"
    if type_ is OperationType.INCREMENT:
        captured = charge.captured or charge.waits(OperationType.CAPTURE)
        return "already_captured" if captured else "" if amount > 0 else "amount_not_higher"
    return "" if 0 < amount <= charge.rest(OperationType.CAPTURE) else "amount_exceeds_authorized"
