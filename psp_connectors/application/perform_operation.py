"""The one use case: put an operation to a PSP account and say what came of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from psp_connectors.application.access_tokens import AccessTokens, CredentialsRefused, TokenUnavailable
from psp_connectors.application.gates import Gates, Refused
from psp_connectors.application.orders import AuthorizationOrder, CardOrder, VerificationOrder
from psp_connectors.application.ports import (
    Accounts,
    CrashPoints,
    HttpSender,
    Observer,
    Performed,
    TokenUnusable,
    TokenUsed,
    Vault,
    VaultUnavailable,
)
from psp_connectors.application.unsettled_cards import UnsettledCards
from psp_connectors.domain.breaker import BreakerLimits
from psp_connectors.domain.cards import Card
from psp_connectors.domain.challenges import without_shopper
from psp_connectors.domain.connector import NO_TOKEN, Account, Connector, Unsendable
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.eligibility import reason_against
from psp_connectors.domain.guard import settle
from psp_connectors.domain.http import (
    Delivery,
    HttpRequest,
    HttpResponse,
    NotSent,
    NotSentReason,
    Unanswered,
    UnansweredReason,
)
from psp_connectors.domain.operations import CardlessOperation, CardOperation, Operation, Sync, kind_of, name_of
from psp_connectors.domain.outcomes import CallCode, Outcome, OutcomeKind, declined, not_sent, unknown

__all__ = ["AFTER_SEND", "BEFORE_SEND", "AuthorizationOrder", "PerformOperation", "VerificationOrder"]

BEFORE_SEND: Final = "connectors.before_send"
AFTER_SEND: Final = "connectors.after_send"

_UNAUTHORIZED: Final = 401
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
class Runtime:
    """What the use case runs on. `clock` is monotonic, `wall_clock` counts from the epoch, both in seconds.

    `reserve_seconds` is kept back of every call's time, so that an outcome still reaches the caller.
    """

    sender: HttpSender
    crash_points: CrashPoints
    observer: Observer
    clock: Callable[[], float]
    breaker_limits: BreakerLimits
    reserve_seconds: float
    wall_clock: Callable[[], float] = time.time


class PerformOperation:
    """Puts operations to PSP accounts. Every call ends in an outcome; nothing is ever sent twice by itself.

    An action of which provably nothing reached the PSP is NOT_SENT. A sync never is: whatever keeps the question from
    being asked or answered, what it asks about stays UNKNOWN.
    """

    def __init__(
        self, *, accounts: Accounts, connectors: Mapping[str, Connector], vault: Vault, runtime: Runtime
    ) -> None:
        self._accounts = accounts
        self._connectors = connectors
        self._vault = vault
        self._runtime = runtime
        self._clock = runtime.clock
        self._gates = Gates(runtime.breaker_limits, runtime.clock, runtime.wall_clock)
        self._tokens = AccessTokens(runtime.sender, runtime.clock)
        self._unsettled = UnsettledCards(runtime.clock)

    async def authorize(self, account_name: str, order: AuthorizationOrder, deadline: float) -> Outcome:
        """Get the card from the vault and ask for the authorization; `deadline` in seconds of the clock."""
        return await self._on_card(account_name, order, deadline)

    async def verify(self, account_name: str, order: VerificationOrder, deadline: float) -> Outcome:
        """Get the card from the vault and ask whether it is good; `deadline` in seconds of the clock."""
        return await self._on_card(account_name, order, deadline)

    async def perform(self, account_name: str, operation: CardlessOperation, deadline: float) -> Outcome:
        """Ask for an operation that needs no card; `deadline` in seconds of the clock."""
        started = self._clock()
        account = self._accounts.get(account_name)
        if account is None:
            outcome = not_sent(CallCode.ACCOUNT_NOT_CONFIGURED)
        else:
            outcome = await self._put(account, operation, deadline - self._runtime.reserve_seconds)
        if isinstance(operation, Sync) and outcome.kind is OutcomeKind.NOT_SENT:
            outcome = unknown(CallCode(outcome.code), "the question could not be asked")
        self._tell(account_name, account, name_of(operation), operation.reference, outcome, started)
        return outcome

    def forget_expired(self) -> int:
        """Drop what is remembered of card operations for too long; gives how many are left."""
        return self._unsettled.forget_expired()

    async def close(self) -> None:
        """Give up what is under way beside the calls."""
        await self._tokens.close()

    async def _on_card(self, account_name: str, order: CardOrder, deadline: float) -> Outcome:
        started = self._clock()
        account = self._accounts.get(account_name)
        if account is None or account.merchant_id not in {"", order.merchant_id}:
            # Another merchant's account does not exist for this one.
            outcome = not_sent(CallCode.ACCOUNT_NOT_CONFIGURED)
        elif account.disabled and not order.repetition:
            outcome = not_sent(CallCode.ACCOUNT_DISABLED)
        else:
            outcome = await self._with_card(account, order, deadline - self._runtime.reserve_seconds)
        self._tell(account_name, account, order.kind.value, order.reference, outcome, started)
        return outcome

    async def _with_card(self, account: Account, order: CardOrder, deadline: float) -> Outcome:
        remembered = self._unsettled.recall(account.name, order.idempotency_key) if order.repetition else None
        if remembered is not None:
            return await self._put_card(account, remembered, deadline, repetition=True)
        refusal = self._refusal(account, order) or self._gates.of(account).refuses()
        if refusal is not None:
            return refusal
        try:
            card = await self._card_for(order, deadline)
        except Refused as refused:
            return refused.outcome
        refusal = self._refusal(account, order, card.summary.brand) or _refusal_without_code(order, card)
        if refusal is not None:
            return refusal
        return await self._put_card(account, order.operation(card), deadline, repetition=order.repetition)

    async def _card_for(self, order: CardOrder, deadline: float) -> Card:
        """Get the card from the vault; raises Refused."""
        try:
            return await self._vault.card_of(
                merchant_id=order.merchant_id, token=order.token, payment_id=order.payment_id, deadline=deadline
            )
        except TokenUsed:
            raise Refused(not_sent(CallCode.TOKEN_USED)) from None
        except TokenUnusable:
            raise Refused(not_sent(CallCode.TOKEN_UNUSABLE)) from None
        except VaultUnavailable:
            raise Refused(not_sent(CallCode.VAULT_UNAVAILABLE)) from None

    def _refusal(self, account: Account, order: CardOrder, brand: str = "") -> Outcome | None:
        capabilities = self._connectors[account.connector].capabilities
        against = reason_against(account, capabilities, order.kind, order.money, brand=brand)
        return not_sent(*against) if against is not None else None

    async def _put_card(
        self, account: Account, operation: CardOperation, deadline: float, *, repetition: bool
    ) -> Outcome:
        # Kept before it is sent: a caller who hangs up must not take with them what a repetition needs.
        self._unsettled.keep(account.name, operation)
        outcome = await self._put(account, operation, deadline)
        if _is_settled(outcome, repetition=repetition):
            self._unsettled.forget(account.name, operation.idempotency_key)
        return outcome

    async def _put(self, account: Account, operation: Operation, deadline: float) -> Outcome:
        connector = self._connectors[account.connector]
        against = reason_against(account, connector.capabilities, kind_of(operation), operation=operation)
        if against is not None:
            return not_sent(*against)
        delivery: Delivery = NotSent(NotSentReason.NO_TIME)
        try:
            passage = await self._gates.of(account).enter(deadline)
        except Refused as refused:
            return refused.outcome
        with passage.watching(lambda: delivery):
            try:
                authorized = await self._authorized(connector, account, deadline)
                request = self._built(connector, operation, authorized)
                delivery = await self._deliver(account, request, deadline)
                if _was_refused(delivery, authorized):
                    # Refused at the door, so nothing was done: once more with a token that is new.
                    self._tokens.discard(account.name, authorized.access_token)
                    authorized = await self._authorized(connector, account, deadline)
                    delivery = await self._deliver(account, self._built(connector, operation, authorized), deadline)
            except Refused as refused:
                return refused.outcome
        return self._meaning(connector, account, operation, delivery)

    async def _authorized(self, connector: Connector, account: Account, deadline: float) -> Account:
        """Give the account with an access token where its PSP wants one; raises Refused."""
        if connector.grant is None:
            return account
        try:
            token = await self._tokens.token_for(account, connector.grant, deadline)
        except CredentialsRefused:
            raise Refused(not_sent(CallCode.CREDENTIALS_REFUSED, "the PSP gives no access token")) from None
        except TokenUnavailable:
            raise Refused(not_sent(CallCode.PSP_UNAVAILABLE, "no access token could be had")) from None
        return replace(account, access_token=token)

    def _built(self, connector: Connector, operation: Operation, account: Account) -> HttpRequest:
        try:
            return connector.build(operation, account)
        except Unsendable as refusal:
            raise Refused(not_sent(refusal.code, refusal.detail)) from None
        except Exception as error:  # noqa: BLE001 - nothing is out yet, and the caller must be told so
            self._runtime.observer.misbehaved(account.name, name_of(operation), error)
            raise Refused(not_sent(CallCode.CONNECTOR_FAULT, "the connector could not build the request")) from None

    async def _deliver(self, account: Account, request: HttpRequest, deadline: float) -> Delivery:
        await self._runtime.crash_points.reach(BEFORE_SEND)
        delivery = await self._runtime.sender.send(account, request, deadline)
        await self._runtime.crash_points.reach(AFTER_SEND)
        return delivery

    def _meaning(self, connector: Connector, account: Account, operation: Operation, delivery: Delivery) -> Outcome:
        if isinstance(delivery, NotSent):
            return not_sent(_NOT_SENT_CODES[delivery.reason], delivery.reason.value)
        if isinstance(delivery, Unanswered):
            return unknown(_UNANSWERED_CODES[delivery.reason], "sent, and no complete answer came")
        try:
            outcome = connector.parse(operation, delivery)
        except Exception as error:  # noqa: BLE001 - the request is out: whatever the connector did, it is UNKNOWN
            self._runtime.observer.misbehaved(account.name, name_of(operation), error)
            return unknown(CallCode.UNREADABLE_ANSWER, "the connector could not read the answer")
        outcome = without_shopper(connector.capabilities, operation, settle(operation, outcome))
        if outcome.kind is not OutcomeKind.PENDING:
            return outcome
        seconds = connector.capabilities.operations[kind_of(operation)].settles_within_seconds
        return replace(outcome, expected_within_seconds=seconds)

    def _tell(
        self, name: str, account: Account | None, operation: str, reference: str, outcome: Outcome, started: float
    ) -> None:
        self._runtime.observer.performed(
            Performed(
                account=name,
                psp=account.connector if account is not None else "",
                operation=operation,
                reference=reference,
                kind=outcome.kind.value,
                code=outcome.code,
                unmapped_code=outcome.raw_code if outcome.unmapped else "",
                duration_ms=round((self._clock() - started) * 1000, 3),
            )
        )


def _refusal_without_code(order: CardOrder, card: Card) -> Outcome | None:
    """Decline what the merchant wants no PSP to be asked for without the card's code; None when nothing is missing.

    A repetition goes out as it is: the first call may have reached the PSP with the code, and must be settled.
    """
    required = isinstance(order, AuthorizationOrder) and order.code_required and not order.repetition
    if not required or card.code:
        return None
    return declined(DeclineCode.CVC_REQUIRED, "the vault has no code of the card to give any more")


def _is_settled(outcome: Outcome, *, repetition: bool) -> bool:
    """Tell whether no repetition can follow: after an earlier call a refusal of this very one says nothing of that."""
    match outcome.kind:
        case OutcomeKind.APPROVED | OutcomeKind.PENDING:
            return True
        case OutcomeKind.DECLINED:
            return bool(outcome.psp_reference) or not repetition
        case OutcomeKind.NOT_SENT:
            return not repetition
        case _:
            return False


def _was_refused(delivery: Delivery, account: Account) -> bool:
    """Tell whether the PSP did not take the access token that a request bore."""
    unauthorized = isinstance(delivery, HttpResponse) and delivery.status == _UNAUTHORIZED
    return unauthorized and account.access_token != NO_TOKEN
