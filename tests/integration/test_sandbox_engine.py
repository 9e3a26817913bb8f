"""What the sandbox does for every dialect: faults, webhooks in every mode, decisions by hand, restarts, descriptions.

Driven through Stripe's dialect, over sockets.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from devstack.descriptions import default_folder
from devstack.sandbox.dialects.stripe.triggers import CARDS
from devstack.sandbox.faults import FaultMode
from devstack.sandbox.magic import ACCOUNT_STEP, DECLINES, FAULTS, FIRST_AMOUNT
from tests.support.sandbox_psp import SandboxLab, open_sandbox

pytestmark = pytest.mark.integration

KEY = "sk_test_payera_sandbox_key"
STRIPE = {"account": "stripe_a", "dialect": "stripe", "api_key": KEY, "webhook_secret": "whsec_payera"}
LOST = "the connection was lost"
UNREADABLE = "the answer can't be read"
NEEDS_DESCRIPTIONS = pytest.mark.skipif(
    default_folder() is None, reason="the PSP material at ../shared/psp is not there"
)


@dataclass
class Merchant:
    """A merchant of the sandbox's Stripe."""

    lab: SandboxLab
    session: aiohttp.ClientSession
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def post(self, path: str, key: str = "", **fields: str) -> tuple[int | str, dict[str, Any]]:
        """Give status and body, or what kept us from having them."""
        headers = {"Authorization": f"Bearer {KEY}"} | ({"Idempotency-Key": key} if key else {})
        try:
            async with self.session.post(f"{self.lab.url}/v1/{path}", data=fields, headers=headers) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return LOST, {}
        try:
            return response.status, json.loads(body)
        except ValueError:
            return UNREADABLE, {}

    async def pay(self, reference: str = "pay_1_1", key: str = "", **changes: str) -> tuple[int | str, dict[str, Any]]:
        fields = {
            "amount": "1050",
            "currency": "eur",
            "confirm": "true",
            "capture_method": "manual",
            "payment_method_types[]": "card",
            "payment_method": "pm_card_visa",
            "metadata[reference]": reference,
        } | changes
        return await self.post("payment_intents", key or f"key_{next(self.numbers)}", **fields)

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        async with self.session.get(
            f"{self.lab.url}/v1/{path}", headers={"Authorization": f"Bearer {KEY}"}
        ) as response:
            return response.status, await response.json()

    async def fault(self, mode: FaultMode, **fields: Any) -> None:
        await self.lab.call("PUT", "faults", mode=mode.value, **fields)

    async def types(self) -> list[str]:
        """Give the types of the events received so far, once the sender has nothing to do."""
        await self.lab.call("POST", "webhooks:settle")
        return [json.loads(one.body)["type"] for one in self.lab.receiver.received]


@pytest_asyncio.fixture
async def merchant() -> AsyncIterator[Merchant]:
    async with open_sandbox(STRIPE, described=False) as lab, aiohttp.ClientSession() as session:
        yield Merchant(lab, session)


HELD = "payment_intent.amount_capturable_updated"
# What each fault comes to for the merchant, and whether the PSP acted.
COMES_TO: dict[FaultMode, tuple[int | str, bool]] = {
    FaultMode.RESET_BEFORE: (LOST, False),
    FaultMode.RESET_AFTER: (LOST, True),
    FaultMode.TIMEOUT_THEN_SUCCESS: (200, True),
    FaultMode.TIMEOUT_THEN_DECLINE: (402, True),
    FaultMode.SLOW: (200, True),
    FaultMode.GARBAGE: (UNREADABLE, True),
    FaultMode.TRUNCATED: (LOST, True),
    FaultMode.WRONG_AMOUNT: (200, True),
    FaultMode.DUPLICATE: (200, True),
    FaultMode.SERVER_ERROR_BEFORE: (500, False),
    FaultMode.SERVER_ERROR_AFTER: (500, True),
    FaultMode.HTML: (UNREADABLE, True),
    FaultMode.TRICKLE: (200, True),
    FaultMode.ANSWERED_TWICE: (200, True),
    FaultMode.WRONG_CURRENCY: (200, True),
    FaultMode.WRONG_REFERENCE: (200, True),
    FaultMode.DENIED: (402, True),
    FaultMode.RATE_LIMITED: (429, False),
    FaultMode.NOT_FOUND: (404, False),
}


