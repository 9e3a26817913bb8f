"""Asks the vault what may be shown of the card behind a token."""

from collections.abc import Mapping
from typing import Any, Final

import grpc
import grpc.aio
from payera.vault.v1 import token_service_pb2 as messages
from payera.vault.v1 import token_service_pb2_grpc as stubs

from mesh.channels import call_metadata, refusal_of
from mesh.reasons import Reason
from mesh.refusal import Refusal

TIMEOUT_SECONDS: Final = 2.0


class GrpcCardTokens:
    """The `CardTokens` port over gRPC. A vault that is away or faulty is UNAVAILABLE: nothing has been changed."""

    __slots__ = ("_stub",)

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.CardServiceStub(channel)

    async def describe(self, *, merchant_id: str, token: str) -> Mapping[str, Any]:
        """Return the card summary of a merchant's token; raises Refusal TOKEN_NOT_FOUND."""
        request = messages.DescribeTokenRequest(merchant_id=merchant_id, token_id=token)
        try:
            answer = await self._stub.DescribeToken(request, timeout=TIMEOUT_SECONDS, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            refusal = refusal_of(error)
            if refusal is not None and refusal.reason is Reason.TOKEN_NOT_FOUND:
                raise Refusal(Reason.TOKEN_NOT_FOUND, token_id=token) from None
            raise Refusal(Reason.UNAVAILABLE) from None
        card = answer.card
        return {
            "brand": card.brand,
            "last4": card.last4,
            "bin": card.bin,
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
        }
