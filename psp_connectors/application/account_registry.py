"""The PSP accounts as they are now: those of the file, and those of the database as of the last look."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from psp_connectors.application.account_ports import (
    AccountStore,
    Seal,
    SealBroken,
    SealedAccount,
    SealedSecret,
)
from psp_connectors.application.credentials import open_credentials, open_webhook_secret
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Account, Connector


class RegistryObserver(Protocol):
    """Is told of what the registry finds."""

    def loaded(self, accounts: int, version: int) -> None:
        """Tell that the accounts were read anew."""

    def unusable(self, account: str, why: str) -> None:
        """Tell that an account can't be used; `why` holds no secret."""


@dataclass(frozen=True, slots=True)
class _Usable:
    version: int
    account: Account
    secrets: tuple[tuple[Secret, datetime | None], ...]


class AccountRegistry:
    """Gives accounts by name, and the webhook secrets in force. Answers from memory: it never waits for the database.

    While the database is away, the accounts last known serve on. An account whose seal is broken keeps its last good
    credentials with the settings they go with, and is left out when it never had any; that it is disabled, what it
    takes and which webhook secrets are in force follow the database all the same. `now` gives the time in UTC.
    """

    def __init__(
        self,
        *,
        connectors: Mapping[str, Connector],
        observer: RegistryObserver,
        now: Callable[[], datetime],
        fixed: Mapping[str, Account] | None = None,
        fixed_secrets: Mapping[str, Sequence[Secret]] | None = None,
        store: AccountStore | None = None,
        seal: Seal | None = None,
    ) -> None:
        self._connectors = connectors
        self._observer = observer
        self._now = now
        self._store = store
        self._seal = seal
        secrets = dict(fixed_secrets or {})
        self._fixed = {
            name: _Usable(0, account, tuple((secret, None) for secret in secrets.get(name, ())))
            for name, account in (fixed or {}).items()
        }
        self._all: dict[str, _Usable] = dict(self._fixed)
        self._version = -1
        self._loading = asyncio.Lock()

    def get(self, name: str, /) -> Account | None:
        """Give an account, None when there is none of that name."""
        usable = self._all.get(name)
        return None if usable is None else usable.account

    def values(self) -> Collection[Account]:
        """Give all accounts, by name."""
        return [usable.account for _, usable in sorted(self._all.items())]

    @property
    def is_complete(self) -> bool:
        """Tell whether the database's accounts were read at least once: before, an unknown name says nothing."""
        return self._store is None or self._version >= 0

    def is_fixed(self, name: str) -> bool:
        """Tell whether an account comes from the file, which these processes never change."""
        return name in self._fixed

    def webhook_secrets(self, name: str, at: datetime | None = None) -> tuple[Secret, ...]:
        """Give the secrets that are, or at a time were, valid for an account's webhooks, newest first."""
        usable = self._all.get(name)
        moment = at or self._now()
        if usable is None:
            return ()
        return tuple(secret for secret, expires_at in usable.secrets if expires_at is None or expires_at > moment)

    async def refresh(self) -> bool:
        """Read the accounts when something changed since the last look; tell whether it did.

        Raises what the store raises; the accounts stay as they are then.
        """
        if self._store is None or self._seal is None:
            return False
        async with self._loading:
            if await self._store.version() == self._version:
                return False
            snapshot = await self._store.load()
            usable = [self._open(sealed, self._seal) for sealed in snapshot.accounts]
            self._all = {each.account.name: each for each in usable if each is not None} | self._fixed
            self._version = snapshot.version
        self._observer.loaded(len(self._all), snapshot.version)
        return True

    def _open(self, sealed: SealedAccount, seal: Seal) -> _Usable | None:
        record = sealed.record
        known = self._all.get(record.name)
        if known is not None and known.version == record.version:
            return known
        if record.connector not in self._connectors:
            self._observer.unusable(record.name, f"there is no connector {record.connector}")
            return None
        try:
            credentials = open_credentials(seal, record.name, record.credentials_version, sealed.credentials)
        except SealBroken as error:
            self._observer.unusable(record.name, str(error))
            return self._unopened(sealed, seal, known) if known is not None and known.version > 0 else None
        configuration = record.configuration
        account = Account(
            name=record.name,
            connector=record.connector,
            base_url=configuration.base_url.rstrip("/"),
            api_key=credentials.api_key,
            secrets=credentials.secrets,
            settings=configuration.settings,
            merchant_id=record.merchant_id,
            disabled=record.disabled_at is not None,
            brands=configuration.brands,
            limits=configuration.limits,
            fees=configuration.fee_schedule,
        )
        return _Usable(record.version, account, self._open_secrets(record.name, sealed.webhook_secrets, seal))

    def _unopened(self, sealed: SealedAccount, seal: Seal, known: _Usable) -> _Usable:
        """Give an account as it is now but for what can't be opened; it stays of the old version, to be tried again."""
        record = sealed.record
        account = replace(
            known.account,
            disabled=record.disabled_at is not None,
            brands=record.configuration.brands,
            limits=record.configuration.limits,
            fees=record.configuration.fee_schedule,
        )
        return _Usable(known.version, account, self._open_secrets(record.name, sealed.webhook_secrets, seal))

    def _open_secrets(
        self, account: str, secrets: Sequence[SealedSecret], seal: Seal
    ) -> tuple[tuple[Secret, datetime | None], ...]:
        opened = []
        for secret in secrets:
            try:
                text = open_webhook_secret(seal, account, secret.record.id, secret.sealed)
            except SealBroken as error:
                self._observer.unusable(account, str(error))
            else:
                opened.append((text, secret.record.expires_at))
        return tuple(opened)
