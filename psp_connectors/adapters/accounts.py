"""Reads the PSP accounts from the file that PAYERA_PSP_ACCOUNTS names."""

from collections.abc import Container
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from mesh.settings import SettingsError
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import Account


class AccountsError(SettingsError):
    """The file can't be used; the text says why and holds no credential."""


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    account: str
    connector: str
    base_url: str
    api_key: str
    secrets: dict[str, str] = {}
    settings: dict[str, str] = {}
    webhook_secrets: list[str] = []


def load_accounts(path: Path, connectors: Container[str], environment: str) -> dict[str, Account]:
    """Give the accounts by name, ordered by name.

    Raises AccountsError for an unreadable file, an unknown connector, a name used twice, or in `prod` an
    address without TLS.
    """
    accounts: dict[str, Account] = {}
    for entry in sorted(_read(path), key=lambda entry: entry.account):
        if entry.account in accounts:
            message = f"{path}: the account {entry.account} is there twice"
            raise AccountsError(message)
        _check(entry, path, connectors, environment)
        accounts[entry.account] = Account(
            name=entry.account,
            connector=entry.connector,
            base_url=entry.base_url.rstrip("/"),
            api_key=Secret(entry.api_key),
            secrets={name: Secret(text) for name, text in entry.secrets.items()},
            settings=entry.settings,
        )
    return accounts


def load_webhook_secrets(path: Path) -> dict[str, tuple[Secret, ...]]:
    """Give the webhook secrets by account; raises AccountsError as `load_accounts` does for an unreadable file."""
    return {entry.account: tuple(map(Secret, entry.webhook_secrets)) for entry in _read(path)}


def _read(path: Path) -> list[_Entry]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[_Entry])
    except OSError as error:
        message = f"{path} can't be read: {error.strerror}"
    except msgspec.ValidationError as error:
        message = f"{path} is not a list of PSP accounts: {error}"
    except msgspec.DecodeError:
        message = f"{path} is not JSON"
    raise AccountsError(message)


def _check(entry: _Entry, path: Path, connectors: Container[str], environment: str) -> None:
    url = urlsplit(entry.base_url)
    allowed = {"https"} if environment == "prod" else {"https", "http"}
    if not entry.account or not entry.api_key:
        message = f"{path}: an account needs a name and an api_key"
    elif entry.connector not in connectors:
        message = f"{path}: there is no connector {entry.connector!r} for the account {entry.account}"
    elif url.scheme not in allowed or not url.hostname or url.query or url.fragment or url.username:
        schemes = " or ".join(sorted(allowed))
        message = f"{path}: the base_url of the account {entry.account} must be a plain {schemes} URL"
    else:
        return
    raise AccountsError(message)
