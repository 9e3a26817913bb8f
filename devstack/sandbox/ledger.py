"""What the books are made of: records of operations, decisions on them, and the charges that follow from both."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec

from devstack.sandbox.magic import Verdict

DENIAL: Final = Verdict(network_code="05")
"""What a PSP says that declines although the issuer did not."""


class OperationType(StrEnum):
    """What can be done at a PSP. The first two open a charge, the others change one."""

    VERIFY = "verify"
    AUTHORIZE = "authorize"
    INCREMENT = "increment"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"

    @property
    def opens(self) -> bool:
        """Tell whether it opens a charge."""
        return self in {OperationType.VERIFY, OperationType.AUTHORIZE}


class Waiting(StrEnum):
    """What an operation waits for before it is decided."""

    NOTHING = ""
    SHOPPER = "shopper"  # such as a challenge of 3-D Secure
    PSP = "psp"  # acknowledged: the PSP says later what came of it


class CardOnFile(msgspec.Struct, frozen=True, kw_only=True):
    """What the books keep of a card: never its number."""

    brand: str
    last4: str
    bin: str
    exp_month: int
    exp_year: int
    fingerprint: str


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One operation as it was taken; the journal is made of these and of decisions, and the books follow from it alone.

    Amounts in ISO 4217 minor units; `at` in seconds since the epoch. An operation that waits has the verdict it is
    meant to get. `fails_later` is the reason of a failure that follows a success, such as that of a refund which the
    bank sends back. `ids` are more ids by which a dialect knows the operation, `facts` what else it has to tell of it.
    """

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
    at: int = 0
    waiting: Waiting = Waiting.NOTHING
    fails_later: str = ""
    ids: dict[str, str] = {}
    facts: dict[str, Any] = {}

    @property
    def verdict(self) -> Verdict:
        """Give what the issuer said, or is going to say."""
        return Verdict(self.network_code, self.reason)


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an operation after it was taken. `decides`, the id of the operation, stays the first field."""

    decides: str
    account: str
    charge: str
    network_code: str = ""
    reason: str = ""
    at: int = 0

    @property
    def verdict(self) -> Verdict:
        """Give the verdict that holds from then on."""
        return Verdict(self.network_code, self.reason)


Line = Record | Decision
"""A line of the journal."""


class State(StrEnum):
    """How an operation stands."""

    APPROVED = "approved"
    DECLINED = "declined"
    PENDING = "pending"


@dataclass(slots=True)
class Entry:
    """An operation in the books, with how often it really moved money: more than once would be a double charge."""

    record: Record
    money_moves: int = 0
    decisions: list[Decision] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """Give what holds now, for one that waits what it is meant to get."""
        return self.decisions[-1].verdict if self.decisions else self.record.verdict

    @property
    def state(self) -> State:
        """Tell how the operation stands."""
        if self.record.waiting and not self.decisions:
            return State.PENDING
        return State.APPROVED if self.verdict.approved else State.DECLINED

    @property
    def hopeful(self) -> bool:
        """Tell whether it waits, and is meant to succeed."""
        return self.state is State.PENDING and self.record.verdict.approved

    @property
    def reversed(self) -> bool:
        """Tell whether it had succeeded and has failed since."""
        return self.state is State.DECLINED and self.money_moves > 0


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
    history: list[Line] = field(default_factory=list)

    @property
    def first(self) -> Entry:
        """Give the operation that opened it."""
        return self.entries[0]

    def entry(self, operation_id: str) -> Entry:
        """Give an operation by its id; raises KeyError."""
        for entry in self.entries:
            if entry.record.id == operation_id:
                return entry
        raise KeyError(operation_id)

    def entries_of(self, type_: OperationType) -> list[Entry]:
        """Give the operations of one type, oldest first."""
        return [entry for entry in self.entries if entry.record.type is type_]

    def pending(self, type_: OperationType) -> int:
        """Give the sum of the operations of one type that wait, and are meant to succeed."""
        return sum(entry.record.amount for entry in self.entries_of(type_) if entry.hopeful)

    def waits(self, type_: OperationType) -> bool:
        """Tell whether an operation of this type waits, and is meant to succeed."""
        return any(entry.hopeful for entry in self.entries_of(type_))

    def rest(self, type_: OperationType) -> int:
        """Give what is left for a capture or a refund."""
        if type_ is OperationType.CAPTURE:
            return max(self.authorized - self.captured - self.pending(OperationType.CAPTURE), 0)
        return max(self.captured - self.refunded - self.pending(OperationType.REFUND), 0)

    def apply(self, line: Line) -> Entry:
        """Let a record or decision take effect."""
        self.history.append(line)
        if isinstance(line, Record):
            entry = Entry(line)
            self.entries.append(entry)
            if entry.state is State.APPROVED:
                self._move(entry)
            return entry
        entry = self.entry(line.decides)
        before = entry.state
        entry.decisions.append(line)
        if entry.state is State.APPROVED and before is not State.APPROVED:
            self._move(entry)
        elif entry.state is State.DECLINED and before is State.APPROVED:
            self._move_back(entry)
        return entry

    def _move(self, entry: Entry) -> None:
        record = entry.record
        entry.money_moves += 1
        match record.type:
            case OperationType.VERIFY:
                pass
            case OperationType.AUTHORIZE:
                self.authorized += record.amount
                if record.capture:
                    self.captured += record.amount
                    self.closed = True
            case OperationType.INCREMENT:
                self.authorized += record.amount
            case OperationType.CAPTURE:
                self.captured += record.amount
                self.closed = self.closed or record.final
            case OperationType.VOID:
                self.voided = True
                self.closed = True
            case OperationType.REFUND:
                self.refunded += record.amount

    def _move_back(self, entry: Entry) -> None:
        record = entry.record
        match record.type:
            case OperationType.REFUND:
                self.refunded -= record.amount
            case OperationType.CAPTURE:
                self.captured -= record.amount
            case OperationType.AUTHORIZE:
                self.authorized -= record.amount
                self.captured -= record.amount if record.capture else 0
            case _:
                pass


def fold(lines: Iterable[Line], *, through: str = "", more: int = 0, denied: str = "") -> Charge:
    """Give the charge that lines lead to: `through` is the id of the last record, empty for all lines.

    `more` is added to every amount: a charge as a PSP would tell it that errs about amounts. `denied` is the id of a
    record that is told as declined, whatever became of it.
    """
    charge: Charge | None = None
    for line in lines:
        told = msgspec.structs.replace(line, amount=line.amount + more) if more and isinstance(line, Record) else line
        if isinstance(told, Record) and told.id == denied:
            before = charge.captured if charge is not None else 0
            told = msgspec.structs.replace(told, network_code=DENIAL.network_code, captured_amount=before)
        if charge is None:
            if not isinstance(told, Record):
                message = "a charge begins with a record"
                raise TypeError(message)
            charge = Charge(told)
        charge.apply(told)
        if isinstance(line, Record) and line.id == through:
            break
    if charge is None:
        message = "a charge has at least one line"
        raise ValueError(message)
    return charge
