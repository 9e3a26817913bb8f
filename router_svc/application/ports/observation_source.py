"""Where observations come from: the topic of payments' events, read by every router process as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from router_svc.domain.observation import Observation


@dataclass(frozen=True, slots=True)
class Batch:
    """What was read at once, in the order of each partition.

    `offsets` has for each partition the first event that is not in this batch or one before it. `events` counts what
    was read, `skipped` those of them that nobody could make out. `caught_up` tells that all was read that the topic had
    when reading began; `behind` how many events the topic has beyond, as far as known.
    """

    observations: tuple[Observation, ...] = ()
    offsets: Mapping[int, int] = field(default_factory=dict)
    events: int = 0
    skipped: int = 0
    caught_up: bool = False
    behind: int = 0


class ObservationSource(Protocol):
    """Reads from given offsets on, for ever: a broker that is away is waited for, and never an error of `read`."""

    def begin(self, offsets: Mapping[int, int]) -> None:
        """Say where to begin, by partition; those that are not named are read from their first event."""
        ...

    async def read(self) -> Batch:
        """Give what has come next, at most some hundred events; nothing when there is nothing for a moment."""
        ...

    async def close(self) -> None:
        """Read no more. Takes seconds at most."""
        ...
