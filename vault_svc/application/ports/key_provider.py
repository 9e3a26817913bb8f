"""Where the keys come from that protect all others: a key management service, or a file in development."""

from dataclasses import dataclass
from typing import Protocol

from vault_svc.domain.secret_values import SecretKey


class KeyUnavailableError(Exception):
    """The provider does not have the key, or refuses to unwrap with it; the text names the key, never its bytes."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key under a key-encryption key; safe to store."""

    key_encryption_key_id: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class NewDataKey:
    """A fresh data key: in the clear for use now, wrapped for storing."""

    key: SecretKey
    wrapped: WrappedKey


@dataclass(frozen=True, slots=True)
class FingerprintKey:
    """The key of card fingerprints, with the id that is stored beside each of them."""

    key_id: str
    key: SecretKey


class KeyProvider(Protocol):
    """Makes, wraps and unwraps data keys. A key wrapped in one context can't be unwrapped in another."""

    async def generate_data_key(self, context: bytes) -> NewDataKey:
        """Make 32 random bytes and wrap them, bound to `context`, with the active key-encryption key."""
        ...

    async def unwrap(self, wrapped: WrappedKey, context: bytes) -> SecretKey:
        """Give the data key back. Raises KeyUnavailableError for a missing key, other bytes or another context."""
        ...

    async def fingerprint_key(self) -> FingerprintKey:
        """Give the active fingerprint key, of 32 bytes and used for nothing else."""
        ...
