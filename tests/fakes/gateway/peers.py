"""The gateway's surroundings in memory: connectors, router, vault, durable driver, logger, clock."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway_svc.application.ports import DescribedToken, TokenToKeep, ToRoute
from gateway_svc.domain.eligibility import AccountTakes
from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import Attempt, Modification, Payment
from gateway_svc.domain.resolution import Means
from gateway_svc.domain.routing import RoutedAccount, RouteDecision
from mesh.reasons import Reason
from mesh.refusal import Refusal

CARD = {
    "brand": "visa",
    "last4": "1111",
    "bin": "411111",
    "exp_month": 12,
    "exp_year": 2030,
    "networks": ["visa", "cartes_bancaires"],
    "funding": "debit",
    "issuer_country": "FR",
}
APPROVED = Outcome(OutcomeKind.APPROVED, psp_reference="psp_1")


def ranked(accounts: Sequence[str], **more: Any) -> RouteDecision:
    """Give a decision for accounts that may all be used, in this order."""
    candidates = [
        RoutedAccount(account, eligible=True, reason=f"rank {rank}") for rank, account in enumerate(accounts, 1)
    ]
    return RouteDecision(tuple(candidates), **more)


@dataclass
class FakePspConnectors:
    """Answers with `outcomes` in order, then with the last one; `hold` makes a call wait until it is set."""

    outcomes: list[Outcome] = field(default_factory=lambda: [APPROVED])
    sent: list[tuple[str, str]] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    timeouts_ms: list[int] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event | None = None
    meanwhile: Callable[[], Awaitable[None]] | None = None
    known: Mapping[str, AccountTakes] = field(default_factory=dict)

    async def means(self, account: str, operation: str) -> Means:
        raise NotImplementedError

    def takes(self) -> Mapping[str, AccountTakes]:
        return self.known

    async def authorize(
        self, payment: Payment, attempt: Attempt, *, timeout_ms: int, repetition: bool = False
    ) -> Outcome:
        assert payment.attempts[-1] == attempt
        assert not repetition
        self.payments.append(payment)
        return await self._send("authorize", attempt.id, timeout_ms)

    async def cancel_attempt(self, attempt: Attempt, number: int, *, timeout_ms: int) -> Outcome:
        raise NotImplementedError

    async def reverse_attempt(self, attempt: Attempt, number: int, *, timeout_ms: int) -> Outcome:
        # No request takes back what it has sent.
        raise NotImplementedError

    async def modify(self, modification: Modification, *, timeout_ms: int) -> Outcome:
        return await self._send(modification.kind.value.lower(), modification.id, timeout_ms)

    async def ask_attempt(self, payment: Payment, attempt: Attempt, *, timeout_ms: int) -> Outcome:
        del payment
        return await self._send("ask", attempt.id, timeout_ms)

    async def ask_modification(self, modification: Modification, *, timeout_ms: int) -> Outcome:
        return await self._send("ask", modification.id, timeout_ms)

    async def _send(self, operation: str, reference: str, timeout_ms: int) -> Outcome:
        self.sent.append((operation, reference))
        self.timeouts_ms.append(timeout_ms)
        self.reached.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.meanwhile is not None:
            await self.meanwhile()
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


@dataclass
class FakeRouter:
    """Ranks `accounts`, gives the whole `decision` if there is one, or refuses with `refusal`."""

    accounts: Sequence[str] = ("psp_a", "psp_b")
    decision: RouteDecision | None = None
    refusal: Refusal | None = None
    asked: list[ToRoute] = field(default_factory=list)

    async def route(self, payment: ToRoute) -> RouteDecision:
        self.asked.append(payment)
        if self.refusal is not None:
            raise self.refusal
        return self.decision or ranked(self.accounts)


@dataclass
class FakeCardTokens:
    """Knows `tokens`, those of `on_file` as permanent, or refuses with `refusal`."""

    tokens: set[str] = field(default_factory=set)
    on_file: set[str] = field(default_factory=set)
    fingerprint: str = "fpr_1"
    refusal: Refusal | None = None
    meanwhile: Callable[[], None] = lambda: None

    async def describe(self, *, merchant_id: str, token: str) -> DescribedToken:
        del merchant_id
        self.meanwhile()
        if self.refusal is not None:
            raise self.refusal
        if token not in self.tokens:
            raise Refusal(Reason.TOKEN_NOT_FOUND, token_id=token)
        return DescribedToken(dict(CARD), on_file=token in self.on_file, fingerprint=self.fingerprint)


@dataclass
class FakeTokenVault:
    """Remembers what it was told to keep; raises `refusal`, and waits for `hold` first."""

    told: list[TokenToKeep] = field(default_factory=list)
    timeouts_ms: list[int] = field(default_factory=list)
    refusal: Exception | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event | None = None

    async def keep(self, wanted: TokenToKeep, *, timeout_ms: int) -> None:
        self.told.append(wanted)
        self.timeouts_ms.append(timeout_ms)
        self.reached.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.refusal is not None:
            raise self.refusal


@dataclass
class FakeDurableDriver:
    """Runs `settle` with the reference it is given, or does nothing, as when Temporal is away."""

    settle: Callable[[str], Awaitable[None]] | None = None
    handed_over: list[tuple[str, str, int]] = field(default_factory=list)

    async def settle_payment(self, payment_id: str, *, wait_ms: int) -> None:
        await self._settle("PAYMENT", payment_id, wait_ms)

    async def settle_modification(self, modification_id: str, *, wait_ms: int) -> None:
        await self._settle("MODIFICATION", modification_id, wait_ms)

    async def _settle(self, kind: str, reference: str, wait_ms: int) -> None:
        self.handed_over.append((kind, reference, wait_ms))
        if self.settle is not None:
            await self.settle(reference)


@dataclass
class FakeLogger:
    """Remembers what was written down."""

    events: list[tuple[str, str, Mapping[str, object]]] = field(default_factory=list)

    def debug(self, event: str, **values: object) -> None:
        self.events.append(("debug", event, values))

    def info(self, event: str, **values: object) -> None:
        self.events.append(("info", event, values))

    def warning(self, event: str, **values: object) -> None:
        self.events.append(("warning", event, values))

    def error(self, event: str, **values: object) -> None:
        self.events.append(("error", event, values))

    def exception(self, event: str, **values: object) -> None:
        self.events.append(("exception", event, values))


@dataclass
class FakeClock:
    """Time that passes only when told to; `sleep` takes no real time."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)
