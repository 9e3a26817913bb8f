"""An append-only file of everything the sandbox PSP did, so that its truth survives a restart."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from devstack.sandbox.ledger import Decision, Line, Record

_NEWLINE: Final = b"\n"
_DECISION: Final = b'{"decides"'


class Journal:
    """One JSON line per record or decision, handed to the operating system before the operation takes effect.

    It survives the end of the process, not that of the machine: a sandbox's truth need not outlive a power cut.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._encoder = msgspec.json.Encoder()

    def open(self) -> Iterator[Line]:
        """Give what was written earlier, then be ready to append. Without a path, nothing is kept.

        A line that a crash cut off is dropped. Raises OSError, or msgspec.DecodeError when the file is no journal.
        """
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        whole = self._read(self._path)
        records, decisions = msgspec.json.Decoder(Record), msgspec.json.Decoder(Decision)
        for line in whole.splitlines():
            yield decisions.decode(line) if line.startswith(_DECISION) else records.decode(line)
        self._file = self._path.open("ab", buffering=0)
        self._file.truncate(len(whole))

    def write(self, line: Line) -> None:
        """Append a line, whole or not at all. Raises OSError."""
        if self._file is None:
            return
        content = self._encoder.encode(line) + _NEWLINE
        written = self._file.write(content)
        if written != len(content):
            # A full disk takes part of a line; the next one must not be glued to it.
            self._file.truncate(self._file.tell() - (written or 0))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @staticmethod
    def _read(path: Path) -> bytes:
        content = path.read_bytes() if path.exists() else b""
        return content[: content.rfind(_NEWLINE) + 1]
