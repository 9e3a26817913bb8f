"""Prometheus metrics of the durable driver."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class DurableMetrics:
    """Implements `StepObserver` on a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._steps = Counter(
            "payera_durable_steps", "Steps carried out by workflows.", ("kind", "step"), registry=registry
        )
        self._stalled = Gauge("payera_stalled_work", "Stalled work the last sweep saw.", registry=registry)
        self._started = Counter(
            "payera_sweep_starts", "Workflows that sweeps started or found running.", registry=registry
        )
        self._tokens = Counter(
            "payera_stored_cards",
            "Tokens that sweeps told the vault to keep: kept, refused by it, or left for a later sweep.",
            ("result",),
            registry=registry,
        )
        self.connected = Gauge("payera_temporal_connected", "Whether the worker polls Temporal.", registry=registry)

    def stepped(self, kind: str, step: str) -> None:
        """Note that one ``step`` was carried out on a ``kind``."""
        self._steps.labels(kind, step).inc()

    def swept(self, seen: int, started: int) -> None:
        """Note what a sweep found, and for how much of it a workflow was started."""
        self._stalled.set(seen)
        self._started.inc(started)

    def kept(self, result: str, count: int) -> None:
        """Note that telling the vault of ``count`` tokens came to ``result``."""
        self._tokens.labels(result).inc(count)
