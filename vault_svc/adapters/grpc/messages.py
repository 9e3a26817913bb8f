"""Translates between the vault's contract and its domain."""

from datetime import datetime
from types import MappingProxyType
from typing import Final

from payera.types.v1 import card_pb2
from payera.vault.v1 import token_service_pb2 as vault_pb2

from vault_svc.application.detokenize import RevealedCard
from vault_svc.domain.address import NO_ADDRESS, BillingAddress
from vault_svc.domain.bin_table import BinTable
from vault_svc.domain.card import Card, CardSummary, Expiry, accept_card
from vault_svc.domain.token import Token, Usage

_USAGES: Final = MappingProxyType(
    {Usage.SINGLE_USE: vault_pb2.Token.SINGLE_USE, Usage.PERMANENT: vault_pb2.Token.PERMANENT}
)


def card_of(message: vault_pb2.Card, now: datetime, bin_table: BinTable | None = None) -> Card:
    """Check a card as it came and make a card of the domain of it. Raises Refusal(INVALID_CARD)."""
    address = message.address
    return accept_card(
        number=message.number,
        expiry=Expiry(message.exp_month, message.exp_year),
        code=message.cvc,
        holder_name=message.holder_name,
        now=now,
        address=BillingAddress(
            line1=address.line1,
            line2=address.line2,
            city=address.city,
            state=address.state,
            postal_code=address.postal_code,
            country=address.country,
        ),
        bin_table=bin_table,
    )


def summary_message(summary: CardSummary) -> card_pb2.CardSummary:
    """Give what may be shown of a card."""
    return card_pb2.CardSummary(
        brand=summary.brand,
        last4=summary.last4,
        bin=summary.bin,
        exp_month=summary.expiry.month,
        exp_year=summary.expiry.year,
        networks=summary.networks,
        funding=summary.funding,
        issuer_country=summary.issuer_country,
    )


def usage_message(usage: Usage) -> vault_pb2.Token.Usage:
    """Give how often a token may be used."""
    return _USAGES[usage]


def token_message(token: Token, *, with_fingerprint: bool = True) -> vault_pb2.Token:
    """Give a token as merchants see it; a page that anyone can open learns no fingerprint."""
    message = vault_pb2.Token(
        id=token.token_id,
        card=summary_message(token.summary),
        usage=usage_message(token.usage),
        customer_id=token.customer_id,
        fingerprint=token.fingerprint if with_fingerprint else "",
        payment_id=token.payment_id,
    )
    message.create_time.FromDatetime(token.create_time)
    if token.expire_time is not None:
        message.expire_time.FromDatetime(token.expire_time)
    return message


def revealed_message(card: RevealedCard) -> vault_pb2.DetokenizeResponse:
    """Give the card in the clear, for the one caller that may have it."""
    details = card.details
    address = None if details.address == NO_ADDRESS else vault_pb2.BillingAddress(**dict(details.address.named()))
    return vault_pb2.DetokenizeResponse(
        card=vault_pb2.Card(
            number=details.number.reveal(),
            exp_month=details.expiry.month,
            exp_year=details.expiry.year,
            cvc="" if card.code is None else card.code.reveal(),
            holder_name=details.holder_name.reveal(),
            address=address,
        ),
        summary=summary_message(card.summary),
    )
