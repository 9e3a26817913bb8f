"""The durable driver: Temporal workflows that carry on from the recorded state what one request could not finish."""
