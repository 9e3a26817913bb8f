"""PostgreSQL's files on disk: tables with their dead rows, the write-ahead log, and the server's own logs."""

import os
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from devstack.scan.searching import CannotSearchError, Look
from devstack.scan.stores.files import blocks_of, files_below, search_file

_SEGMENT: Final = re.compile(r"[0-9A-F]{24}(?:\.partial)?")
_WAL_FOLDER: Final = "pg_wal"
_TABLESPACES: Final = "pg_tblspc"
_PAGE_BYTES: Final = 8192
#: Magic, flags, timeline, address, length of what goes on from the page before.
_PAGE_HEADER: Final = struct.Struct("<HHIQI")
_HEADER_BYTES: Final = 24
_LONG_HEADER_BYTES: Final = 40
_LONG_HEADER: Final = 0x0002
_KNOWN_FLAGS: Final = 0x000F


class PostgresFiles:
    """The data folder of a cluster, read as bytes: what is deleted is there until its place is used again."""

    name = "postgres-files"

    def __init__(self, data: Path) -> None:
        self._data = data
        self.what = f"tables and write-ahead log as bytes, and server logs, in {data}"

    def search(self, look: Look) -> None:
        """Search every file of the cluster; raises CannotSearchError when the folder is closed to this user."""
        try:
            os.scandir(self._data).close()
        except OSError as error:
            raise CannotSearchError(
                f"{self._data}: {error.strerror}", "run the scan as the user PostgreSQL runs as, or as root"
            ) from None
        # Both may lie elsewhere, with a link to them.
        spaces = self._data / _TABLESPACES
        linked = [path for path in (self._data / _WAL_FOLDER, *_entries(spaces)) if path.is_symlink()]
        for root in (self._data, *(path.resolve() for path in linked)):
            for path in files_below(look, root):
                if path.is_symlink():
                    continue
                shown = str(path.relative_to(self._data)) if path.is_relative_to(self._data) else str(path)
                if _SEGMENT.fullmatch(path.name):
                    _search_segment(look, path, shown)
                else:
                    search_file(look, path, shown, unpack=False)


class WalPages:
    """The bytes of a segment without the headers of its pages, which may stand in the middle of a number."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._here = [0]
        self._source = [0]

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pages' content; a page that has no header is given whole."""
        length = at = 0
        data = b""
        for block in self._blocks:
            data += block
            while len(data) >= _PAGE_BYTES:
                page, data = data[:_PAGE_BYTES], data[_PAGE_BYTES:]
                header = _header_bytes(page)
                self._here.append(length)
                self._source.append(at + header)
                yield page[header:]
                length += len(page) - header
                at += len(page)
        self._here.append(length)
        self._source.append(at)
        yield data

    def locate(self, index: int) -> int:
        """Return where in the segment a byte of the content is."""
        step = bisect_right(self._here, index) - 1
        return self._source[step] + index - self._here[step]


def _search_segment(look: Look, path: Path, shown: str) -> None:
    try:
        pages = WalPages(blocks_of(path, path.stat().st_size))
        look.through(shown, pages, pages.locate)
    except FileNotFoundError:
        return
    except OSError as error:
        look.skip(shown, error.strerror or type(error).__name__)


def _header_bytes(page: bytes) -> int:
    _, flags, _, address, _ = _PAGE_HEADER.unpack_from(page)
    if flags & ~_KNOWN_FLAGS or address == 0 or address % _PAGE_BYTES:
        return 0
    return _LONG_HEADER_BYTES if flags & _LONG_HEADER else _HEADER_BYTES


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
