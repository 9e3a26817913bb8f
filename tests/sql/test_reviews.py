"""The operators' queue: what enters it, what each decision does to the record, and who wins a race."""

from typing import Any

import pytest

from tests.sql.test_ledger import journals
from tests.sql.test_races import end_of
from tests.sql.world import Caller, Row, World, overlapped


def review(world: World, reference: str) -> Row:
    row: Row = world.gateway.call("get_review", reference)["review"]
    return row


def listed(world: World, **filters: str) -> list[str]:
    rows = world.gateway.call_many(
        "list_reviews", 1000, None, None, world.merchant_id, filters.get("account"), filters.get("kind")
    )
    return [row["review"]["id"] for row in rows]


def resolve(
    world: World,
    reference: str,
    action: str,
    effect: str,
    status: str = "",
    payment_status: str = "",
    *,
    caller: Caller | None = None,
    version: int | None = None,
    seen: str | None = None,
    seen_payment: str | None = None,
    psp_reference: str = "",
    note: str = "looked at the dashboard",
    decided_by: str = "key_1",
) -> Row:
    found = world.gateway.call("get_review", reference)
    return (caller or world.gateway).call(
        "resolve_review",
        reference,
        found["review"]["version"] if version is None else version,
        action,
        effect,
        seen or found["review"]["status"],
        seen_payment or found["payment"]["status"],
        status,
        payment_status,
        psp_reference,
        "" if action == "CHARGED" else "not_charged",
        note,
        decided_by,
        "req_1",
    )


def unknown(world: World, method: str = "MANUAL", **changes: Any) -> tuple[Row, str]:
    """Make a payment whose first attempt nobody could tell of, and give the attempt's id."""
    payment = world.payment(capture_method=method, **changes)
    world.record(payment, "UNKNOWN", "PROCESSING", code="psp_timeout")
    world.record(payment, "UNKNOWN", "PROCESSING", asked=True, not_found=True)
    attempt_id = f"{payment['id']}_1"
    world.worker.call("require_review", payment["id"], attempt_id)
    return payment, attempt_id


def unknown_modification(world: World, kind: str) -> tuple[Row, str]:
    payment = world.succeeded() if kind == "REFUND" else world.authorized()
    modification = world.modify(kind, payment["id"])["modification"]
    world.settle(modification, "UNKNOWN", asked=True)
    world.worker.call("require_review", payment["id"], modification["id"])
    return payment, modification["id"]


def contradicted(world: World, payment: Row, reference: str, **told: Any) -> None:
    row = world.gateway.call("report_contradiction", payment["id"], reference, {"kind": "APPROVED"} | told)
    assert row["payment"]["under_review"] is True


class TestQueue:
    def test_what_nobody_could_tell_waits_with_what_was_said(self, world: World) -> None:
        payment, attempt_id = unknown(world)
        found = review(world, attempt_id)
        assert (found["kind"], found["cause"], found["version"]) == ("AUTHORIZE", "UNKNOWN", 1)
        assert (found["status"], found["asks"], found["not_founds"]) == ("UNKNOWN", 1, 1)
        assert (found["account"], found["amount"], found["told"]) == ("psp_a", 100, None)
        assert [(said["number"], said["told"]) for said in found["inquiries"]] == [(1, "NOT_FOUND")]
        assert listed(world) == [attempt_id]
        assert world.event_types(payment["id"])[-1] == "REVIEW_REQUIRED"

    def test_oldest_first_page_by_page_and_by_filter(self, world: World) -> None:
        references = [unknown(world)[1], unknown_modification(world, "REFUND")[1], unknown(world)[1]]
        assert listed(world) == references
        assert listed(world, kind="REFUND") == references[1:2]
        assert listed(world, account="psp_b") == []
        first = world.gateway.call_many("list_reviews", 1, None, None, world.merchant_id, None, None)[0]["review"]
        rest = world.gateway.call_many(
            "list_reviews", 10, first["opened_us"], first["id"], world.merchant_id, None, None
        )
        assert [row["review"]["id"] for row in rest] == references[1:]

    def test_a_webhook_that_settles_it_takes_it_out(self, world: World) -> None:
        payment, attempt_id = unknown(world)
        view = world.record(payment, "APPROVED", "AUTHORIZED", asked=True, psp_reference="psp_1")["payment"]
        assert (view["under_review"], listed(world)) == (False, [])
        with world.refused("REVIEW_SETTLED", review_id=attempt_id):
            resolve(world, attempt_id, "NOT_CHARGED", "RECORD", "DECLINED", "DECLINED")

    def test_a_contradiction_says_what_was_told_and_its_repetition_changes_nothing(self, world: World) -> None:
        payment = world.authorized()
        contradicted(world, payment, f"{payment['id']}_1", kind="DECLINED", code="lost_card")
        found = review(world, f"{payment['id']}_1")
        assert (found["cause"], found["told"]) == ("CONTRADICTION", {"kind": "DECLINED", "code": "lost_card"})
        with world.unchanged():
            contradicted(world, payment, f"{payment['id']}_1", kind="DECLINED", code="lost_card")
        contradicted(world, payment, f"{payment['id']}_1", psp_reference="psp_9")
        assert review(world, f"{payment['id']}_1")["version"] == 2

    def test_what_is_under_way_no_operator_sees(self, world: World) -> None:
        payment = world.payment()
        with world.refused("REVIEW_NOT_FOUND", review_id=f"{payment['id']}_1"):
            resolve_unseen(world, f"{payment['id']}_1")


