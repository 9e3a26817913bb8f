"""The history of payments that the router reads: page by page out of one index, and by the gateway alone."""

import psycopg
import pytest

from mesh.identifiers import new_id
from tests.sql.world import Row, World

EVER = 2**52


def history(
    world: World,
    limit: int = 100,
    *,
    before: Row | None = None,
    begin_us: int = 0,
    end_us: int = EVER,
    merchant_id: str | None = None,
) -> list[Row]:
    position = (None, None) if before is None else (before["created_us"], before["id"])
    arguments = (merchant_id or world.merchant_id, limit, *position, begin_us, end_us)
    return [row["payment"] for row in world.gateway.call_many("list_routed_payments", *arguments)]


def test_pages_are_stable_while_payments_are_added(world: World) -> None:
    ids = [world.payment()["id"] for _ in range(7)]
    found: list[str] = []
    page = history(world, 3)
    for _ in range(3):
        found += [view["id"] for view in page]
        world.payment()
        page = history(world, 3, before=page[-1])
    assert page == []
    assert found == ids[::-1]


def test_payments_of_the_same_microsecond_are_told_apart_by_their_id(world: World) -> None:
    ids = sorted(world.payment()["id"] for _ in range(5))
    world.admin.connection.execute(
        "UPDATE gateway.payment SET created_at = '2026-01-01 00:00:00.123457+00' WHERE merchant_id = %s",
        (world.merchant_id,),
    )
    moment = 1767225600123457
    first = history(world, 2)
    assert {view["created_us"] for view in first} == {moment}
    found = [*first, *history(world, 9, before=first[-1])]
    assert [view["id"] for view in found] == ids[::-1]
    assert history(world, end_us=moment) == []
    assert len(history(world, begin_us=moment, end_us=moment + 1)) == 5


def test_other_merchants_payments_are_not_there(world: World) -> None:
    world.payment()
    other = new_id("mer")
    world.gateway.call("create_merchant", other, "Other")
    assert history(world, merchant_id=other) == []
    assert len(history(world)) == 1


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_has_one_payment_at_least(world: World, limit: int) -> None:
    for _ in range(2):
        world.payment()
    assert len(history(world, limit)) == 1


def test_a_page_is_a_range_of_one_index(world: World) -> None:
    """However many payments there are, before the time or after it: a page reads its own rows."""
    body = world.rows("SELECT prosrc FROM pg_proc WHERE oid = 'gateway.list_routed_payments'::regproc")[0]["prosrc"]
    query = body[body.index("SELECT") : body.rindex("LIMIT")]
    for name, value in (
        ("p_merchant_id", f"'{world.merchant_id}'"),
        ("v_before", "timestamptz '2026-11-26'"),
        ("coalesce(p_before_id, '')", "''"),
        ("v_begin", "timestamptz '2026-10-26'"),
    ):
        assert name in query
        query = query.replace(name, value)
    with world.admin.connection.transaction():
        # The tables are so small here that reading all of them would be cheaper.
        world.admin.connection.execute("SET LOCAL enable_seqscan = off")
        world.admin.connection.execute("SET LOCAL enable_bitmapscan = off")
        world.admin.connection.execute("SET LOCAL search_path = gateway, pg_temp")
        plan = world.rows(f"EXPLAIN (FORMAT JSON) {query} LIMIT 100")[0]["QUERY PLAN"][0]["Plan"]
    scans = {scan["Index Name"]: scan for scan in _scans(plan)}
    assert set(scans) == {"payment_newest_of_merchant", "attempt_pkey"}
    condition = scans["payment_newest_of_merchant"]["Index Cond"]
    assert "merchant_id =" in condition
    assert "ROW(created_at, id) <" in condition
    assert "created_at >=" in condition
    assert "Filter" not in scans["payment_newest_of_merchant"]
    assert not any(node["Node Type"] == "Sort" for node in _nodes(plan))


def test_nobody_but_the_gateway_reads_it(world: World) -> None:
    for caller in (world.worker, world.relay):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            caller.call_many("list_routed_payments", world.merchant_id, 1, None, None, 0, EVER)


def _nodes(plan: Row) -> list[Row]:
    return [plan, *(node for child in plan.get("Plans", []) for node in _nodes(child))]


def _scans(plan: Row) -> list[Row]:
    return [node for node in _nodes(plan) if "Index Name" in node]
