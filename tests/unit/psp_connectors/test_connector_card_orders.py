"""What an authorization makes of the card the vault gives: its code where it is required, its address for AVS."""

from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

import pytest

from psp_connectors.application.orders import AuthorizationOrder, VerificationOrder
from psp_connectors.application.perform_operation import PerformOperation, Runtime
from psp_connectors.connectors.registry import CONNECTORS
from psp_connectors.domain.breaker import BreakerLimits
from psp_connectors.domain.cards import NO_ADDRESS, Address, Card, CardCode, Secret
from psp_connectors.domain.connector import Account
from psp_connectors.domain.details import NO_DETAILS, Customer, PaymentDetails
from psp_connectors.domain.http import Delivery, HttpResponse, Unanswered, UnansweredReason
from psp_connectors.domain.outcomes import Outcome, OutcomeKind
from tests.fakes.connectors.ports import (
    CARD_CODE,
    CARD_NUMBER,
    FakeClock,
    FakeCrashPoints,
    FakeObserver,
    FakeSender,
    account,
    card,
    order,
)
from tests.unit.psp_connectors.test_connector_perform import answer

VAULTS = Address(line1="Rue de Rivoli 7", city="Paris", postal_code="75001", country="FR")
OWN = Address(line1="1 High St", city="London", postal_code="W1T 4TJ", country="GB")
LOST = Unanswered(UnansweredReason.TIMEOUT)


@dataclass
class CardVault:
    """Gives `cards`, in order; the last one again and again."""

    cards: list[Card]
    asked: list[str] = field(default_factory=list)

    async def card_of(self, *, merchant_id: str, token: str, payment_id: str, deadline: float) -> Card:
        assert merchant_id
        assert token
        assert deadline > 0
        self.asked.append(payment_id)
        return self.cards.pop(0) if len(self.cards) > 1 else self.cards[0]


class Bench:
    def __init__(self, *cards: Card, deliveries: tuple[Delivery, ...] = (), of: Account | None = None) -> None:
        self.vault, self.clock, self.observer = CardVault(list(cards)), FakeClock(), FakeObserver()
        self.sender = FakeSender(list(deliveries or (answer(),)))
        self.crash_points = FakeCrashPoints()
        self.perform = PerformOperation(
            accounts={"sandbox_a": of or account()},
            connectors=CONNECTORS,
            vault=self.vault,
            runtime=Runtime(
                sender=self.sender,
                crash_points=self.crash_points,
                observer=self.observer,
                clock=self.clock,
                breaker_limits=BreakerLimits(),
                reserve_seconds=0.15,
            ),
        )

    async def authorize(self, asked: AuthorizationOrder) -> Outcome:
        return await self.perform.authorize("sandbox_a", asked, self.clock.now + 10)


WITH_CODE = card()
WITHOUT_CODE = replace(card(), code=CardCode(""))
REQUIRED = replace(order(), code_required=True)


async def test_a_required_code_that_is_gone_declines_and_nothing_is_sent() -> None:
    bench = Bench(WITHOUT_CODE)
    outcome = await bench.authorize(REQUIRED)
    assert (outcome.kind, outcome.code, outcome.psp_reference) == (OutcomeKind.DECLINED, "cvc_required", "")
    assert CARD_NUMBER not in repr(outcome)
    assert (bench.sender.sent, bench.crash_points.reached) == ([], [])
    assert bench.perform.forget_expired() == 0, "nothing is kept for a repetition"
    [told] = bench.observer.calls
    assert (told.kind, told.code) == ("declined", "cvc_required")


@pytest.mark.parametrize(("given", "code_required"), [(WITH_CODE, True), (WITH_CODE, False), (WITHOUT_CODE, False)])
async def test_a_code_that_is_there_or_not_required_is_no_matter(given: Card, *, code_required: bool) -> None:
    bench = Bench(given)
    outcome = await bench.authorize(replace(order(), code_required=code_required))
    assert outcome.kind is OutcomeKind.APPROVED
    [request] = bench.sender.sent
    assert (CARD_CODE.encode() in request.body) is bool(given.code)


