"""Money as whole minor units and a currency, and the check of an amount that a caller sent."""

from dataclasses import dataclass
from typing import Final

from mesh.currencies import exponent_of
from mesh.reasons import Reason
from mesh.refusal import Refusal

LARGEST_AMOUNT: Final = 999_999_999_999
"""The largest amount of one operation, in minor units; the contracts say the same."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of an ISO 4217 currency: EUR 10.50 is `Money(1050, "EUR")`.

    Raises TypeError when `value` is no int, ValueError when `currency` can't be charged. Zero is allowed: nothing
    captured so far.
    """

    value: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is no amount of money."""
        if type(self.value) is not int:
            message = f"an amount is an int in minor units, not {type(self.value).__name__}"
            raise TypeError(message)
        if exponent_of(self.currency) is None:
            message = "the currency is not an ISO 4217 code that can be charged"
            raise ValueError(message)

    def __str__(self) -> str:
        """Write the amount for people, such as `EUR 10.50`."""
        exponent = exponent_of(self.currency) or 0
        if exponent == 0:
            return f"{self.currency} {self.value}"
        whole, part = divmod(abs(self.value), 10**exponent)
        sign = "-" if self.value < 0 else ""
        return f"{self.currency} {sign}{whole}.{part:0{exponent}d}"


def require_amount(value: int, currency: str, exponent: int | None) -> Money:
    """Give the amount as Money when it may be charged.

    Refuses with INVALID_AMOUNT (not between 1 and LARGEST_AMOUNT), UNKNOWN_CURRENCY, or CURRENCY_EXPONENT_MISMATCH
    when `exponent` is given and is not the currency's own.
    """
    if type(value) is not int or not 0 < value <= LARGEST_AMOUNT:
        raise Refusal(Reason.INVALID_AMOUNT, amount=str(value))
    expected = exponent_of(currency)
    if expected is None:
        raise Refusal(Reason.UNKNOWN_CURRENCY, currency=currency)
    if exponent is not None and exponent != expected:
        raise Refusal(Reason.CURRENCY_EXPONENT_MISMATCH, currency=currency, expected=expected, given=exponent)
    return Money(value, currency)
