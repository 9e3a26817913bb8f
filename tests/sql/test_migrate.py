"""The migration tool: repeatable, killable, refusing what changed, never half done."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from mesh import migrate
from mesh.migrate import MigrationError
from tests.support.postgres import SQL_ROOT, PostgresServer, running_postgres

pytestmark = pytest.mark.timeout(120)

BODY = """CREATE OR REPLACE FUNCTION gateway.{name}({arguments}) RETURNS {result} LANGUAGE sql AS $$ SELECT {value} $$;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_postgres() as started:
        yield started


class Folder:
    """A folder like sql/ and the server it is applied to."""

    def __init__(self, root: Path, server: PostgresServer) -> None:
        self.root = root
        self.server = server
        for kind in ("migrations", "routines", "grants"):
            (root / "gateway" / kind).mkdir(parents=True)

    def write(self, path: str, text: str) -> None:
        (self.root / "gateway" / f"{path}.sql").write_text(text, encoding="utf-8")

    def remove(self, path: str) -> None:
        (self.root / "gateway" / f"{path}.sql").unlink()

    def routine(self, name: str, value: str = "1", result: str = "integer", arguments: str = "") -> None:
        self.write(f"routines/{name}", BODY.format(name=name, value=value, result=result, arguments=arguments))

    def apply(self) -> list[str]:
        return self.server.migrate(self.root)

    def rows(self, query: str, role: str | None = None) -> list[tuple[Any, ...]]:
        url = self.server.role_urls[role] if role else self.server.admin_url
        with psycopg.connect(url) as connection:
            return connection.execute(query.encode()).fetchall()

    def tables(self) -> list[str]:
        rows = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'gateway' ORDER BY 1")
        return [name for (name,) in rows]

    def applied(self) -> list[str]:
        return [name for (name,) in self.rows("SELECT name FROM payera_migrations.applied ORDER BY applied_at")]


@pytest.fixture
def folder(server: PostgresServer, tmp_path: Path) -> Folder:
    with psycopg.connect(make_conninfo(server.admin_url, dbname="postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS payera WITH (FORCE)")
    return Folder(tmp_path / "sql", server)


class TestRuns:
    def test_whole_project_applies_and_then_there_is_nothing_to_do(self, folder: Folder) -> None:
        first = folder.server.migrate()
        assert first[0] == "database payera created"
        assert any("gateway: migration 0001" in line for line in first)
        before = folder.rows("SELECT service, name, applied_at FROM payera_migrations.applied ORDER BY 1, 2")
        assert folder.server.migrate() == []
        assert folder.rows("SELECT service, name, applied_at FROM payera_migrations.applied ORDER BY 1, 2") == before

    def test_admin_url_may_name_any_database(self, folder: Folder) -> None:
        url = make_conninfo(folder.server.admin_url, dbname="template1")
        migrate.apply(url, folder.root, lambda _: None, folder.server.role_passwords)
        assert folder.rows("SELECT current_database()") == [("payera",)]

    def test_new_migrations_run_in_order(self, folder: Folder) -> None:
        folder.write("migrations/0002_second", "CREATE TABLE gateway.second AS SELECT * FROM gateway.first")
        folder.write("migrations/0001_first", "CREATE TABLE gateway.first (id int)")
        folder.apply()
        folder.write("migrations/0010_third", "CREATE TABLE third (id int); CREATE TABLE fourth (id int)")
        assert folder.apply() == ["gateway: migration 0010_third applied"]
        assert folder.applied() == ["0001_first", "0002_second", "0010_third"]
        assert folder.tables() == ["first", "fourth", "second", "third"]
        owners = folder.rows("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'gateway'")
        assert owners == [("payera_owner",)]

    def test_two_runs_at_once_do_the_work_once(self, folder: Folder) -> None:
        for number in range(1, 6):
            folder.write(f"migrations/000{number}_x", f"CREATE TABLE gateway.t{number} (id int); SELECT pg_sleep(0.05)")
            folder.routine(f"f{number}")
        with ThreadPoolExecutor(4) as pool:
            reports = [run.result(60) for run in [pool.submit(folder.apply) for _ in range(4)]]
        lines = [line for report in reports for line in report if "applied" in line]
        assert sorted(lines) == [
            "gateway: 5 routines applied",
            *(f"gateway: migration 000{number}_x applied" for number in range(1, 6)),
        ]

    @pytest.mark.parametrize("lines_before_kill", [0, 1, 2, 4, 5, 6])
    def test_killed_run_is_finished_by_the_next(self, folder: Folder, lines_before_kill: int) -> None:
        for number in range(1, 5):
            folder.write(f"migrations/000{number}_x", f"CREATE TABLE gateway.t{number} (id int); SELECT pg_sleep(0.3)")
        folder.routine("f")
        folder.write("grants/gateway_svc", "GRANT USAGE ON SCHEMA gateway TO gateway_svc")
        program = (
            "import json, sys; from pathlib import Path; from mesh import migrate\n"
            "url, root, passwords = sys.argv[1:]\n"
            "migrate.apply(url, Path(root), lambda line: print(line, flush=True), json.loads(passwords))\n"
        )
        arguments = (folder.server.admin_url, str(folder.root), json.dumps(dict(folder.server.role_passwords)))
        with subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE) as run:
            assert run.stdout is not None
            for _ in range(lines_before_kill):
                run.stdout.readline()
            run.kill()
        report = folder.apply()
        assert folder.applied() == [f"000{number}_x" for number in range(1, 5)]
        assert folder.tables() == ["t1", "t2", "t3", "t4"]
        assert folder.rows("SELECT gateway.f(), has_schema_privilege('gateway_svc', 'gateway', 'USAGE')") == [(1, True)]
        done = max(0, min(4, lines_before_kill - 1))
        applied_now = [line for line in report if "migration" in line]
        assert len(applied_now) <= 4 - done
        assert folder.apply() == []

    def test_failing_migration_leaves_nothing_of_itself_and_those_before_it_stay(self, folder: Folder) -> None:
        folder.write("migrations/0001_good", "CREATE TABLE gateway.good (id int)")
        folder.write("migrations/0002_bad", "CREATE TABLE gateway.bad (id int); SELECT 1/0")
        with pytest.raises(MigrationError, match=r"migration 0002_bad: .*0002_bad\.sql: division by zero"):
            folder.apply()
        assert (folder.applied(), folder.tables()) == (["0001_good"], ["good"])
        folder.write("migrations/0002_bad", "CREATE TABLE gateway.bad (id int)")
        assert folder.apply() == ["gateway: migration 0002_bad applied"]

    @pytest.mark.parametrize("word", ["COMMIT", "ROLLBACK"])
    def test_migration_may_not_end_its_transaction(self, folder: Folder, word: str) -> None:
        folder.write("migrations/0001_x", f"CREATE TABLE gateway.x (id int); {word}")
        with pytest.raises(MigrationError, match="ends the transaction"):
            folder.apply()
        assert folder.applied() == []


