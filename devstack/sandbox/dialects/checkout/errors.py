"""Checkout.com's error answers ("Error codes"; ValidationError in the description)."""

from typing import Final

from devstack.sandbox.incoming import Reply


def invalid(*codes: str, kind: str = "request_invalid") -> Reply:
    """Give the answer to data that is not valid."""
    return Reply(422, {"request_id": "0HL80RJLS76I7", "error_type": kind, "error_codes": list(codes)})


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
