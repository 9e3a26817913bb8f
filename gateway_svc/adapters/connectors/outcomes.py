"""Reads the contract's outcomes into the core's own."""

from types import MappingProxyType
from typing import Final

from payera.types.v1 import outcome_pb2

from gateway_svc.domain.outcome import Check, Checks, NextAction, Outcome, OutcomeKind

_KINDS: Final = MappingProxyType(
    {
        outcome_pb2.OUTCOME_KIND_APPROVED: OutcomeKind.APPROVED,
        outcome_pb2.OUTCOME_KIND_DECLINED: OutcomeKind.DECLINED,
        outcome_pb2.OUTCOME_KIND_ACTION_REQUIRED: OutcomeKind.ACTION_REQUIRED,
        outcome_pb2.OUTCOME_KIND_PENDING: OutcomeKind.PENDING,
        outcome_pb2.OUTCOME_KIND_NOT_SENT: OutcomeKind.NOT_SENT,
        outcome_pb2.OUTCOME_KIND_UNKNOWN: OutcomeKind.UNKNOWN,
        outcome_pb2.OUTCOME_KIND_NOT_FOUND: OutcomeKind.NOT_FOUND,
    }
)
_CHECKS: Final = MappingProxyType(
    {
        outcome_pb2.CHECK_MATCH: Check.MATCH,
        outcome_pb2.CHECK_NO_MATCH: Check.NO_MATCH,
        outcome_pb2.CHECK_UNAVAILABLE: Check.UNAVAILABLE,
    }
)
_NEXT_ACTIONS: Final = MappingProxyType(
    {
        outcome_pb2.NEXT_ACTION_KIND_REDIRECT: "REDIRECT",
        outcome_pb2.NEXT_ACTION_KIND_FINGERPRINT: "FINGERPRINT",
        outcome_pb2.NEXT_ACTION_KIND_CHALLENGE: "CHALLENGE",
    }
)


def kind_of(message: outcome_pb2.Outcome) -> OutcomeKind:
    """Give the kind; one of a newer contract is UNKNOWN."""
    return _KINDS.get(message.kind, OutcomeKind.UNKNOWN)


def outcome_of(message: outcome_pb2.Outcome) -> Outcome:
    """Give the whole outcome."""
    return Outcome(
        kind=kind_of(message),
        psp_reference=message.psp_reference,
        code=message.code,
        raw_code=message.raw_code,
        network_transaction_id=message.network_transaction_id,
        network_code=message.network_code,
        advice_code=message.advice_code,
        checks=_checks(message.checks),
        next_action=_next_action(message.next_action) if message.HasField("next_action") else None,
        expires_at=message.expires_at,
        expected_within_seconds=message.expected_within_seconds,
        amount=message.amount,
    )


def _checks(message: outcome_pb2.Checks) -> Checks:
    return Checks(
        street=_CHECKS.get(message.street, Check.NOT_CHECKED),
        postal_code=_CHECKS.get(message.postal_code, Check.NOT_CHECKED),
        card_code=_CHECKS.get(message.card_code, Check.NOT_CHECKED),
    )


def _next_action(message: outcome_pb2.NextAction) -> NextAction:
    return NextAction(
        kind=_NEXT_ACTIONS.get(message.kind, "REDIRECT"),
        url=message.url,
        method=message.method,
        fields=dict(message.fields),
    )
