"""Where PSPs may send shoppers back to."""

from typing import Final
from urllib.parse import urlsplit

from gateway_svc.application.checks import invalid_field, require_texts

FIELD: Final = "return_url"
LONGEST: Final = 2048
_OWN_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_RULE: Final = "must be an address that begins with `https://`, or with `http://localhost` for trying things out"


def require_return_url(url: str) -> None:
    """Refuse with INVALID_FIELD or CARD_NUMBER_IN_TEXT an address to which no shopper can be sent; empty is none."""
    if not url:
        return
    require_texts(((FIELD, url),))
    if len(url) > LONGEST:
        raise invalid_field(FIELD, f"must have at most {LONGEST} characters")
    if not url.isascii() or not url.isprintable() or any(character in url for character in ' "<>\\^`{|}'):
        raise invalid_field(FIELD, f"{_RULE}, with every other character percent-encoded")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise invalid_field(FIELD, _RULE) from None
    if parts.username is not None or parts.password is not None:
        raise invalid_field(FIELD, "must not hold a user's name or password")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _OWN_MACHINE)):
        raise invalid_field(FIELD, _RULE)


def require_way_back(url: str, rule: str) -> None:
    """Refuse with INVALID_FIELD a payment without a way back whose rule requires 3-D Secure."""
    if not url:
        detail = (
            f"must be given, as the routing rule `{rule}` requires 3-D Secure, for which the shopper leaves the shop"
        )
        raise invalid_field(FIELD, detail)
