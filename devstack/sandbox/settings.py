"""The settings and accounts of the sandbox PSP."""

from pathlib import Path
from typing import Annotated

import msgspec

from mesh.settings import SettingsError


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings from PAYERA_* variables; without a store, the truth lives as long as the process."""

    listen: str
    sandbox_accounts: Path
    sandbox_store: Path | None = None
    log_level: str = "info"


class AccountEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One account. With a `port` of its own it can refuse connections; without one it is served on PAYERA_LISTEN."""

    account: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    api_key: Annotated[str, msgspec.Meta(min_length=8)]
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None


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
