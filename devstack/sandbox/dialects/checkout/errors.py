"""Checkout.com's error answers ("Error codes"; ValidationError in the description)."""

from collections.abc import Iterable
from typing import Final

from devstack.sandbox.incoming import Reply

MOST_CODES: Final = 5
_WHOLE: Final = "$"
_OF_PLACES: Final = {
    "source.cvv": "cvv_invalid",
    "source.expiry_month": "card_expiry_month_invalid",
    "source.expiry_year": "card_expiry_year_invalid",
    "source.number": "card_number_invalid",
}
"""The codes of places that are not called as the place is."""


def invalid(*codes: str, kind: str = "request_invalid") -> Reply:
    """Give the answer to data that is not valid."""
    return Reply(422, {"request_id": "0HL80RJLS76I7", "error_type": kind, "error_codes": list(codes)})


def invalid_places(places: Iterable[str]) -> Reply:
    """Give the answer to data that is not as described at these places; `$` is the whole of it."""
    inner = sorted(set(places) - {_WHOLE})
    codes = [_OF_PLACES.get(place) or f"{place.replace('.', '_')}_invalid" for place in inner]
    return invalid(*codes[:MOST_CODES] or ["request_invalid"])


UNAUTHORIZED: Final = Reply(401)
NOT_ALLOWED: Final = Reply(403)
NOT_FOUND: Final = Reply(404)
BAD_GATEWAY: Final = Reply(502)
IN_FLIGHT: Final = Reply(
    429,
    {
        "request_id": "0HL80RJLS76I7",
        "error_type": "duplicate_requests_detected",
        "error_codes": ["duplicate_requests_detected"],
    },
)
"""A request with the same key is under way: only that one is processed."""
