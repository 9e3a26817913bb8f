"""Every example in Checkout.com's description is understood, and no example that was tampered with becomes approved."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.descriptions import Description, Example, default_folder, load
from mesh.money import Money
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.guard import settle
from psp_connectors.domain.operations import Authorization, OperationKind, Refund, Sync
from psp_connectors.domain.outcomes import Check, Outcome, OutcomeKind
from psp_connectors.domain.webhooks import Authenticity, WebhookContext
from tests.contract.connector_suite import BOUNDED, JSON_VALUES, STATUSES, changed, paths_of, response
from tests.fakes.connectors.checkout import (
    PAYMENT,
    SIGNATURE_KEY,
    acknowledgement,
    actions,
    checkout_account,
    increment,
    incremented,
    modifications,
    payment,
    payment_details,
    questions,
    webhook,
)
from tests.fakes.connectors.ports import authorization, refund

CHECKOUT = CONNECTORS["checkout"]
SPECS = default_folder()

pytestmark = pytest.mark.skipif(SPECS is None, reason="the PSP material at ../shared/psp is not there")


@pytest.fixture(scope="module")
def description() -> Description:
    assert SPECS is not None
    return load(SPECS, "checkout")


@pytest.fixture(scope="module")
def examples(description: Description) -> Sequence[Example]:
    return list(description.examples())


def example_of(examples: Sequence[Example], kind: str, operation: str) -> Any:
    (found,) = [example.value for example in examples if (example.kind, example.operation) == (kind, operation)]
    return found


def asked_of(value: dict[str, Any]) -> Authorization:
    amount = Money(value["amount"], value["currency"])
    return replace(authorization(), reference=value["reference"], amount=amount)


def test_every_example_of_a_payments_answer_is_looked_at(examples: Sequence[Example]) -> None:
    found = {e.operation for e in examples if e.kind == "response" and " /payments" in e.operation}
    assert found == {"POST /payments", "GET /payments/{id}/actions"}


def test_the_example_of_an_approved_payment(examples: Sequence[Example]) -> None:
    value = example_of(examples, "response", "POST /payments")
    asked = asked_of(value)
    outcome = settle(asked, CHECKOUT.parse(asked, response(value, 201)))
    assert (outcome.kind, outcome.psp_reference) == (OutcomeKind.APPROVED, value["id"])
    assert (outcome.amount, outcome.network_transaction_id) == (6540, "489341065491658")
    assert (outcome.raw_code, outcome.captured_amount) == ("10000", 0)
    at_once = replace(asked, capture=True)
    assert CHECKOUT.parse(at_once, response(value, 201)).kind is OutcomeKind.PENDING
    other = replace(asked, amount=Money(6541, "USD"))
    assert CHECKOUT.parse(other, response(value, 201)).code == "amount_mismatch"


@pytest.mark.parametrize("kind", ["refund", "capture"])
def test_the_example_of_the_actions_of_a_payment(examples: Sequence[Example], kind: str) -> None:
    value = example_of(examples, "response", "GET /payments/{id}/actions")
    (listed,) = [item for item in value if item["type"] == kind.capitalize()]
    question = replace(
        questions()[kind], psp_reference=listed["id"], amount=Money(listed["amount"], "USD"), reference="x_1"
    )
    outcome = settle(question, CHECKOUT.parse(question, response(value)))
    assert (outcome.kind, outcome.psp_reference) == (OutcomeKind.APPROVED, listed["id"])
    unknown_to_us = replace(question, psp_reference="")
    assert CHECKOUT.parse(unknown_to_us, response(value)).kind is OutcomeKind.NOT_FOUND
    to_come = CHECKOUT.parse(replace(question, psp_reference="act_1"), response(value))
    assert (to_come.kind, to_come.psp_reference) == (OutcomeKind.PENDING, "act_1")


def test_the_example_of_an_event(examples: Sequence[Example]) -> None:
    data = example_of(examples, "schema", "#/components/schemas/event-data")
    event_id = example_of(examples, "schema", "#/components/schemas/EventId")
    body = {"id": event_id, "type": "payment_approved", "timestamp": "2020-02-27T11:27:00Z", "data": data}
    assert CHECKOUT.read_webhook is not None
    context = WebhookContext(secrets=(Secret(SIGNATURE_KEY),), now=0)
    reading = CHECKOUT.read_webhook(webhook(body), checkout_account(), context)
    assert reading.authenticity is Authenticity.GENUINE
    (notification,) = reading.notifications
    assert (notification.event_id, notification.reference) == (event_id, "ORD-5023-4E89")
    assert notification.outcome is not None
    assert (notification.outcome.kind, notification.outcome.amount) == (OutcomeKind.APPROVED, 6540)


def test_every_type_of_event_in_the_description_is_known(examples: Sequence[Example]) -> None:
    types = example_of(examples, "schema", "#/components/schemas/source-events-hashmap")["gateway"]
    assert len(types) == 8
    context = WebhookContext(secrets=(Secret(SIGNATURE_KEY),), now=0)
    assert CHECKOUT.read_webhook is not None
    for event_type in types:
        body = {"id": "evt_1", "type": event_type, "data": {"id": "pay_1", "action_id": "act_1"}}
        (notification,) = CHECKOUT.read_webhook(webhook(body), checkout_account(), context).notifications
        assert notification.kind is not None, event_type


AUTHORIZE = questions()["authorize"]
CASES: dict[str, tuple[Any, Any, int]] = {
    "authorization": (authorization(), payment(authorization()), 201),
    "increment": (increment(), incremented(increment()), 201),
    "question about a payment": (AUTHORIZE, payment_details(AUTHORIZE), 200),
    "question about a capture": (questions()["capture"], actions(questions()["capture"]), 200),
    "question about a void": (questions()["void"], actions(questions()["void"]), 200),
    "question about a refund": (questions()["refund"], actions(questions()["refund"]), 200),
    "question about an increment": (questions()["increment"], actions(questions()["increment"]), 200),
}


def understood(operation: Any, body: object, status: int) -> Outcome:
    return settle(operation, CHECKOUT.parse(operation, response(body, status)))


BALANCES_DEFECT = "balances.id: no such property in the description"
"""The description requires an id of balances that it does not declare, and that no documented answer has."""


def test_our_own_answers_are_as_described(description: Description) -> None:
    calls = {
        "authorization": ("POST", "/payments"),
        "increment": ("POST", "/payments/pay_mbabizu24mvu3mela5njyhpit4/authorizations"),
        "question about a payment": ("GET", "/payments/pay_mbabizu24mvu3mela5njyhpit4"),
        "question about a capture": ("GET", "/payments/pay_mbabizu24mvu3mela5njyhpit4/actions"),
    }
    for name, (method, path) in calls.items():
        _, body, status = CASES[name]
        if "balances" in body:
            body = body | {"balances": body["balances"] | {"id": PAYMENT}}
        url = f"https://api.sandbox.checkout.com{path}"
        found = description.response_findings(method, url, status, "application/json", json.dumps(body).encode())
        assert [finding for finding in found if finding != BALANCES_DEFECT] == [], name
    for name, path in (("capture", "captures"), ("void", "voids"), ("refund", "refunds")):
        url = f"https://api.sandbox.checkout.com/payments/pay_mbabizu24mvu3mela5njyhpit4/{path}"
        body = json.dumps(acknowledgement(modifications()[name])).encode()
        assert description.response_findings("POST", url, 202, "application/json", body) == []


@pytest.mark.parametrize("name", CASES)
def test_approvals_are_approvals(name: str) -> None:
    operation, body, status = CASES[name]
    outcome = understood(operation, body, status)
    assert outcome.kind is OutcomeKind.APPROVED, outcome
    if name in {"authorization", "question about a payment"}:
        assert outcome.checks.street is outcome.checks.postal_code is outcome.checks.card_code is Check.MATCH
        assert outcome.card is not None
        assert (outcome.card.brand, outcome.card.last4) == ("visa", "4242")


def essentials(operation: Any, body: Any) -> tuple[object, ...]:
    """Give what an approval rests on."""
    document = body
    if isinstance(body, list):
        document = next(
            (item for item in body if isinstance(item, dict) and item.get("id", "").startswith("act_y")), {}
        )
    if not isinstance(document, dict):
        return ()
    names = ["approved", "reference"]
    if not isinstance(operation, Sync) or operation.kind is not OperationKind.VOID:
        names.append("amount")
    if not isinstance(body, list):
        names += ["status", "currency"]
    return tuple(document.get(name) for name in names)


@BOUNDED
@given(data=st.data(), name=st.sampled_from(sorted(CASES)), status=STATUSES | st.just(201))
def test_changed_answers_are_never_approved_unless_the_essentials_stand(
    data: st.DataObject, name: str, status: int
) -> None:
    operation, original, _ = CASES[name]
    body = original
    for _ in range(data.draw(st.integers(1, 3))):
        document = body[0] if isinstance(body, list) else body
        paths = list(paths_of(document))
        if not paths:
            break
        document = changed(document, data.draw(st.sampled_from(paths)), data.draw(st.just(...) | JSON_VALUES))
        body = [document, *body[1:]] if isinstance(body, list) else document
    outcome = understood(operation, body, status)
    assert outcome.kind is not OutcomeKind.NOT_SENT
    if outcome.kind is OutcomeKind.APPROVED:
        assert status in {200, 201, 202}
        is_payment = name == "question about a payment"
        if is_payment:
            held = {"Authorized", "Voided", "Partially Captured", "Captured", "Partially Refunded", "Refunded"}
            assert body["status"] in held
        kept = dict(body) | {"status": "Authorized"} if is_payment else body
        mine, theirs = essentials(operation, kept), essentials(operation, original)
        if isinstance(body, list) and body[0].get("reference") is None:
            # The metadata or the order of the list may tell it as well.
            return
        assert mine == theirs


@BOUNDED
@given(name=st.sampled_from(sorted(CASES)), body=JSON_VALUES, status=STATUSES)
def test_any_json_is_read_without_raising(name: str, body: object, status: int) -> None:
    assert understood(CASES[name][0], body, status).kind is not OutcomeKind.APPROVED


@pytest.mark.parametrize("name", CASES)
def test_cut_off_and_undeclared_answers_are_unknown(name: str) -> None:
    operation, body, status = CASES[name]
    whole = json.dumps(body).encode()
    for length in range(len(whole)):
        assert understood(operation, whole[:length], status).kind is OutcomeKind.UNKNOWN
    for content_type in ("text/html", "", "application/octet-stream"):
        answer = response(body, status, content_type)
        assert CHECKOUT.parse(operation, answer).kind is OutcomeKind.UNKNOWN


@pytest.mark.parametrize("status", [204, 301, 302, 307, 500, 502, 503, 504])
def test_what_is_neither_success_nor_refusal_is_unknown(status: int) -> None:
    for operation in (*(case[0] for case in CASES.values()), *modifications().values()):
        for body in (b"", b"<html>bad gateway</html>", b"{}", b"null"):
            assert understood(operation, body, status).kind is OutcomeKind.UNKNOWN


def test_a_refund_of_another_payment_is_not_ours() -> None:
    body = acknowledgement(refund())
    operation: Refund = replace(refund(), psp_reference="pay_aaaaaaaaaaaaaaaaaaaaaaaaaa")
    assert understood(operation, body, 202).code == "reference_mismatch"
