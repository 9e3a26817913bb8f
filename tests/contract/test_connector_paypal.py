import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.currencies import exponent_of
from mesh.money import Money
from psp_connectors.connectors.paypal.money import CURRENCIES, UNITS, from_paypal, to_paypal
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.capabilities import AskBy, Feature
from psp_connectors.domain.connector import AccessToken, Unsendable
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Exemption,
    Initiator,
    Level2,
    PaymentDetails,
    ThreeDsPreference,
)
from psp_connectors.domain.operations import Increment, Operation, OperationKind, Verification
from psp_connectors.domain.outcomes import OutcomeKind
from tests.contract.connector_suite import BOUNDED, response
from tests.fakes.connectors.paypal import (
    ACCESS_TOKEN,
    AUTHORIZATION,
    CAPTURE,
    CUSTOMER,
    ORDER,
    RETURN_URL,
    WEBHOOK_ID,
    agreement,
    detailed,
    error,
    operations,
    paypal_account,
    paypal_capture,
    paypal_refund,
    paypal_void,
    question,
    questions,
)
from tests.fakes.connectors.ports import API_KEY, CARD_CODE, CARD_NUMBER, KEY, authorization, card

PAYPAL = CONNECTORS["paypal"]
OPERATIONS = operations()
EUROS = Money(1050, "EUR")
APPROVED, DECLINED, PENDING, UNKNOWN = (
    OutcomeKind.APPROVED,
    OutcomeKind.DECLINED,
    OutcomeKind.PENDING,
    OutcomeKind.UNKNOWN,
)


def sent(operation: Operation) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(PAYPAL.build(operation, paypal_account()).body)
    return body


def card_sent(details: PaymentDetails) -> dict[str, Any]:
    fields: dict[str, Any] = sent(detailed(details))["payment_source"]["card"]
    return fields


def test_order_is_what_the_api_documents() -> None:
    request = PAYPAL.build(authorization(), paypal_account())
    assert (request.method, request.url) == ("POST", "https://api-m.sandbox.paypal.com/v2/checkout/orders")
    assert request.headers == {
        "Authorization": f"Bearer {ACCESS_TOKEN}",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "PayPal-Request-Id": KEY,
        "Prefer": "return=representation",
    }
    assert sent(authorization()) == {
        "intent": "AUTHORIZE",
        "purchase_units": [
            {
                "amount": {"currency_code": "EUR", "value": "10.50"},
                "custom_id": "pay_1_1",
                "invoice_id": "pay_1_1",
                "soft_descriptor": "SHOP",
            }
        ],
        "payment_source": {
            "card": {
                "number": CARD_NUMBER,
                "expiry": "2099-12",
                "name": "Ada Lovelace",
                "security_code": CARD_CODE,
            }
        },
    }
    assert sent(authorization(capture=True))["intent"] == "CAPTURE"


def test_modifications_are_what_the_api_documents() -> None:
    request = PAYPAL.build(paypal_capture(400, final=False), paypal_account())
    assert request.url.endswith(f"/v2/payments/authorizations/{AUTHORIZATION}/capture")
    assert json.loads(request.body) == {
        "amount": {"currency_code": "EUR", "value": "4.00"},
        "invoice_id": "cap_1",
        "final_capture": False,
    }
    request = PAYPAL.build(paypal_void(), paypal_account())
    assert request.url.endswith(f"/v2/payments/authorizations/{AUTHORIZATION}/void")
    assert (request.body, request.headers["PayPal-Request-Id"]) == (b"", KEY)
    request = PAYPAL.build(paypal_refund(400), paypal_account())
    assert request.url.endswith(f"/v2/payments/captures/{CAPTURE}/refund")
    assert json.loads(request.body) == {
        "amount": {"currency_code": "EUR", "value": "4.00"},
        "custom_id": "ref_1",
        "invoice_id": "ref_1",
    }


def test_questions_name_the_resource() -> None:
    urls = [
        PAYPAL.build(one, paypal_account()).url.removeprefix("https://api-m.sandbox.paypal.com") for one in questions()
    ]
    assert urls == [
        f"/v2/payments/authorizations/{AUTHORIZATION}",
        f"/v2/payments/captures/{CAPTURE}",
        f"/v2/payments/authorizations/{AUTHORIZATION}",
        "/v2/payments/refunds/1JU08902781691411",
        f"/v2/payments/captures/{CAPTURE}",
        f"/v2/checkout/orders/{ORDER}",
        f"/v2/checkout/orders/{ORDER}",
    ]


def test_secrets_stand_in_no_address_and_in_no_repr() -> None:
    for operation in OPERATIONS:
        request = PAYPAL.build(operation, paypal_account())
        for secret in (API_KEY, ACCESS_TOKEN, CARD_NUMBER, CARD_CODE):
            assert secret not in request.url
            assert secret not in repr(request)
        assert API_KEY not in str(request.headers) + request.body.decode()


