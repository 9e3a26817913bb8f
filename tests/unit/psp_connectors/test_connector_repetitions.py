"""A repetition is the same request, card code included, while this process remembers the first one."""

import gc
from collections.abc import Callable
from dataclasses import replace

import pytest

from psp_connectors.application.perform_operation import PerformOperation, Runtime
from psp_connectors.application.unsettled_cards import KEPT_MAX, KEPT_SECONDS, UnsettledCards
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.breaker import BreakerLimits
from psp_connectors.domain.capabilities import AmountLimits, Capabilities
from psp_connectors.domain.cards import Card, CardCode
from psp_connectors.domain.connector import Account, Connector
from psp_connectors.domain.http import Delivery, HttpResponse, NotSent, NotSentReason, Unanswered, UnansweredReason
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from tests.fakes.connectors.ports import (
    CARD_CODE,
    FakeClock,
    FakeCrashPoints,
    FakeObserver,
    FakeSender,
    FakeVault,
    account,
    authorization,
    card,
    order,
)
from tests.unit.psp_connectors.test_connector_perform import answer

LOST = Unanswered(UnansweredReason.TIMEOUT)
TURNED_AWAY = HttpResponse(
    status=429, headers={"content-type": "application/json"}, body=b'{"error": {"code": "rate_limited"}}'
)


class OnceVault(FakeVault):
    """Gives the card code once, as the real vault does."""

    async def card_of(self, *, merchant_id: str, token: str, payment_id: str, deadline: float) -> Card:
        given = await super().card_of(merchant_id=merchant_id, token=token, payment_id=payment_id, deadline=deadline)
        return given if len(self.asked) == 1 else replace(given, code=CardCode(""))


class Bench:
    def __init__(self, *deliveries: Delivery, of: Account | None = None, connector: Connector | None = None) -> None:
        self.vault, self.clock = OnceVault(), FakeClock()
        self.sender = FakeSender(list(deliveries))
        self.perform = PerformOperation(
            accounts={"sandbox_a": of or account()},
            connectors=CONNECTORS if connector is None else {"sandbox": connector},
            vault=self.vault,
            runtime=Runtime(
                sender=self.sender,
                crash_points=FakeCrashPoints(),
                observer=FakeObserver(),
                clock=self.clock,
                breaker_limits=BreakerLimits(),
                reserve_seconds=0.15,
            ),
        )

    async def send(self, *, repetition: bool) -> Outcome:
        asked = replace(order(), repetition=repetition)
        return await self.perform.authorize("sandbox_a", asked, self.clock.now + 10)

    @property
    def bodies(self) -> list[bytes]:
        return [request.body for request in self.sender.sent]


async def test_a_repetition_is_byte_for_byte_the_first_request() -> None:
    bench = Bench(LOST, LOST, answer())
    for repetition in (False, True, True):
        last = await bench.send(repetition=repetition)
    assert last.kind is OutcomeKind.APPROVED
    assert len(set(bench.bodies)) == 1
    assert CARD_CODE.encode() in bench.bodies[0]
    assert len(bench.vault.asked) == 1


async def test_a_repetition_that_is_turned_away_forgets_nothing() -> None:
    bench = Bench(LOST, TURNED_AWAY, NotSent(NotSentReason.CONNECT_FAILED), answer())
    for repetition in (False, True, True, True):
        await bench.send(repetition=repetition)
    assert len(set(bench.bodies)) == 1


@pytest.mark.parametrize(
    "settling",
    [answer(), answer(status="declined", network_code="51"), answer(status="pending"), TURNED_AWAY],
)
async def test_what_is_settled_is_forgotten_at_once(settling: Delivery) -> None:
    bench = Bench(settling)
    await bench.send(repetition=False)
    assert bench.perform.forget_expired() == 0


async def test_after_some_minutes_a_repetition_goes_without_the_code() -> None:
    bench = Bench(LOST, answer())
    await bench.send(repetition=False)
    assert bench.perform.forget_expired() == 1
    bench.clock.now += KEPT_SECONDS
    assert bench.perform.forget_expired() == 0
    gc.collect()
    await bench.send(repetition=True)
    assert CARD_CODE.encode() not in bench.bodies[1]


async def test_a_new_call_never_takes_what_is_remembered() -> None:
    bench = Bench(LOST, answer())
    for _ in range(2):
        await bench.send(repetition=False)
    assert len(bench.vault.asked) == 2


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    clock = FakeClock()
    memory = UnsettledCards(clock)
    for number in range(KEPT_MAX + 1):
        memory.keep("sandbox_a", replace(authorization(), idempotency_key=f"key {number}"))
    assert memory.recall("sandbox_a", "key 0") is None
    assert memory.recall("sandbox_a", f"key {KEPT_MAX}") is not None
    assert memory.forget_expired() == KEPT_MAX


def test_accounts_do_not_share_what_is_remembered() -> None:
    memory = UnsettledCards(FakeClock())
    memory.keep("sandbox_a", authorization())
    assert memory.recall("sandbox_b", authorization().idempotency_key) is None


def changed(change: Callable[[Capabilities], Capabilities]) -> Connector:
    sandbox = CONNECTORS["sandbox"]
    return replace(sandbox, capabilities=change(sandbox.capabilities))


@pytest.mark.parametrize(
    ("of", "connector", "code", "asked"),
    [
        (replace(account(), disabled=True), None, "account_disabled", 0),
        (replace(account(), merchant_id="mer_other"), None, "account_not_configured", 0),
        (replace(account(), brands=("amex",)), None, "card_not_supported", 1),
        (account(), changed(lambda c: replace(c, currencies=("USD",))), "currency_not_supported", 0),
        (account(), changed(lambda c: replace(c, limits={"EUR": AmountLimits(2000, 3000)})), "invalid_amount", 0),
        (account(), changed(lambda c: replace(c, limits={"EUR": AmountLimits(1, 1000)})), "invalid_amount", 0),
        (account(), changed(lambda c: replace(c, brands=("jcb",))), "card_not_supported", 1),
    ],
)
async def test_what_the_account_does_not_take_is_not_sent(
    of: Account, connector: Connector | None, code: str, asked: int
) -> None:
    bench = Bench(answer(), of=of, connector=connector)
    outcome = await bench.send(repetition=False)
    assert (outcome.kind, outcome.code) == (OutcomeKind.NOT_SENT, code)
    assert bench.sender.sent == []
    assert len(bench.vault.asked) == asked


async def test_a_merchants_own_account_serves_that_merchant() -> None:
    bench = Bench(answer(), of=replace(account(), merchant_id=order().merchant_id, brands=("visa",)))
    assert (await bench.send(repetition=False)).kind is OutcomeKind.APPROVED


async def test_a_repetition_goes_on_at_a_disabled_account() -> None:
    bench = Bench(answer(), of=replace(account(), disabled=True))
    assert (await bench.send(repetition=True)).kind is OutcomeKind.APPROVED


def test_a_card_that_is_remembered_shows_nothing() -> None:
    memory = UnsettledCards(FakeClock())
    memory.keep("sandbox_a", authorization())
    assert CARD_CODE not in repr(memory.recall("sandbox_a", authorization().idempotency_key))
    assert card().number.reveal() not in repr(memory._kept)
