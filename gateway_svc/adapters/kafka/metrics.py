"""Prometheus metrics of the relay."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RelayMetrics:
    """What the relay counts and measures, in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.published = Counter("payera_relay_published", "Events that Kafka has acknowledged.", registry=registry)
        self.failures = Counter(
            "payera_relay_failures", "Batches that Kafka did not acknowledge whole.", registry=registry
        )
        self.slots = Gauge("payera_relay_slots", "Slots of the outbox this relay holds.", registry=registry)
        self.backlog = Gauge("payera_outbox_backlog", "Events that wait in the outbox.", registry=registry)
        self.oldest_age_seconds = Gauge(
            "payera_outbox_oldest_age_seconds", "How long the first event has waited.", registry=registry
        )
        self.blocked_payments = Gauge(
            "payera_relay_blocked_payments", "Payments with an event that can't be published.", registry=registry
        )
