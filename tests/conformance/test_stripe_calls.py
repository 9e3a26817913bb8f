"""Stripe's official library sends the same for every variation that has a place of its own in Stripe's API."""

from collections.abc import Callable
from typing import Any

import pytest

from psp_connectors.connectors.stripe.connector import STRIPE
from psp_connectors.domain.operations import Operation
from tests.conformance.recorder import Recorder, compare
from tests.fakes.connectors.ports import API_KEY, CARD_CODE, CARD_NUMBER, KEY, authorization
from tests.fakes.connectors.stripe import (
    PAYMENT,
    REFUND,
    RETURN_URL,
    SETUP,
    THREE_DS,
    actions,
    questions,
    stripe_account,
)
from tests.support.psp_sdks import stripe_sdk

ACTIONS = actions()
QUESTIONS = questions()
WRITING: Any = {"stripe_version": "2024-04-10", "idempotency_key": KEY}
READING: Any = {"stripe_version": "2024-04-10"}

CARD = {"number": CARD_NUMBER, "exp_month": 12, "exp_year": 2099, "cvc": CARD_CODE}
ADDRESS = {"line1": "1 Row", "line2": "B", "city": "London", "state": "LND", "postal_code": "W1", "country": "GB"}
COMMON: dict[str, Any] = {
    "confirm": True,
    "metadata": {"reference": "pay_1_1"},
    "payment_method_data": {"type": "card", "card": CARD, "billing_details": {"name": "Ada Lovelace"}},
    "payment_method_types": ["card"],
}
MINIMAL: dict[str, Any] = COMMON | {
    "amount": 1050,
    "currency": "eur",
    "capture_method": "manual",
    "expand": ["latest_charge"],
    "statement_descriptor_suffix": "SHOP",
}
VERIFYING: dict[str, Any] = COMMON | {"expand": ["latest_attempt"], "usage": "on_session"}
NO_ACTION: dict[str, Any] = {"error_on_requires_action": True}
FULL: dict[str, Any] = {
    "description": "Two hats",
    "metadata": {"reference": "pay_1_1", "merchant_reference": "order 7", "shop": "7"},
    "payment_method_data": {
        "type": "card",
        "card": CARD,
        "billing_details": {"address": ADDRESS, "name": "Ada Lovelace", "email": "ada@example.com"},
    },
    "payment_method_options": {"card": {"request_three_d_secure": "challenge"}},
    "return_url": RETURN_URL,
}
RESULT = {
    "version": "2.2.0",
    "ares_trans_status": "Y",
    "cryptogram": THREE_DS.cryptogram.reveal(),
    "transaction_id": THREE_DS.ds_transaction_id,
    "electronic_commerce_indicator": "05",
}
IMPORTED: dict[str, Any] = {"payment_method_options": {"card": {"three_d_secure": RESULT}}}
SEARCH: dict[str, Any] = {
    "query": "metadata['reference']:'pay_1_1'",
    "limit": 10,
    "expand": ["data.latest_charge"],
}


def creating(request: dict[str, Any]) -> Callable[[Any], object]:
    return lambda v1: v1.payment_intents.create(request, WRITING)


CALLS: dict[str, tuple[Operation, Callable[[Any], object]]] = {
    "authorize and capture": (
        authorization(capture=True),
        creating(MINIMAL | NO_ACTION | {"capture_method": "automatic"}),
    ),
    "authorize with everything": (ACTIONS["authorize_full_False"], creating(MINIMAL | FULL)),
    "authenticated elsewhere": (ACTIONS["authorize_three_ds_False"], creating(MINIMAL | NO_ACTION | IMPORTED)),
    "first of an agreement": (
        ACTIONS["authorize_customer_first_recurring_False"],
        creating(MINIMAL | NO_ACTION | {"setup_future_usage": "off_session"}),
    ),
    "off session": (
        ACTIONS["authorize_merchant_subsequent_recurring_False"],
        creating(MINIMAL | {"off_session": "recurring"}),
    ),
    "verify": (ACTIONS["verify_plain"], lambda v1: v1.setup_intents.create(VERIFYING, WRITING)),
    "verify with everything": (ACTIONS["verify_full"], lambda v1: v1.setup_intents.create(VERIFYING | FULL, WRITING)),
    "capture": (
        ACTIONS["capture"],
        lambda v1: v1.payment_intents.capture(
            PAYMENT, {"amount_to_capture": 1050, "metadata": {"cap_1": "1050"}}, WRITING
        ),
    ),
    "search a payment": (QUESTIONS["authorize_search"], lambda v1: v1.payment_intents.search(SEARCH, READING)),
    "ask for a verification": (
        QUESTIONS["verify"],
        lambda v1: v1.setup_intents.retrieve(SETUP, {"expand": ["latest_attempt"]}, READING),
    ),
    "ask for a refund": (QUESTIONS["refund"], lambda v1: v1.refunds.retrieve(REFUND, None, READING)),
    "ask for the refunds of a payment": (
        QUESTIONS["refund_list"],
        lambda v1: v1.refunds.list({"payment_intent": PAYMENT, "limit": 100}, READING),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_library_sends_the_same(recorder: Recorder, name: str) -> None:
    operation, call = CALLS[name]
    call(stripe_sdk(recorder.url, API_KEY).v1)
    assert compare(STRIPE.build(operation, stripe_account(recorder.url)), recorder.only()) == []


def test_the_library_names_a_connected_account_the_same_way(recorder: Recorder) -> None:
    stripe_sdk(recorder.url, API_KEY).v1.payment_intents.cancel(PAYMENT, {}, WRITING | {"stripe_account": "acct_1"})
    request = STRIPE.build(ACTIONS["void"], stripe_account(recorder.url, stripe_account="acct_1"))
    assert recorder.only().headers["stripe-account"] == request.headers["Stripe-Account"] == "acct_1"


def test_the_check_of_credentials(recorder: Recorder) -> None:
    stripe_sdk(recorder.url, API_KEY).v1.balance.retrieve(None, READING)
    assert STRIPE.check is not None
    assert compare(STRIPE.check.build(stripe_account(recorder.url)), recorder.only()) == []


def test_a_difference_is_seen(recorder: Recorder) -> None:
    creating(MINIMAL | NO_ACTION | {"amount": 1051})(stripe_sdk(recorder.url, API_KEY).v1)
    found = compare(STRIPE.build(authorization(), stripe_account(recorder.url)), recorder.only())
    assert [line.partition(":")[0] for line in found] == ["amount"]
