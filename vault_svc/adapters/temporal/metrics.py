"""Prometheus metrics of rotations, and the log lines of what an operator should look at."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from vault_svc.application.ports.rotations import RotationKind
from vault_svc.application.rotate_keys import Step


class RotationMetrics:
    """Implements `RotationObserver` and `BatchObserver` on a registry and a log."""

    def __init__(
        self,
        registry: CollectorRegistry,
        logger: Any,  # noqa: ANN401 - structlog's loggers have no common type
    ) -> None:
        self._logger = logger
        self._cards = Counter("payera_rotated_cards", "Cards sealed or recognised anew.", ("kind",), registry=registry)
        self._keys = Counter("payera_rotated_keys", "Keys replaced or wrapped anew.", ("kind",), registry=registry)
        self._destroyed = Counter("payera_destroyed_keys", "Keys destroyed.", ("kind",), registry=registry)
        self._unreadable = Counter(
            "payera_unreadable", "Keys and cards that could not be opened, each time.", ("kind",), registry=registry
        )
        self._failures = Counter(
            "payera_rotation_failures", "Batches to be tried again.", ("kind", "reason"), registry=registry
        )
        self.connected = Gauge("payera_temporal_connected", "Whether the worker polls Temporal.", registry=registry)

    def stepped(self, kind: RotationKind, step: Step) -> None:
        """Note what a batch has done."""
        self._cards.labels(kind.value).inc(step.counts.cards_done)
        self._keys.labels(kind.value).inc(step.counts.keys_done)
        self._destroyed.labels(kind.value).inc(step.counts.keys_destroyed)

    def failed(self, kind: RotationKind, reason: str) -> None:
        """Note that a batch has to be tried again."""
        self._failures.labels(kind.value, reason).inc()

    def unreadable(self, kind: RotationKind, merchant_id: str, name: str) -> None:
        """Note that a card (by its token) or key (by its id) can't be opened."""
        self._unreadable.labels(kind.value).inc()
        self._logger.error("can't be opened", kind=kind.value, merchant_id=merchant_id, name=name)
