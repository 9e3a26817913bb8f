"""Pages of numbered lists, newest first: how many entries, and the tokens that the next page is asked for with."""

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
_DIGITS_MAX: Final = 9


def size_of(asked: int) -> int:
    """Give the size of a page: 1 to 100, 20 when none was asked for."""
    return min(asked, LARGEST_SIZE) if asked > 0 else DEFAULT_SIZE


def decode(scope: str, token: str) -> int:
    """Give the number that the page begins before, 0 for the first page.

    Refuses with INVALID_PAGE_TOKEN what was not made for this list.
    """
    if not token:
        return 0
    try:
        text = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Refusal(Reason.INVALID_PAGE_TOKEN) from None
    number = text.rpartition(_SEPARATOR)[2]
    if not (number.isascii() and number.isdigit() and len(number) <= _DIGITS_MAX):
        raise Refusal(Reason.INVALID_PAGE_TOKEN)
    if encode(scope, int(number)) != token:
        raise Refusal(Reason.INVALID_PAGE_TOKEN)
    return int(number)


def encode(scope: str, number: int) -> str:
    """Give the token for the page of what stands before `number`."""
    return base64.urlsafe_b64encode(f"{scope}{_SEPARATOR}{number}".encode()).decode()


def cut(
    scope: str, entries: Sequence[Entry], size: int, number_of: Callable[[Entry], int]
) -> tuple[Sequence[Entry], str]:
    """Give a page of `size`, and the token of the next one: empty when `entries` has no more."""
    if len(entries) <= size:
        return entries, ""
    return entries[:size], encode(scope, number_of(entries[size - 1]))
