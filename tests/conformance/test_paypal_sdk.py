"""PayPal's official SDK, pointed at a recorder, sends the same requests as the connector for the same calls."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from paypalserversdk.models.address import Address  # type: ignore[import-untyped]
from paypalserversdk.models.amount_with_breakdown import AmountWithBreakdown  # type: ignore[import-untyped]
from paypalserversdk.models.capture_request import CaptureRequest  # type: ignore[import-untyped]
from paypalserversdk.models.card_attributes import CardAttributes  # type: ignore[import-untyped]
from paypalserversdk.models.card_experience_context import CardExperienceContext  # type: ignore[import-untyped]
from paypalserversdk.models.card_request import CardRequest  # type: ignore[import-untyped]
from paypalserversdk.models.card_stored_credential import CardStoredCredential  # type: ignore[import-untyped]
from paypalserversdk.models.card_supplementary_data import CardSupplementaryData  # type: ignore[import-untyped]
from paypalserversdk.models.card_verification import CardVerification  # type: ignore[import-untyped]
from paypalserversdk.models.level_2_card_processing_data import (  # type: ignore[import-untyped]
    Level2CardProcessingData,
)
from paypalserversdk.models.money import Money  # type: ignore[import-untyped]
from paypalserversdk.models.network_transaction import NetworkTransaction  # type: ignore[import-untyped]
from paypalserversdk.models.order_request import OrderRequest  # type: ignore[import-untyped]
from paypalserversdk.models.payment_source import PaymentSource  # type: ignore[import-untyped]
from paypalserversdk.models.purchase_unit_request import PurchaseUnitRequest  # type: ignore[import-untyped]
from paypalserversdk.models.refund_request import RefundRequest  # type: ignore[import-untyped]
from paypalserversdk.models.supplementary_data import SupplementaryData  # type: ignore[import-untyped]

from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.details import Level2, PaymentDetails, ThreeDsPreference
from psp_connectors.domain.operations import Operation, OperationKind
from tests.conformance.recorder import Prepared, Recorded, Recorder, compare
from tests.fakes.connectors.paypal import (
    ACCESS_TOKEN,
    AUTHORIZATION,
    CAPTURE,
    CLIENT_ID,
    CUSTOMER,
    ORDER,
    REFUND,
    RETURN_URL,
    agreement,
    detailed,
    paypal_account,
    paypal_capture,
    paypal_refund,
    paypal_void,
    question,
)
from tests.fakes.connectors.ports import API_KEY, CARD_CODE, CARD_NUMBER, KEY, authorization
from tests.support.paypal_sdk import paypal_sdk

PAYPAL = CONNECTORS["paypal"]
TOKEN = "/v1/oauth2/token"
GRANTED = Prepared(body={"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 32400, "scope": "x"})


Call = Callable[[Any], object]


def sdk_request(recorder: Recorder, call: Call) -> Recorded:
    recorder.by_path[TOKEN] = GRANTED
    call(paypal_sdk(recorder.url, CLIENT_ID, API_KEY))
    return recorder.only("/v2/")


def euros(value: str = "10.50") -> Any:
    return Money(currency_code="EUR", value=value)


def order(card: dict[str, Any] | None = None, unit: dict[str, Any] | None = None, intent: str = "AUTHORIZE") -> Call:
    """Give the SDK's call for an order, with more fields of the card and of the purchase unit."""
    fields = {
        "number": CARD_NUMBER,
        "expiry": "2099-12",
        "name": "Ada Lovelace",
        "security_code": CARD_CODE,
    } | (card or {})
    units = {
        "amount": AmountWithBreakdown(currency_code="EUR", value="10.50"),
        "custom_id": "pay_1_1",
        "invoice_id": "pay_1_1",
        "soft_descriptor": "SHOP",
    } | (unit or {})
    body = OrderRequest(
        intent=intent,
        purchase_units=[PurchaseUnitRequest(**units)],
        payment_source=PaymentSource(card=CardRequest(**{k: v for k, v in fields.items() if v is not None})),
    )
    options = {"body": body, "paypal_request_id": KEY, "prefer": "return=representation"}
    return lambda client: client.orders.create_order(options)


def modification(name: str, **options: Any) -> Call:
    sent = {"paypal_request_id": KEY, "prefer": "return=representation"} | options
    return lambda client: getattr(client.payments, name)(sent)


