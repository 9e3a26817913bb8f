"""What the connector makes of every answer in Adyen's own description, and of what such an answer can become."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.descriptions import Description, Example, ExampleKind, default_folder, load
from mesh.money import Money
from psp_connectors.connectors.adyen import answers, codes
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.guard import settle
from psp_connectors.domain.http import HttpResponse
from psp_connectors.domain.operations import Action, Authorization, Increment, Reversal, Sync, Verification, Void
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from tests.contract.connector_suite import BOUNDED, JSON_VALUES, STATUSES, changed, paths_of, response
from tests.fakes.connectors.adyen import approval, increment, modifications, operations, refusal, verification
from tests.fakes.connectors.ports import API_KEY, CARD_NUMBER, authorization, sync

ADYEN = CONNECTORS["adyen"]
SPECS = default_folder()
WITHOUT_MATERIAL = "the PSP material at ../shared/psp is not there"
DESCRIPTION: Description | None = load(SPECS, "adyen") if SPECS is not None else None
RESPONSES: list[Example] = (
    [example for example in DESCRIPTION.examples() if example.kind is ExampleKind.RESPONSE] if DESCRIPTION else []
)
OURS: dict[str, Action] = {
    "POST /cancels": modifications()["reversal"],
    "POST /payments": authorization(),
    "POST /payments/{paymentPspReference}/amountUpdates": increment(),
    "POST /payments/{paymentPspReference}/captures": modifications()["capture"],
    "POST /payments/{paymentPspReference}/cancels": modifications()["void"],
    "POST /payments/{paymentPspReference}/refunds": modifications()["refund"],
}
PAYMENTS = {
    "card-3d-secure-2-web": OutcomeKind.ACTION_REQUIRED,
    "card-3d-secure-redirect": OutcomeKind.ACTION_REQUIRED,
    "card-direct": OutcomeKind.APPROVED,
    "card-securedfields": OutcomeKind.APPROVED,
    "enableOneClick-SF": OutcomeKind.APPROVED,
    "ideal": OutcomeKind.ACTION_REQUIRED,
    # These two name neither our reference nor an amount: nothing says that they are about this payment.
    "on-demand-top-up-from-transfer-instrument": OutcomeKind.UNKNOWN,
    "on-demand-top-up-visa": OutcomeKind.UNKNOWN,
    "split-balanceplatform": OutcomeKind.APPROVED,
    "subscription-first-transaction": OutcomeKind.APPROVED,
}
ERRORS = {
    "400": (OutcomeKind.DECLINED, "invalid_request"),
    "401": (OutcomeKind.DECLINED, "merchant_configuration"),
    "403": (OutcomeKind.DECLINED, "merchant_configuration"),
    "422": (OutcomeKind.DECLINED, "invalid_request"),
    "500": (OutcomeKind.UNKNOWN, "psp_error"),
}
SAMPLES = (*operations().values(), sync())

needs_material = pytest.mark.skipif(DESCRIPTION is None, reason=WITHOUT_MATERIAL)


def asked(example: Example) -> Action:
    """Give the operation that an example answers: same reference, payment and amount."""
    operation, value = OURS[example.operation], example.value
    reference = value.get("merchantReference") or value.get("reference")
    reference = reference or value.get("additionalData", {}).get("merchantReference")
    operation = replace(operation, reference=reference or operation.reference)
    amount = value.get("amount")
    money = None if amount is None else Money(amount["value"], amount["currency"])
    if isinstance(operation, Increment):
        assert money is not None
        return replace(operation, psp_reference=value["paymentPspReference"], total=money)
    if isinstance(operation, Reversal):
        return replace(operation, reference=value["paymentReference"])
    if money is not None and not isinstance(operation, Void | Verification):
        operation = replace(operation, amount=money)
    if isinstance(operation, Authorization | Verification):
        return operation
    return replace(operation, psp_reference=value["paymentPspReference"])


def understood(operation: Any, body: object, status: int) -> Outcome:
    return settle(operation, ADYEN.parse(operation, response(body, status)))


def examples(*statuses: str) -> list[Any]:
    return [
        pytest.param(example, id=example.label)
        for example in RESPONSES
        if example.operation in OURS and example.status in statuses
    ]


@needs_material
def test_the_description_has_the_examples_that_this_test_knows() -> None:
    shown = {e.name for e in RESPONSES if e.operation == "POST /payments" and e.status == "200"}
    assert shown == set(PAYMENTS)
    assert {e.operation for e in RESPONSES if e.operation in OURS and e.status in {"200", "201"}} == set(OURS)
    assert len(RESPONSES) == 146


@pytest.mark.parametrize("example", examples("200", "201"))
def test_every_answer_of_the_description_is_understood(example: Example) -> None:
    operation = asked(example)
    outcome = understood(operation, example.value, int(example.status))
    expected = PAYMENTS[example.name] if example.status == "200" else OutcomeKind.PENDING
    assert outcome.kind is expected, outcome
    if expected in {OutcomeKind.APPROVED, OutcomeKind.PENDING}:
        assert outcome.psp_reference == example.value["pspReference"]
    if expected is OutcomeKind.ACTION_REQUIRED:
        assert outcome.next_action is not None


@pytest.mark.parametrize("example", examples("400", "401", "403", "422", "500"))
def test_every_error_of_the_description_is_understood(example: Example) -> None:
    outcome = understood(OURS[example.operation], example.value, int(example.status))
    assert (outcome.kind, outcome.code) == ERRORS[example.status]
    assert (outcome.psp_reference, outcome.unmapped) == ("", False)
    assert outcome.raw_code == example.value["errorCode"]


@pytest.mark.parametrize("example", [pytest.param(e, id=e.label) for e in RESPONSES if e.operation not in OURS])
def test_an_answer_to_another_call_is_no_decision(example: Example) -> None:
    for operation in SAMPLES:
        outcome = understood(operation, example.value, int(example.status))
        if example.status in ERRORS:
            assert outcome.kind in {OutcomeKind.DECLINED, OutcomeKind.UNKNOWN}
            assert outcome.psp_reference == ""
        else:
            # Nothing is decided by an answer that does not name the payment: it may be waited for at most.
            assert outcome.kind in {OutcomeKind.UNKNOWN, OutcomeKind.ACTION_REQUIRED, OutcomeKind.PENDING}


@needs_material
def test_every_result_code_of_the_description_is_known() -> None:
    assert DESCRIPTION is not None
    schema = DESCRIPTION.operations[0].document.at("#/components/schemas/PaymentResponse")
    assert set(schema["properties"]["resultCode"]["enum"]) == answers.RESULT_CODES


@needs_material
def test_every_status_of_a_modification_is_known() -> None:
    assert DESCRIPTION is not None
    document = DESCRIPTION.operations[0].document
    for name in ("Capture", "Cancel", "Refund"):
        schema = document.at(f"#/components/schemas/Payment{name}Response")
        assert schema["properties"]["status"]["enum"] == ["received"]
    schema = document.at("#/components/schemas/PaymentAmountUpdateResponse")
    statuses = schema["properties"]["status"]["enum"]
    kinds = {
        status: understood(increment(), approval(increment()) | {"status": status}, 201).kind for status in statuses
    }
    assert kinds == {
        "authorised": OutcomeKind.APPROVED,
        "received": OutcomeKind.PENDING,
        "refused": OutcomeKind.DECLINED,
    }


def test_no_refusal_reason_is_unmapped() -> None:
    documented = {str(number) for number in range(47)} - {"1", "13", "30"}
    unmapped = [code for code in documented if understood(authorization(), refusal(code), 200).unmapped]
    assert unmapped == []
    assert set(codes.REFUSAL_CODES) == documented


def still_says_so(operation: Any, body: Any, status: int) -> bool:
    """Tell whether an answer, as it stands, approves this very operation in Adyen's own terms."""
    if not isinstance(body, dict) or isinstance(operation, Sync) or not isinstance(body.get("pspReference"), str):
        return False
    asked_for = operation.total if isinstance(operation, Increment) else getattr(operation, "amount", None)
    if isinstance(operation, Verification):
        asked_for = Money(0, operation.currency)
    whole = asked_for is None or body.get("amount") == {"currency": asked_for.currency, "value": asked_for.value}
    if isinstance(operation, Authorization | Verification):
        additional = body.get("additionalData")
        additional = additional if isinstance(additional, dict) else {}
        named = {repr(v) for v in (body.get("merchantReference"), additional.get("merchantReference")) if v is not None}
        said = status == 200 and body.get("resultCode") == "Authorised" and named == {repr(operation.reference)}
        return said and (whole or "amount" not in body)
    said = status == 201 and body.get("status") == "authorised" and isinstance(operation, Increment)
    named_ok = (body.get("reference"), body.get("paymentPspReference")) == (
        operation.reference,
        operation.psp_reference,
    )
    return said and named_ok and whole


