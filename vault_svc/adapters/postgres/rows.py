"""Reads rows of the vault's procedures into the values of its ports."""

from datetime import UTC, datetime
from typing import Any

from vault_svc.application.ports.card_store import SealedCard
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.application.ports.key_store import StoredDataKey


class NoRowError(Exception):
    """A procedure that always gives a row gave none: the schema is not the one this code was written for."""


def present(row: dict[str, Any] | None, procedure: str) -> dict[str, Any]:
    """Give the row that there always is; raises NoRowError."""
    if row is None:
        message = f"{procedure} gave no row"
        raise NoRowError(message)
    return row


def data_key_of(row: dict[str, Any]) -> StoredDataKey:
    """Give the data key of a row."""
    return StoredDataKey(row["key_version"], WrappedKey(row["key_encryption_key_id"], row["wrapped_key"]))


def sealed_of(row: dict[str, Any]) -> SealedCard:
    """Give the sealed card of a row."""
    return SealedCard(row["sealed_key"], row["sealed_card"])


def utc(moment: datetime) -> datetime:
    """Give a moment in UTC."""
    return moment.astimezone(UTC)
