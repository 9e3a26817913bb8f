"""Properties of all connectors: keys, amounts, currencies, dates in any zone, webhooks."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from psp_connectors.connectors.adyen.money import UNITS as ADYEN_UNITS
from psp_connectors.connectors.adyen.webhooks import _seconds as adyen_seconds
from psp_connectors.connectors.checkout.money import UNITS as CHECKOUT_UNITS
from psp_connectors.connectors.checkout.results import seconds_of as checkout_seconds
from psp_connectors.connectors.paypal.money import UNITS as PAYPAL_UNITS
from psp_connectors.connectors.paypal.resources import seconds_of as paypal_seconds
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.connectors.stripe.money import UNITS as STRIPE_UNITS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Account
from psp_connectors.domain.operations import Operation
from psp_connectors.domain.webhooks import RawWebhook
from tests.contract.connector_suite import ACTIONS
from tests.contract.property_suite import (
    DatesSuite,
    PropertySuite,
    SharedSecretWebhookSuite,
    UnitsSuite,
    WholeBodyWebhookSuite,
)
from tests.fakes.connectors import adyen, checkout, paypal, paypal_signer, stripe
from tests.fakes.connectors.ports import authorization


class TestSandboxProperties(PropertySuite):
    connector = CONNECTORS["sandbox"]

    def operations(self) -> Sequence[Operation]:
        return list(ACTIONS)


class TestAdyenProperties(PropertySuite):
    connector = CONNECTORS["adyen"]

    def account(self) -> Account:
        return adyen.adyen_account()

    def operations(self) -> Sequence[Operation]:
        return [authorization(), authorization(capture=True), adyen.verification(), *adyen.modifications().values()]


class TestCheckoutProperties(PropertySuite):
    connector = CONNECTORS["checkout"]

    def account(self) -> Account:
        return checkout.checkout_account()

    def operations(self) -> Sequence[Operation]:
        cards = (authorization(), authorization(capture=True), checkout.verification())
        return [*cards, *checkout.modifications().values()]


class TestPaypalProperties(PropertySuite):
    connector = CONNECTORS["paypal"]

    def account(self) -> Account:
        return paypal.paypal_account()

    def operations(self) -> Sequence[Operation]:
        return list(paypal.actions())


class TestStripeProperties(PropertySuite):
    connector = CONNECTORS["stripe"]

    def account(self) -> Account:
        return stripe.stripe_account()

    def operations(self) -> Sequence[Operation]:
        return list(stripe.operations().values())


class TestAdyenUnits(UnitsSuite):
    units = ADYEN_UNITS


class TestCheckoutUnits(UnitsSuite):
    units = CHECKOUT_UNITS


class TestPaypalUnits(UnitsSuite):
    units = PAYPAL_UNITS


class TestStripeUnits(UnitsSuite):
    units = STRIPE_UNITS


class TestAdyenDates(DatesSuite):
    def seconds_of(self, text: str) -> int:
        return adyen_seconds(text)


class TestCheckoutDates(DatesSuite):
    def seconds_of(self, text: str) -> int:
        return checkout_seconds(text)


class TestPaypalDates(DatesSuite):
    def seconds_of(self, text: str) -> int:
        return paypal_seconds(text)


class TestStripeWebhooks(WholeBodyWebhookSuite, SharedSecretWebhookSuite):
    connector = CONNECTORS["stripe"]
    secret = Secret("whsec_of_the_endpoint")

    def account(self) -> Account:
        return stripe.stripe_account()

    def genuine(self) -> RawWebhook:
        event = {
            "id": "evt_1",
            "object": "event",
            "type": "payment_intent.amount_capturable_updated",
            "created": self.now,
            "data": {"object": stripe.intent()},
        }
        body = json.dumps(event).encode()
        text = f"{self.now}.".encode() + body
        signature = hmac.new(self.secret.reveal().encode(), text, hashlib.sha256).hexdigest()
        return RawWebhook(headers={"stripe-signature": f"t={self.now},v1={signature}"}, body=body)

    def signing_headers(self) -> frozenset[str]:
        return frozenset({"stripe-signature"})


class TestCheckoutWebhooks(WholeBodyWebhookSuite, SharedSecretWebhookSuite):
    connector = CONNECTORS["checkout"]
    secret = Secret(checkout.SIGNATURE_KEY)

    def account(self) -> Account:
        return checkout.checkout_account()

    def genuine(self) -> RawWebhook:
        return checkout.webhook(checkout.event("payment_approved"))

    def signing_headers(self) -> frozenset[str]:
        return frozenset({"cko-signature"})


class TestAdyenWebhooks(SharedSecretWebhookSuite):
    connector = CONNECTORS["adyen"]
    secret = Secret(adyen.HMAC_KEY)

    def account(self) -> Account:
        return adyen.adyen_account()

    def genuine(self) -> RawWebhook:
        return adyen.webhook(adyen.signed(adyen.item()), headers={"content-type": "application/json"})


class TestPaypalWebhooks(WholeBodyWebhookSuite):
    connector = CONNECTORS["paypal"]
    now = paypal_signer.NOW

    def account(self) -> Account:
        return paypal.paypal_account(webhook_roots=paypal_signer.root().pem)

    def genuine(self) -> RawWebhook:
        return paypal_signer.signed({"id": "WH-1", "event_type": "CUSTOMER.DISPUTE.CREATED", "resource": {}})

    def evidence(self) -> Mapping[str, bytes]:
        return {paypal_signer.CERTIFICATE_URL: paypal_signer.chain()}

    def signing_headers(self) -> frozenset[str]:
        return frozenset(
            {
                "paypal-transmission-id",
                "paypal-transmission-time",
                "paypal-transmission-sig",
                "paypal-cert-url",
                "paypal-auth-algo",
            }
        )


def test_every_connector_with_webhooks_is_tried() -> None:
    suites = (TestAdyenWebhooks, TestCheckoutWebhooks, TestPaypalWebhooks, TestStripeWebhooks)
    with_webhooks = {name for name, connector in CONNECTORS.items() if connector.read_webhook is not None}
    assert {suite.connector.name for suite in suites} == with_webhooks
