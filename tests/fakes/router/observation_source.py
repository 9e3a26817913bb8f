"""A topic of observations in memory, read partition by partition or mixed, as a test says."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from router_svc.application.ports.observation_source import Batch
from router_svc.domain.observation import Observation


@dataclass(slots=True)
class FakeTopic:
    """Partitions of observations; grows while it is read."""

    partitions: list[list[Observation]]

    def ends(self) -> dict[int, int]:
        return {number: len(partition) for number, partition in enumerate(self.partitions)}


@dataclass(slots=True)
class FakeObservationSource:
    """Reads a topic in an order that `seed` decides, some observations at a time; `failing` reads fail first."""

    topic: FakeTopic
    seed: int = 0
    failing: int = 0
    began_at: dict[int, int] = field(default_factory=dict)
    closed: bool = False
    _next: dict[int, int] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)
    _chance: Random = field(default_factory=Random)

    def begin(self, offsets: Mapping[int, int]) -> None:
        self.began_at = dict(offsets)
        self._ends = self.topic.ends()
        self._next = {number: offsets.get(number, 0) for number in self._ends}
        self._chance = Random(self.seed)

    async def read(self) -> Batch:
        await asyncio.sleep(0.001)
        if self.failing:
            self.failing -= 1
            raise RuntimeError("a fault that nobody thought of")
        read: list[Observation] = []
        for _ in range(self._chance.randint(1, 7)):
            open_ones = [number for number, end in self.topic.ends().items() if self._next[number] < end]
            if not open_ones:
                break
            number = self._chance.choice(open_ones)
            read.append(self.topic.partitions[number][self._next[number]])
            self._next[number] += 1
        return Batch(
            tuple(read),
            dict(self._next),
            events=len(read),
            caught_up=all(self._next[number] >= end for number, end in self._ends.items()),
            behind=sum(end - self._next[number] for number, end in self.topic.ends().items()),
        )

    async def close(self) -> None:
        self.closed = True
