"""The networks' letters for the issuer's checks of address and card code, as data (AVS and CVC result tables)."""

from types import MappingProxyType
from typing import Final

from psp_connectors.domain.outcomes import Check

_LETTERS: Final = MappingProxyType(
    {"Y": Check.MATCH, "N": Check.NO_MATCH, "U": Check.UNAVAILABLE, "-": Check.NOT_CHECKED}
)
# Street and postal code, then the letters that say so.
_AVS: Final = (
    ("YN", "A O"),
    ("Y-", "B T"),
    ("NN", "C K N"),
    ("YY", "D M X Y V J Q H"),
    ("-Y", "F P"),
    ("NY", "L W Z"),
    ("UU", "E G S I U R"),
)
AVS_CHECKS: Final = MappingProxyType(
    {letter: (_LETTERS[result[0]], _LETTERS[result[1]]) for result, letters in _AVS for letter in letters.split()}
)
"""Checks of street and postal code by the network's AVS letter."""

CARD_CODE_CHECKS: Final = MappingProxyType(
    {
        "M": Check.MATCH,
        "N": Check.NO_MATCH,
        "D": Check.NO_MATCH,
        "I": Check.NO_MATCH,
        "P": Check.NOT_CHECKED,
        "S": Check.NOT_CHECKED,
        "U": Check.UNAVAILABLE,
        "X": Check.UNAVAILABLE,
    }
)
"""Check of the card code by the network's CVC letter."""
