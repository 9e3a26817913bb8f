import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from mesh.money import Money
from psp_connectors.connectors.adyen import codes
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.guard import settle
from psp_connectors.domain.http import HttpResponse
from psp_connectors.domain.operations import Action, Increment, Operation, OperationKind, Sync
from psp_connectors.domain.outcomes import Check, Checks, NextActionKind, Outcome, OutcomeKind
from tests.contract.connector_suite import response
from tests.fakes.connectors.adyen import (
    MODIFICATION,
    PAYMENT,
    approval,
    error,
    increment,
    modifications,
    refusal,
    verification,
)
from tests.fakes.connectors.ports import KEY, authorization, card

ADYEN = CONNECTORS["adyen"]


def understood(operation: Operation, body: object, status: int | None = None) -> Outcome:
    usual = 201 if operation in modifications().values() else 200
    return settle(operation, ADYEN.parse(operation, response(body, usual if status is None else status)))


def test_approval() -> None:
    for operation, captured in ((authorization(), 0), (authorization(capture=True), 1050), (verification(), 0)):
        outcome = understood(operation, approval(operation))
        assert outcome.kind is OutcomeKind.APPROVED
        assert outcome.psp_reference == PAYMENT
        assert outcome.network_transaction_id == "777718270854480"
        assert outcome.captured_amount == captured
        assert outcome.checks == Checks(street=Check.MATCH, postal_code=Check.MATCH, card_code=Check.MATCH)


def test_an_approval_without_an_amount_is_of_the_whole_amount() -> None:
    body = approval(authorization())
    del body["amount"]
    assert understood(authorization(), body).amount == 1050
    body["additionalData"] |= {"authorisedAmountValue": "1050", "authorisedAmountCurrency": "EUR"}
    assert understood(authorization(), body).kind is OutcomeKind.APPROVED


@pytest.mark.parametrize("operation", list(modifications().values()), ids=list(modifications()))
def test_a_modification_is_only_acknowledged(operation: Action) -> None:
    outcome = understood(operation, approval(operation))
    assert (outcome.kind, outcome.psp_reference) == (OutcomeKind.PENDING, MODIFICATION)
    assert understood(operation, approval(operation), 200).kind is OutcomeKind.UNKNOWN


def test_an_adjustment_that_is_decided_at_once() -> None:
    operation = increment()
    assert isinstance(operation, Increment)
    agreed = understood(operation, approval(operation) | {"status": "authorised"})
    assert (agreed.kind, agreed.amount) == (OutcomeKind.APPROVED, 500)
    refused = understood(operation, approval(operation) | {"status": "refused"})
    assert (refused.kind, refused.psp_reference) == (OutcomeKind.DECLINED, MODIFICATION)
    other = modifications()["capture"]
    assert understood(other, approval(other) | {"status": "authorised"}).code == "contradictory_answer"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": {"currency": "EUR", "value": 1049}}, "amount_mismatch"),
        ({"amount": {"currency": "USD", "value": 1050}}, "amount_mismatch"),
        ({"amount": None}, "amount_mismatch"),
        ({"additionalData": {"authorisedAmountValue": "500", "merchantReference": "pay_1_1"}}, "amount_mismatch"),
        ({"additionalData": {"authorisedAmountCurrency": "USD"}}, "amount_mismatch"),
        ({"additionalData": {"authorisedAmountCurrency": ["EUR"]}}, "amount_mismatch"),
        ({"merchantReference": "pay_2_1"}, "reference_mismatch"),
        ({"merchantReference": ["pay_1_1"]}, "reference_mismatch"),
        ({"merchantReference": None, "additionalData": {}}, "reference_mismatch"),
        ({"additionalData": {"merchantReference": "pay_2_1"}}, "reference_mismatch"),
        ({"pspReference": ""}, "unreadable_answer"),
        ({"resultCode": "PartiallyAuthorised"}, "amount_mismatch"),
        ({"resultCode": "AuthenticationFinished"}, "contradictory_answer"),
        ({"resultCode": "AuthenticationNotRequired"}, "contradictory_answer"),
        ({"resultCode": "PresentToShopper"}, "contradictory_answer"),
        ({"resultCode": "Success"}, "contradictory_answer"),
        ({"resultCode": "Authorized"}, "contradictory_answer"),
    ],
)
def test_answers_about_something_else_are_unknown(changes: dict[str, object], code: str) -> None:
    outcome = understood(authorization(), approval(authorization()) | changes)
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, code)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"paymentPspReference": "other"}, "reference_mismatch"),
        ({"reference": "cap_2"}, "reference_mismatch"),
        ({"pspReference": None}, "unreadable_answer"),
        ({"amount": {"currency": "EUR", "value": 1}}, "amount_mismatch"),
        ({"status": "done"}, "contradictory_answer"),
    ],
)
def test_acknowledgements_of_something_else_are_unknown(changes: dict[str, object], code: str) -> None:
    operation = modifications()["capture"]
    outcome = understood(operation, approval(operation) | changes)
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, code)


