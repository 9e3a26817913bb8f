"""What the PSP accounts can do is asked for beside the calls, and serves on while the connectors are away."""

import asyncio
import time
from typing import Any

import grpc
import pytest
from payera.connectors.v1 import connector_service_pb2 as messages

from gateway_svc.adapters.connectors.capabilities import KnownAccounts
from gateway_svc.domain.resolution import NO_ACCOUNT, NO_MEANS, Confirms, Means
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.capabilities import capabilities_of, paged

FULL = Means(ask_by_reference=True, repeat_seconds=6 * 3600)


class Listing:
    """A stub whose list is what the test says, or nothing."""

    def __init__(self) -> None:
        self.answer: messages.ListCapabilitiesResponse | None = capabilities_of(["psp_a"])
        self.page_size = 100
        self.asked = 0

    async def ListCapabilities(self, request: Any, **_call: Any) -> messages.ListCapabilitiesResponse:  # noqa: N802
        self.asked += 1
        if self.answer is None:
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())
        return paged(self.answer, request, self.page_size)


@pytest.fixture
def listing() -> Listing:
    return Listing()


@pytest.fixture
def known(listing: Listing) -> KnownAccounts:
    return KnownAccounts(listing)  # type: ignore[arg-type]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


async def test_the_first_question_waits_for_the_list(known: KnownAccounts, listing: Listing) -> None:
    assert await known.means("psp_a", "CAPTURE") == FULL
    assert await known.means("psp_a", "INCREMENT") == NO_MEANS
    assert await known.means("psp_z", "CAPTURE") == NO_ACCOUNT
    assert listing.asked == 1


async def test_all_pages_of_the_list_are_read(known: KnownAccounts, listing: Listing) -> None:
    listing.answer, listing.page_size = capabilities_of(f"psp_{letter}" for letter in "abcde"), 2
    assert await known.means("psp_e", "CAPTURE") == FULL
    assert (set(known.takes()), listing.asked) == ({f"psp_{letter}" for letter in "abcde"}, 3)


async def test_nothing_is_planned_while_nothing_is_known(
    known: KnownAccounts, listing: Listing, clock: list[float]
) -> None:
    listing.answer = None
    assert known.takes() == {}
    for _ in range(3):
        with pytest.raises(Refusal) as caught:
            await known.means("psp_a", "CAPTURE")
        assert caught.value.reason is Reason.UNAVAILABLE
    assert listing.asked == 1, "a list that could not be had is not asked for at once again"
    clock[0] += 2
    listing.answer = capabilities_of(["psp_a"])
    assert await known.means("psp_a", "CAPTURE") == FULL


async def test_what_was_known_serves_on_while_the_connectors_are_away(
    known: KnownAccounts, listing: Listing, clock: list[float]
) -> None:
    assert await known.means("psp_a", "CAPTURE") == FULL
    listing.answer = None
    for _ in range(3):
        clock[0] += 60
        assert await known.means("psp_a", "CAPTURE") == FULL
        assert set(known.takes()) == {"psp_a"}


async def test_an_old_list_is_renewed_beside_the_call_that_reads_it(
    known: KnownAccounts, listing: Listing, clock: list[float]
) -> None:
    await known.means("psp_a", "CAPTURE")
    listing.answer = capabilities_of(["psp_a", "psp_b"])
    assert await known.means("psp_b", "CAPTURE") == NO_ACCOUNT
    clock[0] += 6
    assert await known.means("psp_b", "CAPTURE") == NO_ACCOUNT
    for _ in range(5):
        await asyncio.sleep(0)
        if await known.means("psp_b", "CAPTURE") == FULL:
            break
    else:
        pytest.fail("the list was not renewed")


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ({"answers_later": True, "webhook": True}, Confirms.WEBHOOK),
        ({"answers_later": False, "webhook": True}, Confirms.ANSWER),
        # Nothing would ever tell that it was done.
        ({"answers_later": True, "webhook": False}, None),
    ],
)
async def test_how_a_reversal_is_confirmed_is_known_of_authorizations_alone(
    known: KnownAccounts, listing: Listing, capability: dict[str, bool], expected: Confirms | None
) -> None:
    assert listing.answer is not None
    listing.answer.accounts[0].operation_capabilities.add(operation=messages.OPERATION_REVERSE, **capability)
    assert (await known.means("psp_a", "AUTHORIZE")).reverse is expected
    assert (await known.means("psp_a", "CAPTURE")).reverse is None


async def test_what_accounts_take_is_told_in_the_cores_words(known: KnownAccounts, listing: Listing) -> None:
    assert listing.answer is not None
    entry = listing.answer.accounts[0]
    entry.disabled, entry.merchant_id = True, "mer_1"
    entry.brands.append("visa")
    entry.currencies.append("EUR")
    entry.amount_limits.add(currency="EUR", smallest=50, largest=99)
    await known.means("psp_a", "CAPTURE")
    takes = known.takes()["psp_a"]
    assert (takes.disabled, takes.merchant_id, takes.brands, takes.currencies) == (
        True,
        "mer_1",
        frozenset({"visa"}),
        frozenset({"EUR"}),
    )
    assert takes.limits == {"EUR": (50, 99)}


async def test_only_authorizations_are_cancelled_while_they_wait_for_the_shopper(
    known: KnownAccounts, listing: Listing
) -> None:
    assert listing.answer is not None
    listing.answer.accounts[0].features.extend(["cancel_challenge", "challenge"])
    assert (await known.means("psp_a", "AUTHORIZE")).cancel
    assert not (await known.means("psp_a", "VOID")).cancel
