"""Takes a card in and gives a token out."""

from collections.abc import Callable
from dataclasses import dataclass

from vault_svc.application.data_keys import DataKeys
from vault_svc.application.describe_token import KnownTokens
from vault_svc.application.fingerprints import fingerprint_of
from vault_svc.application.ports.card_store import CardStore, CardToKeep
from vault_svc.domain.card import Card
from vault_svc.domain.sealing import Binding, SealedKind, write_card, write_code
from vault_svc.domain.token import MerchantId, Token, TokenId


@dataclass(frozen=True, slots=True)
class CreateToken:
    """Seals cards and keeps them under new tokens."""

    store: CardStore
    keys: DataKeys
    new_token_id: Callable[[], TokenId]
    known: KnownTokens

    async def __call__(self, merchant_id: MerchantId, card: Card) -> Token:
        """Keep an accepted card for a merchant. Every call makes a new token, also for a card that is there already."""
        sealing = await self.keys.for_sealing(merchant_id)
        fingerprint_key = await self.keys.fingerprint_key()
        token_id = self.new_token_id()

        def seal(kind: SealedKind, text: bytes) -> bytes:
            return sealing.cipher.seal(Binding(merchant_id, token_id, sealing.key_version, kind), text)

        token = await self.store.keep_card(
            CardToKeep(
                merchant_id=merchant_id,
                token_id=token_id,
                key_version=sealing.key_version,
                sealed_card=seal(SealedKind.CARD, write_card(card.details)),
                sealed_code=None if card.code is None else seal(SealedKind.CODE, write_code(card.code)),
                summary=card.summary,
                fingerprint=fingerprint_of(fingerprint_key, merchant_id, card.details.number),
                fingerprint_key_id=fingerprint_key.key_id,
            )
        )
        # The payment mostly follows at once and asks what may be shown of the card.
        self.known.put((merchant_id, token.token_id), token)
        return token
