"""begin_payment, find_operation, release_lease: one key stands for one payment, whatever races."""

import pytest

from mesh.identifiers import new_id
from tests.sql.world import CARD, LEASE_MS, Caller, World, expect, hashed, in_parallel


def test_new_payment_is_processing_with_its_first_attempt_sending(world: World) -> None:
    payment_id = new_id("pay")
    row = world.begin(payment_id=payment_id, amount=1050, reference="order-1", accounts=("psp_b", "psp_a"), key="k")
    payment = row["payment"]
    created_us = payment["created_us"]
    assert row["disposition"] == "CREATED"
    assert row["answer"] is None
    assert payment == {
        "id": payment_id,
        "merchant_id": world.merchant_id,
        "status": "PROCESSING",
        "amount": 1050,
        "currency": "EUR",
        "capture_method": "MANUAL",
        "token": "tok_1",
        "card": CARD,
        "merchant_reference": "order-1",
        "description": "shoes",
        "metadata": {"basket": "7"},
        "statement_descriptor": "SHOES",
        "store_card": False,
        "code_required": False,
        "cascade": {},
        "three_ds_preference": "AUTOMATIC",
        "return_url": "",
        "next_action": None,
        "stored_credential": None,
        "three_ds": None,
        "exemption": None,
        "amount_authorized": 0,
        "amount_captured": 0,
        "amount_refunded": 0,
        "amount_capture_pending": 0,
        "amount_refund_pending": 0,
        "final_capture_pending": False,
        "void_pending": False,
        "decline": None,
        "under_review": False,
        "seq": 1,
        "attempts": [
            {
                "id": f"{payment_id}_1",
                "ordinal": 1,
                "account": "psp_b",
                "status": "SENDING",
                "psp_reference": "",
                "code": "",
                "raw_code": "",
                "route_reason": "rank of psp_b",
                "details": {},
                "expected_us": None,
                "asks": 0,
                "not_founds": 0,
                "reversals": 0,
                "reversal": "NONE",
                "late_asks": 0,
                "cancel": "NONE",
                "cancels": 0,
                "created_us": created_us,
            }
        ],
        "candidates": [
            {"account": "psp_b", "reason": "rank of psp_b"},
            {"account": "psp_a", "reason": "rank of psp_a"},
        ],
        "captures": [],
        "voids": [],
        "created_us": created_us,
        "updated_us": created_us,
    }
    assert world.gateway.call("get_payment", world.merchant_id, payment_id) == {"payment": payment}
    [event] = world.events(payment_id)
    assert event["event_type"] == "PAYMENT_CREATED"
    assert event["data"] == {"payment": payment, "attempt": payment["attempts"][0], "modification": None}


def test_payment_is_stored_to_the_microsecond(world: World) -> None:
    payment = world.payment()
    [row] = world.rows(
        "SELECT (extract(epoch FROM created_at) * 1000000)::bigint AS us FROM gateway.payment WHERE id = %s",
        payment["id"],
    )
    assert row["us"] == payment["created_us"]


def test_missing_texts_are_stored_empty(world: World) -> None:
    candidates = [{"account": "psp_a", "reason": "r"}]
    row = world.gateway.call(
        "begin_payment", new_id("pay"), world.merchant_id, 1, "EUR", "MANUAL", "tok", CARD, None, None, None, None,
        candidates, "k", b"h", LEASE_MS,
    )  # fmt: skip
    view = row["payment"]
    assert (view["merchant_reference"], view["description"], view["metadata"]) == ("", "", {})
    assert view["statement_descriptor"] == ""


def test_repeat_while_the_first_call_runs_is_in_flight(world: World) -> None:
    first = world.begin(key="k")
    second = world.begin(key="k")
    assert second["disposition"] == "IN_FLIGHT"
    assert second["answer"] is None
    assert second["payment"] == first["payment"]


def test_repeat_after_the_lease_resumes_the_same_payment_and_takes_the_lease(world: World) -> None:
    first = world.begin(key="k", lease_ms=0)
    second = world.begin(key="k")
    third = world.begin(key="k")
    assert (second["disposition"], third["disposition"]) == ("RESUME", "IN_FLIGHT")
    assert second["payment"] == third["payment"] == first["payment"]


