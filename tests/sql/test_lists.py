"""Lists: newest first, paged by position, stable while rows are added, filtered, and nobody else's rows."""

from collections.abc import Callable

import pytest

from mesh.identifiers import new_id
from tests.sql.world import Row, World

Page = Callable[[int | None, str | None], list[Row]]


def all_pages(page: Page, between: Callable[[], object] | None = None) -> list[str]:
    """Read page by page to the end, doing something between any two."""
    ids: list[str] = []
    before: tuple[int | None, str | None] = (None, None)
    for _ in range(100):
        views = page(*before)
        if not views:
            return ids
        ids.extend(view["id"] for view in views)
        before = views[-1]["created_us"], views[-1]["id"]
        if between is not None:
            between()
    pytest.fail("the pages do not end")


def list_payments(world: World, limit: int = 100, merchant_id: str | None = None, **filters: object) -> list[Row]:
    names = ("before_us", "before_id", "status", "merchant_reference", "currency", "from_us", "until_us")
    assert set(filters) <= set(names)
    rows = world.gateway.call_many(
        "list_payments", merchant_id or world.merchant_id, limit, *(filters.get(name) for name in names)
    )
    return [row["payment"] for row in rows]


class TestPayments:
    def test_newest_first_without_attempts_captures_and_voids(self, world: World) -> None:
        payments = [world.payment() for _ in range(3)]
        listed = list_payments(world)
        assert [view["id"] for view in listed] == [payment["id"] for payment in reversed(payments)]
        left_out = {"attempts", "captures", "voids"}
        assert listed[0] == {name: value for name, value in payments[-1].items() if name not in left_out}

    def test_pages_are_stable_while_payments_are_added(self, world: World) -> None:
        ids = [world.payment()["id"] for _ in range(10)]
        found = all_pages(
            lambda before_us, before_id: list_payments(world, 3, before_us=before_us, before_id=before_id),
            world.payment,
        )
        assert found == ids[::-1]

    def test_payments_of_the_same_microsecond_are_told_apart_by_their_id(self, world: World) -> None:
        ids = sorted(world.payment()["id"] for _ in range(7))
        world.admin.connection.execute(
            "UPDATE gateway.payment SET created_at = '2026-01-01 00:00:00.123457+00' WHERE merchant_id = %s",
            (world.merchant_id,),
        )
        assert list_payments(world, 1)[0]["created_us"] == 1767225600123457
        found = all_pages(
            lambda before_us, before_id: list_payments(world, 2, before_us=before_us, before_id=before_id)
        )
        assert found == ids[::-1]

    def test_filters(self, world: World) -> None:
        first = world.authorized(currency="EUR", reference="a")
        second = world.succeeded(currency="USD", reference="b")
        third = world.payment(currency="USD")

        def found(**filters: object) -> list[str]:
            return [view["id"] for view in list_payments(world, **filters)]  # type: ignore[arg-type]

        assert found(status="AUTHORIZED") == [first["id"]]
        assert found(status="GONE") == []
        assert found(currency="USD") == [third["id"], second["id"]]
        assert found(currency="USD", status="SUCCEEDED") == [second["id"]]
        assert found(merchant_reference="b") == [second["id"]]
        assert found(merchant_reference="b", status="AUTHORIZED") == []
        assert found(merchant_reference="none") == []
        assert found(from_us=second["created_us"]) == [third["id"], second["id"]]
        assert found(until_us=second["created_us"]) == [first["id"]]
        assert found(from_us=second["created_us"], until_us=third["created_us"]) == [second["id"]]
        assert found(merchant_reference="b", before_us=second["created_us"], before_id=second["id"]) == []

    def test_other_merchants_payments_are_not_there(self, world: World) -> None:
        other = new_id("mer")
        world.gateway.call("create_merchant", other, "Other")
        world.payment(reference="a")
        assert list_payments(world, merchant_id=other) == []
        assert list_payments(world, merchant_id=other, merchant_reference="a") == []

    @pytest.mark.parametrize("limit", [0, -1])
    def test_limit_is_at_least_one(self, world: World, limit: int) -> None:
        for _ in range(2):
            world.payment()
        assert len(list_payments(world, limit)) == 1

    def test_large_list_is_read_from_an_index(self, world: World) -> None:
        """A page must not cost more the more payments there are."""
        with world.admin.connection.transaction():
            # A table of few rows is sorted as quickly; the index must give the order by itself.
            world.admin.connection.execute("SET LOCAL enable_sort = off")
            plan = world.rows(
                "EXPLAIN (FORMAT JSON) SELECT * FROM gateway.payment AS p WHERE p.merchant_id = %s"
                " AND (p.created_at, p.id) < ('infinity'::timestamptz, '')"
                " ORDER BY p.created_at DESC, p.id DESC LIMIT 100",
                world.merchant_id,
            )[0]["QUERY PLAN"][0]["Plan"]
        assert plan["Node Type"] == "Limit"
        assert plan["Plans"][0]["Index Name"] == "payment_newest_of_merchant"


