import asyncio
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from psp_connectors.application.perform_operation import PerformOperation, Runtime
from psp_connectors.application.ports import TokenUnusable, TokenUsed, VaultUnavailable
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.breaker import BreakerLimits
from psp_connectors.domain.connector import Account, Connector, Unsendable
from psp_connectors.domain.declines import DeclineCode
from psp_connectors.domain.http import (
    Delivery,
    HttpRequest,
    HttpResponse,
    NotSent,
    NotSentReason,
    Unanswered,
    UnansweredReason,
    json_body,
)
from psp_connectors.domain.operations import Operation, OperationKind
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from tests.fakes.connectors.ports import (
    CARD_CODE,
    CARD_NUMBER,
    FakeClock,
    FakeCrashPoints,
    FakeObserver,
    FakeSender,
    FakeVault,
    account,
    capture,
    order,
    refund,
    sync,
    void,
)

DEADLINE = 1010.0
DASHED_NUMBER = "-".join(CARD_NUMBER[start : start + 4] for start in range(0, len(CARD_NUMBER), 4))
NOTHING_SENT = NotSent(NotSentReason.CONNECT_FAILED)


def answer(**changes: object) -> HttpResponse:
    fields = {
        "id": "ch_1",
        "type": "authorize",
        "status": "approved",
        "reference": "pay_1_1",
        "charge": "ch_1",
        "amount": 1050,
        "currency": "EUR",
        "captured_amount": 0,
        "network_code": "00",
        **changes,
    }
    return HttpResponse(status=200, headers={"content-type": "application/json"}, body=json_body(fields)[1])


class Bench:
    def __init__(self, *deliveries: Delivery | BaseException, connector: Connector | None = None) -> None:
        self.vault = FakeVault()
        self.sender = FakeSender(list(deliveries or [answer()]))
        self.clock = FakeClock()
        self.crash_points = FakeCrashPoints()
        self.observer = FakeObserver()
        self.perform = PerformOperation(
            accounts={"sandbox_a": account(), "sandbox_b": account("sandbox_b")},
            connectors=CONNECTORS if connector is None else {"sandbox": connector},
            vault=self.vault,
            runtime=Runtime(
                sender=self.sender,
                crash_points=self.crash_points,
                observer=self.observer,
                clock=self.clock,
                breaker_limits=BreakerLimits(failures_to_open=2, open_seconds=5),
                reserve_seconds=0.15,
            ),
        )

    async def authorize(self, account_name: str = "sandbox_a") -> Outcome:
        return await self.perform.authorize(account_name, order(), DEADLINE)


Build = Callable[[Operation, Account], HttpRequest]
Parse = Callable[[Operation, HttpResponse], Outcome]


def connector(
    *,
    build: Build | None = None,
    parse: Parse | None = None,
    kinds: frozenset[OperationKind] = frozenset(CONNECTORS["sandbox"].capabilities.operations),
) -> Connector:
    sandbox = CONNECTORS["sandbox"]
    operations = {kind: capability for kind, capability in sandbox.capabilities.operations.items() if kind in kinds}
    return replace(
        sandbox,
        build=build or sandbox.build,
        parse=parse or sandbox.parse,
        capabilities=replace(sandbox.capabilities, operations=operations),
    )


async def test_approved_authorization_names_the_vaults_card() -> None:
    outcome = await Bench(answer(card={"brand": "visa", "last4": "9999"})).authorize()
    assert (outcome.kind, outcome.psp_reference, outcome.amount) == (OutcomeKind.APPROVED, "ch_1", 1050)
    assert outcome.card is not None
    assert outcome.card.last4 == CARD_NUMBER[-4:]


async def test_time_is_kept_back_to_answer() -> None:
    bench = Bench()
    await bench.authorize()
    assert bench.sender.deadlines == [pytest.approx(DEADLINE - 0.15)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TokenUnusable(), "token_unusable"),
        (TokenUsed(), "token_used"),
        (VaultUnavailable(), "vault_unavailable"),
    ],
)
async def test_without_a_card_nothing_is_sent(error: Exception, code: str) -> None:
    bench = Bench()
    bench.vault.error = error
    outcome = await bench.authorize()
    assert (outcome.kind, outcome.code) == (OutcomeKind.NOT_SENT, code)
    assert bench.sender.sent == []


