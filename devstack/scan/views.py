"""Undoes the encodings in which a number may hide: what looks encoded is given decoded, with where it came from."""

import binascii
import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from devstack.scan.sieve import Region, Sieve, regions

#: How much before and after a sign of an encoding is decoded with it: no form of a number is longer.
AROUND: Final = 192
AROUND_AN_ESCAPE: Final = 96
HEX: Final = "hex"
BASE64: Final = "base64"
UTF16: Final = "utf-16"
URL: Final = "url-encoded"
JSON: Final = "json escape"
HTML: Final = "html escape"
SCRIPT: Final = "digits of another script"

#: Stands between two stretches: too long to be a separator within a number.
_APART: Final = b"\n\n\n\n"
#: Each begins with bytes of its own, which the search for it jumps to.
_ESCAPES: Final = {
    rb"%(?:25){0,3}[0-9A-Fa-f]{2}": URL,
    rb"\\\\{0,7}(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})": JSON,
    rb"&(?:#[0-9]{2,5}|#[xX][0-9A-Fa-f]{2,4}|nbsp);": HTML,
    rb"\xef\xbc[\x90-\x99]": SCRIPT,
    rb"\xd9[\xa0-\xa9]": SCRIPT,
    rb"\xdb[\xb0-\xb9]": SCRIPT,
}
_EACH_ESCAPE: Final = tuple((re.compile(pattern), form) for pattern, form in _ESCAPES.items())
#: Thirteen bytes and more, also as a dump prints them.
_HEX_RUN: Final = re.compile(rb"(?:[0-9A-Fa-f]{2}[ :]){12,}[0-9A-Fa-f]{2}|[0-9A-Fa-f]{26,}")
_HEX_BLANKS: Final = b" :"
_LINE_BREAK: Final = rb"(?:\r?\n|\\+r\\+n|\\+n)"
_BASE64_RUN: Final = re.compile(rb"[A-Za-z0-9+/_-]+(?:" + _LINE_BREAK + rb"[A-Za-z0-9+/_-]+)*")
_BREAK: Final = re.compile(_LINE_BREAK)
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_SHORTEST_BASE64: Final = 16
_QUANTUM: Final = 4
#: Little and big endian are the same from the first sign's byte on.
_WIDE: Final = re.compile(rb"[\x20-\x7e\xa0](?:\x00[\x20-\x7e\xa0]){11,}")


class View:
    """All stretches of one encoding, decoded, and for each byte where it came from."""

    def __init__(self, form: str) -> None:
        self.form = form
        self._parts: list[bytes] = []
        self._length = 0
        # From each of these places on, `numerator` bytes of the source are `denominator` bytes here.
        self._here: list[int] = []
        self._steps: list[tuple[int, int, int]] = []

    @property
    def content(self) -> bytes:
        """Return what the stretches say."""
        return b"".join(self._parts)

    def add(self, part: bytes, source: int, numerator: int = 1, denominator: int = 1) -> None:
        """Add what is decoded from `source` on."""
        self._here.append(self._length)
        self._steps.append((source, numerator, denominator))
        self._parts.append(part)
        self._length += len(part)

    def break_at(self, place: int, source: int, numerator: int, denominator: int) -> None:
        """Say that the last part goes on from `source` at `place` within it."""
        self._here.append(self._length - len(self._parts[-1]) + place)
        self._steps.append((source, numerator, denominator))

    def end_stretch(self) -> None:
        """Keep what comes next apart."""
        self._parts.append(_APART)
        self._length += len(_APART)

    def locate(self, index: int) -> int:
        """Return where the byte at `index` came from."""
        step = bisect_right(self._here, index) - 1
        source, numerator, denominator = self._steps[step]
        return source + (index - self._here[step]) * numerator // denominator


def views(data: bytes, sieve: Sieve) -> Iterator[View]:
    """Yield what of `data` could hide a number, decoded: a view for each encoding and each way to read it."""
    yield from _escaped(data)
    yield from _hex(data, list(sieve.hex(AROUND)))
    yield from _base64(data, list(sieve.base64(AROUND)))
    wide = [found for start, end in sieve.wide(AROUND) for found in _WIDE.finditer(data, start, end)]
    if wide:
        view = View(UTF16)
        for found in wide:
            view.add(found[0][::2], found.start(), 2)
            view.end_stretch()
        yield view


def _escaped(data: bytes) -> Iterator[View]:
    """Yield one view in which all escapes are undone, named after them when they are of one kind."""
    found = sorted((escape.span(), form) for pattern, form in _EACH_ESCAPE for escape in pattern.finditer(data))
    if not found:
        return
    kinds = {form for _, form in found}
    view = View(kinds.pop() if len(kinds) == 1 else "escaped")
    spans = [span for span, _ in found]
    count = 0
    for start, reach in regions(iter(spans), AROUND_AN_ESCAPE):
        end, position = min(reach, len(data)), start
        while count < len(spans) and spans[count][1] <= end:
            first, last = spans[count]
            count += 1
            if first >= position:
                view.add(data[position:first], position)
                view.add(_unescaped(data[first:last]), first)
                position = last
        view.add(data[position:end], position)
        view.end_stretch()
    yield view


def _unescaped(token: bytes) -> bytes:
    """Return what an escape stands for; digits of any script as ASCII digits."""
    match token[:1]:
        case b"%":
            return bytes([int(token[-2:], 16)])
        case b"\\":
            return _folded(chr(int(token.lstrip(b"\\")[1:], 16)))
        case b"&":
            return _folded(html.unescape(token.decode("ascii")))
        case _:
            return _folded(token.decode())


def _folded(sign: str) -> bytes:
    digit = unicodedata.digit(sign, None) if len(sign) == 1 else None
    return str(digit).encode() if digit is not None else sign.encode("utf-8", "replace")


def _hex(data: bytes, where: list[Region]) -> Iterator[View]:
    """Yield both ways to pair the digits."""
    runs = [found for start, end in where for found in _HEX_RUN.finditer(data, start, end)]
    for phase in (0, 1) if runs else ():
        view = View(HEX)
        for found in runs:
            digits = found[0].translate(None, _HEX_BLANKS)[phase:]
            # A dump's bytes stand three apart.
            step = 2 if found[0].isalnum() else 3
            view.add(bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii")), found.start() + phase, step)
            view.end_stretch()
        yield view


def _base64(data: bytes, where: list[Region]) -> Iterator[View]:
    """Yield the four ways to begin, for what looks like base64 may be glued to a word before it."""
    runs = [found for start, end in where for found in _BASE64_RUN.finditer(data, start, end)]
    runs = [found for found in runs if len(found[0]) >= _SHORTEST_BASE64]
    for phase in range(_QUANTUM) if runs else ():
        view = View(BASE64)
        for found in runs:
            _add_base64(view, found[0], found.start(), phase)
            view.end_stretch()
        yield view


def _add_base64(view: View, run: bytes, start: int, phase: int) -> None:
    breaks = list(_BREAK.finditer(run))
    text = (_BREAK.sub(b"", run) if breaks else run).translate(_STANDARD)[phase:]
    if len(text) % _QUANTUM == 1:
        text = text[:-1]
    view.add(binascii.a2b_base64(text + b"=" * (-len(text) % _QUANTUM)), start + phase, 4, 3)
    removed = 0
    for broken in breaks:
        # The first quantum that lies wholly after the line's end.
        quanta = -(-(broken.start() - removed - phase) // _QUANTUM)
        removed += broken.end() - broken.start()
        if quanta >= 0:
            view.break_at(quanta * 3, start + phase + quanta * _QUANTUM + removed, 4, 3)
