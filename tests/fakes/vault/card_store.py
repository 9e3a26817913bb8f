"""The vault's cards in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.vault.clocks import FakeClock
from tests.fakes.vault.key_store import AuditRecord, FakeKeyStore
from vault_svc.application.ports.card_store import (
    CardChanged,
    CardRequest,
    CardToKeep,
    KeyDestroyed,
    KeyRetired,
    LoadedCard,
    Recognition,
    SealedCard,
    SealedCode,
    TakenCard,
    TokenUsed,
)
from vault_svc.domain.card import Expiry
from vault_svc.domain.token import Actor, MerchantId, Purpose, Token, TokenId, Usage

CODE_LIFE = timedelta(minutes=15)
KEPT_FOR_PAYMENT = timedelta(days=1)


@dataclass(slots=True, kw_only=True)
class KeptCard:
    """A row of the cards; tests may tamper with any of it."""

    merchant_id: MerchantId
    token: Token
    key_version: int
    sealed: SealedCard
    revision: int = 1


@dataclass(slots=True)
class KeptCode:
    """A row of the codes."""

    key_version: int
    sealed: bytes
    expire_time: datetime


@dataclass(slots=True)
class FakeCardStore:
    """Keeps everything in dictionaries that tests may look into and tamper with; `down` makes it unreachable."""

    keys: FakeKeyStore = field(default_factory=FakeKeyStore)
    clock: FakeClock = field(default_factory=FakeClock)
    down: bool = False
    cards: dict[TokenId, KeptCard] = field(default_factory=dict)
    codes: dict[TokenId, KeptCode] = field(default_factory=dict)
    fingerprints: dict[tuple[MerchantId, str, bytes], str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    @property
    def audit(self) -> list[AuditRecord]:
        """The one audit, which the keys write to as well."""
        return self.keys.audit

    async def keep_card(self, card: CardToKeep) -> Token:
        await self._reach("keep_card")
        in_use = tuple(key.key_id for key in self.keys.fingerprints)
        if not self.keys.is_active(card.merchant_id, card.key_version) or card.recognition.key_ids != in_use:
            raise KeyRetired
        now = self.clock.now()
        token = Token(
            token_id=card.token_id,
            summary=card.summary,
            create_time=now,
            usage=Usage.PERMANENT if card.life_seconds is None else Usage.SINGLE_USE,
            expire_time=None if card.life_seconds is None else now + timedelta(seconds=card.life_seconds),
            customer_id=card.customer_id,
            fingerprint=self._recognise(card.merchant_id, card.recognition),
        )
        self.cards[card.token_id] = KeptCard(
            merchant_id=card.merchant_id, token=token, key_version=card.key_version, sealed=card.sealed
        )
        if card.sealed_code is not None:
            self.codes[card.token_id] = KeptCode(card.key_version, card.sealed_code, now + CODE_LIFE)
        self._record("create_token", "done", card.actor, card.merchant_id, card.token_id)
        return token

    async def describe_token(self, merchant_id: MerchantId, token_id: TokenId) -> Token | None:
        await self._reach("describe_token")
        kept = self._living(merchant_id, token_id)
        return None if kept is None else kept.token

    async def list_tokens(
        self, merchant_id: MerchantId, customer_id: str, limit: int, before: TokenId | None
    ) -> Sequence[Token]:
        await self._reach("list_tokens")
        found = [
            kept.token
            for token_id in sorted(self.cards, reverse=True)
            if (kept := self._living(merchant_id, token_id)) is not None
            and customer_id
            and kept.token.customer_id == customer_id
            and (before is None or token_id < before)
        ]
        return found[:limit]

    async def assign_customer(self, merchant_id: MerchantId, token_id: TokenId, customer_id: str, actor: Actor) -> bool:
        await self._reach("assign_customer")
        kept = self._living(merchant_id, token_id)
        if kept is not None:
            kept.token = replace(kept.token, customer_id=customer_id)
            self._record("update_token", "done", actor, merchant_id, token_id, detail="customer")
        return kept is not None

    async def take_card(self, request: CardRequest) -> TakenCard | None:
        await self._reach("take_card")
        kept = self.cards.get(request.token_id)
        verdict = self._verdict(kept, request)
        key = None if kept is None else self.keys.data_key(kept.merchant_id, kept.key_version)
        if kept is not None and verdict == "taken":
            if kept.token.usage is Usage.SINGLE_USE:
                kept.token = replace(kept.token, payment_id=request.payment_id)
            verdict = verdict if key is not None else "key_destroyed"
        code = self._take_code(request) if verdict == "taken" else None
        self._record(
            "detokenize",
            verdict,
            Actor(request.caller, request.request_id),
            request.merchant_id,
            request.token_id,
            request.payment_id,
            request.purpose.value + (" with code" if code else ""),
        )
        if verdict == "used":
            raise TokenUsed
        if verdict == "key_destroyed":
            raise KeyDestroyed
        if kept is None or key is None or verdict != "taken":
            return None
        return TakenCard(key, kept.sealed, code, kept.token.summary)

    async def load_card(self, merchant_id: MerchantId, token_id: TokenId) -> LoadedCard | None:
        await self._reach("load_card")
        kept = self._living(merchant_id, token_id)
        if kept is None:
            return None
        key = self.keys.data_key(merchant_id, kept.key_version)
        if key is None:
            raise KeyDestroyed
        return LoadedCard(kept.revision, key, kept.sealed)

    async def replace_card(
        self,
        merchant_id: MerchantId,
        token_id: TokenId,
        revision: int,
        key_version: int,
        sealed: SealedCard,
        expiry: Expiry,
        actor: Actor,
    ) -> None:
        await self._reach("replace_card")
        self.reseal(merchant_id, token_id, revision, key_version, sealed)
        kept = self.cards[token_id]
        kept.token = replace(kept.token, summary=replace(kept.token.summary, expiry=expiry))
        self._record("update_token", "done", actor, merchant_id, token_id)

    async def make_permanent(self, merchant_id: MerchantId, token_id: TokenId, payment_id: str, actor: Actor) -> bool:
        await self._reach("make_permanent")
        kept = self.cards.get(token_id)
        if kept is None or kept.merchant_id != merchant_id:
            return False
        if kept.token.usage is Usage.SINGLE_USE:
            if kept.token.payment_id != payment_id:
                raise TokenUsed
            kept.token = replace(kept.token, usage=Usage.PERMANENT, expire_time=None)
            self._record("make_permanent", "done", actor, merchant_id, token_id, payment_id)
        return True

    async def delete_token(self, merchant_id: MerchantId, token_id: TokenId, actor: Actor) -> bool:
        await self._reach("delete_token")
        kept = self.cards.get(token_id)
        if kept is None or kept.merchant_id != merchant_id:
            return False
        self._shred(token_id)
        self._record("delete_token", "done", actor, merchant_id, token_id)
        return True

    async def purge_expired_codes(self, limit: int) -> int:
        await self._reach("purge_expired_codes")
        expired = [token_id for token_id, code in self.codes.items() if code.expire_time <= self.clock.now()][:limit]
        for token_id in expired:
            del self.codes[token_id]
        return len(expired)

    async def purge_expired_tokens(self, limit: int) -> int:
        await self._reach("purge_expired_tokens")
        expired = [token_id for token_id, kept in self.cards.items() if self._is_waste(kept.token)][:limit]
        for token_id in expired:
            merchant_id = self.cards[token_id].merchant_id
            self._shred(token_id)
            self._record("delete_token", "expired", Actor("vault_svc", ""), merchant_id, token_id)
        return len(expired)

    def reseal(
        self, merchant_id: MerchantId, token_id: TokenId, revision: int, key_version: int, sealed: SealedCard
    ) -> None:
        """Put another sealed card in a card's place. Raises KeyRetired or CardChanged."""
        if not self.keys.is_active(merchant_id, key_version):
            raise KeyRetired
        kept = self.cards.get(token_id)
        if kept is None or kept.merchant_id != merchant_id or kept.revision != revision:
            raise CardChanged
        kept.sealed, kept.key_version, kept.revision = sealed, key_version, revision + 1

    def destroy_old_fingerprint_key(self) -> None:
        """Destroy the key that was being replaced, with what it knew, as the end of a rotation does."""
        self.keys.fingerprints = [key for key in self.keys.fingerprints if key.active]
        left = {key.key_id for key in self.keys.fingerprints}
        self.fingerprints = {place: known for place, known in self.fingerprints.items() if place[1] in left}

    def _living(self, merchant_id: MerchantId, token_id: TokenId) -> KeptCard | None:
        kept = self.cards.get(token_id)
        if kept is None or kept.merchant_id != merchant_id or self._is_over(kept.token):
            return None
        return kept

    def _is_over(self, token: Token) -> bool:
        return token.expire_time is not None and token.expire_time <= self.clock.now()

    def _is_waste(self, token: Token) -> bool:
        kept_for = KEPT_FOR_PAYMENT if token.payment_id else timedelta()
        return token.expire_time is not None and token.expire_time <= self.clock.now() - kept_for

    def _verdict(self, kept: KeptCard | None, request: CardRequest) -> str:
        if kept is None or kept.merchant_id != request.merchant_id:
            return "not_found"
        if kept.token.usage is Usage.PERMANENT or kept.token.payment_id == request.payment_id:
            return "taken"
        if self._is_over(kept.token):
            return "not_found"
        return "used" if kept.token.payment_id else "taken"

    def _take_code(self, request: CardRequest) -> SealedCode | None:
        if request.purpose is not Purpose.AUTHORIZATION:
            return None
        code = self.codes.pop(request.token_id, None)
        if code is None or code.expire_time <= self.clock.now():
            return None
        key = self.keys.data_key(request.merchant_id, code.key_version)
        return None if key is None else SealedCode(key, code.sealed)

    def _recognise(self, merchant_id: MerchantId, recognition: Recognition) -> str:
        known = [
            self.fingerprints.get((merchant_id, key_id, fingerprint))
            for key_id, fingerprint in zip(recognition.key_ids, recognition.fingerprints, strict=True)
        ]
        found = next((each for each in known if each is not None), recognition.new_id)
        active = (merchant_id, recognition.key_ids[0], recognition.fingerprints[0])
        return self.fingerprints.setdefault(active, found)

    def _shred(self, token_id: TokenId) -> None:
        gone = self.cards.pop(token_id).token.fingerprint
        self.codes.pop(token_id, None)
        if not any(kept.token.fingerprint == gone for kept in self.cards.values()):
            self.fingerprints = {place: known for place, known in self.fingerprints.items() if known != gone}

    def _record(
        self,
        action: str,
        outcome: str,
        actor: Actor,
        merchant_id: MerchantId,
        token_id: TokenId,
        payment_id: str = "",
        detail: str = "",
    ) -> None:
        self.audit.append(
            AuditRecord(
                action=action,
                outcome=outcome,
                actor=actor.name,
                request_id=actor.request_id,
                merchant_id=merchant_id,
                token_id=token_id,
                payment_id=payment_id,
                detail=detail,
            )
        )

    async def _reach(self, call: str) -> None:
        self.calls.append(call)
        # Every real store makes its caller wait, so that others get their turn.
        await asyncio.sleep(0)
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)
