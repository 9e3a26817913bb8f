"""What a merchant does with tokens that are there: list, change the expiry or customer, keep for good, delete."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.describe_token import DescribeToken, KnownTokens
from vault_svc.application.ports.card_store import CardChanged, CardStore, KeyDestroyed, KeyRetired, TokenUsed
from vault_svc.application.ports.clock import Clock
from vault_svc.application.ports.customer_store import CustomerStore
from vault_svc.domain.card import Expiry, check_expiry
from vault_svc.domain.token import Actor, MerchantId, Token, TokenId, is_token_id, refuse_card_number, shown

_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class ListTokens:
    """Lists a customer's tokens."""

    store: CardStore

    async def __call__(
        self, merchant_id: MerchantId, customer_id: str, limit: int, before: TokenId | None
    ) -> tuple[Sequence[Token], bool]:
        """Give a page of tokens, newest first, and whether there are more."""
        found = await self.store.list_tokens(merchant_id, customer_id, limit + 1, before)
        return found[:limit], len(found) > limit


@dataclass(frozen=True, slots=True)
class UpdateToken:
    """Changes a card's expiry: the card is opened and sealed anew, with a new key of its own."""

    store: CardStore
    keys: DataKeys
    sealer: CardSealer
    describe: DescribeToken
    known: KnownTokens
    clock: Clock

    async def __call__(self, merchant_id: MerchantId, token_id: TokenId, expiry: Expiry, actor: Actor) -> Token:
        """Change the expiry. Raises Refusal(INVALID_CARD), (TOKEN_NOT_FOUND), or (UNAVAILABLE)."""
        check_expiry(expiry, self.clock.now())
        require_token_id(token_id)
        for _ in range(_TRIES):
            try:
                await self._replace(merchant_id, token_id, expiry, actor)
            except KeyRetired:
                self.keys.forget(merchant_id)
            except CardChanged:
                continue
            else:
                self.known.drop((merchant_id, token_id))
                return await self.describe(merchant_id, token_id)
        raise Refusal(Reason.UNAVAILABLE)

    async def _replace(self, merchant_id: MerchantId, token_id: TokenId, expiry: Expiry, actor: Actor) -> None:
        try:
            loaded = await self.store.load_card(merchant_id, token_id)
        except KeyDestroyed:
            loaded = None
        if loaded is None:
            raise token_not_found(token_id)
        opening = await self.keys.for_opening(merchant_id, loaded.data_key)
        details = self.sealer.open(opening, merchant_id, token_id, loaded.data_key.key_version, loaded.sealed)
        sealing = await self.keys.for_sealing(merchant_id)
        sealed = self.sealer.seal(sealing, merchant_id, token_id, replace(details, expiry=expiry))
        await self.store.replace_card(
            merchant_id, token_id, loaded.revision, sealing.key_version, sealed, expiry, actor
        )


@dataclass(frozen=True, slots=True)
class AssignCustomer:
    """Gives a card that a browser brought to the customer who the merchant's server knows it is from."""

    store: CustomerStore
    describe: DescribeToken
    known: KnownTokens

    async def __call__(self, merchant_id: MerchantId, token_id: TokenId, customer_id: str, actor: Actor) -> Token:
        """Name the customer; an empty id takes the card from whoever has it. Safe to repeat.

        Raises Refusal(INVALID_FIELD) for a customer's id that looks like a card number, or (TOKEN_NOT_FOUND).
        """
        refuse_card_number("customer_id", customer_id)
        require_token_id(token_id)
        if not await self.store.assign_customer(merchant_id, token_id, customer_id, actor):
            raise token_not_found(token_id)
        self.known.drop((merchant_id, token_id))
        return await self.describe(merchant_id, token_id)


@dataclass(frozen=True, slots=True)
class MakePermanent:
    """Keeps the token of a payment that succeeded."""

    store: CardStore
    known: KnownTokens

    async def __call__(self, merchant_id: MerchantId, token_id: TokenId, payment_id: str, actor: Actor) -> None:
        """Keep it for good. Safe to repeat. Raises Refusal(TOKEN_NOT_FOUND) or (TOKEN_USED) by another payment."""
        require_token_id(token_id)
        try:
            found = await self.store.make_permanent(merchant_id, token_id, payment_id, actor)
        except TokenUsed:
            raise token_used(token_id) from None
        if not found:
            raise token_not_found(token_id)
        self.known.drop((merchant_id, token_id))


@dataclass(frozen=True, slots=True)
class DeleteToken:
    """Destroys cards."""

    store: CardStore
    known: KnownTokens

    async def __call__(self, merchant_id: MerchantId, token_id: TokenId, actor: Actor) -> None:
        """Destroy a card with its key. Raises Refusal(TOKEN_NOT_FOUND)."""
        require_token_id(token_id)
        deleted = await self.store.delete_token(merchant_id, token_id, actor)
        self.known.drop((merchant_id, token_id))
        if not deleted:
            raise token_not_found(token_id)


def require_token_id(token_id: TokenId) -> None:
    """Refuse what is no token id: whatever came in its place must not reach the audit."""
    if not is_token_id(token_id):
        raise token_not_found(token_id)


def token_not_found(token_id: TokenId) -> Refusal:
    """Give the refusal for a token that this merchant does not have."""
    return Refusal(Reason.TOKEN_NOT_FOUND, token_id=shown(token_id))


def token_used(token_id: TokenId) -> Refusal:
    """Give the refusal for a single-use token of another payment."""
    return Refusal(Reason.TOKEN_USED, token_id=shown(token_id))
