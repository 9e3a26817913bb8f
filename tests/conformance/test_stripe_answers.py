"""Spoiled answers of Stripe are never an error, and never an approval that the spoiled answer isn't.

Stripe's description has no examples, so the corpus is our samples, which test_stripe_requests holds against it.
"""

import json
from collections.abc import Sequence
from typing import Any

from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.http import HttpResponse
from psp_connectors.domain.operations import Authorization, Capture, Increment, Operation, OperationKind, Sync, kind_of
from tests.contract.connector_suite import response
from tests.contract.mutation_suite import Answered, MutationSuite
from tests.fakes.connectors.ports import authorization
from tests.fakes.connectors.stripe import (
    PAYMENT,
    REFUND,
    SETUP,
    approval,
    card_error,
    increment,
    intent,
    operations,
    refund,
    refunded,
    setup,
    verification,
)


class TestStripeAnswers(MutationSuite):
    connector = CONNECTORS["stripe"]

    def corpus(self) -> Sequence[Answered]:
        cases = [Answered(name, op, response(approval(op))) for name, op in operations().items()]
        for status in ("processing", "requires_action", "requires_payment_method", "canceled", "requires_confirmation"):
            cases.append(Answered(f"authorize_{status}", authorization(), response(intent(status))))
            cases.append(Answered(f"verify_{status}", verification(), response(setup(status))))
        cases += [
            Answered(f"refund_{status}", refund(), response(refunded(status)))
            for status in ("pending", "failed", "canceled", "requires_action")
        ]
        cases.append(Answered("declined", authorization(), response(card_error(decline_code="lost_card"), 402)))
        error = card_error(payment_intent=intent())
        cases.append(Answered("increment_declined", increment(), response(error, 402)))
        return cases

    def still_approved(self, operation: Operation, answer: HttpResponse, document: Any) -> bool:
        if answer.status != 200 or not isinstance(document, dict):
            return False
        if isinstance(document.get("data"), list):
            return any(self.approves(operation, one) for one in document["data"] if isinstance(one, dict))
        return self.approves(operation, document)

    def approves(self, operation: Operation, thing: dict[str, Any]) -> bool:  # noqa: PLR0911 - one for each kind
        """Tell by the API reference: statuses, amounts in cents of EUR, our reference in the metadata."""
        kind, status = kind_of(operation), thing.get("status")
        found = thing.get("metadata")
        metadata: dict[str, Any] = found if isinstance(found, dict) else {}
        received = thing.get("amount_received")
        asked_by_id = isinstance(operation, Sync) and bool(operation.psp_reference or operation.payment_psp_reference)
        if not isinstance(thing.get("id"), str) or not thing["id"]:
            return False
        match kind:
            case OperationKind.VERIFY:
                named = thing["id"] == SETUP or not asked_by_id
                return status == "succeeded" and metadata.get("reference") == "pay_1_1" and named
            case OperationKind.REFUND:
                by_id = isinstance(operation, Sync) and bool(operation.psp_reference)
                ours = metadata.get("reference") == "ref_1" and (thing["id"] == REFUND or not by_id)
                money = json.dumps([thing.get("amount"), thing.get("currency")]) == '[1050, "eur"]'
                return ours and money and status == "succeeded"
            case OperationKind.AUTHORIZE:
                money = json.dumps([thing.get("amount"), thing.get("currency")]) == '[1050, "eur"]'
                ours = metadata.get("reference") == "pay_1_1" and (thing["id"] == PAYMENT or not asked_by_id)
                taken = isinstance(operation, Authorization) and operation.capture
                held = status == "requires_capture" and not taken
                captured = status == "succeeded" and (taken or isinstance(operation, Sync))
                return money and ours and (held or captured)
            case OperationKind.VOID:
                return thing["id"] == PAYMENT and status == "canceled" and received == 0
            case OperationKind.CAPTURE:
                value = (
                    str(operation.amount.value) if isinstance(operation, Capture | Sync) and operation.amount else ""
                )
                done = status in {"succeeded", "requires_capture"} if isinstance(status, str) else False
                return thing["id"] == PAYMENT and done and metadata.get("cap_1") == value and type(received) is int
            case OperationKind.INCREMENT:
                total = thing.get("amount") == 1500 if isinstance(operation, Increment) else True
                return thing["id"] == PAYMENT and total and metadata.get("inc_1") == "450"
            case OperationKind.REVERSE:
                return False