async def test_unknown_account_is_not_sent_and_the_vault_is_not_asked() -> None:
    bench = Bench()
    outcome = await bench.authorize("other")
    assert (outcome.kind, outcome.code) == (OutcomeKind.NOT_SENT, "account_not_configured")
    outcome = await bench.perform.perform("other", refund(), DEADLINE)
    assert (outcome.kind, outcome.code) == (OutcomeKind.NOT_SENT, "account_not_configured")
    assert bench.vault.asked == []


@pytest.mark.parametrize(
    ("delivery", "kind", "code"),
    [
        (NotSent(NotSentReason.CONNECT_FAILED), OutcomeKind.NOT_SENT, "psp_unavailable"),
        (NotSent(NotSentReason.POOL_EXHAUSTED), OutcomeKind.NOT_SENT, "connections_exhausted"),
        (NotSent(NotSentReason.NO_TIME), OutcomeKind.NOT_SENT, "deadline_too_short"),
        (Unanswered(UnansweredReason.TIMEOUT), OutcomeKind.UNKNOWN, "psp_timeout"),
        (Unanswered(UnansweredReason.CONNECTION_LOST), OutcomeKind.UNKNOWN, "connection_lost"),
        (Unanswered(UnansweredReason.TOO_LARGE), OutcomeKind.UNKNOWN, "answer_too_large"),
        (Unanswered(UnansweredReason.UNREADABLE), OutcomeKind.UNKNOWN, "unreadable_answer"),
    ],
)
async def test_what_left_decides_the_outcome(delivery: Delivery, kind: OutcomeKind, code: str) -> None:
    outcome = await Bench(delivery).authorize()
    assert (outcome.kind, outcome.code) == (kind, code)
    for operation in (capture(), void(), refund()):
        outcome = await Bench(delivery).perform.perform("sandbox_a", operation, DEADLINE)
        assert (outcome.kind, outcome.code) == (kind, code)
    outcome = await Bench(delivery).perform.perform("sandbox_a", sync(), DEADLINE)
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, code), "a question not asked settles nothing"


async def test_sync_is_never_not_sent_whatever_keeps_it_from_being_asked() -> None:
    bench = Bench(NOTHING_SENT)
    assert (await bench.perform.perform("other", sync(), DEADLINE)).kind is OutcomeKind.UNKNOWN
    for _ in range(4):
        assert (await bench.perform.perform("sandbox_a", sync(), DEADLINE)).kind is OutcomeKind.UNKNOWN
    assert len(bench.sender.sent) == 2, "then the breaker is open"
    unable = Bench(connector=connector(kinds=frozenset()))
    assert (await unable.perform.perform("sandbox_a", sync(), DEADLINE)).kind is OutcomeKind.UNKNOWN


async def test_breaker_opens_per_account_on_failed_connections_and_closes_after_a_probe() -> None:
    bench = Bench(NOTHING_SENT, NOTHING_SENT, answer())
    for _ in range(2):
        assert (await bench.authorize()).detail == "connect_failed"
    refused = await bench.authorize()
    assert (refused.kind, refused.code) == (OutcomeKind.NOT_SENT, "psp_unavailable")
    assert (len(bench.sender.sent), len(bench.vault.asked)) == (2, 2), "neither PSP nor vault is bothered"
    assert (await bench.authorize("sandbox_b")).kind is OutcomeKind.APPROVED, "the other account is not concerned"
    bench.clock.now += 5
    assert (await bench.authorize()).kind is OutcomeKind.APPROVED
    assert (await bench.authorize()).kind is OutcomeKind.APPROVED


@pytest.mark.parametrize(
    "delivery",
    [
        answer(status="declined", network_code="91"),
        Unanswered(UnansweredReason.TIMEOUT),
        Unanswered(UnansweredReason.CONNECTION_LOST),
        NotSent(NotSentReason.POOL_EXHAUSTED),
        NotSent(NotSentReason.NO_TIME),
    ],
)
async def test_nothing_but_failed_connections_opens_the_breaker(delivery: Delivery) -> None:
    bench = Bench(delivery)
    for _ in range(10):
        await bench.authorize()
    assert len(bench.sender.sent) == 10


