"""Amounts as the sandbox PSP takes them: ISO 4217 minor units, every chargeable currency."""

from mesh.currencies import exponent_of
from mesh.money import Money
from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.declines import DeclineCode


def to_psp_amount(money: Money) -> int:
    """Give the number to send; raises Unsendable for a currency that can't be charged."""
    if exponent_of(money.currency) is None:
        raise Unsendable(DeclineCode.CURRENCY_NOT_SUPPORTED, "the currency can't be charged")
    return money.value


def from_psp_amount(value: object) -> int | None:
    """Give the PSP's number in ISO 4217 minor units; None when it is no amount."""
    return value if type(value) is int and value >= 0 else None
