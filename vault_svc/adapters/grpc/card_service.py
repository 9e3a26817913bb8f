"""Serves `payera.vault.v1.CardService`: what the rest of the mesh asks of the vault."""

from typing import Final

import grpc
from payera.vault.v1 import token_service_pb2 as vault_pb2
from payera.vault.v1 import token_service_pb2_grpc as vault_grpc

from mesh.context import current
from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from vault_svc.adapters.grpc.messages import revealed_message, summary_message, usage_message
from vault_svc.application.describe_token import DescribeToken
from vault_svc.application.detokenize import Detokenize
from vault_svc.application.manage_tokens import MakePermanent
from vault_svc.application.ports.card_store import CardRequest
from vault_svc.domain.token import Actor, MerchantId, Purpose, TokenId

SERVICE_NAME: Final = vault_pb2.DESCRIPTOR.services_by_name["CardService"].full_name
_PURPOSES: Final = {purpose.value: purpose for purpose in Purpose}


class CardService(vault_grpc.CardServiceServicer):
    """Translates, calls the use case, translates back."""

    def __init__(self, *, describe_token: DescribeToken, detokenize: Detokenize, make_permanent: MakePermanent) -> None:
        self._describe_token = describe_token
        self._detokenize = detokenize
        self._make_permanent = make_permanent

    async def DescribeToken(  # noqa: N802 - named by the contract
        self,
        request: vault_pb2.DescribeTokenRequest,
        context: grpc.aio.ServicerContext[  # noqa: ARG002
            vault_pb2.DescribeTokenRequest, vault_pb2.DescribeTokenResponse
        ],
    ) -> vault_pb2.DescribeTokenResponse:
        """Tell what may be shown of a merchant's card that is to be paid with."""
        token = await self._describe_token.for_payment(MerchantId(request.merchant_id), TokenId(request.token_id))
        return vault_pb2.DescribeTokenResponse(
            card=summary_message(token.summary), usage=usage_message(token.usage), fingerprint=token.fingerprint
        )

    async def MakePermanent(  # noqa: N802 - named by the contract
        self,
        request: vault_pb2.MakePermanentRequest,
        context: grpc.aio.ServicerContext[  # noqa: ARG002
            vault_pb2.MakePermanentRequest, vault_pb2.MakePermanentResponse
        ],
    ) -> vault_pb2.MakePermanentResponse:
        """Keep the token of a payment that succeeded."""
        call = current()
        await self._make_permanent(
            MerchantId(request.merchant_id),
            TokenId(request.token_id),
            request.payment_id,
            Actor(call.caller, call.request_id),
        )
        return vault_pb2.MakePermanentResponse()

    async def Detokenize(  # noqa: N802 - named by the contract
        self,
        request: vault_pb2.DetokenizeRequest,
        context: grpc.aio.ServicerContext[vault_pb2.DetokenizeRequest, vault_pb2.DetokenizeResponse],  # noqa: ARG002
    ) -> vault_pb2.DetokenizeResponse:
        """Give a merchant's card in the clear, and write down who got it and what for."""
        call = current()
        return revealed_message(
            await self._detokenize(
                CardRequest(
                    merchant_id=MerchantId(request.merchant_id),
                    token_id=TokenId(request.token_id),
                    purpose=_purpose_of(request.purpose),
                    payment_id=request.payment_id,
                    caller=call.caller,
                    request_id=call.request_id,
                )
            )
        )


def _purpose_of(text: str) -> Purpose:
    purpose = _PURPOSES.get(text)
    if purpose is None:
        rule = f"it must be one of: {', '.join(_PURPOSES)}."
        raise Refusal(
            Reason.INVALID_FIELD, violations=[Violation("purpose", rule)], field="purpose", detail=f"`purpose`: {rule}"
        )
    return purpose
