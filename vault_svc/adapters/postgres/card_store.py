"""Keeps cards in PostgreSQL, one stored procedure per method; sealed bytes and summaries only ever come here."""

from datetime import UTC
from typing import Any, Final

from mesh.database import Database
from vault_svc.application.ports.card_store import CardRequest, CardToKeep, StoredDataKey, TakenCard
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.domain.card import CardSummary, Expiry
from vault_svc.domain.token import MerchantId, Token, TokenId

_ACTIVE_DATA_KEY: Final = "vault.active_data_key"
_KEEP_FIRST_DATA_KEY: Final = "vault.keep_first_data_key"
_KEEP_CARD: Final = "vault.keep_card"
_DESCRIBE_TOKEN: Final = "vault.describe_token"  # noqa: S105 - a procedure's name
_TAKE_CARD: Final = "vault.take_card"
_PURGE_CARD_CODES: Final = "vault.purge_card_codes"


class NoRowError(Exception):
    """A procedure that always gives a row gave none: the schema is not the one this code was written for."""


class PostgresCardStore:
    """The vault's tables. Raises Refusal(UNAVAILABLE) while the server is out of reach.

    A connection that breaks while a card is taken raises DatabaseOutcomeUnknown: the code may be used up by then.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active_data_key(self, merchant_id: MerchantId) -> StoredDataKey | None:
        """Give the key a merchant's new cards are sealed with, or None before the first."""
        row = await self._database.call(_ACTIVE_DATA_KEY, merchant_id)
        return None if row is None else _data_key_of(row)

    async def keep_first_data_key(self, merchant_id: MerchantId, wrapped: WrappedKey) -> StoredDataKey:
        """Keep a merchant's first data key as version 1, and give the active one: an earlier one when there was one."""
        return _data_key_of(
            _present(
                await self._database.call(
                    _KEEP_FIRST_DATA_KEY, merchant_id, wrapped.key_encryption_key_id, wrapped.wrapped
                ),
                _KEEP_FIRST_DATA_KEY,
            )
        )

    async def keep_card(self, card: CardToKeep) -> Token:
        """Keep a card under its new token, and its code for fifteen minutes outside the write-ahead log."""
        row = _present(
            await self._database.call(
                _KEEP_CARD,
                card.merchant_id,
                card.token_id,
                card.key_version,
                card.sealed_card,
                card.sealed_code,
                card.summary.brand,
                card.summary.last4,
                card.summary.bin,
                card.summary.expiry.month,
                card.summary.expiry.year,
                card.fingerprint,
                card.fingerprint_key_id,
            ),
            _KEEP_CARD,
        )
        return Token(card.token_id, card.summary, row["created_at"].astimezone(UTC))

    async def describe_token(self, merchant_id: MerchantId, token_id: TokenId) -> Token | None:
        """Give a merchant's token, or None when the merchant has no such token."""
        row = await self._database.call(_DESCRIBE_TOKEN, merchant_id, token_id)
        return None if row is None else Token(token_id, _summary_of(row), row["created_at"].astimezone(UTC))

    async def take_card(self, request: CardRequest) -> TakenCard | None:
        """Give a card, use up its code, and write the audit record, all in one transaction."""
        row = await self._database.call(
            _TAKE_CARD,
            request.merchant_id,
            request.token_id,
            request.purpose.value,
            request.payment_id,
            request.caller,
            request.request_id,
        )
        if row is None:
            return None
        return TakenCard(_data_key_of(row), row["sealed_card"], row["sealed_code"], _summary_of(row))

    async def purge_expired_codes(self, limit: int) -> int:
        """Delete up to `limit` codes whose time is over; give how many were deleted."""
        row = _present(await self._database.call(_PURGE_CARD_CODES, limit), _PURGE_CARD_CODES)
        return int(row["deleted"])


def _present(row: dict[str, Any] | None, procedure: str) -> dict[str, Any]:
    if row is None:
        message = f"{procedure} gave no row"
        raise NoRowError(message)
    return row


def _data_key_of(row: dict[str, Any]) -> StoredDataKey:
    return StoredDataKey(row["key_version"], WrappedKey(row["key_encryption_key_id"], row["wrapped_key"]))


def _summary_of(row: dict[str, Any]) -> CardSummary:
    return CardSummary(row["brand"], row["last4"], row["bin"], Expiry(row["exp_month"], row["exp_year"]))
