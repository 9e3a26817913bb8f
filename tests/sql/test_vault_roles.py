"""Who may do what in the vault's schema: each role its own procedures, no table, no key in the clear."""

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors, sql

from tests.sql.vault_world import ALLOWED, ROLES, VaultWorld, call, open_world
from tests.support.postgres import PostgresServer

#: Columns of bytes that procedures give: all of them sealed, wrapped or hashed.
SEALED = {
    *("wrapped_key", "sealed_key", "sealed_card", "sealed_code", "code_wrapped_key", "hash"),
}
#: Arguments with bytes: sealed, wrapped, or HMACs that the vault's process has made.
GIVEN = {
    *("p_wrapped_key", "p_old_wrapped_key", "p_sealed_key", "p_sealed_card", "p_sealed_code", "p_fingerprint"),
    *("p_fingerprints", "p_hash"),
}


@pytest.fixture
def world(postgres: PostgresServer) -> Iterator[VaultWorld]:
    with open_world(postgres) as opened:
        yield opened


@pytest.fixture
def fresh_role(world: VaultWorld) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Give a session of a role that was made today and that nobody has given anything but the way in."""
    password = secrets.token_hex(8)
    name = f"fresh_{secrets.token_hex(4)}"
    role = sql.Identifier(name)
    world.admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
    world.admin.execute(sql.SQL("GRANT CONNECT ON DATABASE payera TO {}").format(role))
    url = world.server.admin_url.replace(f"postgres:{world.server.administrator_password}", f"{name}:{password}")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
    world.admin.execute(sql.SQL("REVOKE ALL ON DATABASE payera FROM {}").format(role))
    world.admin.execute(sql.SQL("DROP ROLE {}").format(role))


def routines(world: VaultWorld) -> dict[str, int]:
    """Give the vault's routines with the number of their arguments."""
    rows = world.rows(
        "SELECT proname, pronargs FROM pg_proc WHERE pronamespace = 'vault'::regnamespace"
        " AND prorettype <> 'trigger'::regtype"
    )
    return {row["proname"]: row["pronargs"] for row in rows}


