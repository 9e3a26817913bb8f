"""What the connector makes of PayPal's answers: every example and every code of PayPal's own descriptions."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paypalserversdk.models.avs_code import AvsCode  # type: ignore[import-untyped]
from paypalserversdk.models.capture_incomplete_reason import CaptureIncompleteReason  # type: ignore[import-untyped]
from paypalserversdk.models.cvv_code import CvvCode  # type: ignore[import-untyped]
from paypalserversdk.models.processor_response_code import ProcessorResponseCode  # type: ignore[import-untyped]

from devstack.descriptions import Description, Example, ExampleKind, default_folder, load
from mesh.money import Money
from psp_connectors.connectors.paypal.codes import (
    APPROVALS,
    AVS_LETTERS,
    CARD_CODE_LETTERS,
    RESPONSE_CODES,
    STATUS_REASONS,
)
from psp_connectors.connectors.paypal.issues import ERROR_NAMES, OPEN_ISSUES, REFUSALS
from psp_connectors.connectors.paypal.resources import AUTHORIZATION_STATUSES, CAPTURE_STATUSES, REFUND_STATUSES
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.guard import settle
from psp_connectors.domain.operations import Operation
from psp_connectors.domain.outcomes import OutcomeKind
from tests.conformance.material import needs_material
from tests.contract.connector_suite import BOUNDED, JSON_VALUES, STATUSES, changed, paths_of, response
from tests.fakes.connectors.paypal import (
    actions,
    approval,
    charge_answer,
    error,
    operations,
    order_answer,
    paypal_account,
)
from tests.fakes.connectors.ports import authorization

PAYPAL = CONNECTORS["paypal"]
SPECS = default_folder()
DESCRIPTION: Description | None = load(SPECS, "paypal") if SPECS is not None else None
ANSWERS: list[Example] = (
    [e for e in DESCRIPTION.examples() if e.kind in {ExampleKind.RESPONSE, ExampleKind.SCHEMA}] if DESCRIPTION else []
)
EUROS = Money(1050, "EUR")

pytestmark = needs_material


def document(name: str) -> dict[str, Any]:
    assert SPECS is not None
    content: dict[str, Any] = json.loads((SPECS / "paypal" / f"{name}.json").read_text())
    return content


def schemas(name: str) -> dict[str, Any]:
    found: dict[str, Any] = document(name)["components"]["schemas"]
    return found


def issues_of(value: object) -> Iterator[str]:
    """Yield every issue that a description names, whichever operation it belongs to."""
    if isinstance(value, dict):
        issue = value.get("properties", {}).get("issue", {}) if isinstance(value.get("properties"), dict) else {}
        yield from issue.get("enum", ())
        for inner in value.values():
            yield from issues_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from issues_of(inner)


def test_the_description_has_the_examples_that_this_test_knows() -> None:
    assert {example.status for example in ANSWERS} == {"201", "500", ""}
    assert len(ANSWERS) >= 8


@pytest.mark.parametrize("example", [pytest.param(e, id=e.label) for e in ANSWERS])
def test_every_example_answer_is_understood(example: Example) -> None:
    status = int(example.status or example.operation[-3:])
    for operation in actions():
        outcome = settle(operation, PAYPAL.parse(operation, response(example.value, status)))
        # The one example of a success is an order without payment, the errors are PayPal's own breakdowns.
        assert outcome.kind is OutcomeKind.UNKNOWN
        assert outcome.code in ({"psp_error"} if status >= 500 else {"unreadable_answer", "reference_mismatch"})


@BOUNDED
@given(data=st.data(), operation=st.sampled_from(operations()), status=STATUSES)
def test_no_changed_example_becomes_an_approval(data: st.DataObject, operation: Operation, status: int) -> None:
    body = json.loads(json.dumps(data.draw(st.sampled_from(ANSWERS)).value))
    for _ in range(data.draw(st.integers(0, 3))):
        paths = list(paths_of(body))
        if paths:
            body = changed(body, data.draw(st.sampled_from(paths)), data.draw(st.just(...) | JSON_VALUES))
    outcome = settle(operation, PAYPAL.parse(operation, response(body, status)))
    # None of the examples holds a payment, so whatever is changed in them there is none.
    assert outcome.kind in {OutcomeKind.UNKNOWN, OutcomeKind.DECLINED}
    assert not outcome.psp_reference


def test_our_answers_are_as_described() -> None:
    assert DESCRIPTION is not None
    for operation in operations():
        request = PAYPAL.build(operation, paypal_account())
        status = 201 if operation in actions()[:3] or operation == actions()[4] else 200
        body = json.dumps(approval(operation)).encode()
        assert DESCRIPTION.response_findings(request.method, request.url, status, "application/json", body) == []


def test_every_processor_response_code_is_mapped() -> None:
    described = set(schemas("checkout_orders_v2")["processor_response"]["properties"]["response_code"]["enum"])
    assert len(described) == 154
    sdk = {code for name, code in vars(ProcessorResponseCode).items() if name.startswith("RESPONSE_")}
    assert sorted((described | sdk) - RESPONSE_CODES.keys() - APPROVALS) == []
    assert sorted(RESPONSE_CODES.keys() - described - sdk) == []
    assert not RESPONSE_CODES.keys() & APPROVALS


def decline(code: str) -> dict[str, Any]:
    payment = charge_answer(EUROS, "DECLINED", processor_response={"response_code": code})
    return order_answer(EUROS, payment, captured=True)


@pytest.mark.parametrize("code", sorted(RESPONSE_CODES))
def test_every_processor_response_code_declines(code: str) -> None:
    operation: Operation = authorization(capture=True)
    outcome = settle(operation, PAYPAL.parse(operation, response(decline(code), 201)))
    assert (outcome.kind, outcome.raw_code, outcome.unmapped) == (OutcomeKind.DECLINED, code, False)
    assert outcome.code == RESPONSE_CODES[code].value


def test_every_issue_is_mapped() -> None:
    described: set[str] = set()
    for name in ("checkout_orders_v2", "payments_payment_v2"):
        for schema, content in schemas(name).items():
            # Tracking and changing an order are no operations of ours.
            if not schema.startswith(("orders.track", "orders.patch", "authorizations.reauthorize")):
                described |= set(issues_of(content))
    assert len(described) > 190
    assert sorted(described - REFUSALS.keys() - OPEN_ISSUES.keys()) == []
    assert not REFUSALS.keys() & OPEN_ISSUES.keys()


@pytest.mark.parametrize("issue", sorted(REFUSALS))
def test_every_issue_that_refuses_declines(issue: str) -> None:
    outcome = PAYPAL.parse(authorization(), response(error("UNPROCESSABLE_ENTITY", issue), 422))
    assert (outcome.kind, outcome.code, outcome.unmapped) == (OutcomeKind.DECLINED, REFUSALS[issue].value, False)


@pytest.mark.parametrize("issue", sorted(OPEN_ISSUES))
def test_every_issue_that_leaves_open_is_unknown(issue: str) -> None:
    outcome = PAYPAL.parse(authorization(), response(error("UNPROCESSABLE_ENTITY", issue), 422))
    assert (outcome.kind, outcome.raw_code) == (OutcomeKind.UNKNOWN, issue)


def test_every_error_name_is_the_descriptions() -> None:
    for status, name in ERROR_NAMES.items():
        assert schemas("checkout_orders_v2")[f"error_{status}"]["properties"]["name"]["enum"] == [name]


def test_every_status_is_mapped() -> None:
    payments = schemas("payments_payment_v2")
    for schema, table in (
        ("authorization_status", AUTHORIZATION_STATUSES),
        ("capture_status", CAPTURE_STATUSES),
        ("refund_status", REFUND_STATUSES),
    ):
        assert set(payments[schema]["properties"]["status"]["enum"]) == set(table)
    reasons = {reason for name, reason in vars(CaptureIncompleteReason).items() if name.isupper()}
    described = set(payments["capture_status_details"]["properties"]["reason"]["enum"])
    assert set(STATUS_REASONS) == reasons | described


def test_every_letter_of_the_issuers_checks_is_known() -> None:
    properties = schemas("checkout_orders_v2")["processor_response"]["properties"]
    avs = {letter for name, letter in vars(AvsCode).items() if name.startswith("AVS_")}
    cvv = {letter for name, letter in vars(CvvCode).items() if name.startswith(("CVV_", "ENUM_"))}
    assert set(properties["avs_code"]["enum"]) | avs <= AVS_LETTERS.keys()
    assert set(properties["cvv_code"]["enum"]) | cvv <= CARD_CODE_LETTERS.keys()
