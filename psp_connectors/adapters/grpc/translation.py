"""Translates between the contract's messages and the domain's values."""

from types import MappingProxyType
from typing import Final

from payera.connectors.v1 import connector_service_pb2 as contract
from payera.types.v1 import card_pb2, money_pb2, outcome_pb2

from mesh.money import Money, require_amount
from psp_connectors.adapters.grpc.details import details
from psp_connectors.application.orders import AuthorizationOrder, VerificationOrder
from psp_connectors.domain.capabilities import Answering, AskBy, Capabilities, OperationCapability
from psp_connectors.domain.cards import CardSummary
from psp_connectors.domain.connector import Account
from psp_connectors.domain.details import NO_DETAILS
from psp_connectors.domain.fees import FeeSchedule
from psp_connectors.domain.operations import Capture, Increment, OperationKind, Refund, Reversal, Sync, Void
from psp_connectors.domain.outcomes import NO_CHECKS, Check, Checks, NextAction, NextActionKind, Outcome, OutcomeKind

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
        OperationKind.VERIFY: contract.OPERATION_VERIFY,
        OperationKind.INCREMENT: contract.OPERATION_INCREMENT,
        OperationKind.REVERSE: contract.OPERATION_REVERSE,
    }
)
CHECKS: Final = MappingProxyType(
    {
        Check.MATCH: outcome_pb2.CHECK_MATCH,
        Check.NO_MATCH: outcome_pb2.CHECK_NO_MATCH,
        Check.UNAVAILABLE: outcome_pb2.CHECK_UNAVAILABLE,
        Check.NOT_CHECKED: outcome_pb2.CHECK_NOT_CHECKED,
    }
)
NEXT_ACTIONS: Final = MappingProxyType(
    {
        NextActionKind.REDIRECT: outcome_pb2.NEXT_ACTION_KIND_REDIRECT,
        NextActionKind.FINGERPRINT: outcome_pb2.NEXT_ACTION_KIND_FINGERPRINT,
        NextActionKind.CHALLENGE: outcome_pb2.NEXT_ACTION_KIND_CHALLENGE,
    }
)
_PPM_PER_BASIS_POINT: Final = 100
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
        details=details(request.details) if request.HasField("details") else NO_DETAILS,
        repetition=request.repetition,
        code_required=request.code_required,
    )


def verification_order(request: contract.VerifyRequest) -> VerificationOrder:
    """Read a verification; refuses with UNKNOWN_CURRENCY."""
    return VerificationOrder(
        reference=request.reference,
        idempotency_key=request.idempotency_key,
        merchant_id=request.merchant_id,
        token=request.token,
        payment_id=request.payment_id,
        currency=require_amount(1, request.currency, None).currency,
        details=details(request.details) if request.HasField("details") else NO_DETAILS,
        repetition=request.repetition,
    )


def increment(request: contract.IncrementRequest) -> Increment:
    """Read an increment; refuses a wrong amount as `authorization_order` does."""
    return Increment(
        reference=request.reference,
        idempotency_key=request.idempotency_key,
        psp_reference=request.psp_reference,
        amount=_money(request.amount),
        total=_money(request.total),
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


def reversal(request: contract.ReverseRequest) -> Reversal:
    """Read a reversal."""
    return Reversal(reference=request.reference, idempotency_key=request.idempotency_key)


def refund(request: contract.RefundRequest) -> Refund:
    """Read a refund; refuses a wrong amount as `authorization_order` does."""
    return Refund(
        reference=request.reference,
        idempotency_key=request.idempotency_key,
        psp_reference=request.psp_reference,
        amount=_money(request.amount),
        capture_psp_reference=request.capture_psp_reference,
    )


def sync(request: contract.SyncRequest) -> Sync:
    """Read a question; refuses a wrong amount as `authorization_order` does.

    Only a void and a reversal have no amount to compare, so the amount of any other question is required.
    """
    kind = _OPERATION_KINDS[request.operation]
    asks_amount = kind not in {OperationKind.VOID, OperationKind.REVERSE}
    return Sync(
        kind=kind,
        reference=request.reference,
        amount=_money(request.amount) if asks_amount else None,
        psp_reference=request.psp_reference,
        payment_psp_reference=request.payment_psp_reference,
        capture=request.capture,
    )


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
        network_code=value.network_code,
        advice_code=value.advice_code,
        checks=None if value.checks == NO_CHECKS else _checks(value.checks),
        next_action=None if value.next_action is None else _next_action(value.next_action),
        expires_at=value.expires_at,
        expected_within_seconds=value.expected_within_seconds,
    )


