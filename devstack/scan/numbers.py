"""Finds card numbers that stand in bytes as plain digits: in one piece, or in groups as cards print them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from devstack.scan.issuers import LONGEST, SHORTEST, is_card_number

RAW: Final = "raw"
SEPARATED: Final = "separated"

#: Thirteen digits and more with at most three bytes that are no letters between two of them: every number is in one.
LOOSE: Final = re.compile(rb"[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){12,}")
_SOLID: Final = re.compile(rb"[0-9]{13,}")
_SIGN: Final = rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[^0-9A-Za-z\r\n\0]"
_BLANK: Final = (
    rb"(?:[ -]|\xc2\xa0|\xe2\x80[\x80-\x8a\x90-\x95\xaf]|\xe2\x88\x92)(?:[ -]|\xc2\xa0|\xe2\x80[\x90-\x95]){0,2}"
)
_ONE: Final = rb"(?P<%b>" + _SIGN + rb"|" + _BLANK + rb")"
# Looked at from the first digit of each group, without going past it: the next group is tried as a beginning too.
_PRINTED: Final = re.compile(
    rb"[0-9](?<![0-9][0-9])(?=("
    # In fours, by blanks and dashes of any kind, or by one and the same sign; the last group may be longer.
    rb"[0-9]{3}(?:" + _BLANK + rb"[0-9]{4}){2}" + _BLANK + rb"[0-9]{1,7}"
    rb"|[0-9]{3}" + _ONE % b"fours" + rb"[0-9]{4}(?P=fours)[0-9]{4}(?P=fours)[0-9]{1,7}"
    # 4-6-5, 4-6-4 and 6-13.
    rb"|[0-9]{3}" + _ONE % b"six" + rb"[0-9]{6}(?P=six)[0-9]{4,5}"
    rb"|[0-9]{5}" + _ONE % b"long" + rb"[0-9]{13}"
    # The thirteen digits of old: 4-3-3-3.
    rb"|[0-9]{3}" + _ONE % b"threes" + rb"[0-9]{3}(?P=threes)[0-9]{3}(?P=threes)[0-9]{3}"
    # Digit by digit, all of them.
    rb"|" + _ONE % b"single" + rb"(?:[0-9](?P=single)){11,17}[0-9](?!(?P=single)[0-9](?![0-9]))"
    rb")(?![0-9]))",
    re.DOTALL,
)
_FIRST_SIGN: Final = re.compile(rb"[0-9]+([^0-9]+)")
_FIFTH_GROUP: Final = re.compile(rb"[0-9]{1,3}(?![0-9])")
_BLANKS: Final = re.compile(_BLANK)
#: Up to its last group of twelve: databases write the next column right behind that, a year mostly, as if it were one.
_UUID_HEAD: Final = re.compile(
    rb"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[1-8][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-",
)
_UUID_HEAD_LENGTH: Final = 24
_CARET: Final = re.compile(rb"\^|%(?:25)*5[Ee]|\\+(?:u00|x)5[Ee]|&#(?:94|[Xx]5[Ee]);")
_NO_DIGIT: Final = bytes(sign for sign in range(256) if not chr(sign).isdigit() or sign > ord("9"))
_ESCAPED_BLANKS: Final = b"ntrbf"
#: Bytes that no text has.
_BINARY: Final = frozenset((*range(9), *range(0x0E, 0x1B), *range(0x1C, 0x20)))
_BINARY_REACH: Final = 64


@dataclass(frozen=True, slots=True)
class Digits:
    """Some digits, where they begin and end in the bytes, and whether signs stand between them."""

    text: str = field(repr=False)
    start: int
    end: int
    form: str


def digits_of(data: bytes) -> bytes:
    """Return the ASCII digits of `data` and nothing else."""
    return data.translate(None, _NO_DIGIT)


def card_numbers(data: bytes, start: int, end: int) -> Iterator[Digits]:
    """Yield the card numbers in one loose run of digits; those that are part of a longer word or number are none."""
    for group in _SOLID.finditer(data, start, end):
        yield from _in_one_piece(data, *group.span())
    for found in _PRINTED.finditer(data, start, end):
        yield from _printed(data, found)


def starts_word(data: bytes, start: int) -> bool:
    """Tell whether no word reaches up to `start`; the letter of an escaped line break or tab is none."""
    if start == 0 or not _is_word(data[start - 1]):
        return True
    return start > 1 and data[start - 1] in _ESCAPED_BLANKS and data[start - 2] == ord("\\")


def ends_word(data: bytes, end: int) -> bool:
    """Tell whether no word goes on from `end`."""
    return end >= len(data) or not _is_word(data[end])


def _printed(data: bytes, found: re.Match[bytes]) -> Iterator[Digits]:
    """Yield the numbers that groups make: as they are, and with a fifth group when four of four are no number."""
    start, end = found.start(), found.end(1)
    between = _FIRST_SIGN.match(data, start)
    if between is None:
        return
    sign = between[1]
    # By blanks and dashes a number may follow others; by other signs, and digit by digit, it would be in a list.
    may_follow = found["single"] is None and _BLANKS.fullmatch(sign) is not None
    fifth = _FIFTH_GROUP.match(data, end + len(sign)) if data.startswith(sign, end) else None
    for stop in (end, fifth.end()) if fifth else (end,):
        digits = digits_of(data[start:stop]).decode("ascii")
        if not is_card_number(digits) or not starts_word(data, start) or not ends_word(data, stop):
            continue
        if may_follow or not _in_a_list(data, start, stop, sign):
            yield Digits(digits, start, stop, SEPARATED)
            return


def _in_a_list(data: bytes, start: int, end: int, sign: bytes) -> bool:
    """Tell whether more digits come before or after, by the same sign."""
    before = data[start - len(sign) - 1 : start]
    after = data[end : end + len(sign) + 1]
    return any(part.replace(sign, b"", 1).isdigit() and sign in part for part in (before, after))


def _is_word(sign: int) -> bool:
    return chr(sign).isalnum() and sign < 0x80  # noqa: PLR2004 - ASCII


def _in_one_piece(data: bytes, start: int, end: int) -> Iterator[Digits]:
    """Yield the number that a group of digits is."""
    if start > 1 and data[start - 1] == ord(".") and 48 <= data[start - 2] <= 57:  # noqa: PLR2004 - 0 to 9
        # The digits after a decimal point.
        return
    if _UUID_HEAD.fullmatch(data, max(start - _UUID_HEAD_LENGTH, 0), start):
        return
    for first, last in _pieces(data, start, end):
        digits = data[first:last].decode("ascii")
        if is_card_number(digits):
            yield Digits(digits, first, last, RAW)
            return


def _pieces(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where a number may stand in a group of digits: all of it, or in binary what is glued to its neighbours.

    Binary formats put a text's length before it (protobuf as it is, PostgreSQL as twice the length and three), and no
    sign after it: what follows may look like a digit or letter, and so may the length of a longer text.
    """
    binary = _in_binary(data, start)
    before = data[start - 1] if start else 0
    for length in (before, _postgres_length(before)) if binary else ():
        if SHORTEST <= length <= min(LONGEST, end - start):
            yield start, start + length
    if not ends_word(data, end):
        return
    if end - start <= LONGEST and (starts_word(data, start) or _in_track_1(data, start, end)):
        yield start, end
    for first in (start, start + 1) if binary else ():
        stated = data[first - 1] if first else 0
        alone = first < 2 or not _is_word(data[first - 2])  # noqa: PLR2004 - the sign before the length
        if alone and _is_word(stated) and SHORTEST <= end - first <= LONGEST:
            yield first, end


def _in_track_1(data: bytes, start: int, end: int) -> bool:
    """Tell whether digits are the number of a magnetic stripe's first track: `%B`, the number, and a caret.

    Escaped too: what undoes URLs takes the `%B4` of `%B4242` for a byte, so that it has to be seen before.
    """
    if not start or data[start - 1] not in b"Bb" or _CARET.match(data, end) is None:
        return False
    return starts_word(data, start - 1) or data[max(start - 4, 0) : start - 1] == b"%25"


def _postgres_length(before: int) -> int:
    return (before - 3) // 2 if before % 2 else 0


def _in_binary(data: bytes, start: int) -> bool:
    """Tell whether shortly before there is a byte that no text has."""
    return not _BINARY.isdisjoint(data[max(start - _BINARY_REACH, 0) : start])
