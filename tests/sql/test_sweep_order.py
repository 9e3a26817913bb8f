"""stalled_work hands work out in turns: what waits long for its next ask never hides what a crash has just left."""

import pytest

from mesh.identifiers import new_id
from tests.sql.world import Row, World

GRACE_MS = 50_000
Work = tuple[str, str]


@pytest.fixture(autouse=True)
def nothing_else(world: World) -> None:
    """Let nothing of other tests be stalled."""
    for table in ("attempt", "modification"):
        world.admin.connection.execute(f"UPDATE gateway.{table} SET under_review = true".encode())


def crowd(world: World, count: int, *, age_seconds: int) -> list[Work]:
    """Leave so many payments as a crash leaves them; the first is the oldest."""
    ids = [world.payment()["id"] for _ in range(min(count, 2))]
    more = [new_id("pay") for _ in range(count - len(ids))]
    # What the procedures make one by one, many times at once.
    world.admin.connection.execute(
        "INSERT INTO gateway.attempt (payment_id, ordinal, account, status, route_reason, created_at, updated_at)"
        " SELECT id, 1, 'psp_a', 'UNKNOWN', '', now(), now() FROM unnest(%s::text[]) AS id",
        (more,),
    )
    ids += more
    world.admin.connection.execute(
        "UPDATE gateway.attempt SET updated_at = now() - (%s - place * 0.001) * interval '1 s'"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS given (id, place) WHERE payment_id = given.id",
        (age_seconds, ids),
    )
    return [("PAYMENT", payment_id) for payment_id in ids]


def later(world: World, seconds: int) -> None:
    """Let time pass for what was handed out."""
    for table in ("attempt", "modification"):
        world.admin.connection.execute(
            f"UPDATE gateway.{table} SET swept_at = swept_at - %s * interval '1 s',"
            " updated_at = updated_at - %s * interval '1 s' WHERE NOT under_review".encode(),
            (seconds, seconds),
        )


def swept(world: World, limit: int) -> list[Work]:
    rows = world.worker.call_many("stalled_work", GRACE_MS, limit)
    return [(row["kind"], row["id"]) for row in rows]


def modification(world: World) -> Row:
    begun: Row = world.modify("REFUND", world.succeeded()["id"])["modification"]
    world.admin.connection.execute(
        "UPDATE gateway.modification SET updated_at = now() - interval '60 s' WHERE id = %s", (begun["id"],)
    )
    return begun


def test_a_thousand_long_waits_do_not_hide_a_younger_orphan(world: World) -> None:
    waiting = crowd(world, 2_500, age_seconds=7_200)
    seen: list[Work] = []
    for _ in range(3):
        seen += swept(world, 1_000)
    assert seen == waiting
    [orphan] = crowd(world, 1, age_seconds=60)
    refund = modification(world)
    later(world, 600)
    assert swept(world, 10)[:2] == [orphan, ("MODIFICATION", refund["id"])]


def test_what_was_handed_out_is_handed_out_again_in_turns(world: World) -> None:
    waiting = crowd(world, 6, age_seconds=7_200)
    assert swept(world, 4) == waiting[:4]
    later(world, 1)
    assert swept(world, 4) == waiting[4:]
    later(world, 600)
    assert swept(world, 4) == waiting[:4]
    assert swept(world, 4) == waiting[4:]
    assert swept(world, 4) == []


def test_work_that_moved_since_counts_as_new(world: World) -> None:
    first, second = crowd(world, 2, age_seconds=7_200)
    assert swept(world, 2) == [first, second]
    payment = world.gateway.call("load_payment", second[1])["payment"]
    world.record(payment, "UNKNOWN", "PROCESSING", asked=True)
    refund = modification(world)
    assert swept(world, 1) == [("MODIFICATION", refund["id"])]
    world.settle(refund, "UNKNOWN", asked=True)
    assert swept(world, 1) == []
    later(world, 60)
    assert swept(world, 2) == [second, ("MODIFICATION", refund["id"])]


def test_handing_out_changes_nothing_that_anybody_sees(world: World) -> None:
    [(_, payment_id)] = crowd(world, 1, age_seconds=60)
    before = world.gateway.call("get_payment", world.merchant_id, payment_id)
    events = world.events(payment_id)
    assert swept(world, 1) == [("PAYMENT", payment_id)]
    assert world.gateway.call("get_payment", world.merchant_id, payment_id) == before
    assert world.events(payment_id) == events


def test_a_row_that_is_being_recorded_does_not_hold_the_sweep_up(world: World) -> None:
    first, second = crowd(world, 2, age_seconds=60)
    payment = world.gateway.call("load_payment", first[1])["payment"]
    with world.gateway.connection.transaction():
        world.record(payment, "UNKNOWN", "PROCESSING")
        assert swept(world, 2) == [second]
