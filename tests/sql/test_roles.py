"""Rights: each role may execute its own procedures and nothing else, and no role sees a table or another's schema."""

import psycopg
import pytest

from mesh.migrate import LOGIN_ROLES, OWNER, SERVICES, LoginRole
from tests.sql import vault_world
from tests.sql.world import World, expect

WORKER = {
    "record_attempt",
    "begin_reversal",
    "record_reversal",
    "begin_attempt",
    "load_payment",
    "load_cryptogram",
    "end_action",
    "record_cancel",
    "require_review",
    "record_modification",
    "load_modification",
    "stalled_work",
    "take_tokens_to_keep",
    "drop_token_to_keep",
    "purge_idempotency_keys",
    "purge_retries",
}
GATEWAY = {
    "begin_payment",
    "get_routing",
    "find_operation",
    "release_lease",
    "record_attempt",
    "load_payment",
    "begin_modification",
    "record_modification",
    "load_modification",
    "find_modification",
    "find_open_modification",
    "find_failed_modification",
    "reverse_modification",
    "report_contradiction",
    "record_reversal",
    "list_reviews",
    "get_review",
    "resolve_review",
    "drop_token_to_keep",
    "get_payment",
    "list_payments",
    "list_routed_payments",
    "get_refund",
    "list_refunds",
    "create_merchant",
    "configure_merchant",
    "get_merchant",
    "list_merchants",
    "create_api_key",
    "list_api_keys",
    "revoke_api_key",
    "look_up_key",
}
RELAY = {"outbox_batch", "outbox_delete", "outbox_backlog"}
CONNECTORS = {
    "create_account",
    "configure_account",
    "set_credentials",
    "set_disabled",
    "get_account",
    "list_accounts",
    "account_version",
    "load_accounts",
    "create_webhook_secret",
    "list_webhook_secrets",
    "retire_webhook_secret",
    "keep_webhook",
    "take_unverified_webhooks",
    "record_verification",
    "take_webhook_events",
    "record_delivery",
    "list_webhooks",
    "get_webhook",
    "replay_webhook",
    "webhook_backlog",
    "purge_webhooks",
}
ALLOWED = {"gateway_svc": GATEWAY, "gateway_worker": WORKER, "gateway_relay": RELAY}
ALLOWED_ELSEWHERE = {"psp_connectors": CONNECTORS} | vault_world.ALLOWED
SCHEMA_OF = {
    "gateway_svc": "gateway",
    "gateway_worker": "gateway",
    "gateway_relay": "gateway",
    "router_svc": "router",
    "vault_svc": "vault",
    "vault_worker": "vault",
    "vault_auditor": "vault",
    "psp_connectors": "connectors",
}
ROLES = [role.name for role in LOGIN_ROLES]
SCHEMAS = [*SERVICES, "payera_migrations"]


def connected(world: World, role: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(world.server.role_urls[role], autocommit=True)


@pytest.mark.parametrize("role", ROLES)
def test_role_may_execute_exactly_its_own_procedures(world: World, role: str) -> None:
    rows = world.rows(
        "SELECT n.nspname, p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = ANY (%s) AND has_function_privilege(%s, p.oid, 'EXECUTE')",
        SCHEMAS,
        role,
    )
    assert {row["nspname"] for row in rows} == {SCHEMA_OF[role]}
    known = ALLOWED | ALLOWED_ELSEWHERE
    if role in known:
        assert {row["proname"] for row in rows} == known[role]


@pytest.mark.parametrize("role", sorted(ALLOWED))
def test_call_of_another_roles_procedure_is_denied(world: World, role: str) -> None:
    rows = world.rows(
        "SELECT p.proname, p.pronargs FROM pg_proc p WHERE p.pronamespace = 'gateway'::regnamespace AND p.prokind = 'f'"
        " AND p.prorettype <> 'trigger'::regtype"
    )
    others = [row for row in rows if row["proname"] not in ALLOWED[role]]
    assert len(others) > 20
    with connected(world, role) as connection:
        for row in others:
            with expect("42501"):
                arguments = ", ".join(["NULL"] * row["pronargs"])
                connection.execute(f"SELECT gateway.{row['proname']}({arguments})".encode())


@pytest.mark.parametrize("role", ROLES)
def test_role_touches_no_table(world: World, role: str) -> None:
    tables = world.rows("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY (%s)", SCHEMAS)
    assert {row["schemaname"] for row in tables} == set(SCHEMAS)
    with connected(world, role) as connection:
        for row in tables:
            name = f"{row['schemaname']}.{row['tablename']}"
            for statement in (
                f"SELECT FROM {name}",
                f"INSERT INTO {name} DEFAULT VALUES",
                f"UPDATE {name} SET {column(world, name)} = NULL",
                f"DELETE FROM {name}",
                f"TRUNCATE {name}",
            ):
                with expect("42501"):
                    connection.execute(statement.encode())


def column(world: World, table: str) -> str:
    rows = world.rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attidentity = '' LIMIT 1",
        table,
    )
    return str(rows[0]["attname"])


