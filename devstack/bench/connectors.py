"""What a connector's `build` and `parse` cost, beside the floor: writing and reading the same bytes, nothing more."""

import http.client
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from devstack.configuration import Configuration
from devstack.errors import StackError
from mesh.identifiers import new_id
from mesh.money import Money
from psp_connectors.adapters.accounts import load_accounts
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.cards import Card, CardCode, CardNumber, CardSummary
from psp_connectors.domain.connector import Account, Connector
from psp_connectors.domain.http import HttpRequest, HttpResponse
from psp_connectors.domain.operations import Authorization, Capture, Operation, Refund, Void, name_of
from psp_connectors.domain.outcomes import Outcome, OutcomeKind

SECONDS: Final = 10.0
CALLS: Final = 500
ROUNDS: Final = 7
EUROS: Final = Money(1050, "EUR")
PART: Final = Money(400, "EUR")
_UNDERSTOOD: Final = frozenset({OutcomeKind.APPROVED, OutcomeKind.PENDING})


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds that one operation costs a connector, and those that its bytes alone cost."""

    connector: str
    operation: str
    build_us: float
    parse_us: float
    floor_us: float

    @property
    def ratio(self) -> float:
        """Tell how many times the floor it is."""
        return (self.build_us + self.parse_us) / self.floor_us


def connector_costs(configuration: Configuration) -> list[Cost]:
    """Measure every connector with what its PSP in the running stack really answers.

    Raises StackError when the stack has no such account, or an answer is not understood.
    """
    accounts = load_accounts(configuration.psp_accounts, CONNECTORS, configuration.environment)
    by_connector = {account.connector: account for account in accounts.values()}
    return [cost for name, account in by_connector.items() for cost in _costs(CONNECTORS[name], account)]


def _costs(connector: Connector, account: Account) -> list[Cost]:
    account = _with_token(connector, account)
    found = []
    held, psp_reference = _measured(connector, account, _authorization())
    found.append(held)
    reference = new_id("cap")
    capture = Capture(
        reference=reference,
        idempotency_key=reference,
        psp_reference=psp_reference,
        amount=EUROS,
        final=True,
    )
    captured, capture_reference = _measured(connector, account, capture)
    found.append(captured)
    reference = new_id("ref")
    refund = Refund(
        reference=reference,
        idempotency_key=reference,
        psp_reference=psp_reference,
        amount=PART,
        capture_psp_reference=capture_reference,
    )
    found.append(_measured(connector, account, refund)[0])
    _, other = _measured(connector, account, _authorization())
    reference = new_id("void")
    void = Void(reference=reference, idempotency_key=reference, psp_reference=other)
    found.append(_measured(connector, account, void)[0])
    return found


def _authorization() -> Authorization:
    reference = f"{new_id('pay')}_1"
    card = Card(
        number=CardNumber("4242424242424242"),
        code=CardCode("123"),
        exp_month=12,
        exp_year=2040,
        summary=CardSummary(brand="visa", last4="4242", bin="424242", exp_month=12, exp_year=2040),
    )
    return Authorization(reference=reference, idempotency_key=reference, amount=EUROS, capture=False, card=card)


def _measured(connector: Connector, account: Account, operation: Operation) -> tuple[Cost, str]:
    request = connector.build(operation, account)
    response = _send(request)
    outcome = connector.parse(operation, response)
    _require(connector, operation, outcome)
    build = _microseconds(lambda: connector.build(operation, account))
    parse = _microseconds(lambda: connector.parse(operation, response))
    floor = _microseconds(_floor(request, response))
    cost = Cost(connector.name, name_of(operation), round(build, 1), round(parse, 1), round(floor, 1))
    return cost, outcome.psp_reference


def _floor(request: HttpRequest, response: HttpResponse) -> Callable[[], object]:
    """Give what writes the request's body from data, and reads the answer's into data."""
    answer = response.body
    form = parse_qsl(request.body.decode()) if not request.body.startswith(b"{") else None
    data = msgspec.json.decode(request.body) if form is None and request.body else None

    def write_and_read() -> object:
        written = urlencode(form).encode() if form is not None else msgspec.json.encode(data)
        return written, msgspec.json.decode(answer) if answer else None

    return write_and_read


def _microseconds(call: Callable[[], object]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter_ns()
        for _ in range(CALLS):
            call()
        rounds.append((time.perf_counter_ns() - begun) / CALLS / 1000)
    return statistics.median(rounds)


def _with_token(connector: Connector, account: Account) -> Account:
    if connector.grant is None:
        return account
    token = connector.grant.parse(_send(connector.grant.build(account)))
    if token is None:
        message = f"{account.name} gave no access token"
        raise StackError(message, "see why: payera logs sandbox")
    return replace(account, access_token=token.text)


def _send(request: HttpRequest) -> HttpResponse:
    url = urlsplit(request.url)
    connection = http.client.HTTPConnection(url.netloc, timeout=SECONDS)
    target = f"{url.path}?{url.query}" if url.query else url.path
    try:
        connection.request(request.method, target, body=request.body, headers=dict(request.headers))
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return HttpResponse(status=answer.status, headers=headers, body=answer.read())
    except (OSError, http.client.HTTPException) as error:
        message = f"the sandbox PSP did not answer at {url.netloc}"
        raise StackError(message, "bring the stack up first: payera up") from error
    finally:
        connection.close()


def _require(connector: Connector, operation: Operation, outcome: Outcome) -> None:
    if outcome.kind not in _UNDERSTOOD:
        message = f"{connector.name}: {name_of(operation)} came to {outcome.kind.value}: {outcome.detail}"
        raise StackError(message, "see why: payera logs sandbox")
