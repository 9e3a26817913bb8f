"""The router knows the accounts as the connectors list them; what was known serves on while the connectors are away."""

import asyncio
from typing import Any

import grpc
import pytest
from payera.connectors.v1 import connector_service_pb2 as messages

from mesh.reasons import Reason
from mesh.refusal import Refusal
from router_svc.adapters.connectors.accounts import NO_FEATURES, ConnectorsAccounts, account_facts, by_merchant
from router_svc.domain.facts import AccountFacts, FeeSchedule
from tests.fakes.capabilities import paged
from tests.fakes.log import FakeLog
from tests.fakes.vault.clocks import FakeMonotonic

OWNER = "mer_1"


class Connectors:
    """A channel to connectors that list what the test says, or are away."""

    def __init__(self) -> None:
        self.answer: messages.ListCapabilitiesResponse | None = listed("psp_a")
        self.page_size = 100
        self.broken = "none"
        self.timeouts: list[float] = []

    def unary_unary(self, _method: str, **_codecs: Any) -> Any:
        return self._list

    async def _list(self, request: Any, *, timeout: float, **_call: Any) -> messages.ListCapabilitiesResponse:  # noqa: ASYNC109
        self.timeouts.append(timeout)
        if self.answer is None or request.page_token == self.broken:
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())
        return paged(self.answer, request, self.page_size)


def listed(*accounts: str, **owners: str) -> messages.ListCapabilitiesResponse:
    """List accounts of every merchant, and some of one merchant each, in no order."""
    entries = [messages.AccountCapabilities(account=name, methods=["card"]) for name in accounts]
    own = [messages.AccountCapabilities(account=name, merchant_id=owner) for name, owner in owners.items()]
    return messages.ListCapabilitiesResponse(accounts=[*own, *entries])


def accounts_over(connectors: Connectors, log: FakeLog | None = None, period_seconds: float = 60) -> ConnectorsAccounts:
    return ConnectorsAccounts(
        connectors,  # type: ignore[arg-type]
        logger=(log or FakeLog()).logger,
        period_seconds=period_seconds,
    )


def names(accounts: tuple[AccountFacts, ...]) -> list[str]:
    return [account.account for account in accounts]


def test_an_account_is_told_in_the_domains_words() -> None:
    entry = messages.AccountCapabilities(
        account="psp_a",
        connector="stripe",
        methods=["card"],
        brands=["visa"],
        currencies=["EUR"],
        features=["stored_credential"],
        amount_limits=[messages.AmountLimits(currency="EUR", smallest=50, largest=99)],
        fees=messages.AccountFees(
            percentage_ppm=14_000,
            fixed={"EUR": 25},
            scheme_ppm={"visa": 1_200},
            cross_border_ppm=15_000,
            country="DE",
        ),
        disabled=True,
    )
    assert account_facts(entry) == AccountFacts(
        account="psp_a",
        connector="stripe",
        methods=frozenset({"card"}),
        brands=frozenset({"visa"}),
        currencies=frozenset({"EUR"}),
        features=frozenset({"stored_credential"}),
        limits={"EUR": (50, 99)},
        fees=FeeSchedule(
            percentage_ppm=14_000,
            fixed={"EUR": 25},
            scheme_ppm={"visa": 1_200},
            cross_border_ppm=15_000,
            country="DE",
        ),
        disabled=True,
    )


def test_a_connector_that_passes_nothing_on_has_not_every_feature() -> None:
    assert account_facts(messages.AccountCapabilities(account="psp_a", methods=["card"])).features == NO_FEATURES


def test_connectors_older_than_methods_and_features_take_cards_with_whatever_comes_along() -> None:
    facts = account_facts(messages.AccountCapabilities(account="psp_a"))
    assert facts.methods == {"card"}
    assert facts.features == frozenset()


def test_a_merchant_has_its_own_accounts_and_those_of_every_merchant() -> None:
    found = by_merchant(listed("psp_c", "psp_a", psp_b=OWNER, psp_d="mer_2").accounts)
    assert {merchant: names(accounts) for merchant, accounts in found.items()} == {
        "": ["psp_a", "psp_c"],
        OWNER: ["psp_a", "psp_b", "psp_c"],
        "mer_2": ["psp_a", "psp_c", "psp_d"],
    }