@pytest.mark.parametrize("result", ["Pending", "Received"])
def test_pending_is_pending(result: str) -> None:
    outcome = understood(authorization(), approval(authorization()) | {"resultCode": result})
    assert (outcome.kind, outcome.psp_reference) == (OutcomeKind.PENDING, PAYMENT)


@pytest.mark.parametrize("reason_code", list(codes.REFUSAL_CODES))
def test_every_refusal_reason_has_its_word(reason_code: str) -> None:
    outcome = understood(authorization(), refusal(reason_code))
    assert (outcome.kind, outcome.code) == (OutcomeKind.DECLINED, codes.REFUSAL_CODES[reason_code])
    assert (outcome.raw_code, outcome.unmapped, outcome.psp_reference) == (reason_code, False, PAYMENT)


def test_the_schemes_code_goes_before_adyens_own_and_both_are_kept() -> None:
    body = refusal("2", refusalReasonRaw="51 : Insufficient funds/over credit limit")
    outcome = understood(authorization(), body)
    assert (outcome.code, outcome.raw_code, outcome.network_code) == ("insufficient_funds", "2", "51")
    mastercard = replace(authorization(), card=card(brand="mastercard"))
    answer = refusal("2", refusalReasonRaw="65 : Authentication required", merchantAdviceCode="03 : Do not try again")
    outcome = understood(mastercard, answer)
    assert (outcome.code, outcome.network_code, outcome.advice_code) == ("authentication_required", "65", "03")
    assert understood(authorization(), refusal("6", refusalReasonRaw="ZZ : new")).code == "expired_card"
    assert understood(authorization(), refusal("6", refusalReasonRaw="DECLINED Expired Card")).network_code == ""


@pytest.mark.parametrize("result", ["Refused", "Error", "Cancelled"])
def test_an_unknown_reason_is_kept_raw_and_told(result: str) -> None:
    outcome = understood(authorization(), refusal("999", result=result))
    assert (outcome.kind, outcome.code) == (OutcomeKind.DECLINED, "unknown_decline")
    assert (outcome.raw_code, outcome.unmapped) == ("999", True)


def test_a_cancelled_payment_without_a_reason_was_cancelled_by_the_shopper() -> None:
    assert understood(authorization(), refusal("", result="Cancelled")).code == "customer_canceled"


def test_a_decline_of_another_amount_or_payment_is_unknown() -> None:
    other_amount = refusal("2") | {"amount": {"currency": "EUR", "value": 1}}
    assert understood(authorization(), other_amount).code == "amount_mismatch"
    assert understood(authorization(), refusal("2") | {"merchantReference": "x"}).code == "reference_mismatch"
    assert understood(authorization(), refusal("2") | {"pspReference": ""}).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize("number", list(codes.AVS_RESULTS))
def test_avs_results(number: str) -> None:
    body = approval(authorization())
    body["additionalData"] = body["additionalData"] | {"avsResult": f"{number} some text", "cvcResult": "2 No match"}
    checks = understood(authorization(), body).checks
    assert (checks.street, checks.postal_code) == codes.AVS_RESULTS[number]
    assert checks.card_code is Check.NO_MATCH


def test_a_check_that_is_not_there_or_not_known_was_not_made() -> None:
    body = approval(authorization())
    for text in ("", "99 new", "x", "123"):
        body["additionalData"] = {"avsResult": text, "cvcResult": text}
        assert understood(authorization(), body).checks == Checks()


def act(**action: object) -> dict[str, Any]:
    return {"resultCode": "RedirectShopper", "action": action}


def test_a_redirect_is_the_next_action() -> None:
    outcome = understood(authorization(), act(type="redirect", url="https://checkoutshopper.example/3", method="GET"))
    assert outcome.kind is OutcomeKind.ACTION_REQUIRED
    assert outcome.next_action is not None
    assert (outcome.next_action.kind, outcome.next_action.method) == (NextActionKind.REDIRECT, "GET")
    posted = understood(
        authorization(), act(type="redirect", url="https://acs.example", method="POST", data={"PaReq": "x", "n": 1})
    )
    assert posted.next_action is not None
    assert dict(posted.next_action.fields) == {"PaReq": "x"}


