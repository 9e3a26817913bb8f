import json
from dataclasses import replace
from typing import Any

import pytest

from psp_connectors.connectors.checkout import codes
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.capabilities import Answering, AskBy
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.details import (
    CredentialReason,
    CredentialUse,
    Exemption,
    Initiator,
    Level2,
    PaymentDetails,
    ThreeDsPreference,
)
from psp_connectors.domain.http import HttpResponse
from psp_connectors.domain.operations import Operation, OperationKind, Sync
from psp_connectors.domain.outcomes import Check, OutcomeKind
from tests.fakes.connectors.checkout import (
    CHANNEL,
    PAYMENT,
    RETURN_URL,
    SCHEME_ID,
    SECRET_KEY,
    THREE_DS,
    agreement,
    checkout_account,
    modifications,
    questions,
    verification,
)
from tests.fakes.connectors.ports import CARD_CODE, CARD_NUMBER, KEY, authorization, capture, sync, void

CHECKOUT = CONNECTORS["checkout"]

LISTED = {
    "20": (
        "001 002 003 004 005 006 009 012 013 014 015 016 017 018 019 020 021 022 023 024 025 026 027 028 029 030 031 "
        "032 033 038 039 040 042 044 045 046 051 052 053 054 055 056 057 058 059 060 061 062 063 064 065 066 067 068 "
        "072 075 078 081 082 083 084 085 086 087 088 089 090 091 092 093 094 095 096 097 098 099 100 101 102 103 104 "
        "105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120 121 122 123 124 150 151 152 153 154 155 156 "
        "157 158 159 179 182 183 193 197 05C 06P 09G 0N0 0N7 0O5 0P1 0P9 0R1 0R3 0S4 0T2 0T3 0T5"
    ),
    "30": "004 007 015 016 017 018 019 020 021 022 033 034 035 036 037 038 041 043 044 045 046",
    "40": "101 201 202 203 204 205",
    "41": "101 201 202 203 204 205 206 301",
    "42": "101 201 202 203 204 206 301",
    "43": "101 102 201 202 203 204 205 206 301",
    "44": "301",
}
"""The declines of "API response codes", by their first two digits."""

RESPONSE_CODES = {first + last for first, lasts in LISTED.items() for last in lasts.split()}


