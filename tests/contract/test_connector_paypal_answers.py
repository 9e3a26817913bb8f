import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.money import Money
from psp_connectors.connectors.paypal.money import from_paypal, to_paypal
from psp_connectors.connectors.paypal.resources import seconds_of
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.guard import settle
from psp_connectors.domain.operations import Operation, OperationKind
from psp_connectors.domain.outcomes import Check, Checks, NextActionKind, Outcome, OutcomeKind
from tests.contract.connector_suite import BOUNDED, JSON_VALUES, KNOWN_CODES, STATUSES, response
from tests.fakes.connectors.paypal import (
    ACCESS_TOKEN,
    AUTHORIZATION,
    CAPTURE,
    ORDER,
    approval,
    authorization_answer,
    capture_answer,
    charge_answer,
    error,
    link,
    operations,
    order_answer,
    paypal_capture,
    paypal_refund,
    paypal_void,
    question,
    questions,
    refund_answer,
)
from tests.fakes.connectors.ports import API_KEY, CARD_NUMBER, authorization

PAYPAL = CONNECTORS["paypal"]
OPERATIONS = operations()
EUROS = Money(1050, "EUR")
APPROVED, DECLINED, PENDING, UNKNOWN = (
    OutcomeKind.APPROVED,
    OutcomeKind.DECLINED,
    OutcomeKind.PENDING,
    OutcomeKind.UNKNOWN,
)


def understood(
    operation: Operation, body: object, status: int = 201, content_type: str = "application/json"
) -> Outcome:
    return settle(operation, PAYPAL.parse(operation, response(body, status, content_type)))


def test_approvals_are_approvals() -> None:
    for operation in OPERATIONS:
        outcome = understood(operation, approval(operation), 200)
        assert outcome.kind is APPROVED, (operation, outcome)


def test_approval_tells_what_came_with_it() -> None:
    outcome = understood(authorization(), approval(authorization()))
    assert (outcome.psp_reference, outcome.raw_code, outcome.captured_amount) == (AUTHORIZATION, "0000", 0)
    assert outcome.network_transaction_id == "123456789012345"
    assert outcome.checks == Checks(Check.MATCH, Check.MATCH, Check.MATCH)
    assert outcome.expires_at == 1_798_106_400
    outcome = understood(authorization(capture=True), approval(authorization(capture=True)))
    assert (outcome.psp_reference, outcome.captured_amount) == (CAPTURE, 1050)


def test_card_of_the_answer_is_told_when_asked_for() -> None:
    asked = question(OperationKind.AUTHORIZE, order=True)
    outcome = understood(asked, approval(asked), 200)
    assert outcome.card is not None
    assert (outcome.card.brand, outcome.card.last4, outcome.card.exp_month, outcome.card.exp_year) == (
        "visa",
        "4242",
        12,
        2099,
    )


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        ("CREATED", APPROVED, ""),
        ("CAPTURED", APPROVED, ""),
        ("PARTIALLY_CAPTURED", APPROVED, ""),
        ("PENDING", PENDING, ""),
        ("DENIED", DECLINED, "generic_decline"),
        ("VOIDED", DECLINED, "authorization_expired"),
        ("NOVEL", UNKNOWN, "unreadable_answer"),
        ("", UNKNOWN, "unreadable_answer"),
    ],
)
def test_states_of_an_authorization(status: str, kind: OutcomeKind, code: str) -> None:
    payment = authorization_answer(EUROS, status, processor_response={})
    outcome = understood(authorization(), order_answer(EUROS, payment, captured=False))
    assert (outcome.kind, outcome.code) == (kind, code)
    assert understood(question(OperationKind.AUTHORIZE), payment, 200).kind is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("COMPLETED", APPROVED),
        ("PARTIALLY_REFUNDED", APPROVED),
        ("REFUNDED", APPROVED),
        ("PENDING", PENDING),
        ("DECLINED", DECLINED),
        ("FAILED", DECLINED),
        ("NOVEL", UNKNOWN),
    ],
)
def test_states_of_a_capture(status: str, kind: OutcomeKind) -> None:
    assert understood(paypal_capture(), capture_answer(EUROS, status=status)).kind is kind
    payment = charge_answer(EUROS, status, processor_response={})
    outcome = understood(authorization(capture=True), order_answer(EUROS, payment, captured=True))
    assert (outcome.kind, outcome.captured_amount) == (kind, 1050 if kind is APPROVED else 0)


