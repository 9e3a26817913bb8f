"""The heads of the audit's chains on their way to Kafka."""
