"""PostgreSQL's tables: every column of every row of every table of every database, as text and in binary."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final

from devstack.scan.searching import CannotSearchError, Look

if TYPE_CHECKING:
    from psycopg import Connection

CONNECT_SECONDS: Final = 5
LOCK_SECONDS: Final = 5
_DATABASES: Final = "SELECT datname, datallowconn FROM pg_catalog.pg_database ORDER BY datname"
_TABLES: Final = """
SELECT space.nspname, class.relname, class.relkind
FROM pg_catalog.pg_class AS class JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE class.relkind IN ('r', 'm', 'f') AND NOT pg_catalog.pg_is_other_temp_schema(space.oid)
ORDER BY space.nspname, class.relname
"""
#: Some of their columns have no binary form, and nothing in them is only binary.
_CATALOGS: Final = frozenset({"pg_catalog", "information_schema"})
_FOREIGN: Final = "f"
_TEMPLATE: Final = "template0"


class PostgresTables:
    """All databases of a cluster, read as its administrator. The vault's tables too: what they keep is sealed."""

    name = "postgres"

    def __init__(self, administrator_url: str) -> None:
        from psycopg.conninfo import conninfo_to_dict

        self._url = administrator_url
        parts = conninfo_to_dict(administrator_url)
        self.what = f"every table of every database at {parts.get('host')}:{parts.get('port')}"

    def search(self, look: Look) -> None:
        """Read every table. A database or table that can't be read makes the result incomplete."""
        import psycopg

        try:
            with closing(self._connect(look, None)) as connection:
                databases = connection.execute(_DATABASES).fetchall()
        except psycopg.Error as error:
            raise CannotSearchError(str(error), "payera status; payera logs postgres") from None
        for name, takes_connections in databases:
            if not takes_connections:
                # Nobody can write there either; with postgres-files its files are read as bytes.
                look.note(f"the database {name} takes no connections")
                continue
            try:
                with closing(self._connect(look, str(name))) as connection:
                    _search_database(look, connection, str(name))
            except psycopg.Error as error:
                look.skip(f"database {name}", str(error).splitlines()[0])

    def _connect(self, look: Look, database: str | None) -> "Connection[tuple[object, ...]]":
        import psycopg
        from psycopg.conninfo import make_conninfo

        settings = {
            "lock_timeout": f"{LOCK_SECONDS}s",
            "statement_timeout": f"{int(look.seconds_left * 1000) + 1}ms",
            "bytea_output": "hex",
        }
        # With the connection, not after it: what fails between would leave it open.
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        named = {"dbname": database} if database else {}
        url = make_conninfo(self._url, options=options, **named)
        return psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_SECONDS)


def _search_database(look: Look, connection: "Connection[tuple[object, ...]]", database: str) -> None:
    import psycopg

    for schema, table, kind in connection.execute(_TABLES.encode()).fetchall():
        place = f"{database}.{schema}.{table}"
        if kind == _FOREIGN:
            look.skip(place, "a foreign table: its rows are elsewhere")
            continue
        try:
            look.through(f"{place} (text)", _copied(connection, str(schema), str(table), "text"))
            if schema not in _CATALOGS:
                look.through(f"{place} (binary)", _copied(connection, str(schema), str(table), "binary"))
        except psycopg.errors.UndefinedTable:
            continue
        except psycopg.errors.UndefinedFunction:
            look.note(f"{place} has a column without a binary form and was read as text only")
        except psycopg.errors.ObjectNotInPrerequisiteState:
            look.note(f"{place} has never been filled")
        except psycopg.Error as error:
            look.skip(place, str(error).splitlines()[0])


def _copied(connection: "Connection[tuple[object, ...]]", schema: str, table: str, form: str) -> Iterator[bytes]:
    from psycopg import sql

    name = sql.Identifier(schema, table)
    query = sql.SQL("COPY (SELECT * FROM ONLY {}) TO STDOUT (FORMAT {})").format(name, sql.SQL(form))
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for block in copy:
            yield bytes(block)
