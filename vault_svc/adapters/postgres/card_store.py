"""Keeps cards in PostgreSQL, one stored procedure per method; sealed bytes and summaries only ever come here."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

import psycopg

from mesh.database import Database
from mesh.gathering import Gathering
from vault_svc.adapters.postgres.rows import data_key_of, present, sealed_of, utc
from vault_svc.application.ports.card_store import (
    CardChanged,
    CardRequest,
    CardToKeep,
    KeyDestroyed,
    KeyRetired,
    LoadedCard,
    SealedCard,
    SealedCode,
    TakenCard,
    TokenUsed,
)
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.application.ports.key_store import StoredDataKey
from vault_svc.domain.card import CardSummary, Expiry
from vault_svc.domain.token import Actor, MerchantId, Token, TokenId, Usage

TAKEN_AT_ONCE: Final = 2
TAKEN_TOGETHER_MAX: Final = 32
_KEEP_CARD: Final = "vault.keep_card"
_TAKE_CARDS: Final = "vault.take_cards"
_RESEAL_CARD: Final = "vault.reseal_card"
_MAKE_PERMANENT: Final = "vault.make_permanent"
_DELETE_TOKEN: Final = "vault.delete_token"  # noqa: S105 - a procedure's name


class PostgresCardStore:
    """The tables of cards. Raises Refusal(UNAVAILABLE) while the server is out of reach.

    A connection that breaks while a card is taken raises DatabaseOutcomeUnknown: the code may be used up by then.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._take = Gathering(
            self._take_together,
            at_once=TAKEN_AT_ONCE,
            size_max=TAKEN_TOGETHER_MAX,
            # A fault in what one caller sent must not fail the others; the transaction is rolled back then.
            one_by_one=lambda error: isinstance(error, psycopg.Error),
        )

    async def keep_card(self, card: CardToKeep) -> Token:
        """Keep a card under its new token, and its code for fifteen minutes outside the write-ahead log."""
        summary, recognition = card.summary, card.recognition
        row = present(
            await self._database.call(
                _KEEP_CARD, card.merchant_id, card.token_id, card.key_version, card.sealed.sealed_key,
                card.sealed.sealed_card, card.sealed_code, summary.brand, summary.last4, summary.bin,
                summary.expiry.month, summary.expiry.year, summary.networks, summary.funding,
                summary.issuer_country, card.customer_id, card.life_seconds, recognition.new_id,
                recognition.key_ids, recognition.fingerprints, card.actor.name, card.actor.request_id,
            ),
            _KEEP_CARD,
        )  # fmt: skip
        if row["verdict"] != "kept":
            raise KeyRetired
        return Token(
            token_id=card.token_id,
            summary=summary,
            create_time=utc(row["created_at"]),
            usage=Usage.PERMANENT if card.life_seconds is None else Usage.SINGLE_USE,
            expire_time=None if row["expires_at"] is None else utc(row["expires_at"]),
            customer_id=card.customer_id,
            fingerprint=row["fingerprint_id"],
        )

    async def describe_token(self, merchant_id: MerchantId, token_id: TokenId) -> Token | None:
        """Give a merchant's token, or None when the merchant has no such token or its time is over."""
        row = await self._database.call("vault.describe_token", merchant_id, token_id)
        return None if row is None else _token_of(token_id, row)

    async def list_tokens(
        self, merchant_id: MerchantId, customer_id: str, limit: int, before: TokenId | None
    ) -> Sequence[Token]:
        """List a customer's tokens, newest first, from the one before `before` on."""
        rows = await self._database.call_many("vault.list_tokens", merchant_id, customer_id, limit, before or "")
        return [_token_of(TokenId(row["token_id"]), row) for row in rows]

    async def take_card(self, request: CardRequest) -> TakenCard | None:
        """Give a card, use up its code, and write the audit record, all in one transaction.

        Cards that are asked for while others are being taken share a transaction.
        """
        row = await self._take(request)
        match row["verdict"]:
            case "taken":
                return TakenCard(data_key_of(row), sealed_of(row), _code_of(row), _summary_of(row))
            case "used":
                raise TokenUsed
            case "key_destroyed":
                raise KeyDestroyed
            case _:
                return None

    async def _take_together(self, requests: Sequence[CardRequest]) -> Sequence[dict[str, Any]]:
        rows = await self._database.call_many(
            _TAKE_CARDS,
            tuple([request.merchant_id for request in requests]),
            tuple([request.token_id for request in requests]),
            tuple([request.purpose.value for request in requests]),
            tuple([request.payment_id for request in requests]),
            tuple([request.caller for request in requests]),
            tuple([request.request_id for request in requests]),
        )
        return sorted(rows, key=itemgetter("place"))

    async def load_card(self, merchant_id: MerchantId, token_id: TokenId) -> LoadedCard | None:
        """Give a card for changing it, None when there is no such token."""
        row = await self._database.call("vault.load_card", merchant_id, token_id)
        if row is None:
            return None
        if row["wrapped_key"] is None:
            raise KeyDestroyed
        return LoadedCard(row["revision"], data_key_of(row), sealed_of(row))

    async def replace_card(
        self,
        merchant_id: MerchantId,
        token_id: TokenId,
        revision: int,
        key_version: int,
        sealed: SealedCard,
        expiry: Expiry,
        actor: Actor,
    ) -> None:
        """Keep a card with another expiry."""
        row = present(
            await self._database.call(
                _RESEAL_CARD, merchant_id, token_id, revision, key_version, sealed.sealed_key, sealed.sealed_card,
                expiry.month, expiry.year, actor.name, actor.request_id,
            ),
            _RESEAL_CARD,
        )  # fmt: skip
        if row["verdict"] != "resealed":
            raise (KeyRetired if row["verdict"] == "key_retired" else CardChanged)

    async def make_permanent(self, merchant_id: MerchantId, token_id: TokenId, payment_id: str, actor: Actor) -> bool:
        """Keep a token for good that this payment has; tell whether there is such a token."""
        row = present(
            await self._database.call(_MAKE_PERMANENT, merchant_id, token_id, payment_id, actor.name, actor.request_id),
            _MAKE_PERMANENT,
        )
        if row["verdict"] == "used":
            raise TokenUsed
        return bool(row["verdict"] == "permanent")

    async def delete_token(self, merchant_id: MerchantId, token_id: TokenId, actor: Actor) -> bool:
        """Destroy a card with its key and code; tell whether there was one."""
        row = await self._database.call(_DELETE_TOKEN, merchant_id, token_id, actor.name, actor.request_id)
        return bool(present(row, _DELETE_TOKEN)["deleted"])

    async def purge_expired_codes(self, limit: int) -> int:
        """Delete up to `limit` codes whose time is over; give how many were deleted."""
        return await self._deleted("vault.purge_card_codes", limit)

    async def purge_expired_tokens(self, limit: int) -> int:
        """Destroy up to `limit` single-use cards whose time is over; give how many were destroyed."""
        return await self._deleted("vault.purge_expired_tokens", limit)

    async def _deleted(self, procedure: str, limit: int) -> int:
        return int(present(await self._database.call(procedure, limit), procedure)["deleted"])


def _token_of(token_id: TokenId, row: dict[str, Any]) -> Token:
    return Token(
        token_id=token_id,
        summary=_summary_of(row),
        create_time=utc(row["created_at"]),
        usage=Usage(row["usage"]),
        expire_time=None if row["expires_at"] is None else utc(row["expires_at"]),
        customer_id=row["customer_id"],
        fingerprint=row["fingerprint_id"] or "",
        payment_id=row["payment_id"] or "",
    )


def _code_of(row: dict[str, Any]) -> SealedCode | None:
    if row["sealed_code"] is None:
        return None
    wrapped = WrappedKey(row["code_key_encryption_key_id"], row["code_wrapped_key"])
    return SealedCode(StoredDataKey(row["code_key_version"], wrapped), row["sealed_code"])


def _summary_of(row: dict[str, Any]) -> CardSummary:
    return CardSummary(
        row["brand"],
        row["last4"],
        row["bin"],
        Expiry(row["exp_month"], row["exp_year"]),
        tuple(row["networks"]),
        row["funding"],
        row["issuer_country"],
    )