async def test_before_the_first_list_nothing_is_routed() -> None:
    connectors = Connectors()
    connectors.answer = None
    accounts = accounts_over(connectors)
    for _ in range(2):
        with pytest.raises(Refusal) as caught:
            accounts.for_merchant(OWNER)
        assert caught.value.reason is Reason.UNAVAILABLE
        assert not await accounts.refresh()


async def test_what_was_listed_serves_on_while_the_connectors_are_away() -> None:
    connectors, log = Connectors(), FakeLog()
    connectors.answer = listed("psp_a", psp_b=OWNER)
    accounts = accounts_over(connectors, log)
    assert await accounts.refresh()
    connectors.answer = None
    for _ in range(3):
        assert not await accounts.refresh()
    assert names(accounts.for_merchant(OWNER)) == ["psp_a", "psp_b"]
    assert names(accounts.for_merchant("mer_9")) == ["psp_a"]
    assert len(log.lines) == 1, "that they are away is told once"
    assert len(connectors.timeouts) == 4
    assert all(0 < seconds <= 2 for seconds in connectors.timeouts)


async def test_all_pages_are_read_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    connectors, log = Connectors(), FakeLog()
    connectors.page_size = 2
    connectors.answer = listed("psp_a", "psp_b", "psp_c", "psp_d", "psp_e")
    accounts = accounts_over(connectors, log)
    assert await accounts.refresh()
    assert names(accounts.for_merchant(OWNER)) == ["psp_a", "psp_b", "psp_c", "psp_d", "psp_e"]
    assert len(connectors.timeouts) == 3
    connectors.answer, connectors.broken = listed("psp_x", "psp_y", "psp_z"), "2"
    assert not await accounts.refresh()
    monkeypatch.setattr(connectors, "_list", _circle)
    circling = accounts_over(connectors, log)
    assert not await circling.refresh()
    assert len(names(accounts.for_merchant(OWNER))) == 5


async def _circle(_request: Any, **_call: Any) -> messages.ListCapabilitiesResponse:
    return messages.ListCapabilitiesResponse(next_page_token="again")


async def test_a_merchant_without_any_account_has_none() -> None:
    connectors = Connectors()
    connectors.answer = listed(psp_b=OWNER)
    accounts = accounts_over(connectors)
    await accounts.refresh()
    assert accounts.for_merchant("mer_9") == ()


async def test_the_list_is_kept_fresh_until_it_is_stopped() -> None:
    connectors = Connectors()
    accounts = accounts_over(connectors, period_seconds=0)
    accounts.start()
    try:
        await _until(lambda: len(connectors.timeouts) > 1)
        connectors.answer = listed("psp_a", "psp_b")
        await _until(lambda: len(accounts.for_merchant(OWNER)) > 1)
    finally:
        await accounts.stop()
    asked = len(connectors.timeouts)
    await asyncio.sleep(0)
    assert len(connectors.timeouts) == asked


async def _until(holds: Any) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0)
    pytest.fail("it did not come to that")


async def test_an_account_that_nobody_knows_is_asked_for_once_a_second_and_for_all_who_ask() -> None:
    connectors, clock = Connectors(), FakeMonotonic()
    accounts = ConnectorsAccounts(connectors, logger=FakeLog().logger, monotonic=clock)  # type: ignore[arg-type]
    await asyncio.gather(*(accounts.look_again(["psp_b"]) for _ in range(10)))
    assert len(connectors.timeouts) == 1
    clock.seconds += 0.9
    await accounts.look_again(["psp_b"])
    assert len(connectors.timeouts) == 1
    connectors.answer = listed("psp_a", "psp_b", "psp_c")
    # Another one may have been made since.
    await accounts.look_again(["psp_b", "psp_c"])
    assert [account.account for account in accounts.for_merchant("mer_1")] == ["psp_a", "psp_b", "psp_c"]
    connectors.answer = None
    clock.seconds += 1.1
    await accounts.look_again(["psp_d"])
    assert len(accounts.for_merchant("mer_1")) == 3
