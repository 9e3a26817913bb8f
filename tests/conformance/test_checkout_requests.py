"""What the connector sends to Checkout.com, judged by its own description of 2021-07-20.

The description is older than the API. What it lacks is taken from the types of the official library, and nothing else.
"""

import json
from dataclasses import replace
from typing import Any

import pytest
from checkout_sdk.common.enums import ChallengeIndicator  # type: ignore[import-untyped]
from checkout_sdk.payments.payments import (  # type: ignore[import-untyped]
    Exemption,
    MerchantInitiatedReason,
    PaymentType,
    ProcessingSettings,
    ThreeDsRequest,
)
from hypothesis import given
from hypothesis import strategies as st

from devstack.descriptions import Description, default_folder, load
from mesh.currencies import EXPONENT_OF
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.http import HttpRequest
from psp_connectors.domain.operations import Operation
from tests.contract.connector_suite import BOUNDED
from tests.fakes.connectors.checkout import checkout_account, details, operations, questions
from tests.fakes.connectors.ports import authorization

CHECKOUT = CONNECTORS["checkout"]
OPERATIONS = operations()
EVERYTHING: dict[str, Operation] = {**OPERATIONS, **questions()}
SPECS = default_folder()

pytestmark = pytest.mark.skipif(SPECS is None, reason="the PSP material at ../shared/psp is not there")


@pytest.fixture(scope="module")
def description() -> Description:
    assert SPECS is not None
    return load(SPECS, "checkout")


def values(enumeration: Any) -> set[str]:
    return {member.value for member in enumeration}


def without_newer_fields(body: dict[str, Any]) -> dict[str, Any]:
    """Take out what the description is too old for, each checked against the official library's types."""
    old = dict(body)
    if old.get("payment_type") == "Unscheduled":
        assert "Unscheduled" in values(PaymentType)
        del old["payment_type"]
    if "3ds" in old:
        three_ds = dict(old["3ds"])
        assert set(three_ds) <= set(ThreeDsRequest.__annotations__)
        indicator = three_ds.pop("challenge_indicator", None)
        assert indicator is None or indicator in values(ChallengeIndicator)
        if three_ds.get("exemption") == "transaction_risk_assessment":
            assert three_ds.pop("exemption") in values(Exemption)
        old["3ds"] = three_ds
    processing = old.pop("processing", {})
    assert set(processing) <= {"order_id", "tax_amount", "merchant_initiated_reason"}
    assert set(processing) <= set(ProcessingSettings.__annotations__)
    reason = processing.get("merchant_initiated_reason")
    assert reason is None or reason in values(MerchantInitiatedReason)
    return old


def findings(description: Description, request: HttpRequest) -> list[str]:
    body = request.body
    if body:
        body = json.dumps(without_newer_fields(json.loads(body))).encode()
    return description.request_findings(request.method, request.url, request.headers, body)


@pytest.mark.parametrize("operation", EVERYTHING.values(), ids=EVERYTHING)
def test_every_variation_of_every_operation_is_as_described(description: Description, operation: Operation) -> None:
    assert findings(description, CHECKOUT.build(operation, checkout_account(authorization_type="Estimated"))) == []


def test_an_account_without_settings_is_enough(description: Description) -> None:
    account = replace(checkout_account(), settings={})
    assert findings(description, CHECKOUT.build(authorization(), account)) == []


def test_the_check_of_credentials_is_as_described(description: Description) -> None:
    assert CHECKOUT.check is not None
    assert findings(description, CHECKOUT.check.build(checkout_account())) == []


def test_the_judge_finds_what_is_not_as_described(description: Description) -> None:
    request = CHECKOUT.build(authorization(), checkout_account())
    body = json.loads(request.body)
    for other in ({**body, "captured": False}, {**body, "amount": "1050"}, {**body, "3ds": {"enabled": "yes"}}):
        spoiled = HttpRequest(
            method=request.method, url=request.url, headers=request.headers, body=json.dumps(other).encode()
        )
        assert findings(description, spoiled) != []


def test_every_kind_of_detail_is_among_the_variations() -> None:
    bodies = [json.loads(CHECKOUT.build(operation, checkout_account()).body) for operation in OPERATIONS.values()]
    assert {name for body in bodies for name in body} >= {
        "3ds",
        "billing_descriptor",
        "customer",
        "description",
        "failure_url",
        "merchant_initiated",
        "metadata",
        "payment_ip",
        "payment_type",
        "previous_payment_id",
        "processing",
        "processing_channel_id",
        "success_url",
    }
    assert len(details()) > 40


@BOUNDED
@given(
    currency=st.sampled_from(sorted(EXPONENT_OF)),
    value=st.integers(0, 99_999_999_999),
    key=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
)
def test_any_currency_amount_and_key(*, currency: str, value: int, key: str) -> None:
    operation = replace(authorization(value, currency), idempotency_key=key)
    factor = {"CLP": 100}.get(currency, 1)
    is_thousandth = currency in {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
    exact = value * factor <= 999_999_999 and not (is_thousandth and value % 10)
    if not exact or not 0 < len(key) <= CHECKOUT.capabilities.idempotency_key_max_length:
        with pytest.raises(Unsendable):
            CHECKOUT.build(operation, checkout_account())
        return
    request = CHECKOUT.build(operation, checkout_account())
    assert request.headers["Cko-Idempotency-Key"] == key
    body = json.loads(request.body)
    assert (body["amount"], body["currency"]) == (value * factor, currency)


def test_the_limits_are_what_can_be_sent() -> None:
    for currency in EXPONENT_OF:
        limits = CHECKOUT.capabilities.limits_of(currency)
        step = limits.smallest
        largest = limits.largest - limits.largest % step
        CHECKOUT.build(authorization(largest, currency), checkout_account())
        with pytest.raises(Unsendable):
            CHECKOUT.build(authorization(limits.largest + step, currency), checkout_account())
