"""The ledger: every journal sums to zero, books a source once, and is never changed."""

import pytest

from tests.sql.world import World, expect


def journals(world: World, payment_id: str) -> list[tuple[str, str, str, int]]:
    """Give (rule, debited account, credited account, amount) of each journal; each must have exactly two entries."""
    rows = world.rows(
        "SELECT posting_rule, array_agg(account ORDER BY amount DESC) AS accounts,"
        " array_agg(amount ORDER BY amount DESC) AS amounts, currency, source_id"
        " FROM gateway.journal JOIN gateway.entry ON journal_id = id"
        " WHERE payment_id = %s GROUP BY id ORDER BY id",
        payment_id,
    )
    for row in rows:
        assert len(row["accounts"]) == 2
        assert row["amounts"][0] == -row["amounts"][1] > 0
        assert row["currency"] == "JPY"
    return [(row["posting_rule"], *row["accounts"], row["amounts"][0]) for row in rows]


def test_automatic_payment_books_its_capture_only(world: World) -> None:
    payment = world.succeeded(amount=500, currency="JPY")
    merchant = f"merchant_pending:{world.merchant_id}"
    assert journals(world, payment["id"]) == [("CAPTURE", "psp_receivable:psp_a", merchant, 500)]
    [row] = world.rows("SELECT * FROM gateway.journal WHERE payment_id = %s", payment["id"])
    assert row["source_id"] == f"{payment['id']}_1"


def test_manual_payment_from_hold_to_refund(world: World) -> None:
    payment = world.authorized(amount=500, currency="JPY")
    world.modified("CAPTURE", payment["id"], 200, final=False)
    world.modified("REFUND", payment["id"], 50)
    world.modified("CAPTURE", payment["id"], 100)
    merchant = f"merchant_pending:{world.merchant_id}"
    assert journals(world, payment["id"]) == [
        ("AUTHORIZE", "auth_hold", "auth_hold_contra", 500),
        ("CAPTURE", "psp_receivable:psp_a", merchant, 200),
        ("CAPTURE_RELEASES_HOLD", "auth_hold_contra", "auth_hold", 200),
        ("REFUND", merchant, "psp_receivable:psp_a", 50),
        ("CAPTURE", "psp_receivable:psp_a", merchant, 100),
        ("CAPTURE_RELEASES_HOLD", "auth_hold_contra", "auth_hold", 100),
        ("FINAL_CAPTURE_RELEASES_REST", "auth_hold_contra", "auth_hold", 200),
    ]
    assert world.ledger(payment["id"]) == {"psp_receivable:psp_a": 250, merchant: -250}


def test_capture_of_everything_has_no_rest_to_release(world: World) -> None:
    payment = world.authorized(amount=500, currency="JPY")
    world.modified("CAPTURE", payment["id"])
    assert [rule for rule, *_ in journals(world, payment["id"])] == ["AUTHORIZE", "CAPTURE", "CAPTURE_RELEASES_HOLD"]


def test_void_releases_the_hold(world: World) -> None:
    payment = world.authorized(amount=500, currency="JPY")
    world.modified("VOID", payment["id"])
    assert journals(world, payment["id"])[1:] == [("VOID_RELEASES_HOLD", "auth_hold_contra", "auth_hold", 500)]
    assert world.ledger(payment["id"]) == {}


def test_what_was_not_done_is_not_booked(world: World) -> None:
    payment = world.payment()
    world.record(payment, "DECLINED", "DECLINED")
    other = world.authorized()
    for kind in ("CAPTURE", "VOID"):
        for outcome in ("FAILED", "UNKNOWN"):
            modification = world.modify(kind, other["id"])["modification"]
            world.settle(modification, outcome)
            world.settle(modification, "FAILED")
    assert world.ledger(payment["id"]) == {}
    assert world.ledger(other["id"]) == {"auth_hold": 100, "auth_hold_contra": -100}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gateway.journal SET currency = 'EUR'",
        "DELETE FROM gateway.journal",
        "TRUNCATE gateway.journal",
        "UPDATE gateway.entry SET amount = amount + 1",
        "DELETE FROM gateway.entry",
        "TRUNCATE gateway.entry",
    ],
)
def test_nobody_changes_the_ledger(world: World, statement: str) -> None:
    world.succeeded()
    with world.unchanged(), expect("P0001"):
        world.admin.connection.execute(statement.encode())


def test_source_is_booked_once_per_rule(world: World) -> None:
    payment = world.succeeded()
    with world.unchanged(), expect("23505"):
        world.rows(
            "SELECT gateway.post(p, 'CAPTURE', %s, 'a', 'b', 1) FROM gateway.payment AS p WHERE id = %s",
            f"{payment['id']}_1",
            payment["id"],
        )


def test_posting_must_be_positive(world: World) -> None:
    payment = world.succeeded()
    with world.fault():
        world.rows(
            "SELECT gateway.post(p, 'X', 'x', 'a', 'b', -1) FROM gateway.payment AS p WHERE id = %s", payment["id"]
        )
    with world.unchanged():
        world.rows(
            "SELECT gateway.post(p, 'X', 'x', 'a', 'b', 0) FROM gateway.payment AS p WHERE id = %s", payment["id"]
        )


def test_check_is_zero_for_a_sound_ledger_and_finds_a_wrong_entry(world: World) -> None:
    payment = world.succeeded(currency="CHF")
    checked = {row["currency"]: row["imbalance"] for row in world.admin.call_many("ledger_check")}
    assert checked["CHF"] == 0
    assert set(checked.values()) == {0}
    with world.admin.connection.transaction(force_rollback=True):
        world.admin.connection.execute(
            "INSERT INTO gateway.entry (journal_id, account, amount)"
            " SELECT id, 'nowhere', -7 FROM gateway.journal WHERE payment_id = %s",
            (payment["id"],),
        )
        checked = {row["currency"]: row["imbalance"] for row in world.admin.call_many("ledger_check")}
    assert checked["CHF"] == 7
