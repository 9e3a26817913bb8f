"""Where the keys come from that protect all others: a key management service, or a file in development."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from vault_svc.domain.secret_values import SecretKey


class KeyUnavailableError(Exception):
    """The provider does not have the key, or refuses to use it: trying again won't help.

    The text names the key, never its bytes.
    """


class KeyProviderDownError(Exception):
    """The provider is out of reach, overloaded or broken: the same call may succeed a moment later.

    The text names the key, never its bytes.
    """


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


class KeyState(StrEnum):
    """What a key-encryption key is good for."""

    ACTIVE = "active"
    DECRYPT_ONLY = "decrypt_only"
    UNUSABLE = "unusable"
    """Disabled or about to be deleted: nothing opens with it. The provider says so of a key that it still has."""
    UNKNOWN = "unknown"
    """The provider does not have it, or refuses to tell of it. Whether it opens anything shows when it is tried."""


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """A key-encryption key as the inventory of cryptography lists it; `created_at` is None when nobody noted it.

    Of one in the state `UNKNOWN` nothing but its id is known.
    """

    key_id: str
    algorithm: str
    strength_bits: int
    kept_in: str
    state: KeyState
    created_at: datetime | None


def not_described(key_id: str) -> KeyDescription:
    """Describe a key-encryption key of which nothing but its id is known."""
    return KeyDescription(key_id, algorithm="", strength_bits=0, kept_in="", state=KeyState.UNKNOWN, created_at=None)


class KeyProvider(Protocol):
    """Makes, wraps and unwraps data keys. A key wrapped in one context can't be unwrapped in another.

    Every method but `active_key_id` raises KeyProviderDownError when the provider can't answer in time.
    """

    @property
    def active_key_id(self) -> str:
        """The id of the key-encryption key that wraps new keys, as `WrappedKey` will name it.

        A provider that was told its key by another name gives that name until it has asked what it stands for: compare
        the id with stored ones only after `keys`, `rewrap` or `generate_data_key`.
        """
        ...

    async def generate_data_key(self, context: bytes) -> NewDataKey:
        """Make 32 random bytes and wrap them, bound to `context`, with the active key-encryption key."""
        ...

    async def unwrap(self, wrapped: WrappedKey, context: bytes) -> SecretKey:
        """Give the data key back. Raises KeyUnavailableError for a missing key, other bytes or another context."""
        ...

    async def rewrap(self, wrapped: WrappedKey, context: bytes) -> WrappedKey:
        """Give the data key under the active key-encryption key, in the same context.

        What is under it already comes back as it is. Raises KeyUnavailableError as `unwrap` does.
        """
        ...

    async def keys(self) -> Sequence[KeyDescription]:
        """Describe the active key-encryption key, then those that only unwrap.

        Raises KeyUnavailableError for the active one; others that can't be described are `UNKNOWN`.
        """
        ...
