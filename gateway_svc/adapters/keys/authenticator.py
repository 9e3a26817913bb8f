"""Knows whose API key a call brings, keeping answers for a few seconds."""

import time
from collections.abc import Callable
from typing import Final

from gateway_svc.application.ports import ApiKeyStore, View
from mesh.authentication import KeyRecord
from mesh.context import KeyScope, Principal
from mesh.expiring_cache import ExpiringCache

KNOWN_SECONDS: Final = 5.0
"""A revoked key stops working within this time."""

UNKNOWN_SECONDS: Final = 2.0
"""A key that was just made works within this time, should somebody have tried it before."""

KEYS_MAX: Final = 10_000


class CachingAuthenticator:
    """The mesh's `Authenticator` over the key store.

    Calls at the same time share one look-up. Known and unknown keys are kept apart, so that guessing keys drives no
    known key out. A store that is away refuses with UNAVAILABLE; that is not kept.
    """

    __slots__ = ("_keys", "_records")

    def __init__(
        self, keys: ApiKeyStore, *, keys_max: int = KEYS_MAX, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._keys = keys
        self._records: ExpiringCache[bytes, KeyRecord | None] = ExpiringCache(
            life_seconds=KNOWN_SECONDS, none_life_seconds=UNKNOWN_SECONDS, entries_max=keys_max, monotonic=monotonic
        )

    async def look_up(self, key_sha256: bytes) -> KeyRecord | None:
        """Give what is known of the key, or None when there is no such key."""
        return await self._records.get_or_load(key_sha256, lambda: self._load(key_sha256))

    async def _load(self, key_sha256: bytes) -> KeyRecord | None:
        view = await self._keys.look_up_key(key_sha256)
        return None if view is None else record_of(view)


def record_of(view: View) -> KeyRecord:
    """Read a key's view as the mesh's record."""
    principal = Principal(
        merchant_id=view["merchant_id"] or "",
        scope=KeyScope(view["scope"]),
        key_id=view["id"],
        live=view["live"],
    )
    return KeyRecord(principal=principal, revoked=view["revoked_us"] is not None)
