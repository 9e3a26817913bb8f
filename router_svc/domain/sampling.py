"""Chance without a random number generator: the same payment draws the same number in every process."""

import hashlib
from typing import Final

MILLION: Final = 1_000_000
_DRAW_BITS: Final = 64
#: The standard deviation of how many of 64 fair bits are set.
_DEVIATION_BITS: Final = 4


def hash_of(text: str, purpose: bytes) -> int:
    """Give 64 bits that look random; those of different purposes (up to 16 bytes) tell nothing of each other."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, person=purpose).digest())


def share_of(text: str, purpose: bytes) -> int:
    """Give a number from 0 to 999,999, each as likely as any other."""
    return hash_of(text, purpose) % MILLION


def normal_of(text: str, purpose: bytes) -> int:
    """Give a draw that is close to the standard normal, in thousandths: from -8,000 to 8,000 in steps of 250.

    The set bits among 64 are binomial, which needs no logarithm and is the same on every machine.
    """
    return (hash_of(text, purpose).bit_count() - _DRAW_BITS // 2) * 1_000 // _DEVIATION_BITS
