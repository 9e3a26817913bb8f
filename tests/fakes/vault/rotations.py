"""Rotations that do what a script says, for tests of what drives them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from vault_svc.application.ports.rotations import RotationCounts, RotationKind, RotationOrder
from vault_svc.application.rotate_keys import Position, Progress, Step, Tick


@dataclass(slots=True)
class ScriptedRotation:
    """Gives steps of one card each, `steps` in all; before a step raises what `errors` has for it, once each."""

    steps: int = 3
    delay_seconds: float = 0.0
    ending: Progress = Progress.FINISHED
    errors: list[BaseException] = field(default_factory=list)
    seen: list[Position] = field(default_factory=list)
    orders: list[RotationOrder] = field(default_factory=list)
    hold: asyncio.Event | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def advance(self, order: RotationOrder, position: Position, tick: Tick) -> Step:
        self.orders.append(order)
        self.begun.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.seen.append(position)
        await tick()
        following = replace(position, phase="scripted", round=position.round + 1)
        ended = following.round >= self.steps
        return Step(
            following,
            RotationCounts(cards_done=1),
            self.delay_seconds,
            self.ending if ended else Progress.GOING,
        )


@dataclass(slots=True)
class FakeBatchObserver:
    """Counts."""

    steps: list[Step] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def stepped(self, kind: RotationKind, step: Step) -> None:
        del kind
        self.steps.append(step)

    def failed(self, kind: RotationKind, reason: str) -> None:
        del kind
        self.failures.append(reason)


@dataclass(slots=True)
class NoCrashes:
    """Crash points that nobody arms; `reached` is called with each."""

    reached: Callable[[str], None] = lambda _: None

    async def reach(self, name: str) -> None:
        self.reached(name)
