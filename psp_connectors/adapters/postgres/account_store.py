"""Keeps PSP accounts in PostgreSQL, one stored procedure per method; credentials only ever come here sealed."""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mesh.database import Database
from psp_connectors.application.account_ports import (
    AccountRecord,
    Configuration,
    NewAccount,
    NewCredentials,
    Sealed,
    SealedAccount,
    SealedSecret,
    SecretRecord,
    Snapshot,
)
from psp_connectors.domain.connector import AccountLimits
from psp_connectors.domain.fees import FeeSchedule


class NoRowError(Exception):
    """A procedure that always gives a row gave none: the schema is not the one this code was written for."""


class PostgresAccountStore:
    """The tables of accounts. Raises Refusal(UNAVAILABLE) while the server is out of reach."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, account: NewAccount, changed_by: str) -> AccountRecord:
        """Keep a new account; refuses with PSP_ACCOUNT_EXISTS or PSP_ACCOUNT_LIMIT."""
        row = await self._database.call(
            "connectors.create_account",
            account.name,
            account.merchant_id,
            account.connector,
            _configuration_row(account.configuration),
            account.credentials.data,
            account.credentials.key_id,
            account.credential_names,
            changed_by,
        )
        return _record_of(present(row)["account"])

    async def configure(
        self, name: str, credentials_version: int, configuration: Configuration, changed_by: str
    ) -> AccountRecord | None:
        """Replace the configuration; None also when the credentials are of another version."""
        return _record_or_none(
            await self._database.call(
                "connectors.configure_account",
                name,
                credentials_version,
                _configuration_row(configuration),
                changed_by,
            )
        )

    async def set_credentials(self, name: str, credentials: NewCredentials, changed_by: str) -> AccountRecord | None:
        """Replace the credentials and their address; None also when their version is not the one that comes next."""
        return _record_or_none(
            await self._database.call(
                "connectors.set_credentials",
                name,
                credentials.version,
                credentials.sealed.data,
                credentials.sealed.key_id,
                credentials.names,
                credentials.base_url,
                changed_by,
            )
        )

    async def set_disabled(self, name: str, *, disabled: bool, changed_by: str) -> AccountRecord | None:
        """Disable or enable; an account that is so already stays as it is."""
        return _record_or_none(await self._database.call("connectors.set_disabled", name, disabled, changed_by))

    async def get(self, name: str) -> AccountRecord | None:
        """Give one account."""
        return _record_or_none(await self._database.call("connectors.get_account", name))

    async def list(self, limit: int, after: str) -> Sequence[AccountRecord]:
        """Give up to `limit` accounts by name, those after `after`."""
        rows = await self._database.call_many("connectors.list_accounts", limit, after)
        return [_record_of(row["account"]) for row in rows]

    async def version(self) -> int:
        """Give the number of the last change to any account or secret; cheap."""
        row = await self._database.call("connectors.account_version")
        return 0 if row is None else int(row["version"])

    async def load(self) -> Snapshot:
        """Give all accounts with what is sealed of them and the webhook secrets in force."""
        rows = await self._database.call_many("connectors.load_accounts")
        accounts = [_sealed_account_of(row) for row in rows if row["account"] is not None]
        return Snapshot(rows[0]["version"] if rows else 0, accounts)

    async def create_webhook_secret(
        self, account: str, secret_id: str, sealed: Sealed, overlap_seconds: int, changed_by: str
    ) -> SecretRecord | None:
        """Keep a secret; those before it end after the overlap. Refuses with WEBHOOK_SECRET_LIMIT."""
        row = await self._database.call(
            "connectors.create_webhook_secret",
            account,
            secret_id,
            sealed.data,
            sealed.key_id,
            overlap_seconds,
            changed_by,
        )
        return None if row is None else _secret_of(account, row["secret"])

    async def list_webhook_secrets(self, account: str) -> Sequence[SecretRecord] | None:
        """Give the secrets in force, newest first."""
        rows = await self._database.call_many("connectors.list_webhook_secrets", account)
        if not rows:
            return None
        return [_secret_of(account, row["secret"]) for row in rows if row["secret"] is not None]

    async def retire_webhook_secret(self, account: str, secret_id: str, changed_by: str) -> SecretRecord | None:
        """End a secret now; refuses with WEBHOOK_SECRET_NOT_FOUND."""
        row = await self._database.call("connectors.retire_webhook_secret", account, secret_id, changed_by)
        return None if row is None else _secret_of(account, row["secret"])


def _configuration_row(configuration: Configuration) -> dict[str, Any]:
    return {
        "base_url": configuration.base_url,
        "settings": dict(configuration.settings),
        "concurrent_calls": configuration.limits.concurrent_calls,
        "calls_per_second": configuration.limits.calls_per_second,
        "brands": list(configuration.brands),
        "fee_schedule": _fees_row(configuration.fee_schedule),
    }


def _fees_row(fees: FeeSchedule | None) -> dict[str, Any] | None:
    if fees is None:
        return None
    return {
        "basis_points": fees.basis_points,
        "fixed": dict(fees.fixed),
        "schemes": dict(fees.schemes),
        "cross_border_basis_points": fees.cross_border_basis_points,
        "country": fees.country,
    }


def _fees_of(row: Mapping[str, Any] | None) -> FeeSchedule | None:
    if row is None:
        return None
    # What was kept before there were networks' and cross-border shares does without them.
    return FeeSchedule(
        basis_points=row["basis_points"],
        fixed=row["fixed"],
        schemes=row.get("schemes", {}),
        cross_border_basis_points=row.get("cross_border_basis_points", 0),
        country=row.get("country", ""),
    )


def _record_or_none(row: Mapping[str, Any] | None) -> AccountRecord | None:
    return None if row is None else _record_of(row["account"])


def _record_of(view: Mapping[str, Any]) -> AccountRecord:
    return AccountRecord(
        name=view["name"],
        merchant_id=view["merchant_id"],
        connector=view["connector"],
        configuration=Configuration(
            base_url=view["base_url"],
            settings=view["settings"],
            limits=AccountLimits(concurrent_calls=view["concurrent_calls"], calls_per_second=view["calls_per_second"]),
            brands=tuple(view["brands"]),
            fee_schedule=_fees_of(view["fee_schedule"]),
        ),
        credential_names=tuple(view["credential_names"]),
        credentials_version=view["credentials_version"],
        version=view["version"],
        created_at=time_of(view["created_at"]),
        updated_at=time_of(view["updated_at"]),
        disabled_at=time_or_none(view["disabled_at"]),
    )


def _sealed_account_of(row: Mapping[str, Any]) -> SealedAccount:
    record = _record_of(row["account"])
    secrets = tuple(
        SealedSecret(_secret_of(record.name, secret), Sealed(secret["key_id"], base64.b64decode(secret["sealed"])))
        for secret in row["webhook_secrets"]
    )
    return SealedAccount(record, Sealed(row["credentials_key_id"], row["sealed_credentials"]), secrets)


def _secret_of(account: str, view: Mapping[str, Any]) -> SecretRecord:
    return SecretRecord(
        id=view["id"],
        account=account,
        created_at=time_of(view["created_at"]),
        expires_at=time_or_none(view["expires_at"]),
    )


def present(row: dict[str, Any] | None) -> dict[str, Any]:
    """Give the row that a procedure always gives; raises NoRowError."""
    if row is None:
        raise NoRowError
    return row


def time_of(text: str) -> datetime:
    """Read a time as it stands in jsonb, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def time_or_none(text: str | None) -> datetime | None:
    """Read a time that may be missing."""
    return None if text is None else time_of(text)
