"""What the use cases need from outside: the vault, a way to send, crash points, and someone who watches."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from psp_connectors.domain.cards import Card
from psp_connectors.domain.connector import Account
from psp_connectors.domain.http import Delivery, HttpRequest


class TokenUnusable(Exception):  # noqa: N818 - an answer of the vault, not a failure
    """The merchant has no such token, or its card is gone."""


class TokenUsed(TokenUnusable):
    """The single-use token was used for another payment."""


class VaultUnavailable(Exception):  # noqa: N818 - a state of the vault
    """The vault could not be asked, or gave no answer in time."""


class Vault(Protocol):
    """Gives the card behind a token."""

    async def card_of(self, *, merchant_id: str, token: str, payment_id: str, deadline: float) -> Card:
        """Give the card; `deadline` in seconds of the monotonic clock. Raises TokenUnusable or VaultUnavailable.

        TokenUsed, a TokenUnusable, when the token has another payment.
        """


class HttpSender(Protocol):
    """Carries one request to a PSP and says exactly what became of it."""

    async def send(self, account: Account, request: HttpRequest, deadline: float) -> Delivery:
        """Send once, never again by itself, and end before `deadline` (seconds of the monotonic clock)."""


class Accounts(Protocol):
    """The PSP accounts as they are now; a plain mapping is one."""

    def get(self, name: str, /) -> Account | None:
        """Give an account, None when there is none of that name."""

    def values(self) -> Collection[Account]:
        """Give all accounts."""


class CrashPoints(Protocol):
    """Places at which a test may kill or hold the process."""

    async def reach(self, name: str) -> None:
        """Do what was armed for `name`, usually nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """What may be told of one call: never card data."""

    account: str
    psp: str
    operation: str
    reference: str
    kind: str
    code: str
    unmapped_code: str
    duration_ms: float


class Observer(Protocol):
    """Is told of every call."""

    def performed(self, call: Performed) -> None:
        """Log and count one call."""

    def misbehaved(self, account: str, operation: str, error: Exception) -> None:
        """Log that a connector broke its contract by raising."""
