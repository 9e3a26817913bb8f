"""Reads a merchant's payments and refunds, one by one or page by page."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway_svc.application import page_tokens
from gateway_svc.application.checks import require_texts
from gateway_svc.application.page_tokens import Position, Scope
from gateway_svc.application.ports import PaymentStore, View
from gateway_svc.application.views import payment_of
from gateway_svc.domain.payment import Payment, PaymentStatus
from gateway_svc.domain.routing import RoutedAccount, RouteDecision
from gateway_svc.domain.routing_explained import ExplainedRouting, explain
from mesh.identifiers import is_id
from mesh.reasons import Reason
from mesh.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `next_token` is empty on the last one."""

    views: Sequence[View]
    next_token: str


@dataclass(frozen=True, slots=True)
class PaymentFilters:
    """Which payments to list; None or empty filters nothing. Times in microseconds since the epoch."""

    status: PaymentStatus | None = None
    merchant_reference: str = ""
    currency: str = ""
    created_from_us: int | None = None
    created_before_us: int | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """A payment's decision and its explanation; without `complete`, the decision is only what the payment tells."""

    payment: Payment
    decision: RouteDecision
    explained: ExplainedRouting
    complete: bool


class ReadPayments:
    """The use cases behind GetPayment, ExplainRouting, ListPayments, GetRefund and ListRefunds.

    A merchant sees its own only.
    """

    __slots__ = ("_store",)

    def __init__(self, store: PaymentStore) -> None:
        self._store = store

    async def payment(self, merchant_id: str, payment_id: str) -> View:
        """Give a payment; refuses with PAYMENT_NOT_FOUND, another merchant's included."""
        if not is_id("pay", payment_id):
            raise Refusal(Reason.PAYMENT_NOT_FOUND, payment_id=payment_id)
        return await self._store.get_payment(merchant_id, payment_id)

    async def routing(self, merchant_id: str, payment_id: str) -> Routing:
        """Explain why a payment went where it went; refuses with PAYMENT_NOT_FOUND, another merchant's included."""
        if not is_id("pay", payment_id):
            raise Refusal(Reason.PAYMENT_NOT_FOUND, payment_id=payment_id)
        view, recorded = await self._store.get_routing(merchant_id, payment_id)
        payment = payment_of(view)
        decision = recorded or _decision_from(payment)
        code = view["decline"]["code"] if view["decline"] else ""
        return Routing(payment, decision, explain(payment, decision, code), complete=recorded is not None)

    async def payments(self, merchant_id: str, filters: PaymentFilters, page_size: int, token: str) -> Page:
        """Give a page of payments, newest first; refuses with INVALID_PAGE_TOKEN a token of other filters."""
        require_texts((("merchant_reference", filters.merchant_reference),))
        scope = (
            "payments",
            merchant_id,
            filters.status.value if filters.status else None,
            filters.merchant_reference,
            filters.currency,
            filters.created_from_us,
            filters.created_before_us,
        )
        position = page_tokens.decode(scope, token)
        size = page_tokens.page_size_of(page_size)
        views = await self._store.list_payments(
            merchant_id,
            {
                "status": filters.status.value if filters.status else None,
                "merchant_reference": filters.merchant_reference or None,
                "currency": filters.currency or None,
                "created_from_us": filters.created_from_us,
                "created_before_us": filters.created_before_us,
                "before_us": position.before_us if position else None,
                "before_id": position.before_id if position else None,
            },
            size + 1,
        )
        return page_of(scope, views, size)

    async def refund(self, merchant_id: str, refund_id: str) -> View:
        """Give a refund; refuses with REFUND_NOT_FOUND, another merchant's included."""
        if not is_id("ref", refund_id):
            raise Refusal(Reason.REFUND_NOT_FOUND, refund_id=refund_id)
        return await self._store.get_refund(merchant_id, refund_id)

    async def refunds(self, merchant_id: str, payment_id: str, page_size: int, token: str) -> Page:
        """Give a page of refunds, newest first: of one payment, or of all when `payment_id` is empty.

        Refuses with PAYMENT_NOT_FOUND, and with INVALID_PAGE_TOKEN a token of another list.
        """
        if payment_id:
            await self.payment(merchant_id, payment_id)
        scope = ("refunds", merchant_id, payment_id)
        position = page_tokens.decode(scope, token)
        size = page_tokens.page_size_of(page_size)
        views = await self._store.list_refunds(
            merchant_id,
            {
                "payment_id": payment_id or None,
                "before_us": position.before_us if position else None,
                "before_id": position.before_id if position else None,
            },
            size + 1,
        )
        return page_of(scope, views, size)


def _decision_from(payment: Payment) -> RouteDecision:
    """Give what is known of the decision of a payment that began before decisions were recorded."""
    return RouteDecision(
        tuple(RoutedAccount(each.account, eligible=True, reason=each.reason) for each in payment.candidates)
    )


def page_of(scope: Scope, views: Sequence[View], size: int) -> Page:
    """Make a page of `views`, of which one more than `size` was asked for to know whether another page follows."""
    if len(views) <= size:
        return Page(views, "")
    last = views[size - 1]
    return Page(views[:size], page_tokens.encode(scope, Position(last["created_us"], last["id"])))
