"""Writes a file of cards page by page, so that an export which was interrupted goes on where it was.

While it is being made, cards are in `FILE.part` and the place where the export goes on in `FILE.state`; the file itself
appears when it is whole. Tokens of cards that could not be opened are in `FILE.unreadable`. All can be read by their
owner only.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final, Self

from devstack.cards.card_file import trailer_line
from devstack.configuration import write_private
from devstack.errors import StackError

CHUNK_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ExportState:
    """How far an export is: which, where it goes on, how much of the files beside it counts, and the part's SHA-256."""

    operation_id: str
    page_token: str
    cards: int
    unreadable: int
    part_bytes: int
    part_sha256: str
    unreadable_bytes: int


class CardFileWriter:
    """The file of one export. Only one process at a time writes it; use as a context manager."""

    def __init__(self, path: Path, operation_id: str, header: bytes) -> None:
        self._path = path
        self._header = header
        self._state_path = _beside(path, "state")
        self._unreadable_path = _beside(path, "unreadable")
        self.state = ExportState(operation_id, "", 0, 0, 0, "", 0)
        self.resumed = False
        self._digest = hashlib.sha256()
        self._part: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """Open the parts, go back to where the state says, and lock them."""
        if self._path.exists():
            message = f"{self._path} is there already"
            raise StackError(message, "name another file")
        part = _private(_beside(self._path, "part"))
        self._part = part
        try:
            try:
                fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = f"another command is writing {self._path}"
                raise StackError(message, "wait for it to end") from None
            self._resume(part)
        except BaseException:
            part.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open; what was added stays for the next run, and without anything added no file does."""
        if self._part is None:
            return
        if not self.state.page_token:
            for ending in ("part", "state"):
                _beside(self._path, ending).unlink(missing_ok=True)
        self._part.close()

    def add(self, cards: Sequence[str], unreadable: Sequence[str], page_token: str) -> None:
        """Keep a page, and after it the place where the export goes on."""
        content = "".join(f"{card}\n" for card in cards).encode("ascii")
        self._append(content)
        unreadable_bytes = self._note_unreadable(unreadable)
        self._save(
            ExportState(
                self.state.operation_id,
                page_token,
                self.state.cards + len(cards),
                self.state.unreadable + len(unreadable),
                self.state.part_bytes + len(content),
                self._digest.hexdigest(),
                unreadable_bytes,
            )
        )

    def complete(self) -> str:
        """Write the trailer, give the file its name, and tell the digest of its lines."""
        sha256 = self._digest.hexdigest()
        self._append(trailer_line(self.state.cards, sha256))
        _beside(self._path, "part").replace(self._path)
        self._state_path.unlink()
        if not self.state.unreadable:
            self._unreadable_path.unlink(missing_ok=True)
        return sha256

    def _resume(self, part: IO[bytes]) -> None:
        known = self._known_state()
        if known is None:
            part.truncate(0)
            self._append(self._header)
            self._save(ExportState(self.state.operation_id, "", 0, 0, len(self._header), self._digest.hexdigest(), 0))
            return
        self.state, self.resumed = known, True
        left = known.part_bytes
        while chunk := part.read(min(CHUNK_BYTES, left)):
            self._digest.update(chunk)
            left -= len(chunk)
        if self._digest.hexdigest() != known.part_sha256:
            raise self._unusable(f"{_beside(self._path, 'part')} is not what {self._state_path} says")
        # What was written after the state was kept is asked for again.
        part.truncate(known.part_bytes)

    def _known_state(self) -> ExportState | None:
        try:
            known = ExportState(**json.loads(self._state_path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise self._unusable(f"{self._state_path} can't be read") from None
        if known.operation_id != self.state.operation_id:
            raise self._unusable(f"{self._state_path} is of another operation, {known.operation_id}")
        return known

    def _unusable(self, message: str) -> StackError:
        return StackError(
            message, f"delete {_beside(self._path, 'part')} and {self._state_path}, and begin the export again"
        )

    def _append(self, content: bytes) -> None:
        if self._part is None:
            message = "the file is not open"
            raise RuntimeError(message)
        self._part.seek(0, os.SEEK_END)
        self._part.write(content)
        self._part.flush()
        os.fsync(self._part.fileno())
        self._digest.update(content)

    def _note_unreadable(self, tokens: Sequence[str]) -> int:
        if not tokens and not self.state.unreadable:
            return 0
        with _private(self._unreadable_path) as stream:
            stream.truncate(self.state.unreadable_bytes)
            stream.seek(0, os.SEEK_END)
            stream.write("".join(f"{token}\n" for token in tokens).encode("ascii"))
            stream.flush()
            os.fsync(stream.fileno())
            return stream.tell()

    def _save(self, state: ExportState) -> None:
        write_private(self._state_path, json.dumps(asdict(state)).encode())
        self.state = state


def _private(path: Path) -> IO[bytes]:
    """Open a file for reading and writing, made for its owner only when it is not there."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "r+b")


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}.{ending}")
