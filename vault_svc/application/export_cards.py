"""Gives a merchant's permanent cards, each encrypted for the key that two people approved."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.controlled_operations import (
    PUBLIC_KEY,
    finished_by,
    not_ready,
    operation_not_found,
    require_operation_id,
)
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.ports.card_envelopes import CardEnvelopes, Seal
from vault_svc.application.ports.key_provider import KeyUnavailableError
from vault_svc.application.ports.operation_store import CardToExport, NotReady, OperationKind, OperationStore
from vault_svc.domain.sealing import SealBrokenError
from vault_svc.domain.token import Actor, MerchantId, TokenId, is_token_id
from vault_svc.domain.transferred_card import write_text

PAGE_BYTES_MAX: Final = 768 * 1024
"""Envelopes of one page; with what stands around them they fit in a message of the mesh."""

_END: Final = "end:"


@dataclass(frozen=True, slots=True)
class ExportedPage:
    """Envelopes, the tokens of cards that could not be opened, and where the next page begins: empty on the last."""

    envelopes: Sequence[str]
    unreadable: Sequence[TokenId]
    next_position: str


@dataclass(frozen=True, slots=True)
class ExportCards:
    """Pages through an export. A card is in the clear in this process alone, one at a time.

    The operation is finished by a last call that gives no cards: no answer with cards in it is one that can't be had
    again, and the last one neither, as long as the same key asks.
    """

    store: OperationStore
    keys: DataKeys
    sealer: CardSealer
    envelopes: CardEnvelopes

    async def __call__(self, operation_id: str, position: str, page_size: int, actor: Actor) -> ExportedPage:
        """Give the page at a position: empty for the first, else the `next_position` of the page before.

        Raises Refusal(OPERATION_NOT_FOUND), (OPERATION_NOT_READY) or (INVALID_PAGE_TOKEN).
        """
        require_operation_id(operation_id)
        after = position.removeprefix(_END)
        if after and not is_token_id(TokenId(after)):
            # Anybody can make a page token, and the position is in the audit.
            raise Refusal(Reason.INVALID_PAGE_TOKEN)
        if position.startswith(_END):
            await self._finish(operation_id, after, actor)
            return ExportedPage([], [], "")
        try:
            cards = await self.store.cards_to_export(operation_id, actor, position, page_size)
        except NotReady as reason:
            raise not_ready(operation_id, reason) from None
        operation = None if cards is None else await self.store.get(operation_id)
        if cards is None or operation is None:
            raise operation_not_found(operation_id)
        seal = self.envelopes.sealer(operation.parameters[PUBLIC_KEY])
        envelopes, unreadable, last = await self._sealed(operation.merchant_id, cards, seal)
        if last == len(cards) < page_size:
            return ExportedPage(envelopes, unreadable, f"{_END}{cards[-1].token_id if cards else position}")
        return ExportedPage(envelopes, unreadable, cards[last - 1].token_id)

    async def _sealed(
        self, merchant_id: MerchantId, cards: Sequence[CardToExport], seal: Seal
    ) -> tuple[Sequence[str], Sequence[TokenId], int]:
        """Give envelopes, tokens of unreadable cards, and how many cards were looked at until the page was full."""
        envelopes: list[str] = []
        unreadable: list[TokenId] = []
        size = done = 0
        for card in cards:
            envelope = await self._envelope(merchant_id, card, seal)
            if envelope is None:
                unreadable.append(card.token_id)
            else:
                size += len(envelope)
                if envelopes and size > PAGE_BYTES_MAX:
                    break
                envelopes.append(envelope)
            done += 1
            # Payments run in this process too: none waits for more than one card.
            await asyncio.sleep(0)
        return envelopes, unreadable, done

    async def _envelope(self, merchant_id: MerchantId, card: CardToExport, seal: Seal) -> str | None:
        version = card.data_key.key_version
        try:
            cipher = await self.keys.for_opening(merchant_id, card.data_key)
            details = self.sealer.open(cipher, merchant_id, card.token_id, version, card.sealed)
        except (SealBrokenError, KeyUnavailableError):
            return None
        if details.expiry != card.expiry:
            # What was sealed before the last change opens too, if it is put back under the same key version.
            return None
        return seal(write_text(card.token_id, card.customer_id, details))

    async def _finish(self, operation_id: str, last: str, actor: Actor) -> None:
        operation = await self.store.get(operation_id)
        if operation is None or operation.kind is not OperationKind.EXPORT_CARDS:
            raise operation_not_found(operation_id)
        detail = f"to {last}" if last else "no cards"
        if await self.store.finish(operation_id, actor, detail) or await finished_by(self.store, operation_id, actor):
            return
        raise not_ready(operation_id, NotReady("it was not begun with this key, or is over"))
