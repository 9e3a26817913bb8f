"""The settings and accounts of the sandbox PSP."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from devstack.sandbox.account_needs import AccountNeeds
from mesh.settings import SettingsError


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings from PAYERA_* variables; without a store, the truth lives as long as the process.

    With `sandbox_descriptions`, a folder of the PSPs' own API descriptions, dialects check what they get and send.
    """

    listen: str
    sandbox_accounts: Path
    sandbox_store: Path | None = None
    sandbox_descriptions: Path | None = None
    log_level: str = "info"


class AccountEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account. With a `port` of its own it can refuse connections; without one it is served on PAYERA_LISTEN.

    `dialect` is the wire API it speaks; `settings`, `secrets` and the webhook secret are what that one needs. While the
    webhook secret is being replaced, the one before it signs too where the PSP signs with both.
    """

    account: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    api_key: Annotated[str, msgspec.Meta(min_length=8)]
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None
    dialect: str = "payera"
    settings: dict[str, str] = {}
    secrets: dict[str, str] = {}
    webhook_url: str = ""
    webhook_secret: str = ""
    webhook_secret_before: str = ""

    def __repr__(self) -> str:
        """Show no secret."""
        return f"AccountEntry(account={self.account!r}, dialect={self.dialect!r}, port={self.port!r})"


def load_accounts(path: Path) -> list[AccountEntry]:
    """Read the accounts in their order. Raises SettingsError, which repeats no key."""
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=list[AccountEntry])
    except OSError as error:
        message = f"{path} can't be read: {error.strerror}"
        raise SettingsError(message) from None
    except msgspec.DecodeError as error:
        message = f"{path} is not a list of sandbox accounts: {error}"
        raise SettingsError(message) from None
    if len({entry.account for entry in entries}) != len(entries) or len({entry.api_key for entry in entries}) != len(
        entries
    ):
        message = f"{path}: every account needs a name and a key of its own"
        raise SettingsError(message)
    if not entries:
        message = f"{path} names no account"
        raise SettingsError(message)
    return entries


def completed(entry: AccountEntry, needs: AccountNeeds) -> AccountEntry:
    """Give an account with the defaults of its dialect.

    Raises SettingsError for one that lacks or has too much, or whose webhooks could not be signed or sent.
    """
    address = urlsplit(entry.webhook_url)
    if entry.webhook_url and (address.scheme not in {"http", "https"} or not address.hostname):
        message = f"account {entry.account}: the webhook address is no http or https address"
        raise SettingsError(message)
    pattern = needs.webhook_secret_pattern
    for secret in (entry.webhook_secret, entry.webhook_secret_before):
        if secret and pattern and not re.fullmatch(pattern, secret):
            message = f"account {entry.account}: the webhook secret must be the {needs.webhook_secret}"
            raise SettingsError(message)
    given = {"settings": entry.settings, "secrets": entry.secrets}
    whole: dict[str, dict[str, str]] = {}
    for kind, wanted in (("settings", needs.settings), ("secrets", needs.secrets)):
        missing = [need.name for need in wanted if need.default is None and need.name not in given[kind]]
        unknown = sorted(set(given[kind]) - {need.name for need in wanted})
        if missing or unknown:
            message = f"account {entry.account}: {kind} missing: {missing}, unknown: {unknown}"
            raise SettingsError(message)
        whole[kind] = {need.name: need.default or "" for need in wanted} | given[kind]
    return msgspec.structs.replace(entry, settings=whole["settings"], secrets=whole["secrets"])