def account_capabilities(account: Account, capabilities: Capabilities) -> contract.AccountCapabilities:
    """Write what an account can do."""
    return contract.AccountCapabilities(
        account=account.name,
        connector=account.connector,
        operations=sorted(OPERATIONS[kind] for kind in capabilities.operations),
        brands=account.brands or capabilities.brands,
        currencies=capabilities.currencies,
        sync_by_reference=all(AskBy.REFERENCE in capability.ask_by for capability in capabilities.operations.values()),
        idempotency_window_seconds=min(capability.repeat_seconds for capability in capabilities.operations.values()),
        idempotency_key_max_length=capabilities.idempotency_key_max_length,
        multiple_captures=capabilities.multiple_captures,
        operation_capabilities=[
            _operation_capability(kind, capabilities.operations[kind])
            for kind in OperationKind
            if kind in capabilities.operations
        ],
        countries=capabilities.countries,
        amount_limits=[
            contract.AmountLimits(currency=currency, smallest=limits.smallest, largest=limits.largest)
            for currency, limits in sorted(capabilities.limits.items())
        ],
        refunds_captures=capabilities.refunds_captures,
        disabled=account.disabled,
        merchant_id=account.merchant_id,
        methods=capabilities.methods,
        features=sorted(capabilities.features),
        fees=None if account.fees is None else _fees(account.fees),
    )


def _fees(fees: FeeSchedule) -> contract.AccountFees:
    return contract.AccountFees(
        percentage_ppm=fees.basis_points * _PPM_PER_BASIS_POINT,
        fixed=fees.fixed,
        scheme_ppm={brand: points * _PPM_PER_BASIS_POINT for brand, points in fees.schemes.items()},
        cross_border_ppm=fees.cross_border_basis_points * _PPM_PER_BASIS_POINT,
        country=fees.country,
    )


def _operation_capability(kind: OperationKind, capability: OperationCapability) -> contract.OperationCapability:
    return contract.OperationCapability(
        operation=OPERATIONS[kind],
        ask_by_reference=AskBy.REFERENCE in capability.ask_by,
        ask_by_psp_reference=AskBy.PSP_REFERENCE in capability.ask_by,
        ask_by_payment=AskBy.PAYMENT in capability.ask_by,
        repeat_seconds=capability.repeat_seconds,
        webhook=capability.webhook,
        answers_later=capability.answering is Answering.LATER,
        settles_within_seconds=capability.settles_within_seconds,
    )


def _money(amount: money_pb2.Money) -> Money:
    exponent = amount.exponent if amount.HasField("exponent") else None
    return require_amount(amount.value, amount.currency, exponent)


def _checks(checks: Checks) -> outcome_pb2.Checks:
    return outcome_pb2.Checks(
        street=CHECKS[checks.street], postal_code=CHECKS[checks.postal_code], card_code=CHECKS[checks.card_code]
    )


def _next_action(action: NextAction) -> outcome_pb2.NextAction:
    return outcome_pb2.NextAction(
        kind=NEXT_ACTIONS[action.kind], url=action.url, method=action.method, fields=dict(action.fields)
    )


def _card(card: CardSummary | None) -> card_pb2.CardSummary | None:
    if card is None:
        return None
    return card_pb2.CardSummary(
        brand=card.brand,
        last4=card.last4,
        bin=card.bin,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        networks=card.networks,
        funding=card.funding,
        issuer_country=card.issuer_country,
    )