@pytest.mark.parametrize("mode", list(COMES_TO))
async def test_faults(merchant: Merchant, mode: FaultMode) -> None:
    await merchant.fault(mode, operation="authorize", count=1, delay_ms=0)
    expected, acted = COMES_TO[mode]
    status, body = await merchant.pay(key="k1")
    assert status == expected
    if mode is FaultMode.WRONG_AMOUNT:
        assert (body["amount"], body["amount_capturable"]) == (1051, 1051)
    if mode is FaultMode.WRONG_CURRENCY:
        assert body["currency"] == "usd"
    if mode is FaultMode.WRONG_REFERENCE:
        assert body["metadata"]["reference"] == "pay_1_10"
    if expected == 500:
        assert body["error"]["type"] == "api_error"
    declined = mode is FaultMode.TIMEOUT_THEN_DECLINE
    kind = "payment_intent.payment_failed" if declined else HELD
    assert await merchant.types() == ([kind] if acted else []), "webhooks go out whatever the answer was"
    status, body = await merchant.pay(key="k1")
    assert status == (402 if declined else 200)
    (truth,) = await merchant.lab.truth("pay_1_1")
    assert truth["money_moves"] == (0 if declined else 1)
    assert truth["authorized"] == (0 if declined else 1050)
    assert await merchant.types() == [kind]


async def test_every_fault_is_tried() -> None:
    apart = {FaultMode.REFUSE, FaultMode.NOT_FOUND_THEN_FOUND}
    assert set(COMES_TO) == set(FaultMode) - apart


async def test_not_found_then_found(merchant: Merchant) -> None:
    _, intent = await merchant.pay()
    await merchant.fault(FaultMode.NOT_FOUND_THEN_FOUND, count=2)
    search = "payment_intents/search?query=metadata['reference']:'pay_1_1'"
    assert (await merchant.get(search))[1]["data"] == []
    assert (await merchant.get(f"payment_intents/{intent['id']}"))[0] == 404
    assert [one["id"] for one in (await merchant.get(search))[1]["data"]] == [intent["id"]]
    await merchant.fault(FaultMode.WRONG_AMOUNT, operation="sync", count=1)
    assert (await merchant.get(f"payment_intents/{intent['id']}"))[1]["amount"] == 1051


async def test_refuse(merchant: Merchant) -> None:
    await merchant.fault(FaultMode.REFUSE)
    assert (await merchant.pay())[0] == LOST
    await merchant.lab.call("DELETE", "faults")
    assert (await merchant.pay())[0] == 200


@pytest.mark.parametrize(
    "suffix", [suffix for suffix, mode in FAULTS.items() if mode in {FaultMode.RESET_AFTER, FaultMode.WRONG_AMOUNT}]
)
async def test_magic_amounts_bring_faults(merchant: Merchant, suffix: int) -> None:
    amount = str(FIRST_AMOUNT + ACCOUNT_STEP + suffix)
    status, body = await merchant.pay(key="k1", amount=amount)
    assert status == LOST or body["amount"] == int(amount) + 1
    status, body = await merchant.pay(key="k1", amount=amount)
    assert (status, body["amount"]) == (200, int(amount))


async def test_magic_amounts_are_iso_minor_units_and_decline_with_stripes_words(merchant: Merchant) -> None:
    status, body = await merchant.pay(amount=str(FIRST_AMOUNT + 151))
    assert (status, body["error"]["decline_code"]) == (402, "insufficient_funds")
    # Stripe counts ISK with two decimals, ISO 4217 with none.
    status, body = await merchant.pay("pay_2_1", amount=str((FIRST_AMOUNT + 141) * 100), currency="isk")
    assert (status, body["error"]["decline_code"]) == (402, "lost_card")
    status, body = await merchant.pay("pay_3_1", amount=str(FIRST_AMOUNT + 141), currency="isk")
    assert (status, body["error"]["code"]) == (400, "invalid_charge_amount")
    await merchant.fault(FaultMode.WRONG_AMOUNT, count=1)
    status, body = await merchant.pay("pay_4_1", amount="100000", currency="isk")
    assert (status, body["amount"]) == (200, 100100)