def all_answers() -> list[tuple[Any, dict[str, Any], int]]:
    made = [
        (operation, approval(operation), 200 if isinstance(operation, Authorization | Verification) else 201)
        for operation in operations().values()
    ]
    shown = [
        (asked(e), e.value, int(e.status)) for e in RESPONSES if e.operation in OURS and e.status in {"200", "201"}
    ]
    errors = [(OURS[e.operation], e.value, int(e.status)) for e in RESPONSES if e.operation in OURS]
    return [*made, *shown, *errors, (authorization(), refusal("5"), 200), (verification(), refusal("2"), 200)]


ANSWERS = all_answers()


@BOUNDED
@given(data=st.data(), chosen=st.sampled_from(ANSWERS), status=st.none() | STATUSES)
def test_a_mutated_answer_never_raises_and_approves_only_what_it_still_says(
    data: st.DataObject, chosen: tuple[Any, dict[str, Any], int], status: int | None
) -> None:
    operation, body, usual = chosen
    for _ in range(data.draw(st.integers(1, 3))):
        paths = list(paths_of(body))
        if not paths:
            break
        body = changed(body, data.draw(st.sampled_from(paths)), data.draw(st.just(...) | JSON_VALUES))
    outcome = understood(operation, body, usual if status is None else status)
    if outcome.kind is OutcomeKind.APPROVED:
        assert still_says_so(operation, body, usual if status is None else status)
    assert outcome.kind not in {OutcomeKind.NOT_SENT, OutcomeKind.NOT_FOUND}
    assert not any(secret in repr(outcome) for secret in (CARD_NUMBER, API_KEY))


