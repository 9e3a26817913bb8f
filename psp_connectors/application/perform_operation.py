"""The one use case: put an operation to a PSP account and say what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mesh.money import Money
from psp_connectors.application.ports import (
    CrashPoints,
    HttpSender,
    Observer,
    Performed,
    TokenUnusable,
    Vault,
    VaultUnavailable,
)
from psp_connectors.domain.breaker import Breaker, BreakerLimits, Permit
from psp_connectors.domain.capabilities import AskBy, Capabilities
from psp_connectors.domain.cards import Card
from psp_connectors.domain.connector import Account, Connector, Unsendable
from psp_connectors.domain.details import NO_DETAILS, PaymentDetails
from psp_connectors.domain.guard import settle
from psp_connectors.domain.http import Delivery, HttpRequest, NotSent, NotSentReason, Unanswered, UnansweredReason
from psp_connectors.domain.operations import (
    Authorization,
    CardlessOperation,
    Operation,
    OperationKind,
    Sync,
    Verification,
    kind_of,
    name_of,
)
from psp_connectors.domain.outcomes import CallCode, Outcome, OutcomeKind, not_sent, unknown

BEFORE_SEND: Final = "connectors.before_send"
AFTER_SEND: Final = "connectors.after_send"

_NOT_SENT_CODES: Final = {
    NotSentReason.CONNECT_FAILED: CallCode.PSP_UNAVAILABLE,
    NotSentReason.POOL_EXHAUSTED: CallCode.CONNECTIONS_EXHAUSTED,
    NotSentReason.NO_TIME: CallCode.DEADLINE_TOO_SHORT,
}
_UNANSWERED_CODES: Final = {
    UnansweredReason.TIMEOUT: CallCode.PSP_TIMEOUT,
    UnansweredReason.CONNECTION_LOST: CallCode.CONNECTION_LOST,
    UnansweredReason.TOO_LARGE: CallCode.ANSWER_TOO_LARGE,
    UnansweredReason.UNREADABLE: CallCode.UNREADABLE_ANSWER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationOrder:
    """An authorization as the gateway asks for it: with a token where the PSP needs a card."""

    reference: str
    idempotency_key: str
    merchant_id: str
    token: str
    payment_id: str
    amount: Money
    capture: bool
    statement_descriptor: str = ""
    details: PaymentDetails = NO_DETAILS

    def operation(self, card: Card) -> Authorization:
        """Give the operation for the card behind the token."""
        return Authorization(
            reference=self.reference,
            idempotency_key=self.idempotency_key,
            amount=self.amount,
            capture=self.capture,
            card=card,
            statement_descriptor=self.statement_descriptor,
            details=self.details,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationOrder:
    """A verification as the gateway asks for it."""

    reference: str
    idempotency_key: str
    merchant_id: str
    token: str
    payment_id: str
    currency: str
    details: PaymentDetails = NO_DETAILS

    def operation(self, card: Card) -> Verification:
        """Give the operation for the card behind the token."""
        return Verification(
            reference=self.reference,
            idempotency_key=self.idempotency_key,
            currency=self.currency,
            card=card,
            details=self.details,
        )


CardOrder = AuthorizationOrder | VerificationOrder


class PerformOperation:
    """Puts operations to PSP accounts. Every call ends in an outcome; nothing is ever sent twice.

    An action of which provably nothing reached the PSP is NOT_SENT. A sync never is: whatever keeps the question from
    being asked or answered, what it asks about stays UNKNOWN.
    """

    def __init__(
        self,
        *,
        accounts: Mapping[str, Account],
        connectors: Mapping[str, Connector],
        vault: Vault,
        sender: HttpSender,
        crash_points: CrashPoints,
        observer: Observer,
        clock: Callable[[], float],
        breaker_limits: BreakerLimits,
        reserve_seconds: float,
    ) -> None:
        self._accounts = accounts
        self._connectors = connectors
        self._vault = vault
        self._sender = sender
        self._crash_points = crash_points
        self._observer = observer
        self._clock = clock
        self._breakers = {name: Breaker(breaker_limits) for name in accounts}
        self._reserve_seconds = reserve_seconds

    async def authorize(self, account_name: str, order: AuthorizationOrder, deadline: float) -> Outcome:
        """Get the card from the vault and ask for the authorization; `deadline` in seconds of the clock."""
        return await self._on_card(account_name, order, OperationKind.AUTHORIZE, deadline)

    async def verify(self, account_name: str, order: VerificationOrder, deadline: float) -> Outcome:
        """Get the card from the vault and ask whether it is good; `deadline` in seconds of the clock."""
        return await self._on_card(account_name, order, OperationKind.VERIFY, deadline)

    async def perform(self, account_name: str, operation: CardlessOperation, deadline: float) -> Outcome:
        """Ask for an operation that needs no card; `deadline` in seconds of the clock."""
        started = self._clock()
        account = self._accounts.get(account_name)
        if account is None:
            outcome = not_sent(CallCode.ACCOUNT_NOT_CONFIGURED)
        else:
            outcome = await self._put(account, operation, deadline - self._reserve_seconds)
        if isinstance(operation, Sync) and outcome.kind is OutcomeKind.NOT_SENT:
            outcome = unknown(CallCode(outcome.code), "the question could not be asked")
        self._tell(account_name, name_of(operation), operation.reference, outcome, started)
        return outcome

    async def _on_card(self, account_name: str, order: CardOrder, kind: OperationKind, deadline: float) -> Outcome:
        started = self._clock()
        outcome = await self._with_card(account_name, order, deadline - self._reserve_seconds)
        self._tell(account_name, kind.value, order.reference, outcome, started)
        return outcome

    async def _with_card(self, account_name: str, order: CardOrder, deadline: float) -> Outcome:
        account = self._accounts.get(account_name)
        if account is None:
            return not_sent(CallCode.ACCOUNT_NOT_CONFIGURED)
        if not self._breakers[account_name].permits(self._clock()):
            return not_sent(CallCode.PSP_UNAVAILABLE, "the breaker is open")
        try:
            card = await self._vault.card_of(
                merchant_id=order.merchant_id, token=order.token, payment_id=order.payment_id, deadline=deadline
            )
        except TokenUnusable:
            return not_sent(CallCode.TOKEN_UNUSABLE)
        except VaultUnavailable:
            return not_sent(CallCode.VAULT_UNAVAILABLE)
        return await self._put(account, order.operation(card), deadline)

    async def _put(self, account: Account, operation: Operation, deadline: float) -> Outcome:
        connector = self._connectors[account.connector]
        if not _is_supported(connector.capabilities, operation):
            return not_sent(CallCode.OPERATION_NOT_SUPPORTED)
        try:
            request = connector.build(operation, account)
        except Unsendable as refusal:
            return not_sent(refusal.code, refusal.detail)
        except Exception as error:  # noqa: BLE001 - nothing is out yet, and the caller must be told so
            self._observer.misbehaved(account.name, name_of(operation), error)
            return not_sent(CallCode.CONNECTOR_FAULT, "the connector could not build the request")
        breaker = self._breakers[account.name]
        permit = breaker.begin(self._clock())
        if permit is None:
            return not_sent(CallCode.PSP_UNAVAILABLE, "the breaker is open")
        delivery = await self._deliver(account, request, deadline, breaker, permit)
        return self._meaning(connector, account, operation, delivery)

    async def _deliver(
        self, account: Account, request: HttpRequest, deadline: float, breaker: Breaker, permit: Permit
    ) -> Delivery:
        """Send, and tell the breaker, which must learn of a cancelled call too."""
        delivery: Delivery = NotSent(NotSentReason.NO_TIME)
        try:
            await self._crash_points.reach(BEFORE_SEND)
            delivery = await self._sender.send(account, request, deadline)
            await self._crash_points.reach(AFTER_SEND)
        finally:
            if not isinstance(delivery, NotSent):
                breaker.reached()
            elif delivery.reason is NotSentReason.CONNECT_FAILED:
                breaker.failed(permit, self._clock())
            else:
                breaker.abandoned(permit)
        return delivery

    def _meaning(self, connector: Connector, account: Account, operation: Operation, delivery: Delivery) -> Outcome:
        if isinstance(delivery, NotSent):
            return not_sent(_NOT_SENT_CODES[delivery.reason], delivery.reason.value)
        if isinstance(delivery, Unanswered):
            return unknown(_UNANSWERED_CODES[delivery.reason], "sent, and no complete answer came")
        try:
            outcome = connector.parse(operation, delivery)
        except Exception as error:  # noqa: BLE001 - the request is out: whatever the connector did, the outcome is UNKNOWN
            self._observer.misbehaved(account.name, name_of(operation), error)
            return unknown(CallCode.UNREADABLE_ANSWER, "the connector could not read the answer")
        return settle(operation, outcome)

    def _tell(self, account: str, operation: str, reference: str, outcome: Outcome, started: float) -> None:
        self._observer.performed(
            Performed(
                account=account,
                operation=operation,
                reference=reference,
                kind=outcome.kind.value,
                code=outcome.code,
                unmapped_code=outcome.raw_code if outcome.unmapped else "",
                duration_ms=round((self._clock() - started) * 1000, 3),
            )
        )


def _is_supported(capabilities: Capabilities, operation: Operation) -> bool:
    """Tell whether the PSP has the operation, or can be asked by what is known of it."""
    capability = capabilities.operations.get(kind_of(operation))
    if capability is None or not isinstance(operation, Sync):
        return capability is not None
    known = {
        AskBy.REFERENCE: True,
        AskBy.PSP_REFERENCE: bool(operation.psp_reference),
        AskBy.PAYMENT: bool(operation.payment_psp_reference),
    }
    return any(known[what] for what in capability.ask_by)
