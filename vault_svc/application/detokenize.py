"""Gives a card back to what sends it to a PSP."""

from dataclasses import dataclass, replace

from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.application.access_rate import AccessRate
from vault_svc.application.card_sealing import CardSealer
from vault_svc.application.data_keys import DataKeys
from vault_svc.application.describe_token import KnownTokens
from vault_svc.application.ports.card_store import CardRequest, CardStore, KeyDestroyed, SealedCode, TokenUsed
from vault_svc.application.ports.key_provider import KeyUnavailableError
from vault_svc.domain.card import CardDetails, CardSummary
from vault_svc.domain.sealing import Binding, SealBrokenError, SealedKind, read_code
from vault_svc.domain.secret_values import CardSecurityCode
from vault_svc.domain.token import MALFORMED, is_token_id, refuse_card_number, shown


@dataclass(frozen=True, slots=True)
class RevealedCard:
    """A card in the clear; `code` is None when the vault holds none, or none any more."""

    details: CardDetails
    code: CardSecurityCode | None
    summary: CardSummary


@dataclass(frozen=True, slots=True)
class Detokenize:
    """Opens sealed cards. Every call that gets as far as the cards is in the audit, also one that finds nothing.

    A call that is refused for its form, the rate or a key provider that is down has not got so far.

    The card verification code is given once and deleted by being given. So an authorization that has to be repeated
    after an unknown outcome goes without a code, and so does the next PSP of a cascade: a code must not outlive its
    authorization, and the vault can't tell whether the first one reached the issuer.
    """

    store: CardStore
    keys: DataKeys
    sealer: CardSealer
    known: KnownTokens
    rate: AccessRate

    async def __call__(self, request: CardRequest) -> RevealedCard:
        """Give the card.

        Raises Refusal(TOKEN_NOT_FOUND), (TOKEN_USED) by another payment, (OVERLOADED) over the rate, (UNAVAILABLE) with
        nothing used up, and SealBrokenError for a row that was tampered with.
        """
        refuse_card_number("merchant_id", request.merchant_id)
        refuse_card_number("payment_id", request.payment_id)
        self.rate.require(request.merchant_id)
        await self._require_key(request)
        # Whatever else came in place of a token, say a card number by mistake, must not end up in the audit.
        well_formed = is_token_id(request.token_id)
        try:
            taken = await self.store.take_card(request if well_formed else replace(request, token_id=MALFORMED))
        except TokenUsed:
            raise Refusal(Reason.TOKEN_USED, token_id=shown(request.token_id)) from None
        except KeyDestroyed:
            taken = None
        finally:
            # Whether a token has its payment may have changed just now, or before and was not known here.
            self.known.drop((request.merchant_id, request.token_id))
        if taken is None:
            raise Refusal(Reason.TOKEN_NOT_FOUND, token_id=shown(request.token_id))
        cipher = await self.keys.for_opening(request.merchant_id, taken.data_key)
        details = self.sealer.open(
            cipher, request.merchant_id, request.token_id, taken.data_key.key_version, taken.sealed
        )
        if details.expiry != taken.summary.expiry:
            # What was sealed before the last change opens too, if it is put back under the same key version.
            message = "a sealed card is not the one that was kept last"
            raise SealBrokenError(message)
        code = None if taken.code is None else await self._code(request, taken.code)
        return RevealedCard(details=details, code=code, summary=taken.summary)

    async def _require_key(self, request: CardRequest) -> None:
        """Make sure of what opens the card before it is taken, for the code is gone once it is.

        A code is hardly older than the merchant's newest key. When that can't be had, a card under another still can.
        """
        try:
            await self.keys.have_at_hand(request.merchant_id)
        except (Refusal, KeyUnavailableError):
            if not is_token_id(request.token_id):
                return
            try:
                found = await self.store.load_card(request.merchant_id, request.token_id)
            except KeyDestroyed:
                found = None
            if found is not None:
                await self.keys.for_opening(request.merchant_id, found.data_key)

    async def _code(self, request: CardRequest, code: SealedCode) -> CardSecurityCode:
        cipher = await self.keys.for_opening(request.merchant_id, code.data_key)
        place = Binding(request.merchant_id, request.token_id, code.data_key.key_version, SealedKind.CODE)
        return read_code(cipher.open(place, code.sealed))
