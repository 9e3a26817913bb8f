"""stalled_work and require_review: what a crash left is found again, and what nobody can settle is handed over once."""

import pytest

from tests.sql.world import Row, World


def age(world: World, seconds: int = 100) -> None:
    """Let all of this merchant's work have been touched last some seconds earlier."""
    world.admin.connection.execute(
        "UPDATE gateway.attempt SET updated_at = updated_at - %s * interval '1 s' WHERE payment_id IN"
        " (SELECT id FROM gateway.payment WHERE merchant_id = %s)",
        (seconds, world.merchant_id),
    )
    world.admin.connection.execute(
        "UPDATE gateway.modification SET updated_at = updated_at - %s * interval '1 s' WHERE merchant_id = %s",
        (seconds, world.merchant_id),
    )


def stalled(world: World, grace_ms: int = 50_000, limit: int = 1000) -> list[tuple[str, str]]:
    rows = world.worker.call_many("stalled_work", grace_ms, limit)
    return [(row["kind"], row["id"]) for row in rows]


def sending(world: World) -> tuple[str, str]:
    return "PAYMENT", world.payment()["id"]


def unknown(world: World) -> tuple[str, str]:
    payment = world.payment()
    world.record(payment, "UNKNOWN", "PROCESSING")
    return "PAYMENT", payment["id"]


def between_attempts(world: World) -> tuple[str, str]:
    payment = world.payment()
    world.record(payment, "DECLINED", "PROCESSING")
    return "PAYMENT", payment["id"]


def in_cascade(world: World) -> tuple[str, str]:
    kind, payment_id = between_attempts(world)
    world.worker.call("begin_attempt", payment_id, 2, "psp_b", "r")
    return kind, payment_id


def modification_sending(world: World) -> tuple[str, str]:
    return "MODIFICATION", world.modify("REFUND", world.succeeded()["id"])["modification"]["id"]


def modification_unknown(world: World) -> tuple[str, str]:
    modification = world.modify("CAPTURE", world.authorized()["id"])["modification"]
    world.settle(modification, "UNKNOWN")
    return "MODIFICATION", modification["id"]


STALLED = [sending, unknown, between_attempts, in_cascade, modification_sending, modification_unknown]


@pytest.mark.parametrize("make", STALLED, ids=lambda make: make.__name__)
def test_unsettled_work_is_found_once_when_its_grace_is_over(world: World, make: object) -> None:
    assert callable(make)
    work = make(world)
    assert work not in stalled(world)
    age(world)
    assert stalled(world).count(work) == 1
    with world.unchanged():
        assert work not in stalled(world, grace_ms=200_000)


@pytest.mark.parametrize(
    ("status", "next_status"), [("APPROVED", "AUTHORIZED"), ("DECLINED", "DECLINED"), ("NOT_SENT", "FAILED")]
)
def test_settled_work_is_not_found(world: World, status: str, next_status: str) -> None:
    payment = world.payment()
    world.record(payment, status, next_status)
    cascaded = world.payment()
    world.record(cascaded, "DECLINED", "PROCESSING")
    world.record(world.cascade(cascaded, "psp_b")["payment"], "APPROVED", "AUTHORIZED")
    refunded = world.succeeded()
    ids = {payment["id"], cascaded["id"], refunded["id"]}
    for outcome in ("SUCCEEDED", "FAILED"):
        modification = world.modify("REFUND", refunded["id"], 1)["modification"]
        world.settle(modification, outcome)
        ids.add(modification["id"])
    age(world)
    assert not ids & {work_id for _, work_id in stalled(world)}


def test_touched_work_has_its_grace_again(world: World) -> None:
    payment = world.payment()
    age(world)
    world.record(payment, "UNKNOWN", "PROCESSING")
    assert ("PAYMENT", payment["id"]) not in stalled(world)
    age(world)
    world.record(payment, "UNKNOWN", "PROCESSING", asked=True)
    assert ("PAYMENT", payment["id"]) not in stalled(world)


