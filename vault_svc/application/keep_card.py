"""Seals a card under the keys of the moment and keeps it, again when a key was replaced meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.fingerprints import fingerprint_of
from vault_svc.application.ports.card_store import CardStore, CardToKeep, KeyRetired, Recognition
from vault_svc.domain.card import Card
from vault_svc.domain.sealing import Binding, SealedKind, write_code
from vault_svc.domain.token import Actor, MerchantId, Token, TokenId

_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class KeepCard:
    """Keeps accepted cards under new tokens."""

    store: CardStore
    keys: DataKeys
    sealer: CardSealer
    new_token_id: Callable[[], TokenId]
    new_fingerprint_id: Callable[[], str]

    async def __call__(
        self, merchant_id: MerchantId, card: Card, *, customer_id: str, life_seconds: int | None, actor: Actor
    ) -> Token:
        """Keep a card; `life_seconds` None makes the token permanent. Every call makes a new token.

        Raises Refusal(UNAVAILABLE) when the keys are out of reach, or are replaced faster than a card is sealed.
        """
        for _ in range(_TRIES):
            try:
                return await self.store.keep_card(
                    await self._sealed(merchant_id, card, customer_id, life_seconds, actor)
                )
            except KeyRetired:
                self.keys.forget(merchant_id)
        raise Refusal(Reason.UNAVAILABLE)

    async def _sealed(
        self, merchant_id: MerchantId, card: Card, customer_id: str, life_seconds: int | None, actor: Actor
    ) -> CardToKeep:
        sealing = await self.keys.for_sealing(merchant_id)
        fingerprint_keys = await self.keys.fingerprint_keys()
        token_id = self.new_token_id()
        of_code = Binding(merchant_id, token_id, sealing.key_version, SealedKind.CODE)
        return CardToKeep(
            merchant_id=merchant_id,
            token_id=token_id,
            key_version=sealing.key_version,
            sealed=self.sealer.seal(sealing, merchant_id, token_id, card.details),
            sealed_code=None if card.code is None else sealing.cipher.seal(of_code, write_code(card.code)),
            summary=card.summary,
            recognition=Recognition(
                self.new_fingerprint_id(),
                tuple(key.key_id for key in fingerprint_keys),
                tuple(fingerprint_of(key.key, merchant_id, card.details.number) for key in fingerprint_keys),
            ),
            customer_id=customer_id,
            life_seconds=life_seconds,
            actor=actor,
        )
