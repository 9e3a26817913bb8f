import json
from dataclasses import replace
from typing import Any

import pytest

from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.capabilities import Answering
from psp_connectors.domain.cards import Address
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Customer,
    Exemption,
    Initiator,
    Level2,
    PaymentDetails,
    ThreeDsPreference,
)
from psp_connectors.domain.guard import settle
from psp_connectors.domain.operations import Operation, OperationKind
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from tests.contract.connector_suite import response
from tests.fakes.connectors.adyen import (
    CRYPTOGRAM,
    CUSTOMER,
    MERCHANT_ACCOUNT,
    PAYMENT,
    RETURN_URL,
    THREE_DS,
    adyen_account,
    agreement,
    approval,
    error,
    modifications,
    operations,
    verification,
)
from tests.fakes.connectors.ports import API_KEY, CARD_CODE, CARD_NUMBER, KEY, authorization, capture, sync

ADYEN = CONNECTORS["adyen"]
OPERATIONS = operations()


def sent(operation: Operation, **settings: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(ADYEN.build(operation, adyen_account(**settings)).body)
    return body


def understood(operation: Operation, body: object, status: int | None = None) -> Outcome:
    usual = 201 if operation in modifications().values() else 200
    return settle(operation, ADYEN.parse(operation, response(body, usual if status is None else status)))


def with_details(**fields: Any) -> dict[str, Any]:
    return sent(replace(authorization(), details=PaymentDetails(**fields)))


def changed(value: Any, changes: dict[str, str]) -> Any:
    return replace(value, **changes)


def test_authorization_is_what_the_api_documents() -> None:
    request = ADYEN.build(authorization(), adyen_account())
    assert (request.method, request.url) == ("POST", "https://checkout-test.adyen.com/v72/payments")
    assert request.headers == {
        "X-API-Key": API_KEY,
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Idempotency-Key": KEY,
    }
    assert json.loads(request.body) == {
        "merchantAccount": MERCHANT_ACCOUNT,
        "reference": "pay_1_1",
        "amount": {"currency": "EUR", "value": 1050},
        "returnUrl": RETURN_URL,
        "paymentMethod": {
            "type": "scheme",
            "number": CARD_NUMBER,
            "expiryMonth": "12",
            "expiryYear": "2099",
            "cvc": CARD_CODE,
            "holderName": "Ada Lovelace",
        },
        "shopperInteraction": "Ecommerce",
        "shopperStatement": "SHOP",
        "additionalData": {"manualCapture": "true"},
    }


def test_capture_is_decided_for_each_payment() -> None:
    at_once = sent(authorization(capture=True))
    assert at_once["captureDelayHours"] == 0
    assert "manualCapture" not in at_once.get("additionalData", {})
    assert "captureDelayHours" not in sent(authorization())
    assert sent(authorization(), authorisation_type="PreAuth")["additionalData"]["authorisationType"] == "PreAuth"


def test_verification_asks_for_no_money_and_no_capture() -> None:
    body = sent(verification("JPY"))
    assert body["amount"] == {"currency": "JPY", "value": 0}
    assert "captureDelayHours" not in body
    assert "additionalData" not in body


@pytest.mark.parametrize(
    ("name", "path", "amount"),
    [
        ("increment", "amountUpdates", 1550),
        ("capture", "captures", 1050),
        ("partial capture", "captures", 300),
        ("void", "cancels", None),
        ("refund", "refunds", 1050),
        ("partial refund", "refunds", 1),
    ],
)
def test_modifications_name_the_payment_and_their_own_reference(name: str, path: str, amount: int | None) -> None:
    operation = modifications()[name]
    request = ADYEN.build(operation, adyen_account())
    assert request.url == f"https://checkout-test.adyen.com/v72/payments/{PAYMENT}/{path}"
    assert request.headers["Idempotency-Key"] == KEY
    expected = {"merchantAccount": MERCHANT_ACCOUNT, "reference": operation.reference}
    money = {} if amount is None else {"amount": {"currency": "EUR", "value": amount}}
    assert json.loads(request.body) == expected | money


def test_a_reversal_names_the_payment_by_our_reference_alone() -> None:
    request = ADYEN.build(modifications()["reversal"], adyen_account())
    assert request.url == "https://checkout-test.adyen.com/v72/cancels"
    assert request.headers["Idempotency-Key"] == KEY
    expected = {"merchantAccount": MERCHANT_ACCOUNT, "reference": "pay_1_1", "paymentReference": "pay_1_1"}
    assert json.loads(request.body) == expected


def test_a_reference_can_not_leave_its_place_in_the_address() -> None:
    request = ADYEN.build(replace(capture(), psp_reference="../a?b#c"), adyen_account())
    assert request.url == "https://checkout-test.adyen.com/v72/payments/%2E%2E%2Fa%3Fb%23c/captures"


def test_secrets_are_in_no_address_and_no_repr() -> None:
    for operation in OPERATIONS.values():
        request = ADYEN.build(operation, adyen_account())
        assert not any(secret in request.url + repr(request) for secret in (API_KEY, CARD_NUMBER, CARD_CODE))


@pytest.mark.parametrize("kind", list(OperationKind))
def test_nothing_can_be_asked_for(kind: OperationKind) -> None:
    assert ADYEN.capabilities.operations[kind].ask_by == frozenset()
    with pytest.raises(Unsendable) as caught:
        ADYEN.build(sync(kind), adyen_account())
    assert caught.value.code == "operation_not_supported"
    assert ADYEN.parse(sync(kind), response(approval(authorization()))).kind is OutcomeKind.UNKNOWN


def test_all_but_cards_is_answered_later_by_webhook() -> None:
    at_once = {OperationKind.AUTHORIZE, OperationKind.VERIFY}
    for kind, capability in ADYEN.capabilities.operations.items():
        assert capability.webhook
        assert capability.repeat_seconds == 7 * 24 * 3600
        assert (capability.answering is Answering.LATER) == (kind not in at_once)
    assert ADYEN.capabilities.idempotency_key_max_length == 64


@pytest.mark.parametrize("changes", [{"idempotency_key": "k" * 65}, {"idempotency_key": ""}, {"reference": "r" * 81}])
def test_what_adyen_has_no_room_for_is_not_sent(changes: dict[str, str]) -> None:
    for operation in OPERATIONS.values():
        with pytest.raises(Unsendable):
            ADYEN.build(changed(operation, changes), adyen_account())


def test_an_account_without_a_merchant_account_sends_nothing() -> None:
    for operation in OPERATIONS.values():
        with pytest.raises(Unsendable) as caught:
            ADYEN.build(operation, adyen_account(merchant_account=""))
        assert caught.value.code == "account_not_configured"


def test_a_payment_without_an_address_to_come_back_to_is_not_sent() -> None:
    with pytest.raises(Unsendable):
        ADYEN.build(authorization(), adyen_account(return_url=""))
    assert with_details(return_url="https://shop.example/1")["returnUrl"] == "https://shop.example/1"


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        (1050, "EUR", 1050),
        (1050, "JPY", 1050),
        (1050, "KWD", 1050),
        (1050, "CLP", 105000),
        (1050, "ISK", 105000),
        (105000, "IDR", 1050),
        (105000, "CVE", 1050),
    ],
)
def test_amounts_are_in_adyens_exponents(value: int, currency: str, expected: int) -> None:
    operation = authorization(value, currency)
    assert sent(operation)["amount"] == {"currency": currency, "value": expected}
    body = approval(operation) | {"amount": {"currency": currency, "value": expected}}
    assert understood(operation, body).amount == value
    if value != expected:
        wrong = approval(operation) | {"amount": {"currency": currency, "value": value}}
        assert understood(operation, wrong).code == "amount_mismatch"


