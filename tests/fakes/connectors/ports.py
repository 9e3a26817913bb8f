"""Fakes of the ports of psp_connectors, and sample operations."""

from dataclasses import dataclass, field

from mesh.money import Money
from psp_connectors.application.perform_operation import AuthorizationOrder
from psp_connectors.application.ports import Performed
from psp_connectors.domain.cards import Card, CardCode, CardNumber, CardSummary, Secret
from psp_connectors.domain.connector import Account
from psp_connectors.domain.http import Delivery, HttpRequest
from psp_connectors.domain.operations import Authorization, Capture, OperationKind, Refund, Reversal, Sync, Void

API_KEY = "sk_test_of_the_account"
CARD_NUMBER = "4242424242424242"
CARD_CODE = "737"
KEY = "0123456789abcdef0123456789abcdef"
MERCHANT = "mer_1"


def account(name: str = "sandbox_a", base_url: str = "http://127.0.0.1:9", api_key: str = API_KEY) -> Account:
    return Account(name=name, connector="sandbox", base_url=base_url, api_key=Secret(api_key))


def card(number: str = CARD_NUMBER, *, brand: str = "visa", exp_year: int = 2099) -> Card:
    return Card(
        number=CardNumber(number),
        code=CardCode(CARD_CODE),
        exp_month=12,
        exp_year=exp_year,
        holder_name="Ada Lovelace",
        summary=CardSummary(
            brand=brand,
            last4=number[-4:],
            bin=number[:6],
            exp_month=12,
            exp_year=exp_year,
            networks=(brand, "cartes_bancaires"),
            funding="debit",
            issuer_country="FR",
        ),
    )


def authorization(value: int = 1050, currency: str = "EUR", *, capture: bool = False) -> Authorization:
    return Authorization(
        reference="pay_1_1",
        idempotency_key=KEY,
        amount=Money(value, currency),
        capture=capture,
        card=card(),
        statement_descriptor="SHOP",
    )


def capture(value: int = 1050) -> Capture:
    return Capture(reference="cap_1", idempotency_key=KEY, psp_reference="ch_1", amount=Money(value, "EUR"), final=True)


def void() -> Void:
    return Void(reference="void_1", idempotency_key=KEY, psp_reference="ch_1")


def reversal() -> Reversal:
    return Reversal(reference="pay_1_1", idempotency_key=KEY)


def refund(value: int = 1050) -> Refund:
    return Refund(reference="ref_1", idempotency_key=KEY, psp_reference="ch_1", amount=Money(value, "EUR"))


def sync(kind: OperationKind = OperationKind.AUTHORIZE, value: int = 1050) -> Sync:
    amount = None if kind is OperationKind.VOID else Money(value, "EUR")
    return Sync(kind=kind, reference="pay_1_1", amount=amount)


def order(
    value: int = 1050,
    *,
    reference: str = "pay_1_1",
    key: str = KEY,
    token: str = CARD_NUMBER,
    capture: bool = False,
    currency: str = "EUR",
) -> AuthorizationOrder:
    """An order whose token the FakeVault turns into the card of that number."""
    return AuthorizationOrder(
        reference=reference,
        idempotency_key=key,
        merchant_id=MERCHANT,
        token=token,
        payment_id="pay_1",
        amount=Money(value, currency),
        capture=capture,
    )


@dataclass
class FakeClock:
    """A clock that stands still until told."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeVault:
    """Takes a card number for its token; raises `error` when there is one."""

    error: Exception | None = None
    brand: str = "visa"
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def card_of(self, *, merchant_id: str, token: str, payment_id: str, deadline: float) -> Card:
        assert deadline > 0
        self.asked.append((merchant_id, token, payment_id))
        if self.error is not None:
            raise self.error
        return card(token, brand=self.brand)


@dataclass
class FakeSender:
    """Gives prepared deliveries, in order; the last one again and again."""

    deliveries: list[Delivery | BaseException] = field(default_factory=list)
    sent: list[HttpRequest] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)

    async def send(self, account: Account, request: HttpRequest, deadline: float) -> Delivery:
        assert account.name
        self.sent.append(request)
        self.deadlines.append(deadline)
        delivery = self.deliveries.pop(0) if len(self.deliveries) > 1 else self.deliveries[0]
        if isinstance(delivery, BaseException):
            raise delivery
        return delivery


@dataclass
class FakeCrashPoints:
    """Remembers which points were reached."""

    reached: list[str] = field(default_factory=list)

    async def reach(self, name: str) -> None:
        self.reached.append(name)


@dataclass
class FakeObserver:
    """Remembers what it was told."""

    calls: list[Performed] = field(default_factory=list)
    errors: list[tuple[str, str, Exception]] = field(default_factory=list)

    def performed(self, call: Performed) -> None:
        self.calls.append(call)

    def misbehaved(self, account: str, operation: str, error: Exception) -> None:
        self.errors.append((account, operation, error))