@pytest.mark.parametrize(
    ("status", "kind"),
    [("COMPLETED", APPROVED), ("PENDING", PENDING), ("FAILED", DECLINED), ("CANCELLED", DECLINED), ("NOVEL", UNKNOWN)],
)
def test_states_of_a_refund(status: str, kind: OutcomeKind) -> None:
    outcome = understood(paypal_refund(), refund_answer(EUROS, status))
    assert (outcome.kind, bool(outcome.psp_reference)) == (kind, kind is not UNKNOWN)


@pytest.mark.parametrize(
    ("status", "called", "asked"),
    [
        ("VOIDED", APPROVED, APPROVED),
        ("CREATED", UNKNOWN, OutcomeKind.NOT_FOUND),
        ("PENDING", UNKNOWN, OutcomeKind.NOT_FOUND),
        ("CAPTURED", DECLINED, DECLINED),
        ("DENIED", DECLINED, DECLINED),
        ("PARTIALLY_CAPTURED", UNKNOWN, UNKNOWN),
        ("NOVEL", UNKNOWN, UNKNOWN),
    ],
)
def test_a_void_is_read_off_its_authorization(status: str, called: OutcomeKind, asked: OutcomeKind) -> None:
    answer = authorization_answer(EUROS, status)
    assert understood(paypal_void(), answer, 200).kind is called
    assert understood(question(OperationKind.VOID), answer, 200).kind is asked


def test_pending_tells_why() -> None:
    payment = authorization_answer(EUROS, "PENDING", status_details={"reason": "PENDING_REVIEW"})
    outcome = understood(authorization(), order_answer(EUROS, payment, captured=False))
    assert (outcome.kind, outcome.psp_reference, outcome.raw_code) == (PENDING, AUTHORIZATION, "PENDING_REVIEW")


def test_decline_inside_a_completed_order() -> None:
    response_of_issuer = {"avs_code": "G", "cvv_code": "P", "response_code": "5120", "payment_advice_code": "02"}
    payment = charge_answer(EUROS, "DECLINED", processor_response=response_of_issuer)
    outcome = understood(authorization(capture=True), order_answer(EUROS, payment, captured=True))
    assert (outcome.kind, outcome.code, outcome.raw_code) == (DECLINED, "insufficient_funds", "5120")
    assert (outcome.psp_reference, outcome.advice_code) == (CAPTURE, "02")
    assert outcome.checks == Checks(Check.UNAVAILABLE, Check.UNAVAILABLE, Check.NOT_CHECKED)


def test_unlisted_code_is_an_unknown_decline_and_says_so() -> None:
    payment = charge_answer(EUROS, "DECLINED", processor_response={"response_code": "XXXX"})
    outcome = understood(authorization(capture=True), order_answer(EUROS, payment, captured=True))
    assert (outcome.code, outcome.raw_code, outcome.unmapped) == ("unknown_decline", "XXXX", True)
    outcome = understood(authorization(), error("UNPROCESSABLE_ENTITY", "NOVEL_REASON"), 422)
    assert (outcome.kind, outcome.code, outcome.raw_code, outcome.unmapped) == (
        DECLINED,
        "unknown_decline",
        "NOVEL_REASON",
        True,
    )


@pytest.mark.parametrize(("status", "code"), [("CREATED", "5120"), ("CREATED", "1000"), ("DENIED", "0000")])
def test_status_and_processor_must_agree(status: str, code: str) -> None:
    payment = authorization_answer(EUROS, status, processor_response={"response_code": code})
    outcome = understood(authorization(), order_answer(EUROS, payment, captured=False))
    assert (outcome.kind, outcome.code, outcome.raw_code) == (UNKNOWN, "contradictory_answer", code)


def test_three_ds_of_paypals_own() -> None:
    action = link("payer-action", "/webapps/helios?action=authenticate&token=x")
    answer = order_answer(EUROS, None, captured=False, status="PAYER_ACTION_REQUIRED", links=[action])
    outcome = understood(authorization(), answer)
    assert (outcome.kind, outcome.psp_reference) == (OutcomeKind.ACTION_REQUIRED, f"order:{ORDER}")
    assert outcome.next_action is not None
    assert (outcome.next_action.kind, outcome.next_action.url) == (NextActionKind.REDIRECT, action["href"])
    assert understood(authorization(), answer | {"links": []}).kind is UNKNOWN
    refused = error("UNPROCESSABLE_ENTITY", "PAYER_ACTION_REQUIRED", links=[action])
    assert understood(authorization(), refused, 422).kind is OutcomeKind.ACTION_REQUIRED
    assert understood(authorization(), refused | {"links": []}, 422).code == "authentication_required"


