"""record_attempt, begin_attempt: legal steps only, final attempts never change, what may have been sent is unknown."""

from contextlib import nullcontext
from itertools import product

import pytest

from gateway_svc.domain.payment import ATTEMPT_TRANSITIONS, AttemptStatus, PaymentStatus
from mesh.identifiers import new_id
from tests.sql.world import Row, World, in_parallel

ATTEMPT_STATUSES = [status.value for status in AttemptStatus]
PAYMENT_STATUSES = [status.value for status in PaymentStatus]
# What may become of an attempt and its payment at once; whether it fits this payment is another matter.
PAIRS = {
    ("APPROVED", "AUTHORIZED"),
    ("APPROVED", "SUCCEEDED"),
    ("DECLINED", "PROCESSING"),
    ("DECLINED", "DECLINED"),
    ("NOT_SENT", "PROCESSING"),
    ("NOT_SENT", "FAILED"),
    ("UNKNOWN", "PROCESSING"),
    ("PENDING", "PROCESSING"),
    ("ACTION_REQUIRED", "PROCESSING"),
    ("ACTION_REQUIRED", "REQUIRES_ACTION"),
}
EVENTS = {
    ("APPROVED", "AUTHORIZED"): "PAYMENT_AUTHORIZED",
    ("APPROVED", "SUCCEEDED"): "PAYMENT_SUCCEEDED",
    ("DECLINED", "PROCESSING"): "ATTEMPT_FAILED",
    ("DECLINED", "DECLINED"): "PAYMENT_DECLINED",
    ("NOT_SENT", "PROCESSING"): "ATTEMPT_FAILED",
    ("NOT_SENT", "FAILED"): "PAYMENT_FAILED",
    ("UNKNOWN", "PROCESSING"): "ATTEMPT_UNKNOWN",
    ("PENDING", "PROCESSING"): "ATTEMPT_PENDING",
    ("ACTION_REQUIRED", "PROCESSING"): "ATTEMPT_PENDING",
    ("ACTION_REQUIRED", "REQUIRES_ACTION"): "PAYMENT_REQUIRES_ACTION",
}


@pytest.mark.parametrize("capture_method", ["MANUAL", "AUTOMATIC"])
@pytest.mark.parametrize("status", ATTEMPT_STATUSES)
@pytest.mark.parametrize("next_status", PAYMENT_STATUSES)
def test_first_record_of_an_attempt(world: World, status: str, next_status: str, capture_method: str) -> None:
    payment = world.payment(capture_method=capture_method)
    legal = (status, next_status) in PAIRS
    if status == "APPROVED":
        legal = next_status == ("AUTHORIZED" if capture_method == "MANUAL" else "SUCCEEDED")
    if not legal:
        with world.fault():
            world.record(payment, status, next_status)
        return
    assert AttemptStatus(status) in ATTEMPT_TRANSITIONS[AttemptStatus.SENDING]
    row = world.record(payment, status, next_status, code="some_code", psp_reference="psp_1")
    view = row["payment"]
    assert row["applied"] is True
    assert view["status"] == next_status
    assert view["seq"] == 2
    assert view["attempts"] == [
        payment["attempts"][0]
        | {"status": status, "psp_reference": "psp_1", "code": "some_code", "raw_code": "raw_some_code"}
    ]
    assert view["amount_authorized"] == (100 if status == "APPROVED" else 0)
    assert view["amount_captured"] == (100 if next_status == "SUCCEEDED" else 0)
    failed = next_status in {"DECLINED", "FAILED"}
    assert view["decline"] == ({"code": "some_code", "raw_code": "raw_some_code"} if failed else None)
    assert view["updated_us"] > payment["updated_us"]
    assert world.gateway.call("get_payment", world.merchant_id, payment["id"])["payment"] == view
    created, event = world.events(payment["id"])
    assert event["event_type"] == EVENTS[status, next_status]
    assert event["data"] == {"payment": view, "attempt": view["attempts"][0], "modification": None}
    assert (created["seq"], event["seq"]) == (1, 2)


