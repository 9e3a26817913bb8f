"""Brings a PostgreSQL cluster to what the files under sql/ describe: roles, schemas, migrations, routines, grants.

`sql/<service>/migrations/NNNN_name.sql` run once each, in order, each in a transaction of its own.
`routines/<routine>.sql` (one routine a file, named like it) are replaced when their text differs from what was applied
last; together with `grants/*.sql`, which run every time, they are one transaction per service, so that no caller ever
sees half a set.
Every object belongs to `payera_owner`, which nobody can log in as.

MigrationError   the files or the database are not as they must be; the text says what to do
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

Report = Callable[[str], None]
Connection = psycopg.Connection[tuple[Any, ...]]

DATABASE: Final = "payera"
OWNER: Final = "payera_owner"
#: Each service has a folder under sql/ and the schema of the same name.
SERVICES: Final = ("gateway", "router", "vault", "connectors")

_CONNECT_TIMEOUT_SECONDS: Final = 5
_LOCK_TIMEOUT_MS: Final = 2_000
_STATEMENT_TIMEOUT_MS: Final = 300_000
_IDLE_TIMEOUT_MS: Final = 60_000
_CLIENT_CHECK_MS: Final = 500
#: Tries for a table lock: a migration that waits for a lock makes every later query on the table wait behind it.
_LOCK_TRIES: Final = 5
_LOCK_PAUSE_SECONDS: Final = 0.5
#: Tries for the run's own lock, each as long as the lock timeout.
_RUN_TRIES: Final = 60
_RUN_LOCK: Final = int.from_bytes(b"payera", "big")
_MIGRATION_NAME: Final = re.compile(r"\d{4}_[a-z0-9_]+\Z")
_ROUTINE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


class MigrationError(Exception):
    """The files or the database are not as they must be; nothing of the step it names was kept."""


@dataclass(frozen=True, slots=True)
class LoginRole:
    """One process kind's login role and the bounds of its sessions, in milliseconds."""

    name: str
    connection_limit: int
    statement_timeout_ms: int
    lock_timeout_ms: int = 2_000
    idle_in_transaction_timeout_ms: int = 5_000


#: The limits sum up to less than the development cluster's 160 connections.
LOGIN_ROLES: Final = (
    LoginRole("gateway_svc", connection_limit=60, statement_timeout_ms=5_000),
    LoginRole("gateway_worker", connection_limit=20, statement_timeout_ms=10_000),
    LoginRole("gateway_relay", connection_limit=6, statement_timeout_ms=10_000),
    LoginRole("router_svc", connection_limit=12, statement_timeout_ms=5_000),
    LoginRole("vault_svc", connection_limit=16, statement_timeout_ms=5_000),
    LoginRole("vault_worker", connection_limit=10, statement_timeout_ms=30_000),
    LoginRole("vault_auditor", connection_limit=2, statement_timeout_ms=30_000),
    LoginRole("psp_connectors", connection_limit=20, statement_timeout_ms=5_000),
)


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One file: its name without `.sql`, its text, and the SHA-256 of its bytes in hex."""

    path: Path
    text: str
    sha256: str

    @property
    def name(self) -> str:
        """Return the file's name without `.sql`."""
        return self.path.stem


@dataclass(frozen=True, slots=True)
class ServiceFiles:
    """What one service's folder holds, each kind sorted by name."""

    service: str
    migrations: tuple[SqlFile, ...]
    routines: tuple[SqlFile, ...]
    grants: tuple[SqlFile, ...]


def apply(admin_url: str, sql_root: Path, report: Report, role_passwords: Mapping[str, str]) -> None:
    """Bring the cluster behind `admin_url` to what `sql_root` describes, telling `report` one line per thing done.

    `admin_url` names an administrator (who may create roles and databases) and any database: the tool works in
    `postgres` and `payera`. `role_passwords` has a password for each of LOGIN_ROLES; only SCRAM verifiers travel.
    Safe to repeat, to kill at any point and to run twice at once. Raises MigrationError, or psycopg.OperationalError
    when the server can't be reached.
    """
    missing = sorted(role.name for role in LOGIN_ROLES if not role_passwords.get(role.name))
    if missing:
        message = f"no password was given for {', '.join(missing)}"
        raise MigrationError(message)
    plan = read_plan(sql_root)
    with _session(make_conninfo(admin_url, dbname="postgres"), report) as connection:
        _in_transaction(connection, "roles", report, partial(_create_roles, connection, role_passwords))
        _create_database(connection, report)
    with _session(make_conninfo(admin_url, dbname=DATABASE), report) as connection:
        _in_transaction(connection, "schemas", report, partial(_create_schemas, connection))
        for files in plan:
            _migrate(connection, files, report)
            what = f"{files.service}: routines and grants"
            _in_transaction(connection, what, report, partial(_apply_routines_and_grants, connection, files, report))


