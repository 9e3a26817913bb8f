"""Payments of the sandbox's own API that wait for the shopper, through the connector and with a browser's requests."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
import pytest_asyncio

from psp_connectors.domain.details import PaymentDetails, ThreeDsPreference
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from tests.fakes.connectors.laboratory import Laboratory, laboratory
from tests.fakes.connectors.ports import order

RETURN_URL = "https://shop.example/back?order=17"
WANTS_CHALLENGE = "4000002760003184"
VISA = "4242424242424242"
WAITS, APPROVED, DECLINED = OutcomeKind.ACTION_REQUIRED, OutcomeKind.APPROVED, OutcomeKind.DECLINED


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Laboratory]:
    async with laboratory() as running:
        yield running


async def pay(
    lab: Laboratory,
    number: str = VISA,
    value: int = 1050,
    *,
    return_url: str = RETURN_URL,
    preference: ThreeDsPreference = ThreeDsPreference.CHALLENGE,
) -> Outcome:
    details = PaymentDetails(return_url=return_url, three_ds_preference=preference)
    asked = replace(order(value, reference="pay_1_1", token=number, capture=True), details=details)
    return await lab.perform.authorize("sandbox_a", asked, time.monotonic() + lab.seconds)


async def ask(lab: Laboratory, value: int = 1050) -> Outcome:
    return await lab.sync(OperationKind.AUTHORIZE, "pay_1_1", value)


def page_of(outcome: Outcome) -> str:
    assert outcome.kind is WAITS
    assert outcome.psp_reference
    assert outcome.next_action is not None
    assert outcome.next_action.method == "GET"
    return outcome.next_action.url


async def press(url: str, outcome: str) -> tuple[int, str]:
    """Press a button of the page; gives the status and where the browser is sent."""
    async with (
        aiohttp.ClientSession() as browser,
        browser.post(url, data={"outcome": outcome}, allow_redirects=False) as response,
    ):
        return response.status, response.headers.get("location", "")


async def test_a_shopper_who_completes_has_paid(lab: Laboratory) -> None:
    url = page_of(await pay(lab))
    assert (await ask(lab)).kind is WAITS
    truth = await lab.charge("pay_1_1")
    assert truth is not None
    assert (truth["authorized"], truth["captured"]) == (0, 0)
    async with aiohttp.ClientSession() as browser, browser.get(url) as page:
        shown = await page.text()
    assert page.status == 200
    assert page.content_type == "text/html"
    for text in ("10.50 EUR", "sandbox_a", "4242", 'value="complete"', 'value="fail"'):
        assert text in shown
    assert VISA not in shown
    assert (await ask(lab)).kind is WAITS, "opening the page decides nothing"
    assert await press(url, "complete") == (303, RETURN_URL)
    answer = await ask(lab)
    assert (answer.kind, answer.captured_amount) == (APPROVED, 1050)
    assert await press(url, "fail") == (303, RETURN_URL), "what is decided stays so"
    assert (await ask(lab)).kind is APPROVED
    async with aiohttp.ClientSession() as browser, browser.get(url) as page:
        assert "nothing left to confirm" in await page.text()


async def test_a_shopper_who_fails_has_not_paid(lab: Laboratory) -> None:
    url = page_of(await pay(lab))
    assert await press(url, "fail") == (303, RETURN_URL)
    answer = await ask(lab)
    assert (answer.kind, answer.code) == (DECLINED, "authentication_failed")
    assert answer.psp_reference


async def test_what_nobody_completed_can_be_cancelled_and_not_completed_any_more(lab: Laboratory) -> None:
    waits = await pay(lab)
    assert (await lab.ask(lab.void(waits.psp_reference))).kind is APPROVED
    answer = await ask(lab)
    assert (answer.kind, answer.code) == (DECLINED, "authentication_abandoned")
    assert await press(page_of(waits), "complete") == (303, RETURN_URL)
    assert (await ask(lab)).kind is DECLINED
    truth = await lab.charge("pay_1_1")
    assert truth is not None
    assert (truth["authorized"], truth["captured"]) == (0, 0)


async def test_what_was_completed_and_captured_can_not_be_cancelled(lab: Laboratory) -> None:
    waits = await pay(lab)
    await press(page_of(waits), "complete")
    refused = await lab.ask(lab.void(waits.psp_reference))
    assert (refused.kind, bool(refused.psp_reference)) == (DECLINED, True)
    assert (await ask(lab)).kind is APPROVED


@pytest.mark.parametrize(
    ("number", "return_url", "preference", "expected"),
    [
        (WANTS_CHALLENGE, RETURN_URL, ThreeDsPreference.AUTOMATIC, WAITS),
        (WANTS_CHALLENGE, "", ThreeDsPreference.AUTOMATIC, DECLINED),
        (WANTS_CHALLENGE, RETURN_URL, ThreeDsPreference.SKIP, DECLINED),
        (VISA, RETURN_URL, ThreeDsPreference.AUTOMATIC, APPROVED),
        (VISA, RETURN_URL, ThreeDsPreference.SKIP, APPROVED),
        (VISA, "", ThreeDsPreference.CHALLENGE, DECLINED),
    ],
)
async def test_who_must_act(
    lab: Laboratory, number: str, return_url: str, preference: ThreeDsPreference, expected: OutcomeKind
) -> None:
    outcome = await pay(lab, number, return_url=return_url, preference=preference)
    assert outcome.kind is expected
    assert outcome.code == ("authentication_required" if expected is DECLINED else "")


async def test_the_issuer_may_decline_after_the_challenge(lab: Laboratory) -> None:
    waits = await pay(lab, value=400_151)
    await press(page_of(waits), "complete")
    answer = await ask(lab, 400_151)
    assert (answer.kind, answer.code) == (DECLINED, "insufficient_funds")


async def test_only_the_sealed_address_is_the_shoppers(lab: Laboratory) -> None:
    url = page_of(await pay(lab))
    for other in (url.replace("seal=", "seal=0"), url.partition("?")[0], url + "&seal=x"):
        assert (await press(other, "complete"))[0] == 401
    assert (await press(url, "maybe"))[0] == 400
    assert (await ask(lab)).kind is WAITS