def resolve_unseen(world: World, reference: str) -> None:
    arguments = ("CHARGED", "CONFIRM", "", "", "", "", "", "", "note", "key_1", "req_1")
    world.gateway.call("resolve_review", reference, 1, *arguments)


class TestUnknown:
    @pytest.mark.parametrize(("method", "status"), [("MANUAL", "AUTHORIZED"), ("AUTOMATIC", "SUCCEEDED")])
    def test_charged_is_an_approval_like_any_other(self, world: World, method: str, status: str) -> None:
        payment, attempt_id = unknown(world, method, currency="JPY")
        view = resolve(world, attempt_id, "CHARGED", "RECORD", "APPROVED", status, psp_reference="psp_7")["payment"]
        assert (view["status"], view["under_review"], view["amount_authorized"]) == (status, False, 100)
        assert view["attempts"][0]["psp_reference"] == "psp_7"
        assert world.event_types(payment["id"])[-2:] == ["REVIEW_RESOLVED", f"PAYMENT_{status}"]
        told = view | {"next_action": None, "return_url": ""}
        assert world.events(payment["id"])[-1]["data"]["payment"] == told
        approved = (world.authorized if method == "MANUAL" else world.succeeded)(currency="JPY")
        assert journals(world, payment["id"]) == journals(world, approved["id"])
        end_of(world, payment)

    def test_not_charged_ends_the_payment_and_holds_nothing(self, world: World) -> None:
        payment, attempt_id = unknown(world)
        view = resolve(world, attempt_id, "NOT_CHARGED", "RECORD", "DECLINED", "DECLINED")["payment"]
        assert (view["status"], view["decline"]["code"]) == ("DECLINED", "not_charged")
        assert len(view["attempts"]) == 1
        assert (listed(world), world.ledger(payment["id"])) == ([], {})
        assert world.event_types(payment["id"])[-2:] == ["REVIEW_RESOLVED", "PAYMENT_DECLINED"]

    @pytest.mark.parametrize("kind", ["CAPTURE", "VOID", "REFUND"])
    @pytest.mark.parametrize("charged", [True, False])
    def test_a_modification(self, world: World, kind: str, *, charged: bool) -> None:
        payment, reference = unknown_modification(world, kind)
        action = "CHARGED" if charged else "NOT_CHARGED"
        row = resolve(world, reference, action, "RECORD", "SUCCEEDED" if charged else "FAILED", psp_reference="psp_8")
        assert (row["payment"]["under_review"], listed(world)) == (False, [])
        view = end_of(world, payment)
        done = {"CAPTURE": view["amount_captured"] == 100, "VOID": view["status"] == "VOIDED"}
        assert done.get(kind, view["amount_refunded"] == 100) is charged
        if not charged:
            world.modified(kind, payment["id"])

    def test_asked_again_the_schedule_begins_anew_and_the_sweep_finds_it(self, world: World) -> None:
        payment, attempt_id = unknown(world)
        world.admin.connection.execute(
            "UPDATE gateway.attempt SET created_at = created_at - interval '4 days' WHERE payment_id = %s",
            (payment["id"],),
        )
        resolve(world, attempt_id, "ASK_AGAIN", "ASK_AGAIN", psp_reference="psp_3")
        loaded = world.worker.call("load_payment", payment["id"])["payment"]["attempts"][0]
        assert (loaded["asks"], loaded["asks_before"], loaded["not_founds"]) == (1, 1, 0)
        assert loaded["settling_seconds"] < 3600 < loaded["age_seconds"]
        assert loaded["psp_reference"] == "psp_3"
        assert world.worker.call_many("stalled_work", -1000, 1000).count({"kind": "PAYMENT", "id": payment["id"]}) == 1
        world.worker.call("require_review", payment["id"], attempt_id)
        found = review(world, attempt_id)
        assert (found["version"], len(found["decisions"]), found["closed_us"]) == (3, 1, None)

    def test_a_modification_asked_again(self, world: World) -> None:
        _, reference = unknown_modification(world, "REFUND")
        resolve(world, reference, "ASK_AGAIN", "ASK_AGAIN")
        loaded = world.worker.call("load_modification", reference)["modification"]
        assert (loaded["asks"], loaded["asks_before"], loaded["under_review"]) == (1, 1, False)