def test_references_cannot_leave_their_place_in_the_address() -> None:
    for operation in (replace(paypal_capture(), psp_reference="../x?y#z"), replace(paypal_void(), psp_reference="a/b")):
        path = PAYPAL.build(operation, paypal_account()).url.removeprefix("https://api-m.sandbox.paypal.com")
        assert path.count("/") == 5
        assert not set("?#") & set(path)
        assert ".." not in path


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (replace(paypal_refund(), capture_psp_reference=""), "invalid_amount"),
        (authorization(1000, "ISK"), "currency_not_supported"),
        (authorization(1050, "HUF"), "invalid_amount"),
        (authorization(99, "TWD"), "invalid_amount"),
        (replace(authorization(), idempotency_key="k" * 109), "invalid_request"),
        (replace(authorization(), idempotency_key=""), "invalid_request"),
        (replace(question(OperationKind.CAPTURE), psp_reference=""), "operation_not_supported"),
        (replace(question(OperationKind.VOID), payment_psp_reference=""), "operation_not_supported"),
        (detailed(PaymentDetails(stored_credential=agreement(nti="short"))), "invalid_request"),
        (detailed(PaymentDetails(stored_credential=agreement(nti="1" * 37))), "invalid_request"),
        (Verification(reference="ver_1", idempotency_key=KEY, currency="EUR", card=card()), "operation_not_supported"),
        (
            Increment(reference="i", idempotency_key=KEY, psp_reference=AUTHORIZATION, amount=EUROS, total=EUROS),
            "operation_not_supported",
        ),
    ],
)
def test_what_paypal_cannot_be_asked_is_unsendable(operation: Operation, code: str) -> None:
    with pytest.raises(Unsendable) as refusal:
        PAYPAL.build(operation, paypal_account())
    assert refusal.value.code.value == code


@BOUNDED
@given(length=st.integers(1, 108))
def test_request_ids_of_every_length_paypal_takes_are_sent_whole(length: int) -> None:
    request = PAYPAL.build(replace(authorization(), idempotency_key="k" * length), paypal_account())
    assert request.headers["PayPal-Request-Id"] == "k" * length


@BOUNDED
@given(value=st.integers(1, 999_999_999_999), currency=st.sampled_from(CURRENCIES))
def test_amounts_survive_the_way_to_paypal_and_back(value: int, currency: str) -> None:
    step = 100 if currency in {"HUF", "TWD"} else 1
    money = Money(value, currency)
    if value % step:
        with pytest.raises(Unsendable):
            to_paypal(money)
        return
    there = to_paypal(money)
    assert there["currency_code"] == currency
    decimals = 0 if currency in {"HUF", "JPY", "TWD"} else 2
    assert len(there["value"].partition(".")[2]) == decimals
    assert from_paypal({"amount": there}, "amount") == money


def test_exponents_are_paypals() -> None:
    assert {currency: UNITS.exponent(currency) for currency in CURRENCIES if UNITS.exponent(currency) != 2} == {
        "HUF": 0,
        "JPY": 0,
        "TWD": 0,
    }
    assert all(exponent_of(currency) is not None for currency in CURRENCIES)


def test_agreements_are_told_in_paypals_words() -> None:
    def told(*parts: Any, **fields: Any) -> Any:
        return card_sent(PaymentDetails(stored_credential=agreement(*parts, **fields)))["stored_credential"]

    shopper, merchant = Initiator.CUSTOMER, Initiator.MERCHANT
    first, later = CredentialUse.FIRST, CredentialUse.SUBSEQUENT
    assert told(shopper, first, CredentialReason.CARD_ON_FILE) == {
        "payment_initiator": "CUSTOMER",
        "payment_type": "ONE_TIME",
        "usage": "FIRST",
    }
    assert told(shopper, first, CredentialReason.INSTALLMENT)["payment_type"] == "RECURRING"
    assert told(merchant, later, CredentialReason.CARD_ON_FILE)["payment_type"] == "UNSCHEDULED"
    assert told(merchant, first, CredentialReason.NO_SHOW)["usage"] == "DERIVED"
    named = {"nti": "MCC123456", "date": "0117"}
    assert told(merchant, later, CredentialReason.RECURRING, **named) == {
        "payment_initiator": "MERCHANT",
        "payment_type": "RECURRING",
        "usage": "SUBSEQUENT",
        "previous_network_transaction_reference": {"id": "MCC123456", "date": "0117", "network": "VISA"},
    }
    assert "previous_network_transaction_reference" not in told(shopper, later, CredentialReason.RECURRING, **named)


def test_charge_without_the_shopper_carries_no_code_and_no_challenge() -> None:
    fields = card_sent(PaymentDetails(return_url=RETURN_URL, stored_credential=agreement()))
    assert not {"security_code", "attributes", "experience_context"} & fields.keys()


def test_own_three_ds_needs_somewhere_to_come_back_to() -> None:
    fields = card_sent(PaymentDetails(return_url=RETURN_URL, three_ds_preference=ThreeDsPreference.CHALLENGE))
    assert fields["attributes"] == {"verification": {"method": "SCA_ALWAYS"}}
    assert fields["experience_context"] == {"return_url": RETURN_URL, "cancel_url": RETURN_URL}
    assert (
        card_sent(PaymentDetails(return_url=RETURN_URL))["attributes"]["verification"]["method"] == "SCA_WHEN_REQUIRED"
    )
    for details in (
        PaymentDetails(three_ds_preference=ThreeDsPreference.CHALLENGE),
        PaymentDetails(return_url=RETURN_URL, three_ds_preference=ThreeDsPreference.SKIP),
    ):
        assert "attributes" not in card_sent(details)


