"""Keeps the keys of imports and what became of their lines in PostgreSQL, one stored procedure per method."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from mesh.database import Database
from vault_svc.adapters.postgres.operation_store import STATES
from vault_svc.adapters.postgres.rows import present, utc
from vault_svc.application.ports.card_envelopes import PublicKey
from vault_svc.application.ports.card_store import CardToKeep, KeyRetired
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.application.ports.operation_store import NotReady
from vault_svc.application.ports.transfer_store import CardKeeper, SealedImportKey, SourceIdReused, StoredImportKey
from vault_svc.domain.token import Actor, Token, TokenId, Usage

_LIST: Final = "vault.list_operations"
_KEEP_KEY: Final = "vault.keep_import_key"
_KEEP_CARD: Final = "vault.keep_imported_card"


class PostgresTransferStore:
    """The tables of imports. Raises Refusal(UNAVAILABLE) while the server is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def import_key(self, operation_id: str) -> StoredImportKey | None:
        """Give the key of an import, None before it has one."""
        row = await self._database.call(_LIST, operation_id, 1, "") if operation_id else None
        if row is None or row["kind"] != "import_cards" or "public_key" not in row["parameters"]:
            return None
        return _key_of(row["parameters"])

    async def keep_import_key(
        self, operation_id: str, public: PublicKey, private: SealedImportKey, actor: Actor
    ) -> StoredImportKey | None:
        """Begin an approved import and keep its key, unless it has one; give the one that it has."""
        sealed = {
            "key_encryption_key_id": private.wrapped.key_encryption_key_id,
            "wrapped_key": base64.b64encode(private.wrapped.wrapped).decode("ascii"),
            "sealed_key": base64.b64encode(private.sealed).decode("ascii"),
        }
        row = present(
            await self._database.call(
                _KEEP_KEY, operation_id, actor.name, actor.request_id, dict(public.jwk), public.digest, sealed
            ),
            _KEEP_KEY,
        )
        if row["verdict"] == "not_found":
            return None
        if row["verdict"] != "begun":
            raise NotReady(STATES[row["verdict"]])
        return _key_of(row["parameters"])

    def keeper(self, operation_id: str, source_id: str) -> CardKeeper:
        """Give what keeps the card with this id of the file, once."""
        return _ImportedCardKeeper(self._database, operation_id, source_id)


class _ImportedCardKeeper:
    """Keeps one card of an import together with the note that its line was taken."""

    def __init__(self, database: Database, operation_id: str, source_id: str) -> None:
        self._database = database
        self._operation_id = operation_id
        self._source_id = source_id

    async def keep_card(self, card: CardToKeep) -> Token:
        """Keep the card under a permanent token, or give the token that it got before."""
        if card.sealed_code is not None or card.life_seconds is not None:
            message = "an imported card has no code, and its token is permanent"
            raise ValueError(message)
        summary, recognition = card.summary, card.recognition
        row = present(
            await self._database.call(
                _KEEP_CARD, self._operation_id, self._source_id, card.merchant_id, card.token_id, card.key_version,
                card.sealed.sealed_key, card.sealed.sealed_card, summary.brand, summary.last4, summary.bin,
                summary.expiry.month, summary.expiry.year, tuple(summary.networks), summary.funding,
                summary.issuer_country, card.customer_id, recognition.new_id, tuple(recognition.key_ids),
                tuple(recognition.fingerprints), card.actor.name, card.actor.request_id,
            ),
            _KEEP_CARD,
        )  # fmt: skip
        match row["verdict"]:
            case "kept" | "known":
                return Token(
                    token_id=TokenId(row["token_id"]),
                    summary=summary,
                    create_time=utc(row["created_at"]),
                    usage=Usage.PERMANENT,
                    customer_id=card.customer_id,
                    fingerprint=row["fingerprint_id"],
                )
            case "reused":
                raise SourceIdReused
            case "key_retired":
                raise KeyRetired
            case verdict:
                raise NotReady(STATES[verdict])


def _key_of(parameters: Mapping[str, Any]) -> StoredImportKey:
    private = parameters.get("private_key")
    if private is None:
        return StoredImportKey(parameters["public_key"], None)
    wrapped = WrappedKey(private["key_encryption_key_id"], base64.b64decode(private["wrapped_key"]))
    return StoredImportKey(parameters["public_key"], SealedImportKey(wrapped, base64.b64decode(private["sealed_key"])))
