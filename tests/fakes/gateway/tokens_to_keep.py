"""What the vault is still to be told, in memory and with the rules of the stored procedures."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway_svc.application.ports import TokenToKeep

FIRST_SECONDS = 5.0
LONGEST_SECONDS = 300.0


@dataclass
class Waiting:
    wanted: TokenToKeep
    due: float
    tries: int = 0


@dataclass
class FakeTokensToKeep:
    """Implements the `TokensToKeep` port. `kept` has the tokens of cards on file, as (merchant, token)."""

    clock: Callable[[], float] = time.monotonic
    waiting: dict[str, Waiting] = field(default_factory=dict)
    kept: set[tuple[str, str]] = field(default_factory=set)

    def note(self, wanted: TokenToKeep) -> None:
        """Note a token in the transaction that records the approval."""
        self.kept.add((wanted.merchant_id, wanted.token))
        self.waiting.setdefault(wanted.payment_id, Waiting(wanted, self.clock() + FIRST_SECONDS))

    def make_due(self) -> None:
        """Let the time of all that waits have come."""
        for row in self.waiting.values():
            row.due = self.clock() - 1

    async def take_tokens_to_keep(self, limit: int) -> list[TokenToKeep]:
        now = self.clock()
        due = sorted((row for row in self.waiting.values() if row.due <= now), key=lambda row: row.due)[:limit]
        for row in due:
            row.due = now + min(LONGEST_SECONDS, FIRST_SECONDS * 2**row.tries)
            row.tries += 1
        return [row.wanted for row in due]

    async def drop_token_to_keep(self, payment_id: str) -> None:
        self.waiting.pop(payment_id, None)
