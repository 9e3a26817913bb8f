"""Finds card numbers and codes in bytes, in every form and through windows: pure, bytes in and findings out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from devstack.scan import protobuf
from devstack.scan.canaries import VARINT, Canary, CanarySearch, masked
from devstack.scan.codes import CodeSearch
from devstack.scan.issuers import LONGEST
from devstack.scan.numbers import LOOSE, RAW, card_numbers
from devstack.scan.sieve import Sieve
from devstack.scan.views import views

Locate = Callable[[int], int]

WINDOW_BYTES: Final = 1024 * 1024
#: Seen before and after what a window is searched for; longer than any form of a number with what decides about it.
MARGIN_BYTES: Final = 4096
#: Encodings within each other: base64 of JSON escapes, for example.
DEEPEST: Final = 2
HIDDEN: Final = "***"


class Kind(StrEnum):
    """What was found."""

    CANARY = "canary"
    CARD_NUMBER = "card number"
    CANARY_CODE = "canary code"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found in bytes: its form, its place, and as much of it as may be shown."""

    kind: Kind
    form: str
    offset: int
    shown: str
    #: For the allow-list alone.
    digits: str = field(repr=False, compare=False)

    @property
    def planted(self) -> bool:
        """Tell whether it was searched for by name: no allow-list excuses it."""
        return self.kind in {Kind.CANARY, Kind.CANARY_CODE}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to search for: planted numbers, texts and codes, and any card number or code at all."""

    canaries: Sequence[Canary] = ()
    codes: Sequence[str] = field(default=(), repr=False)
    any_card: bool = True
    any_code: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a stream; what begins from `low` to before `high` is found in this window and in no other."""

    data: bytes
    base: int
    low: int
    high: int


class Matcher:
    """Searches bytes for what is wanted. Time grows with the bytes, whatever they are; memory with one window."""

    def __init__(self, wanted: Wanted, *, window_bytes: int = WINDOW_BYTES, margin_bytes: int = MARGIN_BYTES) -> None:
        self._wanted = wanted
        self._canaries = CanarySearch(wanted.canaries)
        self._codes = CodeSearch(wanted.codes, any_code=wanted.any_code)
        self._window_bytes = window_bytes
        self._margin_bytes = margin_bytes

    def search(self, data: bytes, *, is_protobuf: bool = False) -> list[Hit]:
        """Return what is in `data`, in order; with `is_protobuf` the integers of the message are looked at too."""
        hits = self._search(data)
        if is_protobuf and self._wanted.any_card:
            known = {hit.offset for hit in hits}
            hits += [
                Hit(Kind.CARD_NUMBER, VARINT, at, masked(digits), digits)
                for at, digits in protobuf.card_numbers(data)
                if at not in known
            ]
        return sorted(hits, key=lambda hit: hit.offset)

    def stream(self, blocks: Iterable[bytes]) -> Iterator[Hit]:
        """Yield what is in a stream, in order, each thing once; offsets are the stream's."""
        for window in windows(blocks, self._window_bytes, self._margin_bytes):
            for hit in self.search(window.data):
                if window.low <= hit.offset < window.high:
                    yield Hit(hit.kind, hit.form, window.base + hit.offset, hit.shown, hit.digits)

    def _search(self, data: bytes) -> list[Hit]:
        """Collect what all views of the data show; what is seen in several ways counts as seen in the plainest."""
        if data == bytes(len(data)):
            return []
        collected: dict[tuple[int, str], Hit] = {}
        for hit in self._look(data, lambda index: index, (), 0):
            known = collected.get((hit.offset, hit.digits))
            if known is None or (hit.planted and not known.planted):
                collected[hit.offset, hit.digits] = hit
        return list(collected.values())

    def _look(self, data: bytes, locate: Locate, path: tuple[str, ...], depth: int) -> Iterator[Hit]:
        for planted in self._canaries.find_literals(data):
            yield _hit(
                Kind.CANARY, planted.form, path, locate(planted.start), planted.canary.shown, planted.canary.text
            )
        sieve = Sieve(data)
        for start, end in sieve.digits(LONGEST):
            for run in LOOSE.finditer(data, start, end):
                yield from self._look_at_digits(data, run.span(), locate, path)
        for code in self._codes.find(data):
            kind = Kind.CANARY_CODE if code.planted else Kind.CODE
            yield _hit(kind, f"beside {code.name}", path, locate(code.start), HIDDEN, code.text)
        if depth < DEEPEST:
            for view in views(data, sieve):
                yield from self._look(view.content, _through(view.locate, locate), (view.form, *path), depth + 1)

    def _look_at_digits(
        self, data: bytes, span: tuple[int, int], locate: Locate, path: tuple[str, ...]
    ) -> Iterator[Hit]:
        for planted in self._canaries.find_digits(data, *span):
            canary = planted.canary
            yield _hit(Kind.CANARY, planted.form, path, locate(planted.start), canary.shown, canary.text)
        for found in card_numbers(data, *span) if self._wanted.any_card else ():
            yield _hit(Kind.CARD_NUMBER, found.form, path, locate(found.start), masked(found.text), found.text)


def windows(blocks: Iterable[bytes], window_bytes: int, margin_bytes: int) -> Iterator[Window]:
    """Cut a stream into overlapping windows; every place belongs to exactly one, with a margin around it."""
    data, base, low = bytearray(), 0, 0
    for block in blocks:
        for at in range(0, len(block), window_bytes):
            data += block[at : at + window_bytes]
            if len(data) >= window_bytes + 2 * margin_bytes:
                yield Window(bytes(data), base, low, len(data) - margin_bytes)
                base += len(data) - 2 * margin_bytes
                del data[: len(data) - 2 * margin_bytes]
                low = margin_bytes
    yield Window(bytes(data), base, low, len(data))


def _hit(kind: Kind, form: str, path: tuple[str, ...], offset: int, shown: str, digits: str) -> Hit:
    """Make a hit; what is plain within an encoding has the encoding's name, else both have theirs."""
    encodings = path if form == RAW and path else (form, *path)
    return Hit(kind, " in ".join(encodings), offset, shown, digits)


def _through(inner: Locate, outer: Locate) -> Locate:
    return lambda index: outer(inner(index))