def test_address_description_and_level2_have_their_places() -> None:
    assert card_sent(PaymentDetails(customer=CUSTOMER))["billing_address"] == {
        "address_line_1": "12 St James's Square",
        "address_line_2": "Flat 2",
        "admin_area_1": "Greater London",
        "admin_area_2": "London",
        "postal_code": "SW1Y 4JH",
        "country_code": "GB",
    }
    (unit,) = sent(
        detailed(
            PaymentDetails(
                merchant_reference="order 17",
                description="ä" * 100,
                level2=Level2(customer_reference="PO-4711", tax_amount=199),
                exemption=Exemption.LOW_VALUE,
            )
        )
    )["purchase_units"]
    assert (unit["reference_id"], unit["description"]) == ("order 17", "ä" * 63)
    assert unit["supplementary_data"] == {
        "card": {"level_2": {"invoice_id": "PO-4711", "tax_total": {"currency_code": "EUR", "value": "1.99"}}}
    }


def test_features_are_those_that_have_a_place() -> None:
    # A payer's approval is followed by a call of ours, so nothing goes on by itself.
    without = {Feature.EXTERNAL_THREE_DS, Feature.EXEMPTION, Feature.CHALLENGE, Feature.CANCEL_CHALLENGE}
    assert PAYPAL.capabilities.features == set(Feature) - without
    assert OperationKind.VERIFY not in PAYPAL.capabilities.operations
    assert OperationKind.INCREMENT not in PAYPAL.capabilities.operations
    hours = {kind: one.repeat_seconds // 3600 for kind, one in PAYPAL.capabilities.operations.items()}
    assert hours == {
        OperationKind.AUTHORIZE: 6,
        OperationKind.CAPTURE: 45 * 24,
        OperationKind.VOID: 45 * 24,
        OperationKind.REFUND: 45 * 24,
    }
    assert PAYPAL.capabilities.operations[OperationKind.VOID].ask_by == {AskBy.PAYMENT}
    assert PAYPAL.capabilities.refunds_captures


def test_token_is_asked_for_with_the_apps_credentials() -> None:
    assert PAYPAL.grant is not None
    request = PAYPAL.grant.build(paypal_account())
    assert (request.method, request.url) == ("POST", "https://api-m.sandbox.paypal.com/v1/oauth2/token")
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == (
        f"AVg1VGnKbeRLIlzJTiqqk:{API_KEY}".encode()
    )
    assert request.body == b"grant_type=client_credentials"
    granted = {"scope": "https://uri.paypal.com/services/payments", "access_token": "A21-x", "token_type": "Bearer"}
    token = PAYPAL.grant.parse(response(granted | {"expires_in": 32400}))
    assert isinstance(token, AccessToken)
    assert (token.text.reveal(), token.lifetime_seconds) == ("A21-x", 32400)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"error": "invalid_client", "error_description": "Client Authentication failed"}),
        (200, {"access_token": "", "token_type": "Bearer", "expires_in": 1}),
        (200, {"access_token": "a b", "token_type": "Bearer", "expires_in": 1}),
        (200, {"access_token": "a", "token_type": "Bearer", "expires_in": 0}),
        (200, {"access_token": "a", "token_type": "Bearer", "expires_in": "9"}),
        (200, {"access_token": "a", "token_type": "mac", "expires_in": 9}),
        (200, b"<html>"),
    ],
)
def test_anything_else_is_no_token(status: int, body: object) -> None:
    assert PAYPAL.grant is not None
    assert PAYPAL.grant.parse(response(body, status)) is None


def test_credentials_are_tried_without_moving_money() -> None:
    assert PAYPAL.check is not None
    account = paypal_account()
    request = PAYPAL.check.build(account)
    assert (request.method, request.url.rpartition("/v1/")[2]) == ("GET", f"notifications/webhooks/{WEBHOOK_ID}")
    assert PAYPAL.check.parse(account, response({"id": WEBHOOK_ID})).passed
    bare = paypal_account(webhook_id="")
    assert "/v2/payments/authorizations/" in PAYPAL.check.build(bare).url
    assert PAYPAL.check.parse(bare, response(error("RESOURCE_NOT_FOUND"), 404)).passed
    for who, body, status in (
        (account, {"id": "OTHER"}, 200),
        (account, error("RESOURCE_NOT_FOUND"), 404),
        (account, error("AUTHENTICATION_FAILURE"), 401),
        (bare, error("NOT_AUTHORIZED"), 403),
        (bare, {"message": "no such route"}, 404),
        (bare, b"<html>", 200),
    ):
        result = PAYPAL.check.parse(who, response(body, status))
        assert not result.passed
        assert API_KEY not in result.detail
