"""Sends the cards of a file to the vault, and writes down what became of each line.

The answers are in `FILE.results`, JSON Lines that only their owner can read: which import of which file, then one line
for each card in their order. They are what a run that was interrupted goes on after.
"""

import fcntl
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Self

import click

from devstack.cards.card_file import LINE_LONGEST, CardFileError, CardFileReader, Line, Summary, check_file
from devstack.cards.progress import CardCounter
from devstack.cards.thumbprint import thumbprint_of
from devstack.errors import StackError
from devstack.operations.calls import Vault

PAGE_LINES: Final = 100
PAGE_BYTES: Final = 512 * 1024
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
TOO_LONG: Final = f"it is longer than {LINE_LONGEST} characters."


@dataclass(slots=True)
class Imported:
    """What came of an import so far: lines taken, those of them with a remark, and lines refused."""

    taken: int = 0
    remarks: int = 0
    refused: int = 0

    @property
    def lines(self) -> int:
        """Return how many lines were answered."""
        return self.taken + self.refused

    def count(self, answer: Mapping[str, Any]) -> None:
        """Count one answer."""
        if answer["token_id"]:
            self.taken += 1
            self.remarks += bool(answer["error"])
        else:
            self.refused += 1


def import_cards(vault: Vault, path: Path, operation_id: str) -> Imported:
    """Send every card of a file that was not answered before; the operation stays open."""
    from payera.vault.v1 import key_service_pb2 as contract

    file = check_file(path)
    _check_recipient(vault, path, operation_id, file.header)
    with Results(path, operation_id, file) as results:
        if results.imported.lines:
            click.echo(f"going on after {results.imported.lines:,} cards", err=True)
        counter = CardCounter("cards imported", results.imported.lines)
        reader = CardFileReader(path)
        for lines in _pages(itertools.islice(reader, results.imported.lines, None)):
            sent = [line.envelope for line in lines if line.envelope is not None]
            # The end has a call of its own: the answer to a page with cards must not be one that can't be had again.
            request = contract.ImportCardsRequest(operation_id=operation_id, cards=sent)
            answers = iter(vault.repeat("ImportCards", request).cards if sent else ())
            results.add([_answer(line, None if line.envelope is None else next(answers)) for line in lines])
            counter.add(len(lines))
        counter.end()
        if reader.summary() != file:
            message = f"{path} was changed while it was read"
            raise CardFileError(message, "look at what the results say, and import the whole file again")
        return results.imported


def _check_recipient(vault: Vault, path: Path, operation_id: str, header: Mapping[str, Any]) -> None:
    """Refuse a file that says it is for another key before any line is sent: none of them could be opened."""
    from payera.vault.v1 import key_service_pb2 as contract

    recipient = str(header.get("public_key_digest"))
    # Others may write it in another way, or not at all; and what was begun passed here, and may be finished by now.
    if _DIGEST.fullmatch(recipient) is None or _results_of(path).exists():
        return
    answer = vault.repeat("GetImportKey", contract.GetImportKeyRequest(operation_id=operation_id))
    digest = thumbprint_of(answer.public_key)
    if recipient != digest:
        message = f"{path} is encrypted for another key: {recipient}\n       the key of this import: {digest}"
        raise CardFileError(message, f"have it made for this one: payera cards import-key --operation {operation_id}")


def finish_import(vault: Vault, operation_id: str) -> None:
    """Close an import; its key goes with it. Safe to repeat."""
    from payera.vault.v1 import key_service_pb2 as contract

    vault.repeat("ImportCards", contract.ImportCardsRequest(operation_id=operation_id, last=True))


class Results:
    """The answers to the lines of one file in one import; those of an earlier run count."""

    def __init__(self, path: Path, operation_id: str, file: Summary) -> None:
        self._path = _results_of(path)
        self._of = {"operation_id": operation_id, "sha256": file.sha256}
        self._stream: IO[bytes] | None = None
        self.imported = Imported()

    def __enter__(self) -> Self:
        """Open and lock the results, and count those that are there."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        os.fchmod(descriptor, 0o600)
        stream = os.fdopen(descriptor, "r+b")
        self._stream = stream
        try:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = f"another command is writing {self._path}"
                raise StackError(message, "wait for it to end") from None
            self._resume(stream)
        except BaseException:
            stream.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        if self._stream is not None:
            self._stream.close()

    def add(self, answers: Sequence[Mapping[str, Any]]) -> None:
        """Keep the answers to a page of lines."""
        self._write("".join(json.dumps(answer) + "\n" for answer in answers).encode("ascii"))
        for answer in answers:
            self.imported.count(answer)

    def _resume(self, stream: IO[bytes]) -> None:
        first = stream.readline()
        if not first.endswith(b"\n"):
            stream.truncate(0)
            self._write((json.dumps(self._of) + "\n").encode("ascii"))
            return
        if _parsed(first) != self._of:
            message = f"{self._path} has the results of another file or import"
            raise StackError(message, "move it away, and import again")
        end = stream.tell()
        # A line that was cut is that of a card which is sent again: the vault knows what it took.
        while (content := stream.readline()).endswith(b"\n"):
            answer = _parsed(content)
            if not isinstance(answer, dict) or not {"token_id", "error"} <= answer.keys():
                message = f"{self._path} can't be read"
                raise StackError(message, "move it away, and import again: what was taken is known to the vault")
            self.imported.count(answer)
            end = stream.tell()
        stream.truncate(end)

    def _write(self, content: bytes) -> None:
        if self._stream is None:
            message = "the results are not open"
            raise RuntimeError(message)
        self._stream.seek(0, os.SEEK_END)
        self._stream.write(content)
        self._stream.flush()
        os.fsync(self._stream.fileno())


def _results_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.results")


def _pages(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Put lines together into pages that fit in a call."""
    page: list[Line] = []
    size = 0
    for line in lines:
        length = len(line.envelope or "")
        if page and (len(page) >= PAGE_LINES or size + length > PAGE_BYTES):
            yield page
            page, size = [], 0
        page.append(line)
        size += length
    if page:
        yield page


def _answer(line: Line, card: Any) -> dict[str, Any]:  # noqa: ANN401 - a message of the contract, or None
    if card is None:
        return {"line": line.number, "source_id": "", "token_id": "", "error": TOO_LONG}
    return {"line": line.number, "source_id": card.source_id, "token_id": card.token_id, "error": card.error}


def _parsed(content: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(content)
    except ValueError:
        return None
