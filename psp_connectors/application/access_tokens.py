"""Access tokens of PSPs that want OAuth: got once for all who wait, kept until shortly before they end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from psp_connectors.application.ports import HttpSender
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import AccessToken, Account, TokenGrant
from psp_connectors.domain.http import HttpResponse

RENEW_SECONDS: Final = 60.0
"""A token is not used in the last minute of its life: a request may be on its way for as long."""
GRANT_SECONDS: Final = 10.0
PAUSE_SECONDS: Final = 1.0
"""After a grant that failed, no other is tried for so long."""

_REFUSALS: Final = frozenset({400, 401, 403})


class CredentialsRefused(Exception):  # noqa: N818 - the PSP's answer, not a failure of ours
    """The PSP gives no token for these credentials."""


class TokenUnavailable(Exception):  # noqa: N818
    """No token could be had in time; the PSP may give one later."""


@dataclass(slots=True)
class _Held:
    account: Account
    text: Secret
    ends_at: float


class AccessTokens:
    """Gives an account's token. `clock` is monotonic, in seconds.

    While one grant is under way everybody waits for it, each until its own deadline; who stops waiting does not break
    it off. A token belongs to the credentials it was got with, to the settings and the address: after any of these is
    replaced a new one is got.
    """

    def __init__(self, sender: HttpSender, clock: Callable[[], float]) -> None:
        self._sender = sender
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._grants: dict[str, tuple[Account, asyncio.Task[AccessToken]]] = {}
        self._tasks: set[asyncio.Task[AccessToken]] = set()
        self._failures: dict[str, tuple[Account, float, type[Exception]]] = {}

    async def token_for(self, account: Account, grant: TokenGrant, deadline: float) -> Secret:
        """Give a token that is good for a while; raises CredentialsRefused or TokenUnavailable."""
        held = self._held.get(account.name)
        if held is not None and _same_credentials(held.account, account) and self._clock() < held.ends_at:
            return held.text
        failure = self._failures.get(account.name)
        if (
            failure is not None
            and _same_credentials(failure[0], account)
            and self._clock() < failure[1] + PAUSE_SECONDS
        ):
            raise failure[2]
        under_way = self._grants.get(account.name)
        if under_way is not None and _same_credentials(under_way[0], account):
            task = under_way[1]
        else:
            # One for older credentials goes on for those who wait for it.
            task = asyncio.create_task(self._renew(account, grant))
            self._grants[account.name] = (account, task)
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._ended(account, done))
        await asyncio.wait({task}, timeout=max(0.0, deadline - self._clock()))
        if not task.done():
            raise TokenUnavailable
        return task.result().text

    def discard(self, account: str, token: Secret) -> None:
        """Throw a token away that the PSP did not take; a newer one stays."""
        held = self._held.get(account)
        if held is not None and held.text == token:
            del self._held[account]

    async def close(self) -> None:
        """Give up the grants under way."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _renew(self, account: Account, grant: TokenGrant) -> AccessToken:
        delivery = await self._sender.send(account, grant.build(account), self._clock() + GRANT_SECONDS)
        if not isinstance(delivery, HttpResponse):
            raise TokenUnavailable
        token = grant.parse(delivery)
        if token is None:
            raise CredentialsRefused if delivery.status in _REFUSALS else TokenUnavailable
        ends_at = self._clock() + max(0.0, token.lifetime_seconds - RENEW_SECONDS)
        under_way = self._grants.get(account.name)
        if under_way is None or _same_credentials(under_way[0], account):
            self._held[account.name] = _Held(account, token.text, ends_at)
        return token

    def _ended(self, account: Account, task: asyncio.Task[AccessToken]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        under_way = self._grants.get(account.name)
        if under_way is None or under_way[1] is not task:
            # Newer credentials have a grant of their own: this one's fate says nothing of them.
            return
        del self._grants[account.name]
        self._failures.pop(account.name, None)
        if isinstance(error, CredentialsRefused | TokenUnavailable):
            self._failures[account.name] = (account, self._clock(), type(error))


def _same_credentials(held: Account, now: Account) -> bool:
    """Tell whether a token of then is one of now: a client id is a setting, and another address is another PSP."""
    return (held.api_key, held.secrets, held.settings, held.base_url) == (
        now.api_key,
        now.secrets,
        now.settings,
        now.base_url,
    )
