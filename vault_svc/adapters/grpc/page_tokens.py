"""Opaque page tokens: where a list goes on, bound to the list and its filters."""

import base64
import binascii
import hashlib
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation

_DIGEST_BYTES: Final = 12


def encode(scope: tuple[str, ...], position: str) -> str:
    """Give the token of a position, for use with the same `scope` only."""
    return base64.urlsafe_b64encode(_digest(scope, position) + position.encode()).rstrip(b"=").decode("ascii")


def decode(scope: tuple[str, ...], token: str) -> str:
    """Give the position, empty for an empty token. Refuses with INVALID_FIELD a token of another list."""
    if not token:
        return ""
    try:
        content = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        position = content[_DIGEST_BYTES:].decode("ascii")
    except (ValueError, binascii.Error):
        content, position = b"", ""
    # Anybody can compute the digest, so the position may be any text: PostgreSQL takes those without NUL alone.
    if not position or not position.isprintable() or content[:_DIGEST_BYTES] != _digest(scope, position):
        rule = "it must be the `next_page_token` of a page with the same filters"
        raise Refusal(
            Reason.INVALID_FIELD,
            violations=[Violation("page_token", rule)],
            field="page_token",
            detail=f"`page_token`: {rule}.",
        )
    return position


def _digest(scope: tuple[str, ...], position: str) -> bytes:
    return hashlib.sha256("\x00".join((*scope, position)).encode()).digest()[:_DIGEST_BYTES]
