"""Stored cards: the vault is told right after the approval, and never at the cost of the payment's answer."""

import asyncio
from pathlib import Path

import pytest

from gateway_svc.application.keep_tokens import AT_ONCE_MS, Kept
from gateway_svc.application.ports import TokenToKeep
from gateway_svc.domain.core import AttemptVerdict
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import AttemptStatus, PaymentStatus
from mesh.reasons import Reason
from mesh.refusal import DatabaseOutcomeUnknown, Refusal
from tests.unit.gateway_svc.application.rig import MERCHANT, TOKEN, Rig

AWAY = Refusal(Reason.UNAVAILABLE)


def wanted(rig: Rig) -> TokenToKeep:
    return TokenToKeep(rig.only_payment, MERCHANT, TOKEN)


@pytest.mark.parametrize("manual", [False, True])
async def test_the_vault_is_told_of_an_approved_payment_and_nothing_is_left(rig: Rig, *, manual: bool) -> None:
    answer = await rig.pay(manual=manual, store_card=True)
    assert answer.view["status"] == ("AUTHORIZED" if manual else "SUCCEEDED")
    assert rig.vault.told == [wanted(rig)]
    assert rig.vault.timeouts_ms == [AT_ONCE_MS]
    assert rig.store.calls == ["begin_payment", "record_attempt", "drop_token_to_keep"]
    assert rig.store.tokens.waiting == {}
    assert rig.logger.events == []


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(OutcomeKind.DECLINED, code="lost_card"),
        Outcome(OutcomeKind.NOT_SENT, code="token_used"),
        Outcome(OutcomeKind.UNKNOWN),
        Outcome(OutcomeKind.PENDING, psp_reference="psp_7"),
    ],
)
async def test_the_vault_is_not_told_of_any_other_payment(rig: Rig, outcome: Outcome) -> None:
    rig.connectors.outcomes = [outcome]
    await rig.pay(store_card=True)
    assert (rig.vault.told, rig.store.tokens.waiting) == ([], {})


async def test_without_the_wish_the_vault_is_not_told(rig: Rig) -> None:
    await rig.pay()
    assert rig.vault.told == []


async def test_a_replay_tells_nobody_again(rig: Rig) -> None:
    first = await rig.pay("key", store_card=True)
    again = await rig.pay("key", store_card=True)
    assert (again.view, again.replayed) == (first.view, True)
    assert len(rig.vault.told) == 1


async def test_what_the_durable_driver_settles_in_time_is_told_too(rig: Rig) -> None:
    rig.connectors.outcomes = [Outcome(OutcomeKind.UNKNOWN)]
    verdict = AttemptVerdict(AttemptStatus.APPROVED, PaymentStatus.SUCCEEDED)

    async def settle(reference: str) -> None:
        await rig.store.record_attempt(reference, f"{reference}_1", verdict, asked=True)

    rig.durable.settle = settle
    assert (await rig.pay(store_card=True)).view["status"] == "SUCCEEDED"
    assert rig.vault.told == [wanted(rig)]


@pytest.mark.parametrize("error", [AWAY, Refusal(Reason.INTERNAL), ValueError("a fault of ours")])
async def test_a_vault_that_fails_costs_the_payment_nothing_and_is_told_later(rig: Rig, error: Exception) -> None:
    rig.vault.refusal = error
    answer = await rig.pay(store_card=True)
    assert answer.view["status"] == "SUCCEEDED"
    assert set(rig.store.tokens.waiting) == {rig.only_payment}
    rig.vault.refusal = None
    assert await rig.keep.execute(wanted(rig), 2000) is Kept.KEPT
    assert rig.store.tokens.waiting == {}


@pytest.mark.parametrize("reason", [Reason.TOKEN_NOT_FOUND, Reason.TOKEN_USED])
async def test_the_vaults_no_is_written_down_and_ends_it(rig: Rig, reason: Reason) -> None:
    rig.vault.refusal = Refusal(reason)
    answer = await rig.pay(store_card=True)
    assert answer.view["status"] == "SUCCEEDED"
    assert rig.store.tokens.waiting == {}
    told = {"payment_id": rig.only_payment, "reason": reason.value}
    assert rig.logger.events == [("warning", "the vault does not keep a stored card", told)]


