"""Amounts as PayPal takes them: decimal texts in major units, with decimals of its own for three currencies.

Source: PayPal's "Currency Codes" reference, whose notes say which currencies take no decimals, and the `money` schema
of the Orders v2 and Payments v2 descriptions.
"""

from types import MappingProxyType
from typing import Final

from mesh.money import Money
from psp_connectors.domain.amounts import PspUnits
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.reading import value_at

CURRENCIES: Final = tuple(
    "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD".split()  # noqa: SIM905
)
"""The currencies of the reference; BRL, CNY and MYR are for merchants of those countries only."""

UNITS: Final = PspUnits(exponents=MappingProxyType({"HUF": 0, "JPY": 0, "TWD": 0}), steps=MappingProxyType({}))


def to_paypal(money: Money) -> dict[str, str]:
    """Give PayPal's `money`; raises Unsendable for a currency or amount PayPal can't take exactly."""
    if money.currency not in CURRENCIES:
        raise Unsendable(DeclineCode.CURRENCY_NOT_SUPPORTED, "PayPal has no such currency")
    return {"currency_code": money.currency, "value": UNITS.to_decimal(money)}


def from_paypal(resource: object, *path: str) -> Money | None:
    """Give the money at the end of a path in ISO 4217 minor units; None when it is not exactly an amount."""
    return UNITS.from_decimal(value_at(resource, *path, "value"), value_at(resource, *path, "currency_code"))
