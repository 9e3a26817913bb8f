"""What PayPal's sandbox decides by, and how PayPal tells a verdict, as data.

Sources: developer.paypal.com, "Card testing" (rejection triggers: the name on the card), "3D Secure test scenarios"
and "Negative testing"; the `response_code` enum of the Orders v2 description.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from devstack.sandbox.magic import Verdict


@dataclass(frozen=True, slots=True)
class Rejection:
    """One rejection trigger: the name that asks for it, PayPal's processor response code, the verdict in the books."""

    name: str
    response_code: str
    verdict: Verdict


_REJECTIONS: Final = (
    Rejection("CCREJECT-REFUSED", "0500", Verdict(network_code="05")),
    Rejection("CCREJECT-SF", "9500", Verdict(network_code="59")),
    Rejection("CCREJECT-EC", "5400", Verdict(network_code="54")),
    Rejection("CCREJECT-IRC", "5180", Verdict(network_code="62")),
    Rejection("CCREJECT-IF", "5120", Verdict(network_code="51")),
    Rejection("CCREJECT-LS", "9520", Verdict(network_code="41")),
    Rejection("CCREJECT-IA", "1330", Verdict(network_code="14")),
    Rejection("CCREJECT-BANK_ERROR", "5100", Verdict(reason="declined")),
    Rejection("CCREJECT-CVV_F", "00N7", Verdict(network_code="N7")),
)
REJECTIONS: Final[Mapping[str, Rejection]] = MappingProxyType({one.name: one for one in _REJECTIONS})
"""Rejection triggers by the name on the card, in which case counts."""

CARDS: Final = (
    "4012888888881881",
    "4012000033330026",
    "4012000077777777",
    "4005519200000004",
    "4217651111111119",
    "4500600000000061",
    "4772129056533503",
    "4915805038587737",
    "2223000048400011",
    "371449635398431",
    "376680816376961",
    "36259600000004",
)
"""PayPal's test cards, all approved."""

THREE_DS_CARDS: Final = frozenset({"4868719460707704", "5329879786234393", "4868719196829038", "5329879707824603"})
"""Cards of the 3-D Secure scenarios that end well: with them the payer is asked to act."""

_BY_NETWORK: Final = (
    ("0000", "00 10 11 85"),
    ("0100", "01 02"),
    ("1350", "03 58"),
    ("5150", "04 07"),
    ("0500", "05"),
    ("0960", "06 21 25 28 96"),
    ("5210", "12"),
    ("1310", "13"),
    ("1330", "14"),
    ("5900", "15"),
    ("9100", "19"),
    ("1300", "30"),
    ("0390", "39"),
    ("6300", "52 53"),
    ("9520", "41 43"),
    ("5140", "46"),
    ("5120", "51"),
    ("5400", "54"),
    ("5130", "55"),
    ("5135", "75 86"),
    ("5700", "57 93 5C"),
    ("9500", "59 83"),
    ("PPAX", "61"),
    ("5180", "62"),
    ("9510", "63"),
    ("5710", "65"),
    ("5650", "70 1A"),
    ("5930", "78"),
    ("5950", "79"),
    ("5110", "82"),
    ("5920", "68 91 92 N0"),
    ("5200", "94"),
    ("PPAB", "9G"),
    ("5170", "6P"),
    ("00N7", "N7"),
    ("0R00", "R0 R1 R3"),
)
_BY_REASON: Final = MappingProxyType(
    {
        "declined": "5100",
        "acquirer_unavailable": "8220",
        "address_mismatch": "5170",
        "authentication_abandoned": "7710",
        "authentication_failed": "7710",
        "authentication_unavailable": "7700",
        "authorization_expired": "PPS3",
        "brand_not_supported": "PPCT",
        "currency_not_supported": "1320",
        "cvc_missing": "1382",
        "expiry_invalid": "1380",
        "mandate_invalid": "1335",
        "risk_blocked": "PPSC",
        "shopper_canceled": "0R00",
    }
)
_CODES: Final = MappingProxyType(
    {network: code for code, networks in _BY_NETWORK for network in networks.split()} | dict(_BY_REASON)
)
_UNRECOGNIZED: Final = "9600"


def response_code_of(verdict: Verdict) -> str:
    """Give PayPal's processor response code for a verdict."""
    return _CODES.get(verdict.network_code or verdict.reason, _UNRECOGNIZED)