@pytest.mark.parametrize("currency", ["IDR", "CVE"])
def test_amounts_adyen_can_not_hold_exactly_are_not_sent(currency: str) -> None:
    with pytest.raises(Unsendable) as caught:
        ADYEN.build(authorization(1051, currency), adyen_account())
    assert caught.value.code is DeclineCode.INVALID_AMOUNT


@pytest.mark.parametrize(
    ("reason", "initiator", "use", "interaction", "model", "usage"),
    [
        ("card_on_file", "customer", "first", "Ecommerce", "CardOnFile", None),
        ("card_on_file", "customer", "subsequent", "ContAuth", "CardOnFile", None),
        ("recurring", "customer", "first", "Ecommerce", "Subscription", None),
        ("recurring", "merchant", "subsequent", "ContAuth", "Subscription", None),
        ("installment", "merchant", "subsequent", "ContAuth", "Subscription", "installment"),
        ("unscheduled", "merchant", "subsequent", "ContAuth", "UnscheduledCardOnFile", None),
        ("delayed_charge", "merchant", "subsequent", "ContAuth", "UnscheduledCardOnFile", "delayedCharge"),
        ("no_show", "merchant", "subsequent", "ContAuth", "UnscheduledCardOnFile", "noShow"),
        ("resubmission", "merchant", "subsequent", "ContAuth", "UnscheduledCardOnFile", None),
    ],
)
def test_stored_credentials(
    reason: str, initiator: str, use: str, interaction: str, model: str, usage: str | None
) -> None:
    credential = agreement(CredentialReason(reason), Initiator(initiator), CredentialUse(use))
    body = with_details(stored_credential=credential)
    assert (body["shopperInteraction"], body["recurringProcessingModel"]) == (interaction, model)
    assert body.get("industryUsage") == usage
    linked = body["additionalData"].get("networkTxReference")
    assert linked == (None if use == "first" else "777718270854480")
    assert "storePaymentMethod" not in body


