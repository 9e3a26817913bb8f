"""Numbers and other secrets that were planted on purpose, and every form in which they are recognised."""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from devstack.scan.issuers import LONGEST, SHORTEST
from devstack.scan.numbers import RAW, SEPARATED, digits_of

VARINT: Final = "varint"
INTEGER: Final = "integer"
DOUBLE: Final = "double"
PACKED: Final = "packed decimal"
NUMERIC: Final = "numeric"
#: Shorter texts would not be recognised in every encoding.
SHORTEST_TEXT: Final = 14
_SHOWN_OF_A_TEXT: Final = 3
_EXACT_IN_A_DOUBLE: Final = 2**53
_EIGHT_BYTES: Final = 2**64
_GROUP: Final = 4
_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80
#: Fewer groups of a numeric could stand anywhere by chance.
_GROUPS_THAT_TELL: Final = 3


@dataclass(frozen=True, slots=True)
class Canary:
    """Something that was planted: a number of 13 to 19 digits, or another text of fourteen signs or more."""

    text: str = field(repr=False)

    @property
    def is_number(self) -> bool:
        """Tell whether it is looked for among digits with any signs between them."""
        return self.text.isascii() and self.text.isdigit() and SHORTEST <= len(self.text) <= LONGEST

    @property
    def shown(self) -> str:
        """Return what may be shown of it."""
        return masked(self.text) if self.is_number else f"{self.text[:_SHOWN_OF_A_TEXT]}***"


@dataclass(frozen=True, slots=True)
class Planted:
    """A canary that was found: where it begins, and in which form."""

    canary: Canary
    start: int
    form: str


def masked(number: str) -> str:
    """Return a number as it may be shown: its first six and last four digits."""
    return f"{number[:6]}***{number[-4:]}"


class CanarySearch:
    """Searches for all canaries at once."""

    def __init__(self, canaries: Sequence[Canary]) -> None:
        self._numbers = [(canary, canary.text.encode("ascii")) for canary in canaries if canary.is_number]
        self._literals: dict[bytes, tuple[Canary, str]] = {}
        for canary in canaries:
            forms = _number_forms(canary.text) if canary.is_number else _text_forms(canary.text)
            for literal, form in forms:
                self._literals.setdefault(literal, (canary, form))
        longest_first = sorted(self._literals, key=len, reverse=True)
        self._pattern = re.compile(rb"|".join(map(re.escape, longest_first)), re.DOTALL) if longest_first else None

    def find_literals(self, data: bytes) -> Iterator[Planted]:
        """Yield texts, and numbers that are not written in digits."""
        for found in self._pattern.finditer(data) if self._pattern else ():
            canary, form = self._literals[found[0]]
            yield Planted(canary, found.start(), form)

    def find_digits(self, data: bytes, start: int, end: int) -> Iterator[Planted]:
        """Yield the numbers in one loose run of digits, whatever stands before and after them."""
        if not self._numbers:
            return
        digits = digits_of(data[start:end])
        places: list[int] = []
        for canary, text in self._numbers:
            at = digits.find(text)
            while at >= 0:
                places = places or [place for place in range(start, end) if 48 <= data[place] <= 57]  # noqa: PLR2004
                whole = data.startswith(text, places[at])
                yield Planted(canary, places[at], RAW if whole else SEPARATED)
                at = digits.find(text, at + len(text))


def varint(value: int) -> bytes:
    """Return an integer as protobuf writes it."""
    found = bytearray()
    while value > _SEVEN_BITS:
        found.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    found.append(value)
    return bytes(found)


def _text_forms(text: str) -> Iterator[tuple[bytes, str]]:
    plain = text.encode()
    yield plain, RAW
    groups = [plain[at : at + _GROUP] for at in range(0, len(plain), _GROUP)]
    yield b" ".join(groups), SEPARATED
    yield b"-".join(groups), SEPARATED


def _number_forms(text: str) -> Iterator[tuple[bytes, str]]:
    """Yield a number as programs write it when they take it for one."""
    value = int(text)
    yield varint(value), VARINT
    yield varint(value * 2), VARINT
    if value < _EIGHT_BYTES:
        yield value.to_bytes(8, "big"), INTEGER
        yield value.to_bytes(8, "little"), INTEGER
    if value < _EXACT_IN_A_DOUBLE:
        yield struct.pack(">d", value), DOUBLE
        yield struct.pack("<d", value), DOUBLE
    for padded in {text} if len(text) % 2 == 0 else {f"0{text}", f"{text}f"}:
        yield bytes.fromhex(padded), PACKED
    # PostgreSQL keeps a numeric in groups of four digits, without those at the end that are zero.
    padded = text.zfill(-(-len(text) // _GROUP) * _GROUP)
    groups = [int(padded[at : at + _GROUP]) for at in range(0, len(padded), _GROUP)]
    while groups[-1] == 0:
        groups.pop()
    if len(groups) >= _GROUPS_THAT_TELL:
        yield struct.pack(f">{len(groups)}H", *groups), NUMERIC
        yield struct.pack(f"<{len(groups)}H", *groups), NUMERIC
