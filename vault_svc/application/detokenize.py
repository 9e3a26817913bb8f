"""Gives a card back to what sends it to a PSP."""

from dataclasses import dataclass, replace
from typing import Final

from mesh.card_numbers import mask_card_numbers
from mesh.identifiers import is_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.ports.card_store import CardRequest, CardStore
from vault_svc.domain.card import CardDetails, CardSummary
from vault_svc.domain.sealing import Binding, SealedKind, read_card, read_code
from vault_svc.domain.secret_values import CardSecurityCode
from vault_svc.domain.token import TOKEN_PREFIX, TokenId

_MALFORMED: Final = TokenId("malformed")


@dataclass(frozen=True, slots=True)
class RevealedCard:
    """A card in the clear; `code` is None when the vault holds none, or none any more."""

    details: CardDetails
    code: CardSecurityCode | None
    summary: CardSummary


@dataclass(frozen=True, slots=True)
class Detokenize:
    """Opens sealed cards. Every call leaves a record in the audit, also one that finds nothing.

    The card verification code is given once and deleted by being given. So an authorization that has to be repeated
    after an unknown outcome goes without a code, and so does the next PSP of a cascade: a code must not outlive its
    authorization, and the vault can't tell whether the first one reached the issuer.
    """

    store: CardStore
    keys: DataKeys

    async def __call__(self, request: CardRequest) -> RevealedCard:
        """Give the card. Raises Refusal(TOKEN_NOT_FOUND), and SealBrokenError for a row that was tampered with."""
        # Whatever else came in place of a token, say a card number by mistake, must not end up in the audit.
        well_formed = is_id(TOKEN_PREFIX, request.token_id)
        taken = await self.store.take_card(request if well_formed else replace(request, token_id=_MALFORMED))
        if taken is None:
            raise Refusal(Reason.TOKEN_NOT_FOUND, token_id=mask_card_numbers(request.token_id))
        cipher = await self.keys.for_opening(request.merchant_id, taken.data_key)
        version = taken.data_key.key_version

        def unseal(kind: SealedKind, sealed: bytes) -> bytes:
            return cipher.open(Binding(request.merchant_id, request.token_id, version, kind), sealed)

        return RevealedCard(
            details=read_card(unseal(SealedKind.CARD, taken.sealed_card)),
            code=None if taken.sealed_code is None else read_code(unseal(SealedKind.CODE, taken.sealed_code)),
            summary=taken.summary,
        )
