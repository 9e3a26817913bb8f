"""What the connector sends to Stripe, judged by Stripe's own description of 2024-04-10."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.descriptions import Description, default_folder, load
from mesh.currencies import EXPONENT_OF
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.http import HttpRequest
from psp_connectors.domain.operations import Operation
from tests.contract.connector_suite import BOUNDED
from tests.fakes.connectors.ports import authorization
from tests.fakes.connectors.stripe import actions, approval, card_error, operations, questions, stripe_account

STRIPE = CONNECTORS["stripe"]
SPECS = default_folder()
ALL: dict[str, Operation] = {**actions(), **{f"sync_{name}": question for name, question in questions().items()}}

pytestmark = pytest.mark.skipif(SPECS is None, reason="the PSP material at ../shared/psp is not there")


@pytest.fixture(scope="module")
def description() -> Description:
    assert SPECS is not None
    return load(SPECS, "stripe")


def findings(description: Description, request: HttpRequest) -> list[str]:
    return description.request_findings(request.method, request.url, request.headers, request.body)


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize("operation", ALL.values(), ids=ALL)
def test_every_variation_of_every_operation_is_as_described(description: Description, operation: Operation) -> None:
    account = stripe_account(
        request_multicapture="if_available",
        request_incremental_authorization="if_available",
        request_extended_authorization="never",
    )
    assert findings(description, STRIPE.build(operation, account)) == []


def test_the_check_of_credentials_is_as_described(description: Description) -> None:
    assert STRIPE.check is not None
    assert findings(description, STRIPE.check.build(stripe_account())) == []


def test_the_judge_finds_what_is_not_as_described(description: Description) -> None:
    request = STRIPE.build(authorization(), stripe_account())
    for wrong in (b"&reference=x", b"&payment_method_options[card][mit_exemption]=x"):
        spoiled = HttpRequest(
            method=request.method, url=request.url, headers=request.headers, body=request.body + wrong
        )
        assert findings(description, spoiled) != []
    cents = HttpRequest(
        method=request.method,
        url=request.url,
        headers=request.headers,
        body=re.sub(rb"amount=1050", b"amount=10.50", request.body),
    )
    assert findings(description, cents) != []


@BOUNDED
@given(currency=st.sampled_from(sorted(EXPONENT_OF)), value=st.integers(1, 10**12))
def test_every_amount_is_sent_as_described_or_not_at_all(description: Description, currency: str, value: int) -> None:
    try:
        request = STRIPE.build(authorization(value, currency), stripe_account())
    except Unsendable:
        return
    assert findings(description, request) == []


@pytest.mark.parametrize("operation", operations().values(), ids=operations())
def test_the_samples_of_answers_are_as_described(description: Description, operation: Operation) -> None:
    """The description has no examples of its own, so those that other tests rest on are judged here."""
    request = STRIPE.build(operation, stripe_account())
    path = request.url.removeprefix("https://api.stripe.com").partition("?")[0]
    found = description.response_findings(request.method, path, 200, "application/json", encoded(approval(operation)))
    assert found == []


def test_the_sample_of_a_decline_is_as_described(description: Description) -> None:
    body = card_error(decline_code="lost_card")
    assert description.response_findings("POST", "/v1/payment_intents", 402, "application/json", encoded(body)) == []
