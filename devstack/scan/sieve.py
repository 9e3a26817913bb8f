"""Finds quickly where something could be: classes of bytes as bits of one long integer, a million places at a time.

Regular expressions visit every digit and letter; these few shifts don't, and what they leave over is little. Places of
`data` are bytes of the integer, so a shift right by `8 * n` brings the class of the sign `n` places further on here.
"""

import re
import string
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

Region = tuple[int, int]

_DIGIT, _NO_LETTER, _HEX, _LOW_HEX, _PLAIN, _NUL, _BLANK = (1 << bit for bit in range(7))
_DIGITS_OF_A_NUMBER: Final = 13
_TEXT_SIGNS: Final = 11
_ONES: Final = re.compile(rb"\x01\x01*")
_BASE64_SIGNS: Final = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/").encode("ascii")


def _table(*classes: tuple[int, bytes]) -> bytes:
    """Make the table that turns each byte into the bits of its classes."""
    table = bytearray(256)
    for bit, signs in classes:
        for sign in signs:
            table[sign] |= bit
    return bytes(table)


def _base64_signs(bits: str) -> bytes:
    """Return the base64 signs whose six bits match `bits`, where a dot is any."""
    texts = (f"{value:06b}" for value in range(64))
    pattern = re.compile(bits)
    found = bytes(_BASE64_SIGNS[value] for value, text in enumerate(texts) if pattern.fullmatch(text))
    return found + found.translate(bytes.maketrans(b"+/", b"-_"))


_SIGNS: Final = _table(
    (_DIGIT, string.digits.encode()),
    (_NO_LETTER, bytes(set(range(256)) - set(string.ascii_letters.encode()))),
    (_HEX, string.hexdigits.encode()),
    (_LOW_HEX, b"01234567"),
    (_PLAIN, bytes([*range(0x20, 0x7F), 0xA0])),
    (_NUL, b"\0"),
    (_BLANK, b" :"),
)
# The four signs of three digits, and those of three bytes of any text below 0x80.
_QUANTA: Final = tuple(
    _table(*((1 << place, _base64_signs(bits)) for place, bits in enumerate(quantum)))
    for quantum in (("0011..", "..0011", "....00", "11...."), ("0.....", "..0...", "....0.", "......"))
)


class Sieve:
    """Where in some bytes a number could be, plainly or encoded; what it leaves out holds none."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._ones = _ones(len(data))
        self._signs = int.from_bytes(data.translate(_SIGNS), "little")

    def digits(self, around: int) -> Iterator[Region]:
        """Yield regions with thirteen places in a row that are no letters and have a digit within four."""
        signs = self._signs
        near = (signs | signs >> 8 | signs >> 16 | signs >> 24) & self._ones
        return self._regions(_in_a_row(near & self._class(_NO_LETTER), _DIGITS_OF_A_NUMBER, 8), around)

    def hex(self, around: int) -> Iterator[Region]:
        """Yield regions with thirteen bytes below 0x80 in hex, also with a sign between the bytes."""
        pairs = self._class(_LOW_HEX) & self._class(_HEX) >> 8
        dumped = _in_a_row(pairs & self._class(_BLANK) >> 16, _DIGITS_OF_A_NUMBER - 1, 24)
        return self._regions(_in_a_row(pairs, _DIGITS_OF_A_NUMBER, 16) | dumped, around)

    def wide(self, around: int) -> Iterator[Region]:
        """Yield regions with twelve signs of two bytes each."""
        if b"\0" not in self._data:
            return iter(())
        return self._regions(_in_a_row(self._class(_PLAIN) & self._class(_NUL) >> 8, _TEXT_SIGNS, 16), around)

    def base64(self, around: int) -> Iterator[Region]:
        """Yield regions with nine digits or twelve bytes below 0x80 in base64."""
        found = 0
        for table, count in zip(_QUANTA, (3, 4), strict=True):
            signs = int.from_bytes(self._data.translate(table), "little")
            # The second sign's bit is the second one, and so on: one shift brings both place and bit here.
            quanta = signs & signs >> 9 & signs >> 18 & signs >> 27 & self._ones
            found |= _in_a_row(quanta, count, 32)
        return self._regions(found, around)

    def _class(self, bit: int) -> int:
        return self._signs >> bit.bit_length() - 1 & self._ones

    def _regions(self, found: int, around: int) -> Iterator[Region]:
        if not found:
            return iter(())
        return regions((match.span() for match in _ONES.finditer(found.to_bytes(len(self._data), "little"))), around)


def regions(spans: Iterator[Region], around: int) -> Iterator[Region]:
    """Yield spans widened on both sides, those that touch as one; the last may end after the data."""
    start = end = -1
    for first, last in spans:
        if start >= 0 and first - around <= end:
            end = last + around
            continue
        if start >= 0:
            yield start, end
        start, end = max(first - around, 0), last + around
    if start >= 0:
        yield start, end


@lru_cache(maxsize=4)
def _ones(count: int) -> int:
    """Return one set bit for each place; windows have one length, and this is half a sieve's work."""
    return int.from_bytes(b"\x01" * count, "little")


def _in_a_row(places: int, count: int, step: int) -> int:
    """Return the places from which on `count` of them, `step` bits apart, are all set."""
    found, length = places, 1
    while length < count:
        more = min(length, count - length)
        found &= found >> step * more
        length += more
    return found