def test_an_authentication_done_elsewhere_is_passed_on() -> None:
    body = with_details(three_ds=THREE_DS)
    assert body["mpiData"] == {
        "threeDSVersion": "2.2.0",
        "directoryResponse": "C",
        "eci": "05",
        "cavv": CRYPTOGRAM,
        "dsTransID": "c4e59ceb-a382-4d6a-bc87-385d591fa09d",
        "authenticationResponse": "Y",
    }
    assert body["authenticationData"] == {"attemptAuthentication": "never"}
    frictionless = with_details(three_ds=replace(THREE_DS, trans_status="Y", challenge_status=""))["mpiData"]
    assert frictionless["directoryResponse"] == "Y"
    assert "authenticationResponse" not in frictionless


@pytest.mark.parametrize("changes", [{"trans_status": "S"}, {"trans_status": ""}, {"challenge_status": "C"}])
def test_an_authentication_adyen_has_no_word_for_is_not_sent(changes: dict[str, str]) -> None:
    with pytest.raises(Unsendable):
        with_details(three_ds=changed(THREE_DS, changes))


def test_three_ds_preferences_and_exemptions() -> None:
    assert "authenticationData" not in with_details()
    challenged = with_details(three_ds_preference=ThreeDsPreference.CHALLENGE)["authenticationData"]
    assert challenged == {"attemptAuthentication": "always", "threeDSRequestData": {"nativeThreeDS": "disabled"}}
    skipped = with_details(three_ds_preference=ThreeDsPreference.SKIP)["authenticationData"]
    assert skipped == {"attemptAuthentication": "never"}
    words = [with_details(exemption=exemption)["additionalData"]["scaExemption"] for exemption in Exemption]
    assert words == ["lowValue", "transactionRiskAnalysis", "trustedBeneficiary", "secureCorporate"]


def test_customer_address_level_2_and_references() -> None:
    body = with_details(
        customer=CUSTOMER, level2=Level2(customer_reference="PO 1234", tax_amount=180), merchant_reference="order 17"
    )
    assert body["shopperReference"] == "cus_0001"
    assert body["shopperName"] == {"firstName": "Ada King", "lastName": "Lovelace"}
    assert (body["shopperEmail"], body["shopperIP"]) == ("ada@shop.example", "192.0.2.1")
    assert body["billingAddress"] == {
        "street": "Keizersgracht 1",
        "houseNumberOrName": "b",
        "city": "Amsterdam",
        "postalCode": "1015CJ",
        "country": "NL",
        "stateOrProvince": "NH",
    }
    level2 = {"customerReferenceNumber": "PO 1234", "totalTaxAmount": 180}
    assert body["enhancedSchemeData"] == {"levelTwoThree": level2}
    assert body["merchantOrderReference"] == "order 17"
    in_part = with_details(customer=Customer(address=Address(postal_code="10115")))["billingAddress"]
    assert (in_part["street"], in_part["country"]) == ("NA", "ZZ")
    assert "billingAddress" not in with_details(customer=Customer(address=Address(country="NL")))


def test_metadata_keeps_to_adyens_bounds() -> None:
    metadata = {f"key_{number:02d}": "x" for number in range(25)} | {"k" * 21: "x", "long": "v" * 81}
    given = with_details(metadata=metadata)["metadata"]
    assert len(given) == 20
    assert all(len(key) <= 20 and len(value) <= 80 for key, value in given.items())


def test_the_statement_holds_only_what_adyen_allows() -> None:
    operation = replace(authorization(), statement_descriptor="Café <Payera> & Söhne, Berlin-Mitte")
    assert sent(operation)["shopperStatement"] == "Caf Payera  Shne, Berl"


def test_the_check_of_credentials_moves_no_money() -> None:
    assert ADYEN.check is not None
    account = adyen_account()
    request = ADYEN.check.build(account)
    assert request.url == "https://checkout-test.adyen.com/v72/paymentMethods"
    assert json.loads(request.body) == {"merchantAccount": MERCHANT_ACCOUNT, "channel": "Web"}
    assert "Idempotency-Key" not in request.headers
    assert ADYEN.check.parse(account, response({"paymentMethods": []})).passed
    for status, body in ((401, error(401, "000")), (403, error(403, "901")), (500, b"<html>"), (200, {}), (200, b"")):
        result = ADYEN.check.parse(account, response(body, status))
        assert not result.passed
        assert API_KEY not in result.detail


def test_the_shape_of_an_account() -> None:
    names = [setting.name for setting in ADYEN.shape.settings]
    assert names == ["merchant_account", "return_url", "authorisation_type"]
    assert [setting.required for setting in ADYEN.shape.settings] == [True, True, False]
    assert ADYEN.shape.test_url == "https://checkout-test.adyen.com/v72"
