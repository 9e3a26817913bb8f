"""The sandbox PSP's control API, its shared port, and its truth over a restart."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from devstack.sandbox.journal import Journal
from devstack.sandbox.server import Sandbox
from devstack.sandbox.settings import AccountEntry
from mesh.settings import SettingsError
from psp_connectors.domain.operations import OperationKind
from psp_connectors.domain.outcomes import OutcomeKind
from tests.fakes.connectors.laboratory import Laboratory, laboratory

CHARGE = {
    "reference": "pay_1_1",
    "amount": 1050,
    "currency": "EUR",
    "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2099},
}


@pytest_asyncio.fixture
async def lab() -> AsyncIterator[Laboratory]:
    async with laboratory() as running:
        yield running


async def test_truth_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with laboratory(journal=Journal(path)) as lab:
        first = await lab.authorize(reference="pay_1_1", key="k" * 32)
        capture = lab.capture(first.psp_reference, 400, final=False)
        assert (await lab.ask(capture)).kind is OutcomeKind.APPROVED
        before = (await lab.truth())["charges"]
    assert "4242424242424242" not in path.read_text()
    async with laboratory(journal=Journal(path)) as lab:
        after = (await lab.truth())["charges"]
        for charge in (*before, *after):
            for counted in (charge, *charge["operations"]):
                del counted["requests"]  # counts of requests begin anew
        assert after == before
        assert await lab.authorize(reference="pay_1_1", key="k" * 32) == first
        assert (await lab.ask(capture)).kind is OutcomeKind.APPROVED
        truth = await lab.charge("pay_1_1")
        assert truth is not None
        assert (truth["captured"], truth["money_moves"]) == (400, 2)
        assert (await lab.sync(OperationKind.CAPTURE, "cap_1", 400)).kind is OutcomeKind.APPROVED


async def test_store_of_other_accounts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with laboratory(journal=Journal(path)) as lab:
        await lab.authorize()
    entries = [AccountEntry(account="other", api_key="some_other_key", port=0)]
    sandbox = Sandbox(listen="127.0.0.1:0", accounts=entries, journal=Journal(path))
    with pytest.raises(SettingsError, match="not known"):
        await sandbox.open()
    await sandbox.close()


async def test_account_without_a_port_is_served_on_the_shared_one_and_cannot_refuse() -> None:
    entries = [AccountEntry(account=name, api_key=f"the_key_of_{name}") for name in ("a", "b")]
    sandbox = Sandbox(listen="127.0.0.1:0", accounts=entries, journal=Journal(None))
    await sandbox.open()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{sandbox.control_port}") as session:
            for name in ("a", "b"):
                headers = {"Authorization": f"Bearer the_key_of_{name}", "Idempotency-Key": "k"}
                async with session.post("/v1/charges", json=CHARGE, headers=headers) as response:
                    assert (response.status, (await response.json())["status"]) == (200, "approved")
            async with session.post("/v1/charges", json=CHARGE, headers={"Authorization": "Bearer x"}) as response:
                assert response.status == 401
            async with session.get("/control/truth") as response:
                accounts = [charge["account"] for charge in (await response.json())["charges"]]
            assert accounts == ["a", "b"]
            async with session.put("/control/accounts/a/faults", json={"mode": "refuse"}) as response:
                assert response.status == 409
    finally:
        await sandbox.close()


async def test_key_of_one_account_does_not_open_the_other(lab: Laboratory) -> None:
    url = f"http://127.0.0.1:{lab.sandbox.ports['sandbox_a']}/v1/charges"
    headers = {"Authorization": "Bearer key_of_account_b", "Idempotency-Key": "k"}
    async with lab.control.post(url, json=CHARGE, headers=headers) as response:
        assert response.status == 401
    assert (await lab.truth())["charges"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"mode": "other"},
        {"mode": "slow", "count": 0},
        {"mode": "slow", "delay_ms": -1},
        {"mode": "slow", "delay_ms": 300_001},
        {"mode": "slow", "operation": "pay"},
        {"mode": "slow", "unknown": 1},
    ],
)
async def test_malformed_faults_are_refused(lab: Laboratory, body: dict[str, Any]) -> None:
    async with lab.control.put("/control/accounts/sandbox_a/faults", json=body) as response:
        assert response.status == 400
    async with lab.control.put("/control/accounts/nobody/faults", json={"mode": "slow"}) as response:
        assert response.status == 404


async def test_faults_in_force_are_told_and_healed(lab: Laboratory) -> None:
    await lab.set_fault(mode="slow", operation="refund", count=3, delay_ms=5, reference="ref_")
    await lab.set_fault("sandbox_b", mode="refuse")
    async with lab.control.get("/control/accounts") as response:
        first, second = (await response.json())["accounts"]
    assert first["faults"] == [
        {"mode": "slow", "operation": "refund", "remaining": 3, "delay_ms": 5, "reference": "ref_", "first": None}
    ]
    assert (first["refusing"], second["refusing"]) == (False, True)
    await lab.heal()
    await lab.heal("sandbox_b")
    async with lab.control.get("/control/accounts") as response:
        accounts = (await response.json())["accounts"]
    assert [(account["faults"], account["refusing"]) for account in accounts] == [([], False)] * 2
    assert accounts[1]["port"] == lab.sandbox.ports["sandbox_b"], "the same port as before"


async def test_truth_comes_in_pages(lab: Laboratory) -> None:
    for number in range(5):
        await lab.authorize(reference=f"pay_{number}_1")
    seen: list[str] = []
    after = ""
    for _ in range(5):
        page = await lab.truth(limit=2, after=after)
        seen += [charge["reference"] for charge in page["charges"]]
        after = page["next"] or ""
        if not after:
            break
    assert seen == [f"pay_{number}_1" for number in range(5)]
    assert [charge["reference"] for charge in (await lab.truth(prefix="pay_3"))["charges"]] == ["pay_3_1"]
    assert (await lab.truth(reference="pay_3"))["charges"] == []


async def test_requests_that_came_to_nothing_are_counted(lab: Laboratory) -> None:
    await lab.set_fault(mode="reset_before", operation="authorize", count=2)
    for _ in range(2):
        await lab.authorize(reference="pay_1_1", key="k" * 32)
    await lab.sync(OperationKind.AUTHORIZE, "pay_1_1")
    truth = await lab.truth(reference="pay_1_1")
    assert truth["charges"] == []
    assert truth["requests"] == [
        {"account": "sandbox_a", "operation": "authorize", "requests": 2},
        {"account": "sandbox_a", "operation": "sync", "requests": 1},
    ]


async def test_request_under_way_ends_when_the_account_begins_to_refuse(lab: Laboratory) -> None:
    await lab.set_fault(mode="slow", operation="authorize", count=1, delay_ms=1000)
    call = asyncio.create_task(lab.authorize(reference="pay_1_1"))
    async with asyncio.timeout(10):
        while not (await lab.truth(reference="pay_1_1"))["requests"]:  # noqa: ASYNC110 - bounded by the timeout around it
            await asyncio.sleep(0.01)
    await lab.set_fault(mode="refuse")
    assert (await call).kind is OutcomeKind.APPROVED
    assert (await lab.authorize()).kind is OutcomeKind.NOT_SENT
