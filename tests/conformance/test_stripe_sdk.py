"""The connector's calls beside those of Stripe's official SDK, which is pointed at a recorder."""

import re
from pathlib import Path
from typing import Any

import pytest
import stripe

from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.connectors.stripe import codes
from psp_connectors.domain.operations import Operation
from tests.conformance.recorder import Prepared, Recorder, compare
from tests.fakes.connectors.ports import API_KEY, KEY, authorization
from tests.fakes.connectors.stripe import PAYMENT, capture, increment, questions, refund, stripe_account, void
from tests.support.psp_sdks import stripe_sdk

STRIPE = CONNECTORS["stripe"]
OPTIONS: Any = {"idempotency_key": KEY, "stripe_version": "2024-04-10"}
ASKING: Any = {"stripe_version": "2024-04-10"}


def differences(recorder: Recorder, operation: Operation) -> list[str]:
    return compare(STRIPE.build(operation, stripe_account()), recorder.only())


@pytest.fixture
def client(recorder: Recorder) -> Any:
    recorder.answer(Prepared(body={"id": PAYMENT, "object": "payment_intent"}))
    return stripe_sdk(recorder.url, API_KEY).v1


def test_authorize(recorder: Recorder, client: Any) -> None:
    client.payment_intents.create(
        {
            "amount": 1050,
            "currency": "eur",
            "capture_method": "manual",
            "confirm": True,
            "error_on_requires_action": True,
            "expand": ["latest_charge"],
            "metadata": {"reference": "pay_1_1"},
            "payment_method_types": ["card"],
            "payment_method_data": {
                "type": "card",
                "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2099, "cvc": "737"},
                "billing_details": {"name": "Ada Lovelace"},
            },
            "statement_descriptor_suffix": "SHOP",
        },
        OPTIONS,
    )
    assert differences(recorder, authorization()) == []


def test_capture_of_a_part(recorder: Recorder, client: Any) -> None:
    fields = {"amount_to_capture": 400, "final_capture": False, "metadata": {"cap_1": "400"}}
    client.payment_intents.capture(PAYMENT, fields, OPTIONS)
    assert differences(recorder, capture(400, final=False)) == []


def test_void(recorder: Recorder, client: Any) -> None:
    client.payment_intents.cancel(PAYMENT, {}, OPTIONS)
    assert differences(recorder, void()) == []


def test_increment(recorder: Recorder, client: Any) -> None:
    client.payment_intents.increment_authorization(PAYMENT, {"amount": 1500, "metadata": {"inc_1": "450"}}, OPTIONS)
    assert differences(recorder, increment()) == []


def test_refund(recorder: Recorder, client: Any) -> None:
    client.refunds.create({"payment_intent": PAYMENT, "amount": 1050, "metadata": {"reference": "ref_1"}}, OPTIONS)
    assert differences(recorder, refund()) == []


def test_questions(recorder: Recorder, client: Any) -> None:
    client.payment_intents.retrieve(PAYMENT, {"expand": ["latest_charge"]}, ASKING)
    assert differences(recorder, questions()["authorize"]) == []


def test_every_error_code_of_the_sdk_is_known() -> None:
    """The SDK's type of `last_payment_error.code` is Stripe's own list of error codes."""
    source = (Path(stripe.__file__).parent / "_payment_intent.py").read_text()
    start = source.index(" code: Optional[", source.index("class LastPaymentError"))
    listed = set(re.findall(r'"([a-z0-9_]+)"', source[start : source.index('"""', start)]))
    assert len(listed) > 150
    known = set(codes.ERRORS) | set(codes.DECLINES) | set(codes.CONFLICTS)
    unknown = {code for code in listed - known if not code.startswith(tuple(codes.NEVER_OURS))}
    assert unknown == set()
