"""What the connector sends to Adyen, judged by Adyen's own description of Checkout v72."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.descriptions import Description, default_folder, load
from mesh.currencies import EXPONENT_OF
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.http import HttpRequest
from psp_connectors.domain.operations import Action
from tests.contract.connector_suite import BOUNDED
from tests.fakes.connectors.adyen import adyen_account, details, operations, verification
from tests.fakes.connectors.ports import authorization

ADYEN = CONNECTORS["adyen"]
OPERATIONS = operations()
SPECS = default_folder()

pytestmark = pytest.mark.skipif(SPECS is None, reason="the PSP material at ../shared/psp is not there")


@pytest.fixture(scope="module")
def description() -> Description:
    assert SPECS is not None
    return load(SPECS, "adyen")


def findings(description: Description, request: HttpRequest) -> list[str]:
    return description.request_findings(request.method, request.url, request.headers, request.body)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("base_url", ["https://checkout-test.adyen.com/v72", "https://p-checkout-live.x/checkout/v72"])
def test_every_variation_of_every_operation_is_as_described(
    description: Description, operation: Action, base_url: str
) -> None:
    account = adyen_account(base_url, authorisation_type="PreAuth")
    assert findings(description, ADYEN.build(operation, account)) == []


def test_the_check_of_credentials_is_as_described(description: Description) -> None:
    assert ADYEN.check is not None
    assert findings(description, ADYEN.check.build(adyen_account())) == []


def test_the_judge_finds_what_is_not_as_described(description: Description) -> None:
    request = ADYEN.build(authorization(), adyen_account())
    body = json.loads(request.body)
    wrong = {**body, "captureDelay": 0}, {**body, "amount": {"currency": "EUR", "value": "1050"}}
    for other in wrong:
        spoiled = HttpRequest(
            method=request.method, url=request.url, headers=request.headers, body=json.dumps(other).encode()
        )
        assert findings(description, spoiled) != []


def test_additional_data_has_only_keys_that_adyen_documents(description: Description) -> None:
    document = description.operations[0].document
    common = document.at("#/components/schemas/AdditionalDataCommon")["properties"]
    three_ds = document.at("#/components/schemas/AdditionalData3DSecure")["properties"]
    used: set[str] = set()
    for operation in OPERATIONS.values():
        body = json.loads(ADYEN.build(operation, adyen_account(authorisation_type="PreAuth")).body)
        used |= set(body.get("additionalData", {}))
    assert used == {"authorisationType", "manualCapture", "networkTxReference", "scaExemption"}
    assert used <= set(common) | set(three_ds)


def test_every_kind_of_detail_is_among_the_variations() -> None:
    bodies = [json.loads(ADYEN.build(operation, adyen_account()).body) for operation in OPERATIONS.values()]
    sent = {name for body in bodies for name in body}
    assert sent >= {
        "additionalData",
        "authenticationData",
        "billingAddress",
        "captureDelayHours",
        "enhancedSchemeData",
        "industryUsage",
        "merchantOrderReference",
        "metadata",
        "mpiData",
        "recurringProcessingModel",
        "shopperEmail",
        "shopperIP",
        "shopperName",
        "shopperReference",
        "shopperStatement",
    }
    assert len(details()) > 40


@BOUNDED
@given(
    currency=st.sampled_from(sorted(EXPONENT_OF)),
    value=st.integers(0, 999_999_999_999),
    key=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=80),
    capture=st.booleans(),
)
def test_any_currency_amount_and_key(*, currency: str, value: int, key: str, capture: bool) -> None:
    operation = replace(authorization(value, currency, capture=capture), idempotency_key=key)
    exact = currency not in {"IDR", "CVE"} or value % 100 == 0
    if not exact or not 0 < len(key) <= 64:
        with pytest.raises(Unsendable):
            ADYEN.build(operation, adyen_account())
        return
    request = ADYEN.build(operation, adyen_account())
    assert request.headers["Idempotency-Key"] == key
    amount = json.loads(request.body)["amount"]
    assert amount["currency"] == currency
    if currency in {"CLP", "ISK"}:
        assert amount["value"] == value * 100
    elif currency in {"IDR", "CVE"}:
        assert amount["value"] * 100 == value
    else:
        assert amount["value"] == value


@pytest.mark.parametrize("currency", sorted(EXPONENT_OF))
def test_every_currency_can_be_verified(description: Description, currency: str) -> None:
    assert findings(description, ADYEN.build(verification(currency), adyen_account())) == []
