"""What the sandbox PSP can be told to do wrong, and for which requests."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MOST_FAULTS: Final = 1000
LONGEST_DELAY_MS: Final = 300_000
NEVER_MS: Final = 120_000
"""A request that is never answered is held this long, then its connection is reset."""


class FaultMode(StrEnum):
    """The faults; docs/sandbox.md says what each does."""

    REFUSE = "refuse"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    TIMEOUT_THEN_SUCCESS = "timeout_then_success"
    TIMEOUT_THEN_DECLINE = "timeout_then_decline"
    SLOW = "slow"
    GARBAGE = "garbage"
    TRUNCATED = "truncated"
    WRONG_AMOUNT = "wrong_amount"
    DUPLICATE = "duplicate"
    SERVER_ERROR_BEFORE = "server_error_before"
    SERVER_ERROR_AFTER = "server_error_after"
    NOT_FOUND_THEN_FOUND = "not_found_then_found"
    HTML = "html"
    TRICKLE = "trickle"
    ANSWERED_TWICE = "answered_twice"
    WRONG_CURRENCY = "wrong_currency"
    WRONG_REFERENCE = "wrong_reference"
    DENIED = "denied"
    RATE_LIMITED = "rate_limited"
    NOT_FOUND = "not_found"


class FaultOperation(StrEnum):
    """The requests a fault applies to."""

    ANY = "any"
    VERIFY = "verify"
    AUTHORIZE = "authorize"
    INCREMENT = "increment"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    SYNC = "sync"


DEFAULT_DELAY_MS: Final = {FaultMode.SLOW: 60_000, FaultMode.RATE_LIMITED: 1_000}
"""Delay of a mode for which none is given; without an entry the request is never answered."""


@dataclass(slots=True)
class Fault:
    """One fault in force. `remaining` is None until healed; `reference` is a prefix, empty for all.

    `first` says how many requests about each single reference it strikes, None for all of them.
    """

    mode: FaultMode
    operation: FaultOperation = FaultOperation.ANY
    remaining: int | None = None
    delay_ms: int | None = None
    reference: str = ""
    first: int | None = None

    @property
    def delay_seconds(self) -> float | None:
        """Give the delay; None means never to answer."""
        milliseconds = self.delay_ms if self.delay_ms is not None else DEFAULT_DELAY_MS.get(self.mode)
        return None if milliseconds is None else milliseconds / 1000

    def applies_to(self, operation: FaultOperation, reference: str, number: int) -> bool:
        """Tell whether a request, by its number among those about its reference, is to suffer this fault."""
        meant = self.operation in {FaultOperation.ANY, operation} and reference.startswith(self.reference)
        return meant and (self.first is None or number <= self.first)


class FaultPlan:
    """The faults of one account, at most MOST_FAULTS; those bound to a reference go first, then the oldest."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Give the faults in force."""
        return tuple(self._faults)

    def add(self, fault: Fault) -> None:
        """Put a fault in force, in place of one for the same requests. Raises ValueError when there are too many."""
        kept = [
            other for other in self._faults if (other.operation, other.reference) != (fault.operation, fault.reference)
        ]
        if len(kept) >= MOST_FAULTS:
            message = f"there are {MOST_FAULTS} faults already"
            raise ValueError(message)
        self._faults = sorted([*kept, fault], key=lambda other: not other.reference)

    def clear(self) -> None:
        """Heal everything."""
        self._faults = []

    def take(self, operation: FaultOperation, reference: str, number: int = 1) -> Fault | None:
        """Give the fault that a request is to suffer, and count it."""
        for fault in self._faults:
            if fault.applies_to(operation, reference, number):
                if fault.remaining is not None:
                    fault.remaining -= 1
                    if fault.remaining <= 0:
                        self._faults.remove(fault)
                return fault
        return None
