"""PSPs that answer as told and remember what they were sent."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway_svc.domain.eligibility import AccountTakes
from gateway_svc.domain.outcome import NextAction, Outcome, OutcomeKind
from gateway_svc.domain.payment import Attempt, Modification, Payment
from gateway_svc.domain.resolution import Means

APPROVED = Outcome(OutcomeKind.APPROVED, psp_reference="psp-secret-ok")
NOT_FOUND = Outcome(OutcomeKind.NOT_FOUND)
UNKNOWN = Outcome(OutcomeKind.UNKNOWN, code="timeout")
PENDING = Outcome(OutcomeKind.PENDING, psp_reference="psp-secret-later")
ASKED_BY_REFERENCE = Means(ask_by_reference=True, repeat_seconds=6 * 3600)
NOT_SENT = Outcome(OutcomeKind.NOT_SENT, code="psp_unavailable")
WAITS = Outcome(
    OutcomeKind.ACTION_REQUIRED,
    psp_reference="psp-secret-3ds",
    next_action=NextAction("REDIRECT", "https://psp.example/secret-challenge", "GET", {"creq": "secret"}),
)


def declined(code: str) -> Outcome:
    """Give a definite decline with a normalised code: the PSP names the operation it declined."""
    return Outcome(OutcomeKind.DECLINED, psp_reference="psp-secret-no", code=code, raw_code="05")


@dataclass
class FakeConnectors:
    """Answers each call with the next outcome told for its reference; without one the call is a fault of the test."""

    answers: dict[str, deque[Outcome]] = field(default_factory=lambda: defaultdict(deque))
    sent: list[str] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    cancelled: list[tuple[str, int]] = field(default_factory=list)
    reversed: list[tuple[str, int]] = field(default_factory=list)
    slow_seconds: float = 0.0
    offered: Means = ASKED_BY_REFERENCE

    def tell(self, reference: str, *outcomes: Outcome) -> None:
        """Queue the outcomes of the next calls about `reference`, sends and asks alike."""
        self.answers[reference].extend(outcomes)

    async def means(self, account: str, operation: str) -> Means:
        assert account
        assert operation in {"AUTHORIZE", "CAPTURE", "VOID", "REFUND"}
        return self.offered

    def takes(self) -> Mapping[str, AccountTakes]:
        return {}

    async def authorize(
        self, payment: Payment, attempt: Attempt, *, timeout_ms: int, repetition: bool = False
    ) -> Outcome:
        assert timeout_ms > 0
        assert repetition or attempt.id not in self.sent
        assert payment.token == "tok_secrettoken"
        self.sent.append(attempt.id)
        self.payments.append(payment)
        await asyncio.sleep(self.slow_seconds)
        return self.answers[attempt.id].popleft()

    async def reverse_attempt(self, attempt: Attempt, number: int, *, timeout_ms: int) -> Outcome:
        assert timeout_ms > 0
        self.reversed.append((attempt.id, number))
        return self.answers[attempt.id].popleft()

    async def cancel_attempt(self, attempt: Attempt, number: int, *, timeout_ms: int) -> Outcome:
        assert timeout_ms > 0
        self.cancelled.append((attempt.id, number))
        return self.answers[f"{attempt.id}_cancel"].popleft()

    async def modify(self, modification: Modification, *, timeout_ms: int) -> Outcome:
        assert timeout_ms > 0
        self.sent.append(modification.id)
        return self.answers[modification.id].popleft()

    async def ask_attempt(self, payment: Payment, attempt: Attempt, *, timeout_ms: int) -> Outcome:
        assert timeout_ms > 0
        assert payment.id
        self.asked.append(attempt.id)
        return self.answers[attempt.id].popleft()

    async def ask_modification(self, modification: Modification, *, timeout_ms: int) -> Outcome:
        assert timeout_ms > 0
        self.asked.append(modification.id)
        return self.answers[modification.id].popleft()
