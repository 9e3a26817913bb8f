"""The relay: events from the outbox to Kafka, at least once and in order per payment."""