class TestContradictions:
    def test_confirmed_the_record_stands(self, world: World) -> None:
        payment = world.authorized()
        contradicted(world, payment, f"{payment['id']}_1", kind="DECLINED")
        view = resolve(world, f"{payment['id']}_1", "CHARGED", "CONFIRM")["payment"]
        assert (view["status"], view["under_review"]) == ("AUTHORIZED", False)
        assert world.event_types(payment["id"])[-1] == "REVIEW_RESOLVED"
        end_of(world, payment)

    @pytest.mark.parametrize("method", ["AUTOMATIC", "MANUAL"])
    def test_an_approval_taken_back_leaves_nothing(self, world: World, method: str) -> None:
        payment = world.succeeded() if method == "AUTOMATIC" else world.authorized()
        contradicted(world, payment, f"{payment['id']}_1", kind="DECLINED")
        view = resolve(world, f"{payment['id']}_1", "NOT_CHARGED", "TAKE_BACK")["payment"]
        assert (view["status"], view["amount_captured"], world.ledger(payment["id"])) == ("VOIDED", 0, {})
        assert world.event_types(payment["id"])[-2:] == ["REVIEW_RESOLVED", "PAYMENT_VOIDED"]
        assert view["attempts"][0]["status"] == "DECLINED"

    def test_an_approval_that_was_used_since_is_not_taken_back(self, world: World) -> None:
        payment = world.succeeded()
        world.modify("REFUND", payment["id"], 1)
        contradicted(world, payment, f"{payment['id']}_1", kind="DECLINED")
        detail = "the approval was captured, refunded or voided since, or that is under way"
        with world.refused("REVIEW_ACTION_NOT_POSSIBLE", review_id=f"{payment['id']}_1", detail=detail):
            resolve(world, f"{payment['id']}_1", "NOT_CHARGED", "TAKE_BACK")

    def test_a_decline_between_two_attempts_that_was_none(self, world: World) -> None:
        payment = world.payment()
        world.record(payment, "DECLINED", "PROCESSING")
        contradicted(world, payment, f"{payment['id']}_1", psp_reference="psp_5")
        view = resolve(
            world, f"{payment['id']}_1", "CHARGED", "REOPEN", "APPROVED", "AUTHORIZED", psp_reference="psp_5"
        )["payment"]
        assert (view["status"], view["attempts"][0]["status"]) == ("AUTHORIZED", "APPROVED")
        end_of(world, payment)

    def test_a_decline_between_two_attempts_ends_the_payment(self, world: World) -> None:
        payment = world.payment()
        world.record(payment, "DECLINED", "PROCESSING", code="do_not_honor")
        contradicted(world, payment, f"{payment['id']}_1")
        view = resolve(world, f"{payment['id']}_1", "NOT_CHARGED", "END")["payment"]
        assert (view["status"], view["decline"]["code"], len(view["attempts"])) == ("DECLINED", "do_not_honor", 1)

    def test_a_decline_of_a_payment_that_is_over_is_not_made_an_approval(self, world: World) -> None:
        payment = world.payment()
        world.record(payment, "DECLINED", "DECLINED")
        contradicted(world, payment, f"{payment['id']}_1")
        detail = "the payment has gone on or has ended"
        with world.refused("REVIEW_ACTION_NOT_POSSIBLE", review_id=f"{payment['id']}_1", detail=detail):
            resolve(world, f"{payment['id']}_1", "CHARGED", "REOPEN", "APPROVED", "AUTHORIZED")

    def test_a_failed_refund_that_was_done_is_booked_when_there_is_room(self, world: World) -> None:
        payment = world.succeeded()
        first = world.modify("REFUND", payment["id"], 60)["modification"]
        world.settle(first, "FAILED")
        contradicted(world, payment, first["id"])
        second = world.modify("REFUND", payment["id"], 60)["modification"]
        detail = "the payment has no room for it any more (REFUND_EXCEEDS_CAPTURED)"
        with world.refused("REVIEW_ACTION_NOT_POSSIBLE", review_id=first["id"], detail=detail):
            resolve(world, first["id"], "CHARGED", "REOPEN", "SUCCEEDED")
        world.settle(second, "FAILED")
        view = resolve(world, first["id"], "CHARGED", "REOPEN", "SUCCEEDED")["payment"]
        assert (view["amount_refunded"], view["amount_refund_pending"]) == (60, 0)
        end_of(world, payment)

    @pytest.mark.parametrize("kind", ["CAPTURE", "REFUND"])
    def test_a_success_taken_back_can_be_asked_for_again_but_never_booked_twice(self, world: World, kind: str) -> None:
        payment = world.succeeded() if kind == "REFUND" else world.authorized()
        modification = world.modify(kind, payment["id"], 40, final=None)["modification"]
        world.settle(modification, "SUCCEEDED")
        contradicted(world, payment, modification["id"], kind="DECLINED")
        resolve(world, modification["id"], "NOT_CHARGED", "TAKE_BACK")
        view = end_of(world, payment)
        assert (view["amount_captured"], view["amount_refunded"]) == (0 if kind == "CAPTURE" else 100, 0)
        # A success that is told now contradicts the operator.
        assert world.settle(modification, "SUCCEEDED")["modification"]["under_review"] is True
        detail = "it was booked once and taken back; correct it with an operation of its own"
        with world.refused("REVIEW_ACTION_NOT_POSSIBLE", review_id=modification["id"], detail=detail):
            resolve(world, modification["id"], "CHARGED", "REOPEN", "SUCCEEDED")

    def test_a_void_is_not_taken_back(self, world: World) -> None:
        payment = world.authorized()
        void = world.modify("VOID", payment["id"])["modification"]
        world.settle(void, "SUCCEEDED")
        contradicted(world, payment, void["id"], kind="DECLINED")
        detail = "a void, or a capture of which money was given back, can't be taken back"
        with world.refused("REVIEW_ACTION_NOT_POSSIBLE", review_id=void["id"], detail=detail):
            resolve(world, void["id"], "NOT_CHARGED", "TAKE_BACK")


