"""Opaque page tokens: a position in a list, bound to that list and its filters."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal

DEFAULT_PAGE_SIZE: Final = 20
LARGEST_PAGE_SIZE: Final = 100

_DIGEST_BYTES: Final = 12
_TIME_BYTES: Final = 8

Scope = Sequence[str | int | None]
"""What a token is bound to: the list's name, whose it is, and all filters."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: right after the entry created at `before_us`, in microseconds, with the id `before_id`."""

    before_us: int
    before_id: str


def page_size_of(asked: int) -> int:
    """Give how many entries a page has: 20 when not asked for, 100 at most."""
    return min(asked, LARGEST_PAGE_SIZE) if asked > 0 else DEFAULT_PAGE_SIZE


def encode(scope: Scope, position: Position) -> str:
    """Give the token of a position, for use with the same `scope` only."""
    content = position.before_us.to_bytes(_TIME_BYTES, "big", signed=True) + position.before_id.encode()
    return base64.urlsafe_b64encode(_digest(scope, content) + content).rstrip(b"=").decode("ascii")


def decode(scope: Scope, token: str) -> Position | None:
    """Give the position of a token, None for an empty one.

    Refuses with INVALID_PAGE_TOKEN what `encode` did not make with this `scope`.
    """
    if not token:
        return None
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        digest, content = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        position = Position(int.from_bytes(content[:_TIME_BYTES], "big", signed=True), content[_TIME_BYTES:].decode())
    except (binascii.Error, ValueError):
        raise Refusal(Reason.INVALID_PAGE_TOKEN) from None
    # Comparing the whole text refuses other spellings of the same bytes too.
    if digest != _digest(scope, content) or encode(scope, position) != token:
        raise Refusal(Reason.INVALID_PAGE_TOKEN)
    return position


def _digest(scope: Scope, content: bytes) -> bytes:
    return hashlib.sha256(repr(tuple(scope)).encode() + content).digest()[:_DIGEST_BYTES]
