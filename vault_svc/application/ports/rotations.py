"""Rotations as they are ordered and reported: one of each kind at a time, each for as long as it takes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class RotationKind(StrEnum):
    """What can be rotated. The values stand in ids and histories of rotations: none may get another meaning."""

    KEY_ENCRYPTION_KEY = "key_encryption_key"
    DATA_KEY = "data_key"
    FINGERPRINT_KEY = "fingerprint_key"


@dataclass(frozen=True, slots=True)
class RotationOrder:
    """What to rotate, and who asked.

    `merchant_id` and `created_before_ms`, milliseconds since 1970, are about data keys: only this merchant's (empty:
    everybody's), and only keys that are older. New fields go to the end, with a default: orders stand in histories.
    """

    kind: RotationKind
    merchant_id: str = ""
    created_before_ms: int = 0
    requested_by: str = ""


@dataclass(frozen=True, slots=True)
class RotationCounts:
    """What a rotation has done. What a crash cut short may be missing, for it is found done when it is looked at again.

    Keys and cards that could not be opened count each time they are tried.
    """

    keys_done: int = 0
    cards_done: int = 0
    keys_destroyed: int = 0
    keys_failed: int = 0
    cards_failed: int = 0

    def plus(self, other: "RotationCounts") -> "RotationCounts":
        """Add up."""
        return RotationCounts(
            self.keys_done + other.keys_done,
            self.cards_done + other.cards_done,
            self.keys_destroyed + other.keys_destroyed,
            self.keys_failed + other.keys_failed,
            self.cards_failed + other.cards_failed,
        )


class RotationState(StrEnum):
    """How a rotation stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    """It ended with something left to do, or was ended by hand. The next one takes up what it left."""


@dataclass(frozen=True, slots=True)
class RotationReport:
    """How far a rotation is; `ended_at` is None while it runs. Times are UTC."""

    kind: RotationKind
    state: RotationState
    counts: RotationCounts
    started_at: datetime
    ended_at: datetime | None


class Rotations(Protocol):
    """Runs rotations beside the vault. Raises Refusal(UNAVAILABLE) while what runs them is out of reach."""

    async def start(self, order: RotationOrder) -> RotationReport:
        """Start a rotation, or tell of the one of that kind that runs already, whatever its order was."""
        ...

    async def find(self, kind: RotationKind) -> RotationReport | None:
        """Tell of the newest rotation of a kind; None when none is remembered."""
        ...
