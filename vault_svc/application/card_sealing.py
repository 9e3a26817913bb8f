"""Seals each card with a key of its own, itself sealed with the merchant's data key: without it the card is noise."""

from collections.abc import Callable
from dataclasses import dataclass

from vault_svc.application.data_keys import MerchantCipher
from vault_svc.application.ports.card_cipher import CardCipher, CipherOf
from vault_svc.application.ports.card_store import SealedCard
from vault_svc.domain.card import CardDetails
from vault_svc.domain.sealing import Binding, SealedKind, read_card, write_card
from vault_svc.domain.secret_values import SecretKey
from vault_svc.domain.token import MerchantId, TokenId


@dataclass(frozen=True, slots=True)
class CardSealer:
    """Seals and opens cards; `new_key` gives 32 random bytes."""

    cipher_of: CipherOf
    new_key: Callable[[], SecretKey]

    def seal(
        self, sealing: MerchantCipher, merchant_id: MerchantId, token_id: TokenId, details: CardDetails
    ) -> SealedCard:
        """Seal a card with a fresh key of its own, both bound to merchant, token and key version."""
        key = self.new_key()
        of_key = Binding(merchant_id, token_id, sealing.key_version, SealedKind.CARD_KEY)
        of_card = Binding(merchant_id, token_id, sealing.key_version, SealedKind.CARD)
        return SealedCard(
            sealed_key=sealing.cipher.seal(of_key, key.reveal()),
            sealed_card=self.cipher_of(key).seal(of_card, write_card(details)),
        )

    def open(
        self, cipher: CardCipher, merchant_id: MerchantId, token_id: TokenId, key_version: int, sealed: SealedCard
    ) -> CardDetails:
        """Open a card with its merchant's cipher. Raises SealBrokenError for anything that was changed or moved."""
        of_card = Binding(merchant_id, token_id, key_version, SealedKind.CARD)
        if sealed.sealed_key is None:
            return read_card(cipher.open(of_card, sealed.sealed_card))
        of_key = Binding(merchant_id, token_id, key_version, SealedKind.CARD_KEY)
        key = SecretKey(cipher.open(of_key, sealed.sealed_key))
        return read_card(self.cipher_of(key).open(of_card, sealed.sealed_card))
