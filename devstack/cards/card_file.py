"""Files of encrypted cards: a header line, one compact JWE per line, and a trailer that tells a cut file.

Nothing here can open a card. Lines are read one at a time, whatever the size of the file.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from devstack.errors import StackError

FORMAT: Final = "payera-cards"
VERSION: Final = 1
LINE_LONGEST: Final = 16_384
"""Bytes of a line without its end; a longer one is one refused card and nothing more."""

_BRACE: Final = b"{"


class CardFileError(StackError):
    """A file is no file of cards, or not all of one; no text repeats anything of a card's line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A card of the file by its place, counted from 1 as editors do; `envelope` is None for a line that is too long."""

    number: int
    envelope: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a whole file says of itself, after it was found true."""

    header: Mapping[str, Any]
    cards: int
    sha256: str


def header_line(*, merchant_id: str, operation_id: str, create_time: str, public_key_digest: str) -> bytes:
    """Give the first line of a file."""
    return _line(
        {
            "format": FORMAT,
            "version": VERSION,
            "merchant_id": merchant_id,
            "operation_id": operation_id,
            "create_time": create_time,
            "public_key_digest": public_key_digest,
        }
    )


def trailer_line(cards: int, sha256: str) -> bytes:
    """Give the last line: how many cards, and the SHA-256 in hex of all lines before it, their ends included."""
    return _line({"cards": cards, "sha256": sha256})


def check_file(path: Path) -> Summary:
    """Read a whole file and give what it says of itself. Raises CardFileError for one that is cut or changed."""
    reader = CardFileReader(path)
    for _ in reader:
        pass
    return reader.summary()


class CardFileReader:
    """Gives the cards of a file one by one, then its `summary`. Raises CardFileError at the line that is wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._summary: Summary | None = None

    def __iter__(self) -> Iterator[Line]:
        """Give the lines of cards. What is wrong with the whole file is known at its end, not before."""
        with _opened(self._path) as stream:
            digest = hashlib.sha256()
            first = _next_line(stream, digest)
            header = self._header(first)
            digest.update(first or b"")
            cards = 0
            while True:
                content = _next_line(stream, digest)
                if content == b"":
                    raise self._error("it has no trailer, so it was cut off")
                if content is not None and content.startswith(_BRACE):
                    sha256 = digest.hexdigest()
                    self._check_trailer(content, cards, sha256)
                    if stream.read(1):
                        raise self._error("something follows its trailer")
                    self._summary = Summary(header, cards, sha256)
                    return
                cards += 1
                yield Line(cards + 1, self._envelope(content))

    def summary(self) -> Summary:
        """Give what the file says of itself, once it was read to its end."""
        if self._summary is None:
            raise self._error("it was not read to its end")
        return self._summary

    def _header(self, content: bytes | None) -> Mapping[str, Any]:
        header = _object_of(content)
        if header.get("format") != FORMAT:
            raise self._error(f'its first line is no header with "format": "{FORMAT}"')
        if header.get("version") != VERSION:
            raise self._error(f"its version is not {VERSION}")
        return header

    def _check_trailer(self, content: bytes, cards: int, sha256: str) -> None:
        trailer = _object_of(content)
        if not trailer:
            raise self._error("its last line is no whole trailer: it was cut or changed")
        if trailer.get("cards") != cards:
            raise self._error("it has not as many cards as its trailer counts: it was cut or changed")
        if trailer.get("sha256") != sha256:
            raise self._error("its lines are not those that its trailer was made for: it was changed")

    def _envelope(self, content: bytes | None) -> str | None:
        if content is None:
            return None
        try:
            return content.rstrip(b"\r\n").decode("ascii")
        except UnicodeDecodeError:
            # No envelope has such a sign: the vault refuses the line as any other that is none.
            return ""

    def _error(self, rule: str) -> CardFileError:
        return CardFileError(f"{self._path} can't be taken: {rule}", "get the whole file again from where it was made")


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise CardFileError(f"{path} can't be read: {error.strerror}", "check its name and rights") from None


def _next_line(stream: IO[bytes], digest: Any) -> bytes | None:  # noqa: ANN401 - hashlib's objects have no public type
    """Give the next line with its end, empty at the end of the file, None when it is too long.

    Each is digested but header and trailer, which are told from envelopes by their brace.
    """
    content = stream.readline(LINE_LONGEST + 2)
    if content.startswith(_BRACE):
        return content
    digest.update(content)
    fits = len(content.rstrip(b"\r\n")) <= LINE_LONGEST
    part = content
    while part and not part.endswith(b"\n"):
        part = stream.readline(LINE_LONGEST)
        digest.update(part)
        fits = fits and not part
    return content if fits else None


def _object_of(content: bytes | None) -> Mapping[str, Any]:
    try:
        value = json.loads(content or b"")
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}


def _line(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, separators=(",", ":")) + "\n").encode("ascii")