@pytest.mark.parametrize("status", ["CREATED", "SAVED", "APPROVED", "NOVEL"])
def test_order_that_was_not_processed_settles_nothing(status: str) -> None:
    answer = order_answer(EUROS, None, captured=False, status=status)
    assert understood(authorization(), answer).code == "contradictory_answer"


def test_order_given_up_is_a_decline_of_the_same_reference_only() -> None:
    asked = question(OperationKind.AUTHORIZE, order=True)
    answer = order_answer(EUROS, None, captured=False, status="VOIDED")
    assert understood(asked, answer, 200).code == "customer_canceled"
    answer["purchase_units"][0] |= {"invoice_id": "pay_9_1", "custom_id": "pay_9_1"}
    assert understood(asked, answer, 200).code == "reference_mismatch"


@pytest.mark.parametrize(
    ("operation", "changes", "code"),
    [
        (paypal_capture(), {"amount": to_paypal(Money(1051, "EUR"))}, "amount_mismatch"),
        (paypal_capture(), {"amount": to_paypal(Money(1050, "USD"))}, "amount_mismatch"),
        (paypal_capture(), {"amount": {"currency_code": "EUR", "value": 10.5}}, "amount_mismatch"),
        (paypal_capture(), {"amount": {"currency_code": "EUR", "value": "10.500001"}}, "amount_mismatch"),
        (paypal_capture(), {"invoice_id": "cap_2"}, "reference_mismatch"),
        (paypal_capture(), {"invoice_id": "", "custom_id": ""}, "reference_mismatch"),
        (paypal_capture(), {"links": [link("up", "/v2/payments/authorizations/OTHER")]}, "reference_mismatch"),
        (
            paypal_capture(),
            {"supplementary_data": {"related_ids": {"authorization_id": "OTHER"}}},
            "reference_mismatch",
        ),
        (paypal_refund(), {"invoice_id": "ref_2"}, "reference_mismatch"),
        (paypal_refund(), {"links": [link("up", "/v2/payments/captures/OTHER")]}, "reference_mismatch"),
        (paypal_refund(), {"amount": to_paypal(Money(1, "EUR"))}, "amount_mismatch"),
        (paypal_void(), {"id": "OTHER"}, "reference_mismatch"),
        (question(OperationKind.AUTHORIZE), {"id": "OTHER"}, "reference_mismatch"),
        (question(OperationKind.REFUND), {"id": "OTHER"}, "reference_mismatch"),
        (question(OperationKind.AUTHORIZE), {"invoice_id": "pay_2_1"}, "reference_mismatch"),
    ],
)
def test_answers_about_something_else_are_unknown(operation: Operation, changes: dict[str, Any], code: str) -> None:
    outcome = understood(operation, approval(operation) | changes, 200)
    assert (outcome.kind, outcome.code) == (UNKNOWN, code)


