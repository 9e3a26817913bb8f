"""Rulesets in SQL: rights, rows that never change, wishes that end, history that is bounded, and races."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from mesh.identifiers import new_id
from tests.sql.world import Row
from tests.support.postgres import PostgresServer

RULESET = {"rules": [{"name": "r", "action": {"kind": "route"}}], "otherwise": {"kind": "route"}}
TABLES = ("ruleset_version", "ruleset_change", "ruleset_state")
CALLABLE = {
    "create_ruleset",
    "get_ruleset",
    "list_rulesets",
    "routing_state",
    "approve_ruleset",
    "activate_ruleset",
    "require_ruleset_approval",
    "list_ruleset_changes",
}
HELPERS = {"refuse", "lock_ruleset_state", "record_ruleset_change", "ruleset_view", "ruleset_change_view"}


@dataclass
class Router:
    """The router's role and the administrator, with a merchant of its own."""

    server: PostgresServer
    connection: psycopg.Connection[Row]
    admin: psycopg.Connection[Row]
    merchant_id: str = field(default_factory=lambda: new_id("mer"))

    def call(self, procedure: str, *arguments: object, on: psycopg.Connection[Row] | None = None) -> Row:
        query = sql.SQL("SELECT * FROM {}({})").format(
            sql.Identifier("router", procedure), sql.SQL(", ").join([sql.Placeholder()] * len(arguments))
        )
        values = [Jsonb(value) if isinstance(value, dict) else value for value in arguments]
        row = (on or self.connection).execute(query, values).fetchone()
        assert row is not None
        return row

    def create(self, note: str, key: str = "key_anna", on: psycopg.Connection[Row] | None = None) -> int:
        view = self.call("create_ruleset", self.merchant_id, RULESET, note, key, "req_1", on=on)["view"]
        return int(view["version"])

    def activate(self, version: int, expected: int, on: psycopg.Connection[Row] | None = None) -> bool:
        row = self.call("activate_ruleset", self.merchant_id, version, expected, False, "key_anna", "req_1", on=on)
        return bool(row["activated"])

    def changes(self) -> list[tuple[int, str, int]]:
        rows = self.admin.execute(
            "SELECT change_number, kind, version FROM router.ruleset_change WHERE merchant_id = %s"
            " ORDER BY change_number",
            (self.merchant_id,),
        ).fetchall()
        return [(row["change_number"], row["kind"], row["version"]) for row in rows]

    def connect(self) -> psycopg.Connection[Row]:
        return psycopg.connect(self.server.role_urls["router_svc"], autocommit=True, row_factory=dict_row)


@pytest.fixture
def router(postgres: PostgresServer) -> Iterator[Router]:
    with (
        psycopg.connect(postgres.role_urls["router_svc"], autocommit=True, row_factory=dict_row) as connection,
        psycopg.connect(postgres.admin_url, autocommit=True, row_factory=dict_row) as admin,
    ):
        yield Router(postgres, connection, admin)


def test_the_role_calls_the_procedures_and_neither_their_helpers_nor_the_tables(router: Router) -> None:
    rows = router.admin.execute(
        "SELECT proname, has_function_privilege('router_svc', oid, 'EXECUTE') AS allowed, proconfig, prosecdef"
        " FROM pg_proc WHERE pronamespace = 'router'::regnamespace AND proname = ANY (%s)",
        ([*CALLABLE, *HELPERS],),
    ).fetchall()
    assert {row["proname"] for row in rows} == CALLABLE | HELPERS
    assert {row["proname"] for row in rows if row["allowed"]} == CALLABLE
    for row in rows:
        if row["allowed"]:
            assert row["prosecdef"], row["proname"]
            assert row["proconfig"] == ["search_path=router, pg_temp"], row["proname"]
    for table in TABLES:
        for statement in (f"SELECT FROM router.{table}", f"DELETE FROM router.{table}"):
            with pytest.raises(errors.InsufficientPrivilege):
                router.connection.execute(statement.encode())


def test_versions_and_changes_are_never_changed(router: Router) -> None:
    router.create("one")
    for table in TABLES[:2]:
        for statement in (
            f"UPDATE router.{table} SET request_id = 'other'",
            f"DELETE FROM router.{table}",
            f"TRUNCATE router.{table} CASCADE",
        ):
            with pytest.raises(errors.RaiseException, match="never changed"):
                router.admin.execute(statement.encode())


def test_a_refused_call_leaves_nothing_behind(router: Router) -> None:
    for call in (
        lambda: router.activate(1, 0),
        lambda: router.call("approve_ruleset", router.merchant_id, 1, "key_ben", "req_1"),
    ):
        with pytest.raises(psycopg.DatabaseError) as refused:
            call()
        assert refused.value.diag.sqlstate == "PY001"
        assert refused.value.diag.message_primary == "RULESET_NOT_FOUND"
    found = router.admin.execute("SELECT FROM router.ruleset_state WHERE merchant_id = %s", (router.merchant_id,))
    assert found.fetchall() == []


