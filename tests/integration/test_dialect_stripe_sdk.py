"""Stripe's official SDK works against the sandbox's Stripe: create, capture, refund, decline, search, webhooks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import stripe

from tests.support.sandbox_psp import Received, ThreadedLab, sandbox_in_thread

pytestmark = pytest.mark.integration

KEY = "sk_test_payera_sandbox_key"
WEBHOOK_SECRET = "whsec_payera_sandbox"
ACCOUNT = {"account": "stripe_a", "dialect": "stripe", "api_key": KEY, "webhook_secret": WEBHOOK_SECRET}
RAW_CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2031, "cvc": "123"}


@dataclass
class Shop:
    """The SDK pointed at the sandbox."""

    threaded: ThreadedLab
    client: stripe.StripeClient

    def create(self, **changes: Any) -> stripe.PaymentIntent:
        options = changes.pop("options", {})
        params = {
            "amount": 1050,
            "currency": "eur",
            "confirm": True,
            "capture_method": "manual",
            "payment_method_types": ["card"],
            "payment_method": "pm_card_visa",
            "metadata": {"reference": "pay_1_1"},
        } | changes
        return self.client.v1.payment_intents.create(params, options)  # type: ignore[arg-type]

    def webhooks(self) -> list[Received]:
        self.threaded.run(self.threaded.lab.call("POST", "webhooks:settle"))
        return self.threaded.lab.receiver.received

    def truth(self, reference: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.threaded.run(self.threaded.lab.truth(reference))
        return found

    def violations(self) -> Any:
        return self.threaded.run(self.threaded.lab.get("violations"))


async def _location_after(url: str) -> str:
    """Pass the challenge where the shopper is sent, and tell where they are sent from there."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data={"outcome": "complete"}, allow_redirects=False) as response,
    ):
        return response.headers["Location"]


@pytest.fixture
def shop() -> Iterator[Shop]:
    with sandbox_in_thread(ACCOUNT) as threaded:
        client = stripe.StripeClient(
            KEY,
            base_addresses={"api": threaded.lab.url},
            stripe_version="2024-04-10",
            http_client=stripe.RequestsClient(timeout=20),
            max_network_retries=0,
        )
        shop = Shop(threaded, client)
        yield shop
        assert shop.violations()["violations"] == []


def test_authorize_capture_refund(shop: Shop) -> None:
    intent = shop.create(expand=["latest_charge"])
    assert (intent.status, intent.amount, intent.amount_capturable) == ("requires_capture", 1050, 1050)
    charge: Any = intent.latest_charge
    assert (charge.status, charge.captured, charge.payment_method_details.card.last4) == ("succeeded", False, "4242")
    captured = shop.client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 1000})
    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 1000, 0)
    refund = shop.client.v1.refunds.create(
        {"payment_intent": intent.id, "amount": 400, "metadata": {"reference": "ref_1"}}
    )
    assert (refund.status, refund.amount, refund.payment_intent) == ("succeeded", 400, intent.id)
    rest = shop.client.v1.refunds.create({"payment_intent": intent.id})
    assert rest.amount == 600
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.client.v1.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_already_refunded"
    listed = shop.client.v1.refunds.list({"payment_intent": intent.id, "limit": 1})
    assert [one.id for one in listed.data] == [rest.id]
    assert [one.id for one in listed.auto_paging_iter()] == [rest.id, refund.id]
    again: Any = shop.client.v1.refunds.retrieve(refund.id)
    assert again.metadata["reference"] == "ref_1"
    (truth,) = shop.truth("pay_1_1")
    assert (truth["authorized"], truth["captured"], truth["refunded"]) == (1050, 1000, 1000)
    assert truth["money_moves"] == 4


def test_raw_card_is_taken_and_kept_nowhere(shop: Shop) -> None:
    intent = shop.create(payment_method=None, payment_method_data={"type": "card", "card": RAW_CARD})
    assert intent.status == "requires_capture"
    assert "4242424242424242" not in json.dumps(shop.truth("pay_1_1"))
    assert all(b"4242424242424242" not in webhook.body for webhook in shop.webhooks())


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_radarBlock", "card_declined", "fraudulent"),
    ],
)
def test_decline_is_a_card_error(shop: Shop, method: str, code: str, decline_code: str | None) -> None:
    with pytest.raises(stripe.CardError) as caught:
        shop.create(payment_method=method)
    error: Any = caught.value.error
    assert (caught.value.http_status, caught.value.code, error.decline_code) == (402, code, decline_code)
    assert error.payment_intent.status == "requires_payment_method"
    again = shop.client.v1.payment_intents.retrieve(error.payment_intent.id)
    assert again.last_payment_error is not None
    assert again.last_payment_error.code == code
    (truth,) = shop.truth("pay_1_1")
    assert (truth["status"], truth["money_moves"]) == ("declined", 0)


