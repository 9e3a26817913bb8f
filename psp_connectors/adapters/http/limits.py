"""Bounds of every HTTP client that talks to PSPs."""

from dataclasses import dataclass
from typing import Final

PLAIN_ENCODINGS: Final = frozenset({"", "identity"})
"""Encodings of an answer that are read; anything else was not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderLimits:
    """Bounds of a client. A call with less than `least_seconds` left is not begun."""

    connections_per_account: int = 64
    connect_seconds: float = 2.0
    answer_seconds: float = 30.0
    least_seconds: float = 0.02
    keepalive_seconds: float = 30.0
    largest_answer_bytes: int = 1024 * 1024
    protocol_kept_seconds: float = 3600.0
    protocol_missing_seconds: float = 60.0
