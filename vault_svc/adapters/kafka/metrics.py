"""Prometheus metrics of the publishing of the audit's heads."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class AuditHeadMetrics:
    """Counts and measures in a registry; an `AuditHeadWatch`. Ages count from its creation on."""

    def __init__(self, registry: CollectorRegistry, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._published_at = self._current_at = monotonic()
        self._published = Counter(
            "payera_vault_audit_heads_published", "Heads of the audit that Kafka has acknowledged.", registry=registry
        )
        self._failures = Counter(
            "payera_vault_audit_heads_failures", "Rounds that could not read or publish the heads.", registry=registry
        )
        self._contradictions = Counter(
            "payera_vault_audit_heads_contradictions",
            "Times that the database gave heads that can't follow from those before: the audit was set back.",
            registry=registry,
        )
        Gauge(
            "payera_vault_audit_heads_age_seconds",
            "How long ago the newest published heads were published; an hour when nothing happens.",
            registry=registry,
        ).set_function(lambda: self._monotonic() - self._published_at)
        Gauge(
            "payera_vault_audit_heads_unconfirmed_seconds",
            "How long it has not been known that Kafka has the database's heads: the window for a cut unseen.",
            registry=registry,
        ).set_function(lambda: self._monotonic() - self._current_at)

    def published(self) -> None:
        """Count heads that were published."""
        self._published.inc()
        self._published_at = self._monotonic()

    def current(self) -> None:
        """Note that Kafka has the heads that were just read."""
        self._current_at = self._monotonic()

    def failed(self) -> None:
        """Count a round that failed."""
        self._failures.inc()

    def contradicted(self) -> None:
        """Count a database that was set back."""
        self._contradictions.inc()
