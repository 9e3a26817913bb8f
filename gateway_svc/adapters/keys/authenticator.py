"""Knows whose API key a call brings, keeping answers for a few seconds."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from gateway_svc.application.ports import ApiKeyStore, View
from mesh.authentication import KeyRecord
from mesh.context import KeyScope, Principal

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

    __slots__ = ("_keys", "_keys_max", "_known", "_loads", "_monotonic", "_unknown")

    def __init__(
        self, keys: ApiKeyStore, *, keys_max: int = KEYS_MAX, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._keys = keys
        self._keys_max = keys_max
        self._monotonic = monotonic
        self._known: dict[bytes, tuple[float, KeyRecord | None]] = {}
        self._unknown: dict[bytes, tuple[float, KeyRecord | None]] = {}
        self._loads: dict[bytes, asyncio.Task[KeyRecord | None]] = {}

    async def look_up(self, key_sha256: bytes) -> KeyRecord | None:
        """Give what is known of the key, or None when there is no such key."""
        entry = self._known.get(key_sha256) or self._unknown.get(key_sha256)
        if entry is not None and self._monotonic() < entry[0]:
            return entry[1]
        task = self._loads.get(key_sha256)
        if task is None:
            task = asyncio.create_task(self._load(key_sha256))
            self._loads[key_sha256] = task
            task.add_done_callback(lambda done: self._loaded(key_sha256, done))
        # A caller who hangs up must not break off the look-up that others wait for.
        return await asyncio.shield(task)

    async def _load(self, key_sha256: bytes) -> KeyRecord | None:
        # What is found may be as old as the moment at which it was asked for.
        asked = self._monotonic()
        view = await self._keys.look_up_key(key_sha256)
        record = None if view is None else record_of(view)
        self._known.pop(key_sha256, None)
        self._unknown.pop(key_sha256, None)
        if record is None:
            self._keep(self._unknown, key_sha256, asked + UNKNOWN_SECONDS, None)
        else:
            self._keep(self._known, key_sha256, asked + KNOWN_SECONDS, record)
        return record

    def _keep(
        self,
        entries: dict[bytes, tuple[float, KeyRecord | None]],
        key_sha256: bytes,
        until: float,
        record: KeyRecord | None,
    ) -> None:
        # The oldest goes first: a dict keeps the order in which its keys came.
        while len(entries) >= self._keys_max:
            del entries[next(iter(entries))]
        entries[key_sha256] = (until, record)

    def _loaded(self, key_sha256: bytes, task: "asyncio.Task[KeyRecord | None]") -> None:
        self._loads.pop(key_sha256, None)
        if not task.cancelled():
            # Looked at, so that asyncio reports no error that nobody waited for.
            task.exception()


def record_of(view: View) -> KeyRecord:
    """Read a key's view as the mesh's record."""
    principal = Principal(
        merchant_id=view["merchant_id"] or "",
        scope=KeyScope(view["scope"]),
        key_id=view["id"],
        live=view["live"],
    )
    return KeyRecord(principal=principal, revoked=view["revoked_us"] is not None)