@BOUNDED
@given(
    chosen=st.sampled_from(ANSWERS), cut=st.integers(0, 10_000), kind=st.sampled_from(["cut", "html", "type", "huge"])
)
def test_a_broken_answer_is_unknown(chosen: tuple[Any, dict[str, Any], int], cut: int, kind: str) -> None:
    operation, body, status = chosen
    whole = json.dumps(body).encode()
    answer = {
        "cut": response(whole[: cut % len(whole)], status),
        "html": response(b"<html>" + whole + b"</html>", status),
        "type": response(body, status, "text/html"),
        "huge": response(b"[" * 200_000 + whole, status),
    }[kind]
    assert settle(operation, ADYEN.parse(operation, answer)).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize("operation", [o for o, _, _ in ANSWERS[:6]])
@pytest.mark.parametrize("status", [100, 202, 204, 301, 302, 404, 409, 500, 502, 503, 504])
def test_an_answer_of_another_status_is_unknown(operation: Any, status: int) -> None:
    for body in (b"", b"{}", b"null", json.dumps(approval(operation)).encode()):
        answer = HttpResponse(status=status, headers={"content-type": "application/json"}, body=body)
        assert settle(operation, ADYEN.parse(operation, answer)).kind is OutcomeKind.UNKNOWN


@BOUNDED
@given(operation=st.sampled_from(SAMPLES), body=JSON_VALUES | st.binary(max_size=200), status=STATUSES)
def test_any_answer_is_read_without_raising_and_never_approved(operation: Any, body: object, status: int) -> None:
    assert understood(operation, body, status).kind is not OutcomeKind.APPROVED
