"""What may be shown of a payment's card, as it is recorded and as the contract has it."""

from collections.abc import Mapping
from typing import Any, Final

from payera.types.v1 import card_pb2

UNKNOWN_FUNDING: Final = "unknown"

_FIELDS: Final = ("brand", "last4", "bin", "exp_month", "exp_year", "networks", "funding", "issuer_country")


def card_view(card: card_pb2.CardSummary) -> dict[str, Any]:
    """Give the summary as it is recorded, JSON."""
    return {
        "brand": card.brand,
        "last4": card.last4,
        "bin": card.bin,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "networks": list(card.networks),
        "funding": card.funding or UNKNOWN_FUNDING,
        "issuer_country": card.issuer_country,
    }


def card_fields(view: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields of the contract's summary for a card as it was recorded, however long ago."""
    fields = {name: view[name] for name in _FIELDS if view.get(name) is not None}
    return {"funding": UNKNOWN_FUNDING} | fields
