"""Makes and checks Payera's identifiers, and derives the idempotency key of a PSP call."""

import hashlib
import re
import secrets
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_SHIFTS = tuple(range(120, -1, -10))
_RANDOM_BITS = 80
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
_PSP_KEY_LENGTH = 32


def new_id(prefix: str) -> str:
    """Give a new identifier: prefix, underscore, ULID of the present millisecond and 80 random bits.

    `prefix` may be written with or without its underscore: `pay` and `pay_` are the same.
    Identifiers sort by creation to the millisecond.
    """
    number = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    return f"{prefix.removesuffix('_')}_{_encode(number)}"


def is_id(prefix: str, text: str) -> bool:
    """Tell whether `text` is an identifier with this prefix, exactly as `new_id` writes it."""
    head = f"{prefix.removesuffix('_')}_"
    return text.startswith(head) and _ULID.match(text, len(head)) is not None


def psp_idempotency_key(reference: str, operation: str) -> str:
    """Derive the PSP's idempotency key from an attempt or modification id and an operation.

    The same arguments always give the same 32 hexadecimal characters.
    """
    return hashlib.sha256(f"{reference}:{operation}".encode()).hexdigest()[:_PSP_KEY_LENGTH]


def _encode(number: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])
