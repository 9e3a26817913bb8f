"""Captures, voids and refunds: begins the modification and drives its one call."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway_svc.application.budget import Budget
from gateway_svc.application.calls import MoneyCall
from gateway_svc.application.checks import require_optional_amount, require_texts
from gateway_svc.application.inline_driver import Answer, InlineDriver, State
from gateway_svc.application.ports import (
    Begun,
    DurableDriver,
    NewModification,
    Operation,
    PaymentStore,
    PspConnectors,
    View,
)
from gateway_svc.application.views import modification_of, payment_of
from gateway_svc.domain import core
from gateway_svc.domain.outcome import Outcome
from gateway_svc.domain.payment import AttemptStatus, ModificationKind, ModificationStatus
from mesh.identifiers import is_id, new_id
from mesh.reasons import Reason
from mesh.refusal import Refusal

_ID_PREFIXES: Final = MappingProxyType(
    {ModificationKind.CAPTURE: "cap", ModificationKind.VOID: "void", ModificationKind.REFUND: "ref"}
)
_MAY_BE_UNKNOWN: Final = frozenset(
    {
        Reason.PAYMENT_NOT_CAPTURABLE,
        Reason.PAYMENT_NOT_VOIDABLE,
        Reason.PAYMENT_NOT_REFUNDABLE,
        Reason.MODIFICATION_IN_PROGRESS,
    }
)
"""What a modification is refused with because of the payment's state, which may not be known yet."""

_FINAL_STATUSES: Final = frozenset({ModificationStatus.SUCCEEDED, ModificationStatus.FAILED})


@dataclass(frozen=True, slots=True)
class ModificationWish:
    """A capture, void or refund as a merchant asks for it.

    `amount` is in minor units of the payment's currency, None for all that is left; `final` is for captures alone, None
    for the default.
    """

    kind: ModificationKind
    payment_id: str
    amount: int | None = None
    final: bool | None = None
    reason: str = ""


class ModifyPayment:
    """The use case behind CapturePayment, VoidPayment and CreateRefund.

    Answers a capture or void with the payment, a refund with the refund. What is unknown about the payment and in the
    way is settled first, as far as half of the budget allows. A refusal has changed nothing, except that
    UNAVAILABLE and DEADLINE_EXCEEDED may stand for an operation that was begun: the same key tells.
    """

    __slots__ = ("_connectors", "_driver", "_durable", "_store")

    def __init__(
        self, *, driver: InlineDriver, store: PaymentStore, connectors: PspConnectors, durable: DurableDriver
    ) -> None:
        self._driver = driver
        self._store = store
        self._connectors = connectors
        self._durable = durable

    async def execute(self, call: MoneyCall, wish: ModificationWish) -> Answer:
        """Carry out the modification as far as the budget allows, or give the answer of an earlier call."""
        require_optional_amount(wish.amount)
        require_texts((("reason", wish.reason),))
        if not is_id("pay", wish.payment_id):
            raise Refusal(Reason.PAYMENT_NOT_FOUND, payment_id=wish.payment_id)
        budget = self._driver.budget(call.deadline)
        budget.require_begin()
        operation = call.operation(self._driver.lease_ms)
        new = NewModification(
            id=new_id(_ID_PREFIXES[wish.kind]),
            kind=wish.kind.value,
            payment_id=wish.payment_id,
            amount=wish.amount,
            final=wish.final,
            reason=wish.reason,
        )
        work = ModificationWork(self._store, self._connectors, self._durable, operation, new, budget)
        return await self._driver.drive(work, operation, budget)


class ModificationWork:
    """A capture, void or refund as the inline driver's work."""

    __slots__ = ("_budget", "_connectors", "_durable", "_new", "_operation", "_store")

    def __init__(
        self,
        store: PaymentStore,
        connectors: PspConnectors,
        durable: DurableDriver,
        operation: Operation,
        new: NewModification,
        budget: Budget,
    ) -> None:
        self._store = store
        self._connectors = connectors
        self._durable = durable
        self._operation = operation
        self._new = new
        self._budget = budget

    async def begin(self) -> Begun:
        """Begin the modification; when it is refused for what may be unknown, that is settled first."""
        try:
            return await self._store.begin_modification(self._operation, self._new)
        except Refusal as refusal:
            if refusal.reason not in _MAY_BE_UNKNOWN or not await self._settle_first():
                raise
        return await self._store.begin_modification(self._operation, self._new)

    def is_own(self, begun: Begun) -> bool:
        """Tell whether the key stands for the modification that this call wanted to begin."""
        return begun.modification is not None and begun.modification["id"] == self._new.id

    async def load(self, state: State) -> State:
        """Read the modification and its payment as they stand now."""
        modification, payment = await self._store.load_modification(_modification(state)["id"])
        return State(payment, modification)

    async def send(self, state: State, timeout_ms: int) -> Outcome:
        """Send the modification."""
        return await self._connectors.modify(modification_of(_modification(state)), timeout_ms=timeout_ms)

    async def record(self, state: State, outcome: Outcome) -> State:
        """Record what the outcome makes of the modification."""
        modification = modification_of(_modification(state))
        verdict = core.judge_modification(modification, outcome, asked=False)
        recorded, payment = await self._store.record_modification(modification.id, verdict, asked=False)
        return State(payment, recorded)

    async def hand_over(self, state: State, wait_ms: int) -> None:
        """Let the modification's workflow finish it."""
        await self._durable.settle_modification(_modification(state)["id"], wait_ms=wait_ms)

    def is_done(self, state: State) -> bool:
        """Tell whether the core has no next step for it."""
        return core.is_settled_modification(modification_of(_modification(state)))

    def is_final(self, state: State) -> bool:
        """Tell whether the modification succeeded or failed."""
        return _modification(state)["status"] in _FINAL_STATUSES

    def is_acknowledged(self, state: State) -> bool:
        """Tell whether the PSP tells the outcome later."""
        return bool(_modification(state)["status"] == ModificationStatus.PENDING)

    async def _settle_first(self) -> bool:
        """Wait for what is unknown about the payment; False when nothing is, or when an operator has it."""
        wait_ms = self._budget.remaining_ms() // 2
        payment = payment_of(await self._store.load_payment(self._new.payment_id))
        last = payment.attempts[-1] if payment.attempts else None
        if last is not None and last.status is AttemptStatus.UNKNOWN:
            if not payment.under_review:
                await self._durable.settle_payment(payment.id, wait_ms=wait_ms)
            return not payment.under_review
        for kind in ModificationKind:
            found = await self._store.find_open_modification(payment.id, kind.value, None, "")
            view = None if found is None else await self._store.find_modification(found)
            if view is not None and view["status"] == ModificationStatus.UNKNOWN and not view["under_review"]:
                await self._durable.settle_modification(view["id"], wait_ms=wait_ms)
                return True
        return False

    def answer(self, state: State) -> View:
        """Give the refund, or the payment that was captured or voided."""
        return _modification(state) if self._new.kind == ModificationKind.REFUND else state.payment


def _modification(state: State) -> View:
    if state.modification is None:
        message = "a modification came without its own view"
        raise LookupError(message)
    return state.modification
