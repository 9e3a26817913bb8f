"""What operators do with PSP accounts: set them up, give them credentials, disable and enable them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from mesh.card_numbers import contains_card_number, mask_card_numbers
from mesh.identifiers import is_id
from mesh.reasons import Reason
from mesh.refusal import Refusal
from psp_connectors.application import pages
from psp_connectors.application.account_ports import (
    AccountRecord,
    AccountStore,
    Configuration,
    NewAccount,
    NewCredentials,
    Seal,
    SecretRecord,
)
from psp_connectors.application.account_registry import AccountRegistry
from psp_connectors.application.account_rules import check_account, check_host, check_secret, connector_of
from psp_connectors.application.credentials import Credentials, seal_credentials, seal_webhook_secret
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Account, Connector

DEFAULT_OVERLAP_SECONDS: Final = 24 * 3600
SECRET_PREFIX: Final = "whs"  # noqa: S105 - the prefix of ids
Changed = TypeVar("Changed")
Found = TypeVar("Found")
_TRIES: Final = 3
_LIST: Final = "psp_accounts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An account as an operator asks for it."""

    name: str
    merchant_id: str
    connector: str
    configuration: Configuration
    credentials: Credentials


class ManageAccounts:
    """Changes accounts and reads them. Changes hold in this process at once, elsewhere within seconds.

    Accounts of the file can be read and not changed: PSP_ACCOUNT_READ_ONLY. `changed_by` is the operator's key id.
    """

    def __init__(
        self,
        *,
        store: AccountStore,
        registry: AccountRegistry,
        seal: Seal,
        connectors: Mapping[str, Connector],
        new_secret_id: Callable[[], str],
        only_https: bool,
    ) -> None:
        self._store = store
        self._registry = registry
        self._seal = seal
        self._connectors = connectors
        self._new_secret_id = new_secret_id
        self._only_https = only_https

    async def create(self, order: Order, changed_by: str) -> AccountRecord:
        """Create an account.

        Refuses with PSP_ACCOUNT_EXISTS, PSP_ACCOUNT_LIMIT, UNKNOWN_CONNECTOR, CARD_NUMBER_IN_TEXT, or INVALID_FIELD for
        what the connector can't work with.
        """
        if contains_card_number(order.name):
            raise Refusal(Reason.CARD_NUMBER_IN_TEXT, field="account")
        if self._registry.is_fixed(order.name):
            raise Refusal(Reason.PSP_ACCOUNT_EXISTS, account=order.name)
        connector = connector_of(order.connector, self._connectors)
        configuration = _with_address(order.configuration, connector)
        check_account(connector, configuration, order.credentials, only_https=self._only_https)
        account = NewAccount(
            name=order.name,
            merchant_id=order.merchant_id,
            connector=order.connector,
            configuration=configuration,
            credentials=seal_credentials(self._seal, order.name, 1, order.credentials),
            credential_names=order.credentials.names,
        )
        return await self._changed(await self._store.create(account, changed_by))

    async def configure(self, name: str, configuration: Configuration, changed_by: str) -> AccountRecord:
        """Replace the whole configuration; refuses with PSP_ACCOUNT_NOT_FOUND or INVALID_FIELD.

        The host stays: whoever could send the kept credentials to another one could read them there.
        """
        self._refuse_fixed(name)
        for _ in range(_TRIES):
            record = await self.get(name)
            connector = connector_of(record.connector, self._connectors)
            wanted = _with_address(configuration, connector)
            check_account(connector, wanted, None, only_https=self._only_https)
            check_host(record.configuration.base_url, wanted.base_url)
            changed = await self._store.configure(name, record.credentials_version, wanted, changed_by)
            if changed is not None:
                return await self._changed(changed)
        raise Refusal(Reason.UNAVAILABLE)

    async def set_credentials(
        self, name: str, credentials: Credentials, changed_by: str, *, base_url: str = ""
    ) -> AccountRecord:
        """Replace all credentials, and the address they are for when one is given.

        Refuses with PSP_ACCOUNT_NOT_FOUND or INVALID_FIELD.
        """
        self._refuse_fixed(name)
        for _ in range(_TRIES):
            record = await self.get(name)
            connector = connector_of(record.connector, self._connectors)
            address = base_url or record.configuration.base_url
            configuration = replace(record.configuration, base_url=address)
            check_account(connector, configuration, credentials, only_https=self._only_https)
            version = record.credentials_version + 1
            new = NewCredentials(
                version=version,
                sealed=seal_credentials(self._seal, name, version, credentials),
                names=credentials.names,
                base_url=address,
            )
            changed = await self._store.set_credentials(name, new, changed_by)
            if changed is not None:
                return await self._changed(changed)
        raise Refusal(Reason.UNAVAILABLE)

    async def set_disabled(self, name: str, *, disabled: bool, changed_by: str) -> AccountRecord:
        """Disable or enable; refuses with PSP_ACCOUNT_NOT_FOUND."""
        self._refuse_fixed(name)
        record = await self._store.set_disabled(name, disabled=disabled, changed_by=changed_by)
        return await self._changed(_found(record, name))

    async def get(self, name: str) -> AccountRecord:
        """Give one account; refuses with PSP_ACCOUNT_NOT_FOUND."""
        account = self._registry.get(name)
        if account is not None and self._registry.is_fixed(name):
            return _record_of(account)
        return _found(await self._store.get(name), name)

    async def list(self, page_size: int, token: str) -> tuple[Sequence[AccountRecord], str]:
        """Give a page of accounts by name, and the token of the next page; refuses with INVALID_PAGE_TOKEN."""
        after = pages.decode(_LIST, token)
        size = pages.size_of(page_size)
        fixed = [
            _record_of(account)
            for account in self._registry.values()
            if account.name > after and self._registry.is_fixed(account.name)
        ]
        names = {record.name for record in fixed}
        # Those of the file hide those of the database: enough are asked for to fill the page all the same.
        kept = await self._store.list(size + len(names) + 1, after)
        records = sorted([*fixed, *(record for record in kept if record.name not in names)], key=lambda each: each.name)
        return pages.cut(_LIST, records, size, lambda record: record.name)

    async def create_webhook_secret(
        self, name: str, secret: Secret, overlap_seconds: int, changed_by: str
    ) -> SecretRecord:
        """Add a webhook secret; those before it stay valid for `overlap_seconds`.

        Refuses with PSP_ACCOUNT_NOT_FOUND, INVALID_FIELD or WEBHOOK_SECRET_LIMIT.
        """
        self._refuse_fixed(name)
        check_secret(secret)
        secret_id = self._new_secret_id()
        sealed = seal_webhook_secret(self._seal, name, secret_id, secret)
        record = await self._store.create_webhook_secret(name, secret_id, sealed, overlap_seconds, changed_by)
        return await self._changed(_found(record, name))

    async def webhook_secrets(self, name: str) -> Sequence[SecretRecord]:
        """Give the webhook secrets in force; refuses with PSP_ACCOUNT_NOT_FOUND."""
        if self._registry.is_fixed(name):
            return ()
        return _found(await self._store.list_webhook_secrets(name), name)

    async def retire_webhook_secret(self, name: str, secret_id: str, changed_by: str) -> SecretRecord:
        """End a webhook secret now; refuses with PSP_ACCOUNT_NOT_FOUND or WEBHOOK_SECRET_NOT_FOUND."""
        self._refuse_fixed(name)
        if not is_id(SECRET_PREFIX, secret_id):
            # The database logs what it refuses: whatever came in place of an id, say a card number, must not get there.
            await self.get(name)
            shown = mask_card_numbers(secret_id)
            raise Refusal(Reason.WEBHOOK_SECRET_NOT_FOUND, account=name, secret_id=shown)
        return await self._changed(_found(await self._store.retire_webhook_secret(name, secret_id, changed_by), name))

    def _refuse_fixed(self, name: str) -> None:
        if self._registry.is_fixed(name):
            raise Refusal(Reason.PSP_ACCOUNT_READ_ONLY, account=name)

    async def _changed(self, record: Changed) -> Changed:
        """Take the change up here at once. That it is kept is certain; the next look finds it should this one fail."""
        try:
            await self._registry.refresh()
        except Refusal:
            return record
        return record


def _with_address(configuration: Configuration, connector: Connector) -> Configuration:
    if configuration.base_url:
        return configuration
    return replace(configuration, base_url=connector.shape.live_url)


def _found(record: Found | None, name: str) -> Found:
    if record is None:
        raise Refusal(Reason.PSP_ACCOUNT_NOT_FOUND, account=name[:64])
    return record


def _record_of(account: Account) -> AccountRecord:
    return AccountRecord(
        name=account.name,
        merchant_id=account.merchant_id,
        connector=account.connector,
        configuration=Configuration(
            base_url=account.base_url, settings=account.settings, limits=account.limits, brands=account.brands
        ),
        credential_names=Credentials(account.api_key, account.secrets).names,
        credentials_version=0,
        version=0,
    )
