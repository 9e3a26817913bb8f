"""PSPs that answer as told and remember what they were sent."""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field

from gateway_svc.domain.outcome import Outcome, OutcomeKind
from gateway_svc.domain.payment import Attempt, Modification, Payment

APPROVED = Outcome(OutcomeKind.APPROVED, psp_reference="psp-secret-ok")
NOT_FOUND = Outcome(OutcomeKind.NOT_FOUND)
UNKNOWN = Outcome(OutcomeKind.UNKNOWN, code="timeout")
NOT_SENT = Outcome(OutcomeKind.NOT_SENT, code="psp_unavailable")


def declined(code: str) -> Outcome:
    """Give a definite decline with a normalised code: the PSP names the operation it declined."""
    return Outcome(OutcomeKind.DECLINED, psp_reference="psp-secret-no", code=code, raw_code="05")


@dataclass
class FakeConnectors:
    """Answers each call with the next outcome told for its reference; without one the call is a fault of the test."""

    answers: dict[str, deque[Outcome]] = field(default_factory=lambda: defaultdict(deque))
    sent: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    slow_seconds: float = 0.0

    def tell(self, reference: str, *outcomes: Outcome) -> None:
        """Queue the outcomes of the next calls about `reference`, sends and asks alike."""
        self.answers[reference].extend(outcomes)

    async def authorize(self, payment: Payment, attempt: Attempt, *, timeout_ms: int) -> Outcome:
        assert timeout_ms > 0
        assert payment.token == "tok_secrettoken"
        self.sent.append(attempt.id)
        await asyncio.sleep(self.slow_seconds)
        return self.answers[attempt.id].popleft()

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