@pytest.mark.parametrize(("status", "next_status"), list(product(ATTEMPT_STATUSES, PAYMENT_STATUSES)))
def test_record_after_unknown(world: World, status: str, next_status: str) -> None:
    payment = world.payment()
    world.record(payment, "UNKNOWN", "PROCESSING", code="timeout", psp_reference="psp_0")
    if status == "NOT_SENT":
        row = world.record(payment, status, next_status, code="psp_unavailable")
        assert row["applied"] is True
        assert row["payment"]["status"] == "PROCESSING"
        assert row["payment"]["attempts"][0]["status"] == "UNKNOWN"
        assert row["payment"]["attempts"][0]["code"] == "timeout"
        return
    if (status, next_status) not in PAIRS - {("APPROVED", "SUCCEEDED")}:
        with world.fault():
            world.record(payment, status, next_status)
        return
    row = world.record(payment, status, next_status)
    assert row["payment"]["attempts"][0]["status"] == status
    # The PSP's id is kept when a later answer has none.
    assert row["payment"]["attempts"][0]["psp_reference"] == "psp_0"
    assert row["payment"]["seq"] == (2 if status == "UNKNOWN" else 3)


@pytest.mark.parametrize(
    ("first", "first_next"), [("APPROVED", "AUTHORIZED"), ("DECLINED", "DECLINED"), ("NOT_SENT", "FAILED")]
)
@pytest.mark.parametrize("late", ATTEMPT_STATUSES)
def test_late_second_recorder_changes_nothing(world: World, first: str, first_next: str, late: str) -> None:
    payment = world.payment()
    kept = world.record(payment, first, first_next, code="first")["payment"]
    contradicts = late == "APPROVED" and first != "APPROVED"
    with nullcontext() if contradicts else world.unchanged():
        row = world.record(payment, late, "AUTHORIZED", code="late", asked=True, caller=world.worker)
    assert row == {"applied": False, "payment": kept}
    assert_in_review(world, kept, contradicts=contradicts)


def test_late_approval_of_an_attempt_that_a_cascade_has_left_behind_goes_to_review(world: World) -> None:
    payment = world.payment()
    world.record(payment, "DECLINED", "PROCESSING")
    kept = world.cascade(payment, "psp_b")["payment"]
    for _ in range(2):
        row = world.record(payment, "APPROVED", "AUTHORIZED", ordinal=1)
        assert not row["applied"]
        assert row["payment"]["attempts"][0]["status"] == "DECLINED"
        assert_in_review(world, kept, contradicts=True)


def assert_in_review(world: World, before: Row, *, contradicts: bool) -> None:
    """An operator is called once when the PSP contradicts the record; no money moves either way."""
    view = world.gateway.call("get_payment", world.merchant_id, before["id"])["payment"]
    assert view["under_review"] == contradicts
    assert view["seq"] == before["seq"] + contradicts
    assert world.event_types(before["id"]).count("REVIEW_REQUIRED") == contradicts
    same = ("status", "amount_authorized", "amount_captured", "amount_refunded")
    assert [view[name] for name in same] == [before[name] for name in same]


def test_unknown_again_counts_and_is_no_event(world: World) -> None:
    payment = world.payment()

    def again(*, asked: bool = False, not_found: bool = False) -> tuple[int, int]:
        row = world.record(
            payment, "UNKNOWN", "PROCESSING", code="x", psp_reference="y", asked=asked, not_found=not_found
        )
        [attempt] = row["payment"]["attempts"]
        assert (attempt["code"], attempt["psp_reference"]) == ("timeout", "")
        assert row["payment"]["seq"] == 2
        assert row["payment"]["updated_us"] > updated[-1]
        updated.append(row["payment"]["updated_us"])
        return attempt["asks"], attempt["not_founds"]

    row = world.record(payment, "UNKNOWN", "PROCESSING", code="timeout")
    updated = [row["payment"]["updated_us"]]
    assert again(asked=True, not_found=True) == (1, 1)
    assert again(asked=True, not_found=True) == (2, 2)
    assert again(asked=True) == (3, 0)
    assert again() == (3, 0)
    assert world.event_types(payment["id"]) == ["PAYMENT_CREATED", "ATTEMPT_UNKNOWN"]


def test_not_sent_of_a_later_call_is_stored_as_unknown(world: World) -> None:
    payment = world.payment()
    row = world.record(payment, "NOT_SENT", "PROCESSING", asked=True)
    assert row["applied"] is True
    assert row["payment"]["status"] == "PROCESSING"
    assert row["payment"]["attempts"][0] | {"code": ""} == payment["attempts"][0] | {"status": "UNKNOWN", "asks": 1}
    assert world.event_types(payment["id"]) == ["PAYMENT_CREATED", "ATTEMPT_UNKNOWN"]


