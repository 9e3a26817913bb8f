"""What rotations read and replace in PostgreSQL, one stored procedure per method."""

from collections.abc import Sequence
from datetime import datetime

from vault_svc.adapters.postgres.key_store import PostgresKeyStore
from vault_svc.adapters.postgres.rows import data_key_of, present, sealed_of
from vault_svc.application.ports.card_store import KeyRetired, Recognition, SealedCard
from vault_svc.application.ports.key_provider import WrappedKey
from vault_svc.application.ports.rotation_store import (
    CardToFingerprint,
    CardToReseal,
    KeyToRewrap,
    MerchantToRotate,
)
from vault_svc.domain.token import MerchantId, TokenId

# A card that is sealed anew is the same card: nobody's wish, and no record of its own.
_NO_EXPIRY = None
_NOBODY = ""


class PostgresRotationStore(PostgresKeyStore):
    """The tables of keys and cards. Raises Refusal(UNAVAILABLE) while the server is out of reach."""

    async def merchants_to_rotate(
        self, merchant_id: str, created_before: datetime, after: str, limit: int
    ) -> Sequence[MerchantToRotate]:
        """List merchants in their order, after one; only one when `merchant_id` is not empty."""
        rows = await self._database.call_many("vault.merchants_to_rotate", merchant_id, created_before, after, limit)
        return [MerchantToRotate(MerchantId(row["merchant_id"]), row["key_version"], row["is_due"]) for row in rows]

    async def cards_to_reseal(self, merchant_id: MerchantId, after: str, limit: int) -> Sequence[CardToReseal]:
        """List a merchant's cards that are not under the active data key, after a token."""
        rows = await self._database.call_many("vault.cards_to_reseal", merchant_id, after, limit)
        return [
            CardToReseal(TokenId(row["token_id"]), row["revision"], data_key_of(row), sealed_of(row)) for row in rows
        ]

    async def reseal_card(
        self, merchant_id: MerchantId, token_id: TokenId, revision: int, key_version: int, sealed: SealedCard
    ) -> bool:
        """Keep a card under the active data key; tell whether it was still the same."""
        row = present(
            await self._database.call(
                "vault.reseal_card", merchant_id, token_id, revision, key_version, sealed.sealed_key,
                sealed.sealed_card, _NO_EXPIRY, _NO_EXPIRY, _NOBODY, _NOBODY,
            ),
            "vault.reseal_card",
        )  # fmt: skip
        if row["verdict"] == "key_retired":
            raise KeyRetired
        return bool(row["verdict"] == "resealed")

    async def destroy_idle_data_keys(self, merchant_id: MerchantId, idle_seconds: int, actor: str) -> int:
        """Destroy retired keys of a merchant under which nothing is left; give how many."""
        row = await self._database.call("vault.destroy_idle_data_keys", merchant_id, idle_seconds, actor)
        return int(present(row, "vault.destroy_idle_data_keys")["destroyed"])

    async def keys_to_rewrap(
        self, active_key_id: str, after_place: str, after_version: int, limit: int
    ) -> Sequence[KeyToRewrap]:
        """List keys under another key-encryption key, after a place and version; fingerprint keys come first."""
        rows = await self._database.call_many("vault.keys_to_rewrap", active_key_id, after_place, after_version, limit)
        return [
            KeyToRewrap(
                MerchantId(row["merchant_id"]),
                row["key_version"],
                row["fingerprint_key_id"],
                WrappedKey(row["key_encryption_key_id"], row["wrapped_key"]),
                row["operation_id"],
            )
            for row in rows
        ]

    async def rewrap_key(self, key: KeyToRewrap, wrapped: WrappedKey, actor: str) -> bool:
        """Replace a key's wrapped bytes, with a record of it; tell whether they were still the same."""
        row = await self._database.call(
            "vault.rewrap_key", key.merchant_id, key.key_version, key.fingerprint_key_id, key.operation_id,
            key.wrapped.wrapped, wrapped.key_encryption_key_id, wrapped.wrapped, actor,
        )  # fmt: skip
        return bool(present(row, "vault.rewrap_key")["rewrapped"])

    async def cards_to_fingerprint(self, key_id: str, after: str, limit: int) -> Sequence[CardToFingerprint]:
        """List cards whose number the key does not know, after a token."""
        rows = await self._database.call_many("vault.cards_to_fingerprint", key_id, after, limit)
        return [
            CardToFingerprint(
                TokenId(row["token_id"]), MerchantId(row["merchant_id"]), data_key_of(row), sealed_of(row)
            )
            for row in rows
        ]

    async def add_fingerprint(self, token_id: TokenId, recognition: Recognition) -> bool:
        """Let the active key know a card's number; tell whether there still is such a card."""
        row = present(
            await self._database.call(
                "vault.add_fingerprint", token_id, recognition.key_ids, recognition.fingerprints, recognition.new_id
            ),
            "vault.add_fingerprint",
        )
        if row["verdict"] == "key_retired":
            raise KeyRetired
        return bool(row["verdict"] == "added")

    async def finish_fingerprint_rotation(self, key_id: str, idle_seconds: int, actor: str) -> tuple[int, bool]:
        """Destroy the key that was being replaced once the active key knows every card and it was idle."""
        row = present(
            await self._database.call("vault.finish_fingerprint_rotation", key_id, idle_seconds, actor),
            "vault.finish_fingerprint_rotation",
        )
        return int(row["cards_left"]), bool(row["is_destroyed"])

    async def forget_fingerprints(self, limit: int) -> int:
        """Delete up to `limit` HMACs of destroyed keys; give how many were deleted."""
        row = await self._database.call("vault.forget_fingerprints", limit)
        return int(present(row, "vault.forget_fingerprints")["deleted"])
