"""Keeps merchants and the hashes of API keys in PostgreSQL: one stored procedure per method."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from gateway_svc.application.ports import NewApiKey, View
from mesh.database import Database


class PostgresMerchantStore:
    """The `MerchantStore` and `ApiKeyStore` ports over the procedures of schema `gateway`."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_merchant(self, merchant_id: str, name: str) -> View:
        """Create a merchant without keys."""
        return await self._view("merchant", "gateway.create_merchant", merchant_id, name)

    async def configure_merchant(self, merchant_id: str, *, card_code_required: bool, cascade: View) -> View:
        """Replace a merchant's settings; refuses with MERCHANT_NOT_FOUND."""
        return await self._view(
            "merchant", "gateway.configure_merchant", merchant_id, card_code_required, Jsonb(dict(cascade))
        )

    async def get_merchant(self, merchant_id: str) -> View:
        """Read a merchant; refuses with MERCHANT_NOT_FOUND."""
        return await self._view("merchant", "gateway.get_merchant", merchant_id)

    async def list_merchants(self, before_us: int | None, before_id: str | None, limit: int) -> list[View]:
        """List merchants, newest first, from before that position."""
        rows = await self._database.call_many("gateway.list_merchants", limit, before_us, before_id)
        return [_column(row, "merchant") for row in rows]

    async def create_api_key(self, new: NewApiKey) -> View:
        """Store a key; refuses with MERCHANT_NOT_FOUND, or API_KEY_LIMIT at 100 active keys."""
        return await self._view(
            "api_key",
            "gateway.create_api_key",
            new.id,
            new.merchant_id,
            new.scope,
            new.live,
            new.prefix,
            new.sha256,
        )

    async def list_api_keys(self, merchant_id: str) -> list[View]:
        """List a merchant's keys, newest first; refuses with MERCHANT_NOT_FOUND."""
        rows = await self._database.call_many("gateway.list_api_keys", merchant_id)
        return [_column(row, "api_key") for row in rows]

    async def revoke_api_key(self, key_id: str) -> View:
        """Revoke a key, again without effect; refuses with API_KEY_NOT_FOUND."""
        return await self._view("api_key", "gateway.revoke_api_key", key_id)

    async def look_up_key(self, sha256: bytes) -> View | None:
        """Find a key by the SHA-256 over its UTF-8 bytes; None when there is none."""
        row = await self._database.call("gateway.look_up_key", sha256)
        return None if row is None else row["api_key"]

    async def _view(self, column: str, procedure: str, *arguments: object) -> View:
        row = await self._database.call(procedure, *arguments)
        if row is None:
            message = f"{procedure} answered without a row"
            raise LookupError(message)
        return _column(row, column)


def _column(row: Mapping[str, Any], name: str) -> View:
    view: View = row[name]
    return view
