"""Pages of lists: how many entries, and the tokens with which the next page is asked for."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from mesh.reasons import Reason
from mesh.refusal import Refusal

Entry = TypeVar("Entry")

DEFAULT_SIZE: Final = 20
LARGEST_SIZE: Final = 100
_SEPARATOR: Final = "\n"


def size_of(asked: int) -> int:
    """Give the size of a page: 1 to 100, 20 when none was asked for."""
    return min(asked, LARGEST_SIZE) if asked > 0 else DEFAULT_SIZE


def decode(scope: str, token: str) -> str:
    """Give the last key of the page before, empty for the first page.

    Refuses with INVALID_PAGE_TOKEN what was not made for this list and its filters.
    """
    if not token:
        return ""
    try:
        text = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Refusal(Reason.INVALID_PAGE_TOKEN) from None
    of, separator, key = text.partition(_SEPARATOR)
    if of != scope or not separator or not key or encode(scope, key) != token:
        raise Refusal(Reason.INVALID_PAGE_TOKEN)
    return key


def encode(scope: str, key: str) -> str:
    """Give the token for the page after `key`."""
    return base64.urlsafe_b64encode(f"{scope}{_SEPARATOR}{key}".encode()).decode()


def cut(scope: str, entries: Sequence[Entry], size: int, key_of: Callable[[Entry], str]) -> tuple[Sequence[Entry], str]:
    """Give a page of `size`, and the token of the next one: empty when `entries` has no more."""
    if len(entries) <= size:
        return entries, ""
    return entries[:size], encode(scope, key_of(entries[size - 1]))