def test_versions_have_a_bound(router: Router) -> None:
    router.create("one")
    router.admin.execute(
        "INSERT INTO router.ruleset_version (merchant_id, version, ruleset, note, created_by, request_id)"
        " SELECT merchant_id, 10000, ruleset, 'last', 'key_ben', request_id FROM router.ruleset_version"
        " WHERE merchant_id = %s",
        (router.merchant_id,),
    )
    router.admin.execute(
        "UPDATE router.ruleset_state SET newest_version = 10000 WHERE merchant_id = %s", (router.merchant_id,)
    )
    with pytest.raises(psycopg.DatabaseError) as refused:
        router.create("one too many")
    assert (refused.value.diag.message_primary, refused.value.diag.message_detail) == (
        "RULESET_LIMIT",
        '{"limit": 10000}',
    )
    assert router.create("last", "key_ben") == 10000


def test_a_wish_for_no_approvals_ends_after_a_day(router: Router) -> None:
    def require(required: bool, key: str) -> None:
        router.call("require_ruleset_approval", router.merchant_id, required, key, "req_1")

    def wished_by() -> str:
        return str(router.call("routing_state", router.merchant_id)["waiver_requested_by"])

    require(True, "key_anna")
    require(False, "key_anna")
    assert wished_by() == "key_anna"
    router.admin.execute(
        "UPDATE router.ruleset_state SET waiver_requested_at = now() - interval '25 hours' WHERE merchant_id = %s",
        (router.merchant_id,),
    )
    assert wished_by() == ""
    require(False, "key_ben")
    assert (wished_by(), router.call("routing_state", router.merchant_id)["approval_required"]) == ("key_ben", True)
    require(False, "key_anna")
    assert router.call("routing_state", router.merchant_id)["approval_required"] is False
    assert [kind for _, kind, _ in router.changes()] == [
        "approval_required",
        "approval_waiver_requested",
        "approval_waiver_requested",
        "approval_waived",
    ]


def test_a_history_has_the_newest_hundred_changes_oldest_first(router: Router) -> None:
    for note in ("one", "two"):
        router.create(note)
    active = 0
    for number in range(102):
        version = number % 2 + 1
        assert router.activate(version, active)
        active = version
    view = router.call("get_ruleset", router.merchant_id, 1)["view"]
    assert len(view["history"]) == 52
    for number in range(102):
        version = number % 2 + 1
        assert router.activate(version, active)
        active = version
    view = router.call("get_ruleset", router.merchant_id, 1)["view"]
    numbers = [change["number"] for change in view["history"]]
    assert len(numbers) == 100
    assert numbers == sorted(numbers)
    assert view["history"][-1]["number"] == len(router.changes()) - 1


def test_two_who_activate_at_once_do_not_overrun_each_other(router: Router) -> None:
    for note in ("one", "two", "three"):
        router.create(note)
    router.activate(1, 0)
    for round_number in range(10):
        active = router.call("routing_state", router.merchant_id)["active_version"]
        others = [version for version in (1, 2, 3) if version != active]
        barrier = Barrier(2)

        def attempt(version: int, active: int = active, barrier: Barrier = barrier) -> str:
            with router.connect() as connection:
                barrier.wait(timeout=10)
                try:
                    router.activate(version, active, on=connection)
                except psycopg.DatabaseError as refused:
                    return str(refused.diag.message_primary)
            return "activated"

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(attempt, others))
        assert sorted(outcomes) == ["RULESET_CONFLICT", "activated"]
        winner = others[outcomes.index("activated")]
        assert router.call("routing_state", router.merchant_id)["active_version"] == winner
        assert router.changes()[-1] == (5 + round_number, "activated", winner)


def test_who_activates_waits_for_who_changes_the_same_merchant_and_sees_it(router: Router) -> None:
    """An approval policy that is being set holds for the activation that comes while it is not yet committed."""
    router.create("one")
    with router.connect() as other:
        other.autocommit = False
        router.call("require_ruleset_approval", router.merchant_id, True, "key_ben", "req_1", on=other)
        with ThreadPoolExecutor(1) as pool:
            activation = pool.submit(router.activate, 1, 0)
            waiting = (
                "SELECT count(*) AS waiting FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND query LIKE '%%activate_ruleset%%' AND usename = 'router_svc'"
            )
            for _ in range(1000):
                row = router.admin.execute(waiting).fetchone()
                if row is not None and row["waiting"]:
                    break
            other.commit()
            with pytest.raises(psycopg.DatabaseError) as refused:
                activation.result(timeout=10)
    assert refused.value.diag.message_primary == "RULESET_NOT_APPROVED"
