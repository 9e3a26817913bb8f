"""Payments as a merchant makes them, with the PSP's truth and Kafka's events beside the answers."""

import uuid
from typing import Any

import pytest

from tests.e2e.support import Mesh, event_names

#: Magic amounts of the sandbox PSP, see docs/sandbox.md: 41____ is declined or faulty at sandbox_a alone.
CASCADABLE_DECLINE = 410_105
ISSUER_UNAVAILABLE = 410_191
INSUFFICIENT_FUNDS = 400_151


def test_an_approved_payment_is_one_charge_and_two_events(mesh: Mesh) -> None:
    payment = mesh.pay(1234, description="Two books", metadata={"order": "17"}, merchant_reference=f"o-{uuid.uuid4()}")
    assert payment["status"] == "SUCCEEDED"
    assert payment["amount"]["value"] == "1234"
    assert (payment["amount_captured"], payment["amount_refundable"], payment["amount_capturable"]) == (
        "1234",
        "1234",
        "0",
    )
    assert (payment["card"]["brand"], payment["card"]["last4"]) == ("visa", "4242")
    assert payment["metadata"] == {"order": "17"}
    assert [attempt["status"] for attempt in payment["attempts"]] == ["APPROVED"]
    assert payment["attempts"][0]["psp_reference"]
    assert mesh.payment(payment["id"]) == payment
    (charge,) = mesh.truth(payment["id"])
    assert (charge["authorized"], charge["captured"], charge["refunded"]) == (1234, 1234, 0)
    events = mesh.events(payment["id"], "PAYMENT_SUCCEEDED")
    assert event_names(events) == ["PAYMENT_CREATED", "PAYMENT_SUCCEEDED"]
    assert [event.seq for event in events] == [1, 2]


def test_a_decline_is_an_ordinary_answer(mesh: Mesh) -> None:
    answer = mesh.create(INSUFFICIENT_FUNDS)
    assert answer.status == 200
    assert (answer.body["status"], answer.body["decline"]["code"]) == ("DECLINED", "insufficient_funds")
    assert len(answer.body["attempts"]) == 1
    assert event_names(mesh.events(answer.body["id"], "PAYMENT_DECLINED")) == ["PAYMENT_CREATED", "PAYMENT_DECLINED"]


@pytest.mark.parametrize("amount", [CASCADABLE_DECLINE, ISSUER_UNAVAILABLE])
def test_a_cascadable_decline_moves_on_to_the_second_account(mesh: Mesh, amount: int) -> None:
    payment = mesh.pay(amount)
    assert payment["status"] == "SUCCEEDED"
    assert [(a["psp_account"], a["status"]) for a in payment["attempts"]] == [
        ("sandbox_a", "DECLINED"),
        ("sandbox_b", "APPROVED"),
    ]
    assert [charge["account"] for charge in mesh.truth(payment["id"])] == ["sandbox_b"]
    names = event_names(mesh.events(payment["id"], "PAYMENT_SUCCEEDED"))
    assert names == ["PAYMENT_CREATED", "ATTEMPT_FAILED", "ATTEMPT_STARTED", "PAYMENT_SUCCEEDED"]


def test_a_refused_connection_moves_on_and_two_refused_ones_fail_without_a_charge(mesh: Mesh) -> None:
    fault = {"operation": "authorize", "mode": "refuse"}
    try:
        mesh.control("PUT", "/control/accounts/sandbox_a/faults", fault)
        payment = mesh.pay(1000)
        assert payment["status"] == "SUCCEEDED"
        assert [a["status"] for a in payment["attempts"]] == ["NOT_SENT", "APPROVED"]
        mesh.control("PUT", "/control/accounts/sandbox_b/faults", fault)
        failed = mesh.settled(mesh.pay(1000)["id"])
        assert failed["status"] == "FAILED"
        assert mesh.truth(failed["id"]) == []
    finally:
        mesh.heal()


UNKNOWN_FAULTS = {
    "reset_after": 901 + 1,
    "timeout_then_success": 903,
    "garbage": 906,
    "truncated": 907,
    "wrong_amount": 908,
    "server_error_after": 911,
}


@pytest.mark.parametrize("fault", UNKNOWN_FAULTS)
def test_a_psp_that_charges_and_hides_it_is_asked_and_never_cascaded(mesh: Mesh, fault: str) -> None:
    payment = mesh.pay(400_000 + UNKNOWN_FAULTS[fault])
    assert payment["status"] in {"PROCESSING", "SUCCEEDED"}
    settled = mesh.settled(payment["id"])
    assert settled["status"] == "SUCCEEDED"
    assert [attempt["psp_account"] for attempt in settled["attempts"]] == ["sandbox_a"]
    (charge,) = mesh.truth(payment["id"])
    assert (charge["authorized"], charge["captured"]) == (400_000 + UNKNOWN_FAULTS[fault],) * 2
    names = event_names(mesh.events(payment["id"], "PAYMENT_SUCCEEDED"))
    assert names == ["PAYMENT_CREATED", "ATTEMPT_UNKNOWN", "PAYMENT_SUCCEEDED"]


