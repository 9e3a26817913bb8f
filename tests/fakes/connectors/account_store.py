"""The store of PSP accounts in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from mesh.reasons import Reason
from mesh.refusal import Refusal
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

ACCOUNTS_MAX = 1000
SECRETS_MAX = 10


def real_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class FakeAccountStore:
    """Keeps everything in dictionaries that tests may look into and tamper with; `down` makes it unreachable."""

    down: bool = False
    loads: int = 0
    changes: int = 0
    records: dict[str, AccountRecord] = field(default_factory=dict)
    credentials: dict[str, Sealed] = field(default_factory=dict)
    secrets: list[SealedSecret] = field(default_factory=list)

    async def create(self, account: NewAccount, changed_by: str) -> AccountRecord:
        await self._reach()
        assert changed_by
        if account.name in self.records:
            raise Refusal(Reason.PSP_ACCOUNT_EXISTS, account=account.name)
        if len(self.records) >= ACCOUNTS_MAX:
            raise Refusal(Reason.PSP_ACCOUNT_LIMIT, limit=ACCOUNTS_MAX)
        self.changes += 1
        now = real_now()
        self.credentials[account.name] = account.credentials
        self.records[account.name] = AccountRecord(
            name=account.name,
            merchant_id=account.merchant_id,
            connector=account.connector,
            configuration=account.configuration,
            credential_names=account.credential_names,
            credentials_version=1,
            version=self.changes,
            created_at=now,
            updated_at=now,
        )
        return self.records[account.name]

    async def configure(
        self, name: str, credentials_version: int, configuration: Configuration, changed_by: str
    ) -> AccountRecord | None:
        await self._reach()
        assert changed_by
        record = self.records.get(name)
        if record is None or record.credentials_version != credentials_version:
            return None
        return self._change(name, configuration=configuration)

    async def set_credentials(self, name: str, credentials: NewCredentials, changed_by: str) -> AccountRecord | None:
        await self._reach()
        assert changed_by
        record = self.records.get(name)
        if record is None or record.credentials_version != credentials.version - 1:
            return None
        self.credentials[name] = credentials.sealed
        return self._change(
            name,
            credentials_version=credentials.version,
            credential_names=credentials.names,
            configuration=replace(record.configuration, base_url=credentials.base_url),
        )

    async def set_disabled(self, name: str, *, disabled: bool, changed_by: str) -> AccountRecord | None:
        await self._reach()
        assert changed_by
        record = self.records.get(name)
        if record is None or (record.disabled_at is not None) == disabled:
            return record
        return self._change(name, disabled_at=real_now() if disabled else None)

    async def get(self, name: str) -> AccountRecord | None:
        await self._reach()
        return self.records.get(name)

    async def list(self, limit: int, after: str) -> Sequence[AccountRecord]:
        await self._reach()
        return [record for name, record in sorted(self.records.items()) if name > after][:limit]

    async def version(self) -> int:
        await self._reach()
        return self.changes

    async def load(self) -> Snapshot:
        await self._reach()
        self.loads += 1
        accounts = [
            SealedAccount(record, self.credentials[name], tuple(self._in_force(name)))
            for name, record in sorted(self.records.items())
        ]
        return Snapshot(self.changes, accounts)

    async def create_webhook_secret(
        self, account: str, secret_id: str, sealed: Sealed, overlap_seconds: int, changed_by: str
    ) -> SecretRecord | None:
        await self._reach()
        assert changed_by
        if account not in self.records:
            return None
        if len(self._in_force(account)) >= SECRETS_MAX:
            raise Refusal(Reason.WEBHOOK_SECRET_LIMIT, account=account, limit=SECRETS_MAX)
        now = real_now()
        end = now + timedelta(seconds=overlap_seconds)
        self.secrets = [_ended(secret, end) if secret.record.account == account else secret for secret in self.secrets]
        record = SecretRecord(id=secret_id, account=account, created_at=now)
        self.secrets.append(SealedSecret(record, sealed))
        self._change(account)
        return record

    async def list_webhook_secrets(self, account: str) -> Sequence[SecretRecord] | None:
        await self._reach()
        return [secret.record for secret in self._in_force(account)] if account in self.records else None

    async def retire_webhook_secret(self, account: str, secret_id: str, changed_by: str) -> SecretRecord | None:
        await self._reach()
        assert changed_by
        if account not in self.records:
            return None
        for secret in self._in_force(account):
            if secret.record.id == secret_id:
                self.secrets.remove(secret)
                self._change(account)
                return replace(secret.record, expires_at=real_now())
        raise Refusal(Reason.WEBHOOK_SECRET_NOT_FOUND, account=account, secret_id=secret_id)

    def _change(self, name: str, **changes: object) -> AccountRecord | None:
        record = self.records.get(name)
        if record is None:
            return None
        self.changes += 1
        values: dict[str, object] = {"version": self.changes, "updated_at": real_now()} | changes
        self.records[name] = replace(record, **values)  # type: ignore[arg-type]
        return self.records[name]

    def _in_force(self, account: str) -> Sequence[SealedSecret]:
        now = real_now()
        return [
            secret
            for secret in reversed(self.secrets)
            if secret.record.account == account and (secret.record.expires_at is None or secret.record.expires_at > now)
        ]

    async def _reach(self) -> None:
        # Every real store makes its caller wait, so that others get their turn.
        await asyncio.sleep(0)
        if self.down:
            raise Refusal(Reason.UNAVAILABLE)


def _ended(secret: SealedSecret, end: datetime) -> SealedSecret:
    known = secret.record.expires_at
    return replace(secret, record=replace(secret.record, expires_at=end if known is None else min(known, end)))
