"""Serves `payera.vault.v1.TokenService`: what merchants and shoppers' browsers ask of the vault."""

from typing import Final

import grpc
from payera.vault.v1 import token_service_pb2 as vault_pb2
from payera.vault.v1 import token_service_pb2_grpc as vault_grpc

from mesh.context import current
from mesh.reasons import Reason
from mesh.refusal import Refusal
from vault_svc.adapters.grpc.messages import card_of, token_message
from vault_svc.application.create_token import CreateToken
from vault_svc.application.describe_token import DescribeToken
from vault_svc.application.ports.clock import Clock
from vault_svc.domain.token import MerchantId, TokenId

SERVICE_NAME: Final = vault_pb2.DESCRIPTOR.services_by_name["TokenService"].full_name


class TokenService(vault_grpc.TokenServiceServicer):
    """Translates, calls the use case, translates back."""

    def __init__(self, *, create_token: CreateToken, describe_token: DescribeToken, clock: Clock) -> None:
        self._create_token = create_token
        self._describe_token = describe_token
        self._clock = clock

    async def CreateToken(  # noqa: N802 - named by the contract
        self,
        request: vault_pb2.CreateTokenRequest,
        context: grpc.aio.ServicerContext[vault_pb2.CreateTokenRequest, vault_pb2.Token],  # noqa: ARG002
    ) -> vault_pb2.Token:
        """Keep a card of the calling merchant."""
        merchant_id = _merchant_of_call("publishable")
        return token_message(await self._create_token(merchant_id, card_of(request.card, self._clock.now())))

    async def GetToken(  # noqa: N802 - named by the contract
        self,
        request: vault_pb2.GetTokenRequest,
        context: grpc.aio.ServicerContext[vault_pb2.GetTokenRequest, vault_pb2.Token],  # noqa: ARG002
    ) -> vault_pb2.Token:
        """Read a token of the calling merchant."""
        merchant_id = _merchant_of_call("secret")
        return token_message(await self._describe_token(merchant_id, TokenId(request.token_id)))


def _merchant_of_call(scope: str) -> MerchantId:
    principal = current().principal
    # An operator's key belongs to no merchant, and cards of no merchant must not come to be.
    if principal is None or not principal.merchant_id:
        raise Refusal(Reason.API_KEY_SCOPE, scope=scope)
    return MerchantId(principal.merchant_id)