def test_released_lease_is_resumed_at_once(world: World) -> None:
    world.begin(key="k")
    world.gateway.call("release_lease", world.merchant_id, "k")
    assert world.begin(key="k")["disposition"] == "RESUME"


def test_final_payment_answers_repeats_with_its_first_answer(world: World) -> None:
    payment = world.payment(key="k")
    answer = world.record(payment, "APPROVED", "AUTHORIZED")["payment"]
    world.modified("CAPTURE", payment["id"])
    repeat = world.begin(key="k")
    assert repeat["disposition"] == "REPLAYED"
    assert repeat["answer"] == answer
    assert repeat["payment"]["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("status", "next_status"),
    [("DECLINED", "DECLINED"), ("NOT_SENT", "FAILED"), ("APPROVED", "AUTHORIZED")],
)
def test_every_end_of_processing_is_kept_as_the_answer(world: World, status: str, next_status: str) -> None:
    payment = world.payment(key="k")
    answer = world.record(payment, status, next_status, code="c")["payment"]
    assert world.begin(key="k")["answer"] == answer
    row = world.key_row("k")
    assert row is not None
    assert row["lease_until"] is None


@pytest.mark.parametrize(
    ("status", "next_status"), [("DECLINED", "PROCESSING"), ("NOT_SENT", "PROCESSING"), ("UNKNOWN", "PROCESSING")]
)
def test_payment_that_goes_on_has_no_answer_yet(world: World, status: str, next_status: str) -> None:
    payment = world.payment(key="k")
    world.record(payment, status, next_status)
    assert world.begin(key="k")["disposition"] == "IN_FLIGHT"


def test_other_body_is_refused(world: World) -> None:
    world.begin(key="k")
    with world.refused("IDEMPOTENCY_KEY_REUSED"):
        world.begin(key="k", body="other")


def test_key_of_another_operation_is_refused_even_with_the_same_hash(world: World) -> None:
    payment = world.succeeded()
    world.modify("REFUND", payment["id"], 1, key="k")
    row = world.key_row("k")
    assert row is not None
    same = f"REFUND {payment['id']} body"
    assert row["request_hash"] == hashed(same)
    with world.refused("IDEMPOTENCY_KEY_REUSED"):
        world.begin(key="k", body=same)


def test_keys_of_two_merchants_have_nothing_in_common(world: World) -> None:
    other = new_id("mer")
    world.gateway.call("create_merchant", other, "Other")
    first = world.begin(key="k")
    second = world.begin(key="k", merchant_id=other, body="other")
    assert second["disposition"] == "CREATED"
    assert second["payment"]["id"] != first["payment"]["id"]


def test_taken_merchant_reference_is_refused_and_the_key_stays_free(world: World) -> None:
    first = world.payment(reference="order-1")
    with world.refused("MERCHANT_REFERENCE_TAKEN", payment_id=first["id"]):
        world.begin(reference="order-1", key="k")
    assert world.begin(reference="order-2", key="k")["disposition"] == "CREATED"


def test_two_merchants_may_use_the_same_reference_and_empty_ones_do_not_clash(world: World) -> None:
    other = new_id("mer")
    world.gateway.call("create_merchant", other, "Other")
    world.payment(reference="order-1")
    assert world.begin(reference="order-1", merchant_id=other)["disposition"] == "CREATED"
    world.payment(reference="")
    assert world.begin(reference="")["disposition"] == "CREATED"


def test_payment_without_candidates_is_refused(world: World) -> None:
    with world.refused("NO_ELIGIBLE_ACCOUNT", detail="no account is eligible"):
        world.begin(accounts=())


def test_unknown_merchant_is_refused(world: World) -> None:
    with world.refused("MERCHANT_NOT_FOUND", merchant_id="mer_none"):
        world.begin(merchant_id="mer_none")


