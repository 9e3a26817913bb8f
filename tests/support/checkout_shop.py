"""A shop that pays through Checkout.com's official SDK at the sandbox's Checkout.com."""

import json
from dataclasses import dataclass
from typing import Any

from checkout_sdk.payments.payments import (  # type: ignore[import-untyped]
    CaptureRequest,
    PaymentRequest,
    PaymentRequestCardSource,
    RefundRequest,
)

from devstack.sandbox.faults import FaultMode
from tests.support.psp_sdks import CHECKOUT_SECRET_KEY, checkout_sdk
from tests.support.sandbox_psp import Received, ThreadedLab

SIGNATURE_KEY = "a signature key of a workflow"
AUTHORIZATION = "what we told them to send"
CHECKOUT_ACCOUNT = {
    "account": "checkout_a",
    "dialect": "checkout",
    "api_key": CHECKOUT_SECRET_KEY,
    "webhook_secret": SIGNATURE_KEY,
    "secrets": {"webhook_authorization": AUTHORIZATION},
}
APPROVED_CARD = "4242424242424242"


def wanted(kind: type, **fields: Any) -> Any:
    """Give one of the SDK's requests, without the fields that are None."""
    request = kind()
    for name, value in fields.items():
        if value is not None:
            setattr(request, name, value)
    return request


def card(number: str = APPROVED_CARD, **changes: Any) -> Any:
    fields = {"number": number, "expiry_month": 12, "expiry_year": 2031, "cvv": "100", "name": "Ada Lovelace"}
    return wanted(PaymentRequestCardSource, **(fields | changes))


@dataclass
class Shop:
    """The SDK pointed at the sandbox; `secret_key` is the one it calls with."""

    threaded: ThreadedLab
    secret_key: str = CHECKOUT_SECRET_KEY

    def __post_init__(self) -> None:
        self.payments: Any = checkout_sdk(self.threaded.lab.url, self.secret_key).payments

    def pay(self, key: str | None = None, **changes: Any) -> Any:
        fields = {"source": card(), "amount": 1050, "currency": "EUR", "capture": False, "reference": "pay_1_1"}
        return self.payments.request_payment(wanted(PaymentRequest, **(fields | changes)), key)

    def capture(self, payment: str, key: str | None = None, **fields: Any) -> Any:
        return self.payments.capture_payment(payment, wanted(CaptureRequest, **fields), key)

    def refund(self, payment: str, key: str | None = None, **fields: Any) -> Any:
        return self.payments.refund_payment(payment, wanted(RefundRequest, **fields), key)

    def status(self, payment: str) -> str:
        status: str = self.payments.get_payment_details(payment).status
        return status

    def actions(self, payment: str) -> list[tuple[str, int, bool]]:
        """Give type, amount and approval of what was done with a payment, oldest first."""
        listed = self.payments.get_payment_actions(payment).items
        return [(one.type, one.amount, one.approved) for one in reversed(listed)]

    def webhooks(self) -> list[Received]:
        self.threaded.run(self.threaded.lab.call("POST", "webhooks:settle"))
        return self.threaded.lab.receiver.received

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(one.body) for one in self.webhooks()]

    def truth(self, reference: str = "pay_1_1") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.threaded.run(self.threaded.lab.truth(reference))
        return found

    def books(self, reference: str = "pay_1_1") -> tuple[int, int, int, int]:
        """Give what is authorized, captured and refunded of the only payment, and how often money moved."""
        (truth,) = self.truth(reference)
        return truth["authorized"], truth["captured"], truth["refunded"], truth["money_moves"]

    def fault(self, mode: FaultMode, **fields: Any) -> None:
        self.threaded.run(self.threaded.lab.call("PUT", "faults", mode=mode.value, **fields))

    def violations(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.threaded.run(self.threaded.lab.get("violations"))["violations"]
        return found
