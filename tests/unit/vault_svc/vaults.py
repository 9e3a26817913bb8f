"""The vault's use cases over its ports in memory, as one process has them."""

import secrets
from typing import Any

from mesh.identifiers import new_id
from tests.fakes.vault.card_store import FakeCardStore
from tests.fakes.vault.clocks import FakeMonotonic
from tests.fakes.vault.key_provider import FakeKeyProvider
from vault_svc.adapters.aes_gcm.card_cipher import AesGcmCardCipher
from vault_svc.application.access_rate import AccessRate
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.create_token import CreateToken
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.describe_token import DescribeToken, known_tokens
from vault_svc.application.detokenize import Detokenize, RevealedCard
from vault_svc.application.keep_card import KeepCard
from vault_svc.application.manage_tokens import (
    AssignCustomer,
    DeleteToken,
    ListTokens,
    MakePermanent,
    UpdateToken,
)
from vault_svc.application.ports.card_store import CardRequest
from vault_svc.application.purge import Purge
from vault_svc.domain.address import BillingAddress
from vault_svc.domain.card import Card, Expiry, accept_card
from vault_svc.domain.secret_values import SecretKey
from vault_svc.domain.token import Actor, MerchantId, Purpose, Token, TokenId

MERCHANT = MerchantId("mer_1")
OTHER_MERCHANT = MerchantId("mer_2")
NUMBER = "4242424242424242"
OTHER_NUMBER = "4111111111111111"
EXPIRY = Expiry(12, 2030)
ACTOR = Actor("key_1", "req_1")


class Vault:
    """One process over one store and one key provider; a second one gets the store and provider of the first."""

    def __init__(
        self,
        store: FakeCardStore | None = None,
        provider: FakeKeyProvider | None = None,
        *,
        accesses_per_second: float = 1_000_000,
    ) -> None:
        self.store = store or FakeCardStore()
        self.provider = provider or FakeKeyProvider()
        self.monotonic = FakeMonotonic()
        self.keys = DataKeys(
            store=self.store.keys,
            provider=self.provider,
            cipher_of=AesGcmCardCipher,
            new_fingerprint_key_id=lambda: new_id("fpk"),
            monotonic=self.monotonic,
        )
        self.sealer = CardSealer(AesGcmCardCipher, lambda: SecretKey(secrets.token_bytes(32)))
        self.known = known_tokens(self.monotonic)
        self.keep_card = KeepCard(
            store=self.store,
            keys=self.keys,
            sealer=self.sealer,
            new_token_id=lambda: TokenId(new_id("tok")),
            new_fingerprint_id=lambda: new_id("fpr"),
        )
        self.create = CreateToken(self.keep_card, self.known)
        self.describe = DescribeToken(self.store, self.known, self.store.clock)
        self.list = ListTokens(self.store)
        self.update = UpdateToken(self.store, self.keys, self.sealer, self.describe, self.known, self.store.clock)
        self.assign = AssignCustomer(self.store, self.describe, self.known)
        self.make_permanent = MakePermanent(self.store, self.known)
        self.delete = DeleteToken(self.store, self.known)
        self.rate = AccessRate(per_second=accesses_per_second, monotonic=self.monotonic)
        self.detokenize = Detokenize(self.store, self.keys, self.sealer, self.known, self.rate)
        self.purge = Purge(self.store, self.keys)

    def another(self) -> "Vault":
        """Give another process over the same store and key provider."""
        return Vault(self.store, self.provider)

    def card(self, number: str = NUMBER, code: str = "737", **changes: Any) -> Card:
        values: dict[str, Any] = {"expiry": EXPIRY, "holder_name": "Ada Lovelace", "now": self.store.clock.now()}
        return accept_card(number=number, code=code, **values | changes)

    async def keep(
        self, number: str = NUMBER, code: str = "737", *, merchant_id: MerchantId = MERCHANT, customer_id: str = ""
    ) -> Token:
        return await self.create(merchant_id, self.card(number, code), customer_id, ACTOR)

    async def reveal(
        self, token_id: str, merchant_id: MerchantId = MERCHANT, payment_id: str = "pay_1"
    ) -> RevealedCard:
        return await self.detokenize(request_for(token_id, merchant_id, payment_id))

    async def rotate(self, merchant_id: MerchantId = MERCHANT) -> None:
        """Replace a merchant's data key behind this process's back."""
        await self.another().keys.replace_data_key(merchant_id, self.store.keys.active[merchant_id])

    def advance(self, seconds: float) -> None:
        """Let time pass on this process's clock of keys in memory."""
        self.monotonic.seconds += seconds


def request_for(token_id: str, merchant_id: MerchantId = MERCHANT, payment_id: str = "pay_1") -> CardRequest:
    return CardRequest(
        merchant_id=merchant_id,
        token_id=TokenId(token_id),
        purpose=Purpose.AUTHORIZATION,
        payment_id=payment_id,
        caller="psp_connectors",
        request_id="req_2",
    )


def code_of(card: RevealedCard) -> str | None:
    return None if card.code is None else card.code.reveal()


ADDRESS = BillingAddress(line1="12 St James's Square", city="London", postal_code="SW1Y 4JH", country="GB")