def tables(world: VaultWorld) -> list[str]:
    names = [row["tablename"] for row in world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'vault'")]
    assert {"card", "card_code", "data_key", "fingerprint_key", "audit_record", "controlled_operation"} <= set(names)
    return names


def refuses(connection: psycopg.Connection[object], statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_executes_its_own_procedures_and_is_denied_all_others(world: VaultWorld, role: str) -> None:
    known = routines(world)
    allowed = ALLOWED.get(role, set())
    assert allowed <= set(known)
    assert len(set(known) - allowed) > 10
    with psycopg.connect(world.server.role_urls[role], autocommit=True) as connection:
        for name in sorted(set(known) - allowed):
            refuses(connection, f"SELECT vault.{name}({', '.join(['NULL'] * known[name])})")


@pytest.mark.parametrize("role", ROLES)
def test_no_role_reads_or_writes_a_table_or_makes_anything(world: VaultWorld, role: str) -> None:
    with psycopg.connect(world.server.role_urls[role], autocommit=True) as connection:
        for name in tables(world):
            for statement in (
                "SELECT FROM {}",
                "DELETE FROM {}",
                "TRUNCATE {}",
                "COPY {} TO STDOUT",
                "INSERT INTO {} DEFAULT VALUES",
            ):
                refuses(connection, statement.format(f"vault.{name}"))
        for statement in (
            "CREATE FUNCTION vault.steal() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "COPY (SELECT 1) TO PROGRAM 'cat'",
            "SELECT pg_read_file('PG_VERSION')",
            "SET session_replication_role = replica",
            "ALTER TABLE vault.audit_record DISABLE TRIGGER ALL",
        ):
            refuses(connection, statement)


def test_a_fresh_role_may_do_nothing(world: VaultWorld, fresh_role: psycopg.Connection[tuple[object, ...]]) -> None:
    for name, count in routines(world).items():
        refuses(fresh_role, f"SELECT vault.{name}({', '.join(['NULL'] * count)})")
    for name in tables(world):
        refuses(fresh_role, f"SELECT FROM vault.{name}")
    for statement in ("CREATE TABLE vault.x (id int)", "CREATE TEMPORARY TABLE x (id int)", "CREATE SCHEMA x"):
        refuses(fresh_role, statement)


def test_public_may_use_nothing_of_the_vault(world: VaultWorld) -> None:
    rights = world.rows(
        "SELECT 'routine' AS kind, p.proname AS name FROM pg_proc p,"
        " aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a"
        " WHERE p.pronamespace = 'vault'::regnamespace AND a.grantee = 0"
        " UNION ALL SELECT 'table', c.relname FROM pg_class c,"
        " aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS a"
        " WHERE c.relnamespace = 'vault'::regnamespace AND c.relkind = 'r' AND a.grantee = 0"
        " UNION ALL SELECT 'schema', n.nspname FROM pg_namespace n,"
        " aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a WHERE n.nspname = 'vault' AND a.grantee = 0"
    )
    assert rights == []


def test_the_worker_sees_neither_what_may_be_shown_of_a_card_nor_codes(world: VaultWorld) -> None:
    token_id = world.keep()
    worker = world.roles["vault_worker"]
    for procedure, arguments in (
        ("describe_token", [world.merchant_id, token_id]),
        ("list_tokens", [world.merchant_id, "customer-1", 10, ""]),
        ("take_cards", world.take_arguments(token_id)),
        ("load_card", [world.merchant_id, token_id]),
        ("keep_card", world.keep_arguments(token_id)),
        ("delete_token", [world.merchant_id, token_id, "vault_worker", "req"]),
        ("assign_customer", [world.merchant_id, token_id, "customer-1", "vault_worker", "req"]),
        ("make_permanent", [world.merchant_id, token_id, "pay_1", "vault_worker", "req"]),
        ("purge_card_codes", [100]),
        ("cards_to_export", ["cop_1", "vault_worker", "req", "", 10]),
        ("audit_records", [0, 0, 10]),
        ("audit_of_token", [token_id, 0, 0, 10]),
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            call(worker, procedure, *arguments)
    shown = world.rows(
        "SELECT p.proname, name FROM pg_proc p, unnest(p.proargnames) AS name"
        " WHERE p.pronamespace = 'vault'::regnamespace AND has_function_privilege('vault_worker', p.oid, 'EXECUTE')"
        " AND name IN ('last4', 'bin', 'brand', 'customer_id', 'payment_id', 'sealed_code', 'issuer_country')"
    )
    assert shown == []


def test_the_auditor_reads_records_and_never_a_card(world: VaultWorld) -> None:
    token_id = world.keep()
    auditor = world.roles["vault_auditor"]
    heads = call(auditor, "audit_heads")
    assert len(heads) == 32
    chain = next(head["chain"] for head in heads if head["sequence"])
    assert call(auditor, "audit_records", chain, 0, 10)[0]["sequence"] == 1
    assert [row["action"] for row in call(auditor, "audit_of_token", token_id, 0, 0, 10)] == ["create_token"]
    for procedure, arguments in (
        ("describe_token", [world.merchant_id, "tok_1"]),
        ("active_data_key", [world.merchant_id]),
        ("fingerprint_keys", []),
        ("cards_to_reseal", [world.merchant_id, "", 10]),
        ("append_audit", ["a", "b", "c", "d", "", "", "", ""]),
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            call(auditor, procedure, *arguments)


def test_bytes_that_procedures_give_and_take_are_sealed_wrapped_or_hashed(world: VaultWorld) -> None:
    rows = world.rows(
        "SELECT p.proname, argument.name, argument.mode FROM pg_proc p,"
        " unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes)"
        " AS argument (name, type, mode) WHERE p.pronamespace = 'vault'::regnamespace"
        " AND argument.type IN ('bytea'::regtype, 'bytea[]'::regtype)"
    )
    given = {row["name"] for row in rows if row["mode"] == "t"}
    taken = {row["name"] for row in rows if row["mode"] != "t"}
    assert given <= SEALED
    assert "wrapped_key" in given
    assert taken <= GIVEN
    assert world.rows(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'vault'::regnamespace AND prorettype = 'bytea'::regtype"
    ) == []  # fmt: skip


def test_sql_can_compute_no_fingerprint(world: VaultWorld) -> None:
    extensions = [row["extname"] for row in world.rows("SELECT extname FROM pg_extension")]
    assert extensions == ["plpgsql"]
    assert (
        world.rows("SELECT proname FROM pg_proc WHERE proname IN ('hmac', 'digest', 'crypt', 'pgp_sym_decrypt')") == []
    )
    # Nobody may ask with HMACs of their own making which numbers are known, but by keeping a card.
    askers = world.rows(
        "SELECT p.proname, r.rolname FROM pg_proc p, pg_roles r WHERE p.pronamespace = 'vault'::regnamespace"
        " AND 'p_fingerprints' = ANY (p.proargnames) AND r.rolname = ANY (%s)"
        " AND has_function_privilege(r.oid, p.oid, 'EXECUTE') ORDER BY 1, 2",
        list(ROLES),
    )
    assert [(row["proname"], row["rolname"]) for row in askers] == [
        ("add_fingerprint", "vault_worker"),
        ("keep_card", "vault_svc"),
        ("keep_imported_card", "vault_svc"),
    ]


def test_every_procedure_runs_as_its_owner_with_a_fixed_path(world: VaultWorld) -> None:
    rows = world.rows(
        "SELECT DISTINCT rolname, rolcanlogin, rolsuper, prosecdef, proconfig FROM pg_proc p"
        " JOIN pg_roles r ON r.oid = p.proowner"
        " WHERE pronamespace = 'vault'::regnamespace AND prorettype <> 'trigger'::regtype"
    )
    assert rows == [
        {
            "rolname": "payera_owner",
            "rolcanlogin": False,
            "rolsuper": False,
            "prosecdef": True,
            "proconfig": ["search_path=vault, pg_temp"],
        }
    ]
