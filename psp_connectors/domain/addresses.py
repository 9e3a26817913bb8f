"""What goes into a request's address and headers, where a stray character would mean something else."""

import re
from typing import Final
from urllib.parse import quote

from psp_connectors.domain.connector import Unsendable
from psp_connectors.domain.declines import DeclineCode

_LEAVING: Final = frozenset({"", ".", ".."})
"""Segments that name another place, escaped too: clients and servers take `%2E%2E` for `..`."""

_VISIBLE: Final = re.compile(r"[\x21-\x7e]+\Z")


def header_key(key: str, longest: int) -> str:
    """Give an idempotency key as the value of a header (RFC 9110, 5.5: visible ASCII), whole.

    Raises Unsendable for one that is empty, longer than the PSP takes, or has other characters.
    """
    if len(key) > longest or _VISIBLE.match(key) is None:
        raise Unsendable(DeclineCode.INVALID_REQUEST, f"the PSP takes keys of 1 to {longest} visible characters")
    return key


def path_segment(identifier: str) -> str:
    """Give an identifier as one segment of a path (RFC 3986, 3.3), whatever characters it has.

    Raises Unsendable for one that would name another place than a segment of its own.
    """
    if identifier in _LEAVING:
        raise Unsendable(DeclineCode.INVALID_REQUEST, "the reference can't stand in an address")
    # Some servers resolve `..%2F` as well.
    return quote(identifier, safe="").replace("..", "%2E%2E")
