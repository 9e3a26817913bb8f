"""What proves an authentication: encrypted, beside its payment, for workers alone, and gone when that is settled."""

from collections.abc import Callable

import pytest

from tests.sql.world import Row, World, expect

SEALED = b"\x01\x02k1-this-stands-for-ciphertext"
THREE_DS = {"version": "2.2.0", "trans_status": "Y", "eci": "05", "ds_transaction_id": "ds-1", "cryptogram": True}
MIT = {"initiator": "MERCHANT", "reason": "RECURRING", "network_transaction_id": "483297487231504"}


def authenticated(world: World, **changes: object) -> Row:
    return world.payment(three_ds=THREE_DS, sealed_cryptogram=SEALED, **changes)


def kept(world: World, payment: Row) -> list[Row]:
    return world.rows("SELECT sealed FROM gateway.payment_cryptogram WHERE payment_id = %s", payment["id"])


def test_workers_read_it_and_nobody_else(world: World) -> None:
    payment = authenticated(world)
    assert bytes(world.worker.call("load_cryptogram", payment["id"])["sealed"]) == SEALED
    for caller in (world.gateway, world.relay):
        with expect("42501"):
            caller.call("load_cryptogram", payment["id"])
    for caller in (world.gateway, world.worker, world.relay):
        with expect("42501"):
            caller.connection.execute("SELECT sealed FROM gateway.payment_cryptogram")


def test_no_view_event_list_or_answer_has_it(world: World) -> None:
    payment = authenticated(world, key="k", capture_method="AUTOMATIC")
    world.record(payment, "UNKNOWN", "PROCESSING", asked=True)
    world.worker.call("require_review", payment["id"], f"{payment['id']}_1")
    shown = [
        payment,
        world.gateway.call("get_payment", world.merchant_id, payment["id"]),
        world.worker.call("load_payment", payment["id"]),
        world.gateway.call("get_routing", world.merchant_id, payment["id"]),
        world.gateway.call("get_review", f"{payment['id']}_1"),
        *world.events(payment["id"]),
        world.key_row("k"),
    ]
    assert len(world.events(payment["id"])) == 3
    for text in ("this-stands", SEALED.hex()):
        assert text not in repr(shown)
    assert payment["three_ds"] == THREE_DS
    # Every other column of every table: it stands in one place alone.
    tables = world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'gateway'")
    query = "SELECT 1 FROM gateway.{} AS t WHERE to_jsonb(t)::text LIKE %s LIMIT 1"
    names = [row["tablename"] for row in tables]
    having = [name for name in names if world.rows(query.format(name), f"%{SEALED.hex()}%")]
    assert having == ["payment_cryptogram"]


def approved(world: World, payment: Row) -> None:
    world.record(payment, "APPROVED", "AUTHORIZED", psp_reference="psp_1")


def declined(world: World, payment: Row) -> None:
    world.record(payment, "DECLINED", "DECLINED", code="do_not_honor")


def not_sent(world: World, payment: Row) -> None:
    world.record(payment, "NOT_SENT", "FAILED", code="psp_unavailable")


def too_late(world: World, payment: Row) -> None:
    moving_on = world.record(payment, "DECLINED", "PROCESSING", code="do_not_honor")["payment"]
    assert kept(world, payment)
    earlier = "UPDATE gateway.payment SET created_at = created_at - interval '1 day' WHERE id = %s RETURNING 1"
    world.rows(earlier, payment["id"])
    assert world.cascade(moving_on, "psp_b")["begun"] is False


@pytest.mark.parametrize("settle", [approved, declined, not_sent, too_late], ids=lambda settle: settle.__name__)
def test_it_goes_with_the_record_that_settles_the_payment(world: World, settle: Callable[[World, Row], None]) -> None:
    payment, other = authenticated(world), authenticated(world)
    assert kept(world, payment)
    settle(world, payment)
    assert kept(world, payment) == []
    assert world.worker.call("load_cryptogram", payment["id"])["sealed"] is None
    assert kept(world, other)


def test_a_refused_begin_keeps_none(world: World) -> None:
    with world.refused("STORED_CREDENTIAL_UNKNOWN", token_id="tok_new"):
        authenticated(world, token="tok_new", stored_credential={"initiator": "MERCHANT", "reason": "RECURRING"})
    with world.refused("NO_ELIGIBLE_ACCOUNT", detail="no account is eligible"):
        authenticated(world, accounts=())


def test_a_repeated_begin_changes_nothing_of_it(world: World) -> None:
    authenticated(world, key="k")
    with world.unchanged():
        world.begin(key="k", three_ds=THREE_DS, sealed_cryptogram=b"another")


def test_no_role_can_look_up_agreements_by_itself(world: World) -> None:
    payment = world.payment(stored_credential=MIT)
    assert payment["stored_credential"] == MIT | {"use": "SUBSEQUENT"}
    for procedure in ("credential_of", "link_of_kept_card", "forget_cryptogram"):
        granted = world.rows(
            "SELECT r.rolname FROM pg_roles AS r, pg_proc AS p WHERE p.proname = %s AND r.rolname LIKE 'gateway_%%'"
            " AND has_function_privilege(r.oid, p.oid, 'EXECUTE')",
            procedure,
        )
        assert granted == []
