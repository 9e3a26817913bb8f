"""Temporal as the gateway uses it: encrypted payloads, a lazy client, the durable driver, the sweep's schedule."""
