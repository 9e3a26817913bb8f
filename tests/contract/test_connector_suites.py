"""The suite that every connector passes, over Adyen, Checkout.com and PayPal."""

from collections.abc import Sequence
from typing import Any

from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.connector import Account
from psp_connectors.domain.http import HttpResponse
from psp_connectors.domain.operations import (
    Authorization,
    Increment,
    Operation,
    OperationKind,
    Reversal,
    Sync,
    Verification,
    Void,
    kind_of,
)
from psp_connectors.domain.outcomes import OutcomeKind
from tests.contract.connector_suite import ConnectorSuite, changed, response
from tests.fakes.connectors import adyen, checkout, paypal
from tests.fakes.connectors.ports import API_KEY, authorization

BASE_URL = "https://psp.example/base"


def is_other_identifier(new: object) -> bool:
    """Tell of an id that may well be the PSP's own of a thing that is only now made."""
    return isinstance(new, str) and new != ""


class TestAdyen(ConnectorSuite):
    connector = CONNECTORS["adyen"]

    def account(self) -> Account:
        return adyen.adyen_account(BASE_URL)

    def operations(self) -> Sequence[Operation]:
        cards = (authorization(), authorization(capture=True), authorization(1050, "JPY"), adyen.verification())
        return (*cards, *adyen.modifications().values())

    def approval(self, operation: Operation) -> Any:
        assert not isinstance(operation, Sync)
        return adyen.approval(operation)

    def answer_to(self, operation: Operation) -> HttpResponse:
        decided = isinstance(operation, Authorization | Verification)
        return response(self.approval(operation), 200 if decided else 201)

    def success_of(self, operation: Operation) -> OutcomeKind:
        return OutcomeKind.APPROVED if isinstance(operation, Authorization | Verification) else OutcomeKind.PENDING

    def essentials(self, operation: Operation) -> frozenset[str]:
        if isinstance(operation, Authorization | Verification):
            return frozenset({"pspReference", "resultCode", "merchantReference", "amount.value", "amount.currency"})
        if isinstance(operation, Reversal):
            return frozenset({"pspReference", "paymentReference", "status"})
        money = set() if isinstance(operation, Void) else {"amount.value", "amount.currency"}
        return frozenset({"pspReference", "paymentPspReference", "reference", "status", *money})

    def is_harmless(self, operation: Operation, name: str, new: object) -> bool:  # noqa: ARG002 - the same for all
        if name == "merchantReference":
            # `additionalData` has our reference too, and counts when the place of its own is empty.
            return new is ... or new is None
        if name.startswith("amount."):
            # An answer need not repeat the amount; one that does so by half is tried below.
            return new is ...
        return name == "pspReference" and is_other_identifier(new)

    def test_half_an_amount_is_no_success(self) -> None:
        for operation in self.operations():
            document = self.document_of(operation)
            for name in ("value", "currency") if "amount" in document else ():
                half = changed(document, ("amount", name), ...)
                assert not self.is_success(operation, self.understood(operation, self.with_document(operation, half)))


class TestCheckout(ConnectorSuite):
    connector = CONNECTORS["checkout"]

    def account(self) -> Account:
        return checkout.checkout_account(BASE_URL)

    def credentials(self) -> Sequence[str]:
        return (checkout.SECRET_KEY,)

    def operations(self) -> Sequence[Operation]:
        cards = (authorization(), authorization(capture=True), authorization(1050, "JPY"), checkout.verification())
        return (*cards, *checkout.modifications().values(), *checkout.questions().values())

    def approval(self, operation: Operation) -> Any:
        match operation:
            case Authorization() | Verification():
                return checkout.payment(operation)
            case Increment():
                return checkout.incremented(operation)
            case Sync(kind=OperationKind.AUTHORIZE | OperationKind.VERIFY):
                return checkout.payment_details(operation)
            case Sync():
                return checkout.actions(operation)
            case _:
                return checkout.acknowledgement(operation)

    def answer_to(self, operation: Operation) -> HttpResponse:
        if isinstance(operation, Sync):
            return response(self.approval(operation), 200)
        return response(self.approval(operation), 202 if self.is_acknowledged(operation) else 201)

    def is_acknowledged(self, operation: Operation) -> bool:
        return not isinstance(operation, Authorization | Verification | Increment | Sync)

    def success_of(self, operation: Operation) -> OutcomeKind:
        # A payment that is to be captured at once is only authorized yet: Checkout.com captures later.
        later = isinstance(operation, Authorization) and operation.capture
        return OutcomeKind.PENDING if later or self.is_acknowledged(operation) else OutcomeKind.APPROVED

    def essentials(self, operation: Operation) -> frozenset[str]:
        if self.is_acknowledged(operation):
            return frozenset({"action_id", "reference", "_links.payment.href"})
        if isinstance(operation, Sync) and kind_of(operation) not in {OperationKind.AUTHORIZE, OperationKind.VERIFY}:
            money = set() if operation.amount is None else {"0.amount"}
            return frozenset({"0.type", "0.approved", "0.reference", *money})
        paid = {"approved", "status", "amount", "currency", "reference"}
        return frozenset(paid if isinstance(operation, Increment) else {"id", *paid})

    def is_harmless(self, operation: Operation, name: str, new: object) -> bool:
        match name:
            case "id":
                return is_other_identifier(new) and isinstance(operation, Authorization | Verification)
            case "action_id":
                return is_other_identifier(new)
            case "_links.payment.href":
                # The path asked names the payment already; an address in the answer must not name another one.
                return not isinstance(new, str) or not new
            case "reference" if self.is_acknowledged(operation):
                return new is ...
            case "amount" if isinstance(operation, Verification):
                return new is ... or new is None
            case _:
                return False


class TestPaypal(ConnectorSuite):
    connector = CONNECTORS["paypal"]

    def account(self) -> Account:
        return paypal.paypal_account(BASE_URL)

    def credentials(self) -> Sequence[str]:
        return (paypal.ACCESS_TOKEN, API_KEY)

    def operations(self) -> Sequence[Operation]:
        return paypal.operations()

    def approval(self, operation: Operation) -> Any:
        return paypal.approval(operation)

    def answer_to(self, operation: Operation) -> HttpResponse:
        created = kind_of(operation) is not OperationKind.VOID and not isinstance(operation, Sync)
        return response(self.approval(operation), 201 if created else 200)

    def essentials(self, operation: Operation) -> frozenset[str]:
        document = self.approval(operation)
        if "purchase_units" not in document:
            money = {"amount.value", "amount.currency_code", "invoice_id"}
            return frozenset({"id", "status"} | (set() if kind_of(operation) is OperationKind.VOID else money))
        payments = "captures" if "captures" in document["purchase_units"][0]["payments"] else "authorizations"
        payment = f"purchase_units.0.payments.{payments}.0"
        names = ("id", "status", "amount.value", "amount.currency_code", "invoice_id")
        return frozenset(f"{payment}.{name}" for name in names)

    def is_harmless(self, operation: Operation, name: str, new: object) -> bool:
        creates = isinstance(operation, Authorization) or (
            not isinstance(operation, Sync | Void) and kind_of(operation) is not OperationKind.VOID
        )
        if name.endswith("invoice_id"):
            # Without an invoice `custom_id` counts, which a capture has from its payment.
            return not (isinstance(new, str) and new) and kind_of(operation) is not OperationKind.CAPTURE
        if name.endswith("id"):
            return is_other_identifier(new) and (creates or name != "id")
        # A whole amount needs no decimals.
        return name.endswith("value") and new in ("10.50", "10.5")