def read_plan(sql_root: Path) -> tuple[ServiceFiles, ...]:
    """Read the files of every service below `sql_root`; raise MigrationError when a name breaks the rules."""
    if not sql_root.is_dir():
        message = f"{sql_root} is not a folder"
        raise MigrationError(message)
    unknown = sorted(path.name for path in sql_root.iterdir() if path.is_dir() and path.name not in SERVICES)
    if unknown:
        message = f"{sql_root} has folders that belong to no service: {', '.join(unknown)}"
        raise MigrationError(message)
    return tuple(_read_service(sql_root / service) for service in SERVICES)


def _read_service(folder: Path) -> ServiceFiles:
    migrations = _read_files(folder / "migrations", _MIGRATION_NAME)
    numbers = [file.name[:4] for file in migrations]
    doubled = sorted({number for number in numbers if numbers.count(number) > 1})
    if doubled:
        message = f"{folder / 'migrations'} has two migrations with the number {doubled[0]}"
        raise MigrationError(message)
    return ServiceFiles(
        service=folder.name,
        migrations=migrations,
        routines=_read_files(folder / "routines", _ROUTINE_NAME),
        grants=_read_files(folder / "grants", _ROUTINE_NAME),
    )


def _read_files(folder: Path, rule: re.Pattern[str]) -> tuple[SqlFile, ...]:
    paths = sorted(folder.glob("*.sql"))
    for path in paths:
        if rule.match(path.stem) is None:
            message = f"{path} has a name that is not allowed here: {rule.pattern}"
            raise MigrationError(message)
    contents = [(path, path.read_bytes()) for path in paths]
    return tuple(SqlFile(path, content.decode(), hashlib.sha256(content).hexdigest()) for path, content in contents)


@contextmanager
def _session(url: str, report: Report) -> Iterator[Connection]:
    """Open a connection that holds the run's lock; the lock ends with the session, however that ends."""
    options = f"-c lock_timeout={_LOCK_TIMEOUT_MS} -c statement_timeout={_STATEMENT_TIMEOUT_MS}"
    options += f" -c idle_in_transaction_session_timeout={_IDLE_TIMEOUT_MS} -c client_min_messages=warning"
    # A run that was killed in mid-statement must not hold its locks until the statement ends.
    options += f" -c client_connection_check_interval={_CLIENT_CHECK_MS}"
    connection: Connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        application_name="payera_migrate",
        options=options,
    )
    with connection:
        _take_run_lock(connection, report)
        yield connection


def _take_run_lock(connection: Connection, report: Report) -> None:
    for turn in range(_RUN_TRIES):
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", (_RUN_LOCK,))
        except errors.LockNotAvailable:
            if turn == 0:
                report("another run is under way; waiting for it")
        else:
            return
    message = f"another run holds the lock since {_RUN_TRIES * _LOCK_TIMEOUT_MS // 1000} s: look for a hanging one"
    raise MigrationError(message)


def _in_transaction(connection: Connection, what: str, report: Report, action: Callable[[], None]) -> None:
    """Run `action` as one transaction, again when it could not get a lock, at most _LOCK_TRIES times."""
    for turn in range(1, _LOCK_TRIES + 1):
        try:
            with connection.transaction():
                action()
        except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
            if turn == _LOCK_TRIES:
                message = f"{what}: no lock after {_LOCK_TRIES} tries; end long transactions and run again ({error})"
                raise MigrationError(message) from error
            report(f"{what}: a lock is taken, trying again ({turn} of {_LOCK_TRIES})")
            time.sleep(_LOCK_PAUSE_SECONDS)
        except psycopg.Error as error:
            message = f"{what}: {_explained(error)}"
            raise MigrationError(message) from error
        else:
            return