async def test_second_request_in_flight_is_turned_away(merchant: Merchant) -> None:
    await merchant.fault(FaultMode.SLOW, count=1, delay_ms=5000)
    first = asyncio.create_task(merchant.pay(key="k1"))
    async with asyncio.timeout(20):
        while not (await merchant.lab.get("truth", reference="pay_1_1"))["requests"]:  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.01)
    status, body = await merchant.pay(key="k1")
    assert (status, body["error"]["code"]) == (409, "idempotency_key_in_use")
    assert (await first)[0] == 200
    (truth,) = await merchant.lab.truth("pay_1_1")
    assert truth["money_moves"] == 1


async def test_without_a_key_a_second_request_charges_twice(merchant: Merchant) -> None:
    fields = {"amount": "1050", "currency": "eur", "confirm": "true", "payment_method": "pm_card_visa"}
    for _ in range(2):
        assert (await merchant.post("payment_intents", **fields, **{"metadata[reference]": "pay_1_1"}))[0] == 200
    assert len(await merchant.lab.truth("pay_1_1")) == 2


# Webhooks


async def test_webhook_first_is_acknowledged_before_the_answer(merchant: Merchant) -> None:
    await merchant.lab.call("PUT", "webhooks", mode="first")
    await merchant.fault(FaultMode.TIMEOUT_THEN_SUCCESS, count=1, delay_ms=0)
    merchant.lab.receiver.statuses = [500]
    assert (await merchant.pay())[0] == 200
    (listed,) = await merchant.lab.webhooks()
    assert [attempt["status"] for attempt in listed["attempts"]] == [500, 200]
    assert (listed["state"], listed["type"], listed["reference"]) == ("delivered", HELD, "pay_1_1")


async def test_webhook_comes_although_the_call_is_never_answered(merchant: Merchant) -> None:
    await merchant.fault(FaultMode.TIMEOUT_THEN_SUCCESS, count=1)
    call = asyncio.create_task(merchant.pay(key="k1"))
    async with asyncio.timeout(20):
        while not merchant.lab.receiver.received:  # noqa: ASYNC110 - bounded by the timeout around it
            await asyncio.sleep(0.01)
    assert not call.done()
    call.cancel()
    assert (await merchant.pay(key="k1"))[0] == 200
    assert await merchant.types() == [HELD]


async def test_webhook_late_is_held_until_released(merchant: Merchant) -> None:
    await merchant.lab.call("PUT", "webhooks", mode="late")
    await merchant.pay("pay_1_1")
    await merchant.pay("pay_2_1")
    assert await merchant.types() == []
    assert [one["state"] for one in await merchant.lab.webhooks()] == ["held", "held"]
    released = await merchant.lab.call("POST", "webhooks:release", reference="pay_2")
    assert [one["reference"] for one in released["webhooks"]] == ["pay_2_1"]
    assert await merchant.types() == [HELD]
    assert [one["state"] for one in await merchant.lab.webhooks()] == ["held", "delivered"]


async def test_webhook_late_by_a_delay(merchant: Merchant) -> None:
    await merchant.lab.call("PUT", "webhooks", mode="late", delay_ms=1)
    await merchant.pay()
    assert await merchant.types() == [HELD]


async def test_webhook_twice(merchant: Merchant) -> None:
    await merchant.lab.call("PUT", "webhooks", mode="twice")
    await merchant.pay()
    assert await merchant.types() == [HELD, HELD]
    first, second = (json.loads(one.body) for one in merchant.lab.receiver.received)
    assert first == second


async def test_webhook_missing_can_be_sent_after_all(merchant: Merchant) -> None:
    await merchant.lab.call("PUT", "webhooks", mode="missing")
    await merchant.pay()
    assert await merchant.types() == []
    assert [one["state"] for one in await merchant.lab.webhooks()] == ["withheld"]
    assert (await merchant.lab.call("POST", "webhooks:release"))["webhooks"] == []
    await merchant.lab.call("POST", "webhooks:release", again=True)
    assert await merchant.types() == [HELD]


async def test_webhooks_reversed(merchant: Merchant) -> None:
    await merchant.lab.call("PUT", "webhooks", mode="reversed")
    _, intent = await merchant.pay()
    await merchant.post(f"payment_intents/{intent['id']}/capture")
    await merchant.lab.call("POST", "webhooks:release")
    assert await merchant.types() == ["payment_intent.succeeded", HELD]


