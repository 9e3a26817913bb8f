"""Asks the vault what may be shown of the card behind a token, and to keep tokens for good."""

from typing import Final

import grpc
import grpc.aio
from payera.vault.v1 import token_service_pb2 as messages
from payera.vault.v1 import token_service_pb2_grpc as stubs

from gateway_svc.adapters.cards import card_view
from gateway_svc.application.ports import DescribedToken, TokenToKeep
from mesh.channels import call_metadata, refusal_of
from mesh.reasons import Reason
from mesh.refusal import Refusal

TIMEOUT_SECONDS: Final = 2.0
_OF_THE_TOKEN: Final = frozenset({Reason.TOKEN_NOT_FOUND, Reason.TOKEN_USED})


class GrpcCardTokens:
    """The `CardTokens` and `TokenVault` ports over gRPC. A vault that is away or faulty is UNAVAILABLE.

    Describing changes nothing; a token that it was UNAVAILABLE to keep may be kept, so keeping is repeated.
    """

    __slots__ = ("_stub",)

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = stubs.CardServiceStub(channel)

    async def describe(self, *, merchant_id: str, token: str) -> DescribedToken:
        """Tell what may be known of a merchant's token; raises Refusal TOKEN_NOT_FOUND or TOKEN_USED."""
        request = messages.DescribeTokenRequest(merchant_id=merchant_id, token_id=token)
        try:
            answer = await self._stub.DescribeToken(request, timeout=TIMEOUT_SECONDS, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            raise _told(error, token) from None
        return DescribedToken(
            card_view(answer.card),
            on_file=answer.usage == messages.Token.PERMANENT,
            fingerprint=answer.fingerprint,
        )

    async def keep(self, wanted: TokenToKeep, *, timeout_ms: int) -> None:
        """Keep a token for good; raises Refusal TOKEN_NOT_FOUND or TOKEN_USED when the vault will not."""
        request = messages.MakePermanentRequest(
            merchant_id=wanted.merchant_id, token_id=wanted.token, payment_id=wanted.payment_id
        )
        try:
            await self._stub.MakePermanent(request, timeout=timeout_ms / 1000, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            raise _told(error, wanted.token) from None


def _told(error: grpc.aio.AioRpcError, token: str) -> Refusal:
    """Give what the vault says of the token; whatever else it says is no word about it."""
    refusal = refusal_of(error)
    if refusal is not None and refusal.reason in _OF_THE_TOKEN:
        return Refusal(refusal.reason, token_id=token)
    return Refusal(Reason.UNAVAILABLE)
