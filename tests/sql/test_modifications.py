"""begin_modification and record_modification: what may begin when, and what its outcome makes of the payment."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest

from gateway_svc.domain.payment import MODIFICATION_TRANSITIONS, ModificationStatus
from mesh.identifiers import new_id
from tests.sql.world import Row, World, expect

STATUSES = [status.value for status in ModificationStatus]
KINDS = ["CAPTURE", "VOID", "REFUND"]


def base_of(world: World, kind: str) -> Row:
    """Give a payment on which the kind of modification may begin."""
    return world.succeeded() if kind == "REFUND" else world.authorized()


def amounts(payment: Row) -> tuple[int, int, int, int, int]:
    return (
        payment["amount_authorized"],
        payment["amount_captured"],
        payment["amount_capture_pending"],
        payment["amount_refunded"],
        payment["amount_refund_pending"],
    )


class TestBegin:
    @pytest.mark.parametrize("kind", KINDS)
    def test_all_that_is_left(self, world: World, kind: str) -> None:
        payment = base_of(world, kind)
        row = world.modify(kind, payment["id"], reason="returned")
        modification, view = row["modification"], row["payment"]
        assert (row["disposition"], row["answer"]) == ("STARTED", None)
        assert modification == {
            "id": modification["id"],
            "payment_id": payment["id"],
            "merchant_id": world.merchant_id,
            "kind": kind,
            "account": "psp_a",
            "payment_psp_reference": "psp_1",
            "capture_psp_reference": "psp_1" if kind == "REFUND" else "",
            "status": "SENDING",
            "amount": 0 if kind == "VOID" else 100,
            "currency": "EUR",
            "final": kind == "CAPTURE",
            "reason": "returned",
            "code": "",
            "raw_code": "",
            "psp_reference": "",
            "details": {},
            "expected_us": None,
            "reversed": False,
            "asks": 0,
            "not_founds": 0,
            "under_review": False,
            "created_us": view["updated_us"],
            "updated_us": view["updated_us"],
        }
        shown = ("id", "amount", "final", "status", "code", "raw_code", "details", "expected_us", "created_us")
        summary = {name: modification[name] for name in shown}
        changes: dict[str, Row] = {
            "CAPTURE": {"amount_capture_pending": 100, "final_capture_pending": True, "captures": [summary]},
            "VOID": {
                "void_pending": True,
                "voids": [{name: summary[name] for name in summary if name not in {"amount", "final"}}],
            },
            "REFUND": {"amount_refund_pending": 100},
        }
        assert view == payment | changes[kind] | {"seq": payment["seq"] + 1, "updated_us": view["updated_us"]}
        event = world.events(payment["id"])[-1]
        assert event["event_type"] == "MODIFICATION_STARTED"
        assert event["data"] == {"payment": view, "attempt": None, "modification": modification}

    def test_captures_are_final_unless_told_otherwise(self, world: World) -> None:
        payment = world.authorized()
        assert world.modify("CAPTURE", payment["id"], 10, final=False)["modification"]["final"] is False
        other = world.authorized()
        assert world.modify("CAPTURE", other["id"], 10)["modification"]["final"] is True

    def test_final_is_for_captures_only(self, world: World) -> None:
        payment = world.succeeded()
        assert world.modify("REFUND", payment["id"], 10, final=True)["modification"]["final"] is False

    def test_account_is_that_of_the_approved_attempt(self, world: World) -> None:
        payment = world.payment()
        world.record(payment, "DECLINED", "PROCESSING", psp_reference="psp_declined")
        view = world.cascade(payment, "psp_c")["payment"]
        world.record(view, "APPROVED", "AUTHORIZED", psp_reference="psp_approved")
        modification = world.modify("CAPTURE", payment["id"])["modification"]
        assert (modification["account"], modification["payment_psp_reference"]) == ("psp_c", "psp_approved")

    def test_unknown_kind_breaks_the_last_line_of_defence(self, world: World) -> None:
        payment = world.authorized()
        with world.unchanged(), expect("22P02"):
            world.gateway.call(
                "begin_modification", "x", "GIFT", world.merchant_id, payment["id"], 1, None, "", "k", b"h", 1
            )


class TestRefusals:
    @pytest.mark.parametrize("kind", KINDS)
    def test_unknown_or_foreign_payment(self, world: World, kind: str) -> None:
        other = new_id("mer")
        world.gateway.call("create_merchant", other, "Other")
        payment = base_of(world, kind)
        with world.refused("PAYMENT_NOT_FOUND", payment_id="pay_none"):
            world.modify(kind, "pay_none")
        with world.refused("PAYMENT_NOT_FOUND", payment_id=payment["id"]):
            world.modify(kind, payment["id"], merchant_id=other)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize(
        ("status", "make"),
        [
            ("PROCESSING", lambda world: world.payment()),
            ("DECLINED", lambda world: world.record(world.payment(), "DECLINED", "DECLINED")["payment"]),
            ("FAILED", lambda world: world.record(world.payment(), "NOT_SENT", "FAILED")["payment"]),
            ("VOIDED", lambda world: world.modified("VOID", world.authorized()["id"])),
            ("AUTHORIZED", lambda world: world.authorized()),
            ("SUCCEEDED", lambda world: world.succeeded()),
        ],
    )
    def test_status_that_does_not_fit(self, world: World, kind: str, status: str, make: Callable[[World], Row]) -> None:
        payment = make(world)
        assert payment["status"] == status
        if status == ("SUCCEEDED" if kind == "REFUND" else "AUTHORIZED"):
            assert world.modify(kind, payment["id"])["disposition"] == "STARTED"
            return
        reason, more = {
            "CAPTURE": ("PAYMENT_NOT_CAPTURABLE", {}),
            "VOID": ("PAYMENT_NOT_VOIDABLE", {"captured": payment["amount_captured"]}),
            "REFUND": ("PAYMENT_NOT_REFUNDABLE", {}),
        }[kind]
        for amount in (None, 1, 1000):
            with world.refused(reason, status=status, **more):
                world.modify(kind, payment["id"], amount, key="k")
        assert world.key_row("k") is None

    def test_void_after_a_partial_capture(self, world: World) -> None:
        payment = world.authorized()
        world.modified("CAPTURE", payment["id"], 30, final=False)
        with world.refused("PAYMENT_NOT_VOIDABLE", status="AUTHORIZED", captured=30):
            world.modify("VOID", payment["id"])

    @pytest.mark.parametrize(("kind", "amount"), [("CAPTURE", 0), ("CAPTURE", -5), ("REFUND", 0), ("REFUND", -5)])
    def test_amount_that_is_not_positive(self, world: World, kind: str, amount: int) -> None:
        payment = base_of(world, kind)
        with world.refused("INVALID_AMOUNT", amount=amount):
            world.modify(kind, payment["id"], amount)

    def test_capture_of_more_than_is_left(self, world: World) -> None:
        payment = world.authorized()
        with world.refused("CAPTURE_EXCEEDS_AUTHORIZED", amount=101, available=100):
            world.modify("CAPTURE", payment["id"], 101)
        world.modified("CAPTURE", payment["id"], 30, final=False)
        world.modify("CAPTURE", payment["id"], 20, final=False)
        with world.refused("CAPTURE_EXCEEDS_AUTHORIZED", amount=51, available=50):
            world.modify("CAPTURE", payment["id"], 51, final=False)
        assert world.modify("CAPTURE", payment["id"], 50, final=False)["disposition"] == "STARTED"
        with world.refused("CAPTURE_EXCEEDS_AUTHORIZED", amount=1, available=0):
            world.modify("CAPTURE", payment["id"], 1, final=False)
        with world.refused("MODIFICATION_IN_PROGRESS", detail="a capture"):
            world.modify("CAPTURE", payment["id"], None, final=False)

    def test_refund_of_more_than_is_left(self, world: World) -> None:
        payment = world.succeeded()
        with world.refused("REFUND_EXCEEDS_CAPTURED", amount=101, available=100):
            world.modify("REFUND", payment["id"], 101)
        world.modified("REFUND", payment["id"], 30)
        pending = world.modify("REFUND", payment["id"], 20)["modification"]
        with world.refused("REFUND_EXCEEDS_CAPTURED", amount=51, available=50):
            world.modify("REFUND", payment["id"], 51)
        world.modified("REFUND", payment["id"])
        with world.refused("MODIFICATION_IN_PROGRESS", detail="a refund"):
            world.modify("REFUND", payment["id"])
        with world.refused("REFUND_EXCEEDS_CAPTURED", amount=1, available=0):
            world.modify("REFUND", payment["id"], 1)
        world.settle(pending, "SUCCEEDED")
        with world.refused("REFUND_EXCEEDS_CAPTURED", amount=1, available=0):
            world.modify("REFUND", payment["id"], 1)
        with world.refused("PAYMENT_NOT_REFUNDABLE", status="SUCCEEDED"):
            world.modify("REFUND", payment["id"])

    def test_refund_is_bound_by_what_was_captured_not_authorized(self, world: World) -> None:
        payment = world.authorized()
        world.modified("CAPTURE", payment["id"], 30, final=False)
        with world.refused("REFUND_EXCEEDS_CAPTURED", amount=31, available=30):
            world.modify("REFUND", payment["id"], 31)
        assert world.modify("REFUND", payment["id"])["modification"]["amount"] == 30

    @pytest.mark.parametrize("status", ["SENDING", "UNKNOWN"])
    def test_void_under_way_blocks_captures_and_voids(self, world: World, status: str) -> None:
        payment = world.authorized()
        void = world.modify("VOID", payment["id"])["modification"]
        if status == "UNKNOWN":
            world.settle(void, status)
        for kind, amount in (("CAPTURE", None), ("CAPTURE", 1), ("VOID", None)):
            with world.refused("MODIFICATION_IN_PROGRESS", detail="a void"):
                world.modify(kind, payment["id"], amount, final=False)
        world.settle(void, "FAILED")
        assert world.modify("CAPTURE", payment["id"])["disposition"] == "STARTED"

    @pytest.mark.parametrize("status", ["SENDING", "UNKNOWN"])
    def test_capture_under_way_blocks_voids_and_final_captures(self, world: World, status: str) -> None:
        payment = world.authorized()
        capture = world.modify("CAPTURE", payment["id"], 10, final=False)["modification"]
        if status == "UNKNOWN":
            world.settle(capture, status)
        for kind in ("VOID", "CAPTURE"):
            with world.refused("MODIFICATION_IN_PROGRESS", detail="a capture"):
                world.modify(kind, payment["id"])
        assert world.modify("CAPTURE", payment["id"], 10, final=False)["disposition"] == "STARTED"

    def test_final_capture_under_way_blocks_captures_and_voids(self, world: World) -> None:
        payment = world.authorized()
        capture = world.modify("CAPTURE", payment["id"], 10)["modification"]
        for amount, final in ((1, False), (None, True), (1000, False)):
            with world.refused("MODIFICATION_IN_PROGRESS", detail="a final capture"):
                world.modify("CAPTURE", payment["id"], amount, final=final)
        with world.refused("MODIFICATION_IN_PROGRESS", detail="a capture"):
            world.modify("VOID", payment["id"])
        world.settle(capture, "FAILED")
        assert world.modify("VOID", payment["id"])["disposition"] == "STARTED"


class TestRecord:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("first", ["SENDING", "UNKNOWN"])
    @pytest.mark.parametrize("status", [*STATUSES, "GONE", None])
    def test_transitions(self, world: World, kind: str, first: str, status: str | None) -> None:
        payment = base_of(world, kind)
        begun = world.modify(kind, payment["id"])
        modification, before = begun["modification"], begun["payment"]
        if first == "UNKNOWN":
            row = world.settle(modification, first, code="timeout", caller=world.worker)
            assert row["applied"] is True
            assert row["payment"]["seq"] == before["seq"] + 1
            before = row["payment"]
            assert world.event_types(payment["id"])[-1] == "MODIFICATION_UNKNOWN"
        legal = status in STATUSES and (
            ModificationStatus(status) in MODIFICATION_TRANSITIONS[ModificationStatus(first)]
            or (first, status) == ("UNKNOWN", "UNKNOWN")
        )
        if not legal:
            with world.fault():
                world.settle(modification, status)  # type: ignore[arg-type]
            return
        assert status is not None
        row = world.settle(modification, status, code="some_code")
        again = (first, status) == ("UNKNOWN", "UNKNOWN")
        assert row["applied"] is True
        assert row["modification"]["status"] == status
        assert row["modification"]["code"] == ("timeout" if again else "some_code")
        assert row["payment"]["seq"] == before["seq"] + (0 if again else 1)
        assert row["payment"]["updated_us"] > before["updated_us"]
        assert row == {"applied": True} | world.worker.call("load_modification", modification["id"]) | {
            "modification": row["modification"]
        }

    def test_outcomes_of_each_kind(self, world: World) -> None:
        """(kind, outcome) -> status of the payment, its amounts, the event."""
        expected = {
            ("CAPTURE", "SUCCEEDED"): ("SUCCEEDED", (100, 100, 0, 0, 0), "PAYMENT_SUCCEEDED"),
            ("CAPTURE", "FAILED"): ("AUTHORIZED", (100, 0, 0, 0, 0), "CAPTURE_FAILED"),
            ("CAPTURE", "UNKNOWN"): ("AUTHORIZED", (100, 0, 100, 0, 0), "MODIFICATION_UNKNOWN"),
            ("VOID", "SUCCEEDED"): ("VOIDED", (100, 0, 0, 0, 0), "PAYMENT_VOIDED"),
            ("VOID", "FAILED"): ("AUTHORIZED", (100, 0, 0, 0, 0), "VOID_FAILED"),
            ("VOID", "UNKNOWN"): ("AUTHORIZED", (100, 0, 0, 0, 0), "MODIFICATION_UNKNOWN"),
            ("REFUND", "SUCCEEDED"): ("SUCCEEDED", (100, 100, 0, 100, 0), "REFUND_SUCCEEDED"),
            ("REFUND", "FAILED"): ("SUCCEEDED", (100, 100, 0, 0, 0), "REFUND_FAILED"),
            ("REFUND", "UNKNOWN"): ("SUCCEEDED", (100, 100, 0, 0, 100), "MODIFICATION_UNKNOWN"),
        }
        for (kind, outcome), (status, money, event_type) in expected.items():
            payment = base_of(world, kind)
            row = world.settle(world.modify(kind, payment["id"])["modification"], outcome)
            view = row["payment"]
            assert (view["status"], amounts(view)) == (status, money)
            assert view["void_pending"] is (outcome == "UNKNOWN" and kind == "VOID")
            event = world.events(payment["id"])[-1]
            assert event["event_type"] == event_type
            assert event["data"] == {"payment": view, "attempt": None, "modification": row["modification"]}

    def test_partial_captures_up_to_the_whole(self, world: World) -> None:
        payment = world.authorized()
        for amount in (30, 50):
            view = world.modified("CAPTURE", payment["id"], amount, final=False)
            assert view["status"] == "AUTHORIZED"
            assert world.event_types(payment["id"])[-1] == "PAYMENT_PARTIALLY_CAPTURED"
        end = world.modified("CAPTURE", payment["id"], 20, final=False)
        assert (end["status"], amounts(end)) == ("SUCCEEDED", (100, 100, 0, 0, 0))
        assert world.event_types(payment["id"])[-1] == "PAYMENT_SUCCEEDED"
        assert [capture["amount"] for capture in end["captures"]] == [30, 50, 20]

    def test_final_capture_of_a_part_ends_the_payment(self, world: World) -> None:
        payment = world.authorized()
        world.modified("CAPTURE", payment["id"], 30, final=False)
        end = world.modified("CAPTURE", payment["id"], 10)
        assert (end["status"], amounts(end)) == ("SUCCEEDED", (100, 40, 0, 0, 0))

    def test_refund_of_a_payment_that_is_still_authorized(self, world: World) -> None:
        payment = world.authorized()
        world.modified("CAPTURE", payment["id"], 30, final=False)
        view = world.modified("REFUND", payment["id"], 20)
        assert (view["status"], amounts(view)) == ("AUTHORIZED", (100, 30, 0, 20, 0))

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("first", ["SUCCEEDED", "FAILED"])
    @pytest.mark.parametrize("late", STATUSES)
    def test_late_second_recorder_changes_nothing(self, world: World, kind: str, first: str, late: str) -> None:
        modification = world.modify(kind, base_of(world, kind)["id"])["modification"]
        kept = world.settle(modification, first)
        contradicts = (first, late) == ("FAILED", "SUCCEEDED")
        with nullcontext() if contradicts else world.unchanged():
            row = world.settle(modification, late, code="late", asked=True)
        told = {name: row["modification"][name] for name in ("status", "code", "amount", "psp_reference")}
        assert not row["applied"]
        assert told == {name: kept["modification"][name] for name in told}
        assert row["modification"]["under_review"] == contradicts
        if not contradicts:
            assert row == kept | {"applied": False}

    def test_unknown_again_counts_and_is_no_event(self, world: World) -> None:
        payment = world.succeeded()
        modification = world.modify("REFUND", payment["id"])["modification"]
        world.settle(modification, "UNKNOWN")
        events = world.event_types(payment["id"])
        counts = []
        for asked, not_found in ((True, True), (True, True), (True, False), (False, False)):
            row = world.settle(modification, "UNKNOWN", asked=asked, not_found=not_found)["modification"]
            counts.append((row["asks"], row["not_founds"]))
        assert counts == [(1, 1), (2, 2), (3, 0), (3, 0)]
        assert world.event_types(payment["id"]) == events

    def test_unknown_modification_is_a_fault(self, world: World) -> None:
        with world.fault():
            world.settle({"id": "ref_none"}, "SUCCEEDED")
        with world.fault():
            world.worker.call("load_modification", "ref_none")

    def test_load_modification_tells_its_age(self, world: World) -> None:
        begun = world.modify("REFUND", world.succeeded()["id"])
        world.admin.connection.execute(
            "UPDATE gateway.modification SET created_at = created_at - interval '61 s' WHERE id = %s",
            (begun["modification"]["id"],),
        )
        row = world.worker.call("load_modification", begun["modification"]["id"])
        assert 61 <= row["modification"].pop("age_seconds") < 90
        assert row["modification"]["payment_id"] == row["payment"]["id"]
        assert row["payment"] == begun["payment"]


class TestKeys:
    @pytest.mark.parametrize("kind", KINDS)
    def test_dispositions(self, world: World, kind: str) -> None:
        payment = base_of(world, kind)

        def repeat(disposition: str) -> Row:
            row = world.modify(kind, payment["id"], key="k")
            assert row["disposition"] == disposition
            assert row["modification"]["id"] == begun["modification"]["id"]
            assert row["payment"]["id"] == payment["id"]
            return row

        begun = world.modify(kind, payment["id"], key="k", lease_ms=0)
        repeat("RESUME")
        repeat("IN_FLIGHT")
        world.gateway.call("release_lease", world.merchant_id, "k")
        repeat("RESUME")
        world.settle(begun["modification"], "UNKNOWN")
        assert repeat("IN_FLIGHT")["answer"] is None
        end = world.settle(begun["modification"], "SUCCEEDED")
        if kind == "CAPTURE":
            world.modified("REFUND", payment["id"], 1)
        assert repeat("REPLAYED")["answer"] == end["modification" if kind == "REFUND" else "payment"]

    def test_failed_operation_is_replayed_as_failed(self, world: World) -> None:
        payment = world.succeeded()
        begun = world.modify("REFUND", payment["id"], key="k")
        end = world.settle(begun["modification"], "FAILED", code="refund_window_closed")
        row = world.modify("REFUND", payment["id"], key="k")
        assert (row["disposition"], row["answer"]) == ("REPLAYED", end["modification"])

    def test_repeat_of_a_begun_operation_is_not_refused_for_what_it_did_itself(self, world: World) -> None:
        payment = world.authorized()
        world.modified("CAPTURE", payment["id"], key="k")
        assert world.modify("CAPTURE", payment["id"], key="k")["disposition"] == "REPLAYED"

    def test_other_body_kind_or_payment_is_refused(self, world: World) -> None:
        payment, other = world.succeeded(), world.succeeded()
        world.modify("REFUND", payment["id"], 10, key="k")
        with world.refused("IDEMPOTENCY_KEY_REUSED"):
            world.modify("REFUND", payment["id"], 10, key="k", body="other")
        with world.refused("IDEMPOTENCY_KEY_REUSED"):
            world.modify("REFUND", other["id"], 10, key="k")
        with world.refused("IDEMPOTENCY_KEY_REUSED"):
            world.modify("CAPTURE", payment["id"], 10, key="k")
        world.begin(key="created")
        with world.refused("IDEMPOTENCY_KEY_REUSED"):
            world.modify("REFUND", payment["id"], 10, key="created")

    def test_same_hash_for_another_payment_or_kind_is_refused_too(self, world: World) -> None:
        payment, other = world.authorized(), world.authorized()
        arguments = ("EUR", "k", b"same hash", 1000)

        def begin(kind: str, payment_id: str) -> Row:
            return world.gateway.call(
                "begin_modification", new_id("cap"), kind, world.merchant_id, payment_id, 1, False, *arguments
            )

        assert begin("CAPTURE", payment["id"])["disposition"] == "STARTED"
        with world.refused("IDEMPOTENCY_KEY_REUSED"):
            begin("CAPTURE", other["id"])
        with world.refused("IDEMPOTENCY_KEY_REUSED"):
            begin("VOID", payment["id"])