async def test_webhooks_are_tried_again(merchant: Merchant) -> None:
    merchant.lab.receiver.statuses = [500, 302]
    await merchant.pay()
    assert await merchant.types() == [HELD] * 3
    (listed,) = await merchant.lab.webhooks()
    assert [attempt["status"] for attempt in listed["attempts"]] == [500, 302, 200]


async def test_webhooks_to_nowhere_are_listed_with_their_attempts(merchant: Merchant) -> None:
    await merchant.lab.call("PUT", "webhooks", mode="late", url="http://127.0.0.1:9/nothing")
    await merchant.pay()
    (released,) = (await merchant.lab.call("POST", "webhooks:release"))["webhooks"]
    assert (released["state"], [attempt["status"] for attempt in released["attempts"]]) == ("failed", [0])


# Decisions


async def test_decisions_by_hand(merchant: Merchant) -> None:
    await merchant.lab.call("PUT", "decisions", held=True)
    _, intent = await merchant.pay(capture_method="automatic", payment_method="pm_card_pendingRefund")
    status, refund = await merchant.post(
        "refunds", "k2", payment_intent=intent["id"], amount="1000", **{"metadata[reference]": "ref_1"}
    )
    assert (status, refund["status"]) == (200, "pending")
    status, much = await merchant.post("refunds", "k3", payment_intent=intent["id"], amount="51")
    assert (status, much["error"]["type"]) == (400, "invalid_request_error"), "what waits is not there to be refunded"
    decided = await merchant.lab.call("POST", "decisions", type="refund", reference="ref_1")
    assert decided["operation"]["status"] == "approved"
    failed = await merchant.lab.call("POST", "decisions", type="refund", reference="ref_1", reason="declined")
    assert (failed["operation"]["status"], failed["operation"]["reversed"]) == ("declined", True)
    (truth,) = await merchant.lab.truth("ref_1")
    assert (truth["captured"], truth["refunded"]) == (1050, 0)
    again = {"type": "refund", "reference": "ref_1"}
    async with merchant.lab.control.post("/control/accounts/stripe_a/decisions", json=again) as response:
        assert response.status == 409
    async with merchant.lab.control.post("/control/accounts/stripe_a/decisions", json=again | {"type": "void"}) as none:
        assert none.status == 404


async def test_truth_and_what_waits_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with open_sandbox(STRIPE, journal=path) as lab, aiohttp.ClientSession() as session:
        merchant = Merchant(lab, session)
        await lab.call("PUT", "decisions", held=True)
        _, intent = await merchant.pay(key="k1", payment_method="pm_card_pendingRefund")
        await merchant.post(f"payment_intents/{intent['id']}/capture", "k2", amount_to_capture="1000")
        for name in ("ref_1", "ref_2"):
            await merchant.post(
                "refunds", name, payment_intent=intent["id"], amount="400", **{"metadata[reference]": name}
            )
        await lab.call("POST", "decisions", type="refund", reference="ref_1")
        before = (await merchant.get(f"payment_intents/{intent['id']}"))[1]
    async with open_sandbox(STRIPE, journal=path) as lab, aiohttp.ClientSession() as session:
        merchant = Merchant(lab, session)
        assert (await merchant.get(f"payment_intents/{intent['id']}"))[1] == before
        assert (await merchant.pay(key="k1", payment_method="pm_card_pendingRefund")) == (200, intent)
        (truth,) = await lab.truth("ref_2")
        assert (truth["captured"], truth["refunded"]) == (1000, 400)
        assert [one["status"] for one in truth["operations"]] == ["approved", "approved", "approved", "pending"]
        await lab.call("POST", "decisions", type="refund", reference="ref_2")
        assert (await lab.truth("ref_2"))[0]["refunded"] == 800


# Descriptions and accounts


@NEEDS_DESCRIPTIONS
async def test_requests_that_are_not_as_described_are_violations() -> None:
    async with open_sandbox(STRIPE) as lab, aiohttp.ClientSession() as session:
        merchant = Merchant(lab, session)
        status, body = await merchant.pay(payment_methods="pm_4242424242424242")
        assert (status, body["error"]["type"]) == (400, "invalid_request_error")
        told = await lab.get("violations")
        assert told["count"] == 1
        assert (told["violations"][0]["what"], told["violations"][0]["account"]) == ("request", "stripe_a")
        assert "4242424242424242" not in json.dumps(told)


