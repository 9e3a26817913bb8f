"""Reads the vault's audit with the auditor's role, page by page, and looks at what keeps it from being changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors, pq
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from devstack.audit.errors import CannotVerifyError
from vault_svc.domain.audit import AuditRecord, ChainHead, Finding, FindingKind

PAGE_MAX: Final = 10_000

_CONNECT_SECONDS: Final = 5
_OPTIONS: Final = "-c statement_timeout=60000 -c default_transaction_read_only=on -c timezone=UTC"
_HEADS: Final = "SELECT chain, sequence, hash FROM vault.audit_heads()"
_RECORDS: Final = """
    SELECT chain, sequence, recorded_at, action, outcome, actor, request_id, merchant_id, token_id, payment_id, detail,
        hash
    FROM vault.audit_records(%s, %s, %s)"""
_ABOUT: Final = """
    SELECT chain, sequence, recorded_at, action, outcome, actor, request_id, merchant_id, token_id, payment_id, detail,
        hash
    FROM vault.audit_of_token(%s, %s, %s, %s)"""
#: Microseconds from 1970 to 2000, where PostgreSQL counts from.
_EPOCH_US: Final = 946_684_800_000_000
#: What stands for fields that were made NULL, which none may be: no value of PostgreSQL's, so that no hash fits them.
_NULLS: Final = (0, 0, 1 << 80, *["\0"] * 8, b"")
_TABLE: Final = "audit_record"
_TRIGGER: Final = "audit_record_append_only"
#: As catalogued in pg_trigger: BEFORE, DELETE, UPDATE, TRUNCATE, for each statement.
_TRIGGER_TYPE: Final = 2 + 8 + 16 + 32
_TRIGGER_BODY: Final = "BEGIN RAISE EXCEPTION 'rows of %.% are never changed', TG_TABLE_SCHEMA, TG_TABLE_NAME; END;"
_TRIGGERS: Final = """
    SELECT guard.tgtype, guard.tgenabled::text, guard.tgqual IS NULL AND guard.tgattr::text = '', body.prosrc
    FROM pg_trigger AS guard
    INNER JOIN pg_class AS kept ON kept.oid = guard.tgrelid
    INNER JOIN pg_namespace AS home ON home.oid = kept.relnamespace
    INNER JOIN pg_proc AS body ON body.oid = guard.tgfoid
    WHERE home.nspname = 'vault' AND kept.relname = %s AND guard.tgname = %s"""
_KEY: Final = """
    SELECT count(*)
    FROM pg_index AS place
    INNER JOIN pg_class AS kept ON kept.oid = place.indrelid
    INNER JOIN pg_namespace AS home ON home.oid = kept.relnamespace
    WHERE home.nspname = 'vault' AND kept.relname = %s AND place.indisprimary AND place.indisvalid
        AND pg_get_indexdef(place.indexrelid) LIKE '%% (chain, sequence)'"""
_RULES: Final = """
    SELECT count(*)
    FROM pg_rewrite AS rule
    INNER JOIN pg_class AS kept ON kept.oid = rule.ev_class
    INNER JOIN pg_namespace AS home ON home.oid = kept.relnamespace
    WHERE home.nspname = 'vault' AND kept.relname = %s"""
#: PostgreSQL keeps the words of a setting as they were typed. One for the auditor alone, `origin` too, would hide the
#: server's from this session: none is as it was made, whatever it says.
_REPLICAS: Final = """
    SELECT count(*)
    FROM pg_db_role_setting AS kept
    CROSS JOIN unnest(kept.setconfig) AS setting
    WHERE lower(split_part(setting, '=', 1)) = 'session_replication_role'"""
_SESSION: Final = "SELECT lower(current_setting('session_replication_role'))"
_LOUD: Final = "origin"


class AuditDatabase:
    """The audit in PostgreSQL. Every method raises CannotVerifyError when the database does not answer as it must."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        connection.adapters.register_loader("timestamptz", _Microseconds)
        self._connection = connection

    def heads(self) -> list[ChainHead]:
        """Give the head row of each chain, as of one moment."""
        return [ChainHead(chain, sequence or 0, hash_ or b"") for chain, sequence, hash_ in self._rows(_HEADS)]

    def records(self, chain: int, after: int, limit: int) -> list[AuditRecord]:
        """Give the first records of a chain after a sequence number, at most PAGE_MAX."""
        return [_record_of(row) for row in self._rows(_RECORDS, chain, after, limit)]

    def of_token(self, token_id: str, before: AuditRecord | None, limit: int) -> list[AuditRecord]:
        """Give a token's newest records before one of them, newest first; at most 1,000."""
        chain, sequence = (before.chain, before.sequence) if before is not None else (0, 0)
        return [_record_of(row) for row in self._rows(_ABOUT, token_id, chain, sequence, limit)]

    def guards(self) -> list[Finding]:
        """Say what of the guards that keep records from being changed is not as it was made."""
        found = []
        triggers = self._rows(_TRIGGERS, _TABLE, _TRIGGER)
        name = f"trigger {_TRIGGER} of vault.{_TABLE}"
        if not triggers:
            found.append(Finding(FindingKind.GUARD_MISSING, evidence=name))
        for kind, enabled, unconditional, body in triggers:
            if enabled not in {"O", "A"}:
                found.append(Finding(FindingKind.GUARD_DISABLED, evidence=name))
            if kind != _TRIGGER_TYPE or not unconditional or " ".join(body.split()) != _TRIGGER_BODY:
                found.append(Finding(FindingKind.GUARD_CHANGED, evidence=name))
        if self._count(_KEY, _TABLE) != 1:
            found.append(Finding(FindingKind.GUARD_MISSING, evidence=f"primary key of vault.{_TABLE}"))
        if self._count(_RULES, _TABLE):
            found.append(Finding(FindingKind.GUARD_CHANGED, evidence=f"vault.{_TABLE} has a rewrite rule"))
        found += self._silences()
        return found

    def _silences(self) -> list[Finding]:
        """Say where triggers may be told to stay silent: for a role or database, or for the whole server."""
        places = ["a role or database"] if self._count(_REPLICAS) else []
        if self._rows(_SESSION)[0][0] != _LOUD:
            places.append("the auditor's own session, so for the whole server")
        if not places:
            return []
        evidence = f"session_replication_role is set for {' and '.join(places)}: triggers can stay silent"
        return [Finding(FindingKind.GUARD_DISABLED, evidence=evidence)]

    def _count(self, statement: str, *arguments: object) -> int:
        return int(self._rows(statement, *arguments)[0][0])

    def _rows(self, statement: str, *arguments: object) -> list[tuple[Any, ...]]:
        try:
            with self._connection.cursor(binary=True) as cursor:
                return cursor.execute(statement.encode(), arguments, prepare=True).fetchall()
        except errors.InsufficientPrivilege as error:
            message = f"the role may not read the audit: {_first_line(error)}"
            raise CannotVerifyError(message, "verify with the role vault_auditor; payera migrate grants it") from error
        except (errors.UndefinedFunction, errors.InvalidSchemaName) as error:
            message = f"the database has no audit: {_first_line(error)}"
            raise CannotVerifyError(message, "payera migrate") from error
        except (psycopg.Error, UnicodeError) as error:
            message = f"the database does not answer as it must: {_first_line(error)}"
            raise CannotVerifyError(message, "payera status; payera logs postgres") from error


@contextmanager
def open_audit(url: str) -> Iterator[AuditDatabase]:
    """Connect for the time of a verification; raises CannotVerifyError."""
    try:
        connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            application_name="payera_audit",
            options=_OPTIONS,
            keepalives_idle=10,
        )
    except psycopg.Error as error:
        message = f"the database can't be reached: {_first_line(error)}"
        raise CannotVerifyError(message, "payera status; payera up") from error
    with connection:
        yield AuditDatabase(connection)


class _Microseconds(Loader):
    """Reads a timestamptz as microseconds since 1970: no moment is out of its range, not even `infinity`."""

    format = pq.Format.BINARY

    def load(self, data: Buffer) -> int:
        return int.from_bytes(bytes(data), "big", signed=True) + _EPOCH_US


def _record_of(row: tuple[Any, ...]) -> AuditRecord:
    if None in row:
        row = tuple(null if value is None else value for value, null in zip(row, _NULLS, strict=True))
    return AuditRecord(*row)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0]
