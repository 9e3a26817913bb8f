"""The ISO 4217 currencies that can be charged, with their exponents, as data."""

from types import MappingProxyType
from typing import Final

_CODES_BY_EXPONENT: Final = (
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (
        2,
        (
            "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
            "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
            "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR "
            "MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG "
            "SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES "
            "WST XCD XCG YER ZAR ZMW ZWG"
        ),
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
)

EXPONENT_OF: Final = MappingProxyType(
    {code: exponent for exponent, codes in _CODES_BY_EXPONENT for code in codes.split()}
)
"""Exponent by currency code. Funds, metals, test codes and withdrawn currencies are left out: they can't be charged."""


def exponent_of(currency: str) -> int | None:
    """Give how many decimal places the currency's minor unit has, or None when `currency` can't be charged."""
    return EXPONENT_OF.get(currency)
