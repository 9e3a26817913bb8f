"""The vault's store in memory."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.clocks import FakeClock
from vault_svc.application.ports.card_store import CardRequest, CardToKeep, StoredDataKey, TakenCard
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.domain.token import MerchantId, Purpose, Token, TokenId

CODE_LIFE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Access:
    """One record of the audit."""

    request: CardRequest
    card_given: bool
    code_given: bool


@dataclass(slots=True)
class FakeCardStore:
    """Keeps everything in dictionaries that tests may look into and tamper with; `down` makes it unreachable."""

    clock: FakeClock = field(default_factory=FakeClock)
    down: bool = False
    data_keys: dict[MerchantId, StoredDataKey] = field(default_factory=dict)
    cards: dict[TokenId, tuple[CardToKeep, datetime]] = field(default_factory=dict)
    codes: dict[TokenId, tuple[bytes, datetime]] = field(default_factory=dict)
    audit: list[Access] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    async def active_data_key(self, merchant_id: MerchantId) -> StoredDataKey | None:
        await self._reach("active_data_key")
        return self.data_keys.get(merchant_id)

    async def keep_first_data_key(self, merchant_id: MerchantId, wrapped: WrappedKey) -> StoredDataKey:
        await self._reach("keep_first_data_key")
        return self.data_keys.setdefault(merchant_id, StoredDataKey(1, wrapped))

    async def keep_card(self, card: CardToKeep) -> Token:
        await self._reach("keep_card")
        now = self.clock.now()
        self.cards[card.token_id] = (card, now)
        if card.sealed_code is not None:
            self.codes[card.token_id] = (card.sealed_code, now + CODE_LIFE)
        return Token(card.token_id, card.summary, now)

    async def describe_token(self, merchant_id: MerchantId, token_id: TokenId) -> Token | None:
        await self._reach("describe_token")
        kept = self.cards.get(token_id)
        if kept is None or kept[0].merchant_id != merchant_id:
            return None
        return Token(token_id, kept[0].summary, kept[1])

    async def take_card(self, request: CardRequest) -> TakenCard | None:
        await self._reach("take_card")
        kept = self.cards.get(request.token_id)
        if kept is None or kept[0].merchant_id != request.merchant_id:
            self.audit.append(Access(request, card_given=False, code_given=False))
            return None
        card = kept[0]
        code = None
        if request.purpose is Purpose.AUTHORIZATION and request.token_id in self.codes:
            sealed, expiry = self.codes.pop(request.token_id)
            code = sealed if expiry > self.clock.now() else None
        self.audit.append(Access(request, card_given=True, code_given=code is not None))
        return TakenCard(self.data_keys[card.merchant_id], card.sealed_card, code, card.summary)

    async def purge_expired_codes(self, limit: int) -> int:
        await self._reach("purge_expired_codes")
        expired = [token_id for token_id, (_, expiry) in self.codes.items() if expiry <= self.clock.now()][:limit]
        for token_id in expired:
            del self.codes[token_id]
        return len(expired)

    async def _reach(self, call: str) -> None:
        self.calls.append(call)
        # Every real store makes its caller wait, so that others get their turn.
        await asyncio.sleep(0)
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)