class TestRefunds:
    def test_of_one_payment_and_of_all_page_by_page(self, world: World) -> None:
        payments = [world.succeeded(), world.succeeded()]
        refunds = [world.modify("REFUND", payments[number % 2]["id"], 1)["modification"] for number in range(8)]
        capturing = world.authorized()
        world.modify("CAPTURE", capturing["id"])

        def page(payment_id: str | None) -> Page:
            return lambda before_us, before_id: [
                row["refund"]
                for row in world.gateway.call_many(
                    "list_refunds", world.merchant_id, payment_id, 3, before_us, before_id
                )
            ]

        assert all_pages(page(None)) == [refund["id"] for refund in refunds[::-1]]
        assert all_pages(page(payments[0]["id"])) == [refund["id"] for refund in refunds[::-1][1::2]]
        assert all_pages(page(capturing["id"])) == []
        assert page(None)(None, None)[0] == refunds[-1]

    def test_other_merchants_refunds_are_not_there(self, world: World) -> None:
        other = new_id("mer")
        world.gateway.call("create_merchant", other, "Other")
        payment = world.succeeded()
        refund = world.modify("REFUND", payment["id"], 1)["modification"]
        assert world.gateway.call("get_refund", world.merchant_id, refund["id"]) == {"refund": refund}
        for payment_id in (None, payment["id"]):
            assert world.gateway.call_many("list_refunds", other, payment_id, 10, None, None) == []
        with world.refused("REFUND_NOT_FOUND", refund_id=refund["id"]):
            world.gateway.call("get_refund", other, refund["id"])

    def test_capture_is_no_refund(self, world: World) -> None:
        capture = world.modify("CAPTURE", world.authorized()["id"])["modification"]
        with world.refused("REFUND_NOT_FOUND", refund_id=capture["id"]):
            world.gateway.call("get_refund", world.merchant_id, capture["id"])


def test_merchants_page_by_page(world: World) -> None:
    ids = [world.merchant_id]
    for number in range(4):
        ids.append(new_id("mer"))
        created = world.gateway.call("create_merchant", ids[-1], f"Merchant {number}")["merchant"]
        shown = {"id": ids[-1], "name": f"Merchant {number}", "card_code_required": False, "cascade": {}}
        assert created == shown | {"created_us": created["created_us"]}
        assert world.gateway.call("get_merchant", ids[-1])["merchant"] == created
    found = all_pages(
        lambda before_us, before_id: [
            row["merchant"] for row in world.gateway.call_many("list_merchants", 2, before_us, before_id)
        ]
    )
    assert found[:5] == ids[::-1]
    assert len(found) == len(set(found))
    with world.refused("MERCHANT_NOT_FOUND", merchant_id="mer_none"):
        world.gateway.call("get_merchant", "mer_none")
