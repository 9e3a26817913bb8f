"""The matrix of faults: what a PSP does wrong, to which operation, and what must come of it.

A fault has an account of its own, so that its breaker, its pauses and its webhooks are nothing to the others; each
request of a case that the fault means is the first about its reference, so all cases can run at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from devstack.sandbox.magic import ACCOUNT_STEP, FIRST_AMOUNT

#: Longer than any call may take: the request's 2 s on this stack, the worker's 12 s.
TOO_LATE_MS: Final = 15_000
#: Longer than the worker waits for the answer to a question.
TOO_LATE_TO_ASK_MS: Final = 6_000
PAUSE_MS: Final = 1_000

SPARE: Final = "spare"
DECLINING: Final = "declining"
"""The first account of the sandbox, at which alone the amount `DECLINED_FIRST` is declined, with 91."""

AMOUNT: Final = 1_050
DECLINED_FIRST: Final = FIRST_AMOUNT + ACCOUNT_STEP + 191
REFUNDED: Final = 400
VISA: Final = "4242424242424242"
MASTERCARD: Final = "5555555555554444"
"""The declining account takes this brand alone."""


class Operation(StrEnum):
    """What is struck."""

    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class Cascade(StrEnum):
    """How the payment comes to the faulty account.

    `OFF` and `ON` come there first, out of the request. `MIDWAY` comes there from the declining account, by the worker.
    """

    OFF = "cascade off"
    ON = "cascade on"
    MIDWAY = "cascade on, after a decline"


class End(StrEnum):
    """What the operation comes to at the faulty account."""

    DONE = "done"
    DECLINED = "declined"
    NOT_SENT = "not sent"
    TURNED_AWAY = "declined or not sent"
    REVIEW = "under review"


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    `modes` strike the operation and the questions about it; each is a body for the sandbox's control API. `webhooks` is
    when those of the account are sent. `dialect` is the wire API of the account, and so what may be asked.
    """

    name: str
    end: End
    modes: tuple[dict[str, Any], ...] = ()
    dialect: str = "payera"
    webhooks: str = ""
    operations: tuple[Operation, ...] = tuple(Operation)

    @property
    def account(self) -> str:
        """Give the name under which the account is known in the table."""
        return self.name.lower().replace(",", "").replace(" ", "_")

    def unclear(self, operation: Operation) -> bool | None:
        """Tell whether the call for the operation leaves open what was done; None when that is chance."""
        first = self.modes[0] if self.modes else {"mode": ""}
        if first["mode"] == "answered_twice":
            # The second answer may come when the next request is out, and nothing tells the two apart but their words.
            return None
        if self.modes and self.webhooks == "first":
            # The webhook may be faster than the loss of the answer.
            return None
        if first["mode"] == "timeout_then_decline":
            return bool(first["delay_ms"])
        about_amounts = first["mode"] in {"wrong_amount", "wrong_currency"}
        return first["mode"] in UNCLEAR and not (operation is Operation.VOID and about_amounts)

    def strikes(self, operation: Operation) -> Iterator[dict[str, Any]]:
        """Give what to put in force for one operation; questions are told apart by the form of our references."""
        for mode in self.modes:
            yield {"operation": operation.value, "first": 1} | mode


@dataclass(frozen=True, slots=True)
class Case:
    """One payment of the matrix."""

    fault: Fault
    operation: Operation
    cascade: Cascade

    def __str__(self) -> str:
        return f"{self.fault.name}, {self.operation}, {self.cascade}"

    @property
    def amount(self) -> int:
        """Give the payment's amount."""
        return DECLINED_FIRST if self.cascade is Cascade.MIDWAY else AMOUNT

    @property
    def card(self) -> str:
        """Give the card's number."""
        return MASTERCARD if self.cascade is Cascade.MIDWAY else VISA


@dataclass(slots=True)
class Played:
    """What became of a case: the payment and refund as shown at the end, and all charges of it at all PSPs."""

    case: Case
    payment_id: str = ""
    refund_id: str = ""
    payment: dict[str, Any] = field(default_factory=dict)
    refund: dict[str, Any] = field(default_factory=dict)
    charges: list[dict[str, Any]] = field(default_factory=list)
    accounts: dict[str, str] = field(default_factory=dict)


def _mode(mode: str, delay_ms: int | None = None) -> dict[str, Any]:
    return {"mode": mode} | ({"delay_ms": delay_ms} if delay_ms is not None else {})


def _asked(mode: str, first: int = 1, delay_ms: int | None = None) -> dict[str, Any]:
    return _mode(mode, delay_ms) | {"operation": "sync", "first": first}