def sent(operation: Operation, **settings: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(CHECKOUT.build(operation, checkout_account(**settings)).body)
    return body


def with_details(**fields: Any) -> dict[str, Any]:
    return sent(replace(authorization(), details=PaymentDetails(**fields)))


def test_authorization_is_what_the_api_documents() -> None:
    request = CHECKOUT.build(authorization(), checkout_account("https://psp"))
    assert (request.method, request.url) == ("POST", "https://psp/payments")
    assert request.headers == {
        "Authorization": f"Bearer {SECRET_KEY}",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Cko-Idempotency-Key": KEY,
    }
    assert json.loads(request.body) == {
        "source": {
            "type": "card",
            "number": CARD_NUMBER,
            "expiry_month": 12,
            "expiry_year": 2099,
            "cvv": CARD_CODE,
            "name": "Ada Lovelace",
        },
        "amount": 1050,
        "currency": "EUR",
        "capture": False,
        "reference": "pay_1_1",
        "processing_channel_id": CHANNEL,
        "billing_descriptor": {"name": "SHOP", "city": "GOTHAM"},
        "metadata": {"payment_reference": "pay_1_1", "capture_mode": "later"},
    }


def test_a_verification_asks_for_no_money_and_no_capture() -> None:
    body = sent(verification("JPY"))
    assert (body["amount"], body["currency"]) == (0, "JPY")
    assert body.keys().isdisjoint({"capture", "billing_descriptor"})


@pytest.mark.parametrize(
    ("name", "path", "fields"),
    [
        ("increment", "authorizations", {"amount": 500}),
        ("capture", "captures", {"amount": 1050, "capture_type": "Final"}),
        ("partial capture", "captures", {"amount": 300, "capture_type": "NonFinal"}),
        ("void", "voids", {}),
        ("refund", "refunds", {"amount": 1050}),
        ("partial refund", "refunds", {"amount": 1}),
    ],
)
def test_modifications_name_the_payment_and_their_own_reference(
    name: str, path: str, fields: dict[str, object]
) -> None:
    operation = modifications()[name]
    request = CHECKOUT.build(operation, checkout_account("https://psp"))
    assert (request.method, request.url) == ("POST", f"https://psp/payments/{PAYMENT}/{path}")
    assert request.headers["Cko-Idempotency-Key"] == KEY
    body = json.loads(request.body)
    (reference,) = body.pop("metadata").values()
    assert reference == operation.reference
    assert body == {**fields, "reference": operation.reference}


def test_references_cannot_leave_their_place_in_the_address() -> None:
    outside = "../x?y#z"
    for operation in (replace(capture(), psp_reference=outside), replace(void(), psp_reference=outside)):
        assert "/payments/%2E%2E%2Fx%3Fy%23z/" in CHECKOUT.build(operation, checkout_account()).url


def test_questions_ask_for_the_payment_or_its_actions() -> None:
    for name, question in questions().items():
        request = CHECKOUT.build(question, checkout_account("https://psp"))
        actions = "" if name in {"authorize", "verify"} else "/actions"
        assert (request.method, request.url) == ("GET", f"https://psp/payments/{PAYMENT}{actions}")
        assert "Cko-Idempotency-Key" not in request.headers


def test_nothing_can_be_asked_by_our_reference_alone() -> None:
    for kind in OperationKind:
        with pytest.raises(Unsendable):
            CHECKOUT.build(sync(kind), checkout_account())
    unknown_payment = Sync(kind=OperationKind.CAPTURE, reference="cap_1", amount=None, psp_reference="act_1")
    reversal = Sync(kind=OperationKind.REVERSE, reference="pay_1_1", amount=None, payment_psp_reference=PAYMENT)
    for question in (unknown_payment, reversal):
        with pytest.raises(Unsendable):
            CHECKOUT.build(question, checkout_account())
    answer = HttpResponse(status=200, headers={}, body=b'[{"id": "act_1", "reference": "pay_1_1"}]')
    assert CHECKOUT.parse(reversal, answer).kind is not OutcomeKind.APPROVED


def test_capabilities_say_how_each_operation_is_settled() -> None:
    capabilities = CHECKOUT.capabilities
    for kind, capability in capabilities.operations.items():
        is_payment = kind in {OperationKind.AUTHORIZE, OperationKind.VERIFY}
        assert capability.ask_by == {AskBy.PSP_REFERENCE if is_payment else AskBy.PAYMENT}
        later = kind in {OperationKind.CAPTURE, OperationKind.VOID, OperationKind.REFUND}
        assert capability.answering is (Answering.LATER if later else Answering.AT_ONCE)
        assert (capability.repeat_seconds, capability.webhook) == (0, True)
    assert set(capabilities.operations) == set(OperationKind) - {OperationKind.REVERSE}
    assert capabilities.multiple_captures
    assert capabilities.limits_of("EUR").largest == 999_999_999
    assert capabilities.limits_of("CLP").largest == 9_999_999
    assert capabilities.limits_of("KWD").smallest == 10


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [(1050, "EUR", 1050), (1050, "JPY", 1050), (1050, "CLP", 105000), (1050, "KWD", 1050), (1050, "UGX", 1050)],
)
def test_amounts_are_in_the_psps_own_units(value: int, currency: str, expected: int) -> None:
    body = sent(authorization(value, currency))
    assert (body["amount"], body["currency"]) == (expected, currency)


@pytest.mark.parametrize(("value", "currency"), [(1051, "KWD"), (1_000_000_000, "EUR"), (10_000_000, "CLP")])
def test_amounts_that_cannot_be_sent_are_not(value: int, currency: str) -> None:
    with pytest.raises(Unsendable) as refused:
        CHECKOUT.build(authorization(value, currency), checkout_account())
    assert refused.value.code == "invalid_amount"


@pytest.mark.parametrize("key", ["", "k" * 37, "clé"])
def test_keys_that_may_not_fit_are_not_sent(key: str) -> None:
    with pytest.raises(Unsendable):
        CHECKOUT.build(replace(authorization(), idempotency_key=key), checkout_account())


@pytest.mark.parametrize(
    ("reason", "initiator", "use", "expected"),
    [
        ("card_on_file", "customer", "first", ("Regular", False, None, None, None)),
        ("card_on_file", "customer", "subsequent", ("Regular", False, True, SCHEME_ID, None)),
        ("recurring", "customer", "first", ("Recurring", False, None, None, None)),
        ("recurring", "merchant", "subsequent", ("Recurring", True, True, SCHEME_ID, None)),
        ("installment", "merchant", "subsequent", ("Installment", True, True, SCHEME_ID, None)),
        ("unscheduled", "customer", "first", ("Unscheduled", False, None, None, None)),
        ("unscheduled", "merchant", "subsequent", ("Unscheduled", True, True, SCHEME_ID, None)),
        ("card_on_file", "merchant", "subsequent", ("Unscheduled", True, True, SCHEME_ID, None)),
        ("no_show", "merchant", "subsequent", ("Unscheduled", True, True, SCHEME_ID, "No_show")),
        ("delayed_charge", "merchant", "subsequent", ("Unscheduled", True, True, SCHEME_ID, "Delayed_charge")),
        ("resubmission", "merchant", "subsequent", ("Unscheduled", True, True, SCHEME_ID, "Resubmission")),
        ("reauthorization", "merchant", "subsequent", ("Unscheduled", True, True, SCHEME_ID, "Reauthorization")),
    ],
)
def test_stored_credentials(reason: str, initiator: str, use: str, expected: tuple[object, ...]) -> None:
    credential = agreement(CredentialReason(reason), Initiator(initiator), CredentialUse(use))
    body = with_details(stored_credential=credential)
    found = (
        body["payment_type"],
        body["merchant_initiated"],
        body["source"].get("stored"),
        body.get("previous_payment_id"),
        body.get("processing", {}).get("merchant_initiated_reason"),
    )
    assert found == expected


