"""API keys are known by their hash, and idempotency keys are forgotten after 30 days, within bounds."""

import pytest

from mesh.identifiers import new_id
from tests.sql.world import Row, World, expect, hashed, in_parallel


def create_key(world: World, *, merchant: bool = True, scope: int = 2, key_id: str | None = None) -> Row:
    key_id = key_id or new_id("key")
    view: Row = world.gateway.call(
        "create_api_key", key_id, world.merchant_id if merchant else None, scope, False, "sk_test_ab", hashed(key_id)
    )["api_key"]
    return view


class TestApiKeys:
    def test_created_key_is_found_by_its_hash(self, world: World) -> None:
        view = create_key(world)
        assert view == {
            "id": view["id"],
            "merchant_id": world.merchant_id,
            "scope": 2,
            "live": False,
            "prefix": "sk_test_ab",
            "created_us": view["created_us"],
            "revoked_us": None,
        }
        assert world.gateway.call("look_up_key", hashed(view["id"]))["api_key"] == view
        assert world.gateway.call_many("look_up_key", hashed("other")) == []

    def test_keys_are_listed_newest_first_with_the_revoked(self, world: World) -> None:
        first, second = create_key(world), create_key(world)
        revoked = world.gateway.call("revoke_api_key", first["id"])["api_key"]
        listed = world.gateway.call_many("list_api_keys", world.merchant_id)
        assert [row["api_key"] for row in listed] == [second, revoked]
        with world.refused("MERCHANT_NOT_FOUND", merchant_id="mer_none"):
            world.gateway.call_many("list_api_keys", "mer_none")

    def test_revoking_is_idempotent_and_keeps_its_time(self, world: World) -> None:
        view = create_key(world)
        revoked = world.gateway.call("revoke_api_key", view["id"])["api_key"]
        assert revoked["revoked_us"] > view["created_us"]
        assert world.gateway.call("revoke_api_key", view["id"])["api_key"] == revoked
        assert world.gateway.call("look_up_key", hashed(view["id"]))["api_key"] == revoked
        with world.refused("API_KEY_NOT_FOUND", key_id="key_none"):
            world.gateway.call("revoke_api_key", "key_none")

    def test_unknown_merchant_is_refused(self, world: World) -> None:
        with world.refused("MERCHANT_NOT_FOUND", merchant_id="mer_none"):
            world.gateway.call("create_api_key", new_id("key"), "mer_none", 2, False, "p", hashed("x"))

    @pytest.mark.parametrize("scope", [0, 3, 4])
    def test_a_merchants_key_is_publishable_or_secret(self, world: World, scope: int) -> None:
        with world.unchanged(), expect("23514"):
            create_key(world, scope=scope)

    @pytest.mark.parametrize("scope", [1, 2, 3])
    def test_the_gateway_makes_no_operators_key_and_none_without_a_merchant(self, world: World, scope: int) -> None:
        with world.unchanged(), world.refused("MERCHANT_NOT_FOUND", merchant_id=""):
            create_key(world, merchant=False, scope=scope)
        key = (new_id("key"), "ok_test_ab", hashed("operator of the gateway"))
        with world.unchanged(), expect("42501"):
            world.gateway.call("ensure_operator_key", *key)

    def test_same_key_twice_is_impossible(self, world: World) -> None:
        view = create_key(world)
        with world.unchanged(), expect("23505"):
            world.gateway.call(
                "create_api_key", new_id("key"), world.merchant_id, 2, False, "sk_test_ab", hashed(view["id"])
            )

    @pytest.mark.timeout(60)
    def test_limit_of_active_keys_holds_in_a_race(self, world: World) -> None:
        def create(caller: object) -> str:
            key_id = new_id("key")
            caller.call("create_api_key", key_id, world.merchant_id, 2, False, "p", hashed(key_id))  # type: ignore[attr-defined]
            return key_id

        results = in_parallel([create] * 120, world.server.role_urls["gateway_svc"], threads=8)
        assert results.count("API_KEY_LIMIT") == 20
        with world.refused("API_KEY_LIMIT", limit=100):
            create_key(world)
        world.gateway.call("revoke_api_key", next(result for result in results if result != "API_KEY_LIMIT"))
        create_key(world)

    def test_operators_first_key_is_ensured_once(self, world: World) -> None:
        world.rows("DELETE FROM gateway.api_key WHERE merchant_id IS NULL RETURNING id")
        for key_id in ("key_first", "key_second"):
            world.admin.call("ensure_operator_key", key_id, "ok_test_ab", hashed("operator"))
        [row] = world.gateway.call_many("list_api_keys", None)
        assert row["api_key"]["id"] == "key_first"
        assert (row["api_key"]["scope"], row["api_key"]["merchant_id"]) == (3, None)
        assert world.gateway.call("look_up_key", hashed("operator"))["api_key"] == row["api_key"]


class TestPurge:
    def expire(self, world: World) -> None:
        world.admin.connection.execute(
            "UPDATE gateway.idempotency_key SET expires_at = clock_timestamp() - interval '1 s' WHERE merchant_id = %s",
            (world.merchant_id,),
        )

    def purge_all(self, world: World) -> None:
        while world.worker.call("purge_idempotency_keys", 1000)["purged"]:
            pass

    def test_key_is_kept_thirty_days(self, world: World) -> None:
        world.authorized(key="k")
        row = world.key_row("k")
        assert row is not None
        assert (row["expires_at"] - row["created_at"]).days == 30
        self.purge_all(world)
        assert world.key_row("k") == row

    def test_expired_keys_go_within_the_bound(self, world: World) -> None:
        self.purge_all(world)
        for number in range(5):
            world.authorized(key=f"k{number}")
        self.expire(world)
        assert world.worker.call("purge_idempotency_keys", 2) == {"purged": 2}
        assert world.worker.call("purge_idempotency_keys", 1000) == {"purged": 3}
        assert world.worker.call("purge_idempotency_keys", 1000) == {"purged": 0}
        assert world.begin(key="k0")["disposition"] == "CREATED"

    def test_key_of_an_operation_that_is_not_final_stays(self, world: World) -> None:
        payment = world.payment(key="k")
        refund = world.modify("REFUND", world.succeeded()["id"], key="refund")["modification"]
        self.expire(world)
        self.purge_all(world)
        assert world.begin(key="k")["payment"]["id"] == payment["id"]
        assert world.key_row("refund") is not None
        world.settle(refund, "FAILED")
        self.purge_all(world)
        assert world.key_row("refund") is None
        assert world.key_row("k") is not None