async def test_a_vault_that_hangs_delays_the_answer_by_a_moment_only(rig: Rig) -> None:
    rig.vault.hold = asyncio.Event()
    async with asyncio.timeout(60):
        answer = await rig.pay(store_card=True)
    assert answer.view["status"] == "SUCCEEDED"
    assert set(rig.store.tokens.waiting) == {rig.only_payment}
    # What was begun goes on beside the answer.
    rig.vault.hold.set()
    assert await rig.sections.drain(10) == 0
    assert rig.store.tokens.waiting == {}


async def test_a_call_whose_time_is_over_leaves_it_to_the_sweep(rig: Rig) -> None:
    async def take_long() -> None:
        rig.clock.advance(12)

    rig.connectors.meanwhile = take_long
    answer = await rig.pay(store_card=True)
    assert answer.view["status"] == "SUCCEEDED"
    assert rig.vault.told == []
    assert set(rig.store.tokens.waiting) == {rig.only_payment}


async def test_a_call_with_little_time_left_waits_for_the_vault_no_longer_than_that(rig: Rig) -> None:
    async def take_most() -> None:
        rig.clock.advance(9.8)

    rig.connectors.meanwhile = take_most
    await rig.pay(store_card=True)
    [timeout_ms] = rig.vault.timeouts_ms
    assert 0 < timeout_ms <= 200


async def test_a_caller_who_hangs_up_does_not_break_off_the_telling(rig: Rig) -> None:
    rig.vault.hold = asyncio.Event()
    call = asyncio.create_task(rig.pay(store_card=True))
    await rig.vault.reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    rig.vault.hold.set()
    assert await rig.sections.drain(10) == 0
    assert rig.store.tokens.waiting == {}


@pytest.mark.parametrize("error", [AWAY, DatabaseOutcomeUnknown()])
@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_database_that_goes_away_after_the_vault_was_told_leaves_it_to_be_told_again(
    rig: Rig, error: Refusal, *, after_effect: bool
) -> None:
    rig.store.faults.arm("drop_token_to_keep", error, after_effect=after_effect)
    answer = await rig.pay(store_card=True)
    assert answer.view["status"] == "SUCCEEDED"
    assert set(rig.store.tokens.waiting) == (set() if after_effect else {rig.only_payment})
    assert await rig.keep.execute(wanted(rig), 2000) is Kept.KEPT
    assert rig.vault.told == [wanted(rig)] * 2
    assert rig.store.tokens.waiting == {}


async def test_there_is_a_bound_for_what_goes_on_beside_the_answers() -> None:
    rig = Rig(sections_max=1)
    rig.vault.hold = asyncio.Event()
    assert (await rig.pay(store_card=True)).view["status"] == "SUCCEEDED"
    with pytest.raises(Refusal) as caught:
        await rig.pay(store_card=True)
    assert caught.value.reason is Reason.OVERLOADED
    rig.vault.hold.set()
    assert await rig.sections.drain(10) == 0


async def test_a_crash_point_lies_between_the_vaults_answer_and_its_note(tmp_path: Path) -> None:
    rig = Rig(crash_directory=tmp_path)
    (tmp_path / "gateway.after_keep").write_text("pause", encoding="utf-8")
    call = asyncio.create_task(rig.pay(store_card=True))
    async with asyncio.timeout(30):
        while not (tmp_path / "gateway.after_keep.hit").exists():  # noqa: ASYNC110 - another process would write it
            await asyncio.sleep(0.005)
    assert rig.vault.told == [wanted(rig)]
    assert set(rig.store.tokens.waiting) == {rig.only_payment}
    (tmp_path / "gateway.after_keep.go").touch()
    assert (await call).view["status"] == "SUCCEEDED"
    assert await rig.sections.drain(10) == 0
    assert rig.store.tokens.waiting == {}


async def test_telling_at_the_same_time_tells_the_same(rig: Rig) -> None:
    rig.vault.refusal = AWAY
    await rig.pay(store_card=True)
    rig.vault.refusal = None
    results = await asyncio.gather(*(rig.keep.execute(wanted(rig), 2000) for _ in range(5)))
    assert results == [Kept.KEPT] * 5
    assert rig.store.tokens.waiting == {}
