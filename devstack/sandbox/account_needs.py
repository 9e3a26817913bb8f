"""What an account of the sandbox consists of, by the PSP it plays."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccountNeed:
    """A setting or secret that an account of a dialect has: name, meaning, and the default (None: it must be given)."""

    name: str
    meaning: str
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNeeds:
    """What an account consists of at this PSP. `api_key` and `webhook_secret` say what these are there.

    A webhook secret that is given must be of the form `webhook_secret_pattern`.
    """

    api_key: str
    webhook_secret: str
    webhook_secret_pattern: str = ""
    settings: tuple[AccountNeed, ...] = ()
    secrets: tuple[AccountNeed, ...] = ()
