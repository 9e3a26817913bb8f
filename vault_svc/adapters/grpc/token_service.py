"""Serves `payera.vault.v1.TokenService`: what merchants and shoppers' browsers ask of the vault."""

from dataclasses import dataclass
from typing import Final, Literal

import grpc
from payera.vault.v1 import token_service_pb2 as vault_pb2
from payera.vault.v1 import token_service_pb2_grpc as vault_grpc

from mesh.context import KeyScope, Principal, current
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from vault_svc.adapters.grpc import page_tokens
from vault_svc.adapters.grpc.messages import card_of, token_message
from vault_svc.application.create_token import CreateToken
from vault_svc.application.describe_token import DescribeToken
from vault_svc.application.manage_tokens import AssignCustomer, DeleteToken, ListTokens, UpdateToken
from vault_svc.application.ports.clock import Clock
from vault_svc.domain.bin_table import BinTables
from vault_svc.domain.card import Expiry
from vault_svc.domain.token import Actor, MerchantId, TokenId, refuse_card_number

SERVICE_NAME: Final = vault_pb2.DESCRIPTOR.services_by_name["TokenService"].full_name
DEFAULT_PAGE_SIZE: Final = 50
_EXPIRY: Final[tuple[Literal["exp_month", "exp_year"], ...]] = ("exp_month", "exp_year")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUseCases:
    """What the service calls; `bin_tables` add what is known of issuers' ranges."""

    create: CreateToken
    describe: DescribeToken
    list: ListTokens
    update: UpdateToken
    assign: AssignCustomer
    delete: DeleteToken
    clock: Clock
    bin_tables: BinTables | None = None


class TokenService(vault_grpc.TokenServiceServicer):
    """Translates, calls the use case, translates back."""

    def __init__(self, use_cases: TokenUseCases) -> None:
        self._use = use_cases

    async def CreateToken(  # noqa: N802 - named by the contract
        self,
        request: vault_pb2.CreateTokenRequest,
        context: grpc.aio.ServicerContext[vault_pb2.CreateTokenRequest, vault_pb2.Token],  # noqa: ARG002
    ) -> vault_pb2.Token:
        """Keep a card of the calling merchant."""
        principal = _principal("publishable")
        _require_right_to_customer(principal, request.customer_id)
        now = self._use.clock.now()
        table = None if self._use.bin_tables is None else self._use.bin_tables.at(now.date())
        card = card_of(request.card, now, table)
        token = await self._use.create(MerchantId(principal.merchant_id), card, request.customer_id, _actor(principal))
        return token_message(token, with_fingerprint=principal.scope >= KeyScope.SECRET)

    async def GetToken(  # noqa: N802 - named by the contract
        self,
        request: vault_pb2.GetTokenRequest,
        context: grpc.aio.ServicerContext[vault_pb2.GetTokenRequest, vault_pb2.Token],  # noqa: ARG002
    ) -> vault_pb2.Token:
        """Read a token of the calling merchant."""
        principal = _principal("secret")
        return token_message(await self._use.describe(MerchantId(principal.merchant_id), TokenId(request.token_id)))

    async def ListTokens(  # noqa: N802 - named by the contract
        self,
        request: vault_pb2.ListTokensRequest,
        context: grpc.aio.ServicerContext[vault_pb2.ListTokensRequest, vault_pb2.ListTokensResponse],  # noqa: ARG002
    ) -> vault_pb2.ListTokensResponse:
        """List the tokens of a customer of the calling merchant."""
        merchant_id = _principal("secret").merchant_id
        scope = ("tokens", merchant_id, request.customer_id)
        before = page_tokens.decode(scope, request.page_token)
        tokens, more = await self._use.list(
            MerchantId(merchant_id),
            request.customer_id,
            request.page_size or DEFAULT_PAGE_SIZE,
            TokenId(before) if before else None,
        )
        return vault_pb2.ListTokensResponse(
            tokens=[token_message(token) for token in tokens],
            next_page_token=page_tokens.encode(scope, tokens[-1].token_id) if more else "",
        )

    async def UpdateToken(  # noqa: N802 - named by the contract
        self,
        request: vault_pb2.UpdateTokenRequest,
        context: grpc.aio.ServicerContext[vault_pb2.UpdateTokenRequest, vault_pb2.Token],  # noqa: ARG002
    ) -> vault_pb2.Token:
        """Change the expiry or the customer of a card of the calling merchant."""
        principal = _principal("secret")
        merchant_id, token_id = MerchantId(principal.merchant_id), TokenId(request.token_id)
        expiry = _expiry_of(request)
        # What may be refused comes first: a refusal has changed nothing.
        refuse_card_number("customer_id", request.customer_id)
        token = None
        if expiry is not None:
            token = await self._use.update(merchant_id, token_id, expiry, _actor(principal))
        if request.HasField("customer_id"):
            token = await self._use.assign(merchant_id, token_id, request.customer_id, _actor(principal))
        return token_message(token or await self._use.describe(merchant_id, token_id))

    async def DeleteToken(  # noqa: N802 - named by the contract
        self,
        request: vault_pb2.DeleteTokenRequest,
        context: grpc.aio.ServicerContext[vault_pb2.DeleteTokenRequest, vault_pb2.DeleteTokenResponse],  # noqa: ARG002
    ) -> vault_pb2.DeleteTokenResponse:
        """Destroy a card of the calling merchant."""
        principal = _principal("secret")
        await self._use.delete(MerchantId(principal.merchant_id), TokenId(request.token_id), _actor(principal))
        return vault_pb2.DeleteTokenResponse(id=request.token_id)


def _principal(scope: str) -> Principal:
    principal = current().principal
    # An operator's key belongs to no merchant, and cards of no merchant must not come to be.
    if principal is None or not principal.merchant_id:
        raise Refusal(Reason.API_KEY_SCOPE, scope=scope)
    return principal


def _expiry_of(request: vault_pb2.UpdateTokenRequest) -> Expiry | None:
    """Give the new expiry, None when the customer alone is to change."""
    missing = [name for name in _EXPIRY if not request.HasField(name)]
    if len(missing) == len(_EXPIRY) and request.HasField("customer_id"):
        return None
    if missing:
        rule = "month and year come together; leave out both to change the customer alone."
        raise Refusal(
            Reason.INVALID_FIELD,
            violations=[Violation(name, rule) for name in missing],
            field=missing[0],
            detail=f"`{missing[0]}`: {rule}",
        )
    return Expiry(request.exp_month, request.exp_year)


def _require_right_to_customer(principal: Principal, customer_id: str) -> None:
    """Refuse with INVALID_FIELD a customer named by a publishable key: who has the page could name any other."""
    if customer_id and principal.scope < KeyScope.SECRET:
        rule = "a publishable key may not name a customer; leave it out, and name it with a secret key (UpdateToken)."
        raise Refusal(
            Reason.INVALID_FIELD,
            violations=[Violation("customer_id", rule)],
            field="customer_id",
            detail=f"`customer_id`: {rule}",
        )


def _actor(principal: Principal) -> Actor:
    return Actor(principal.key_id, current().request_id)