def _create_roles(connection: Connection, role_passwords: Mapping[str, str]) -> None:
    present = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")}
    if OWNER not in present:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(OWNER)))
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is not None and not row[0]:
        # A managed cluster's administrator is no superuser and must be a member to act as the owner.
        connection.execute(
            sql.SQL("GRANT {} TO CURRENT_USER WITH SET TRUE, INHERIT TRUE").format(sql.Identifier(OWNER))
        )
    for role in LOGIN_ROLES:
        name = sql.Identifier(role.name)
        if role.name not in present:
            connection.execute(sql.SQL("CREATE ROLE {}").format(name))
        verifier = connection.pgconn.encrypt_password(
            role_passwords[role.name].encode(), role.name.encode(), b"scram-sha-256"
        )
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN CONNECTION LIMIT {} PASSWORD {}").format(
                name, role.connection_limit, verifier.decode()
            )
        )
        for setting, value_ms in (
            ("statement_timeout", role.statement_timeout_ms),
            ("lock_timeout", role.lock_timeout_ms),
            ("idle_in_transaction_session_timeout", role.idle_in_transaction_timeout_ms),
        ):
            connection.execute(sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), value_ms))


def _create_database(connection: Connection, report: Report) -> None:
    if connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(DATABASE))
        )
        report(f"database {DATABASE} created")


def _create_schemas(connection: Connection) -> None:
    logins = _logins()
    statements: list[sql.SQL | sql.Composed] = [
        sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(DATABASE), logins),
        sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER)),
        sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"),
        sql.SQL("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC"),
        sql.SQL("GRANT USAGE ON LANGUAGE plpgsql TO {}").format(sql.Identifier(OWNER)),
        sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} REVOKE ALL ON ROUTINES FROM PUBLIC").format(
            sql.Identifier(OWNER)
        ),
        sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} REVOKE ALL ON TYPES FROM PUBLIC").format(sql.Identifier(OWNER)),
    ]
    for schema in (*SERVICES, "payera_migrations"):
        statements.append(
            sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(
                sql.Identifier(schema), sql.Identifier(OWNER)
            )
        )
        statements.append(sql.SQL("REVOKE ALL ON SCHEMA {} FROM PUBLIC").format(sql.Identifier(schema)))
    statements.append(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(OWNER)))
    statements.extend(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS payera_migrations.{} (service text NOT NULL, name text NOT NULL,"
            " sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (service, name))"
        ).format(sql.Identifier(table))
        for table in ("applied", "routine")
    )
    for statement in statements:
        connection.execute(statement)


def _migrate(connection: Connection, files: ServiceFiles, report: Report) -> None:
    rows = connection.execute(
        "SELECT name, sha256 FROM payera_migrations.applied WHERE service = %s", (files.service,)
    ).fetchall()
    pending = _pending(files, dict(rows))
    for migration in pending:
        what = f"{files.service}: migration {migration.name}"
        _in_transaction(connection, what, report, partial(_run_migration, connection, files.service, migration))
        report(f"{what} applied")


def _pending(files: ServiceFiles, applied: Mapping[str, str]) -> Sequence[SqlFile]:
    """Return the migrations still to run; raise MigrationError when the folder and the database disagree."""
    lost = sorted(applied.keys() - {migration.name for migration in files.migrations})
    if lost:
        message = f"{files.service}: migration {lost[0]} was applied, but its file is gone: is this an older checkout?"
        raise MigrationError(message)
    for migration in files.migrations:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            message = f"{files.service}: migration {migration.name} was applied and then changed: put the old text back"
            message += " and write a new migration"
            raise MigrationError(message)
    pending = [migration for migration in files.migrations if migration.name not in applied]
    last = max(applied, default="")
    if pending and pending[0].name < last:
        message = f"{files.service}: migration {pending[0].name} is new, but {last} was applied: give it a later number"
        raise MigrationError(message)
    return pending


def _run_migration(connection: Connection, service: str, migration: SqlFile) -> None:
    _act_as_owner(connection, service)
    _run_file(connection, migration)
    connection.execute(
        "INSERT INTO payera_migrations.applied (service, name, sha256) VALUES (%s, %s, %s)",
        (service, migration.name, migration.sha256),
    )