class TestLocks:
    def test_lock_that_is_freed_in_time(self, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(migrate, "_LOCK_TIMEOUT_MS", 100)
        monkeypatch.setattr(migrate, "_LOCK_PAUSE_SECONDS", 0.01)
        folder.write("migrations/0001_x", "CREATE TABLE gateway.x (id int)")
        folder.apply()
        folder.write("migrations/0002_y", "ALTER TABLE gateway.x ADD COLUMN y int")
        lines: list[str] = []
        with psycopg.connect(folder.server.admin_url) as blocker:
            blocker.execute("SELECT FROM gateway.x")

            def report(line: str) -> None:
                lines.append(line)
                if "3 of" in line:
                    blocker.commit()

            migrate.apply(folder.server.admin_url, folder.root, report, folder.server.role_passwords)
        what = "gateway: migration 0002_y"
        assert lines == [
            *(f"{what}: a lock is taken, trying again ({turn} of 5)" for turn in (1, 2, 3)),
            f"{what} applied",
        ]

    def test_lock_that_is_not_freed(self, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(migrate, "_LOCK_TIMEOUT_MS", 50)
        monkeypatch.setattr(migrate, "_LOCK_PAUSE_SECONDS", 0.01)
        folder.write("migrations/0001_x", "CREATE TABLE gateway.x (id int)")
        folder.apply()
        folder.write("migrations/0002_y", "CREATE TABLE gateway.y (id int); ALTER TABLE gateway.x ADD COLUMN y int")
        with psycopg.connect(folder.server.admin_url) as blocker:
            blocker.execute("SELECT FROM gateway.x")
            with pytest.raises(MigrationError, match="0002_y: no lock after 5 tries"):
                folder.apply()
        assert (folder.applied(), folder.tables()) == (["0001_x"], ["x"])
        folder.apply()
        assert folder.tables() == ["x", "y"]

    def test_run_that_never_ends_is_not_waited_for_forever(
        self, folder: Folder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(migrate, "_LOCK_TIMEOUT_MS", 20)
        monkeypatch.setattr(migrate, "_RUN_TRIES", 3)
        with psycopg.connect(make_conninfo(folder.server.admin_url, dbname="postgres"), autocommit=True) as other:
            other.execute("SELECT pg_advisory_lock(%s)", (migrate._RUN_LOCK,))
            with pytest.raises(MigrationError, match="another run holds the lock"):
                folder.apply()


class TestRefusedFiles:
    def test_changed_migration(self, folder: Folder) -> None:
        folder.write("migrations/0001_x", "CREATE TABLE gateway.x (id int)")
        folder.apply()
        folder.write("migrations/0001_x", "CREATE TABLE gateway.x (id bigint)")
        folder.write("migrations/0002_y", "CREATE TABLE gateway.y (id int)")
        with pytest.raises(MigrationError, match="0001_x was applied and then changed: put the old text back"):
            folder.apply()
        assert folder.applied() == ["0001_x"]

    def test_lost_migration(self, folder: Folder) -> None:
        folder.write("migrations/0001_x", "CREATE TABLE gateway.x (id int)")
        folder.apply()
        folder.remove("migrations/0001_x")
        with pytest.raises(MigrationError, match="0001_x was applied, but its file is gone"):
            folder.apply()

    def test_migration_that_comes_too_late(self, folder: Folder) -> None:
        folder.write("migrations/0002_x", "CREATE TABLE gateway.x (id int)")
        folder.apply()
        folder.write("migrations/0001_y", "CREATE TABLE gateway.y (id int)")
        with pytest.raises(MigrationError, match="0001_y is new, but 0002_x was applied: give it a later number"):
            folder.apply()

    def test_same_number_twice(self, folder: Folder) -> None:
        folder.write("migrations/0001_x", "SELECT 1")
        folder.write("migrations/0001_y", "SELECT 1")
        with pytest.raises(MigrationError, match="two migrations with the number 0001"):
            folder.apply()

    @pytest.mark.parametrize(
        "name", ["migrations/1_x", "migrations/0001", "migrations/0001-x", "routines/Begin", "grants/1"]
    )
    def test_names_that_break_the_rules(self, folder: Folder, name: str) -> None:
        folder.write(name, "SELECT 1")
        with pytest.raises(MigrationError, match="name that is not allowed"):
            folder.apply()

    def test_folder_of_no_service(self, folder: Folder) -> None:
        (folder.root / "gatway").mkdir()
        with pytest.raises(MigrationError, match="belong to no service: gatway"):
            folder.apply()
        with pytest.raises(MigrationError, match="is not a folder"):
            folder.server.migrate(folder.root / "none")

    def test_missing_password(self, folder: Folder) -> None:
        with pytest.raises(MigrationError, match="no password was given for gateway_relay, gateway_worker"):
            migrate.apply(
                folder.server.admin_url,
                folder.root,
                lambda _: None,
                {"gateway_svc": "x", "router_svc": "x", "vault_svc": "x", "gateway_relay": ""},
            )


class TestRoutines:
    def test_only_what_changed_is_applied(self, folder: Folder) -> None:
        folder.routine("one", "1")
        folder.routine("two", "2")
        assert "gateway: 2 routines applied" in folder.apply()
        times = "SELECT applied_at FROM payera_migrations.routine WHERE name = 'two'"
        before = folder.rows(times)
        folder.routine("one", "11")
        assert folder.apply() == ["gateway: 1 routines applied"]
        assert folder.rows("SELECT gateway.one(), gateway.two()") == [(11, 2)]
        assert folder.rows(times) == before

    def test_changed_result_replaces_the_old_routine(self, folder: Folder) -> None:
        folder.routine("one")
        folder.write("grants/gateway_svc", GRANT_ONE)
        folder.apply()
        folder.routine("one", "'x'", result="text")
        folder.apply()
        assert folder.rows("SELECT gateway.one()", role="gateway_svc") == [("x",)]

    def test_changed_arguments_replace_the_old_routine(self, folder: Folder) -> None:
        folder.routine("one")
        folder.apply()
        for arguments in ("a integer, b text", "other integer, b text", "a text"):
            folder.routine("one", arguments=arguments)
            folder.apply()
            rows = folder.rows("SELECT pg_get_function_identity_arguments(oid) FROM pg_proc WHERE proname = 'one'")
            assert rows == [(arguments,)]

    def test_routine_whose_file_is_gone_is_dropped(self, folder: Folder) -> None:
        folder.routine("one")
        folder.routine("two")
        folder.apply()
        folder.remove("routines/one")
        assert folder.apply() == ["gateway: routine one dropped"]
        assert folder.rows("SELECT proname FROM pg_proc WHERE pronamespace = 'gateway'::regnamespace") == [("two",)]
        assert folder.apply() == []

    def test_order_follows_need_not_name(self, folder: Folder) -> None:
        folder.routine("a", "gateway.b()")
        folder.routine("b", "gateway.c()")
        folder.routine("c", "7")
        folder.apply()
        assert folder.rows("SELECT gateway.a()") == [(7,)]

    def test_broken_routine_changes_nothing(self, folder: Folder) -> None:
        folder.routine("a", "1")
        folder.routine("b", "1")
        folder.apply()
        folder.routine("a", "2")
        for value, message in (("2 +", "syntax error"), ("gateway.none()", "gateway.none\\(\\) does not exist")):
            folder.routine("b", value)
            with pytest.raises(MigrationError, match=rf"b\.sql: .*{message}"):
                folder.apply()
            assert folder.rows("SELECT gateway.a(), gateway.b()") == [(1, 1)]

    @pytest.mark.parametrize("text", [BODY.format(name="other", arguments="", result="integer", value="1"), "SELECT 1"])
    def test_file_creates_the_routine_it_is_named_after(self, folder: Folder, text: str) -> None:
        folder.write("routines/one", text)
        with pytest.raises(MigrationError, match=r"must create exactly one routine named gateway\.one"):
            folder.apply()


GRANT_ONE = "GRANT USAGE ON SCHEMA gateway TO gateway_svc; GRANT EXECUTE ON FUNCTION gateway.one TO gateway_svc;"


class TestRights:
    def test_grant_that_is_gone_is_taken_away(self, folder: Folder) -> None:
        folder.routine("one")
        folder.write("grants/gateway_svc", GRANT_ONE)
        folder.apply()
        assert folder.rows("SELECT gateway.one()", role="gateway_svc") == [(1,)]
        with psycopg.connect(folder.server.admin_url) as connection:
            connection.execute("GRANT EXECUTE ON FUNCTION gateway.one TO PUBLIC, vault_svc")
        folder.remove("grants/gateway_svc")
        folder.apply()
        for role in ("gateway_svc", "vault_svc"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                folder.rows("SELECT gateway.one()", role=role)

    def test_password_is_changed_by_the_next_run(self, folder: Folder) -> None:
        folder.apply()
        passwords = dict(folder.server.role_passwords) | {"vault_svc": "rotated"}
        migrate.apply(folder.server.admin_url, folder.root, lambda _: None, passwords)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            folder.rows("SELECT 1", role="vault_svc")
        folder.apply()
        assert folder.rows("SELECT 1", role="vault_svc") == [(1,)]

    def test_passwords_are_never_sent(self, folder: Folder) -> None:
        """A server that logs statements must not come to know them."""
        with psycopg.connect(make_conninfo(folder.server.admin_url, dbname="postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET log_statement = 'all'")
            connection.execute("SELECT pg_reload_conf()")
            try:
                folder.apply()
            finally:
                connection.execute("ALTER SYSTEM RESET log_statement")
                connection.execute("SELECT pg_reload_conf()")
        log = (folder.server.directory / "log").read_text(encoding="utf-8")
        assert "PASSWORD 'SCRAM-SHA-256$" in log
        assert not any(password in log for password in folder.server.role_passwords.values())


def test_administrator_of_a_managed_cluster_is_enough(tmp_path: Path) -> None:
    """Who may create roles and databases but is no superuser, as with managed PostgreSQL."""
    with running_postgres() as server:
        with psycopg.connect(make_conninfo(server.admin_url, dbname="postgres"), autocommit=True) as connection:
            connection.execute("CREATE ROLE managed LOGIN CREATEROLE CREATEDB PASSWORD 'managed'")
        url = make_conninfo(server.admin_url, user="managed", password="managed")
        shutil.copytree(SQL_ROOT, tmp_path / "sql")
        for _ in range(2):
            lines: list[str] = []
            migrate.apply(url, tmp_path / "sql", lines.append, server.role_passwords)
        assert lines == []
        with psycopg.connect(server.role_urls["gateway_svc"], autocommit=True) as connection:
            row = connection.execute("SELECT * FROM gateway.create_merchant('mer_1', 'One')").fetchone()
            assert row is not None
            assert row[0]["name"] == "One"
