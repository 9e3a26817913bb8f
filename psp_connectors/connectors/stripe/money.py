"""Amounts as Stripe takes them (Stripe docs, Supported currencies: zero-decimal, three-decimal, special cases, limits).

Integers in units of Stripe's own. MGA counts whole ariary. ISK and UGX have no decimals any more, but are still sent
times 100 with two zeros at the end. In the three-decimal currencies the last digit must be 0. HUF and TWD are charged
with two decimals as ISO 4217 has them; only their payouts have none.
"""

from types import MappingProxyType
from typing import Final

from mesh.money import LARGEST_AMOUNT, Money
from psp_connectors.domain.amounts import PspUnits
from psp_connectors.domain.capabilities import AmountLimits
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.declines import DeclineCode

UNITS: Final = PspUnits(
    exponents=MappingProxyType({"ISK": 2, "MGA": 0, "UGX": 2}),
    steps=MappingProxyType({"ISK": 100, "UGX": 100, "BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10}),
)

_CODES: Final = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY "
    "COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR "
    "ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK "
    "MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD "
    "SHP SLE SOS SRD SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER "
    "ZAR ZMW"
)
CURRENCIES: Final = tuple(_CODES.split())
"""Stripe's presentment currencies for cards, as far as ISO 4217 still has them."""

_LARGEST: Final = 99_999_999
_LARGEST_IDR: Final = 999_999_999_999
_LARGEST_OF: Final = MappingProxyType({"IDR": _LARGEST_IDR})

# In ISO 4217 minor units, of the currencies a Stripe account can be settled in.
_SMALLEST_OF: Final = MappingProxyType(
    {
        "AED": 200,
        "AUD": 50,
        "BRL": 50,
        "CAD": 50,
        "CHF": 50,
        "CZK": 1500,
        "DKK": 250,
        "EUR": 50,
        "GBP": 30,
        "HKD": 400,
        "HUF": 17500,
        "INR": 50,
        "JPY": 50,
        "MXN": 1000,
        "MYR": 200,
        "NOK": 300,
        "NZD": 50,
        "PLN": 200,
        "RON": 200,
        "SEK": 300,
        "SGD": 50,
        "THB": 1000,
        "USD": 50,
    }
)


def to_units(money: Money) -> int:
    """Give the integer to send; raises Unsendable for a currency or an amount that Stripe does not take."""
    if money.currency not in CURRENCIES:
        raise Unsendable(DeclineCode.CURRENCY_NOT_SUPPORTED, "Stripe does not take this currency for cards")
    units = UNITS.to_integer(money)
    if units > _LARGEST_OF.get(money.currency, _LARGEST):
        raise Unsendable(DeclineCode.INVALID_AMOUNT, "the amount has more digits than Stripe takes")
    return units


def from_units(units: object, currency: object) -> Money | None:
    """Give the money of an answer's integer and lower-case currency; None when it is no amount Stripe could mean."""
    if not isinstance(currency, str) or currency != currency.lower():
        return None
    return UNITS.from_integer(units, currency.upper())


def _limits_of(currency: str) -> AmountLimits:
    largest = UNITS.from_integer(_LARGEST_OF.get(currency, _LARGEST), currency)
    if largest is None:
        # Not a whole number of minor units: the limit lies between two of them.
        step = UNITS.steps[currency]
        largest = UNITS.from_integer(_LARGEST // step * step, currency)
    value = largest.value if largest is not None else LARGEST_AMOUNT
    return AmountLimits(smallest=_SMALLEST_OF.get(currency, 1), largest=min(value, LARGEST_AMOUNT))


LIMITS: Final = MappingProxyType({currency: _limits_of(currency) for currency in CURRENCIES})
"""Smallest and largest amount by currency.

The smallest holds for an account that is settled in the currency itself; with another settlement currency Stripe
converts first, and may still refuse.
"""
