from dataclasses import replace
from typing import Any

import pytest

from psp_connectors.connectors.checkout import codes
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.guard import settle
from psp_connectors.domain.operations import Operation
from psp_connectors.domain.outcomes import NextActionKind, Outcome, OutcomeKind
from tests.contract.connector_suite import response
from tests.fakes.connectors.checkout import (
    ACKNOWLEDGED,
    ACTION,
    PAYMENT,
    SCHEME_ID,
    acknowledgement,
    actions,
    increment,
    incremented,
    modifications,
    payment,
    payment_details,
    questions,
    verification,
)
from tests.fakes.connectors.ports import authorization

CHECKOUT = CONNECTORS["checkout"]


def understood(operation: Operation, body: object, status: int = 201) -> Outcome:
    return settle(operation, CHECKOUT.parse(operation, response(body, status)))


def declined(code: str, **fields: Any) -> dict[str, Any]:
    return payment(authorization(), approved=False, status="Declined", response_code=code, **fields)


def test_an_approval_carries_everything() -> None:
    outcome = understood(authorization(), payment(authorization(), processing={"partner_response_code": "00"}))
    assert (outcome.kind, outcome.psp_reference, outcome.amount) == (OutcomeKind.APPROVED, PAYMENT, 1050)
    assert (outcome.network_transaction_id, outcome.network_code) == (SCHEME_ID, "00")
    assert outcome.expires_at == 1_796_206_272


def test_a_verification_is_approved_with_and_without_an_amount() -> None:
    body = payment(verification())
    assert understood(verification(), body).kind is OutcomeKind.APPROVED
    del body["amount"]
    assert understood(verification(), body).kind is OutcomeKind.APPROVED
    assert understood(verification(), body | {"amount": 1}).code == "amount_mismatch"
    assert understood(verification(), body | {"status": "Authorized"}).kind is OutcomeKind.UNKNOWN


def test_capture_at_once_is_pending_until_it_is_captured() -> None:
    operation = authorization(capture=True)
    assert understood(operation, payment(operation)).kind is OutcomeKind.PENDING
    captured = understood(operation, payment(operation, status="Captured"))
    assert (captured.kind, captured.captured_amount) == (OutcomeKind.APPROVED, 1050)
    assert understood(authorization(), payment(operation, status="Captured")).code == "amount_mismatch"


@pytest.mark.parametrize(
    ("code", "expected", "network_code"),
    [
        ("20051", "insufficient_funds", "51"),
        ("20005", "do_not_honor", "05"),
        ("20154", "authentication_required", ""),
        ("200N7", "incorrect_cvc", "N7"),
        ("200R3", "recurring_revoked", "R3"),
        ("30043", "stolen_card", ""),
        ("40101", "blocked_by_risk", ""),
    ],
)
def test_declines(code: str, expected: str, network_code: str) -> None:
    outcome = understood(authorization(), declined(code))
    assert (outcome.kind, outcome.code, outcome.raw_code) == (OutcomeKind.DECLINED, expected, code)
    assert (outcome.network_code, outcome.psp_reference, outcome.unmapped) == (network_code, PAYMENT, False)


@pytest.mark.parametrize("code", sorted(codes.DECLINES))
def test_every_listed_decline_is_one(code: str) -> None:
    outcome = understood(authorization(), declined(code, source={}))
    assert (outcome.kind, outcome.code, outcome.unmapped) == (OutcomeKind.DECLINED, codes.DECLINES[code].value, False)


def test_codes_of_the_network_and_its_advice_are_kept() -> None:
    processing = {"partner_response_code": "65", "partner_merchant_advice_code": "24"}
    source = {"scheme": "Mastercard"}
    outcome = understood(authorization(), declined("20065", processing=processing, source=source))
    assert (outcome.network_code, outcome.advice_code) == ("65", "24")
    # The guard shows the vault's summary; the brand that decides is the one Checkout.com names.
    assert outcome.code == "authentication_required"
    visa = understood(authorization(), declined("20065", processing=processing))
    assert visa.code == "frequency_limit_exceeded"