def test_orders_about_something_else_are_unknown() -> None:
    asked = authorization()
    whole = approval(asked)
    assert understood(asked, whole | {"intent": "CAPTURE"}).code == "contradictory_answer"
    assert understood(asked, whole | {"purchase_units": whole["purchase_units"] * 2}).code == "unreadable_answer"
    for name, other, code in (
        ("custom_id", "pay_2_1", "reference_mismatch"),
        ("amount", to_paypal(Money(500, "EUR")), "amount_mismatch"),
    ):
        payment = authorization_answer(EUROS) | {"invoice_id": "", name: other}
        assert understood(asked, order_answer(EUROS, payment, captured=False)).code == code
    foreign = approval(asked)
    foreign["purchase_units"][0]["invoice_id"] = "pay_2_1"
    assert understood(asked, foreign).code == "reference_mismatch"
    twice = approval(asked)
    twice["purchase_units"][0]["payments"]["authorizations"] *= 2
    assert understood(asked, twice).code == "unreadable_answer"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, error("INVALID_REQUEST", "INVALID_PARAMETER_VALUE"), "invalid_request"),
        (400, error("INVALID_REQUEST"), "invalid_request"),
        (401, error("AUTHENTICATION_FAILURE"), "merchant_configuration"),
        (
            401,
            {"error": "invalid_token", "error_description": "Token signature verification failed"},
            "merchant_configuration",
        ),
        (403, error("NOT_AUTHORIZED", "PERMISSION_DENIED"), "merchant_configuration"),
        (404, error("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"), "invalid_request"),
        (415, error("UNSUPPORTED_MEDIA_TYPE"), "invalid_request"),
        (422, error("UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED"), "generic_decline"),
        (422, error("UNPROCESSABLE_ENTITY", "CARD_EXPIRED"), "expired_card"),
        (422, error("UNPROCESSABLE_ENTITY", "AUTHORIZATION_VOIDED"), "invalid_transaction"),
        (422, error("UNPROCESSABLE_ENTITY", "PREVIOUSLY_CAPTURED"), "invalid_transaction"),
        (429, error("RATE_LIMIT_REACHED"), "psp_unavailable"),
    ],
)
def test_clear_refusals_are_declines_without_a_psp_reference(status: int, body: object, code: str) -> None:
    outcome = understood(paypal_capture(), body, status)
    assert (outcome.kind, outcome.code, outcome.psp_reference) == (DECLINED, code, "")


@pytest.mark.parametrize("issue", ["PREVIOUSLY_CAPTURED", "CANNOT_BE_VOIDED"])
def test_void_that_cannot_be_is_settled_by_the_state_it_tells_of(issue: str) -> None:
    outcome = understood(paypal_void(), error("UNPROCESSABLE_ENTITY", issue), 422)
    assert (outcome.kind, outcome.code, outcome.psp_reference) == (DECLINED, "invalid_transaction", AUTHORIZATION)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (409, error("RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS"), "idempotency_conflict"),
        (409, error("RESOURCE_CONFLICT"), "idempotency_conflict"),
        (422, error("UNPROCESSABLE_ENTITY", "DUPLICATE_INVOICE_ID"), "idempotency_conflict"),
        (422, error("UNPROCESSABLE_ENTITY", "CANNOT_BE_NEGATIVE", "DUPLICATE_INVOICE_ID"), "idempotency_conflict"),
        (422, error("UNPROCESSABLE_ENTITY", "PAYPAL_REQUEST_ID_PREVIOUSLY_USED"), "idempotency_conflict"),
        (400, error("INVALID_REQUEST", "DUPLICATE_REQUEST_ID"), "idempotency_conflict"),
        (422, error("UNPROCESSABLE_ENTITY", "NOVEL_DUPLICATE"), "idempotency_conflict"),
        (422, error("UNPROCESSABLE_ENTITY", "PREVIOUSLY_VOIDED"), "contradictory_answer"),
        (422, error("SOMETHING_ELSE", "INSTRUMENT_DECLINED"), "psp_error"),
        (422, {}, "psp_error"),
        (404, {"message": "no such route"}, "psp_error"),
        (401, {}, "psp_error"),
        (429, {}, "psp_error"),
        (500, error("INTERNAL_SERVER_ERROR"), "psp_error"),
        (503, error("SERVICE_UNAVAILABLE"), "psp_error"),
        (202, error("UNPROCESSABLE_ENTITY", "CARD_EXPIRED"), "psp_error"),
    ],
)
def test_errors_that_settle_nothing_are_unknown(status: int, body: object, code: str) -> None:
    for operation in (authorization(), paypal_capture(), paypal_void(), paypal_refund()):
        outcome = understood(operation, body, status)
        assert (outcome.kind, outcome.code) == (UNKNOWN, code)


def test_refused_question_settles_nothing() -> None:
    for asked in questions():
        for status, name in ((400, "INVALID_REQUEST"), (401, "AUTHENTICATION_FAILURE"), (404, "RESOURCE_NOT_FOUND")):
            outcome = understood(asked, error(name, "INVALID_RESOURCE_ID"), status)
            assert (outcome.kind, outcome.code) == (UNKNOWN, "psp_error")


def test_repetition_is_answered_with_the_latest_state() -> None:
    payment = authorization_answer(EUROS, "CAPTURED")
    answer = order_answer(EUROS, payment, captured=False)
    answer["purchase_units"][0]["payments"]["captures"] = [capture_answer(EUROS)]
    outcome = understood(authorization(), answer, 200)
    assert (outcome.kind, outcome.psp_reference) == (APPROVED, AUTHORIZATION)