class TestDecisions:
    def test_the_same_again_is_a_replay_another_is_refused(self, world: World) -> None:
        _, attempt_id = unknown(world)
        first = resolve(world, attempt_id, "CHARGED", "RECORD", "APPROVED", "AUTHORIZED", psp_reference="psp_7")
        with world.unchanged():
            again = resolve(
                world, attempt_id, "CHARGED", "RECORD", "APPROVED", "AUTHORIZED", psp_reference="psp_7", version=1
            )
        assert (first["replayed"], again["replayed"], again["payment"]) == (False, True, first["payment"])
        with world.refused("REVIEW_SETTLED", review_id=attempt_id):
            resolve(world, attempt_id, "NOT_CHARGED", "RECORD", "DECLINED", "DECLINED", version=1)

    def test_what_has_changed_since_is_refused(self, world: World) -> None:
        payment, attempt_id = unknown(world)
        contradicted(world, payment, attempt_id, amount=7)
        with world.refused("REVIEW_CHANGED", review_id=attempt_id, version=2):
            resolve(world, attempt_id, "CHARGED", "RECORD", "APPROVED", "AUTHORIZED", version=1)
        with world.refused("REVIEW_CHANGED", review_id=attempt_id, version=2):
            resolve(world, attempt_id, "CHARGED", "RECORD", "APPROVED", "AUTHORIZED", seen="PENDING")

    def test_decisions_are_kept_as_they_were_made(self, world: World) -> None:
        _, attempt_id = unknown(world)
        resolve(world, attempt_id, "ASK_AGAIN", "ASK_AGAIN", note="outage")
        [made] = review(world, attempt_id)["decisions"]
        assert (made["version"], made["action"], made["note"]) == (1, "ASK_AGAIN", "outage")
        assert (made["decided_by"], made["request_id"]) == ("key_1", "req_1")
        for statement in ("UPDATE gateway.review_decision SET note = 'x'", "DELETE FROM gateway.review_decision"):
            with pytest.raises(Exception, match="never changed"):
                world.admin.connection.execute(statement.encode())

    @pytest.mark.parametrize("charged", [True, False])
    def test_an_answer_that_contradicts_the_operator_goes_to_review_again(self, world: World, *, charged: bool) -> None:
        payment, attempt_id = unknown(world)
        states = ("APPROVED", "AUTHORIZED") if charged else ("DECLINED", "DECLINED")
        action = "CHARGED" if charged else "NOT_CHARGED"
        resolve(world, attempt_id, action, "RECORD", *states, psp_reference="psp_7" if charged else "")
        with world.unchanged():
            world.record(payment, "DECLINED", "DECLINED", asked=True, code="generic_decline")
            world.record(payment, *states, asked=True, psp_reference="psp_7")
        other = ("DECLINED", "DECLINED") if charged else ("APPROVED", "AUTHORIZED")
        assert world.record(payment, *other, asked=True, psp_reference="psp_7")["applied"] is False
        found = review(world, attempt_id)
        assert (found["cause"], found["told"]["kind"]) == ("CONTRADICTION", other[0])
        assert listed(world) == [attempt_id]

    @pytest.mark.parametrize("done", [True, False])
    def test_so_does_one_about_a_modification(self, world: World, *, done: bool) -> None:
        _, reference = unknown_modification(world, "REFUND")
        resolve(world, reference, "CHARGED" if done else "NOT_CHARGED", "RECORD", "SUCCEEDED" if done else "FAILED")
        modification = {"id": reference}
        row = world.settle(modification, "FAILED" if done else "SUCCEEDED", asked=True)
        assert (row["applied"], row["modification"]["under_review"]) == (False, True)
        assert review(world, reference)["told"]["kind"] == ("DECLINED" if done else "APPROVED")


