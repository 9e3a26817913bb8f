"""Amounts in a PSP's own units. Written apart from the connectors' conversion, so that one can prove the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from mesh.currencies import exponent_of

LONGEST_DECIMAL: Final = 32


@dataclass(frozen=True, slots=True)
class Units:
    """The currencies in which a PSP counts otherwise than ISO 4217: the PSP's number of decimals by currency."""

    decimals: Mapping[str, int] = field(default_factory=dict)

    def knows(self, currency: str) -> bool:
        """Tell whether a currency (upper case) can be charged."""
        return exponent_of(currency) is not None

    def decimals_of(self, currency: str) -> int:
        """Give the PSP's number of decimals; raises KeyError for a currency that can't be charged."""
        return self.decimals.get(currency, _iso(currency))

    def minor(self, value: int, currency: str) -> int | None:
        """Give ISO 4217 minor units for the PSP's integer, None for an amount finer than a minor unit."""
        return _whole(Fraction(value, 10 ** self.decimals_of(currency)) * 10 ** _iso(currency))

    def minor_of_decimal(self, text: str, currency: str) -> int | None:
        """Give ISO 4217 minor units for the PSP's decimal text, None for anything that is no amount in its decimals."""
        whole, point, part = text.partition(".")
        digits = whole.isascii() and whole.isdigit() and (not point or (part.isascii() and part.isdigit()))
        if len(text) > LONGEST_DECIMAL or not digits or len(part.rstrip("0")) > self.decimals_of(currency):
            return None
        return _whole(Fraction(text) * 10 ** _iso(currency))

    def own(self, minor: int, currency: str) -> int:
        """Give the PSP's integer for ISO 4217 minor units; what its units can't hold is cut off."""
        return int(Fraction(minor, 10 ** _iso(currency)) * 10 ** self.decimals_of(currency))

    def decimal(self, minor: int, currency: str) -> str:
        """Give the PSP's decimal text for ISO 4217 minor units, with all its decimals."""
        decimals = self.decimals_of(currency)
        digits = str(self.own(minor, currency)).rjust(decimals + 1, "0")
        return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits

    def step(self, currency: str) -> int:
        """Give the smallest difference that the PSP's units can tell, in ISO 4217 minor units and at least one."""
        return int(10 ** max(_iso(currency) - self.decimals_of(currency), 0))


def _iso(currency: str) -> int:
    exponent = exponent_of(currency)
    if exponent is None:
        raise KeyError(currency)
    return exponent


def _whole(amount: Fraction) -> int | None:
    return int(amount) if amount.denominator == 1 else None