def essentials(operation: Operation, body: dict[str, Any]) -> tuple[Any, ...]:
    """Give what makes a body an approval of this very operation."""
    payment = body
    if "purchase_units" in body:
        try:
            payments = body["purchase_units"][0]["payments"]
            (payment,) = payments.get("captures") or payments["authorizations"]
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            return ("no payment", body.get("status"))
    if not isinstance(payment, dict):
        return ("no payment", body.get("status"))
    amount = payment.get("amount")
    if operation in (paypal_void(), question(OperationKind.VOID)):
        return (payment.get("id"), payment.get("status"))
    return (payment.get("id"), payment.get("status"), from_paypal({"amount": amount}, "amount"))


TELLING = st.sampled_from(["10.51", "USD", "DENIED", "COMPLETED", "pay_2_1"])
APPROVING = {"CREATED", "CAPTURED", "PARTIALLY_CAPTURED", "COMPLETED", "REFUNDED", "PARTIALLY_REFUNDED", "VOIDED"}


@BOUNDED
@given(data=st.data(), operation=st.sampled_from(OPERATIONS), status=STATUSES)
def test_changed_answers_are_never_approved_unless_they_still_say_so(
    data: st.DataObject, operation: Operation, status: int
) -> None:
    body = json.loads(json.dumps(approval(operation)))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(deep_paths(body)) or [()]))
        if path:
            put(body, path, data.draw(st.just(...) | JSON_VALUES | TELLING))
    outcome = understood(operation, body, status)
    check(operation, outcome)
    if outcome.kind is APPROVED:
        assert status in {200, 201}
        _, said, *amount = essentials(operation, body)
        assert said in APPROVING
        assert amount in ([], [EUROS])


def deep_paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        found += deep_paths(one, (*path, name))
    return found


def put(value: Any, path: tuple[Any, ...], new: object) -> None:
    *way, last = path
    for step in way:
        value = value[step]
    if new is ...:
        del value[last]
    else:
        value[last] = new


def check(operation: Operation, outcome: Outcome) -> None:
    assert outcome.kind is not OutcomeKind.NOT_SENT
    if outcome.kind is OutcomeKind.NOT_FOUND:
        assert operation == question(OperationKind.VOID)
    if outcome.kind in {DECLINED, UNKNOWN}:
        assert outcome.code in KNOWN_CODES
    assert not any(secret in repr(outcome) for secret in (CARD_NUMBER, API_KEY, ACCESS_TOKEN))


@BOUNDED
@given(operation=st.sampled_from(OPERATIONS), body=JSON_VALUES, status=STATUSES)
def test_any_json_is_read_without_raising(operation: Operation, body: object, status: int) -> None:
    outcome = understood(operation, body, status)
    check(operation, outcome)
    assert outcome.kind is UNKNOWN


@BOUNDED
@given(operation=st.sampled_from(OPERATIONS), body=st.binary(max_size=200), status=STATUSES)
def test_any_bytes_are_read_without_raising_and_never_approved(operation: Operation, body: bytes, status: int) -> None:
    assert understood(operation, body, status).kind is UNKNOWN


def test_cut_off_and_undeclared_answers_are_unknown() -> None:
    for operation in OPERATIONS:
        whole = json.dumps(approval(operation)).encode()
        assert all(understood(operation, whole[:length]).kind is UNKNOWN for length in range(len(whole)))
        for content_type in ("text/html", "", "application/octet-stream"):
            assert understood(operation, whole, content_type=content_type).kind is UNKNOWN
        for status in (202, 204, 301, 302, 500, 502, 503, 504):
            assert understood(operation, whole, status).kind is UNKNOWN
            assert understood(operation, b"", status).kind is UNKNOWN
        assert understood(operation, b"[" * 100_000).kind is UNKNOWN


@BOUNDED
@given(moment=st.datetimes(timezones=st.timezones()))
def test_times_are_read_in_every_zone(moment: Any) -> None:
    expected = int(moment.timestamp())
    assert seconds_of(moment.isoformat()) == (expected if 0 < expected <= 253_402_300_799 else 0)
    assert seconds_of(moment.replace(tzinfo=None).isoformat()) == 0
