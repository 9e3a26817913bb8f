"""What becomes of an operation when its time runs out, its caller goes, or the database fails in the middle."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway_svc.application.budget import Timing
from gateway_svc.application.inline_driver import RECORD_PAUSES_MS
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from mesh.reasons import Reason
from mesh.refusal import DatabaseOutcomeUnknown, Refusal
from tests.unit.gateway_svc.application.rig import MERCHANT, Rig

AWAY = Refusal(Reason.UNAVAILABLE)


async def test_the_psp_call_gets_its_share_of_the_budget(rig: Rig) -> None:
    await rig.pay()
    assert rig.connectors.timeouts_ms == [8_000]


async def test_the_callers_deadline_shortens_the_psp_call(rig: Rig) -> None:
    await rig.pay(seconds=5)
    assert rig.connectors.timeouts_ms == [4_750]


async def test_what_has_begun_is_sent_with_enough_time_even_when_the_budget_is_used_up(rig: Rig) -> None:
    rig.tokens.meanwhile = lambda: rig.clock.advance(4)
    await rig.pay(seconds=4.5)
    assert rig.connectors.timeouts_ms == [1_000]


@pytest.mark.parametrize("seconds", [0.3, 2.0])
async def test_nothing_begins_when_the_time_is_over(rig: Rig, seconds: float) -> None:
    rig.tokens.meanwhile = lambda: rig.clock.advance(2)
    with pytest.raises(Refusal) as caught:
        await rig.pay(seconds=seconds)
    assert caught.value.reason is Reason.DEADLINE_EXCEEDED
    assert (rig.store.payments, rig.connectors.sent) == ({}, [])


async def test_a_replay_needs_no_time_left(rig: Rig) -> None:
    first = await rig.pay("key")
    rig.tokens.meanwhile = lambda: rig.clock.advance(15)
    again = await rig.pay("key")
    assert (again.view, again.replayed) == (first.view, True)


async def test_the_durable_driver_gets_the_rest_of_the_budget(rig: Rig) -> None:
    async def take_seven_seconds() -> None:
        rig.clock.advance(7)

    rig.connectors.meanwhile = take_seven_seconds
    rig.connectors.outcomes = [Outcome(OutcomeKind.UNKNOWN)]
    await rig.pay()
    assert rig.durable.handed_over == [("PAYMENT", rig.only_payment, 3_000)]


async def test_handing_over_always_gets_a_moment(rig: Rig) -> None:
    async def take_twelve_seconds() -> None:
        rig.clock.advance(12)

    rig.connectors.meanwhile = take_twelve_seconds
    rig.connectors.outcomes = [Outcome(OutcomeKind.UNKNOWN)]
    await rig.pay()
    assert rig.durable.handed_over == [("PAYMENT", rig.only_payment, 250)]


async def test_a_caller_who_hangs_up_does_not_break_off_the_recording(rig: Rig) -> None:
    rig.connectors.hold = asyncio.Event()
    call = asyncio.create_task(rig.pay("key"))
    await rig.connectors.reached.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert rig.store.payments[rig.only_payment]["status"] == "PROCESSING"
    rig.connectors.hold.set()
    assert await rig.sections.drain(10) == 0
    assert rig.store.payments[rig.only_payment]["status"] == "SUCCEEDED"
    assert (await rig.pay("key")).replayed
    assert len(rig.connectors.sent) == 1


async def test_a_shutdown_breaks_off_what_does_not_end_and_leaves_it_as_a_crash_would(rig: Rig) -> None:
    rig.connectors.hold = asyncio.Event()
    call = asyncio.create_task(rig.pay())
    await rig.connectors.reached.wait()
    assert await rig.sections.drain(0) == 1
    with pytest.raises(asyncio.CancelledError):
        await call
    assert rig.store.payments[rig.only_payment]["attempts"][0]["status"] == "SENDING"


async def test_there_is_a_bound_for_operations_under_way() -> None:
    rig = Rig(sections_max=1)
    rig.connectors.hold = asyncio.Event()
    first = asyncio.create_task(rig.pay())
    await rig.connectors.reached.wait()
    with pytest.raises(Refusal) as caught:
        await rig.pay()
    assert caught.value.reason is Reason.OVERLOADED
    assert len(rig.store.payments) == 1
    rig.connectors.hold.set()
    assert (await first).view["status"] == "SUCCEEDED"
    assert (await rig.pay()).view["status"] == "SUCCEEDED"


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("error", [AWAY, DatabaseOutcomeUnknown()])
async def test_recording_is_repeated_while_the_database_is_away(
    rig: Rig, error: Refusal, *, after_effect: bool
) -> None:
    rig.store.faults.arm("record_attempt", error, after_effect=after_effect, times=3)
    answer = await rig.pay()
    assert answer.view["status"] == "SUCCEEDED"
    assert rig.store.calls == ["begin_payment", *["record_attempt"] * 4]
    assert rig.clock.slept == [0.05, 0.1, 0.2]
    assert len(rig.connectors.sent) == 1


async def test_what_can_not_be_recorded_is_processing_and_never_failed(rig: Rig) -> None:
    rig.store.faults.arm("record_attempt", DatabaseOutcomeUnknown(), times=100)
    answer = await rig.pay()
    assert (answer.view["id"], answer.view["status"]) == (rig.only_payment, "PROCESSING")
    assert sum(rig.clock.slept) <= rig.timing.record_ms / 1000
    assert rig.store.calls.count("record_attempt") <= len(RECORD_PAUSES_MS) + 1
    [(level, _, values)] = rig.logger.events
    assert (level, values["outcome"], values["psp_reference"]) == ("error", "APPROVED", "psp_1")


async def test_a_fault_of_our_own_while_recording_is_told_as_such(rig: Rig) -> None:
    rig.store.faults.arm("record_attempt", ValueError("no such step"))
    with pytest.raises(ValueError, match="no such step"):
        await rig.pay()
    assert rig.logger.events == [("error", "critical section failed", {"error": "ValueError"})]


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_begin_that_broke_off_is_found_out_and_sent_once(rig: Rig, *, after_effect: bool) -> None:
    rig.store.faults.arm("begin_payment", DatabaseOutcomeUnknown(), after_effect=after_effect)
    answer = await rig.pay()
    assert answer.view["status"] == "SUCCEEDED"
    assert rig.store.calls == ["begin_payment", "begin_payment", "record_attempt"]
    assert rig.connectors.sent == [("authorize", f"{rig.only_payment}_1")]


@pytest.mark.parametrize("after_effect", [False, True])
async def test_when_nobody_can_tell_whether_it_began_nothing_is_sent(rig: Rig, *, after_effect: bool) -> None:
    rig.store.faults.arm("begin_payment", DatabaseOutcomeUnknown(), after_effect=after_effect)
    rig.store.faults.arm("begin_payment", AWAY)
    with pytest.raises(Refusal) as caught:
        await rig.pay()
    assert caught.value.reason is Reason.UNAVAILABLE
    assert rig.connectors.sent == []


async def test_a_begin_that_broke_off_never_takes_over_another_call(rig: Rig) -> None:
    rig.connectors.hold = asyncio.Event()
    first = asyncio.create_task(rig.pay("key"))
    await rig.connectors.reached.wait()
    rig.store.faults.arm("begin_payment", DatabaseOutcomeUnknown())
    with pytest.raises(Refusal) as caught:
        await rig.pay("key")
    assert caught.value.reason is Reason.IDEMPOTENCY_KEY_IN_FLIGHT
    rig.connectors.hold.set()
    assert (await first).view["status"] == "SUCCEEDED"
    assert len(rig.connectors.sent) == 1


async def test_a_database_that_is_away_at_the_begin_changes_nothing(rig: Rig) -> None:
    rig.store.faults.arm("begin_payment", AWAY)
    with pytest.raises(Refusal) as caught:
        await rig.pay()
    assert caught.value is AWAY
    assert rig.connectors.sent == []


@pytest.mark.parametrize("method", ["find_operation", "load_payment", "release_lease"])
async def test_a_database_that_goes_away_after_the_record_leaves_the_answer_processing(rig: Rig, method: str) -> None:
    rig.connectors.outcomes = [Outcome(OutcomeKind.UNKNOWN)]
    rig.store.faults.arm(method, AWAY)
    answer = await rig.pay()
    assert (answer.view["status"], answer.view["attempts"][0]["status"]) == ("PROCESSING", "UNKNOWN")


async def test_the_lease_outlasts_the_call(rig: Rig) -> None:
    rig.connectors.hold = asyncio.Event()
    call = asyncio.create_task(rig.pay("key"))
    await rig.connectors.reached.wait()
    lease_until = rig.store.keys[MERCHANT, "key"].lease_until
    assert lease_until is not None
    assert lease_until - rig.clock.now >= (rig.timing.budget_ms + rig.timing.record_ms) / 1000
    rig.connectors.hold.set()
    await call


async def test_crash_points_lie_before_and_after_the_call_and_after_the_record(tmp_path: Path) -> None:
    rig = Rig(crash_directory=tmp_path, timing=Timing())
    names = ("gateway.before_send", "gateway.after_send", "gateway.after_record")
    for name in names:
        (tmp_path / name).write_text("pause", encoding="utf-8")
    call = asyncio.create_task(rig.pay())
    seen = []
    for name in names:
        async with asyncio.timeout(30):
            while not (tmp_path / f"{name}.hit").exists():  # noqa: ASYNC110 - another process would write it
                await asyncio.sleep(0.005)
        seen.append((len(rig.connectors.sent), rig.store.payments[rig.only_payment]["status"]))
        (tmp_path / f"{name}.go").touch()
    assert seen == [(0, "PROCESSING"), (1, "PROCESSING"), (1, "SUCCEEDED")]
    assert (await call).view["status"] == "SUCCEEDED"


async def test_a_process_that_stood_still_longer_than_its_lease_does_not_send(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = rig.store.begin_payment

    async def stand_still(*arguments: Any) -> Any:
        begun = await begin(*arguments)
        rig.clock.advance(3600)
        return begun

    monkeypatch.setattr(rig.store, "begin_payment", stand_still)
    answer = await rig.pay()
    assert rig.connectors.sent == []
    assert answer.view["status"] == "PROCESSING"
    assert [(kind, reference) for kind, reference, _ in rig.durable.handed_over] == [("PAYMENT", rig.only_payment)]
