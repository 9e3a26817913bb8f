"""Fakes that watch the durable driver, or make it stumble."""

from collections import Counter
from dataclasses import dataclass, field


class SimulatedDeathError(RuntimeError):
    """Stands for the death of a process: nothing after it is done."""


@dataclass
class FakeCrashes:
    """Fails once at each armed point."""

    armed: set[str] = field(default_factory=set)
    hit: list[str] = field(default_factory=list)

    async def reach(self, name: str) -> None:
        if name in self.armed:
            self.armed.remove(name)
            self.hit.append(name)
            raise SimulatedDeathError(name)


@dataclass
class FakeObserver:
    """Counts steps and sweeps."""

    steps: Counter[tuple[str, str]] = field(default_factory=Counter)
    sweeps: list[tuple[int, int]] = field(default_factory=list)
    tokens: Counter[str] = field(default_factory=Counter)

    def stepped(self, kind: str, step: str) -> None:
        self.steps[kind, step] += 1

    def kept(self, result: str, count: int) -> None:
        self.tokens[result] += count

    def swept(self, seen: int, started: int) -> None:
        self.sweeps.append((seen, started))


@dataclass
class FakeStarter:
    """Remembers what was started; refuses the references in `broken`."""

    started: list[tuple[str, str]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    async def start(self, kind: str, reference: str) -> None:
        if reference in self.broken:
            raise ConnectionError(reference)
        self.started.append((kind, reference))