@pytest.mark.parametrize("role", ROLES)
def test_role_sees_its_own_schema_only(world: World, role: str) -> None:
    rows = world.rows(
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        " AND (has_schema_privilege(%s, oid, 'USAGE') OR has_schema_privilege(%s, oid, 'CREATE'))",
        role,
        role,
    )
    assert [row["nspname"] for row in rows] == [SCHEMA_OF[role]]
    with connected(world, role) as connection:
        for statement in (
            "CREATE TABLE x (id int)",
            "CREATE TABLE public.x (id int)",
            f"CREATE TABLE {SCHEMA_OF[role]}.x (id int)",
            "CREATE TEMPORARY TABLE x (id int)",
            "CREATE SCHEMA x",
            "DO $$ BEGIN END $$",
            f"SET ROLE {OWNER}",
        ):
            with expect("3F000" if statement == "CREATE TABLE x (id int)" else "42501"):
                connection.execute(statement.encode())


def test_public_may_do_nothing(world: World) -> None:
    executable = world.rows(
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,"
        " aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a"
        " WHERE n.nspname = ANY (%s) AND a.grantee = 0",
        SCHEMAS,
    )
    usable = world.rows(
        "SELECT n.nspname FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a"
        " WHERE (n.nspname = ANY (%s) OR n.nspname = 'public') AND a.grantee = 0",
        SCHEMAS,
    )
    open_database = world.rows(
        "SELECT a.privilege_type FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a"
        " WHERE d.datname = current_database() AND a.grantee = 0"
    )
    assert (executable, usable, open_database) == ([], [], [])


def test_everything_belongs_to_the_owner_whom_nobody_logs_in_as(world: World) -> None:
    owners = world.rows(
        "SELECT DISTINCT pg_get_userbyid(owner) AS name FROM ("
        " SELECT oid AS schema, nspowner AS owner FROM pg_namespace"
        " UNION ALL SELECT relnamespace, relowner FROM pg_class"
        " UNION ALL SELECT typnamespace, typowner FROM pg_type"
        " UNION ALL SELECT pronamespace, proowner FROM pg_proc"
        ") AS objects WHERE schema = ANY (SELECT oid FROM pg_namespace WHERE nspname = ANY (%s))",
        SCHEMAS,
    )
    assert [row["name"] for row in owners] == [OWNER]
    roles = world.rows(
        "SELECT rolname, rolcanlogin,"
        " rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS strong,"
        " ARRAY(SELECT roleid::regrole::text FROM pg_auth_members m WHERE m.member = r.oid) AS member_of"
        " FROM pg_roles r WHERE rolname = ANY (%s)",
        [OWNER, *ROLES],
    )
    assert {row["rolname"]: row["rolcanlogin"] for row in roles} == {OWNER: False} | dict.fromkeys(ROLES, True)
    assert not any(row["strong"] or row["member_of"] for row in roles)


def test_every_granted_procedure_runs_as_its_owner_with_a_fixed_path(world: World) -> None:
    rows = world.rows(
        "SELECT proname, prosecdef, proconfig FROM pg_proc WHERE pronamespace = 'gateway'::regnamespace"
        " AND proname = ANY (%s)",
        sorted(GATEWAY | WORKER | RELAY),
    )
    assert len(rows) == len(GATEWAY | WORKER | RELAY)
    assert all(row["prosecdef"] and row["proconfig"][0] == "search_path=gateway, pg_temp" for row in rows)
    # One routine also says how its query is to be carried out.
    tuned = {row["proname"]: row["proconfig"][1:] for row in rows if len(row["proconfig"]) > 1}
    assert tuned == {"outbox_batch": ["enable_seqscan=off", "enable_bitmapscan=off"]}


def test_every_procedure_of_the_connectors_runs_as_its_owner_with_a_fixed_path(world: World) -> None:
    rows = world.rows(
        "SELECT proname, prosecdef, proconfig FROM pg_proc WHERE pronamespace = 'connectors'::regnamespace"
        " AND proname = ANY (%s)",
        sorted(CONNECTORS),
    )
    assert len(rows) == len(CONNECTORS)
    assert all(row["prosecdef"] and row["proconfig"] == ["search_path=connectors, pg_temp"] for row in rows)


@pytest.mark.parametrize("role", LOGIN_ROLES, ids=lambda role: role.name)
def test_sessions_of_a_role_are_bounded(world: World, role: LoginRole) -> None:
    with connected(world, role.name) as connection:

        def setting(name: str) -> object:
            row = connection.execute("SELECT setting::int FROM pg_settings WHERE name = %s", (name,)).fetchone()
            assert row is not None
            return row[0]

        assert setting("statement_timeout") == role.statement_timeout_ms
        assert setting("lock_timeout") == role.lock_timeout_ms
        assert setting("idle_in_transaction_session_timeout") == role.idle_in_transaction_timeout_ms
    [row] = world.rows("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", role.name)
    assert row["rolconnlimit"] == role.connection_limit


def test_wrong_password_is_refused(world: World) -> None:
    url = world.server.role_urls["vault_svc"].replace("vault_svc:", "vault_svc:x")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)
