"""Finds what looks like a card number in free text, so that it is neither stored nor logged."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

MASK: Final = "[card number]"

_SHORTEST = 13
_LONGEST = 19
_SEPARATORS = r"[ \t\u00a0\u2000-\u200a\u202f\u2010-\u2015\u2212-]*"
_RUN = re.compile(rf"[0-9](?:{_SEPARATORS}[0-9]){{{_SHORTEST - 1},}}")
_GROUP = re.compile(r"[0-9]+")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
# As cards show their numbers, in fours or 4-6-5, with one and the same sign between the groups, whatever it is.
_PRINTED = re.compile(
    r"(?<![0-9])(?:[0-9]{4}([^0-9A-Za-z])[0-9]{4}\1[0-9]{4}\1[0-9]{1,7}"
    r"|[0-9]{4}([^0-9A-Za-z])[0-9]{6}\2[0-9]{5})(?![0-9])"
)
# Numbers of the large networks with their own lengths: they count even when letters are glued to them.
_ISSUED = re.compile(
    r"4[0-9]{12}(?:[0-9]{3})?(?:[0-9]{3})?\Z|(?:5[1-5]|2[2-7]|6[0245]|35)[0-9]{14}\Z|3[47][0-9]{13}\Z|3[068][0-9]{12}\Z"
)


def luhn_valid(digits: str) -> bool:
    """Tell whether `digits`, ASCII digits only, end in the right check digit; False for an empty or non-digit text."""
    if not digits.isascii() or not digits.isdigit():
        return False
    values = [ord(digit) - 48 for digit in reversed(digits)]
    return (sum(values[::2]) + sum([_DOUBLED[value] for value in values[1::2]])) % 10 == 0


def contains_card_number(text: str) -> bool:
    """Tell whether `text` has 13 to 19 digits, spaces and dashes skipped, that pass the Luhn check.

    Digits glued to a letter or underscore belong to an identifier, unless they have a network's prefix and length.
    Groups as cards print them count with any one sign between them; digits of other scripts and invisible signs don't
    hide a number.
    """
    plain = text if text.isascii() else _plain(text)
    return any(
        not _glued(plain, start, end) or _ISSUED.match(digits) is not None for start, end, digits in _candidates(plain)
    ) or any(_is_printed_number(found[0]) for found in _PRINTED.finditer(plain))


def mask_card_numbers(text: str) -> str:
    """Give `text` with everything that could be a card number replaced.

    Digits glued to letters are masked too: a log loses nothing by that.
    """
    printed = [found.span() for found in _PRINTED.finditer(text) if _is_printed_number(found[0])]
    if not printed and _RUN.search(text) is None:
        return text
    spans = sorted([*((start, end) for start, end, _ in _candidates(text)), *printed])
    parts = []
    position = 0
    for start, end in spans:
        if start > position:
            parts.append(text[position:start])
        if start >= position:
            parts.append(MASK)
        position = max(position, end)
    parts.append(text[position:])
    return "".join(parts)


def _plain(text: str) -> str:
    """Give `text` with digits of any script as ASCII digits and without signs that can't be seen."""
    folded = unicodedata.normalize("NFKC", text)
    return "".join(
        str(digit) if (digit := unicodedata.digit(sign, None)) is not None else sign
        for sign in folded
        if unicodedata.category(sign) != "Cf"
    )


def _is_printed_number(text: str) -> bool:
    digits = "".join(sign for sign in text if sign.isdigit())
    return _ISSUED.match(digits) is not None and luhn_valid(digits)


def _glued(text: str, start: int, end: int) -> bool:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    return before == "_" or before.isalpha() or after == "_" or after.isalpha()


def _candidates(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield start, end and digits of each Luhn-valid stretch of whole groups of digits, from left to right."""
    for run in _RUN.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, run.start(), run.end())]
        for first in range(len(groups)):
            digits = ""
            for start, end in groups[first:]:
                digits += text[start:end]
                if len(digits) > _LONGEST:
                    break
                if len(digits) >= _SHORTEST and luhn_valid(digits):
                    yield groups[first][0], end, digits
