"""Asks the vault for the card behind a token."""

import time
from typing import Final

import grpc
from payera.vault.v1 import token_service_pb2, token_service_pb2_grpc

from mesh.channels import call_metadata, refusal_of
from mesh.reasons import Reason
from psp_connectors.application.ports import TokenUnusable, TokenUsed, VaultUnavailable
from psp_connectors.domain.cards import Address, Card, CardCode, CardNumber, CardSummary

LONGEST_SECONDS: Final = 3.0
LEAST_SECONDS: Final = 0.01
PURPOSE: Final = "authorization"


class GrpcVault:
    """The vault over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = token_service_pb2_grpc.CardServiceStub(channel)

    async def card_of(self, *, merchant_id: str, token: str, payment_id: str, deadline: float) -> Card:
        """Give the card; raises TokenUnusable when the vault does not give this one, VaultUnavailable otherwise."""
        timeout = min(deadline - time.monotonic(), LONGEST_SECONDS)
        if timeout < LEAST_SECONDS:
            raise VaultUnavailable
        request = token_service_pb2.DetokenizeRequest(
            merchant_id=merchant_id, token_id=token, payment_id=payment_id, purpose=PURPOSE
        )
        try:
            answer = await self._stub.Detokenize(request, timeout=timeout, metadata=call_metadata())
        except grpc.aio.AioRpcError as error:
            # The text of a gRPC error is the peer's; it goes no further than here.
            raise _meaning(error) from None
        return _card(answer)


def _meaning(error: grpc.aio.AioRpcError) -> Exception:
    refusal = refusal_of(error)
    reason = refusal.reason if refusal is not None else None
    if reason is Reason.TOKEN_USED:
        return TokenUsed()
    return TokenUnusable() if reason is Reason.TOKEN_NOT_FOUND else VaultUnavailable()


def _card(answer: token_service_pb2.DetokenizeResponse) -> Card:
    card, summary, address = answer.card, answer.summary, answer.card.address
    return Card(
        number=CardNumber(card.number),
        code=CardCode(card.cvc),
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        holder_name=card.holder_name,
        address=Address(
            line1=address.line1,
            line2=address.line2,
            city=address.city,
            state=address.state,
            postal_code=address.postal_code,
            country=address.country,
        ),
        summary=CardSummary(
            brand=summary.brand,
            last4=summary.last4,
            bin=summary.bin,
            exp_month=summary.exp_month,
            exp_year=summary.exp_year,
            networks=tuple(summary.networks),
            funding=summary.funding,
            issuer_country=summary.issuer_country,
        ),
    )