def test_oldest_comes_first_within_the_limit(world: World) -> None:
    works = []
    for make in (sending, modification_sending, sending, modification_unknown):
        works.append(make(world))
        age(world, 1000)
    found = stalled(world, limit=2)
    assert len(found) == 2
    found += stalled(world)
    assert [work for work in found if work in works] == works


class TestReview:
    def test_attempt_under_review(self, world: World) -> None:
        payment = world.payment()
        world.record(payment, "UNKNOWN", "PROCESSING")
        age(world)
        reviewed = world.worker.call("require_review", payment["id"], f"{payment['id']}_1")["payment"]
        assert reviewed["under_review"] is True
        assert reviewed["seq"] == 3
        event = world.events(payment["id"])[-1]
        assert event["event_type"] == "REVIEW_REQUIRED"
        assert event["data"] == {"payment": reviewed, "attempt": reviewed["attempts"][0], "modification": None}
        age(world)
        assert ("PAYMENT", payment["id"]) not in stalled(world)
        with world.unchanged():
            again = world.worker.call("require_review", payment["id"], f"{payment['id']}_1")
        assert again["payment"] == reviewed

    def test_modification_under_review(self, world: World) -> None:
        payment = world.succeeded()
        modification = world.modify("REFUND", payment["id"])["modification"]
        reviewed = world.worker.call("require_review", payment["id"], modification["id"])["payment"]
        assert reviewed["under_review"] is True
        event = world.events(payment["id"])[-1]
        assert event["data"]["modification"]["under_review"] is True
        assert event["data"]["attempt"] is None
        age(world)
        assert ("MODIFICATION", modification["id"]) not in stalled(world)
        with world.unchanged():
            world.worker.call("require_review", payment["id"], modification["id"])

    def test_known_outcome_ends_the_review(self, world: World) -> None:
        payment = world.payment()
        world.worker.call("require_review", payment["id"], f"{payment['id']}_1")
        assert world.record(payment, "UNKNOWN", "PROCESSING")["payment"]["under_review"] is True
        assert world.record(payment, "APPROVED", "AUTHORIZED")["payment"]["under_review"] is False

    def test_review_of_a_payment_ends_with_its_last_modification_under_review(self, world: World) -> None:
        payment = world.succeeded()
        modifications = [world.modify("REFUND", payment["id"], 1)["modification"] for _ in range(3)]
        for modification in modifications[:2]:
            world.worker.call("require_review", payment["id"], modification["id"])

        def under_review(modification: Row, outcome: str) -> bool:
            row = world.settle(modification, outcome)
            assert row["modification"]["under_review"] is (outcome == "UNKNOWN")
            return bool(row["payment"]["under_review"])

        assert under_review(modifications[0], "UNKNOWN") is True
        assert under_review(modifications[2], "SUCCEEDED") is True
        assert under_review(modifications[0], "SUCCEEDED") is True
        assert under_review(modifications[1], "FAILED") is False

    def test_payment_between_attempts_may_be_reviewed(self, world: World) -> None:
        payment = world.payment()
        world.record(payment, "DECLINED", "PROCESSING")
        reviewed = world.worker.call("require_review", payment["id"], f"{payment['id']}_1")["payment"]
        assert reviewed["under_review"] is True
        age(world)
        assert ("PAYMENT", payment["id"]) not in stalled(world)

    def test_outcome_that_became_known_needs_no_review(self, world: World) -> None:
        payment = world.succeeded()
        refund = world.modify("REFUND", payment["id"], 1)["modification"]
        world.settle(refund, "SUCCEEDED")
        for reference in (f"{payment['id']}_1", refund["id"]):
            with world.unchanged():
                assert world.worker.call("require_review", payment["id"], reference)["payment"]["under_review"] is False

    def test_reference_that_is_not_the_payments_is_a_fault(self, world: World) -> None:
        payment, other = world.payment(), world.succeeded()
        refund = world.modify("REFUND", other["id"])["modification"]
        for reference in (f"{payment['id']}_2", refund["id"], "x"):
            with world.fault():
                world.worker.call("require_review", payment["id"], reference)
        with world.refused("PAYMENT_NOT_FOUND", payment_id="pay_none"):
            world.worker.call("require_review", "pay_none", "pay_none_1")
