"""Gives merchants new data keys, seals their cards anew, and destroys the old keys once nothing needs them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.ports.card_store import KeyRetired, SealedCard
from vault_svc.application.ports.key_provider import KeyUnavailableError
from vault_svc.application.ports.rotation_store import CardToReseal, MerchantToRotate, RotationStore
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
from vault_svc.domain.sealing import SealBrokenError
from vault_svc.domain.token import MerchantId

SETTLE: Final = "settle"
SETTLE_ROUND_SECONDS: Final = 60
#: A card verification code keeps its key for a quarter of an hour, and for the minute until it is purged.
CODES_GONE_SECONDS: Final = 1_020
_TRIES: Final = 3
_NO_KEY_IS_DUE: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RotateDataKeys:
    """Replaces data keys in two phases.

    The first round gives every merchant whose key is due a new one and seals what is under older keys anew. Then,
    when nobody can have an old key in hand any more, rounds of `SETTLE` seal what came under an old key in the moment
    it was retired, and destroy each old key in a visit that finds no card to seal: between the last card that left a
    key and the key's end lies a whole pause, so that whoever has just read the card can read its key.
    """

    store: RotationStore
    keys: DataKeys
    sealer: CardSealer
    pace: Pace
    monotonic: Callable[[], float]
    observer: RotationObserver

    async def advance(self, order: RotationOrder, position: Position, tick: Tick) -> Step:
        """Do a batch: keys and cards together are at most `pace.batch`."""
        began = self.monotonic()
        settling = position.phase == SETTLE
        created_before = _NO_KEY_IS_DUE if settling else datetime.fromtimestamp(order.created_before_ms / 1000, tz=UTC)
        batch = _Batch(position, actor_of(order), left=self.pace.batch)
        merchants = await self.store.merchants_to_rotate(
            order.merchant_id, created_before, position.after_merchant, self.pace.batch
        )
        for merchant in merchants:
            if not await self._visit(merchant, batch, tick, settling=settling):
                break
        else:
            if len(merchants) < self.pace.batch:
                return await self._end_of_round(order, batch)
        items = self.pace.batch - batch.left
        return Step(batch.position, batch.counts, self.pace.pause_seconds(items, self.monotonic() - began))

    async def _end_of_round(self, order: RotationOrder, batch: "_Batch") -> Step:
        # The order is about a merchant or all: those with retired keys are left, whether or not they were listed.
        left = await self.store.merchants_to_rotate(order.merchant_id, _NO_KEY_IS_DUE, "", 1)
        if not left:
            return Step(batch.position, batch.counts, progress=Progress.FINISHED)
        idle = self.pace.idle_seconds
        delay = idle if batch.position.phase != SETTLE else min(idle, SETTLE_ROUND_SECONDS)
        quiet_max = math.ceil(CODES_GONE_SECONDS / max(delay, 1))
        return going_round(
            batch.position.next_round(SETTLE), batch.counts, delay_seconds=float(delay), quiet_max=quiet_max
        )

    async def _visit(self, merchant: MerchantToRotate, batch: "_Batch", tick: Tick, *, settling: bool) -> bool:
        """Replace a merchant's key if it is due and seal its cards anew; tell whether the visit came to its end."""
        merchant_id = merchant.merchant_id
        if batch.left <= 0:
            return False
        if batch.position.inside != merchant_id:
            batch.enter(merchant_id)
            if merchant.is_due:
                replaced = await self.keys.replace_data_key(merchant_id, merchant.key_version, batch.actor)
                batch.add(RotationCounts(keys_done=int(replaced is not None)))
                await tick()
        while batch.left > 0:
            size = batch.left
            cards = await self.store.cards_to_reseal(merchant_id, batch.position.after_token, size)
            batch.add(await self._reseal(merchant_id, cards, tick), cards)
            if len(cards) < size:
                if settling and not batch.position.inside_moved:
                    destroyed = await self.store.destroy_idle_data_keys(
                        merchant_id, self.pace.idle_seconds, batch.actor
                    )
                    batch.add(RotationCounts(keys_destroyed=destroyed))
                batch.leave(merchant_id)
                return True
        return False

    async def _reseal(self, merchant_id: MerchantId, cards: Sequence[CardToReseal], tick: Tick) -> RotationCounts:
        return await for_each(cards, partial(self._reseal_card, merchant_id), at_once=self.pace.at_once, tick=tick)

    async def _reseal_card(self, merchant_id: MerchantId, card: CardToReseal) -> RotationCounts:
        for _ in range(_TRIES):
            try:
                key_version, sealed = await self._sealed_anew(merchant_id, card)
                kept = await self.store.reseal_card(merchant_id, card.token_id, card.revision, key_version, sealed)
            except KeyRetired:
                self.keys.forget(merchant_id)
            except (KeyUnavailableError, SealBrokenError):
                self.observer.unreadable(RotationKind.DATA_KEY, merchant_id, card.token_id)
                return RotationCounts(cards_failed=1)
            else:
                # A card that was changed meanwhile is looked at again in the next round.
                return RotationCounts(cards_done=int(kept))
        raise Refusal(Reason.UNAVAILABLE)

    async def _sealed_anew(self, merchant_id: MerchantId, card: CardToReseal) -> tuple[int, SealedCard]:
        """Give the card sealed with a key of its own under the active data key, and that one's version."""
        cipher = await self.keys.for_opening(merchant_id, card.data_key)
        details = self.sealer.open(cipher, merchant_id, card.token_id, card.data_key.key_version, card.sealed)
        sealing = await self.keys.for_sealing(merchant_id)
        return sealing.key_version, self.sealer.seal(sealing, merchant_id, card.token_id, details)


@dataclass(slots=True)
class _Batch:
    """A batch under way: where it is, what it may still do, and what it has done."""

    position: Position
    actor: str
    left: int
    counts: RotationCounts = NOTHING

    def enter(self, merchant_id: MerchantId) -> None:
        """Begin a merchant's visit, which costs something itself: visits of a batch have a bound too."""
        self.position = replace(self.position, inside=merchant_id, inside_moved=False, after_token="")
        self.left -= 1

    def add(self, counts: RotationCounts, cards: Sequence[CardToReseal] = ()) -> None:
        """Note what was done, and up to which card."""
        self.counts = self.counts.plus(counts)
        self.position = self.position.having_moved(counts.keys_done + counts.cards_done + counts.keys_destroyed)
        if counts.cards_done:
            self.position = replace(self.position, inside_moved=True)
        if cards:
            self.position = replace(self.position, after_token=cards[-1].token_id)
            self.left -= len(cards)

    def leave(self, merchant_id: MerchantId) -> None:
        """End a merchant's visit."""
        self.position = replace(
            self.position, after_merchant=merchant_id, inside="", inside_moved=False, after_token=""
        )
