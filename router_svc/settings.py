"""What the router is told by its environment."""

import re
from typing import Final

from mesh.settings import BaseSettings, SettingsError
from mesh.topics import PAYMENTS

_ACCOUNT: Final = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_ACCOUNTS_MAX: Final = 50


class RouterSettings(BaseSettings, frozen=True, kw_only=True):
    """The router's PAYERA_* variables.

    `default_priorities` are PSP accounts with commas between, best first. `events_topic` is what it learns from, and
    `breaker_errors_min` how many technical errors within a minute, half of all outcomes or more, turn payments away.
    """

    database_url: str
    gateway_address: str
    connectors_address: str
    kafka_bootstrap: str
    events_topic: str = PAYMENTS.name
    breaker_errors_min: int = 5
    database_pool_size: int = 8
    default_priorities: str = ""

    def default_accounts(self) -> tuple[str, ...]:
        """Give the accounts of PAYERA_DEFAULT_PRIORITIES. Raises SettingsError for a wrong or doubled one."""
        accounts = tuple(part.strip() for part in self.default_priorities.split(",") if part.strip())
        if len(accounts) > _ACCOUNTS_MAX or len(set(accounts)) != len(accounts):
            message = f"PAYERA_DEFAULT_PRIORITIES must name at most {_ACCOUNTS_MAX} accounts, each once"
            raise SettingsError(message)
        if not all(_ACCOUNT.match(account) for account in accounts):
            message = "PAYERA_DEFAULT_PRIORITIES must be PSP accounts in lower case with commas between"
            raise SettingsError(message)
        return accounts