def _apply_routines_and_grants(connection: Connection, files: ServiceFiles, report: Report) -> None:
    _act_as_owner(connection, files.service)
    rows = connection.execute(
        "SELECT name, sha256 FROM payera_migrations.routine WHERE service = %s", (files.service,)
    ).fetchall()
    known: dict[str, str] = dict(rows)
    for name in sorted(known.keys() - {routine.name for routine in files.routines}):
        _drop_routines(connection, _routines_named(connection, files.service, name))
        connection.execute(
            "DELETE FROM payera_migrations.routine WHERE service = %s AND name = %s", (files.service, name)
        )
        report(f"{files.service}: routine {name} dropped")
    changed = [routine for routine in files.routines if known.get(routine.name) != routine.sha256]
    _replace_routines(connection, files.service, changed)
    if changed:
        report(f"{files.service}: {len(changed)} routines applied")
    _reset_grants(connection, files.service)
    for grant in files.grants:
        _run_file(connection, grant)


def _replace_routines(connection: Connection, service: str, routines: Sequence[SqlFile]) -> None:
    """Apply routines in an order that works: one that needs a routine not there yet waits for the next round."""
    waiting = list(routines)
    while waiting:
        later: list[SqlFile] = []
        for routine in waiting:
            try:
                with connection.transaction():
                    _replace_routine(connection, service, routine)
            except errors.UndefinedFunction as error:
                later.append(routine)
                reason = error
        if len(later) == len(waiting):
            message = f"{later[0].path}: {_explained(reason)}"
            raise MigrationError(message) from reason
        waiting = later


def _replace_routine(connection: Connection, service: str, routine: SqlFile) -> None:
    before = _routines_named(connection, service, routine.name)
    try:
        with connection.transaction():
            _run_file(connection, routine)
    except errors.InvalidFunctionDefinition:
        # Its result or the names of its arguments changed, which only a new routine can have.
        _drop_routines(connection, before)
        _run_file(connection, routine)
    after = _routines_named(connection, service, routine.name)
    if len(after) > 1:
        # Other argument types make a second routine of the name; calls would be ambiguous.
        _drop_routines(connection, [signature for signature in after if signature in before])
        after = _routines_named(connection, service, routine.name)
    if len(after) != 1:
        message = f"{routine.path} must create exactly one routine named {service}.{routine.name}, not {len(after)}"
        raise MigrationError(message)
    connection.execute(
        "INSERT INTO payera_migrations.routine (service, name, sha256) VALUES (%s, %s, %s)"
        " ON CONFLICT (service, name) DO UPDATE SET sha256 = EXCLUDED.sha256, applied_at = now()",
        (service, routine.name, routine.sha256),
    )


def _routines_named(connection: Connection, schema: str, name: str) -> list[str]:
    rows = connection.execute(
        "SELECT format('%%I.%%I(%%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))"
        " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = %s AND p.proname = %s",
        (schema, name),
    )
    return [signature for (signature,) in rows]


def _drop_routines(connection: Connection, signatures: Sequence[str]) -> None:
    for signature in signatures:
        connection.execute(f"DROP ROUTINE IF EXISTS {signature}".encode())


def _reset_grants(connection: Connection, schema: str) -> None:
    """Take every right in the schema away, so that the grants that follow are all there are."""
    holders = sql.SQL(", ").join((sql.SQL("PUBLIC"), _logins()))
    name = sql.Identifier(schema)
    connection.execute(sql.SQL("REVOKE ALL ON SCHEMA {} FROM {}").format(name, holders))
    for kind in ("TABLES", "SEQUENCES", "ROUTINES"):
        connection.execute(sql.SQL("REVOKE ALL ON ALL {} IN SCHEMA {} FROM {}").format(sql.SQL(kind), name, holders))


def _logins() -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(role.name) for role in LOGIN_ROLES)


def _act_as_owner(connection: Connection, schema: str) -> None:
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(OWNER)))
    connection.execute(sql.SQL("SET LOCAL search_path = {}, pg_temp").format(sql.Identifier(schema)))


def _run_file(connection: Connection, file: SqlFile) -> None:
    try:
        connection.execute(file.text.encode())
    except psycopg.Error as error:
        error.add_note(str(file.path))
        raise
    if connection.info.transaction_status is not TransactionStatus.INTRANS:
        message = f"{file.path} ends the transaction it runs in: remove its COMMIT or ROLLBACK"
        raise MigrationError(message)


def _explained(error: psycopg.Error) -> str:
    notes = getattr(error, "__notes__", [])
    return " ".join([*(f"{note}:" for note in notes), str(error).strip()])
