"""`payera sandbox` as users run it: it says where it is, serves, and ends at once when told to."""

import asyncio
import re
import signal
import sys

import aiohttp
import pytest

from devstack.sandbox.dialects.registry import NAMES
from devstack.sandbox.keys import constant_key
from tests.support.sandbox_psp import Receiver

pytestmark = pytest.mark.integration

SECONDS = 60


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from devstack.cli import main; main()",
        "sandbox",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def told(process: asyncio.subprocess.Process) -> str:
    """Give all that is printed at the start."""
    assert process.stdout is not None
    text = ""
    async with asyncio.timeout(SECONDS):
        while "Ctrl-C ends" not in text:
            line = await process.stdout.readline()
            assert line, text
            text += line.decode()
    return text


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, bytes]:
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(SECONDS):
        _, errors = await process.communicate()
    return process.returncode, errors


async def test_stripe_with_webhooks() -> None:
    receiver = Receiver()
    await receiver.open()
    process = await started("--dialect", "stripe", "--port", "0", "--webhook-url", receiver.url)
    try:
        text = await told(process)
        address = re.search(r"address +(http://\S+)", text)
        control = re.search(r"curl (http://\S+)/control/truth", text)
        assert address is not None
        assert control is not None
        assert constant_key("stripe") in text
        fields = {
            "amount": "1050",
            "currency": "eur",
            "confirm": "true",
            "payment_method": "pm_card_visa",
            "metadata[reference]": "order-1",
        }
        headers = {"Authorization": f"Bearer {constant_key('stripe')}"}
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{address[1]}/v1/payment_intents", data=fields, headers=headers) as response:
                assert (response.status, (await response.json())["status"]) == (200, "succeeded")
            # A connection that breaks while there is a webhook to send is nothing to complain of.
            fault = {"mode": "reset_after", "operation": "authorize", "count": 1}
            async with session.put(f"{control[1]}/control/accounts/sandbox/faults", json=fault) as response:
                assert response.status == 200
            with pytest.raises(aiohttp.ClientError):
                await session.post(f"{address[1]}/v1/payment_intents", data=fields, headers=headers)
            async with session.post(f"{control[1]}/control/accounts/sandbox/webhooks:settle") as response:
                assert response.status == 200
            async with session.get(f"{control[1]}/control/truth") as response:
                assert (await response.json())["charges"][0]["reference"] == "order-1"
        assert len(receiver.received) == 2
    finally:
        code, errors = await ended(process)
        await receiver.close()
    assert (code, errors) == (0, b"")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "stripe"])
async def test_every_dialect_starts_and_ends(name: str) -> None:
    process = await started("--dialect", name, "--port", "0")
    text = await told(process)
    assert constant_key(name) in text
    assert await ended(process) == (0, b"")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--webhook-url", "localhost:9/hook"), b"no http or https address"),
        (("--dialect", "adyen", "--webhook-secret", "nothex"), b"64 hexadecimal digits"),
        (("--store", "/dev/null/x"), b"the store can't be used"),
    ],
)
async def test_what_can_not_be_is_said_at_the_start(arguments: tuple[str, ...], said: bytes) -> None:
    process = await started("--port", "0", *arguments)
    async with asyncio.timeout(SECONDS):
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert said in errors
    assert b"Traceback" not in errors


async def test_port_that_is_taken() -> None:
    receiver = Receiver()
    await receiver.open()
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    try:
        process = await started("--port", port, "--control-port", "0")
        async with asyncio.timeout(SECONDS):
            _, errors = await process.communicate()
    finally:
        await receiver.close()
    assert process.returncode == 1
    assert b"can't start" in errors
    assert b"--port 0" in errors
    assert b"Traceback" not in errors
