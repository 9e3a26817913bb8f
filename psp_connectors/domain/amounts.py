"""Amounts as PSPs want them: in exponents of their own, as integers or as decimal texts, exact or not at all.

Payera counts in ISO 4217 minor units; what a PSP calls the minor unit of a currency may differ (Stripe's ISK, Adyen's
CLP). Each connector has its PSP's table and converts here, in both directions, without ever rounding.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mesh.currencies import exponent_of
from mesh.money import Money
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.declines import DeclineCode

_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]{0,15})(?:\.([0-9]{1,8}))?\Z")


@dataclass(frozen=True, slots=True)
class PspUnits:
    """A PSP's own units: `exponents` for currencies in which it differs from ISO 4217.

    `steps` has the currencies of which the PSP takes only multiples of a number, counted in its own units, such as
    Stripe's three-decimal currencies, whose last digit must be 0.
    """

    exponents: Mapping[str, int]
    steps: Mapping[str, int]

    def exponent(self, currency: str) -> int:
        """Give the PSP's exponent of a currency; raises Unsendable for one that can't be charged."""
        exponent = self.exponents.get(currency, exponent_of(currency))
        if exponent is None:
            raise Unsendable(DeclineCode.CURRENCY_NOT_SUPPORTED, "the currency can't be charged")
        return exponent

    def to_integer(self, money: Money) -> int:
        """Give the integer to send; raises Unsendable for an amount the PSP's units can't hold exactly."""
        shift = self.exponent(money.currency) - _iso(money.currency)
        value, rest = divmod(money.value * _power(shift), _power(-shift))
        if rest or value % self.steps.get(money.currency, 1):
            raise Unsendable(DeclineCode.INVALID_AMOUNT, "the PSP can't take this amount to the last minor unit")
        return value

    def from_integer(self, value: object, currency: object) -> Money | None:
        """Give the money a PSP's integer stands for; None when it is no amount of a currency that can be charged."""
        if type(value) is not int or value < 0 or not isinstance(currency, str) or exponent_of(currency) is None:
            return None
        shift = self.exponent(currency) - _iso(currency)
        minor, rest = divmod(value * _power(-shift), _power(shift))
        return None if rest else Money(minor, currency)

    def to_decimal(self, money: Money) -> str:
        """Give the decimal text to send, with exactly the PSP's decimals: `10.50`, `1050` for JPY."""
        exponent = self.exponent(money.currency)
        value = self.to_integer(money)
        if exponent == 0:
            return str(value)
        whole, part = divmod(value, 10**exponent)
        return f"{whole}.{part:0{exponent}d}"

    def from_decimal(self, text: object, currency: object) -> Money | None:
        """Give the money a PSP's decimal text stands for; None for anything that is not exactly an amount."""
        if not isinstance(text, str) or not isinstance(currency, str) or exponent_of(currency) is None:
            return None
        match = _DECIMAL.match(text)
        if match is None:
            return None
        exponent = _iso(currency)
        decimals = (match[2] or "").ljust(exponent, "0")
        if decimals[exponent:].strip("0"):
            return None
        return Money(int(match[1] + decimals[:exponent]), currency)


def _power(exponent: int) -> int:
    """Give ten to the exponent, 1 for a negative one."""
    return int(10**exponent) if exponent > 0 else 1


def _iso(currency: str) -> int:
    exponent = exponent_of(currency)
    if exponent is None:
        raise Unsendable(DeclineCode.CURRENCY_NOT_SUPPORTED, "the currency can't be charged")
    return exponent
