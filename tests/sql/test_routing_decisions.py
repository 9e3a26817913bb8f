"""Decisions: written with the payment or not at all, never changed, read by the payment's own merchant only."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from mesh.identifiers import new_id
from tests.sql.world import Row, World

DECISION: Row = {
    "list_version": 3,
    "ruleset_version": 7,
    "rule": "euro",
    "step_up": "REQUIRE",
    "learning_current": True,
    "candidates": [
        {"account": "psp_a", "reason": "rank of psp_a", "approval_ppm": 912000, "fee": 31},
        {"account": "psp_x", "reason": "no yen", "eligible": False},
    ],
}


def decided(world: World, **changes: Any) -> Row:
    return world.payment(three_ds_preference="CHALLENGE", decision=DECISION, **changes)


def decision_rows(world: World, payment_id: str) -> list[Row]:
    return world.rows("SELECT decision FROM gateway.routing_decision WHERE payment_id = %s", payment_id)


def routing(world: World, payment_id: str, merchant_id: str | None = None) -> Row:
    return world.gateway.call("get_routing", merchant_id or world.merchant_id, payment_id)


def test_the_decision_comes_with_the_payment(world: World) -> None:
    payment = decided(world)
    row = routing(world, payment["id"])
    assert row["decision"] == DECISION
    assert row["payment"] == world.gateway.call("get_payment", world.merchant_id, payment["id"])["payment"]


def test_a_payment_that_is_refused_leaves_no_decision(world: World) -> None:
    decided(world, reference="order-1")
    payment_id = new_id("pay")
    with world.unchanged(), pytest.raises(psycopg.DatabaseError):
        decided(world, payment_id=payment_id, reference="order-1")
    assert decision_rows(world, payment_id) == []


def test_a_repeated_key_writes_no_second_decision(world: World) -> None:
    first = decided(world, key="k")
    other = DECISION | {"rule": "another"}
    again = world.begin(key="k", three_ds_preference="SKIP", decision=other)["payment"]
    assert (again["id"], again["three_ds_preference"]) == (first["id"], "CHALLENGE")
    assert routing(world, first["id"])["decision"] == DECISION
    [count] = world.rows(
        "SELECT count(*) AS n FROM gateway.routing_decision AS d JOIN gateway.payment AS p ON p.id = d.payment_id"
        " WHERE p.merchant_id = %s",
        world.merchant_id,
    )
    assert count["n"] == 1


def test_later_attempts_go_by_the_same_decision_and_preference(world: World) -> None:
    payment = decided(world)
    payment = world.record(payment, "DECLINED", "PROCESSING", code="do_not_honor")["payment"]
    begun = world.cascade(payment, "psp_b")
    assert begun["payment"]["three_ds_preference"] == "CHALLENGE"
    assert world.worker.call("load_payment", payment["id"])["payment"]["three_ds_preference"] == "CHALLENGE"
    assert len(decision_rows(world, payment["id"])) == 1
    assert routing(world, payment["id"])["decision"] == DECISION


def test_a_payment_whose_card_may_not_be_tried_has_its_decision_too(world: World) -> None:
    stolen: Any = {"fingerprint": "fpr_stolen", "token": "tok_stolen"}
    first = decided(world, **stolen)
    world.record(first, "DECLINED", "DECLINED", code="stolen_card", details={"network_code": "43"})
    second = world.begin(decision=DECISION, **stolen)
    assert second["disposition"] == "DECLINED"
    assert routing(world, second["payment"]["id"])["decision"] == DECISION


def test_a_process_from_before_decisions_begins_payments_without(world: World) -> None:
    payment = world.payment()
    assert payment["three_ds_preference"] == "AUTOMATIC"
    row = routing(world, payment["id"])
    assert row["decision"] is None
    assert row["payment"]["id"] == payment["id"]


def test_another_merchants_decision_does_not_exist(world: World) -> None:
    payment = decided(world)
    other = new_id("mer")
    world.gateway.call("create_merchant", other, "Other")
    with world.refused("PAYMENT_NOT_FOUND", payment_id=payment["id"]):
        routing(world, payment["id"], other)
    with world.refused("PAYMENT_NOT_FOUND", payment_id="pay_none"):
        routing(world, "pay_none")


@pytest.mark.parametrize(
    "wrong", [{"three_ds_preference": "ALWAYS"}, {"decision": DECISION | {"candidates": []}}, {"decision": {"a": 1}}]
)
def test_what_is_no_decision_begins_nothing(world: World, wrong: Any) -> None:
    payment_id = new_id("pay")
    with world.unchanged(), pytest.raises(psycopg.DatabaseError):
        world.begin(payment_id=payment_id, **wrong)


def test_nobody_reads_or_changes_decisions_past_the_procedures(world: World) -> None:
    payment = decided(world)
    for caller in (world.gateway, world.worker, world.relay):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.connection.execute("SELECT * FROM gateway.routing_decision")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.connection.execute(
                "UPDATE gateway.routing_decision SET decision = %s WHERE payment_id = %s",
                (Jsonb({}), payment["id"]),
            )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        world.worker.call("get_routing", world.merchant_id, payment["id"])