async def test_dialects_share_a_port() -> None:
    own = {"account": "own_a", "api_key": "key_of_account_a", "port": None}
    shared = STRIPE | {"port": None}
    async with open_sandbox(own, shared) as lab, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{lab.sandbox.control_port}"
        async with session.get(f"{url}/v1/balance", headers={"Authorization": f"Bearer {KEY}"}) as response:
            assert (response.status, (await response.json())["object"]) == (200, "balance")
        async with session.get(f"{url}/v1/balance", headers={"Authorization": "Bearer key_of_account_a"}) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (404, "route_not_found")
        async with session.get(f"{url}/v1/balance", headers={"Authorization": "Bearer other"}) as response:
            assert response.status == 401
        async with session.get(f"{url}/control/none") as response:
            assert response.status == 404


@NEEDS_DESCRIPTIONS
async def test_every_card_and_every_decline_is_answered_as_stripe_describes_it() -> None:
    async with open_sandbox(STRIPE) as lab, aiohttp.ClientSession() as session:
        merchant = Merchant(lab, session)
        for number, card in enumerate(CARDS.values()):
            status, body = await merchant.pay(
                f"pay_{number}_1", payment_method=card.method or "pm_card_visa", return_url="https://shop.example/back"
            )
            assert status == (402 if card.code and not card.authentication else 200), card
            if status == 200:
                kind = "requires_action" if card.authentication not in {"", "optional"} else "requires_capture"
                assert body["status"] == kind
        for suffix, entry in DECLINES.items():
            status, body = await merchant.pay(f"magic_{suffix}_1", amount=str(FIRST_AMOUNT + suffix))
            assert (status, body["error"]["type"]) == (402, "card_error"), entry
        await lab.call("POST", "webhooks:settle")
        assert (await lab.get("violations"))["violations"] == []


async def test_late_failures_and_losses_can_be_told_in_any_order(merchant: Merchant) -> None:
    await merchant.lab.call("PUT", "webhooks", mode="reversed")
    _, intent = await merchant.pay(capture_method="automatic", payment_method="pm_card_refundFail")
    await merchant.post("refunds", "k2", payment_intent=intent["id"], amount="400")
    await merchant.lab.call("POST", "webhooks:release")
    assert await merchant.types() == [
        "charge.refund.updated",
        "refund.updated",
        "charge.refunded",
        "refund.created",
        "payment_intent.succeeded",
    ]


async def test_an_end_while_requests_hang_from_before_a_refusal_cuts_them_off() -> None:
    async with open_sandbox(STRIPE, described=False) as lab, aiohttp.ClientSession() as session:
        merchant = Merchant(lab, session)
        await merchant.fault(FaultMode.TIMEOUT_THEN_SUCCESS, operation="authorize", count=1)
        hanging = asyncio.create_task(merchant.pay())
        async with asyncio.timeout(20):
            while not (await lab.get("truth", reference="pay_1_1"))["requests"]:  # noqa: ASYNC110 - bounded
                await asyncio.sleep(0.01)
        await merchant.fault(FaultMode.REFUSE)
        await lab.call("DELETE", "faults")
        assert not hanging.done()
        await lab.sandbox.close()
        async with asyncio.timeout(20):
            assert await hanging == (LOST, {})


async def test_magic_faults_strike_payments_without_a_reference_each_for_itself() -> None:
    amount = str(FIRST_AMOUNT + 902)
    entry = {"account": "checkout_a", "dialect": "checkout", "api_key": "sk_sbox_payera"}
    body = {
        "amount": int(amount),
        "currency": "EUR",
        "source": {"type": "card", "number": "4242424242424242", "expiry_month": 12, "expiry_year": 2040},
    }
    headers = {"Authorization": "Bearer sk_sbox_payera"}
    async with open_sandbox(entry, described=False) as lab, aiohttp.ClientSession() as session:
        for _ in range(2):
            with pytest.raises(aiohttp.ClientError):
                await session.post(f"{lab.url}/payments", json=body, headers=headers)