def test_unlisted_codes_are_kept_and_counted() -> None:
    outcome = understood(authorization(), declined("2019Z"))
    assert (outcome.kind, outcome.code, outcome.raw_code, outcome.unmapped) == (
        OutcomeKind.DECLINED,
        "unknown_decline",
        "2019Z",
        True,
    )
    by_network = understood(authorization(), declined("29999", processing={"partner_response_code": "51"}))
    assert (by_network.code, by_network.unmapped) == ("insufficient_funds", False)


def test_an_answer_that_came_too_late_is_unknown() -> None:
    outcome = understood(authorization(), declined("20068"))
    assert (outcome.kind, outcome.code, outcome.raw_code) == (OutcomeKind.UNKNOWN, "psp_timeout", "20068")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": 1051}, "amount_mismatch"),
        ({"currency": "USD"}, "amount_mismatch"),
        ({"reference": "pay_2_1"}, "reference_mismatch"),
        ({"reference": None}, "reference_mismatch"),
        ({"status": "Declined"}, "contradictory_answer"),
        ({"status": "Paid"}, "contradictory_answer"),
        ({"response_code": "20051"}, "contradictory_answer"),
        ({"response_code": "10010"}, "contradictory_answer"),
        ({"approved": "true"}, "contradictory_answer"),
        ({"approved": False}, "contradictory_answer"),
        ({"id": ""}, "unreadable_answer"),
    ],
)
def test_answers_about_something_else_are_unknown(changes: dict[str, object], code: str) -> None:
    outcome = understood(authorization(), payment(authorization()) | changes)
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, code)


def test_a_redirect_is_the_shoppers_next_action() -> None:
    url = "https://3ds2-sandbox.ckotech.co/interceptor/3ds_x"
    body = {"id": PAYMENT, "status": "Pending", "reference": "pay_1_1", "_links": {"redirect": {"href": url}}}
    outcome = understood(authorization(), body, 202)
    assert (outcome.kind, outcome.psp_reference) == (OutcomeKind.ACTION_REQUIRED, PAYMENT)
    assert outcome.next_action is not None
    assert (outcome.next_action.kind, outcome.next_action.url) == (NextActionKind.REDIRECT, url)
    for links in ({}, {"redirect": {"href": "javascript:alert(1)"}}):
        assert understood(authorization(), body | {"_links": links}, 202).kind is OutcomeKind.PENDING
    assert understood(authorization(), body | {"reference": "pay_2_1"}, 202).code == "reference_mismatch"


@pytest.mark.parametrize("name", ACKNOWLEDGED)
def test_what_is_acknowledged_is_pending(name: str) -> None:
    operation = modifications()[name]
    outcome = understood(operation, acknowledgement(operation), 202)
    assert (outcome.kind, outcome.psp_reference) == (OutcomeKind.PENDING, ACTION)
    for changes in ({"reference": "x"}, {"_links": {"payment": {"href": "https://x/payments/pay_x"}}}):
        assert understood(operation, acknowledgement(operation, **changes), 202).code == "reference_mismatch"
    assert understood(operation, acknowledgement(operation, action_id=None), 202).code == "unreadable_answer"


def test_an_increment_is_decided_at_once() -> None:
    outcome = understood(increment(), incremented(increment()))
    assert (outcome.kind, outcome.psp_reference, outcome.amount) == (OutcomeKind.APPROVED, ACTION, 500)
    refused = incremented(increment(), approved=False, status="Declined", response_code="20051")
    assert understood(increment(), refused).code == "insufficient_funds"
    other_total = incremented(increment(), balances={"total_authorized": 500})
    assert understood(increment(), other_total).code == "amount_mismatch"
    assert understood(increment(), incremented(increment(), amount=1550)).code == "amount_mismatch"


