"""Translates between the vault's contract and its domain."""

from datetime import datetime

from payera.types.v1 import card_pb2
from payera.vault.v1 import token_service_pb2 as vault_pb2

from vault_svc.application.detokenize import RevealedCard
from vault_svc.domain.card import Card, CardSummary, Expiry, accept_card
from vault_svc.domain.token import Token


def card_of(message: vault_pb2.Card, now: datetime) -> Card:
    """Check a card as it came and make a card of the domain of it. Raises Refusal(INVALID_CARD)."""
    return accept_card(
        number=message.number,
        expiry=Expiry(message.exp_month, message.exp_year),
        code=message.cvc,
        holder_name=message.holder_name,
        now=now,
    )


def summary_message(summary: CardSummary) -> card_pb2.CardSummary:
    """Give what may be shown of a card."""
    return card_pb2.CardSummary(
        brand=summary.brand,
        last4=summary.last4,
        bin=summary.bin,
        exp_month=summary.expiry.month,
        exp_year=summary.expiry.year,
    )


def token_message(token: Token) -> vault_pb2.Token:
    """Give a token as merchants see it."""
    message = vault_pb2.Token(id=token.token_id, card=summary_message(token.summary))
    message.create_time.FromDatetime(token.create_time)
    return message


def revealed_message(card: RevealedCard) -> vault_pb2.DetokenizeResponse:
    """Give the card in the clear, for the one caller that may have it."""
    details = card.details
    return vault_pb2.DetokenizeResponse(
        card=vault_pb2.Card(
            number=details.number.reveal(),
            exp_month=details.expiry.month,
            exp_year=details.expiry.year,
            cvc="" if card.code is None else card.code.reveal(),
            holder_name=details.holder_name.reveal(),
        ),
        summary=summary_message(card.summary),
    )