@pytest.mark.parametrize(
    "action",
    [
        {},
        {"type": "voucher", "url": "https://x.example"},
        {"type": "redirect", "url": "javascript:alert(1)"},
        {"type": "redirect", "url": "https://x.example", "method": "DELETE"},
        {"type": "threeDS2", "subtype": "other"},
        {"type": "threeDS2", "subtype": "challenge", "token": "no token"},
    ],
)
def test_an_action_that_can_not_be_followed_is_unknown(action: dict[str, object]) -> None:
    assert understood(authorization(), act(**action)).kind is OutcomeKind.UNKNOWN


def token(**fields: str) -> str:
    return base64.b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def opened(text: str) -> dict[str, str]:
    opened: dict[str, str] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return opened


def test_native_three_ds_becomes_the_messages_of_emv() -> None:
    fingerprint = token(
        threeDSServerTransID="t1",
        threeDSMethodURL="https://acs.example/method",
        threeDSMethodNotificationURL="https://adyen.example/notify",
    )
    outcome = understood(authorization(), act(type="threeDS2", subtype="fingerprint", token=fingerprint))
    assert outcome.next_action is not None
    assert (outcome.next_action.kind, outcome.next_action.url) == (
        NextActionKind.FINGERPRINT,
        "https://acs.example/method",
    )
    assert opened(outcome.next_action.fields["threeDSMethodData"]) == {
        "threeDSServerTransID": "t1",
        "threeDSMethodNotificationURL": "https://adyen.example/notify",
    }
    challenge = token(
        acsURL="https://acs.example/c", threeDSServerTransID="t1", acsTransID="a1", messageVersion="2.2.0"
    )
    outcome = understood(authorization(), act(type="threeDS2", subtype="challenge", token=challenge))
    assert outcome.next_action is not None
    assert (outcome.next_action.kind, outcome.next_action.url) == (NextActionKind.CHALLENGE, "https://acs.example/c")
    assert opened(outcome.next_action.fields["creq"])["messageType"] == "CReq"


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (422, error(422, "101"), "declined", "invalid_card_number"),
        (422, error(422, "103"), "declined", "incorrect_cvc"),
        (422, error(422, "138"), "declined", "currency_not_supported"),
        (422, error(422, "137"), "declined", "invalid_amount"),
        (422, error(422, "901", "security"), "declined", "merchant_configuration"),
        (400, error(400, "702"), "declined", "invalid_request"),
        (401, error(401, "000", "security"), "declined", "merchant_configuration"),
        (403, error(403, "010", "security"), "declined", "merchant_configuration"),
        (422, error(422, "704"), "unknown", "idempotency_conflict"),
        (422, error(422, "704", "internal"), "unknown", "idempotency_conflict"),
        (500, error(500, "704"), "unknown", "idempotency_conflict"),
        (422, error(422, "903", "internal"), "unknown", "psp_error"),
        (422, error(500, "101"), "unknown", "psp_error"),
        (500, error(500, "905", "configuration"), "unknown", "psp_error"),
        (500, error(500, "901", "internal"), "unknown", "psp_error"),
        (503, error(503, "000", "internal"), "unknown", "psp_error"),
        (429, error(429, "000", "validation"), "unknown", "rate_limited"),
        (404, error(404, "000", "validation"), "unknown", "psp_error"),
        (422, {"status": 422, "errorType": "validation"}, "unknown", "psp_error"),
    ],
)
def test_error_answers(status: int, body: dict[str, Any], kind: str, code: str) -> None:
    for operation in (authorization(), verification(), *modifications().values()):
        outcome = understood(operation, body, status)
        assert (outcome.kind, outcome.code) == (kind, code)
        assert outcome.psp_reference == ""


def test_an_error_code_our_table_does_not_know_is_told() -> None:
    outcome = understood(authorization(), error(422, "12345"), 422)
    assert (outcome.kind, outcome.code, outcome.unmapped) == (OutcomeKind.DECLINED, "invalid_request", True)


def test_a_stored_answer_reads_like_the_first() -> None:
    for operation in (authorization(), *modifications().values()):
        status = 200 if operation == authorization() else 201
        first = response(approval(operation), status)
        again = HttpResponse(status=status, headers={**first.headers, "idempotency-key": KEY}, body=first.body)
        assert ADYEN.parse(operation, first) == ADYEN.parse(operation, again)


def test_sync_never_settles_anything() -> None:
    question = Sync(kind=OperationKind.CAPTURE, reference="cap_1", amount=Money(1050, "EUR"))
    for body in (approval(modifications()["capture"]), error(404, "000"), refusal("2")):
        assert ADYEN.parse(question, response(body)).kind is OutcomeKind.UNKNOWN