def test_an_authentication_done_elsewhere_is_passed_on() -> None:
    assert with_details(three_ds=THREE_DS)["3ds"] == {
        "enabled": True,
        "eci": "05",
        "cryptogram": THREE_DS.cryptogram.reveal(),
        "xid": THREE_DS.ds_transaction_id,
        "version": "2.2.0",
    }


def test_the_psps_own_authentication() -> None:
    assert "3ds" not in with_details()
    assert with_details(three_ds_preference=ThreeDsPreference.SKIP)["3ds"] == {"enabled": False}
    challenge = with_details(three_ds_preference=ThreeDsPreference.CHALLENGE, return_url=RETURN_URL)
    assert challenge["3ds"] == {"enabled": True, "challenge_indicator": "challenge_requested"}
    assert challenge["success_url"] == challenge["failure_url"] == RETURN_URL
    first = agreement(CredentialReason.RECURRING, Initiator.CUSTOMER, CredentialUse.FIRST)
    mandate = with_details(three_ds_preference=ThreeDsPreference.CHALLENGE, stored_credential=first)
    assert mandate["3ds"]["challenge_indicator"] == "challenge_requested_mandate"


@pytest.mark.parametrize(
    ("exemption", "expected"),
    [
        (Exemption.LOW_VALUE, "low_value"),
        (Exemption.TRANSACTION_RISK, "transaction_risk_assessment"),
        (Exemption.TRUSTED_BENEFICIARY, "trusted_listing"),
        (Exemption.SECURE_CORPORATE, "secure_corporate_payment"),
    ],
)
def test_exemptions(exemption: Exemption, expected: str) -> None:
    assert with_details(exemption=exemption)["3ds"] == {"enabled": True, "exemption": expected}


def test_level_2_data_are_in_the_psps_units() -> None:
    data = PaymentDetails(level2=Level2(customer_reference="PO 1234 and far too long", tax_amount=18))
    body = sent(replace(authorization(1050, "CLP"), details=data))
    assert body["processing"] == {"order_id": "PO 1234 and far", "tax_amount": 1800}


def test_our_own_metadata_go_before_the_merchants() -> None:
    body = with_details(metadata={"payment_reference": "x", "order": "17"}, merchant_reference="order 17")
    assert body["metadata"] == {
        "payment_reference": "pay_1_1",
        "capture_mode": "later",
        "merchant_reference": "order 17",
        "order": "17",
    }


def test_a_descriptor_needs_the_merchants_city() -> None:
    request = CHECKOUT.build(authorization(), replace(checkout_account(), settings={}))
    assert "billing_descriptor" not in json.loads(request.body)


def test_every_code_in_the_psps_list_is_mapped() -> None:
    apart = {codes.LATE_RESPONSE, *codes.IN_PROGRESS}
    assert len(RESPONSE_CODES) > 170
    assert {code for code in RESPONSE_CODES - apart if code not in codes.DECLINES} == set()
    assert apart <= RESPONSE_CODES
    assert apart.isdisjoint(codes.DECLINES)


def test_every_letter_of_the_issuers_checks_is_mapped() -> None:
    listed = {*"ABCDFGIMNPRSUWXYZ", *(f"AE{number}" for number in range(1, 9))}
    assert listed <= set(codes.AVS)
    assert set("DNPUXY") <= set(codes.CVV)
    assert codes.CVV["N"] is Check.NOT_CHECKED


@pytest.mark.parametrize(("status", "passed"), [(404, True), (401, False), (403, False), (200, False), (500, False)])
def test_the_check_asks_for_a_payment_that_does_not_exist(status: int, *, passed: bool) -> None:
    assert CHECKOUT.check is not None
    request = CHECKOUT.check.build(checkout_account("https://psp"))
    assert (request.method, request.url) == ("GET", "https://psp/payments/pay_aaaaaaaaaaaaaaaaaaaaaaaaaa")
    result = CHECKOUT.check.parse(checkout_account(), HttpResponse(status=status))
    assert result.passed is passed
    assert SECRET_KEY not in result.detail
