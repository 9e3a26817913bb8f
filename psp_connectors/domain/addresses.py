"""What goes into the path of a request's address."""

from typing import Final
from urllib.parse import quote

from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.declines import DeclineCode

_LEAVING: Final = frozenset({"", ".", ".."})
"""Segments that name another place, escaped too: clients and servers take `%2E%2E` for `..`."""


def path_segment(identifier: str) -> str:
    """Give an identifier as one segment of a path (RFC 3986, 3.3), whatever characters it has.

    Raises Unsendable for one that would name another place than a segment of its own.
    """
    if identifier in _LEAVING:
        raise Unsendable(DeclineCode.INVALID_REQUEST, "the reference can't stand in an address")
    return quote(identifier, safe="")
