"""Temporal's own database: its tables value by value, and its files as bytes with what is deleted but still there."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from devstack.scan.searching import CannotSearchError, Look
from devstack.scan.stores.files import search_folder

#: Between two values, which stand side by side in the file as if they were one word.
_APART: Final = b"\n\n\n\n"
_SQLITE: Final = b"SQLite format 3\0"
_BUSY_SECONDS: Final = 5.0


class TemporalFiles:
    """The folder of the development server's database."""

    name = "temporal-files"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.what = f"Temporal's database in {folder}"

    def search(self, look: Look) -> None:
        """Search files and tables; raises CannotSearchError when the folder is not there or holds no database."""
        search_folder(look, self._folder, self._folder.parent, unpack=False)
        databases = [path for path in sorted(self._folder.iterdir()) if _is_database(path)]
        if not databases:
            raise CannotSearchError(f"there is no database in {self._folder}")
        for path in databases:
            try:
                _search_tables(look, path)
            except sqlite3.Error as error:
                look.skip(f"the tables of {path.name}", f"{error}; its bytes were searched as they are")


def _is_database(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(_SQLITE)) == _SQLITE


def _search_tables(look: Look, path: Path) -> None:
    address = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_SECONDS)) as connection:
        connection.text_factory = bytes
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        for (name,) in rows:
            table = name.decode("utf-8", "replace")
            look.through(f"{path.name} table {table}", _rows(connection, table))


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[bytes]:
    quoted = table.replace('"', '""')
    for row in connection.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608 - the name is quoted
        yield b"".join(_bytes(value) + _APART for value in row if value is not None)


def _bytes(value: bytes | float) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
