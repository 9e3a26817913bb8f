"""The segments a payment belongs to, from coarse to fine."""

from collections.abc import Sequence
from typing import Final, Protocol

_MIDDLE: Final = 2


#: Events leave a brand empty that the facts of payments call unknown, as lists do.
_NOT_KNOWN: Final = frozenset({"", "unknown"})


class Segmented(Protocol):
    """What payments and observations have in common; parts that are not known are empty."""

    @property
    def currency(self) -> str:
        """ISO 4217."""

    @property
    def brand(self) -> str:
        """The vault's word for it."""

    @property
    def funding(self) -> str:
        """Credit, debit or prepaid."""

    @property
    def issuer_country(self) -> str:
        """ISO 3166-1 alpha-2."""

    @property
    def bin(self) -> str:
        """Six to eight digits."""


def segments_of(of: Segmented) -> tuple[str, ...]:
    """Name the segments, coarsest first: all, + brand and currency, + issuer country and funding, + BIN.

    A level whose parts are all unknown is left out, for it would be the same as the one above. A part that is unknown
    beside a known one is a dash. Each name begins with that of the level above and reads like "visa EUR FR credit".
    """
    coarse = f"{'-' if of.brand in _NOT_KNOWN else of.brand} {of.currency}"
    if of.issuer_country or of.funding:
        middle = f"{coarse} {of.issuer_country or '-'} {of.funding or '-'}"
        return ("", coarse, middle, f"{middle} {of.bin}") if of.bin else ("", coarse, middle)
    return ("", coarse, f"{coarse} - - {of.bin}") if of.bin else ("", coarse)


def stratum_of(names: Sequence[str]) -> int:
    """Tell which of a payment's segments has its like compared with each other: the finest that is not of one BIN."""
    if len(names) > _MIDDLE and not names[_MIDDLE].startswith(f"{names[1]} - - "):
        return _MIDDLE
    return 1
