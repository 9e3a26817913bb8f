"""Wraps every key that the database has anew with the key provider's active key."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from vault_svc.application.data_keys import data_key_context, fingerprint_key_context
from vault_svc.application.import_cards import import_key_context
from vault_svc.application.ports.key_provider import KeyProvider, KeyUnavailableError
from vault_svc.application.ports.rotation_store import KeyToRewrap, RotationStore
from vault_svc.application.ports.rotations import RotationCounts, RotationKind, RotationOrder
from vault_svc.application.rotate_keys import (
    NOTHING,
    Pace,
    Position,
    Progress,
    RotationObserver,
    Step,
    Tick,
    actor_of,
    for_each,
    going_round,
)

#: Keys that could not be wrapped anew in the round before either are not tried for ever.
QUIET_ROUNDS_MAX: Final = 1
QUIET_ROUND_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class RotateKeyEncryptionKey:
    """Rewraps keys. The one before stays with the provider until its operator removes it: backups need it still."""

    store: RotationStore
    provider: KeyProvider
    pace: Pace
    monotonic: Callable[[], float]
    observer: RotationObserver

    async def advance(self, order: RotationOrder, position: Position, tick: Tick) -> Step:
        """Rewrap a batch. It is finished when a round that begins anew finds no key under another one."""
        began = self.monotonic()
        # Asked first: a provider that was told its key by an alias says only then which key that is now.
        await self.provider.keys()
        active = self.provider.active_key_id
        keys = await self.store.keys_to_rewrap(active, position.after_merchant, position.after_version, self.pace.batch)
        at_start = not position.after_merchant
        if at_start and not keys:
            return Step(position, progress=Progress.FINISHED)
        counts = await for_each(
            keys, partial(self._rewrap, active, actor_of(order)), at_once=self.pace.at_once, tick=tick
        )
        position = position.having_moved(counts.keys_done)
        pause = self.pace.pause_seconds(len(keys), self.monotonic() - began)
        paged = [key for key in keys if not key.fingerprint_key_id]
        if len(paged) < self.pace.batch:
            delay = pause if position.moved else QUIET_ROUND_SECONDS
            return going_round(position.next_round(), counts, delay_seconds=delay, quiet_max=QUIET_ROUNDS_MAX)
        last = paged[-1]
        # The name of the field stands in histories; an import key's place is its operation.
        return Step(replace(position, after_merchant=last.place, after_version=last.key_version), counts, pause)

    async def _rewrap(self, active: str, actor: str, key: KeyToRewrap) -> RotationCounts:
        try:
            wrapped = await self.provider.rewrap(key.wrapped, _context_of(key))
        except KeyUnavailableError:
            self.observer.unreadable(RotationKind.KEY_ENCRYPTION_KEY, key.merchant_id, key.name)
            return RotationCounts(keys_failed=1)
        if wrapped.key_encryption_key_id != active:
            # The alias moved a moment ago: what stands still under the key before it is for the next round.
            return NOTHING
        return RotationCounts(keys_done=int(await self.store.rewrap_key(key, wrapped, actor)))


def _context_of(key: KeyToRewrap) -> bytes:
    if key.fingerprint_key_id:
        return fingerprint_key_context(key.fingerprint_key_id)
    if key.operation_id:
        return import_key_context(key.operation_id, key.merchant_id)
    return data_key_context(key.merchant_id, key.key_version)
