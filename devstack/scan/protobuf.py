"""Reads a protobuf message without its contract, for the integers in it that could be card numbers."""

import re
from collections.abc import Iterator
from typing import Final

from devstack.scan.issuers import is_card_number

_DEEPEST: Final = 16
#: Integers of thirteen digits and more have at least six bytes. Most messages have none, and are not read.
_LONG_VARINT: Final = re.compile(rb"[\x80-\xff]{5,9}[\x00-\x7f]")
_LONGEST_VARINT: Final = 10
_SMALLEST: Final = 10**12
_LARGEST: Final = 10**19
_FIXED_BYTES: Final = {1: 8, 5: 4}


def card_numbers(message: bytes) -> Iterator[tuple[int, str]]:
    """Yield place and digits of each integer that could be a card number; nothing when it is no protobuf message.

    A part of known length counts as a message of its own when it reads as one to its last byte.
    """
    if _LONG_VARINT.search(message):
        yield from _read(message, 0, len(message), 0) or ()


def _read(data: bytes, position: int, end: int, depth: int) -> list[tuple[int, str]] | None:
    """Return what is in the message between two places, or None when there is no message."""
    found: list[tuple[int, str]] = []
    while position < end:
        tag, position = _varint(data, position, end)
        if tag >> 3 == 0:
            return None
        begin = position
        match tag & 7:
            case 0:
                value, position = _varint(data, position, end)
                if value < 0:
                    return None
                if _SMALLEST <= value < _LARGEST and is_card_number(str(value)):
                    found.append((begin, str(value)))
            case 1 | 5 as kind:
                position += _FIXED_BYTES[kind]
            case 2:
                length, position = _varint(data, position, end)
                if length < 0 or position + length > end:
                    return None
                if depth < _DEEPEST:
                    found += _read(data, position, position + length, depth + 1) or []
                position += length
            case _:
                return None
    return found if position == end else None


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Return the integer at a place and where it ends; -1 when there is none."""
    value = 0
    for count in range(min(_LONGEST_VARINT, end - position)):
        sign = data[position + count]
        value |= (sign & 0x7F) << 7 * count
        if sign < 0x80:  # noqa: PLR2004 - the bit that says there is more
            return value, position + count + 1
    return -1, end
