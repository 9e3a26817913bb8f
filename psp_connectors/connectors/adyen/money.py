"""Amounts as Adyen counts them: integer minor units in exponents of its own.

Source: docs.adyen.com, Development resources, Currency codes and minor units.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mesh.money import Money
from psp_connectors.domain.amounts import PspUnits

UNITS: Final = PspUnits(
    exponents=MappingProxyType({"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2}),
    steps=MappingProxyType({}),
)
"""Adyen's units. Where it differs from ISO 4217, an amount with a rest can't be sent: EUR-like cents of IDR or CVE."""


def to_amount(money: Money) -> Mapping[str, object]:
    """Give the amount object to send; raises Unsendable for what Adyen can't take to the last minor unit."""
    return {"currency": money.currency, "value": UNITS.to_integer(money)}


def from_amount(amount: Mapping[str, object]) -> Money | None:
    """Give the money an amount object stands for; None when it is no amount."""
    return UNITS.from_integer(amount.get("value"), amount.get("currency"))