def test_cancel(shop: Shop) -> None:
    intent = shop.create()
    canceled = shop.client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "duplicate"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "duplicate")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.client.v1.payment_intents.capture(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"


def test_captures_in_parts_and_increment(shop: Shop) -> None:
    wanted = {"request_multicapture": "if_available", "request_incremental_authorization": "if_available"}
    intent = shop.create(payment_method_options={"card": wanted})
    more = shop.client.v1.payment_intents.increment_authorization(
        intent.id, {"amount": 1500, "metadata": {"inc_1": "450"}}
    )
    assert (more.amount, more.amount_capturable) == (1500, 1500)
    part = shop.client.v1.payment_intents.capture(
        intent.id, {"amount_to_capture": 500, "final_capture": False, "metadata": {"cap_1": "500"}}
    )
    assert (part.status, part.amount_received, part.amount_capturable) == ("requires_capture", 500, 1000)
    last = shop.client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 700, "metadata": {"cap_2": "700"}})
    assert (last.status, last.amount_received) == ("succeeded", 1200)
    entries = {"reference": "pay_1_1", "inc_1": "450", "cap_1": "500", "cap_2": "700"}
    assert {name: last.metadata[name] for name in entries} == entries
    plain = shop.create(metadata={"reference": "pay_2_1"})
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.payment_intents.capture(plain.id, {"amount_to_capture": 500, "final_capture": False})
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.payment_intents.increment_authorization(plain.id, {"amount": 1500})


def test_idempotency(shop: Shop) -> None:
    first = shop.create(options={"idempotency_key": "k1"})
    shop.client.v1.payment_intents.capture(first.id)
    again = shop.create(options={"idempotency_key": "k1"})
    assert again.id == first.id
    assert again.status == "requires_capture", "the first answer, not what has become of it"
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        shop.create(amount=1051, options={"idempotency_key": "k1"})
    (truth,) = shop.truth("pay_1_1")
    assert truth["authorized"] == 1050
    shop.threaded.run(shop.threaded.lab.call("POST", "keys:forget"))
    assert shop.create(options={"idempotency_key": "k1"}).id != first.id
    assert len(shop.truth("pay_1_1")) == 2, "Stripe keeps no references unique"


def test_search_finds_by_reference(shop: Shop) -> None:
    intent = shop.create()
    shop.create(metadata={"reference": "pay_2_1", "shop": "7"})
    query = {"query": "metadata['reference']:'pay_1_1'", "expand": ["data.latest_charge"]}
    found: Any = shop.client.v1.payment_intents.search(query)  # type: ignore[arg-type]
    assert [(one.id, one.latest_charge.object) for one in found.data] == [(intent.id, "charge")]
    assert shop.client.v1.payment_intents.search({"query": "metadata['shop']:'7'"}).data[0].id != intent.id
    assert shop.client.v1.payment_intents.search({"query": "metadata['reference']:'none'"}).data == []


def test_verification(shop: Shop) -> None:
    params: Any = {
        "confirm": True,
        "payment_method_types": ["card"],
        "payment_method": "pm_card_visa",
        "metadata": {"reference": "pay_1_1"},
        "expand": ["latest_attempt"],
    }
    setup: Any = shop.client.v1.setup_intents.create(params)
    assert (setup.status, setup.latest_attempt.status) == ("succeeded", "succeeded")
    with pytest.raises(stripe.CardError):
        shop.client.v1.setup_intents.create(params | {"payment_method": "pm_card_chargeDeclinedExpiredCard"})
    assert shop.client.v1.setup_intents.retrieve(setup.id).status == "succeeded"
    assert shop.truth("pay_1_1")[0]["authorized"] == 0


def test_three_d_secure(shop: Shop) -> None:
    intent = shop.create(payment_method="pm_card_authenticationRequired", return_url="https://shop.example/back")
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    action: Any = intent.next_action.redirect_to_url
    location = shop.threaded.run(_location_after(action.url))
    assert location.startswith(f"https://shop.example/back?payment_intent={intent.id}")
    assert shop.client.v1.payment_intents.retrieve(intent.id).status == "requires_capture"
    with pytest.raises(stripe.CardError) as caught:
        shop.create(payment_method="pm_card_authenticationRequired", off_session=True)
    assert caught.value.code == "authentication_required"


def test_wrong_key(shop: Shop) -> None:
    other = stripe.StripeClient("sk_test_other", base_addresses={"api": shop.threaded.lab.url}, max_network_retries=0)
    with pytest.raises(stripe.AuthenticationError):
        other.v1.balance.retrieve()
    assert shop.client.v1.balance.retrieve().object == "balance"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        shop.client.v1.payment_intents.retrieve("pi_none")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


def test_webhooks_are_genuine(shop: Shop) -> None:
    intent = shop.create()
    shop.client.v1.payment_intents.capture(intent.id)
    shop.client.v1.refunds.create({"payment_intent": intent.id, "amount": 50})
    events = [
        stripe.Webhook.construct_event(one.body, one.headers["stripe-signature"], WEBHOOK_SECRET)
        for one in shop.webhooks()
    ]
    assert [event.type for event in events] == [
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
    ]
    assert events[1].data.object.amount_received == 1050
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(
            shop.webhooks()[0].body + b" ", shop.webhooks()[0].headers["stripe-signature"], WEBHOOK_SECRET
        )


def test_refund_that_fails_later(shop: Shop) -> None:
    intent = shop.create(payment_method="pm_card_refundFail", capture_method="automatic")
    refund = shop.client.v1.refunds.create({"payment_intent": intent.id, "metadata": {"reference": "ref_1"}})
    assert refund.status == "succeeded"
    assert shop.client.v1.refunds.retrieve(refund.id).status == "failed"
    types = [json.loads(one.body)["type"] for one in shop.webhooks()]
    assert types == [
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "charge.refund.updated",
    ]
    (truth,) = shop.truth("ref_1")
    assert (truth["captured"], truth["refunded"]) == (1050, 0)


def test_pending_refund(shop: Shop) -> None:
    intent = shop.create(payment_method="pm_card_pendingRefund", capture_method="automatic")
    refund = shop.client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == "pending"
    assert shop.client.v1.refunds.retrieve(refund.id).status == "succeeded"
