"""What the management of PSP accounts needs from outside: a store for them, and a seal for their credentials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from psp_connectors.domain.connector import AccountLimits
from psp_connectors.domain.fees import FeeSchedule


@dataclass(frozen=True, slots=True)
class Sealed:
    """A text that only this service can read, and the id of the key it is under."""

    key_id: str
    data: bytes = field(repr=False)


class SealBroken(Exception):  # noqa: N818 - a state of what was kept
    """A sealed text was changed, is in the wrong place, or its key is gone. The text says which, and no secret."""


class Seal(Protocol):
    """Seals texts for the one place they are kept in."""

    def seal(self, text: bytes, place: str) -> Sealed:
        """Encrypt and authenticate `text` for `place`, under the active key."""

    def open(self, sealed: Sealed, place: str) -> bytes:
        """Give the text back; raises SealBroken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What an operator sets of an account, without its credentials."""

    base_url: str
    settings: Mapping[str, str] = field(default_factory=dict)
    limits: AccountLimits = field(default_factory=AccountLimits)
    brands: tuple[str, ...] = ()
    fee_schedule: FeeSchedule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRecord:
    """An account as it may be shown: its credentials by name alone. Times are UTC; `version` numbers its last change.

    `created_at` is None for an account that comes from a file.
    """

    name: str
    merchant_id: str
    connector: str
    configuration: Configuration
    credential_names: tuple[str, ...]
    credentials_version: int
    version: int
    created_at: datetime | None = None
    updated_at: datetime | None = None
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """An account to be created; its first credentials have version 1."""

    name: str
    merchant_id: str
    connector: str
    configuration: Configuration
    credentials: Sealed
    credential_names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredentials:
    """Credentials sealed for a version, their names, and the address that they are for."""

    version: int
    sealed: Sealed
    names: tuple[str, ...]
    base_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRecord:
    """A webhook secret as it may be shown: without the secret. `expires_at` is None for the current one."""

    id: str
    account: str
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A webhook secret as it is kept."""

    record: SecretRecord
    sealed: Sealed


@dataclass(frozen=True, slots=True)
class SealedAccount:
    """An account with what is sealed of it."""

    record: AccountRecord
    credentials: Sealed
    webhook_secrets: tuple[SealedSecret, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All accounts at one moment, and the number of the last change before it."""

    version: int
    accounts: Sequence[SealedAccount]


class AccountStore(Protocol):
    """Keeps accounts. Every method raises Refusal(UNAVAILABLE) while the store is out of reach.

    None as an answer means that there is no such account. `changed_by` is the operator's key id, for the audit.
    """

    async def create(self, account: NewAccount, changed_by: str) -> AccountRecord:
        """Keep a new account; refuses with PSP_ACCOUNT_EXISTS or PSP_ACCOUNT_LIMIT."""

    async def configure(
        self, name: str, credentials_version: int, configuration: Configuration, changed_by: str
    ) -> AccountRecord | None:
        """Replace the configuration; None also when the credentials are of another version."""

    async def set_credentials(self, name: str, credentials: NewCredentials, changed_by: str) -> AccountRecord | None:
        """Replace the credentials and their address; None also when their version is not the one that comes next."""

    async def set_disabled(self, name: str, *, disabled: bool, changed_by: str) -> AccountRecord | None:
        """Disable or enable; an account that is so already stays as it is."""

    async def get(self, name: str) -> AccountRecord | None:
        """Give one account."""

    async def list(self, limit: int, after: str) -> Sequence[AccountRecord]:
        """Give up to `limit` accounts by name, those after `after`."""

    async def version(self) -> int:
        """Give the number of the last change to any account or secret; cheap."""

    async def load(self) -> Snapshot:
        """Give all accounts with what is sealed of them and the webhook secrets in force."""

    async def create_webhook_secret(
        self, account: str, secret_id: str, sealed: Sealed, overlap_seconds: int, changed_by: str
    ) -> SecretRecord | None:
        """Keep a secret; those before it end after the overlap. Refuses with WEBHOOK_SECRET_LIMIT."""

    async def list_webhook_secrets(self, account: str) -> Sequence[SecretRecord] | None:
        """Give the secrets in force, newest first."""

    async def retire_webhook_secret(self, account: str, secret_id: str, changed_by: str) -> SecretRecord | None:
        """End a secret now; refuses with WEBHOOK_SECRET_NOT_FOUND."""
