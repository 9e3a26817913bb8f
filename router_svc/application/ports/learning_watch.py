"""Whoever is told how the learning goes."""

from typing import Protocol


class LearningWatch(Protocol):
    """Counts and measures."""

    def read(self, *, events: int, learnt: int, skipped: int, behind: int) -> None:
        """Learn of a batch: events read, attempts learnt, events nobody could make out, events still to be read."""
        ...

    def current(self) -> None:
        """Learn that all was read that the topic had at the start."""
        ...

    def snapshot(self) -> None:
        """Learn that a snapshot was kept, or one was begun with."""
        ...

    def snapshot_failed(self) -> None:
        """Learn that a snapshot was not kept."""
        ...
