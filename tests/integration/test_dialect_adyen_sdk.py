"""Adyen's official SDK works against the sandbox's Adyen: create, capture, refund, cancel, decline, verify webhooks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from Adyen import util  # type: ignore[import-untyped]
from Adyen.exceptions import (  # type: ignore[import-untyped]
    AdyenAPIAuthenticationError,
    AdyenAPIInvalidPermission,
    AdyenAPIUnprocessableEntity,
)

from tests.fakes.connectors.adyen import HMAC_KEY, MERCHANT_ACCOUNT
from tests.fakes.connectors.ports import API_KEY, KEY
from tests.support.psp_sdks import adyen_sdk
from tests.support.sandbox_psp import ThreadedLab, sandbox_in_thread

pytestmark = pytest.mark.integration

ENTRY = {
    "account": "adyen_a",
    "dialect": "adyen",
    "api_key": API_KEY,
    "webhook_secret": HMAC_KEY,
    "settings": {"merchant_account": MERCHANT_ACCOUNT},
}
EUROS = {"currency": "EUR", "value": 1050}
CARD = {
    "type": "scheme",
    "number": "4111111111111111",
    "expiryMonth": "03",
    "expiryYear": "2030",
    "cvc": "737",
    "holderName": "Ada Lovelace",
}


@dataclass
class Shop:
    """The SDK pointed at the sandbox; `key` is the one it calls with."""

    threaded: ThreadedLab
    key: str = API_KEY

    def __post_init__(self) -> None:
        self.payments, self.modifications = adyen_sdk(f"{self.threaded.lab.url}/v72", self.key)

    def pay(self, key: str = "", **changes: Any) -> dict[str, Any]:
        request = {
            "merchantAccount": MERCHANT_ACCOUNT,
            "reference": "order-1",
            "amount": EUROS,
            "returnUrl": "https://shop.example/return",
            "paymentMethod": CARD,
            "additionalData": {"manualCapture": "true"},
        } | changes
        message: dict[str, Any] = self.payments.payments(request, idempotency_key=key or None).message
        return message

    def modify(self, method: str, payment: str, reference: str, **fields: Any) -> dict[str, Any]:
        request = {"merchantAccount": MERCHANT_ACCOUNT, "reference": reference} | fields
        message: dict[str, Any] = getattr(self.modifications, method)(request, payment).message
        return message

    def bodies(self) -> list[dict[str, Any]]:
        """Give what all webhooks so far say."""
        self.threaded.run(self.threaded.lab.call("POST", "webhooks:settle"))
        return [json.loads(one.body) for one in self.threaded.lab.receiver.received]

    def webhook(self) -> dict[str, Any]:
        """Give the last webhook, whose signature the SDK has verified."""
        body = self.bodies()[-1]
        assert util.is_valid_hmac_notification(body, HMAC_KEY)
        item: dict[str, Any] = body["notificationItems"][0]["NotificationRequestItem"]
        return item

    def truth(self, reference: str = "order-1") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.threaded.run(self.threaded.lab.truth(reference))
        return found


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with sandbox_in_thread(ENTRY) as threaded:
        yield Shop(threaded)
        assert threaded.run(threaded.lab.get("violations"))["violations"] == []


def test_create_capture_and_refund(shop: Shop) -> None:
    created = shop.pay()
    assert (created["resultCode"], created["amount"]) == ("Authorised", EUROS)
    payment = created["pspReference"]
    assert shop.webhook()["eventCode"] == "AUTHORISATION"
    for method, event, reference in (
        ("capture_authorised_payment", "CAPTURE", "capture-1"),
        ("refund_captured_payment", "REFUND", "refund-1"),
    ):
        received = shop.modify(method, payment, reference, amount=EUROS)
        assert (received["status"], received["paymentPspReference"]) == ("received", payment)
        item = shop.webhook()
        assert (item["eventCode"], item["success"]) == (event, "true")
        assert (item["pspReference"], item["originalReference"]) == (received["pspReference"], payment)
        assert item["merchantReference"] == reference
    (truth,) = shop.truth()
    assert (truth["captured"], truth["refunded"], truth["money_moves"]) == (1050, 1050, 3)


def test_cancel_raise_and_reverse(shop: Shop) -> None:
    payment = shop.pay()["pspReference"]
    raised = {"currency": "EUR", "value": 2000}
    assert shop.modify("update_authorised_amount", payment, "raise-1", amount=raised)["amount"] == raised
    assert (shop.webhook()["eventCode"], shop.webhook()["amount"]) == ("AUTHORISATION_ADJUSTMENT", raised)
    shop.modify("cancel_authorised_payment_by_psp_reference", payment, "cancel-1")
    assert (shop.webhook()["eventCode"], shop.webhook()["success"]) == ("CANCELLATION", "true")
    other = shop.pay(reference="order-2")["pspReference"]
    shop.modify("refund_or_cancel_payment", other, "reversal-1")
    assert shop.webhook()["eventCode"] == "CANCEL_OR_REFUND"
    (truth, other_truth) = (*shop.truth(), *shop.truth("order-2"))
    assert (truth["authorized"], truth["voided"], truth["captured"]) == (2000, True, 0)
    assert (other_truth["authorized"], other_truth["voided"]) == (1050, True)


def test_a_decline_is_an_answer_and_a_webhook(shop: Shop) -> None:
    declined = shop.pay(paymentMethod=CARD | {"holderName": "NOT_ENOUGH_BALANCE"})
    assert (declined["resultCode"], declined["refusalReasonCode"]) == ("Refused", "12")
    item = shop.webhook()
    assert (item["eventCode"], item["success"], item["reason"]) == ("AUTHORISATION", "false", "Not enough balance")
    (truth,) = shop.truth()
    assert (truth["status"], truth["money_moves"]) == ("declined", 0)


def test_a_used_key_gives_the_first_answer(shop: Shop) -> None:
    assert shop.pay(KEY) == shop.pay(KEY)
    (truth,) = shop.truth()
    assert (truth["authorized"], truth["money_moves"]) == (1050, 1)


def test_errors_are_the_sdks(shop: Shop) -> None:
    with pytest.raises(AdyenAPIUnprocessableEntity) as refused:
        shop.pay(paymentMethod=CARD | {"number": "4111111111111112"})
    assert refused.value.error_code == "101"
    with pytest.raises(AdyenAPIInvalidPermission):
        shop.pay(merchantAccount="Other")
    with pytest.raises(AdyenAPIAuthenticationError):
        Shop(shop.threaded, "another key").payments.payment_methods({"merchantAccount": MERCHANT_ACCOUNT})
    with pytest.raises(AdyenAPIUnprocessableEntity):
        shop.modify("capture_authorised_payment", "NOSUCHPAYMENT000", "capture-1", amount=EUROS)
    assert shop.truth() == []


def test_payment_methods(shop: Shop) -> None:
    listed = shop.payments.payment_methods({"merchantAccount": MERCHANT_ACCOUNT}).message
    assert [method["type"] for method in listed["paymentMethods"]] == ["scheme"]


def test_a_webhook_signed_with_another_key_is_no_adyens(shop: Shop) -> None:
    shop.pay()
    (body,) = shop.bodies()
    assert not util.is_valid_hmac_notification(body, "0" * 64)