def test_unknown_attempt_or_payment(world: World) -> None:
    payment = world.payment()
    with world.fault():
        world.record(payment, "APPROVED", "AUTHORIZED", ordinal=2)
    with world.refused("PAYMENT_NOT_FOUND", payment_id="pay_none"):
        world.record({"id": "pay_none", "attempts": [1]}, "APPROVED", "AUTHORIZED")


def test_status_that_nobody_knows_is_a_fault(world: World) -> None:
    payment = world.payment()
    for status, next_status in [("LOST", "PROCESSING"), ("DECLINED", "GONE")]:
        with world.fault():
            world.record(payment, status, next_status)


class TestCascade:
    def test_next_attempt_is_begun_and_its_approval_ends_the_payment(self, world: World) -> None:
        payment = world.payment(key="k")
        declined = world.record(payment, "DECLINED", "PROCESSING", code="do_not_honor")["payment"]
        assert declined["decline"] is None
        begun = world.cascade(payment, "psp_b")
        view = begun["payment"]
        assert begun["begun"] is True
        assert view["attempts"][0] == declined["attempts"][0]
        assert view["attempts"][1] == payment["attempts"][0] | {
            "id": f"{payment['id']}_2",
            "ordinal": 2,
            "account": "psp_b",
            "route_reason": "rank of psp_b",
            "created_us": view["updated_us"],
        }
        end = world.record(view, "APPROVED", "AUTHORIZED")["payment"]
        assert [attempt["status"] for attempt in end["attempts"]] == ["DECLINED", "APPROVED"]
        assert world.begin(key="k")["answer"] == end
        events = world.events(payment["id"])
        assert [event["event_type"] for event in events] == [
            "PAYMENT_CREATED",
            "ATTEMPT_FAILED",
            "ATTEMPT_STARTED",
            "PAYMENT_AUTHORIZED",
        ]
        assert [event["data"]["attempt"]["ordinal"] for event in events] == [1, 1, 2, 2]

    def test_begun_twice_is_told(self, world: World) -> None:
        payment = world.payment()
        world.record(payment, "NOT_SENT", "PROCESSING")
        begun = world.cascade(payment, "psp_b")["payment"]
        with world.unchanged():
            assert world.cascade(payment, "psp_b") == {"begun": False, "payment": begun}
        done = world.record(begun, "DECLINED", "DECLINED")["payment"]
        with world.unchanged():
            assert world.cascade(payment, "psp_b") == {"begun": False, "payment": done}
            assert world.cascade(payment, "psp_a", ordinal=1) == {"begun": False, "payment": done}

    def test_steps_that_do_not_fit(self, world: World) -> None:
        payment = world.payment()
        with world.fault():  # the first is still being sent
            world.cascade(payment, "psp_b")
        world.record(payment, "UNKNOWN", "PROCESSING")
        with world.fault():  # its outcome is not known
            world.cascade(payment, "psp_b")
        world.record(payment, "DECLINED", "PROCESSING")
        with world.fault():  # tried already
            world.cascade(payment, "psp_a")
        with world.fault():  # leaves a gap
            world.cascade(payment, "psp_b", ordinal=3)
        with world.fault():  # another account has the ordinal
            world.cascade(payment, "psp_b", ordinal=1)
        with world.fault():  # no candidate
            world.cascade(payment, "psp_z")
        assert world.cascade(payment, "psp_c")["begun"] is True  # ranks are the core's business

    @pytest.mark.parametrize(
        ("status", "next_status"), [("APPROVED", "AUTHORIZED"), ("DECLINED", "DECLINED"), ("NOT_SENT", "FAILED")]
    )
    def test_ended_payment_takes_no_attempt(self, world: World, status: str, next_status: str) -> None:
        payment = world.payment()
        world.record(payment, status, next_status)
        with world.fault():
            world.cascade(payment, "psp_b")

    def test_unknown_payment_is_refused(self, world: World) -> None:
        with world.refused("PAYMENT_NOT_FOUND", payment_id="pay_none"):
            world.worker.call("begin_attempt", "pay_none", 2, "psp_b", "r")

    def test_not_sent_after_a_decline_ends_declined_with_the_issuers_code(self, world: World) -> None:
        payment = world.payment()
        world.record(payment, "DECLINED", "PROCESSING", code="do_not_honor")
        view = world.cascade(payment, "psp_b")["payment"]
        with world.fault():
            world.record(view, "NOT_SENT", "FAILED", code="psp_unavailable")
        end = world.record(view, "NOT_SENT", "DECLINED", code="psp_unavailable")["payment"]
        assert end["decline"] == {"code": "do_not_honor", "raw_code": "raw_do_not_honor"}
        assert world.event_types(payment["id"])[-1] == "PAYMENT_DECLINED"

    def test_declined_needs_a_decline(self, world: World) -> None:
        payment = world.payment()
        world.record(payment, "NOT_SENT", "PROCESSING", code="psp_unavailable")
        view = world.cascade(payment, "psp_b")["payment"]
        with world.fault():
            world.record(view, "NOT_SENT", "DECLINED")
        end = world.record(view, "NOT_SENT", "FAILED", code="psp_unreachable")["payment"]
        assert end["decline"] == {"code": "psp_unreachable", "raw_code": "raw_psp_unreachable"}

    def test_last_decline_is_told(self, world: World) -> None:
        payment = world.payment()
        world.record(payment, "DECLINED", "PROCESSING", code="do_not_honor")
        view = world.cascade(payment, "psp_b")["payment"]
        end = world.record(view, "DECLINED", "DECLINED", code="insufficient_funds")["payment"]
        assert end["decline"] == {"code": "insufficient_funds", "raw_code": "raw_insufficient_funds"}


