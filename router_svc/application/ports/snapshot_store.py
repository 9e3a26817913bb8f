"""Where snapshots of what was learnt are kept, so that a router needn't read the topic from its beginning."""

from dataclasses import dataclass
from typing import Final, Protocol

from router_svc.domain.health import HealthSnapshot
from router_svc.domain.learning.state import LearningSnapshot

SNAPSHOTS_MAX: Final = 3
"""How many snapshots of a layout are kept."""


class SnapshotTooLargeError(Exception):
    """A snapshot is larger than the store takes; the text says by how much."""


@dataclass(frozen=True, slots=True)
class KnowledgeSnapshot:
    """What was learnt from the events before `offsets`, pairs of a partition and its next offset, sorted."""

    learning: LearningSnapshot
    health: HealthSnapshot
    offsets: tuple[tuple[int, int], ...]


class SnapshotStore(Protocol):
    """Keeps the newest snapshots of each layout; several processes may write at once, each a whole one.

    A layout is a text that says what the state means: its format, its settings, and the topic. Raises
    Refusal(UNAVAILABLE) while the store is out of reach.
    """

    async def add(self, layout: str, snapshot: KnowledgeSnapshot) -> None:
        """Keep a snapshot, and forget all but the newest of its layout. Raises SnapshotTooLargeError."""
        ...

    async def newest(self, layout: str) -> KnowledgeSnapshot | None:
        """Give the newest snapshot of a layout that can be read, None when there is none."""
        ...
