"""Translates between the contract's messages and the domain's values."""

from types import MappingProxyType
from typing import Final

from payera.connectors.v1 import connector_service_pb2 as contract
from payera.types.v1 import card_pb2, money_pb2, outcome_pb2

from mesh.money import Money, require_amount
from psp_connectors.application.perform_operation import AuthorizationOrder
from psp_connectors.domain.cards import CardSummary
from psp_connectors.domain.connector import Account, Capabilities
from psp_connectors.domain.operations import Capture, OperationKind, Refund, Sync, Void
from psp_connectors.domain.outcomes import Outcome, OutcomeKind

KINDS: Final = MappingProxyType(
    {
        OutcomeKind.APPROVED: outcome_pb2.OUTCOME_KIND_APPROVED,
        OutcomeKind.DECLINED: outcome_pb2.OUTCOME_KIND_DECLINED,
        OutcomeKind.ACTION_REQUIRED: outcome_pb2.OUTCOME_KIND_ACTION_REQUIRED,
        OutcomeKind.PENDING: outcome_pb2.OUTCOME_KIND_PENDING,
        OutcomeKind.NOT_SENT: outcome_pb2.OUTCOME_KIND_NOT_SENT,
        OutcomeKind.UNKNOWN: outcome_pb2.OUTCOME_KIND_UNKNOWN,
        OutcomeKind.NOT_FOUND: outcome_pb2.OUTCOME_KIND_NOT_FOUND,
    }
)
OPERATIONS: Final = MappingProxyType(
    {
        OperationKind.AUTHORIZE: contract.OPERATION_AUTHORIZE,
        OperationKind.CAPTURE: contract.OPERATION_CAPTURE,
        OperationKind.VOID: contract.OPERATION_VOID,
        OperationKind.REFUND: contract.OPERATION_REFUND,
    }
)
_OPERATION_KINDS: Final = MappingProxyType({number: kind for kind, number in OPERATIONS.items()})


def authorization_order(request: contract.AuthorizeRequest) -> AuthorizationOrder:
    """Read an authorization; refuses with INVALID_AMOUNT, UNKNOWN_CURRENCY or CURRENCY_EXPONENT_MISMATCH."""
    return AuthorizationOrder(
        reference=request.reference,
        idempotency_key=request.idempotency_key,
        merchant_id=request.merchant_id,
        token=request.token,
        payment_id=request.payment_id,
        amount=_money(request.amount),
        capture=request.capture,
        statement_descriptor=request.statement_descriptor,
    )


def capture(request: contract.CaptureRequest) -> Capture:
    """Read a capture; refuses a wrong amount as `authorization_order` does."""
    return Capture(
        reference=request.reference,
        idempotency_key=request.idempotency_key,
        psp_reference=request.psp_reference,
        amount=_money(request.amount),
        final=request.final,
    )


def void(request: contract.VoidRequest) -> Void:
    """Read a void."""
    return Void(
        reference=request.reference, idempotency_key=request.idempotency_key, psp_reference=request.psp_reference
    )


def refund(request: contract.RefundRequest) -> Refund:
    """Read a refund; refuses a wrong amount as `authorization_order` does."""
    return Refund(
        reference=request.reference,
        idempotency_key=request.idempotency_key,
        psp_reference=request.psp_reference,
        amount=_money(request.amount),
    )


def sync(request: contract.SyncRequest) -> Sync:
    """Read a question; refuses a wrong amount as `authorization_order` does.

    Only a void has no amount to compare, so the amount of any other question is required.
    """
    kind = _OPERATION_KINDS[request.operation]
    asks_amount = kind is not OperationKind.VOID
    return Sync(kind=kind, reference=request.reference, amount=_money(request.amount) if asks_amount else None)


def outcome(value: Outcome) -> outcome_pb2.Outcome:
    """Write an outcome."""
    return outcome_pb2.Outcome(
        kind=KINDS[value.kind],
        psp_reference=value.psp_reference,
        code=value.code,
        raw_code=value.raw_code,
        detail=value.detail,
        amount=value.amount,
        network_transaction_id=value.network_transaction_id,
        card=_card(value.card),
        captured_amount=value.captured_amount,
    )


def account_capabilities(account: Account, capabilities: Capabilities) -> contract.AccountCapabilities:
    """Write what an account can do."""
    return contract.AccountCapabilities(
        account=account.name,
        connector=account.connector,
        operations=sorted(OPERATIONS[kind] for kind in capabilities.operations),
        brands=capabilities.brands,
        currencies=capabilities.currencies,
        sync_by_reference=capabilities.sync_by_reference,
        idempotency_window_seconds=capabilities.idempotency_window_seconds,
        idempotency_key_max_length=capabilities.idempotency_key_max_length,
        multiple_captures=capabilities.multiple_captures,
    )


def _money(amount: money_pb2.Money) -> Money:
    exponent = amount.exponent if amount.HasField("exponent") else None
    return require_amount(amount.value, amount.currency, exponent)


def _card(card: CardSummary | None) -> card_pb2.CardSummary | None:
    if card is None:
        return None
    return card_pb2.CardSummary(
        brand=card.brand, last4=card.last4, bin=card.bin, exp_month=card.exp_month, exp_year=card.exp_year
    )