class TestRaces:
    def test_two_operators(self, world: World) -> None:
        _, attempt_id = unknown(world)
        first, second = overlapped(
            world,
            lambda caller: resolve(
                world, attempt_id, "CHARGED", "RECORD", "APPROVED", "AUTHORIZED", psp_reference="p", caller=caller
            ),
            lambda caller: resolve(
                world, attempt_id, "NOT_CHARGED", "RECORD", "DECLINED", "DECLINED", decided_by="key_2", caller=caller
            ),
        )
        assert (first["payment"]["status"], second) == ("AUTHORIZED", "REVIEW_SETTLED")

    def test_one_operator_twice(self, world: World) -> None:
        _, attempt_id = unknown(world)

        def decide(caller: Caller) -> Row:
            return resolve(
                world, attempt_id, "CHARGED", "RECORD", "APPROVED", "AUTHORIZED", psp_reference="p", caller=caller
            )

        first, second = overlapped(world, decide, decide)
        assert (first["replayed"], second["replayed"]) == (False, True)

    def test_the_operator_before_a_webhook_that_contradicts(self, world: World) -> None:
        payment, attempt_id = unknown(world)
        first, second = overlapped(
            world,
            lambda caller: resolve(world, attempt_id, "NOT_CHARGED", "RECORD", "DECLINED", "DECLINED", caller=caller),
            lambda caller: world.record(
                payment, "APPROVED", "AUTHORIZED", asked=True, psp_reference="psp_1", caller=caller
            ),
        )
        assert (first["payment"]["status"], second["applied"]) == ("DECLINED", False)
        assert listed(world) == [attempt_id]
        assert world.ledger(payment["id"]) == {}

    def test_a_webhook_before_the_operator(self, world: World) -> None:
        payment, attempt_id = unknown(world)
        first, second = overlapped(
            world,
            lambda caller: world.record(
                payment, "APPROVED", "AUTHORIZED", asked=True, psp_reference="psp_1", caller=caller
            ),
            lambda caller: resolve(world, attempt_id, "NOT_CHARGED", "RECORD", "DECLINED", "DECLINED", caller=caller),
        )
        assert (first["applied"], second) == (True, "REVIEW_SETTLED")
        assert end_of(world, payment)["status"] == "AUTHORIZED"

    def test_the_operator_before_the_workflow(self, world: World) -> None:
        _, reference = unknown_modification(world, "REFUND")
        first, second = overlapped(
            world,
            lambda caller: resolve(world, reference, "CHARGED", "RECORD", "SUCCEEDED", caller=caller),
            lambda caller: world.settle({"id": reference}, "SUCCEEDED", asked=True, caller=caller),
        )
        assert (first["payment"]["amount_refunded"], second["applied"]) == (100, False)
        assert listed(world) == []

    def test_a_refund_that_begins_while_its_capture_is_taken_back(self, world: World) -> None:
        payment = world.succeeded()
        attempt_id = f"{payment['id']}_1"
        contradicted(world, payment, attempt_id, kind="DECLINED")
        first, second = overlapped(
            world,
            lambda caller: resolve(world, attempt_id, "NOT_CHARGED", "TAKE_BACK", caller=caller),
            lambda caller: world.modify("REFUND", payment["id"], 10, caller=caller)["disposition"],
        )
        assert (first["payment"]["status"], second) == ("VOIDED", "PAYMENT_NOT_REFUNDABLE")