LOST: Final = _mode("reset_after")
#: After these nobody knows what was done.
UNCLEAR: Final = frozenset(
    {
        *("reset_before", "reset_after", "timeout_then_success", "slow", "trickle", "garbage", "html", "truncated"),
        *("server_error_before", "server_error_after", "wrong_amount", "wrong_currency", "wrong_reference"),
    }
)

FAULTS: Final = (
    Fault("no fault", End.DONE),
    # Clear answers that nothing was done.
    Fault("declined", End.DECLINED, (_mode("timeout_then_decline", 0),)),
    Fault("rate limited", End.TURNED_AWAY, (_mode("rate_limited", PAUSE_MS),)),
    Fault("not found", End.DECLINED, (_mode("not_found"),)),
    # Nothing leaves.
    Fault("refused", End.NOT_SENT, (_mode("refuse"),)),
    Fault("TLS fails", End.NOT_SENT),
    # No answer, or one too late.
    Fault("reset before", End.DONE, (_mode("reset_before"),)),
    Fault("reset after", End.DONE, (LOST,)),
    Fault("timeout, done", End.DONE, (_mode("timeout_then_success", TOO_LATE_MS),)),
    Fault("timeout, declined", End.DECLINED, (_mode("timeout_then_decline", TOO_LATE_MS),)),
    Fault("slow", End.DONE, (_mode("slow", TOO_LATE_MS),)),
    Fault("trickle", End.DONE, (_mode("trickle", TOO_LATE_MS),)),
    # Answers that can't be read, or are wrong, or come twice.
    Fault("garbage", End.DONE, (_mode("garbage"),)),
    Fault("web page", End.DONE, (_mode("html"),)),
    Fault("half an answer", End.DONE, (_mode("truncated"),)),
    Fault("server error before", End.DONE, (_mode("server_error_before"),)),
    Fault("server error after", End.DONE, (_mode("server_error_after"),)),
    Fault("wrong amount", End.DONE, (_mode("wrong_amount"),)),
    Fault("wrong currency", End.DONE, (_mode("wrong_currency"),)),
    Fault("wrong reference", End.DONE, (_mode("wrong_reference"),)),
    Fault("taken twice", End.DONE, (_mode("duplicate"),)),
    Fault("answered twice", End.DONE, (_mode("answered_twice"),)),
    # The answer is lost, and the questions about it are answered wrongly.
    Fault("hidden once", End.DONE, (LOST, _asked("not_found_then_found"))),
    Fault("hidden until the call is repeated", End.DONE, (LOST, _asked("not_found_then_found", 2))),
    Fault("hidden, then unclear", End.DONE, (_mode("reset_before"), _asked("server_error_after"))),
    Fault("unclear when asked", End.DONE, (LOST, _asked("server_error_before"))),
    Fault("silent when asked", End.DONE, (LOST, _asked("timeout_then_success", 1, TOO_LATE_TO_ASK_MS))),
    Fault("wrong amount when asked", End.DONE, (LOST, _asked("wrong_amount"))),
    Fault("web page when asked", End.DONE, (LOST, _asked("html"))),
    # Captures, voids and refunds are only acknowledged, and webhooks tell the rest.
    Fault("webhook first", End.DONE, dialect="adyen", webhooks="first"),
    Fault("webhook twice", End.DONE, dialect="adyen", webhooks="twice"),
    Fault("webhook late", End.DONE, dialect="adyen", webhooks="late"),
    Fault("webhooks reversed", End.DONE, dialect="adyen", webhooks="reversed"),
    Fault("webhook never", End.DONE, dialect="adyen", webhooks="missing"),
    Fault("lost, webhook first", End.DONE, (LOST,), dialect="adyen", webhooks="first"),
    Fault("lost, webhook late", End.DONE, (LOST,), dialect="adyen", webhooks="late"),
    # The PSP says that it has declined, and its webhook that it has not. Without the webhook nobody could know.
    Fault("denied", End.REVIEW, (_mode("denied"),), dialect="stripe", webhooks="late"),
)


def cases() -> Iterator[Case]:
    """Give the matrix: every fault, each operation, cascade off and on.

    The worker has a way of its own to authorize, so it is struck there too. What was authorized by it is no other than
    what a request has authorized: one fault of captures, voids and refunds stands for all.
    """
    for fault in FAULTS:
        for operation in fault.operations:
            yield Case(fault, operation, Cascade.OFF)
            yield Case(fault, operation, Cascade.ON)
            if operation is Operation.AUTHORIZE or fault.modes == (LOST,):
                yield Case(fault, operation, Cascade.MIDWAY)
