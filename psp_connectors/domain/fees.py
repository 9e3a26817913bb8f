"""What a PSP takes for a payment, kept with its account."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    """Shares of the amount in basis points (hundredths of a percent), and a fixed part per ISO 4217 currency.

    Fixed parts are in the currency's minor units; a currency without one has none. `schemes` are the networks' shares
    by brand, lower case. `cross_border_basis_points` come on top for cards from another country than `country`, ISO
    3166-1 alpha-2; both are there or neither.
    """

    basis_points: int = 0
    fixed: Mapping[str, int] = field(default_factory=dict)
    schemes: Mapping[str, int] = field(default_factory=dict)
    cross_border_basis_points: int = 0
    country: str = ""
