import asyncio
from dataclasses import replace

import pytest

from psp_connectors.application.gates import Gate, Gates, Refused
from psp_connectors.domain.breaker import BreakerLimits
from psp_connectors.domain.connector import Account, AccountLimits
from psp_connectors.domain.http import Delivery, HttpResponse, NotSent, NotSentReason, Unanswered, UnansweredReason
from tests.fakes.connectors.ports import FakeClock, account

LIMITS = BreakerLimits(failures_to_open=2, troubles_to_open=3, open_seconds=5)
TIMEOUT = Unanswered(UnansweredReason.TIMEOUT)
APPROVAL = HttpResponse(status=200)


def limited(**limits: int) -> Account:
    return replace(account(), limits=AccountLimits(**limits))


def gate(clock: FakeClock, of: Account | None = None) -> Gate:
    return Gate(of or account(), LIMITS, clock, lambda: 0.0)


async def call(through: Gate, delivery: Delivery, clock: FakeClock) -> None:
    passage = await through.enter(clock.now + 1)
    with passage.watching(lambda: delivery):
        pass


@pytest.mark.parametrize("trouble", [TIMEOUT, HttpResponse(status=500), HttpResponse(status=503)])
async def test_technical_errors_in_a_row_open_the_breaker(trouble: Delivery) -> None:
    clock = FakeClock()
    through = gate(clock)
    for _ in range(3):
        await call(through, trouble, clock)
    with pytest.raises(Refused) as refused:
        await through.enter(clock.now + 1)
    assert refused.value.outcome.code == "psp_unavailable"
    assert through.refuses() == refused.value.outcome


@pytest.mark.parametrize("answer", [APPROVAL, HttpResponse(status=402), HttpResponse(status=404)])
async def test_any_answer_in_between_starts_the_count_again(answer: Delivery) -> None:
    clock = FakeClock()
    through = gate(clock)
    for delivery in (TIMEOUT, TIMEOUT, answer, TIMEOUT, TIMEOUT):
        await call(through, delivery, clock)
    assert through.refuses() is None


async def test_one_probe_decides_after_a_while() -> None:
    clock = FakeClock()
    through = gate(clock)
    for _ in range(3):
        await call(through, TIMEOUT, clock)
    clock.now += 5
    await call(through, TIMEOUT, clock)
    assert through.refuses() is not None
    clock.now += 5
    await call(through, APPROVAL, clock)
    assert through.refuses() is None


@pytest.mark.parametrize("status", [429, 503])
async def test_the_psps_wish_to_be_left_alone_is_kept(status: int) -> None:
    clock = FakeClock()
    through = gate(clock)
    await call(through, HttpResponse(status=status, headers={"retry-after": "7"}), clock)
    with pytest.raises(Refused) as refused:
        await through.enter(clock.now + 1)
    assert refused.value.outcome.code == "rate_limited"
    clock.now += 7
    await call(through, APPROVAL, clock)


async def test_retry_after_of_a_good_answer_means_nothing() -> None:
    clock = FakeClock()
    through = gate(clock)
    await call(through, HttpResponse(status=200, headers={"retry-after": "7"}), clock)
    await call(through, APPROVAL, clock)


async def test_a_refusal_by_rate_leaves_the_half_open_breaker_its_probe() -> None:
    clock = FakeClock()
    through = gate(clock)
    for _ in range(2):
        await call(through, NotSent(NotSentReason.CONNECT_FAILED), clock)
    await asyncio.sleep(0)
    clock.now += 5
    through.learn(through._begin(), HttpResponse(status=429, headers={"retry-after": "3"}))
    with pytest.raises(Refused):
        await through.enter(clock.now + 1)
    clock.now += 3
    await call(through, APPROVAL, clock)


async def test_calls_beyond_the_limit_wait_for_a_place() -> None:
    clock = FakeClock()
    through = gate(clock, limited(concurrent_calls=1))
    first = await through.enter(clock.now + 1)
    waiting = asyncio.create_task(through.enter(clock.now + 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    with first.watching(lambda: APPROVAL):
        pass
    await waiting


async def test_a_call_that_finds_no_place_in_time_is_refused() -> None:
    clock = FakeClock()
    through = gate(clock, limited(concurrent_calls=1))
    await through.enter(clock.now + 1)
    with pytest.raises(Refused) as refused:
        await through.enter(clock.now)
    assert refused.value.outcome.code == "connections_exhausted"


async def test_a_refused_call_takes_no_place() -> None:
    clock = FakeClock()
    through = gate(clock, limited(concurrent_calls=1, calls_per_second=1))
    await call(through, APPROVAL, clock)
    for _ in range(3):
        with pytest.raises(Refused):
            await through.enter(clock.now + 1)
    clock.now += 1
    await call(through, APPROVAL, clock)


async def test_changed_limits_hold_at_once_and_the_breaker_remembers() -> None:
    clock = FakeClock()
    gates = Gates(LIMITS, clock, lambda: 0.0)
    through = gates.of(limited(calls_per_second=1))
    for _ in range(3):
        clock.now += 1
        await call(through, TIMEOUT, clock)
    assert gates.of(limited(calls_per_second=100)) is through
    assert through.refuses() is not None


async def test_changed_limits_do_not_end_the_pause_that_the_psp_asked_for() -> None:
    clock = FakeClock()
    gates = Gates(LIMITS, clock, lambda: 0.0)
    through = gates.of(limited(calls_per_second=10))
    await call(through, HttpResponse(status=429, headers={"retry-after": "30"}), clock)
    lowered = gates.of(limited(calls_per_second=1))
    with pytest.raises(Refused):
        await call(lowered, HttpResponse(status=200), clock)
    clock.now += 31
    await call(lowered, HttpResponse(status=200), clock)
