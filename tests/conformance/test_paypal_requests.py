"""What the connector sends to PayPal, judged by PayPal's own descriptions of Orders v2, Payments v2 and Webhooks v1."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.descriptions import Description, default_folder, load
from psp_connectors.connectors.paypal.capabilities import LONGEST_KEY
from psp_connectors.connectors.paypal.money import CURRENCIES
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Address
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.details import Customer, Level2, PaymentDetails
from psp_connectors.domain.http import HttpRequest
from psp_connectors.domain.operations import Action
from tests.conformance.material import needs_material
from tests.contract.connector_suite import BOUNDED
from tests.fakes.connectors.paypal import RETURN_URL, agreement, detailed, paypal_account, questions, variations
from tests.fakes.connectors.ports import authorization

PAYPAL = CONNECTORS["paypal"]
SPECS = default_folder()
VARIATIONS = variations()

pytestmark = needs_material


@pytest.fixture(scope="module")
def description() -> Description:
    assert SPECS is not None
    return load(SPECS, "paypal")


def findings(description: Description, request: HttpRequest) -> list[str]:
    return description.request_findings(request.method, request.url, request.headers, request.body)


@pytest.mark.parametrize("operation", VARIATIONS.values(), ids=VARIATIONS)
def test_every_variation_of_every_operation_is_as_described(description: Description, operation: Action) -> None:
    assert findings(description, PAYPAL.build(operation, paypal_account())) == []


def test_every_question_is_as_described(description: Description) -> None:
    for question in questions():
        assert findings(description, PAYPAL.build(question, paypal_account())) == []


def test_the_check_of_credentials_is_as_described(description: Description) -> None:
    assert PAYPAL.check is not None
    for account in (paypal_account(), paypal_account(webhook_id="")):
        assert findings(description, PAYPAL.check.build(account)) == []


def test_the_judge_finds_what_is_not_as_described(description: Description) -> None:
    request = PAYPAL.build(authorization(), paypal_account())
    body = json.loads(request.body)
    card = body["payment_source"]["card"]
    for spoiled in (
        body | {"intent": "AUTHORISE"},
        body | {"merchant": "x"},
        body | {"payment_source": {"card": card | {"expiry": "12/2099"}}},
        body | {"payment_source": {"card": card | {"cvc": "123"}}},
        body | {"purchase_units": []},
    ):
        other = HttpRequest(
            method=request.method, url=request.url, headers=request.headers, body=json.dumps(spoiled).encode()
        )
        assert findings(description, other) != []


@BOUNDED
@given(length=st.integers(1, LONGEST_KEY))
def test_request_ids_fit(description: Description, length: int) -> None:
    request = PAYPAL.build(replace(authorization(), idempotency_key="k" * length), paypal_account())
    assert findings(description, request) == []
    too_long = HttpRequest(
        method=request.method,
        url=request.url,
        headers=dict(request.headers) | {"PayPal-Request-Id": "k" * (LONGEST_KEY + length)},
        body=request.body,
    )
    assert findings(description, too_long) != []


@BOUNDED
@given(value=st.integers(1, 999_999_999_999), currency=st.sampled_from(CURRENCIES))
def test_every_amount_that_is_sent_is_as_described(description: Description, value: int, currency: str) -> None:
    try:
        request = PAYPAL.build(authorization(value, currency), paypal_account())
    except Unsendable:
        assert currency in {"HUF", "TWD"}
        return
    assert findings(description, request) == []


TEXTS = st.text(st.characters(codec="utf-8", min_codepoint=32), max_size=200)


@BOUNDED
@given(data=st.data())
def test_whatever_the_merchant_writes_is_sent_as_described(description: Description, data: st.DataObject) -> None:
    lines = [data.draw(TEXTS) for _ in range(4)]
    reference, description_of_goods, level2, postal_code = lines
    details = PaymentDetails(
        merchant_reference=reference[:100],
        description=description_of_goods,
        return_url=RETURN_URL,
        customer=Customer(
            name=reference,
            address=Address(line1=level2, city=reference[:100], postal_code=postal_code[:20], country="DE"),
        ),
        level2=Level2(customer_reference=level2[:50], tax_amount=data.draw(st.integers(0, 10**6))),
    )
    assert findings(description, PAYPAL.build(detailed(details), paypal_account())) == []


@BOUNDED
@given(nti=st.text(max_size=64), date=st.from_regex(r"\A([0-9]{4})?\Z"))
def test_network_transaction_ids_fit_or_are_not_sent(description: Description, nti: str, date: str) -> None:
    details = PaymentDetails(stored_credential=agreement(nti=nti, date=date))
    try:
        request = PAYPAL.build(detailed(details), paypal_account())
    except Unsendable:
        return
    assert findings(description, request) == []
