"""Creates a payment: checks it, picks the PSP accounts, and drives its first attempt."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gateway_svc.application.agreements import require_agreement, require_authentication
from gateway_svc.application.budget import Budget
from gateway_svc.application.calls import MoneyCall
from gateway_svc.application.checks import require_metadata, require_texts, require_token
from gateway_svc.application.inline_driver import Answer, InlineDriver, State
from gateway_svc.application.keep_tokens import TellAtOnce
from gateway_svc.application.ports import (
    Begun,
    CardTokens,
    DescribedToken,
    DurableDriver,
    NewPayment,
    Operation,
    PaymentStore,
    PspConnectors,
    Router,
    ToRoute,
    View,
)
from gateway_svc.application.return_urls import require_return_url, require_way_back
from gateway_svc.application.views import payment_of
from gateway_svc.domain import core
from gateway_svc.domain.eligibility import Charge, second_look
from gateway_svc.domain.outcome import Outcome
from gateway_svc.domain.payment import AttemptStatus, CaptureMethod, PaymentStatus, ThreeDsPreference
from gateway_svc.domain.routing import RouteDecision, preference_of
from gateway_svc.domain.shopper_action import SHOPPER_SECONDS
from gateway_svc.domain.stored_credentials import Initiator, StoredCredential, initiator_of
from gateway_svc.domain.three_ds import Exemption, ThreeDsResult, ThreeDsState
from mesh.identifiers import new_id
from mesh.money import require_amount
from mesh.reasons import Reason
from mesh.refusal import Refusal

_REASONS_TOLD: Final = 3


@dataclass(frozen=True, slots=True)
class PaymentWish:
    """A payment as a merchant asks for it; `amount` in minor units of `currency`."""

    amount: int
    currency: str
    token: str
    exponent: int | None = None
    capture_method: CaptureMethod = CaptureMethod.AUTOMATIC
    merchant_reference: str = ""
    description: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    statement_descriptor: str = ""
    store_card: bool = False
    stored_credential: StoredCredential | None = None
    three_ds: ThreeDsResult | None = None
    exemption: Exemption | None = None
    return_url: str = field(default="", repr=False)


class CreatePayment:
    """The use case behind CreatePayment.

    A refusal has changed nothing, except that UNAVAILABLE and DEADLINE_EXCEEDED may stand for a payment that was begun:
    the same key tells. A decline is no refusal.
    """

    __slots__ = ("_action_seconds", "_connectors", "_driver", "_durable", "_router", "_store", "_tell", "_tokens")

    def __init__(
        self,
        *,
        driver: InlineDriver,
        store: PaymentStore,
        tokens: CardTokens,
        router: Router,
        connectors: PspConnectors,
        durable: DurableDriver,
        tell: TellAtOnce,
        action_seconds: int = SHOPPER_SECONDS,
    ) -> None:
        """Give a shopper `action_seconds` when a PSP wants something of them."""
        self._action_seconds = action_seconds
        self._driver = driver
        self._store = store
        self._tokens = tokens
        self._router = router
        self._connectors = connectors
        self._durable = durable
        self._tell = tell

    async def execute(self, call: MoneyCall, wish: PaymentWish) -> Answer:
        """Create the payment and give it as far as it came within the budget, or the answer of an earlier call."""
        _check(wish)
        budget = self._driver.budget(call.deadline)
        operation = call.operation(self._driver.lease_ms)
        payment_id = new_id("pay")
        try:
            token = await self._tokens.describe(merchant_id=call.merchant_id, token=wish.token)
            require_authentication(wish.stored_credential, wish.three_ds, str(token.card.get("brand") or ""))
            decision = await self._decide(call.merchant_id, payment_id, wish, token.card)
            budget.require_begin()
        except Refusal:
            known = await self._answer_known(operation, budget)
            if known is None:
                raise
            return known
        answer = await self._driver.drive(
            self._work(operation, self._new_payment(payment_id, wish, token, decision)), operation, budget
        )
        if not answer.replayed:
            await self._tell.after(answer.view, budget.remaining_ms())
        return answer

    async def _decide(
        self, merchant_id: str, payment_id: str, wish: PaymentWish, card: Mapping[str, Any]
    ) -> RouteDecision:
        """Ask the router, and leave out the accounts that can't take the payment.

        Refuses with PAYMENT_BLOCKED when a rule sends it nowhere, with NO_ELIGIBLE_ACCOUNT when no account is left, and
        with INVALID_FIELD when a rule requires 3-D Secure and the shopper could not come back.
        """
        decision = await self._router.route(
            ToRoute(
                merchant_id,
                payment_id,
                wish.amount,
                wish.currency,
                card,
                wish.metadata,
                initiator=initiator_of(wish.stored_credential),
                three_ds=ThreeDsState.NONE if wish.three_ds is None else ThreeDsState.EXTERNAL,
            )
        )
        if decision.blocked:
            raise Refusal(Reason.PAYMENT_BLOCKED, rule=decision.rule, detail=decision.blocked)
        charge = Charge(merchant_id, wish.amount, wish.currency, str(card.get("brand") or ""))
        decision = second_look(decision, self._connectors.takes(), charge)
        if not decision.to_try():
            raise Refusal(Reason.NO_ELIGIBLE_ACCOUNT, detail=_why_none(decision))
        if _preference(wish, decision) is ThreeDsPreference.CHALLENGE:
            require_way_back(wish.return_url, decision.rule)
        return decision.recorded()

    async def _answer_known(self, operation: Operation, budget: Budget) -> Answer | None:
        """Answer for a key that is not new: a replay depends neither on the vault nor on the router."""
        return await self._driver.answer_known(self._work(operation, None), operation, budget)

    def _work(self, operation: Operation, new: NewPayment | None) -> "PaymentWork":
        return PaymentWork(self._store, self._connectors, self._durable, operation, new)

    def _new_payment(
        self, payment_id: str, wish: PaymentWish, token: DescribedToken, decision: RouteDecision
    ) -> NewPayment:
        return NewPayment(
            id=payment_id,
            amount=wish.amount,
            currency=wish.currency,
            capture_method=wish.capture_method.value,
            token=wish.token,
            card=token.card,
            merchant_reference=wish.merchant_reference,
            description=wish.description,
            metadata=wish.metadata,
            statement_descriptor=wish.statement_descriptor,
            candidates=decision.to_try(),
            store_card=wish.store_card,
            card_on_file=token.on_file,
            fingerprint=token.fingerprint,
            three_ds_preference=_preference(wish, decision),
            decision=decision,
            stored_credential=wish.stored_credential,
            three_ds=wish.three_ds,
            exemption=wish.exemption,
            return_url=wish.return_url,
            action_seconds=self._action_seconds,
        )


class PaymentWork:
    """A payment as the inline driver's work; without `new` one that was begun before."""

    __slots__ = ("_connectors", "_durable", "_new", "_operation", "_store")

    def __init__(
        self,
        store: PaymentStore,
        connectors: PspConnectors,
        durable: DurableDriver,
        operation: Operation,
        new: NewPayment | None,
    ) -> None:
        self._store = store
        self._connectors = connectors
        self._durable = durable
        self._operation = operation
        self._new = new

    async def begin(self) -> Begun:
        """Begin the payment with its first attempt."""
        return await self._store.begin_payment(self._operation, self._required_new())

    def is_own(self, begun: Begun) -> bool:
        """Tell whether the key stands for the payment that this call wanted to begin."""
        return begun.payment is not None and begun.payment["id"] == self._required_new().id

    async def load(self, state: State) -> State:
        """Read the payment as it stands now."""
        return State(await self._store.load_payment(state.payment["id"]))

    async def send(self, state: State, timeout_ms: int) -> Outcome:
        """Send the first attempt."""
        # The record gives no cryptogram away: this call has the one that it was asked with.
        payment = replace(payment_of(state.payment), three_ds=self._required_new().three_ds)
        return await self._connectors.authorize(payment, payment.attempts[-1], timeout_ms=timeout_ms)

    async def record(self, state: State, outcome: Outcome) -> State:
        """Record what the outcome makes of the first attempt."""
        payment = payment_of(state.payment)
        attempt = payment.attempts[-1]
        verdict = core.judge_attempt(payment, attempt, outcome, asked=False)
        return State(await self._store.record_attempt(payment.id, attempt.id, verdict, asked=False))

    async def hand_over(self, state: State, wait_ms: int) -> None:
        """Let the payment's workflow finish it."""
        await self._durable.settle_payment(state.payment["id"], wait_ms=wait_ms)

    def is_done(self, state: State) -> bool:
        """Tell whether the core has no next step for it."""
        return core.is_settled(payment_of(state.payment))

    def is_final(self, state: State) -> bool:
        """Tell whether the payment has ended, or is authorized."""
        return PaymentStatus(state.payment["status"]) not in core.OPEN_PAYMENTS

    def is_acknowledged(self, state: State) -> bool:
        """Tell whether the last attempt's PSP tells the outcome later, or waits for the shopper."""
        return bool(state.payment["attempts"][-1]["status"] in {AttemptStatus.PENDING, AttemptStatus.ACTION_REQUIRED})

    def answer(self, state: State) -> View:
        """Give the payment."""
        return state.payment

    def _required_new(self) -> NewPayment:
        if self._new is None:
            message = "this payment was begun by another call"
            raise LookupError(message)
        return self._new


def _check(wish: PaymentWish) -> None:
    require_amount(wish.amount, wish.currency, wish.exponent)
    require_texts(
        (
            ("description", wish.description),
            ("merchant_reference", wish.merchant_reference),
            ("statement_descriptor", wish.statement_descriptor),
        )
    )
    if wish.metadata:
        require_metadata(wish.metadata)
    require_token(wish.token)
    require_agreement(wish.stored_credential, wish.three_ds, wish.exemption)
    require_return_url(wish.return_url)


def _preference(wish: PaymentWish, decision: RouteDecision) -> ThreeDsPreference:
    may_challenge = wish.three_ds is None and initiator_of(wish.stored_credential) is Initiator.CUSTOMER
    return preference_of(decision.step_up, may_challenge=may_challenge)


def _why_none(decision: RouteDecision) -> str:
    if not decision.candidates:
        return "the merchant has no PSP accounts."
    told = [f"{each.account}: {each.reason}" for each in decision.candidates[:_REASONS_TOLD]]
    more = len(decision.candidates) - len(told)
    return "; ".join(told) + (f" (and {more} more)" if more else "")
