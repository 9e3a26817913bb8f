"""Operators settle what nobody could tell, through Envoy, over what the sandbox PSP really did."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner

from devstack import cli
from devstack.rest import Answer, Rest, expect_ok
from tests.e2e.support import Mesh, event_names, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

FAULTS = "/control/accounts/sandbox_a/faults"


@pytest.fixture
def operator(mesh: Mesh) -> Rest:
    return Rest(mesh.stack.configuration.rest_url, mesh.merchant.operator_key)


@contextmanager
def silent(mesh: Mesh, operation: str, mode: str) -> Iterator[None]:
    """Let the PSP lose one operation, before or after it was done, and answer no question about anything."""
    try:
        mesh.control("PUT", FAULTS, {"operation": "sync", "mode": "server_error_before"})
        # Repetitions with the same key are lost as well, or the first of them would tell.
        mesh.control("PUT", FAULTS, {"operation": operation, "mode": mode})
        yield
    finally:
        mesh.heal()


def give_up(mesh: Mesh, payment_id: str, reference: str) -> None:
    """Do what the workflow does when its patience of days is over, and let the review be an hour old."""
    mesh.rows("SELECT gateway.require_review(%s, %s)", payment_id, reference)
    mesh.rows(
        "UPDATE gateway.review SET opened_at = opened_at - interval '1 hour' WHERE reference = %s RETURNING reference",
        reference,
    )


def unknown_payment(mesh: Mesh, **fields: Any) -> tuple[str, str]:
    payment = mesh.pay(1234, **fields)
    assert payment["status"] == "PROCESSING"
    reference = f"{payment['id']}_1"
    give_up(mesh, payment["id"], reference)
    return payment["id"], reference


def read(operator: Rest, review_id: str) -> dict[str, Any]:
    return expect_ok(operator.get(f"/v1/reviews/{review_id}"), "a review")


def resolve(operator: Rest, review_id: str, action: str, psp_reference: str = "", **changes: Any) -> Answer:
    body = {
        "version": read(operator, review_id)["version"],
        "action": action,
        "note": "seen in the sandbox's books",
        "psp_reference": psp_reference,
    } | changes
    return operator.post(f"/v1/reviews/{review_id}:resolve", body, money=False)


def waiting(operator: Rest, merchant_id: str) -> list[str]:
    page = expect_ok(operator.get(f"/v1/reviews?merchant_id={merchant_id}&page_size=100"), "the queue")
    return [each["id"] for each in page["reviews"]]


def test_charged_as_the_psps_books_say(mesh: Mesh, operator: Rest) -> None:
    with silent(mesh, "authorize", "reset_after"):
        payment_id, review_id = unknown_payment(mesh, capture_method="MANUAL")
        review = read(operator, review_id)
        assert (review["kind"], review["cause"], review["open"]) == ("AUTHORIZE", "UNKNOWN", True)
        assert (review["psp_account"], review["amount"]) == ("sandbox_a", {"value": "1234", "currency": "EUR"})
        assert review["payment"]["under_review"]
        assert review_id in waiting(operator, mesh.merchant.merchant_id)
        shown = CliRunner().invoke(
            cli.main, ["--home", str(mesh.stack.configuration.home), "reviews", "show", review_id]
        )
        assert "nobody could tell" in shown.output, shown.output
        (charge,) = mesh.truth(payment_id)
        answer = resolve(operator, review_id, "CHARGED", charge["charge"])
    settled = expect_ok(answer, "the decision")
    assert (settled["open"], settled["payment"]["status"]) == (False, "AUTHORIZED")
    assert settled["decisions"][0]["request_id"] == answer.headers["x-request-id"]
    # The PSP knows the reference that the operator gave.
    captured = expect_ok(mesh.rest.post(f"/v1/payments/{payment_id}:capture", {}), "a capture")
    assert captured["status"] == "SUCCEEDED"
    (charge,) = mesh.truth(payment_id)
    assert charge["captured"] == 1234
    names = event_names(mesh.events(payment_id, "PAYMENT_SUCCEEDED"))
    assert names.index("REVIEW_REQUIRED") < names.index("REVIEW_RESOLVED") < names.index("PAYMENT_AUTHORIZED")


def test_not_charged_ends_the_payment_at_no_other_psp(mesh: Mesh, operator: Rest) -> None:
    with silent(mesh, "authorize", "reset_before"):
        payment_id, review_id = unknown_payment(mesh)
        settled = expect_ok(resolve(operator, review_id, "NOT_CHARGED"), "the decision")
    assert (settled["payment"]["status"], settled["payment"]["decline"]["code"]) == ("DECLINED", "not_charged")
    assert len(settled["payment"]["attempts"]) == 1
    assert mesh.truth(payment_id) == []
    assert mesh.payment(payment_id)["under_review"] is False


def test_asked_again_the_psp_tells(mesh: Mesh, operator: Rest) -> None:
    with silent(mesh, "authorize", "reset_after"):
        payment_id, review_id = unknown_payment(mesh)
    expect_ok(resolve(operator, review_id, "ASK_AGAIN"), "the decision")
    assert mesh.settled(payment_id)["status"] == "SUCCEEDED"
    (charge,) = mesh.truth(payment_id)
    assert charge["captured"] == 1234
    assert review_id not in waiting(operator, mesh.merchant.merchant_id)


@pytest.mark.parametrize(("mode", "action"), [("reset_after", "CHARGED"), ("reset_before", "NOT_CHARGED")])
def test_a_refund(mesh: Mesh, operator: Rest, mode: str, action: str) -> None:
    payment = mesh.pay(5_000)
    with silent(mesh, "refund", mode):
        refund = expect_ok(mesh.rest.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 2_000}), "a refund")
        assert refund["status"] == "PROCESSING"
        give_up(mesh, payment["id"], refund["id"])
        expect_ok(resolve(operator, refund["id"], action), "the decision")
    settled = expect_ok(mesh.rest.get(f"/v1/refunds/{refund['id']}"), "the refund")
    (charge,) = mesh.truth(payment["id"])
    done = action == "CHARGED"
    assert settled["status"] == ("SUCCEEDED" if done else "FAILED")
    assert int(mesh.payment(payment["id"])["amount_refunded"]) == charge["refunded"] == (2_000 if done else 0)
    imbalance = mesh.rows("SELECT * FROM gateway.ledger_check()")
    assert all(row["imbalance"] == 0 for row in imbalance)


def test_what_is_refused_and_to_whom(mesh: Mesh, operator: Rest) -> None:
    with silent(mesh, "authorize", "reset_after"):
        _, review_id = unknown_payment(mesh)
        refused = [
            (mesh.rest.get("/v1/reviews"), 403, "API_KEY_SCOPE"),
            (operator.get("/v1/reviews/pay_01JD3V8Y7NQ2F5R6T9WXZ0ABCD_1"), 404, "REVIEW_NOT_FOUND"),
            (operator.get("/v1/reviews?kind=CHARGEBACK"), 400, None),
            (resolve(operator, review_id, "CHARGED"), 400, "INVALID_FIELD"),
            (resolve(operator, review_id, "ASK_AGAIN", version=99), 409, "REVIEW_CHANGED"),
            (resolve(operator, review_id, "ASK_AGAIN", note="card 4242424242424242"), 400, "CARD_NUMBER_IN_TEXT"),
        ]
        for answer, status, reason in refused:
            assert answer.status == status, answer
            assert reason in {None, answer.reason}
        (charge,) = mesh.truth(review_id.rpartition("_")[0])
        first = resolve(operator, review_id, "CHARGED", charge["charge"])
        again = resolve(operator, review_id, "CHARGED", charge["charge"], version=1)
    assert (first.status, again.status) == (200, 200)
    assert len(again.body["decisions"]) == 1
    settled = resolve(operator, review_id, "NOT_CHARGED")
    assert (settled.status, settled.reason) == (400, "REVIEW_SETTLED")


def test_a_capture_waits_for_what_is_unknown_about_its_payment(mesh: Mesh) -> None:
    """The answer is lost and asking works: the capture comes before anybody has asked, and finds it settled."""
    try:
        mesh.control("PUT", FAULTS, {"operation": "authorize", "mode": "reset_after", "count": 1})
        mesh.control("PUT", FAULTS, {"operation": "sync", "mode": "server_error_before", "count": 6})
        payment = mesh.pay(1234, capture_method="MANUAL")
        mesh.heal()
        captured = until(
            lambda: mesh.rest.post(f"/v1/payments/{payment['id']}:capture", {}), lambda answer: answer.status == 200, 60
        )
    finally:
        mesh.heal()
    assert captured.body["status"] == "SUCCEEDED"
    (charge,) = mesh.truth(payment["id"])
    assert charge["captured"] == 1234
