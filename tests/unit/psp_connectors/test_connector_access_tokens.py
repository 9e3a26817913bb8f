import asyncio
from dataclasses import replace
from typing import Any

import pytest

from psp_connectors.application.access_tokens import AccessTokens, CredentialsRefused, TokenUnavailable
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import AccessToken, Account, TokenGrant
from psp_connectors.domain.http import (
    Delivery,
    HttpRequest,
    HttpResponse,
    NotSent,
    NotSentReason,
    Unanswered,
    UnansweredReason,
)
from tests.fakes.connectors.ports import FakeClock, account


class GrantingSender:
    """A PSP's token endpoint that can be held up; gives numbered tokens of 600 seconds."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers: list[Delivery] = []
        self.open = asyncio.Event()
        self.open.set()

    async def send(self, account: Account, request: HttpRequest, deadline: float) -> Delivery:
        assert account.name
        assert request.url.endswith("/token")
        assert deadline > 0
        self.asked += 1
        number = self.asked
        await self.open.wait()
        return self.answers.pop(0) if self.answers else HttpResponse(status=200, body=f"token {number}".encode())


def build(account: Account) -> HttpRequest:
    return HttpRequest(method="POST", url=f"{account.base_url}/token")


def parse(response: HttpResponse) -> AccessToken | None:
    return AccessToken(Secret(response.body.decode()), 600) if response.status == 200 else None


GRANT = TokenGrant(build, parse)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sender() -> GrantingSender:
    return GrantingSender()


@pytest.fixture
def tokens(sender: GrantingSender, clock: FakeClock) -> AccessTokens:
    return AccessTokens(sender, clock)


async def test_one_grant_serves_all_who_wait(tokens: AccessTokens, sender: GrantingSender) -> None:
    sender.open.clear()
    waiting = [asyncio.create_task(tokens.token_for(account(), GRANT, 1005.0)) for _ in range(50)]
    await asyncio.sleep(0)
    sender.open.set()
    assert {token.reveal() for token in await asyncio.gather(*waiting)} == {"token 1"}
    assert sender.asked == 1


async def test_a_token_is_kept_until_a_minute_before_its_end(
    tokens: AccessTokens, sender: GrantingSender, clock: FakeClock
) -> None:
    for now, token in ((0, "token 1"), (539, "token 1"), (541, "token 2")):
        clock.now = 1000.0 + now
        assert (await tokens.token_for(account(), GRANT, 2000.0)).reveal() == token
    assert sender.asked == 2


async def test_accounts_have_tokens_of_their_own(tokens: AccessTokens) -> None:
    first = await tokens.token_for(account("sandbox_a"), GRANT, 2000.0)
    assert await tokens.token_for(account("sandbox_b"), GRANT, 2000.0) != first


async def test_new_credentials_get_a_new_token(tokens: AccessTokens) -> None:
    first = await tokens.token_for(account(), GRANT, 2000.0)
    assert await tokens.token_for(replace(account(), api_key=Secret("other")), GRANT, 2000.0) != first


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"client_id": "other"}},
        {"secrets": {"client_secret": Secret("other")}},
        {"base_url": "https://other.example"},
    ],
)
async def test_a_token_is_of_one_client_at_one_address(tokens: AccessTokens, changes: dict[str, Any]) -> None:
    assert (await tokens.token_for(account(), GRANT, 1005.0)).reveal() == "token 1"
    assert (await tokens.token_for(replace(account(), **changes), GRANT, 1005.0)).reveal() == "token 2"


async def test_a_grant_for_replaced_credentials_serves_nobody_else(
    tokens: AccessTokens, sender: GrantingSender
) -> None:
    sender.open.clear()
    old = asyncio.create_task(tokens.token_for(account(), GRANT, 1005.0))
    await asyncio.sleep(0)
    new = replace(account(), api_key=Secret("new"))
    fresh = asyncio.create_task(tokens.token_for(new, GRANT, 1005.0))
    await asyncio.sleep(0)
    sender.open.set()
    assert ((await old).reveal(), (await fresh).reveal()) == ("token 1", "token 2")
    assert (await tokens.token_for(new, GRANT, 1005.0)).reveal() == "token 2", "the older one does not take its place"
    assert sender.asked == 2


async def test_a_refused_grant_says_nothing_of_newer_credentials(tokens: AccessTokens, sender: GrantingSender) -> None:
    sender.answers.append(HttpResponse(status=401))
    with pytest.raises(CredentialsRefused):
        await tokens.token_for(account(), GRANT, 1005.0)
    assert (await tokens.token_for(replace(account(), api_key=Secret("new")), GRANT, 1005.0)).reveal() == "token 2"


async def test_a_discarded_token_is_replaced_and_a_newer_one_is_not_discarded(
    tokens: AccessTokens, sender: GrantingSender
) -> None:
    first = await tokens.token_for(account(), GRANT, 2000.0)
    tokens.discard("sandbox_a", first)
    second = await tokens.token_for(account(), GRANT, 2000.0)
    tokens.discard("sandbox_a", first)
    assert await tokens.token_for(account(), GRANT, 2000.0) == second
    assert sender.asked == 2


async def test_who_stops_waiting_does_not_break_the_grant_off(
    tokens: AccessTokens, sender: GrantingSender, clock: FakeClock
) -> None:
    sender.open.clear()
    with pytest.raises(TokenUnavailable):
        await tokens.token_for(account(), GRANT, clock.now)
    patient = asyncio.create_task(tokens.token_for(account(), GRANT, 2000.0))
    await asyncio.sleep(0)
    sender.open.set()
    assert (await patient).reveal() == "token 1"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (HttpResponse(status=401), CredentialsRefused),
        (HttpResponse(status=400), CredentialsRefused),
        (HttpResponse(status=500), TokenUnavailable),
        (NotSent(NotSentReason.CONNECT_FAILED), TokenUnavailable),
        (Unanswered(UnansweredReason.TIMEOUT), TokenUnavailable),
    ],
)
async def test_a_failed_grant_is_told_and_pauses_the_next(
    tokens: AccessTokens, sender: GrantingSender, clock: FakeClock, answer: Delivery, error: type[Exception]
) -> None:
    sender.answers = [answer]
    for _ in range(3):
        with pytest.raises(error):
            await tokens.token_for(account(), GRANT, 2000.0)
    assert sender.asked == 1
    clock.now += 1.1
    assert (await tokens.token_for(account(), GRANT, 2000.0)).reveal() == "token 2"
