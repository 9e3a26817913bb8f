"""What a PSP takes for a payment, kept with its account."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    """A share of the amount in basis points (hundredths of a percent), and a fixed part per ISO 4217 currency.

    Fixed parts are in the currency's minor units; a currency without one has none.
    """

    basis_points: int = 0
    fixed: Mapping[str, int] = field(default_factory=dict)
