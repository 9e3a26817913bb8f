"""Finds what looks like a card number in free text, so that it is neither stored nor logged."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

MASK: Final = "[card number]"

_SHORTEST = 13
_SHORTEST_MASKED = 12
_LONGEST = 19
_SEPARATORS = r"[ \t\u00a0\u2000-\u200a\u202f\u2010-\u2015\u2212-]*"
_RUN = re.compile(rf"[0-9](?:{_SEPARATORS}[0-9]){{{_SHORTEST_MASKED - 1},}}")
_GROUP = re.compile(r"[0-9]+")
_ENOUGH_DIGITS = re.compile(rf"(?:[^0-9]*+[0-9]){{{_SHORTEST}}}")
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
# Only Maestro has numbers of twelve digits; without its prefixes one in ten ids and amounts would be taken for one.
_OF_TWELVE = re.compile(r"50(?:00|18|20|38)|5[6-9]|6304|639|67")
# Issued without a check digit, so that a wrong one clears nobody: UnionPay, Hipercard, and some of Maestro's.
_UNCHECKED = re.compile(
    r"(?:62[0-9]{2}|81[0-6][0-9]|817[01])[0-9]{12,15}\Z"
    r"|(?:606282|3841[046]0)(?:[0-9]{7}|[0-9]{10}|[0-9]{13})\Z"
    r"|50108[0-2][0-9]{6,13}\Z"
)
_FIRST_GROUP = 4


def luhn_valid(digits: str) -> bool:
    """Tell whether `digits`, ASCII digits only, end in the right check digit; False for an empty or non-digit text."""
    if not digits.isascii() or not digits.isdigit():
        return False
    values = [ord(digit) - 48 for digit in reversed(digits)]
    return (sum(values[::2]) + sum([_DOUBLED[value] for value in values[1::2]])) % 10 == 0


def may_be_card_number(digits: str) -> bool:
    """Tell whether a log must not show `digits`, ASCII digits only: the vault would take them as a card's number.

    Of those of no listed range it leaves twelve digits alone.
    """
    return _is_checked(digits) or _is_unusual(digits)


def contains_card_number(text: str) -> bool:
    """Tell whether `text` has 13 to 19 digits, spaces and dashes skipped, that pass the Luhn check.

    Digits glued to a letter or underscore belong to an identifier, unless they have a network's prefix and length.
    Groups as cards print them count with any one sign between them; digits of other scripts and invisible signs don't
    hide a number.
    """
    plain = text if text.isascii() else _plain(text)
    if _ENOUGH_DIGITS.match(plain) is None:
        return False
    return any(
        _is_checked(digits) and (not _glued(plain, start, end) or _ISSUED.match(digits) is not None)
        for start, end, digits, _ in _stretches(plain)
    ) or any(_is_printed_number(found[0]) for found in _PRINTED.finditer(plain))


def mask_card_numbers(text: str) -> str:
    """Give `text` with everything that could be a card number replaced.

    This is more than what is refused as one: digits glued to letters, and what the vault takes of Maestro and UnionPay,
    are masked too, for a log loses little by that.
    """
    printed = [found.span() for found in _PRINTED.finditer(text) if _is_printed_number(found[0])]
    if not printed and _RUN.search(text) is None:
        return text
    spans = sorted([*_maskable(text), *printed])
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


def _is_checked(digits: str) -> bool:
    return _SHORTEST <= len(digits) <= _LONGEST and luhn_valid(digits)


def _is_unusual(digits: str) -> bool:
    """Tell whether a card may have `digits` although they are too few, or their check digit is wrong."""
    if _UNCHECKED.match(digits) is not None:
        return True
    return len(digits) == _SHORTEST_MASKED and _OF_TWELVE.match(digits) is not None and luhn_valid(digits)


def _glued(text: str, start: int, end: int) -> bool:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    return before == "_" or before.isalpha() or after == "_" or after.isalpha()


def _maskable(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each stretch that could be a card number."""
    for start, end, digits, as_printed in _stretches(text):
        # A list of small numbers must not become a card for want of a check digit.
        if _is_checked(digits) or (as_printed and _is_unusual(digits)):
            yield start, end


def _stretches(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Yield start, end and digits of each stretch of whole groups of digits long enough, from left to right.

    The last says whether cards could print it so: the first group has the prefix, or each digit stands alone.
    """
    for run in _RUN.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(text, run.start(), run.end())]
        for first in range(len(groups)):
            digits = ""
            begin = groups[first][0]
            led = groups[first][1] - begin >= _FIRST_GROUP
            for count, (start, end) in enumerate(groups[first:], 1):
                digits += text[start:end]
                if len(digits) > _LONGEST:
                    break
                if len(digits) >= _SHORTEST_MASKED:
                    yield begin, end, digits, led or count == len(digits)