def test_load_payment_tells_the_age_of_attempts(world: World) -> None:
    payment = world.payment()
    world.admin.connection.execute(
        "UPDATE gateway.attempt SET created_at = created_at - interval '61 s' WHERE payment_id = %s", (payment["id"],)
    )
    for caller in (world.gateway, world.worker):
        view = caller.call("load_payment", payment["id"])["payment"]
        [attempt] = view["attempts"]
        assert 61 <= attempt.pop("age_seconds") < 90
        assert attempt.pop("expected_age_seconds") == 0
        assert 61 <= attempt.pop("settling_seconds") < 90
        assert attempt.pop("asks_before") == 0
        assert attempt.pop("reversal_age_seconds") == 0
        assert view == payment | {
            "attempts": [payment["attempts"][0] | {"created_us": payment["created_us"] - 61_000_000}]
        }
        with world.refused("PAYMENT_NOT_FOUND", payment_id="pay_none"):
            caller.call("load_payment", "pay_none")


def test_payment_of_another_merchant_does_not_exist(world: World) -> None:
    other = new_id("mer")
    world.gateway.call("create_merchant", other, "Other")
    payment = world.payment()
    with world.refused("PAYMENT_NOT_FOUND", payment_id=payment["id"]):
        world.gateway.call("get_payment", other, payment["id"])


@pytest.mark.timeout(60)
@pytest.mark.parametrize("round_", range(5))
def test_of_many_recorders_one_wins(world: World, round_: int) -> None:
    payment = world.payment()
    verdicts = [("APPROVED", "AUTHORIZED"), ("DECLINED", "DECLINED"), ("UNKNOWN", "PROCESSING")] * 4
    rows: list[Row] = in_parallel(
        [
            lambda caller, status=status, next_status=next_status: world.record(
                payment, status, next_status, caller=caller
            )
            for status, next_status in verdicts[round_:] + verdicts[:round_]
        ],
        world.server.role_urls["gateway_svc"],
        threads=6,
    )
    end = world.gateway.call("get_payment", world.merchant_id, payment["id"])["payment"]
    assert end["status"] in {"AUTHORIZED", "DECLINED"}
    [final] = [row["payment"] for row in rows if row["applied"] and row["payment"]["status"] != "PROCESSING"]
    # Who was late with an approval contradicts the decline: an operator is called, and nothing else changes.
    assert end["under_review"] == (end["status"] == "DECLINED")
    same = ("status", "amount_authorized", "decline")
    assert [final[name] for name in same] == [end[name] for name in same]
    assert [event["seq"] for event in world.events(payment["id"])] == list(range(1, end["seq"] + 1))
