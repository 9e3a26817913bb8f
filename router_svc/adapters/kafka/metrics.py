"""Prometheus metrics of the learning."""

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

_NONE: Final = -1.0


class LearningMetrics:
    """Counts and measures in a registry; a `LearningWatch`."""

    def __init__(self, registry: CollectorRegistry, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._snapshot_at: float | None = None
        self._read = Counter(
            "payera_router_learning_events_read", "Events of payments that were read.", registry=registry
        )
        self._learnt = Counter(
            "payera_router_learning_outcomes", "Outcomes of attempts that were learnt.", registry=registry
        )
        self._skipped = Counter(
            "payera_router_learning_events_skipped",
            "Messages that nobody could make out, and events that could not be learnt.",
            registry=registry,
        )
        self._lag = Gauge(
            "payera_router_learning_lag",
            "Events in the topic that are not read yet, if known.",
            registry=registry,
        )
        self._current = Gauge(
            "payera_router_learning_current",
            "1 when all was read that the topic had when the router began; until then it ranks by priors.",
            registry=registry,
        )
        self._failures = Counter(
            "payera_router_learning_snapshot_failures", "Snapshots that could not be kept.", registry=registry
        )
        Gauge(
            "payera_router_learning_snapshot_age_seconds",
            "How long ago this router kept its last snapshot, or began with one; -1 while there is none.",
            registry=registry,
        ).set_function(self._age_seconds)

    def read(self, *, events: int, learnt: int, skipped: int, behind: int) -> None:
        """Learn of a batch."""
        self._read.inc(events)
        self._learnt.inc(learnt)
        self._skipped.inc(skipped)
        self._lag.set(behind)

    def current(self) -> None:
        """Learn that the router has caught up."""
        self._current.set(1)

    def snapshot(self) -> None:
        """Learn that a snapshot was kept or read."""
        self._snapshot_at = self._monotonic()

    def snapshot_failed(self) -> None:
        """Learn that a snapshot was not kept."""
        self._failures.inc()

    def _age_seconds(self) -> float:
        return _NONE if self._snapshot_at is None else self._monotonic() - self._snapshot_at