@pytest.mark.parametrize(
    ("status", "body", "name", "expected", "code"),
    [
        (401, b"", "pay", "declined", "merchant_configuration"),
        (403, b"", "pay", "declined", "merchant_configuration"),
        (403, b"", "capture", "declined", "invalid_transaction"),
        (404, b"", "capture", "declined", "invalid_request"),
        (404, b"", "pay", "unknown", "unreadable_answer"),
        (422, {"error_type": "request_invalid", "error_codes": ["cvv_invalid"]}, "pay", "declined", "incorrect_cvc"),
        (422, {"error_codes": ["something_invalid"]}, "pay", "declined", "invalid_request"),
        (422, {"error_codes": ["x", "card_expired"]}, "pay", "declined", "expired_card"),
        (422, {"error_codes": ["brand_new"]}, "pay", "unknown", "psp_error"),
        (422, b"<html>", "pay", "unknown", "unreadable_answer"),
        (429, {"error_type": "too_many_requests"}, "pay", "unknown", "rate_limited"),
        (429, b"", "capture", "unknown", "rate_limited"),
        (429, {"error_type": "duplicate_requests_detected"}, "pay", "unknown", "idempotency_conflict"),
        (409, b"", "refund", "unknown", "idempotency_conflict"),
        (502, b"", "pay", "unknown", "unreadable_answer"),
        (500, {"error_type": "internal_server_error"}, "pay", "unknown", "psp_error"),
    ],
)
def test_errors(status: int, body: object, name: str, expected: str, code: str) -> None:
    operation = authorization() if name == "pay" else modifications()[name]
    outcome = understood(operation, body, status)
    assert (outcome.kind, outcome.code, outcome.psp_reference) == (OutcomeKind(expected), code, "")
    assert not outcome.unmapped


ASKED = questions()["authorize"]


@pytest.mark.parametrize(
    ("fields", "capture", "expected", "captured"),
    [
        ({}, False, "approved", 0),
        ({}, True, "pending", 0),
        ({"status": "Captured", "balances": {"total_captured": 1050}}, True, "approved", 1050),
        ({"status": "Captured", "balances": {}}, True, "approved", 1050),
        ({"status": "Partially Captured", "balances": {"total_captured": 400}}, False, "approved", 400),
        ({"status": "Partially Captured", "balances": {"total_captured": 400}}, True, "unknown", 0),
        ({"status": "Partially Captured", "balances": {}}, False, "unknown", 0),
        ({"status": "Refunded", "balances": {"total_captured": 1050}}, True, "approved", 1050),
        ({"status": "Voided"}, False, "approved", 0),
        ({"status": "Voided"}, True, "declined", 0),
        ({"status": "Declined", "approved": False}, False, "declined", 0),
        ({"status": "Expired", "approved": False}, False, "declined", 0),
        ({"status": "Canceled", "approved": False}, False, "declined", 0),
        # What ended after money was taken, or nobody knows how much, is no decline.
        ({"status": "Expired", "balances": {"total_captured": 0}}, False, "declined", 0),
        ({"status": "Expired", "balances": {"total_captured": 400}}, False, "unknown", 0),
        ({"status": "Canceled", "approved": False, "balances": {"total_captured": 400}}, False, "unknown", 0),
        ({"status": "Expired", "balances": {}}, False, "unknown", 0),
        ({"status": "Pending", "approved": False}, False, "pending", 0),
        ({"status": "Card Verified"}, False, "unknown", 0),
        ({"status": "Declined"}, False, "unknown", 0),
        ({"id": "pay_other"}, False, "unknown", 0),
        ({"amount": 1051}, False, "unknown", 0),
    ],
)
def test_what_a_payment_came_to(fields: dict[str, object], *, capture: bool, expected: str, captured: int) -> None:
    question = replace(ASKED, capture=capture)
    outcome = understood(question, payment_details(question, **fields), 200)
    assert (outcome.kind, outcome.captured_amount) == (OutcomeKind(expected), captured)


def test_what_a_verification_came_to() -> None:
    question = questions()["verify"]
    assert understood(question, payment_details(question), 200).kind is OutcomeKind.APPROVED
    refused = payment_details(question, status="Declined", approved=False)
    assert understood(question, refused, 200).code == "generic_decline"


