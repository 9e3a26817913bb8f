"""Amounts as Checkout.com takes them ("Format the amount value").

Full units for the currencies without decimals, but hundredths for CLP although it has none; thousandths whose last
digit is 0 for the currencies with three decimals; hundredths for all others. An amount has nine digits at most.
"""

from types import MappingProxyType
from typing import Final

from mesh.currencies import EXPONENT_OF
from mesh.money import Money
from psp_connectors.domain.amounts import PspUnits
from psp_connectors.domain.capabilities import AmountLimits
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.declines import DeclineCode

LARGEST: Final = 999_999_999
"""The largest amount in Checkout.com's own units."""

_FULL_UNITS: Final = frozenset(
    ("BIF", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF")
)
_THOUSANDTHS: Final = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")


def _exponent(currency: str) -> int:
    if currency in _FULL_UNITS:
        return 0
    return 3 if currency in _THOUSANDTHS else 2


UNITS: Final = PspUnits(
    exponents=MappingProxyType({currency: _exponent(currency) for currency in EXPONENT_OF}),
    steps=MappingProxyType(dict.fromkeys(_THOUSANDTHS, 10) | {"CLP": 100}),
)
"""Checkout.com's units."""


def _largest(currency: str) -> int:
    """Give the largest amount in ISO 4217 minor units."""
    shift = UNITS.exponent(currency) - EXPONENT_OF[currency]
    return int(LARGEST // 10**shift if shift >= 0 else LARGEST * 10**-shift)


LIMITS: Final = MappingProxyType(
    {
        currency: AmountLimits(smallest=10 if currency in _THOUSANDTHS else 1, largest=_largest(currency))
        for currency in EXPONENT_OF
    }
)
"""What an amount may be, by currency."""


def to_psp_amount(money: Money) -> int:
    """Give the integer to send; raises Unsendable for an amount that Checkout.com can't take exactly."""
    value = UNITS.to_integer(money)
    if value > LARGEST:
        raise Unsendable(DeclineCode.INVALID_AMOUNT, "an amount has nine digits at most at this PSP")
    return value
