"""The sweep for stored cards: what the vault is still to be told is told until it has answered, within bounds."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from gateway_svc.application.keep_tokens import KeepToken
from gateway_svc.application.ports import TokenToKeep
from gateway_svc.workflows.limits import KEEP_TIMEOUT_MS, TOKEN_BATCHES_MAX, TOKENS_AT_ONCE
from gateway_svc.workflows.messages import SweepOrder
from gateway_svc.workflows.token_activities import TokenActivities
from mesh.reasons import Reason
from mesh.refusal import Refusal
from tests.fakes.durable.observing import FakeCrashes, FakeObserver, SimulatedDeathError
from tests.fakes.durable.store import FakeStore
from tests.fakes.gateway.peers import FakeLogger, FakeTokenVault
from tests.workflows.rig import Rig, new_reference

ORDER = SweepOrder(grace_ms=20_000, limit=3)


class Bench:
    """The activity over fakes."""

    def __init__(self) -> None:
        self.store, self.vault, self.observer = FakeStore(), FakeTokenVault(), FakeObserver()
        self.crashes, self.logger = FakeCrashes(), FakeLogger()
        keep = KeepToken(
            vault=self.vault,
            store=self.store,
            after_keep=lambda: self.crashes.reach("worker.after_keep"),
            logger=self.logger,
        )
        self.activities = TokenActivities(self.store, keep, self.observer)

    def note(self, count: int) -> list[TokenToKeep]:
        """Note so many tokens that are due."""
        noted = [TokenToKeep(f"pay_{number:04d}", "mer_1", f"tok_{number}") for number in range(count)]
        for wanted in noted:
            self.store.tokens.note(wanted)
        self.store.tokens.make_due()
        return noted

    async def sweep(self) -> None:
        await self.activities.keep_tokens()


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_what_is_due_is_told_and_dropped(bench: Bench) -> None:
    noted = bench.note(2 * TOKENS_AT_ONCE + 1)
    await bench.sweep()
    assert sorted(bench.vault.told, key=lambda wanted: wanted.payment_id) == noted
    assert set(bench.vault.timeouts_ms) == {KEEP_TIMEOUT_MS}
    assert bench.store.tokens.waiting == {}
    assert bench.observer.tokens == {"kept": len(noted)}


async def test_what_is_not_due_waits(bench: Bench) -> None:
    bench.store.tokens.note(TokenToKeep("pay_1", "mer_1", "tok_1"))
    await bench.sweep()
    assert bench.vault.told == []


async def test_one_sweep_tells_no_more_than_its_bound(bench: Bench) -> None:
    bench.note(TOKENS_AT_ONCE * TOKEN_BATCHES_MAX + 5)
    await bench.sweep()
    assert len(bench.vault.told) == TOKENS_AT_ONCE * TOKEN_BATCHES_MAX
    await bench.sweep()
    assert bench.store.tokens.waiting == {}


async def test_a_vault_that_is_away_is_asked_for_one_batch_and_again_later(bench: Bench) -> None:
    noted = bench.note(TOKENS_AT_ONCE + 5)
    bench.vault.refusal = Refusal(Reason.UNAVAILABLE)
    await bench.sweep()
    assert len(bench.vault.told) == TOKENS_AT_ONCE
    assert bench.observer.tokens == {"left": TOKENS_AT_ONCE}
    assert len(bench.store.tokens.waiting) == len(noted)
    bench.vault.refusal = None
    await bench.sweep()
    assert len(bench.store.tokens.waiting) == TOKENS_AT_ONCE, "those that were just tried have their time"
    bench.store.tokens.make_due()
    await bench.sweep()
    assert bench.store.tokens.waiting == {}


@pytest.mark.parametrize("reason", [Reason.TOKEN_NOT_FOUND, Reason.TOKEN_USED])
async def test_the_vaults_no_ends_it_with_a_warning(bench: Bench, reason: Reason) -> None:
    bench.note(1)
    bench.vault.refusal = Refusal(reason)
    await bench.sweep()
    assert bench.store.tokens.waiting == {}
    assert bench.observer.tokens == {"refused": 1}
    [(level, event, values)] = bench.logger.events
    assert (level, event) == ("warning", "the vault does not keep a stored card")
    assert values == {"payment_id": "pay_0000", "reason": reason.value}


async def test_death_after_the_vault_was_told_tells_it_again(bench: Bench) -> None:
    bench.note(1)
    bench.crashes.armed.add("worker.after_keep")
    with pytest.raises(SimulatedDeathError):
        await bench.sweep()
    assert set(bench.store.tokens.waiting) == {"pay_0000"}
    bench.store.tokens.make_due()
    await bench.sweep()
    assert len(bench.vault.told) == 2
    assert bench.store.tokens.waiting == {}


async def test_a_database_that_is_away_fails_the_step_and_temporal_tries_again(bench: Bench) -> None:
    bench.note(1)
    bench.store.away = 1
    with pytest.raises(ApplicationError) as caught:
        await bench.sweep()
    assert (caught.value.type, caught.value.non_retryable) == ("UNAVAILABLE", False)
    await bench.sweep()
    assert bench.store.tokens.waiting == {}


async def swept(rig: Rig) -> Any:
    return await rig.client.execute_workflow(
        "SweepWorkflow",
        ORDER,
        id=new_reference("sweep"),
        task_queue=rig.task_queue,
        run_timeout=timedelta(seconds=30),
    )


async def test_the_sweep_starts_stalled_work_and_tells_the_vault(client: Client) -> None:
    rig = Rig(client)
    work = rig.store.stalled = [("PAYMENT", "pay_1")]
    wanted = TokenToKeep("pay_2", "mer_1", "tok_1")
    rig.store.tokens.note(wanted)
    rig.store.tokens.make_due()
    async with rig.worker():
        await swept(rig)
    assert rig.starter.started == work
    assert rig.vault.told == [wanted]


async def test_a_vault_that_hangs_holds_no_stalled_work_up(client: Client) -> None:
    rig = Rig(client)
    work = rig.store.stalled = [("PAYMENT", "pay_1")]
    rig.store.tokens.note(TokenToKeep("pay_2", "mer_1", "tok_1"))
    rig.store.tokens.make_due()
    rig.vault.hold = asyncio.Event()
    async with rig.worker():
        running = asyncio.create_task(swept(rig))
        await rig.vault.reached.wait()
        async with asyncio.timeout(10):
            while rig.starter.started != work:  # noqa: ASYNC110 - the starter is a fake of another module
                await asyncio.sleep(0.01)
        rig.vault.hold.set()
        await running
    assert rig.store.tokens.waiting == {}


async def test_work_that_can_not_be_started_keeps_no_token_from_being_told(client: Client) -> None:
    rig = Rig(client)
    # Enough for every try of the sweep.
    rig.store.stalled = [("PAYMENT", "pay_1")] * 3 * ORDER.limit
    rig.starter.broken = {"pay_1"}
    rig.store.tokens.note(TokenToKeep("pay_2", "mer_1", "tok_1"))
    rig.store.tokens.make_due()
    async with rig.worker():
        with pytest.raises(WorkflowFailureError):
            await swept(rig)
    assert rig.store.tokens.waiting == {}