@pytest.mark.parametrize("name", ["capture", "void", "refund", "increment"])
def test_what_a_modification_came_to(name: str) -> None:
    question = questions()[name]
    outcome = understood(question, actions(question), 200)
    assert (outcome.kind, outcome.psp_reference) == (OutcomeKind.APPROVED, ACTION)
    refused = understood(question, actions(question, approved=False, response_code="20006"), 200)
    assert (refused.kind, refused.code) == (OutcomeKind.DECLINED, "invalid_request")
    by_metadata = actions(question, reference=question.reference, metadata={f"{name}_reference": question.reference})
    assert understood(question, by_metadata, 200).kind is OutcomeKind.APPROVED
    assert understood(question, actions(question, reference="x"), 200).kind is OutcomeKind.NOT_FOUND
    twice = [*actions(question), *actions(question)]
    assert understood(question, twice, 200).code == "contradictory_answer"
    torn_lists: tuple[object, ...] = ([], [{}], [*actions(question), 1], {})
    for torn in torn_lists:
        assert understood(question, torn, 200).kind is OutcomeKind.UNKNOWN
    if name != "void":
        assert understood(question, actions(question, amount=1), 200).code == "amount_mismatch"


def test_an_acknowledged_action_that_is_not_listed_yet_is_pending() -> None:
    question = replace(questions()["capture"], psp_reference="act_1")
    outcome = understood(question, actions(questions()["refund"]), 200)
    assert (outcome.kind, outcome.psp_reference) == (OutcomeKind.PENDING, "act_1")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 429, 500, 503])
def test_a_psp_that_refuses_the_question_settles_nothing(status: int) -> None:
    for question in questions().values():
        bodies: tuple[object, ...] = (b"", {}, {"error_type": "not_found"}, [])
        for body in bodies:
            assert understood(question, body, status).kind is OutcomeKind.UNKNOWN


def test_an_issuer_that_answered_too_late_has_not_declined() -> None:
    late = payment(
        authorization(),
        approved=False,
        status="Declined",
        response_code="20005",
        processing={"partner_response_code": "68"},
    )
    assert understood(authorization(), late).code == "psp_timeout"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("20051", ("declined", "insufficient_funds")),
        # Too late to say, or still under way: the issuer may hold the money.
        ("20068", ("unknown", "psp_timeout")),
        ("20009", ("pending", "")),
        ("10000", ("unknown", "contradictory_answer")),
    ],
)
def test_why_a_payment_was_declined_stands_with_its_action(code: str, expected: tuple[str, str]) -> None:
    fields = {
        "status": "Declined",
        "approved": False,
        "actions": [{"id": ACTION, "type": "Authorization", "response_code": code}],
    }
    outcome = understood(ASKED, payment_details(ASKED, **fields), 200)
    assert (outcome.kind.value, outcome.code) == expected


@pytest.mark.parametrize("status", [200, 202])
def test_a_verdict_without_the_status_that_stands_for_one_is_pending(status: int) -> None:
    for answer in (payment(authorization()), payment(authorization(), approved=False, status="Declined")):
        outcome = understood(authorization(), answer, status)
        assert outcome.kind in {OutcomeKind.PENDING, OutcomeKind.UNKNOWN}
    pending = understood(authorization(), payment(authorization()), status)
    assert (pending.kind, pending.psp_reference, pending.code) == (OutcomeKind.PENDING, PAYMENT, "")


@pytest.mark.parametrize("status", ["Partially Captured", "Partially Refunded"])
def test_what_was_captured_of_a_payment_in_parts_is_not_guessed(status: str) -> None:
    question = replace(ASKED, capture=True)
    outcome = understood(question, payment_details(question, status=status, balances={}), 200)
    assert outcome.kind is OutcomeKind.UNKNOWN


def test_an_error_code_that_speaks_of_the_payments_state_is_no_refusal() -> None:
    for code in ("payment_status_unknown", "transaction_result_unknown"):
        assert understood(authorization(), {"error_codes": [code]}, 422).kind is OutcomeKind.UNKNOWN