async def test_the_second_account_of_a_cascade_has_no_code_any_more() -> None:
    bench = Bench(WITH_CODE, WITHOUT_CODE, deliveries=(answer(status="declined", network_code="91"),))
    assert (await bench.authorize(REQUIRED)).code == "issuer_unavailable"
    second = await bench.authorize(replace(REQUIRED, reference="pay_1_2", idempotency_key="k2"))
    assert (second.kind, second.code) == (OutcomeKind.DECLINED, "cvc_required")
    assert len(bench.sender.sent) == 1


async def test_a_repetition_that_is_remembered_goes_out_with_its_code() -> None:
    bench = Bench(WITH_CODE, WITHOUT_CODE, deliveries=(LOST, answer()))
    assert (await bench.authorize(REQUIRED)).kind is OutcomeKind.UNKNOWN
    assert (await bench.authorize(replace(REQUIRED, repetition=True))).kind is OutcomeKind.APPROVED
    bodies = {request.body for request in bench.sender.sent}
    assert len(bodies) == 1
    assert CARD_CODE.encode() in bodies.pop()
    assert bench.vault.asked == ["pay_1"]


async def test_a_repetition_that_is_not_remembered_goes_out_without_it() -> None:
    """The first call may have reached the PSP with the code: only the PSP can say what came of it."""
    bench = Bench(WITHOUT_CODE)
    outcome = await bench.authorize(replace(REQUIRED, repetition=True))
    assert outcome.kind is OutcomeKind.APPROVED
    assert len(bench.sender.sent) == 1


async def test_what_an_account_does_not_take_is_told_before_the_code_is_missed() -> None:
    bench = Bench(WITHOUT_CODE, of=replace(account(), brands=("amex",)))
    outcome = await bench.authorize(REQUIRED)
    assert (outcome.kind, outcome.code) == (OutcomeKind.NOT_SENT, "card_not_supported")


@pytest.mark.parametrize(
    ("own", "vaults", "sent"),
    [
        (NO_ADDRESS, VAULTS, VAULTS),
        (OWN, VAULTS, OWN),
        (OWN, NO_ADDRESS, OWN),
        (NO_ADDRESS, NO_ADDRESS, NO_ADDRESS),
        (Address(country="GB"), VAULTS, Address(country="GB")),
    ],
)
def test_the_cards_address_fills_in_for_a_payment_without_one(own: Address, vaults: Address, sent: Address) -> None:
    details = PaymentDetails(description="books", customer=Customer(id="c1", name="Ada", address=own))
    expected = replace(details, customer=replace(details.customer, address=sent))
    given = replace(card(), address=vaults)
    authorization = replace(order(), details=details).operation(given)
    assert authorization.details == expected
    verification = VerificationOrder(
        reference="pay_1_1",
        idempotency_key="k",
        merchant_id="mer_1",
        token="tok_1",
        payment_id="pay_1",
        currency="EUR",
        details=details,
    ).operation(given)
    assert verification.details == expected


def test_an_order_without_details_gets_the_address_alone() -> None:
    assert order().operation(card()).details is NO_DETAILS
    details = order().operation(replace(card(), address=VAULTS)).details
    assert details == PaymentDetails(customer=Customer(address=VAULTS))
    assert NO_DETAILS.customer.address == NO_ADDRESS


async def test_the_issuer_is_asked_about_the_cards_address() -> None:
    stripe = Account(
        name="sandbox_a", connector="stripe", base_url="http://127.0.0.1:9", api_key=Secret("sk_test_of_the_account")
    )
    body = b'{"error": {"type": "invalid_request_error", "message": "not here"}}'
    refused = HttpResponse(status=400, headers={"content-type": "application/json"}, body=body)
    bench = Bench(replace(card(), address=VAULTS), deliveries=(refused,), of=stripe)
    await bench.authorize(order())
    [request] = bench.sender.sent
    sent = dict(parse_qsl(request.body.decode()))
    prefix = "payment_method_data[billing_details][address]"
    assert {name.removeprefix(prefix): text for name, text in sent.items() if name.startswith(prefix)} == {
        "[line1]": VAULTS.line1,
        "[city]": VAULTS.city,
        "[postal_code]": VAULTS.postal_code,
        "[country]": VAULTS.country,
    }
    assert VAULTS.line1 not in repr(bench.observer.calls)