ADDRESS = Address(
    address_line_1="12 St James's Square",
    address_line_2="Flat 2",
    admin_area_1="Greater London",
    admin_area_2="London",
    postal_code="SW1Y 4JH",
    country_code="GB",
)
CREDENTIAL = CardStoredCredential(
    payment_initiator="MERCHANT",
    payment_type="RECURRING",
    usage="SUBSEQUENT",
    previous_network_transaction_reference=NetworkTransaction(id="MCC123456", date="0117", network="VISA"),
)
LEVEL2 = SupplementaryData(
    card=CardSupplementaryData(level_2=Level2CardProcessingData(invoice_id="PO-4711", tax_total=euros("1.99")))
)
THREE_DS = {
    "attributes": CardAttributes(verification=CardVerification(method="SCA_ALWAYS")),
    "experience_context": CardExperienceContext(return_url=RETURN_URL, cancel_url=RETURN_URL),
}

CALLS: dict[str, tuple[Operation, Call]] = {
    "authorize": (authorization(), order()),
    "charge": (authorization(capture=True), order(intent="CAPTURE")),
    "address": (detailed(PaymentDetails(customer=CUSTOMER)), order({"billing_address": ADDRESS})),
    "agreement": (
        detailed(PaymentDetails(stored_credential=agreement(nti="MCC123456", date="0117"))),
        order({"stored_credential": CREDENTIAL, "security_code": None}),
    ),
    "three ds": (
        detailed(PaymentDetails(return_url=RETURN_URL, three_ds_preference=ThreeDsPreference.CHALLENGE)),
        order(THREE_DS),
    ),
    "level2": (
        detailed(PaymentDetails(level2=Level2(customer_reference="PO-4711", tax_amount=199))),
        order(unit={"supplementary_data": LEVEL2}),
    ),
    "described": (
        detailed(PaymentDetails(merchant_reference="order 17", description="Two books")),
        order(unit={"reference_id": "order 17", "description": "Two books"}),
    ),
    "capture": (
        paypal_capture(400, final=False),
        modification(
            "capture_authorized_payment",
            authorization_id=AUTHORIZATION,
            body=CaptureRequest(amount=euros("4.00"), invoice_id="cap_1", final_capture=False),
        ),
    ),
    "void": (paypal_void(), modification("void_payment", authorization_id=AUTHORIZATION)),
    "refund": (
        paypal_refund(400),
        modification(
            "refund_captured_payment",
            capture_id=CAPTURE,
            body=RefundRequest(amount=euros("4.00"), custom_id="ref_1", invoice_id="ref_1"),
        ),
    ),
    "ask for an authorization": (
        question(OperationKind.AUTHORIZE),
        lambda client: client.payments.get_authorized_payment({"authorization_id": AUTHORIZATION}),
    ),
    "ask for a capture": (
        question(OperationKind.CAPTURE),
        lambda client: client.payments.get_captured_payment({"capture_id": CAPTURE}),
    ),
    "ask for a refund": (
        question(OperationKind.REFUND),
        lambda client: client.payments.get_refund({"refund_id": REFUND}),
    ),
    "ask for an order": (
        question(OperationKind.AUTHORIZE, order=True),
        lambda client: client.orders.get_order({"id": ORDER}),
    ),
}


@pytest.mark.parametrize(("operation", "call"), CALLS.values(), ids=CALLS)
def test_the_sdk_sends_the_same(recorder: Recorder, operation: Operation, call: Call) -> None:
    assert compare(PAYPAL.build(operation, paypal_account()), sdk_request(recorder, call)) == []


def test_the_sdk_asks_for_a_token_in_the_same_way(recorder: Recorder) -> None:
    sdk_request(recorder, order())
    assert PAYPAL.grant is not None
    assert compare(PAYPAL.grant.build(paypal_account()), recorder.only(TOKEN)) == []


def test_comparison_finds_a_difference(recorder: Recorder) -> None:
    theirs = sdk_request(recorder, order())
    for other, place in (
        (authorization(1051), "purchase_units[0].amount.value"),
        (authorization(capture=True), "intent"),
        (replace(authorization(), idempotency_key="k" * 32), "header paypal-request-id"),
    ):
        (difference,) = compare(PAYPAL.build(other, paypal_account()), theirs)
        assert difference.startswith(place)
