"""What rotations of every kind share: how they are ordered, how fast they go, and where they are."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from mesh.reasons import Reason
from mesh.refusal import Refusal, Violation
from vault_svc.application.ports.clock import Clock
from vault_svc.application.ports.rotations import (
    RotationCounts,
    RotationKind,
    RotationOrder,
    RotationReport,
    Rotations,
)
from vault_svc.domain.token import refuse_card_number

ACTOR: Final = "vault_worker"
#: A rotation that goes round more often than this is at odds with something that undoes its work.
ROUNDS_MAX: Final = 10_000
NOTHING: Final = RotationCounts()

Item = TypeVar("Item")
Tick = Callable[[], Awaitable[None]]
"""Called after every key and card: tells that the batch is alive, and is where tests end the process."""


@dataclass(frozen=True, slots=True)
class RotateKeys:
    """Starts rotations."""

    rotations: Rotations
    clock: Clock

    async def __call__(
        self, kind: RotationKind, *, merchant_id: str, older_than_days: int, requested_by: str
    ) -> RotationReport:
        """Start a rotation, or tell of the one of that kind that runs already.

        Data keys younger than `older_than_days` stay. Raises Refusal(INVALID_FIELD) when a merchant or an age is given
        for a kind that belongs to no merchant and has no more than one key in use, and for a merchant that looks like a
        card number.
        """
        # What is ordered stands in the workflow's history.
        refuse_card_number("merchant_id", merchant_id)
        if kind is not RotationKind.DATA_KEY:
            _require_empty("merchant_id", merchant_id)
            _require_empty("older_than_days", older_than_days)
        created_before = self.clock.now() - timedelta(days=older_than_days)
        order = RotationOrder(kind, merchant_id, int(created_before.timestamp() * 1000), requested_by)
        return await self.rotations.start(order)


def actor_of(order: RotationOrder) -> str:
    """Give who the audit names for what a rotation does: the worker, and the operator's key that asked."""
    return f"{ACTOR} for {order.requested_by}" if order.requested_by else ACTOR


def _require_empty(field: str, value: object) -> None:
    if value:
        rule = "only data keys are rotated by merchant and age."
        raise Refusal(
            Reason.INVALID_FIELD, violations=[Violation(field, rule)], field=field, detail=f"`{field}`: {rule}"
        )


@dataclass(frozen=True, slots=True)
class Pace:
    """How much load a rotation may make, and how long a retired key stays in case somebody still has it in hand.

    `idle_seconds` has to be longer than any statement that keeps a card may take.
    """

    batch: int = 500
    per_second: float = 500.0
    idle_seconds: int = 900
    at_once: int = 4

    def pause_seconds(self, items: int, elapsed_seconds: float) -> float:
        """Give how long to wait after a batch of so many items that took so long."""
        return max(0.0, items / self.per_second - elapsed_seconds)


class Progress(StrEnum):
    """What comes after a batch."""

    GOING = "going"
    FINISHED = "finished"
    INCOMPLETE = "incomplete"
    """Nothing more can be done, and something is left: a key or card that can't be opened."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a rotation is; ids only. New fields go to the end, with a default: positions stand in histories.

    A rotation goes through its keys and cards in rounds. `moved` counts what this round did, `quiet` the rounds before
    it that did nothing. Within a round, everything up to `after_merchant` and `after_version` is done; of the merchant
    `inside`, whose visit has moved cards when `inside_moved`, the cards up to `after_token`.
    """

    phase: str = ""
    round: int = 0
    quiet: int = 0
    moved: int = 0
    after_merchant: str = ""
    after_version: int = 0
    inside: str = ""
    inside_moved: bool = False
    after_token: str = ""

    def next_round(self, phase: str = "") -> "Position":
        """Give the start of the next round, in the same phase unless another is named."""
        quiet = 0 if self.moved else self.quiet + 1
        return Position(phase or self.phase, round=self.round + 1, quiet=quiet)

    def having_moved(self, items: int) -> "Position":
        """Add to what this round did."""
        return replace(self, moved=self.moved + items)


@dataclass(frozen=True, slots=True)
class Step:
    """What a batch has done, and what comes next: another one from `position` on, after `delay_seconds`."""

    position: Position
    counts: RotationCounts = NOTHING
    delay_seconds: float = 0.0
    progress: Progress = Progress.GOING


class Rotation(Protocol):
    """One kind of rotation, batch by batch. A batch that was cut short anywhere is simply done again."""

    async def advance(self, order: RotationOrder, position: Position, tick: Tick) -> Step:
        """Do a bounded batch from `position` on.

        Raises Refusal(UNAVAILABLE), KeyProviderDownError or KeyUnavailableError when it has to be tried later.
        """
        ...


class RotationObserver(Protocol):
    """Is told what an operator should look at."""

    def unreadable(self, kind: RotationKind, merchant_id: str, name: str) -> None:
        """Note that a card (by its token) or key (by its id) can't be opened."""
        ...


def going_round(position: Position, counts: RotationCounts, *, delay_seconds: float, quiet_max: int) -> Step:
    """Go on with a new round, unless rounds have long done nothing: then what is left can't be done."""
    stuck = position.quiet > quiet_max or position.round > ROUNDS_MAX
    return Step(position, counts, delay_seconds, Progress.INCOMPLETE if stuck else Progress.GOING)


async def for_each(
    items: Sequence[Item], work: Callable[[Item], Awaitable[RotationCounts]], *, at_once: int, tick: Tick
) -> RotationCounts:
    """Work on all items, a few at once, and add up. The first error is raised once those in hand are through."""
    counts = NOTHING
    for start in range(0, len(items), at_once):
        done = await asyncio.gather(*map(work, items[start : start + at_once]), return_exceptions=True)
        for each in done:
            if isinstance(each, BaseException):
                raise each
            counts = counts.plus(each)
            await tick()
    return counts