@pytest.mark.parametrize("suffix", [901, 904, 910, 912], ids=["reset before", "then decline", "error before", "late"])
def test_a_psp_that_hides_anything_else_is_settled_to_its_truth(mesh: Mesh, suffix: int) -> None:
    settled = mesh.settled(mesh.pay(400_000 + suffix)["id"])
    charged = mesh.truth(settled["id"])
    assert len(charged) == (1 if settled["status"] == "SUCCEEDED" else 0)
    assert settled["status"] in {"SUCCEEDED", "DECLINED"}


def test_captures_in_parts_then_refunds_in_parts(mesh: Mesh) -> None:
    payment = mesh.pay(10_000, capture_method="MANUAL")
    assert (payment["status"], payment["amount_capturable"]) == ("AUTHORIZED", "10000")
    path = f"/v1/payments/{payment['id']}"
    first = mesh.rest.post(f"{path}:capture", {"amount": 2_500, "final": False}).body
    assert (first["status"], first["amount_captured"]) == ("AUTHORIZED", "2500")
    last = mesh.rest.post(f"{path}:capture", {"amount": 3_500, "final": True}).body
    assert (last["status"], last["amount_captured"], last["amount_capturable"]) == ("SUCCEEDED", "6000", "0")
    assert [capture["amount"] for capture in last["captures"]] == ["2500", "3500"]
    refund = mesh.rest.post(f"{path}/refunds", {"amount": 1_000, "reason": "broken"}).body
    assert (refund["status"], refund["payment_id"], refund["reason"]) == ("SUCCEEDED", payment["id"], "broken")
    rest = mesh.rest.post(f"{path}/refunds", {}).body
    assert rest["amount"]["value"] == "5000"
    assert mesh.rest.get(f"/v1/refunds/{refund['id']}").body == refund
    listed = mesh.rest.get(f"{path}/refunds").body["refunds"]
    assert [item["id"] for item in listed] == [rest["id"], refund["id"]]
    (charge,) = mesh.truth(payment["id"])
    assert (charge["captured"], charge["refunded"]) == (6_000, 6_000)


def test_a_void_releases_the_authorization(mesh: Mesh) -> None:
    payment = mesh.pay(5_000, capture_method="MANUAL")
    voided = mesh.rest.post(f"/v1/payments/{payment['id']}:void", {}).body
    assert (voided["status"], voided["amount_capturable"]) == ("VOIDED", "0")
    (charge,) = mesh.truth(payment["id"])
    assert charge["voided"]
    names = event_names(mesh.events(payment["id"], "PAYMENT_VOIDED"))
    assert names == ["PAYMENT_CREATED", "PAYMENT_AUTHORIZED", "MODIFICATION_STARTED", "PAYMENT_VOIDED"]


@pytest.mark.parametrize("operation", ["capture", "void", "refund"])
def test_a_modification_whose_answer_is_lost_is_asked_about_and_done_once(mesh: Mesh, operation: str) -> None:
    payment = mesh.pay(5_000, capture_method="AUTOMATIC" if operation == "refund" else "MANUAL")
    fault = {"operation": operation, "mode": "reset_after", "count": 1}
    try:
        mesh.control("PUT", "/control/accounts/sandbox_a/faults", fault)
        tail = "/refunds" if operation == "refund" else f":{operation}"
        assert mesh.rest.post(f"/v1/payments/{payment['id']}{tail}", {}).status == 200
    finally:
        mesh.heal()
    (charge,) = mesh.truth(payment["id"])
    read = mesh.payment(payment["id"])
    if operation == "void":
        assert (read["status"], charge["voided"]) == ("VOIDED", True)
    elif operation == "capture":
        assert (read["status"], charge["captured"]) == ("SUCCEEDED", 5_000)
    else:
        assert (read["amount_refunded"], charge["refunded"]) == ("5000", 5_000)


def test_the_list_is_paged_and_filtered(mesh: Mesh) -> None:
    mark = f"page-{uuid.uuid4()}"
    ids = [mesh.pay(100 + place, merchant_reference=f"{mark}-{place}")["id"] for place in range(5)]
    seen: list[str] = []
    token = ""
    for _ in range(200):
        page: dict[str, Any] = mesh.rest.get(f"/v1/payments?page_size=2&page_token={token}").body
        assert len(page["payments"]) <= 2
        seen += [payment["id"] for payment in page["payments"]]
        token = page["next_page_token"]
        if not token or set(ids) <= set(seen):
            break
    assert [payment_id for payment_id in seen if payment_id in ids] == ids[::-1]
    assert len(seen) == len(set(seen))
    found = mesh.rest.get(f"/v1/payments?merchant_reference={mark}-3").body["payments"]
    assert [payment["id"] for payment in found] == [ids[3]]
    declined = mesh.rest.get("/v1/payments?status=DECLINED&page_size=5").body["payments"]
    assert all(payment["status"] == "DECLINED" for payment in declined)