async def test_cancelled_probe_lets_the_next_one_through() -> None:
    bench = Bench(NOTHING_SENT, NOTHING_SENT, asyncio.CancelledError(), answer())
    for _ in range(2):
        await bench.authorize()
    bench.clock.now += 5
    with pytest.raises(asyncio.CancelledError):
        await bench.authorize()
    assert (await bench.authorize()).kind is OutcomeKind.APPROVED


async def test_crash_points_surround_the_sending() -> None:
    bench = Bench()
    await bench.authorize()
    assert bench.crash_points.reached == ["connectors.before_send", "connectors.after_send"]


async def test_connector_that_cannot_parse_gives_unknown() -> None:
    def parse(_operation: Operation, _response: HttpResponse) -> Outcome:
        raise RuntimeError(CARD_NUMBER)

    bench = Bench(connector=connector(parse=parse))
    outcome = await bench.authorize()
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, "unreadable_answer")
    assert len(bench.observer.errors) == 1


async def test_connector_that_cannot_build_sends_nothing() -> None:
    def refuse(_operation: Operation, _account: Account) -> HttpRequest:
        raise Unsendable(DeclineCode.CURRENCY_NOT_SUPPORTED, "not taken here")

    def fail(_operation: Operation, _account: Account) -> HttpRequest:
        raise RuntimeError

    for build, code in ((refuse, "currency_not_supported"), (fail, "connector_fault")):
        bench = Bench(connector=connector(build=build))
        outcome = await bench.authorize()
        assert (outcome.kind, outcome.code) == (OutcomeKind.NOT_SENT, code)
        assert bench.sender.sent == []


async def test_unsupported_operation_is_not_sent() -> None:
    bench = Bench(connector=connector(kinds=frozenset({OperationKind.AUTHORIZE})))
    outcome = await bench.perform.perform("sandbox_a", void(), DEADLINE)
    assert (outcome.kind, outcome.code) == (OutcomeKind.NOT_SENT, "operation_not_supported")


async def test_observer_is_told_what_may_be_told() -> None:
    bench = Bench(answer(status="declined", network_code="ZZ"))
    await bench.authorize()
    (call,) = bench.observer.calls
    assert (call.account, call.operation, call.kind, call.code) == (
        "sandbox_a",
        "authorize",
        "declined",
        "unknown_decline",
    )
    assert call.unmapped_code == "ZZ"
    assert CARD_NUMBER not in repr(call)
    assert not re.search(rf"\b{CARD_CODE}\b", repr(call))


def lying(**fields: object) -> Connector:
    def parse(_operation: Operation, _response: HttpResponse) -> Outcome:
        return Outcome(**{"kind": OutcomeKind.APPROVED, "psp_reference": "ch_1", "amount": 1050, **fields})  # type: ignore[arg-type]

    return connector(parse=parse)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"amount": 1051}, "amount_mismatch"),
        ({"amount": 0}, "amount_mismatch"),
        ({"amount": -1050}, "amount_mismatch"),
        ({"captured_amount": 2**70}, "amount_mismatch"),
        ({"psp_reference": ""}, "unreadable_answer"),
        ({"psp_reference": "x" * 129}, "unreadable_answer"),
        ({"psp_reference": "a\nb"}, "unreadable_answer"),
        ({"psp_reference": f"ch_{CARD_NUMBER}"}, "unreadable_answer"),
        ({"psp_reference": f"ch_{DASHED_NUMBER}"}, "unreadable_answer"),
        ({"kind": OutcomeKind.NOT_SENT}, "contradictory_answer"),
        ({"kind": OutcomeKind.NOT_FOUND}, "contradictory_answer"),
    ],
)
async def test_guard_turns_impossible_outcomes_into_unknown(fields: dict[str, object], code: str) -> None:
    outcome = await Bench(connector=lying(**fields)).authorize()
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, code)
    assert CARD_NUMBER not in repr(outcome)


@pytest.mark.parametrize("number", [CARD_NUMBER, DASHED_NUMBER, ".".join(CARD_NUMBER)])
async def test_guard_drops_texts_that_hold_the_card(number: str) -> None:
    bench = Bench(connector=lying(kind=OutcomeKind.DECLINED, raw_code=f"bad:{number}", network_transaction_id=number))
    outcome = await bench.authorize()
    assert outcome.kind is OutcomeKind.DECLINED
    assert (outcome.raw_code, outcome.network_transaction_id) == ("", "")
