"""Spoiled answers of Adyen, Checkout.com and PayPal: their descriptions' examples and answers of our own.

Whether a spoiled answer still approves is told by the PSPs' documents, without the connectors' code. Stripe's are in
`test_stripe_answers`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from devstack.descriptions import Example, ExampleKind, default_folder, load
from mesh.money import Money
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.http import HttpResponse
from psp_connectors.domain.operations import (
    Authorization,
    Increment,
    Operation,
    OperationKind,
    Sync,
    Verification,
    Void,
    amount_of,
    kind_of,
)
from tests.conformance.test_adyen_answers import OURS as ADYEN_OPERATIONS
from tests.conformance.test_adyen_answers import asked as asked_of_adyen
from tests.contract.connector_suite import response
from tests.contract.mutation_suite import Answered, MutationSuite
from tests.contract.test_connector_suites import TestAdyen, TestCheckout, TestPaypal
from tests.fakes.connectors import adyen, checkout, paypal
from tests.fakes.connectors.ports import authorization

ADYEN, CHECKOUT, PAYPAL = TestAdyen(), TestCheckout(), TestPaypal()
del TestAdyen, TestCheckout, TestPaypal


def examples(psp: str) -> list[Example]:
    """Give the examples of answers; none without the material, of which `test_descriptions` tells."""
    folder = default_folder()
    if folder is None:
        return []
    return [example for example in load(folder, psp).examples() if example.kind is ExampleKind.RESPONSE]


ADYEN_EXAMPLES = [e for e in examples("adyen") if e.operation in ADYEN_OPERATIONS and e.status in {"200", "201"}]
CHECKOUT_EXAMPLES = {e.operation: e for e in examples("checkout")}
PAYPAL_EXAMPLES = examples("paypal")


def exactly(value: object, wanted: object) -> bool:
    """Compare as JSON does: neither 1 and true nor 1 and 1.0 are the same."""
    return type(value) is type(wanted) and value == wanted


def mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


class TestAdyenAnswers(MutationSuite):
    connector = CONNECTORS["adyen"]

    def corpus(self) -> Sequence[Answered]:
        cases = [Answered(name_of(op), op, ADYEN.answer_to(op)) for op in ADYEN.operations()]
        refusals = ((code, response(adyen.refusal(code))) for code in ("2", "6", "14"))
        cases += [Answered(f"refused {code}", authorization(), answer) for code, answer in refusals]
        cases.append(Answered("error", authorization(), response(adyen.error(422, "14_030"), 422)))
        for example in ADYEN_EXAMPLES:
            answer = response(example.value, int(example.status))
            cases.append(Answered(example.label, asked_of_adyen(example), answer))
        return cases

    def still_approved(self, operation: Operation, answer: HttpResponse, document: Any) -> bool:
        if not isinstance(operation, Authorization | Verification) or answer.status != 200:
            return False
        found = mapping(document)
        asked = amount_of(operation)
        assert asked is not None
        names = [found.get("merchantReference"), mapping(found.get("additionalData")).get("merchantReference")]
        named = [name for name in names if isinstance(name, str) and name]
        amount = found.get("amount")
        fits = amount is None or (
            exactly(mapping(amount).get("value"), asked.value)
            and exactly(mapping(amount).get("currency"), asked.currency)
        )
        about = bool(named) or amount is not None
        authorised = exactly(found.get("resultCode"), "Authorised") and bool(text(found.get("pspReference")))
        return authorised and about and fits and set(named) <= {operation.reference}


class TestCheckoutAnswers(MutationSuite):
    connector = CONNECTORS["checkout"]

    def corpus(self) -> Sequence[Answered]:
        cases = [Answered(name_of(op), op, CHECKOUT.answer_to(op)) for op in CHECKOUT.operations()]
        declined = checkout.payment(authorization(), approved=False, status="Declined", response_code="20051")
        cases.append(Answered("declined", authorization(), response(declined, 201)))
        pending = checkout.payment(authorization(), approved=False, status="Pending")
        cases.append(Answered("pending", authorization(), response(pending, 202)))
        captured = checkout.payment(authorization(capture=True), status="Captured")
        cases.append(Answered("captured", authorization(capture=True), response(captured, 201)))
        invalid = {"request_id": "0", "error_type": "request_invalid", "error_codes": ["amount_required"]}
        cases.append(Answered("invalid", authorization(), response(invalid, 422)))
        return [*cases, *self.examples()]

    def examples(self) -> list[Answered]:
        if not CHECKOUT_EXAMPLES:
            return []
        paid = CHECKOUT_EXAMPLES["POST /payments"].value
        asked = replace(authorization(), reference=paid["reference"], amount=Money(paid["amount"], paid["currency"]))
        listed = CHECKOUT_EXAMPLES["GET /payments/{id}/actions"].value
        questions = [
            replace(
                checkout.questions()[item["type"].lower()],
                psp_reference=item["id"],
                amount=Money(item["amount"], "USD"),
                reference=item.get("reference", "x_1"),
            )
            for item in listed
            if item["type"] in {"Capture", "Refund"}
        ]
        cases = [Answered(f"example {q.kind}", q, response(listed)) for q in questions]
        return [Answered("example", asked, response(paid, 201)), *cases]

    def still_approved(self, operation: Operation, answer: HttpResponse, document: Any) -> bool:
        match operation:
            case Authorization() | Verification() | Increment():
                # 201 is what is documented; what the body says does not change with the kind of success.
                return answer.status in {200, 201, 202} and self.is_approved(operation, mapping(document))
            case Sync(kind=OperationKind.AUTHORIZE | OperationKind.VERIFY):
                return answer.status == 200 and self.stands(operation, mapping(document))
            case Sync():
                items = document if isinstance(document, list) else []
                return answer.status == 200 and any(self.is_action(operation, mapping(item)) for item in items)
            case _:
                return False

    def is_approved(self, operation: Authorization | Verification | Increment, found: dict[str, Any]) -> bool:
        """Tell by "Request a payment": `approved`, the status, the amount and the reference that were asked for."""
        asked = amount_of(operation)
        assert asked is not None
        at_once = isinstance(operation, Authorization) and operation.capture
        usual = "Captured" if at_once else "Authorized"
        status = "Card Verified" if isinstance(operation, Verification) else usual
        nothing = isinstance(operation, Verification) and found.get("amount") is None
        fits = nothing or exactly(found.get("amount"), asked.value)
        fits = fits and (nothing or exactly(found.get("currency"), asked.currency))
        identified = text(found.get("action_id" if isinstance(operation, Increment) else "id"))
        code = text(found.get("response_code"))
        return (
            found.get("approved") is True
            and exactly(found.get("status"), status)
            and fits
            and exactly(found.get("reference"), operation.reference)
            and bool(identified)
            and (not code or code.startswith("10"))
        )

    def stands(self, operation: Sync, found: dict[str, Any]) -> bool:
        """Tell by "Get payment details": the payment asked about, approved, and not ended by a decline."""
        assert operation.amount is not None
        held = {"Authorized", "Voided", "Partially Captured", "Captured", "Partially Refunded", "Refunded"}
        statuses = {"Card Verified"} if operation.kind is OperationKind.VERIFY else held
        return (
            found.get("approved") is True
            and text(found.get("status")) in statuses
            and exactly(found.get("id"), checkout.PAYMENT)
            and exactly(found.get("amount"), operation.amount.value)
            and exactly(found.get("currency"), operation.amount.currency)
            and exactly(found.get("reference"), operation.reference)
        )

    def is_action(self, operation: Sync, found: dict[str, Any]) -> bool:
        """Tell by "Get payment actions": an approved action of the kind, known by its id or by our reference."""
        kinds = {OperationKind.INCREMENT: "Authorization"}
        reference = found.get("reference")
        ours = exactly(reference, operation.reference) or operation.reference in map(
            text, mapping(found.get("metadata")).values()
        )
        by_id = bool(operation.psp_reference) and exactly(found.get("id"), operation.psp_reference)
        fits = operation.amount is None or exactly(found.get("amount"), operation.amount.value)
        kind = kinds.get(operation.kind, operation.kind.value.capitalize())
        code = text(found.get("response_code"))
        return (
            found.get("approved") is True
            and exactly(found.get("type"), kind)
            and fits
            and bool(text(found.get("id")))
            and (by_id or (ours and not operation.psp_reference))
            and (not code or code.startswith("10"))
        )


class TestPaypalAnswers(MutationSuite):
    connector = CONNECTORS["paypal"]

    def corpus(self) -> Sequence[Answered]:
        cases = [Answered(name_of(op), op, PAYPAL.answer_to(op)) for op in PAYPAL.operations()]
        euros = Money(1050, "EUR")
        for status in ("PENDING", "DECLINED", "FAILED"):
            payment = paypal.charge_answer(euros, status)
            order = paypal.order_answer(euros, payment, captured=True)
            cases.append(Answered(status, authorization(capture=True), response(order, 201)))
        declined = paypal.error("UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED")
        cases.append(Answered("declined", authorization(), response(declined, 422)))
        for example in PAYPAL_EXAMPLES:
            answer = response(example.value, int(example.status) if example.status.isdecimal() else 500)
            cases += [Answered(example.label, op, answer) for op in paypal.actions()]
        return cases

    def still_approved(self, operation: Operation, answer: HttpResponse, document: Any) -> bool:
        found = mapping(document)
        if answer.status not in {200, 201}:
            return False
        by_order = isinstance(operation, Sync) and operation.psp_reference.startswith("order:")
        if isinstance(operation, Authorization) or by_order:
            return self.is_paid(operation, found)
        if isinstance(operation, Void) or kind_of(operation) is OperationKind.VOID:
            return exactly(found.get("id"), paypal.AUTHORIZATION) and exactly(found.get("status"), "VOIDED")
        if isinstance(operation, Sync) and not exactly(found.get("id"), operation.psp_reference):
            return False
        captured = kind_of(operation) is OperationKind.CAPTURE or (isinstance(operation, Sync) and operation.capture)
        return self.is_done(operation, found, captured=captured)

    def is_paid(self, operation: Operation, found: dict[str, Any]) -> bool:
        """Tell by "Create order": completed, with one payment of the intent, of the amount and reference asked for."""
        assert isinstance(operation, Authorization | Sync)
        units = found.get("purchase_units")
        if not exactly(found.get("status"), "COMPLETED") or not isinstance(units, list) or len(units) != 1:
            return False
        unit = mapping(units[0])
        of_unit = text(unit.get("invoice_id")) or text(unit.get("custom_id"))
        name = "captures" if operation.capture else "authorizations"
        taken = mapping(unit.get("payments")).get(name)
        intent = text(found.get("intent"))
        inherited = {"custom_id": unit.get("custom_id")}
        return (
            bool(text(found.get("id")))
            and (not intent or intent == ("CAPTURE" if operation.capture else "AUTHORIZE"))
            and of_unit in {"", operation.reference}
            and isinstance(taken, list)
            and len(taken) == 1
            and self.is_done(operation, inherited | mapping(taken[0]), captured=operation.capture)
        )

    def is_done(self, operation: Operation, found: dict[str, Any], *, captured: bool) -> bool:
        """Tell by the states of authorizations, captures and refunds in "Payments v2"."""
        held = {"CREATED", "CAPTURED", "PARTIALLY_CAPTURED"}
        taken = {"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"}
        statuses = {"COMPLETED"} if kind_of(operation) is OperationKind.REFUND else taken if captured else held
        asked = amount_of(operation)
        assert asked is not None
        whole, part = divmod(asked.value, 100)
        amount = mapping(found.get("amount"))
        number = text(amount.get("value"))
        exact = number in {f"{whole}.{part:02}", f"{whole}.{part:02}".rstrip("0"), f"{whole}.{part:02}0"}
        reference = text(found.get("invoice_id")) or text(found.get("custom_id"))
        code = text(mapping(found.get("processor_response")).get("response_code"))
        return (
            text(found.get("status")) in statuses
            and bool(text(found.get("id")))
            and exact
            and exactly(amount.get("currency_code"), asked.currency)
            and reference == operation.reference
            and code in {"", "0000", "00N7"}
        )


def name_of(operation: Operation) -> str:
    return f"{type(operation).__name__} {kind_of(operation)} {operation.reference}"
