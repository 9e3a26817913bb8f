"""A connector with OAuth: its requests bear a token, and one that the PSP no longer takes is replaced once."""

from dataclasses import replace

from psp_connectors.application.perform_operation import PerformOperation, Runtime
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.breaker import BreakerLimits
from psp_connectors.domain.cards import Secret
from psp_connectors.domain.connector import AccessToken, Account, TokenGrant
from psp_connectors.domain.http import Delivery, HttpRequest, HttpResponse, NotSent, NotSentReason
from psp_connectors.domain.operations import Operation
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from tests.fakes.connectors.ports import (
    FakeClock,
    FakeCrashPoints,
    FakeObserver,
    FakeSender,
    FakeVault,
    account,
    order,
    sync,
)
from tests.unit.psp_connectors.test_connector_perform import answer

SANDBOX = CONNECTORS["sandbox"]
DENIED = HttpResponse(
    status=401, headers={"content-type": "application/json"}, body=b'{"error": {"code": "unauthorized"}}'
)
NO_GRANT = HttpResponse(status=401, headers={"content-type": "application/json"}, body=b"{}")
LOST = NotSent(NotSentReason.CONNECT_FAILED)


def grant_build(account: Account) -> HttpRequest:
    return HttpRequest(method="POST", url=f"{account.base_url}/token")


def grant_parse(response: HttpResponse) -> AccessToken | None:
    return AccessToken(Secret(response.body.decode()), 600) if response.status == 200 else None


def build(operation: Operation, account: Account) -> HttpRequest:
    request = SANDBOX.build(operation, account)
    return replace(request, headers={**request.headers, "Authorization": f"Bearer {account.access_token.reveal()}"})


def token(text: str) -> HttpResponse:
    return HttpResponse(status=200, body=text.encode())


class Bench:
    def __init__(self, *deliveries: Delivery) -> None:
        self.sender = FakeSender(list(deliveries))
        self.clock = FakeClock()
        connector = replace(SANDBOX, build=build, grant=TokenGrant(grant_build, grant_parse))
        self.perform = PerformOperation(
            accounts={"sandbox_a": account()},
            connectors={"sandbox": connector},
            vault=FakeVault(),
            runtime=Runtime(
                sender=self.sender,
                crash_points=FakeCrashPoints(),
                observer=FakeObserver(),
                clock=self.clock,
                breaker_limits=BreakerLimits(),
                reserve_seconds=0.15,
            ),
        )

    async def authorize(self) -> Outcome:
        return await self.perform.authorize("sandbox_a", order(), 1010.0)

    @property
    def bearers(self) -> list[str]:
        return [sent.headers.get("Authorization", "grant").removeprefix("Bearer ") for sent in self.sender.sent]


async def test_requests_bear_the_token_which_is_got_once() -> None:
    bench = Bench(token("t1"), answer(), answer())
    assert [(await bench.authorize()).kind for _ in range(2)] == [OutcomeKind.APPROVED] * 2
    assert bench.bearers == ["grant", "t1", "t1"]


async def test_a_token_that_is_not_taken_is_replaced_and_the_call_made_once_more() -> None:
    bench = Bench(token("t1"), DENIED, token("t2"), answer())
    assert (await bench.authorize()).kind is OutcomeKind.APPROVED
    assert bench.bearers == ["grant", "t1", "grant", "t2"]
    first, second = bench.sender.sent[1], bench.sender.sent[3]
    assert (first.body, first.headers["Idempotency-Key"]) == (second.body, second.headers["Idempotency-Key"])


async def test_a_second_denial_is_the_outcome() -> None:
    bench = Bench(token("t1"), DENIED, token("t2"), DENIED)
    outcome = await bench.authorize()
    assert (outcome.kind, outcome.code) == (OutcomeKind.DECLINED, "merchant_configuration")
    assert len(bench.sender.sent) == 4


async def test_without_a_token_nothing_is_sent() -> None:
    for grant, code in ((NO_GRANT, "credentials_refused"), (LOST, "psp_unavailable")):
        bench = Bench(grant)
        outcome = await bench.authorize()
        assert (outcome.kind, outcome.code) == (OutcomeKind.NOT_SENT, code)
        assert bench.bearers == ["grant"]


async def test_a_denied_call_whose_new_token_is_not_to_be_had_was_not_sent() -> None:
    bench = Bench(token("t1"), DENIED, NO_GRANT)
    outcome = await bench.authorize()
    assert (outcome.kind, outcome.code) == (OutcomeKind.NOT_SENT, "credentials_refused")


async def test_a_question_without_a_token_settles_nothing() -> None:
    bench = Bench(NO_GRANT)
    outcome = await bench.perform.perform("sandbox_a", sync(), 1010.0)
    assert (outcome.kind, outcome.code) == (OutcomeKind.UNKNOWN, "credentials_refused")


async def test_a_denial_without_oauth_is_not_repeated() -> None:
    bench = Bench(DENIED)
    bench.perform._connectors = CONNECTORS
    assert (await bench.authorize()).code == "merchant_configuration"
    assert len(bench.sender.sent) == 1