@pytest.mark.parametrize("amount", [0, -1])
def test_amount_that_is_not_positive_breaks_the_last_line_of_defence(world: World, amount: int) -> None:
    with world.unchanged(), expect("23514"):
        world.begin(amount=amount)


def test_unknown_capture_method_breaks_the_last_line_of_defence(world: World) -> None:
    with world.unchanged(), expect("22P02"):
        world.begin(capture_method="SOMETIMES")


def test_largest_amount_goes_through(world: World) -> None:
    amount = 2**63 - 1
    assert world.succeeded(amount=amount)["amount_captured"] == amount


class TestFindOperation:
    def test_unknown_key_is_none(self, world: World) -> None:
        row = world.gateway.call("find_operation", world.merchant_id, "k", hashed("body"))
        assert row == {"disposition": "NONE", "payment": None, "modification": None, "answer": None}

    def test_tells_what_begin_would_and_takes_no_lease(self, world: World) -> None:
        def find() -> str:
            with world.unchanged():
                row = world.gateway.call("find_operation", world.merchant_id, "k", hashed("body"))
            assert row["payment"]["id"] == payment["id"]
            assert row["modification"] is None
            assert (row["answer"] is not None) == (row["disposition"] == "REPLAYED")
            return str(row["disposition"])

        payment = world.payment(key="k")
        assert find() == "IN_FLIGHT"
        world.gateway.call("release_lease", world.merchant_id, "k")
        assert [find(), find()] == ["RESUME", "RESUME"]
        world.record(payment, "APPROVED", "AUTHORIZED")
        assert find() == "REPLAYED"

    def test_finds_a_modification(self, world: World) -> None:
        payment = world.succeeded()
        begun = world.modify("REFUND", payment["id"], 5, key="k")
        row = world.gateway.call("find_operation", world.merchant_id, "k", hashed(f"REFUND {payment['id']} body"))
        assert row["modification"] == begun["modification"]
        assert row["payment"] == begun["payment"]

    def test_other_body_is_refused(self, world: World) -> None:
        world.begin(key="k")
        with world.refused("IDEMPOTENCY_KEY_REUSED"):
            world.gateway.call("find_operation", world.merchant_id, "k", hashed("other"))


def test_releasing_an_unknown_or_answered_key_changes_nothing(world: World) -> None:
    payment = world.payment(key="k")
    world.record(payment, "APPROVED", "AUTHORIZED")
    with world.unchanged():
        world.gateway.call("release_lease", world.merchant_id, "k")
        world.gateway.call("release_lease", world.merchant_id, "none")


@pytest.mark.timeout(60)
def test_one_key_from_fifty_threads_is_one_payment(world: World) -> None:
    def begin(caller: Caller) -> tuple[str, str]:
        row = world.begin(caller=caller, key="k")
        return row["disposition"], row["payment"]["id"]

    results = in_parallel([begin] * 50, world.server.role_urls["gateway_svc"], threads=50)
    assert len({payment_id for _, payment_id in results}) == 1
    assert sorted(disposition for disposition, _ in results) == ["CREATED"] + ["IN_FLIGHT"] * 49
    assert world.rows("SELECT count(*) FROM gateway.payment WHERE merchant_id = %s", world.merchant_id)[0]["count"] == 1


@pytest.mark.timeout(60)
def test_one_reference_with_many_keys_is_one_payment(world: World) -> None:
    results = in_parallel(
        [lambda caller: world.begin(caller=caller, reference="order-1")["disposition"]] * 16,
        world.server.role_urls["gateway_svc"],
        threads=8,
    )
    assert sorted(results) == ["CREATED"] + ["MERCHANT_REFERENCE_TAKEN"] * 15


@pytest.mark.timeout(60)
def test_lease_that_is_over_is_resumed_by_one_caller_only(world: World) -> None:
    world.begin(key="k", lease_ms=0)
    results = in_parallel(
        [lambda caller: world.begin(caller=caller, key="k")["disposition"]] * 16,
        world.server.role_urls["gateway_svc"],
        threads=8,
    )
    assert sorted(results) == ["IN_FLIGHT"] * 15 + ["RESUME"]
