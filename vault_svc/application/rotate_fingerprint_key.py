"""Replaces the key with which card numbers are recognised; the ids that merchants see stay as they are."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.data_keys import DataKeys, FingerprintKey
from vault_svc.application.fingerprints import fingerprint_of
from vault_svc.application.ports.card_store import KeyRetired, Recognition
from vault_svc.application.ports.key_provider import KeyUnavailableError
from vault_svc.application.ports.rotation_store import CardToFingerprint, RotationStore
from vault_svc.application.ports.rotations import RotationCounts, RotationKind, RotationOrder
from vault_svc.application.rotate_keys import (
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
from vault_svc.domain.sealing import SealBrokenError
from vault_svc.domain.secret_values import CardNumber
from vault_svc.domain.token import MerchantId

ADD: Final = "add"
FINISH: Final = "finish"
FORGET: Final = "forget"
ROUND_SECONDS_MAX: Final = 60
QUIET_ROUNDS_MAX: Final = 3
FORGOTTEN_AT_ONCE: Final = 10_000
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class RotateFingerprintKey:
    """Replaces the fingerprint key in phases.

    A new key is made; from then on every new card is recognised by both. `ADD` lets the new key know the cards that
    are there. `FINISH` destroys the old key when the new one knows all and nobody can have the old one in hand, and
    `FORGET` deletes what the old key knew. A rotation that finds a key being replaced already goes on with that one.
    """

    store: RotationStore
    keys: DataKeys
    sealer: CardSealer
    pace: Pace
    monotonic: Callable[[], float]
    observer: RotationObserver
    new_fingerprint_id: Callable[[], str]

    async def advance(self, order: RotationOrder, position: Position, tick: Tick) -> Step:
        """Do a batch of the phase that the rotation is in."""
        if not position.phase:
            return await self._begin(actor_of(order))
        if position.phase == ADD:
            return await self._add(position, tick)
        if position.phase == FINISH:
            return await self._finish(position, actor_of(order))
        return await self._forget(position, tick)

    async def _begin(self, actor: str) -> Step:
        stored = await self.store.fingerprint_keys()
        # Two keys: a rotation was begun before, maybe by this very step, and has to come to its end.
        if len(stored) < 2:  # noqa: PLR2004 - the active one and the one it replaces
            await self.keys.replace_fingerprint_key(stored[0].key_id if stored else "", actor)
        return Step(Position(ADD), RotationCounts(keys_done=1))

    async def _add(self, position: Position, tick: Tick) -> Step:
        began = self.monotonic()
        active, *_ = await self._keys_in_use()
        cards = await self.store.cards_to_fingerprint(active.key_id, position.after_token, self.pace.batch)
        counts = await for_each(cards, self._add_card, at_once=self.pace.at_once, tick=tick)
        position = position.having_moved(counts.cards_done)
        if len(cards) < self.pace.batch:
            position = replace(position, phase=FINISH, after_token="")
            return Step(position, counts, await self._until_idle())
        position = replace(position, after_token=cards[-1].token_id)
        return Step(position, counts, self.pace.pause_seconds(len(cards), self.monotonic() - began))

    async def _until_idle(self) -> float:
        stored = await self.store.fingerprint_keys()
        return float(self.pace.idle_seconds) if len(stored) > 1 else 0.0

    async def _finish(self, position: Position, actor: str) -> Step:
        before = await self.store.fingerprint_keys()
        left, destroyed = await self.store.finish_fingerprint_rotation(before[0].key_id, self.pace.idle_seconds, actor)
        if destroyed and not left:
            return Step(Position(FORGET), RotationCounts(keys_destroyed=len(before) - 1))
        # Cards that are left are tried again; a key that is not idle yet, or was replaced, is waited for.
        delay = float(min(self.pace.idle_seconds, ROUND_SECONDS_MAX))
        following = position.next_round(ADD if left else FINISH)
        if not left:
            following = replace(following, quiet=0)
        return going_round(following, RotationCounts(), delay_seconds=delay, quiet_max=QUIET_ROUNDS_MAX)

    async def _forget(self, position: Position, tick: Tick) -> Step:
        began = self.monotonic()
        deleted = await self.store.forget_fingerprints(FORGOTTEN_AT_ONCE)
        await tick()
        if deleted < FORGOTTEN_AT_ONCE:
            return Step(position, progress=Progress.FINISHED)
        # As long again as it took: deleting is quick, and must not take the database's time from the payments.
        return Step(position, delay_seconds=self.monotonic() - began)

    async def _keys_in_use(self) -> tuple[FingerprintKey, ...]:
        """Give the keys that the store names now: those in memory may be of a rotation before this one."""
        stored = [each.key_id for each in await self.store.fingerprint_keys()]
        keys = await self.keys.fingerprint_keys()
        if [key.key_id for key in keys] != stored:
            self.keys.forget(_NOBODY)
            keys = await self.keys.fingerprint_keys()
        return keys

    async def _add_card(self, card: CardToFingerprint) -> RotationCounts:
        try:
            cipher = await self.keys.for_opening(card.merchant_id, card.data_key)
            details = self.sealer.open(cipher, card.merchant_id, card.token_id, card.data_key.key_version, card.sealed)
        except (KeyUnavailableError, SealBrokenError):
            self.observer.unreadable(RotationKind.FINGERPRINT_KEY, card.merchant_id, card.token_id)
            return RotationCounts(cards_failed=1)
        for _ in range(_TRIES):
            recognition = self._recognition(card.merchant_id, details.number, await self.keys.fingerprint_keys())
            try:
                return RotationCounts(cards_done=int(await self.store.add_fingerprint(card.token_id, recognition)))
            except KeyRetired:
                self.keys.forget(card.merchant_id)
        raise Refusal(Reason.UNAVAILABLE)

    def _recognition(
        self, merchant_id: MerchantId, number: CardNumber, keys: tuple[FingerprintKey, ...]
    ) -> Recognition:
        return Recognition(
            self.new_fingerprint_id(),
            tuple(key.key_id for key in keys),
            tuple(fingerprint_of(key.key, merchant_id, number) for key in keys),
        )


_NOBODY: Final = MerchantId("")
