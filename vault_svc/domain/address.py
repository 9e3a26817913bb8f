"""The billing address of a card: personal data, kept sealed with the card and shown to PSPs alone."""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingAddress:
    """Where the shopper gets the card's statements; `country` is ISO 3166-1 alpha-2. Its repr shows nothing."""

    line1: str = field(default="", repr=False)
    line2: str = field(default="", repr=False)
    city: str = field(default="", repr=False)
    state: str = field(default="", repr=False)
    postal_code: str = field(default="", repr=False)
    country: str = field(default="", repr=False)

    def named(self) -> tuple[tuple[str, str], ...]:
        """Give the parts by name, in their order."""
        return (
            ("line1", self.line1),
            ("line2", self.line2),
            ("city", self.city),
            ("state", self.state),
            ("postal_code", self.postal_code),
            ("country", self.country),
        )


NO_ADDRESS: Final = BillingAddress()
