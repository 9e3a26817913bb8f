"""The scan over a real PostgreSQL: what is planted in a table, on disk or in a log is found there, and nothing else."""

import gc
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from devstack.scan.canaries import Canary
from devstack.scan.matching import Matcher, Wanted
from devstack.scan.searching import Order, Report, State, Store, search_all
from devstack.scan.stores import postgres_tables
from devstack.scan.stores.files import Paths
from devstack.scan.stores.postgres_files import PostgresFiles
from devstack.scan.stores.postgres_tables import PostgresTables
from mesh.card_numbers import luhn_valid
from tests.support.postgres import PostgresServer, running_postgres

pytestmark = pytest.mark.integration

Administrator = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of its own: others write numbers of their own into the shared one."""
    with running_postgres({"autovacuum": "off", "log_min_error_statement": "error"}) as server:
        with psycopg.connect(make_conninfo(server.admin_url, dbname="postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE payera TEMPLATE template0 ENCODING 'UTF8'")
            connection.execute("CREATE DATABASE other TEMPLATE template0 ENCODING 'UTF8'")
        yield server


@pytest.fixture
def administrator(server: PostgresServer) -> Iterator[Administrator]:
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA planted")
        yield connection
        connection.execute("DROP SCHEMA planted CASCADE")


def new_number() -> str:
    """A number that nothing before has left on the disk."""
    body = "4" + f"{int.from_bytes(os.urandom(8)) % 10**14:014}"
    return next(body + digit for digit in "0123456789" if luhn_valid(body + digit))


def tables(server: PostgresServer) -> PostgresTables:
    return PostgresTables(server.admin_url)


def files(server: PostgresServer) -> PostgresFiles:
    return PostgresFiles(server.directory / "cluster" / "data")


def scanned(store: Store, *planted: str, any_card: bool = True, seconds: float = 120) -> Report:
    canaries = tuple(Canary(text) for text in planted)
    return search_all([store], Order(Matcher(Wanted(canaries, any_card=any_card)), canaries, seconds_per_store=seconds))


def places(report: Report) -> set[str]:
    assert report.is_complete, report
    return {finding.place for finding in report.findings}


# Stands first: later tests leave numbers behind on the disk.
def test_nothing_is_found_in_a_cluster_where_nothing_is(server: PostgresServer, administrator: Administrator) -> None:
    administrator.execute("""
        CREATE TABLE planted.card (token_id text, sealed bytea, last4 text, bin text, exp_year integer, at timestamptz);
        INSERT INTO planted.card
        SELECT 'tok_' || n, sha512(n::text::bytea), '4242', '424242', 2040, now() FROM generate_series(1, 2000) AS n;
        ANALYZE;
    """)
    administrator.execute("CHECKPOINT")

    in_tables, on_disk = scanned(tables(server)), scanned(files(server))

    assert places(in_tables) | places(on_disk) <= {
        # See devstack/scan/allow.txt.
        f"{database}.pg_catalog.pg_proc (text)"
        for database in ("payera", "other", "postgres", "template1")
    }
    assert in_tables.stores[0].places > 250
    assert in_tables.stores[0].notes == ["the database template0 takes no connections"]
    assert on_disk.stores[0].bytes_read > 20_000_000


KINDS = (
    ("text", "'card ' || {0} || ' declined'"),
    ("varchar(19)", "{0}"),
    ("jsonb", "jsonb_build_object('card', jsonb_build_object('number', {0}))"),
    ("bytea", "convert_to({0}, 'UTF8')"),
    ("text[]", "ARRAY['a', {0}]"),
    ("bigint", "{0}::bigint"),
    ("numeric", "{0}::numeric"),
    ("text", "encode(convert_to('n=' || {0} || repeat(' y', 99), 'UTF8'), 'base64')"),
    ("text", "encode(convert_to({0}, 'UTF8'), 'hex')"),
    ("text", "repeat('long and compressed ', 1000) || {0}"),
    ("text", "substr({0}, 1, 4) || '-' || substr({0}, 5, 4) || '-' || substr({0}, 9, 4) || '-' || substr({0}, 13)"),
)


def test_a_number_in_a_row_is_found_whatever_its_type_and_form(
    server: PostgresServer, administrator: Administrator
) -> None:
    numbers = [new_number() for _ in KINDS]
    for count, ((kind, expression), number) in enumerate(zip(KINDS, numbers, strict=True)):
        value = expression.format(f"'{number}'")
        administrator.execute(sql.SQL(f"CREATE TABLE planted.p{count} AS SELECT 1 AS id, ({value})::{kind} AS value"))

    report = scanned(tables(server))
    by_name = scanned(tables(server), *numbers, any_card=False)

    assert places(report) >= {f"payera.planted.p{count} (text)" for count in range(len(KINDS))}
    assert places(by_name) == {
        f"payera.planted.p{count} ({form})" for count in range(len(KINDS)) for form in ("text", "binary")
    }
    assert not any(number in repr((report, by_name)) for number in numbers)


def test_every_schema_database_and_kind_of_table_is_searched(
    server: PostgresServer, administrator: Administrator
) -> None:
    number = new_number()
    plant = f"SELECT '{number}' AS value"
    administrator.execute(f"""
        CREATE TABLE planted."a ""quoted"" Name" AS {plant};
        CREATE MATERIALIZED VIEW planted.view AS {plant};
        CREATE MATERIALIZED VIEW planted.empty AS {plant} WITH NO DATA;
        CREATE UNLOGGED TABLE planted.unlogged AS {plant};
        CREATE TABLE planted.parent (value text) PARTITION BY LIST (value);
        CREATE TABLE planted.child PARTITION OF planted.parent DEFAULT;
        INSERT INTO planted.parent {plant};
        CREATE TABLE planted.without_columns ();
        CREATE TABLE planted.rights AS SELECT relacl AS rights, '{number}' AS value FROM pg_class LIMIT 3;
        CREATE TABLE planted.commented (); COMMENT ON TABLE planted.commented IS '{number}';
        CREATE TABLE planted.large AS
        SELECT n, CASE WHEN n % 30000 = 7 THEN '{number}' ELSE md5(n::text) END AS value
        FROM generate_series(1, 60000) AS n;
        CREATE FUNCTION planted.told() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN '{number}'; END $$;
        SELECT lo_from_bytea(4711, '{number}'::bytea);
    """)
    with psycopg.connect(make_conninfo(server.admin_url, dbname="other"), autocommit=True) as other:
        other.execute(f"CREATE TABLE public.elsewhere AS {plant}")

    report = scanned(tables(server), number, any_card=False)

    found = {place.removesuffix(" (text)") for place in places(report) if place.endswith(" (text)")}
    assert found == {
        'payera.planted.a "quoted" Name',
        "payera.planted.view",
        "payera.planted.unlogged",
        "payera.planted.child",
        "payera.planted.rights",
        "payera.planted.large",
        "payera.pg_catalog.pg_description",
        "payera.pg_catalog.pg_proc",
        "payera.pg_catalog.pg_largeobject",
        "other.public.elsewhere",
    }
    assert [finding.place for finding in report.findings].count("payera.planted.large (text)") == 2
    assert set(report.stores[0].notes) == {
        "the database template0 takes no connections",
        "payera.planted.empty has never been filled",
        "payera.planted.rights has a column without a binary form and was read as text only",
    }
    administrator.execute("SELECT lo_unlink(4711)")
    with psycopg.connect(make_conninfo(server.admin_url, dbname="other"), autocommit=True) as other:
        other.execute("DROP TABLE public.elsewhere")


def test_deleted_rows_are_found_on_the_disk_whatever_stands_beside_the_number(
    server: PostgresServer, administrator: Administrator
) -> None:
    numbers = {
        new_number(): value for value in ("'merchant reference of 31 signs.'", "'24 signs: 31 before it.'", "NULL", "7")
    }
    paths = set()
    for count, (number, neighbour) in enumerate(numbers.items()):
        administrator.execute(
            f"CREATE TABLE planted.p{count} AS SELECT 1 AS id, '{number}'::text AS a, {neighbour} AS b"
        )
        [[path]] = administrator.execute(f"SELECT pg_relation_filepath('planted.p{count}')").fetchall()
        paths.add(str(path))
    administrator.execute("CHECKPOINT")
    for count in range(len(numbers)):
        administrator.execute(f"DELETE FROM planted.p{count}")

    assert places(scanned(tables(server), *numbers, any_card=False)) == set()
    report = scanned(files(server))

    assert places(report) >= paths
    assert not any(number in repr(report) for number in numbers)


def test_what_a_dropped_table_held_is_found_in_the_write_ahead_log(
    server: PostgresServer, administrator: Administrator
) -> None:
    number = new_number()
    administrator.execute("CREATE TABLE planted.place (id integer, value text)")
    administrator.execute("CHECKPOINT")
    administrator.execute("INSERT INTO planted.place VALUES (1, %s)", (number,))
    administrator.execute("DROP TABLE planted.place")
    administrator.execute("CHECKPOINT")

    found = places(scanned(files(server), number, any_card=False))

    assert found
    assert all(place.startswith("pg_wal/") for place in found)


def test_many_rows_are_all_found_in_the_write_ahead_log_across_its_pages(
    server: PostgresServer, administrator: Administrator
) -> None:
    number = new_number()
    administrator.execute("CREATE TABLE planted.place (id integer, value text)")
    administrator.execute("CHECKPOINT")
    # Records of 80 bytes or so: many of them lie across the end of a page.
    administrator.execute(f"INSERT INTO planted.place SELECT n, '{number}' FROM generate_series(1, 5000) AS n")

    report = scanned(files(server), number, any_card=False)

    in_the_log = [finding for finding in report.findings if finding.place.startswith("pg_wal/")]
    assert report.found >= 5000
    assert len(in_the_log) > 900


def test_a_number_in_an_error_is_found_in_the_servers_log(server: PostgresServer, administrator: Administrator) -> None:
    number = new_number()
    with pytest.raises(psycopg.errors.DivisionByZero):
        administrator.execute(f"SELECT 1 / 0 AS card_{1}, '{number}'")

    log = server.directory / "log"

    assert places(scanned(Paths([log]))) == {str(log)}


def test_a_server_that_is_away_is_not_called_clean(server: PostgresServer) -> None:
    report = scanned(PostgresTables(make_conninfo(server.admin_url, port=1)))

    assert report.exit_code == 2
    assert report.stores[0].state is State.NOT_SEARCHED
    assert server.administrator_password not in repr(report)


def test_a_table_that_is_locked_is_not_called_clean(
    server: PostgresServer, administrator: Administrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_tables, "LOCK_SECONDS", 1)
    administrator.execute("CREATE TABLE planted.place (value text)")
    with psycopg.connect(server.admin_url) as other:
        other.execute("LOCK TABLE planted.place IN ACCESS EXCLUSIVE MODE")
        report = scanned(tables(server))
        other.rollback()

    assert not report.is_complete
    assert [reason for reason in report.stores[0].reasons if "planted.place" in reason]


def test_a_role_without_rights_does_not_call_anything_clean(
    server: PostgresServer, administrator: Administrator
) -> None:
    administrator.execute("CREATE TABLE planted.place (value text)")
    administrator.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    try:
        report = scanned(PostgresTables(make_conninfo(server.admin_url, user="reader", password="reader")))
    finally:
        administrator.execute("DROP ROLE reader")

    assert not report.is_complete
    assert any("planted.place: permission denied" in reason for reason in report.stores[0].reasons)


def test_a_search_ends_when_its_time_is_over(server: PostgresServer, administrator: Administrator) -> None:
    administrator.execute("CREATE TABLE planted.place AS SELECT n, md5(n::text) FROM generate_series(1, 500000) AS n")

    for seconds in (0.0, 0.01, 0.02, 0.05, 0.1, 0.5):
        report = scanned(tables(server), new_number(), any_card=False, seconds=seconds)

        assert report.exit_code == 2
    # A connection left open would be told now.
    gc.collect()


def test_the_folder_of_another_user_is_not_called_clean(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0)
    with as_somebody():
        report = scanned(PostgresFiles(tmp_path / "data"))

    assert report.exit_code == 2


@contextmanager
def as_somebody() -> Iterator[None]:
    """Be another user for a while when this is root, who may read every folder."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
